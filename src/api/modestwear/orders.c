/* SPDX-License-Identifier: Apache-2.0
 *
 * orders - contract A's routes of orders.
 */
#include "api/orders.h"

#include "api/modestwear/account_json.h"
#include "api/modestwear/line_json.h"
#include "api/modestwear/order_json.h"
#include "api/page.h"
#include "api/routes.h"

enum { PAGE_SIZE = 20, PAGE_SIZE_MAX = 100, SENTENCE_MAX = 128 };

/* --- making --- */

static SUT_ERR refuse_short(struct sut_req *r, const struct sut_order_result *made)
{
    sut_str error = { 0 };
    TRY(api_order_short_text(r->arena, &made->shortages[0], &error));
    struct sut_jw w = sut_reply_domain_open(r, 400, "out_of_stock", error);
    TRY(api_order_shortages_json(r->arena, &w, made));
    sut_reply_domain_close(r, &w, 400);
    return SUT_OK;
}

static SUT_ERR refuse_rule(struct sut_req *r, const struct sut_order_result *made)
{
    switch (made->outcome) {
    case SUT_ORDER_EMPTY:
        sut_reply_domain(r, 400, "empty_cart", SUT_STR("Cart is empty"));
        return SUT_OK;
    case SUT_ORDER_SHORT:
        return refuse_short(r, made);
    case SUT_ORDER_TOO_MANY:
        sut_reply_domain(r, 400, "invalid", SUT_STR("Quantity must be between 1 and 100"));
        return SUT_OK;
    case SUT_ORDER_TOO_DEAR:
        sut_reply_domain(r, 400, "invalid", SUT_STR("The sum of this order is too large"));
        return SUT_OK;
    case SUT_ORDER_NO_VARIANT:
    case SUT_ORDER_DONE:
    case SUT_ORDER_REFUSED:
        break;
    }
    FAIL(SYSTEM);
}

static void refuse_payment(struct sut_req *r, const char *why)
{
    struct sut_jw w =
        sut_reply_domain_open(r, 402, "payment_failed", SUT_STR("Payment processing failed"));
    sut_jw_key(&w, "payment_error");
    sut_jw_z(&w, why);
    sut_reply_domain_close(r, &w, 402);
}

static void answer_created(struct sut_req *r, const struct api_order_placed *p)
{
    char number[SUT_ORDER_NUMBER_TEXT];
    const struct sut_order *const o = &p->made.order;
    struct sut_jw w = api_a_data_open(r, 201);
    sut_jw_key(&w, "order_id");
    sut_jw_i64(&w, o->id);
    sut_jw_key(&w, "order_number");
    sut_jw_str(&w, sut_order_number(o, number));
    sut_jw_key(&w, "status");
    sut_jw_z(&w, sut_order_status_word(o->status));
    sut_jw_key(&w, "total_price");
    sut_jw_cents(&w, o->total_cents);
    sut_jw_key(&w, "items_count");
    sut_jw_i64(&w, o->items_count);
    sut_jw_key(&w, "created_at");
    sut_jw_time(&w, o->created_at);
    sut_jw_key(&w, "payment_url");
    if (p->payment_url.n == 0)
        sut_jw_null(&w);
    else
        sut_jw_str(&w, p->payment_url);
    api_a_data_close_saying(&w, "Order created successfully");
}

static SUT_ERR place(struct sut_req *r, enum sut_pay_method method)
{
    const sut_str address = sut_req_text(r, "address");
    const sut_str notes = sut_req_text(r, "notes");
    const struct api_order_ask ask = {
        .is_cart = true,
        .address = address,
        .notes = notes.n == 0 ? SUT_STR("") : notes,
        .method = method,
    };
    struct api_order_placed placed;
    if (address.n == 0) {
        sut_reply_domain(r, 400, "invalid", SUT_STR("Delivery address is required"));
        return SUT_OK;
    }
    TRY(api_order_place(r, &ask, &placed));
    switch (placed.fault) {
    case API_ORDER_FINE:
        answer_created(r, &placed);
        return SUT_OK;
    case API_ORDER_RULE:
        return refuse_rule(r, &placed.made);
    case API_ORDER_NO_METHOD:
    case API_ORDER_UNPAID:
        refuse_payment(r, placed.payment_error);
        return SUT_OK;
    case API_ORDER_NO_ADDRESS:
        break;
    }
    FAIL(SYSTEM);
}

static sut_err post_create(struct sut_req *r)
{
    const sut_str word = sut_req_text(r, "payment_method");
    enum sut_pay_method method = SUT_PAY_OFFLINE;
    for (int m = SUT_PAY_STRIPE; m <= SUT_PAY_OFFLINE; m++)
        if (sut_str_is(word, sut_pay_method_word((enum sut_pay_method) m)))
            method = (enum sut_pay_method) m;
    return place(r, method);
}

/* The deployed front end's spelling. */
static sut_err post_checkout(struct sut_req *r)
{
    return place(r, SUT_PAY_OFFLINE);
}

/* --- looking --- */

static sut_err get_orders(struct sut_req *r)
{
    struct api_page page = api_page_of(r, PAGE_SIZE, PAGE_SIZE_MAX);
    struct sut_db_conn *conn = NULL;
    struct sut_order *orders = NULL;
    size_t n = 0;
    const struct sut_order_query q = {
        .person = r->auth.user_id,
        .status = api_order_status_of(sut_req_query(r, "status")),
        .is_oldest_first = sut_str_is(sut_req_query(r, "ordering"), "created_at"),
        .offset = (size_t) page.offset,
        .limit = (size_t) page.size,
    };
    TRY(sut_req_conn(r, &conn));
    api_orders_room(r);
    TRY(sut_order_list(conn, r->arena, &q, true, &orders, &n, &page.count));
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (size_t i = 0; i < n; i++)
        TRY(api_a_order_row(r, &w, &orders[i]));
    api_page_close(&w);
    return SUT_OK;
}

/* NOT_FOUND in the words of orders. */
static SUT_ERR answer_missing(struct sut_req *r, sut_err e)
{
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    sut_reply_domain(r, 404, "not_found", SUT_STR("Order not found"));
    return SUT_OK;
}

static sut_err get_order(struct sut_req *r)
{
    struct api_order o;
    const sut_err e = api_order_of_path(r, &o);
    if (sut_failed(e))
        return answer_missing(r, e);
    struct sut_jw w = sut_reply_json(r, 200);
    return api_a_order_whole(r, &w, &o);
}

/* --- changing --- */

static sut_err post_cancel(struct sut_req *r)
{
    struct sut_order_result done;
    const sut_err e = api_order_cancel(r, false, sut_req_text(r, "reason"), &done);
    if (sut_failed(e))
        return answer_missing(r, e);
    if (done.outcome != SUT_ORDER_DONE)
        return api_order_refuse_cancel(r, &done.order);
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "order_id");
    sut_jw_i64(&w, done.order.id);
    sut_jw_key(&w, "status");
    sut_jw_z(&w, sut_order_status_word(done.order.status));
    sut_jw_key(&w, "refund_status");
    if (done.order.refund == SUT_REFUND_NONE)
        sut_jw_null(&w);
    else
        sut_jw_z(&w, sut_refund_status_word(done.order.refund));
    api_a_data_close_saying(&w, "Order cancelled successfully");
    return SUT_OK;
}

static SUT_ERR refuse_step(struct sut_req *r, const struct sut_order *o, enum sut_order_status to)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, SENTENCE_MAX);
    sut_buf_lit(&b, "Cannot transition from '");
    sut_buf_z(&b, sut_order_status_word(o->status));
    sut_buf_lit(&b, "' to '");
    sut_buf_z(&b, sut_order_status_word(to));
    sut_buf_char(&b, '\'');
    TRY(sut_buf_check(&b));
    struct sut_jw w = sut_reply_domain_open(r, 400, "invalid", sut_buf_str(&b));
    sut_jw_key(&w, "current_status");
    sut_jw_z(&w, sut_order_status_word(o->status));
    sut_jw_key(&w, "requested_status");
    sut_jw_z(&w, sut_order_status_word(to));
    sut_reply_domain_close(r, &w, 400);
    return SUT_OK;
}

static sut_err post_status(struct sut_req *r)
{
    char number[SUT_ORDER_NUMBER_TEXT];
    struct sut_order_result done;
    const enum sut_order_status to = api_order_status_of(sut_req_text(r, "status"));
    const sut_err e = api_order_advance(r, to, &done);
    if (sut_failed(e))
        return answer_missing(r, e);
    if (done.outcome != SUT_ORDER_DONE)
        return refuse_step(r, &done.order, to);
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "order_id");
    sut_jw_i64(&w, done.order.id);
    sut_jw_key(&w, "order_number");
    sut_jw_str(&w, sut_order_number(&done.order, number));
    sut_jw_key(&w, "status");
    sut_jw_z(&w, sut_order_status_word(done.order.status));
    sut_jw_key(&w, "updated_at");
    sut_jw_time(&w, done.order.modified_at);
    api_a_data_close_saying(&w, "Order status updated");
    return SUT_OK;
}

/* --- rows --- */

static const struct sut_query_key list_keys[] = {
    { .name = "status", .type = SUT_Q_CHOICE, .choices = api_order_statuses },
    { .name = "ordering",
      .type = SUT_Q_CHOICE,
      .choices = api_order_orderings,
      .doc = "The newest first unless it says otherwise" },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/orders/create/",
        .name = "order_create",
        .summary = "Order what lies in the cart",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NEEDS_VERIFIED | SUT_ROUTE_CREATES,
        .body = &api_a_order_create_body,
        .answers = api_a_order_create_answers,
        .handle = post_create,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/checkout/",
        .name = "order_checkout",
        .summary = "Order what lies in the cart, to be paid on delivery",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NEEDS_VERIFIED | SUT_ROUTE_CREATES,
        .body = &api_a_checkout_body,
        .answers = api_a_order_create_answers,
        .handle = post_checkout,
    },
    {
        .method = SUT_GET,
        .path = "/api/orders/",
        .name = "order_list",
        .summary = "One's orders",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET,
        .query = list_keys,
        .answers = api_a_order_list_answers,
        .handle = get_orders,
    },
    {
        .method = SUT_GET,
        .path = "/api/orders/{id}/",
        .name = "order_detail",
        .summary = "One order, of one's own; any for staff",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET,
        .answers = api_a_order_answers,
        .handle = get_order,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/{id}/cancel/",
        .name = "order_cancel",
        .summary = "Cancel one's order",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET,
        .body = &api_a_order_cancel_body,
        .answers = api_a_order_cancel_answers,
        .handle = post_cancel,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/{id}/status/",
        .name = "order_status",
        .summary = "The next step of an order",
        .tag = "orders",
        .policy = SUT_POLICY_STAFF,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET,
        .body = &api_a_order_status_body,
        .answers = api_a_order_status_answers,
        .handle = post_status,
    },
};

const struct sut_routes api_modestwear_orders_routes = SUT_ROUTES(rows);
