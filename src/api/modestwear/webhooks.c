/* SPDX-License-Identifier: Apache-2.0
 *
 * webhooks - what providers of payments send: signed over the raw body, stored once and
 * answered at once; the cashier works it off.
 */
#include "api/entry.h"
#include "api/routes.h"
#include "config/config.h"
#include "guard/reply.h"
#include "ipc/courier.h"
#include "pay/cashier.h"
#include "pay/pay.h"
#include "pay/webhook.h"
#include "store/webhook.h"

enum {
    MEMORY = 8 * 1024 * 1024, /* what the longest is read into */
    VERIFY_MS = 5000,
    /* As the courier takes it (ipc/errands.def). */
    PAYSTACK_BODY_MAX = 64 * 1024,
};

/* --- whose it is --- */

/* The field's one value; p is NULL when it is absent, or there several times. */
static sut_str one_header(const struct sut_req *r, const char *name)
{
    const struct sut_http_request *const q = r->x->req;
    sut_str value = { 0 };
    for (size_t i = 0; i < q->n_headers; i++) {
        if (!sut_str_is(q->headers[i].name, name))
            continue;
        if (value.p != NULL)
            return (sut_str){ 0 };
        value = q->headers[i].value;
    }
    return value;
}

static sut_str secret_of(const struct sut_secret *s)
{
    return s == NULL ? (sut_str){ 0 } : sut_secret_str(s);
}

static SUT_ERR check_stripe(struct sut_req *r)
{
    const struct sut_config *const c = r->app->config;
    const sut_str secrets[] = { secret_of(c->stripe.webhook_secret),
                                secret_of(c->stripe.webhook_secret_previous) };
    return sut_webhook_check_stripe(one_header(r, "stripe-signature"), r->x->req->body, secrets,
                                    sizeof(secrets) / sizeof(secrets[0]), r->now);
}

/* The key that signs is the one that may spend: the courier alone has it. */
static SUT_ERR check_paystack(struct sut_req *r)
{
    bool is_theirs = false;
    ENSURE(r->app->pay != NULL && r->app->pay->has_paystack, DENIED);
    TRY(sut_courier_verify(r->app->courier, SUT_ERRAND_PAYSTACK_VERIFY, r->x->req->body,
                           one_header(r, "x-paystack-signature"), VERIFY_MS, &is_theirs));
    ENSURE(is_theirs, DENIED);
    return SUT_OK;
}

/* --- taking it --- */

struct taking {
    struct sut_webhook_new new;
    sut_ms now;
    bool is_new;
};

static SUT_ERR take_job(struct sut_db_conn *c, void *arg)
{
    struct taking *t = arg;
    return sut_webhook_add(c, &t->new, t->now, &t->is_new);
}

static void refuse(struct sut_req *r, sut_err e)
{
    const bool is_old = e.code == SUT_E_STALE;
    api_entry_event(r, SUT_EVENT_WEBHOOK_FORGED, 0, is_old ? "too_old" : "bad_signature");
    sut_reply_refuse(r, 400, "invalid",
                     is_old ? "The signature is too old." : "The signature is not good.");
}

static sut_err take(struct sut_req *r, enum sut_pay_method provider)
{
    struct sut_webhook_name name;
    const sut_err signed_by = provider == SUT_PAY_STRIPE ? check_stripe(r) : check_paystack(r);
    if (signed_by.code == SUT_E_DENIED || signed_by.code == SUT_E_PARSE ||
        signed_by.code == SUT_E_STALE) {
        refuse(r, signed_by);
        return SUT_OK;
    }
    TRY(signed_by);
    TRY(sut_webhook_name_of(r->arena, provider, r->x->req->body, &name));
    struct taking t = {
        .new = { .provider = provider,
                 .event = name.event,
                 .type = name.type,
                 .body = r->x->req->body },
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, take_job, &t));
    if (t.is_new)
        sut_cashier_wake(r->app->cashier);
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "received");
    sut_jw_bool(&w, true);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static sut_err post_stripe(struct sut_req *r)
{
    return take(r, SUT_PAY_STRIPE);
}

static sut_err post_paystack(struct sut_req *r)
{
    return take(r, SUT_PAY_PAYSTACK);
}

/* --- rows --- */

static const struct sut_field received_fields[] = {
    { .name = "received", .type = SUT_F_BOOL, .doc = "Also of an event that came before" },
};
static const struct sut_schema received = SUT_SCHEMA("WebhookReceived", received_fields);

static const struct sut_answer answers[] = {
    { .status = 200, .schema = &received },
    { .status = 400, .doc = "The signature is bad or too old, or the body is no event" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/payments/stripe/webhook/",
        .name = "stripe_webhook",
        .summary = "An event of Stripe, by its signature",
        .tag = "payments",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_RAW | SUT_ROUTE_SECRET,
        .body_max = SUT_WEBHOOK_BODY_MAX,
        .memory = MEMORY,
        .answers = answers,
        .handle = post_stripe,
    },
    {
        .method = SUT_POST,
        .path = "/api/payments/paystack/webhook/",
        .name = "paystack_webhook",
        .summary = "An event of Paystack, by its signature",
        .tag = "payments",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_UNCOUNTED | SUT_ROUTE_NO_TOKEN | SUT_ROUTE_RAW | SUT_ROUTE_SECRET,
        .body_max = PAYSTACK_BODY_MAX,
        .memory = MEMORY,
        .answers = answers,
        .handle = post_paystack,
    },
};

const struct sut_routes api_modestwear_webhook_routes = SUT_ROUTES(rows);
