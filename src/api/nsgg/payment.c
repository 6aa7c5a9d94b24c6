/* SPDX-License-Identifier: Apache-2.0
 *
 * payment - contract B's way to pay an order: a PaymentIntent.
 */
#include "api/entry.h"
#include "api/routes.h"
#include "guard/reply.h"
#include "pay/pay.h"

/* The order of the path, when it is the caller's own; DENIED for another's. */
static SUT_ERR own_order(struct sut_req *r, struct sut_order *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_order_by_id(conn, r->arena, sut_route_param(&r->match, "id").id, ret));
    sut_req_conn_end(r);
    if (ret->person == r->auth.user_id)
        return SUT_OK;
    api_entry_event(r, SUT_EVENT_PERMISSION_DENIED, r->auth.user_id, "order_of_another");
    FAIL(DENIED);
}

static sut_err refuse_over(struct sut_req *r)
{
    sut_reply_refuse(r, 409, "invalid", "This order does not wait to be paid.");
    return SUT_OK;
}

static sut_err post_intent(struct sut_req *r)
{
    struct sut_order o;
    struct sut_pay_begun begun;
    TRY(own_order(r, &o));
    if (o.status != SUT_ORDER_PENDING || o.payment != SUT_PAYMENT_UNPAID)
        return refuse_over(r);
    ENSURE(r->app->pay != NULL, UNAVAILABLE);
    const sut_err e = sut_pay_intent(r->app->pay, r->arena, &o, r->now, &begun);
    if (sut_pay_is_refusal(e)) {
        sut_reply_refuse(r, 402, "payment_failed", "Payment processing failed");
        return SUT_OK;
    }
    TRY(e);
    if (begun.is_over)
        return refuse_over(r);
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "client_secret");
    sut_jw_str(&w, begun.client_secret);
    sut_jw_key(&w, "amount");
    sut_jw_i64(&w, begun.amount_cents);
    sut_jw_key(&w, "currency");
    sut_jw_str(&w, begun.currency);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static const struct sut_field intent_fields[] = {
    { .name = "client_secret", .type = SUT_F_STRING, .doc = "For Stripe's own script" },
    { .name = "amount",
      .type = SUT_F_INT,
      .min = 1,
      .max = INT64_MAX,
      .doc = "In the currency's smallest unit" },
    { .name = "currency", .type = SUT_F_STRING, .doc = "Lower case" },
};
static const struct sut_schema intent = SUT_SCHEMA("PaymentIntent", intent_fields);

static const struct sut_answer intent_answers[] = {
    { .status = 200, .schema = &intent },
    { .status = 402, .doc = "Payment processing failed" },
    { .status = 403, .doc = "Another's order" },
    { .status = 404, .doc = "No such order" },
    { .status = 409, .doc = "The order does not wait to be paid" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/v1/orders/{id}/payment-intent/",
        .name = "nsgg_payment_intent",
        .summary = "A PaymentIntent for one's order, with automatic methods",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NEEDS_VERIFIED | SUT_ROUTE_SECRET,
        .answers = intent_answers,
        .handle = post_intent,
    },
};

const struct sut_routes api_nsgg_payment_routes = SUT_ROUTES(rows);
