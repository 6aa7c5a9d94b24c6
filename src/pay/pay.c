/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/pay.h"

#include "pay/call.h"
#include "pay/paystack.h"
#include "pay/stripe.h"
#include "store/payment.h"
#include "store/store.h"

enum { FORM_MAX = 16 * 1024, URL_MAX = 1024, MS = 1000, SERVER_BROKE = 500 };

/* --- the row --- */

struct beginning {
    struct sut_arena *a;
    struct sut_payment_new new;
    sut_ms now;
    struct sut_payment row;
    bool is_new;
};

static SUT_ERR begin_job(struct sut_db_conn *c, void *arg)
{
    struct beginning *b = arg;
    return sut_payment_begin(c, b->a, &b->new, b->now, &b->row, &b->is_new);
}

struct ending {
    struct sut_arena *a;
    int64_t id;
    enum sut_payment_state state;
    sut_str ref;
    sut_str url;
    sut_ms now;
    bool is_over;
};

/* What came; a row that is past BEGUN was written by who asked at the same moment. */
static SUT_ERR end_job(struct sut_db_conn *c, void *arg)
{
    struct ending *e = arg;
    struct sut_payment p;
    struct sut_order o;
    TRY(sut_payment_by_id(c, e->a, e->id, &p));
    TRY(sut_order_by_id(c, e->a, p.order, &o));
    e->is_over = o.status != SUT_ORDER_PENDING;
    if (p.state != SUT_PAYMENT_BEGUN)
        return SUT_OK;
    p.state = e->state;
    p.ref = e->ref;
    p.url = e->url;
    /* Its order ended while the provider was asked: the cashier closes it. */
    if (p.state == SUT_PAYMENT_OPEN && e->is_over)
        p.due_at = e->now;
    return sut_payment_save(c, e->a, &p, e->now);
}

/*
 * A failure that was answered is kept under its idempotency key by the provider: the next try
 * needs a key, and a row, of its own.  Without an answer the same key is asked again.
 */
static void set_lost(const struct sut_pay *p, struct sut_arena *a, int64_t id, sut_ms now)
{
    struct ending e = { .a = a, .id = id, .state = SUT_PAYMENT_LOST, .now = now };
    sut_ignore(sut_store_write(p->store, end_job, &e), "the row stays begun, and is asked again");
}

/* --- asking --- */

/* The number of the order goes back with the buyer. */
static SUT_ERR return_url(struct sut_arena *a, sut_str base, const struct sut_order *o,
                          sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, URL_MAX);
    sut_buf_str_add(&b, base);
    sut_buf_char(&b, sut_str_find(base, 0, '?') < base.n ? '&' : '?');
    sut_buf_lit(&b, "order=");
    sut_buf_i64(&b, o->id);
    *ret = sut_buf_str(&b);
    return sut_buf_check(&b);
}

/* Stripe ends a session in half an hour at the earliest: a hold that ends before says nothing. */
static int64_t expires_s(const struct sut_order *o, sut_ms now)
{
    const int64_t left_s = (o->held_until.v - now.v) / MS;
    if (o->held_until.v == 0)
        return 0;
    if (left_s < SUT_STRIPE_EXPIRES_MIN_S + SUT_STRIPE_EXPIRES_SLACK_S)
        return now.v / MS + SUT_STRIPE_EXPIRES_MIN_S + SUT_STRIPE_EXPIRES_SLACK_S;
    return left_s > SUT_STRIPE_EXPIRES_MAX_S ? 0 : o->held_until.v / MS;
}

struct asking {
    const struct sut_pay *p;
    struct sut_arena *a;
    const struct sut_order *o;
    sut_str email;
    sut_ms now;
    struct sut_payment row;
    bool is_new;  /* the row was not there */
    bool is_over; /* its order is, by now */
};

static SUT_ERR set_open(struct asking *k)
{
    struct ending e = {
        .a = k->a,
        .id = k->row.id,
        .state = SUT_PAYMENT_OPEN,
        .ref = k->row.ref,
        .url = k->row.url,
        .now = k->now,
    };
    ENSURE(e.ref.n > 0 && e.url.n > 0, PARSE);
    TRY(sut_store_write(k->p->store, end_job, &e));
    k->is_over = e.is_over;
    return SUT_OK;
}

static SUT_ERR call(const struct asking *k, const struct sut_pay_call *c,
                    struct sut_pay_reply *reply)
{
    sut_pay__call(k->p, k->a, c, reply);
    if (reply->fate == SUT_PAY_REFUSED || reply->status >= SERVER_BROKE)
        set_lost(k->p, k->a, k->row.id, k->now);
    return sut_pay__outcome(reply);
}

static SUT_ERR ask_stripe(const struct asking *k, bool is_intent, struct sut_stripe_object *ret)
{
    char number[SUT_ORDER_NUMBER_TEXT];
    char key[SUT_PAY_KEY_MAX];
    struct sut_pay_reply reply;
    struct sut_buf form;
    struct sut_stripe_asked asked = {
        .order = k->o->id,
        .payment = k->row.id,
        .order_number = sut_order_number(k->o, number),
        .currency = k->row.currency,
        .email = k->email,
        .expires_s = expires_s(k->o, k->row.created_at),
    };
    sut_buf_init_arena(&form, k->a, FORM_MAX);
    TRY(sut_stripe_units(k->row.currency, k->row.amount_cents, &asked.units));
    TRY(return_url(k->a, k->p->success_url, k->o, &asked.success_url));
    TRY(return_url(k->a, k->p->cancel_url, k->o, &asked.cancel_url));
    if (is_intent)
        sut_stripe_put_intent(&form, &asked);
    else
        sut_stripe_put_session(&form, &asked);
    TRY(sut_buf_check(&form));
    const struct sut_pay_call c = {
        .provider = SUT_PAY_STRIPE,
        .what = is_intent ? "intent" : "session",
        .method = SUT_ERRAND_POST,
        .path = is_intent ? SUT_STR("/v1/payment_intents") : SUT_STR("/v1/checkout/sessions"),
        .text = sut_buf_str(&form),
        .key = sut_pay__key(k->row.id, k->row.created_at, is_intent ? "intent" : "session", 0, key),
        .order = k->o->id,
        .payment = k->row.id,
    };
    TRY(call(k, &c, &reply));
    return sut_stripe_parse(k->a, reply.text, ret);
}

static SUT_ERR open_stripe(struct asking *k, bool is_intent)
{
    struct sut_stripe_object got;
    TRY(ask_stripe(k, is_intent, &got));
    k->row.ref = got.id;
    k->row.url = is_intent ? got.client_secret : got.url;
    return set_open(k);
}

static SUT_ERR open_paystack(struct asking *k)
{
    char reference[SUT_PAYSTACK_REFERENCE];
    struct sut_paystack_object got;
    struct sut_pay_reply reply;
    struct sut_buf json;
    struct sut_paystack_asked asked = {
        .order = k->o->id,
        .payment = k->row.id,
        .cents = k->row.amount_cents,
        .currency = k->row.currency,
        .email = k->email,
        .reference = sut_paystack_reference(k->row.id, k->row.created_at, reference),
    };
    sut_buf_init_arena(&json, k->a, FORM_MAX);
    TRY(return_url(k->a, k->p->success_url, k->o, &asked.callback_url));
    sut_paystack_put_transaction(&json, &asked);
    TRY(sut_buf_check(&json));
    const struct sut_pay_call c = {
        .provider = SUT_PAY_PAYSTACK,
        .what = "initialize",
        .method = SUT_ERRAND_POST,
        .path = SUT_STR("/transaction/initialize"),
        .text = sut_buf_str(&json),
        .order = k->o->id,
        .payment = k->row.id,
    };
    const sut_err e = call(k, &c, &reply);
    /* A reference is good once: whatever came of it, the next try has another. */
    if (e.code == SUT_E_UNAVAILABLE)
        set_lost(k->p, k->a, k->row.id, k->now);
    TRY(e);
    TRY(sut_paystack_parse(k->a, reply.text, &got));
    ENSURE(got.reference.n == 0 || sut_str_eq(got.reference, asked.reference), PARSE);
    k->row.ref = sut_str_dup(k->a, asked.reference);
    ENSURE(k->row.ref.p != NULL, NOMEM);
    k->row.url = got.url;
    return set_open(k);
}

/* --- for handlers --- */

/* Nothing at all, or a part of a yen, can't be said to a provider: as if it had refused. */
static SUT_ERR check_amount(const struct sut_order *o, enum sut_pay_method provider)
{
    int64_t units = 0;
    ENSURE(o->total_cents > 0, DENIED);
    ENSURE(provider != SUT_PAY_STRIPE ||
               !sut_failed(sut_stripe_units(o->currency, o->total_cents, &units)),
           DENIED);
    return SUT_OK;
}

static SUT_ERR begin_row(struct asking *k, enum sut_payment_kind kind)
{
    struct beginning b = {
        .a = k->a,
        .new = { .order = k->o->id,
                 .person = k->o->person,
                 .provider = kind == SUT_PAYMENT_TRANSACTION ? SUT_PAY_PAYSTACK : SUT_PAY_STRIPE,
                 .kind = kind,
                 .amount_cents = k->o->total_cents,
                 .currency = k->o->currency },
        .now = k->now,
    };
    ENSURE(k->o->status == SUT_ORDER_PENDING && k->o->payment == SUT_PAYMENT_UNPAID, INVALID);
    ENSURE(sut_pay_has(k->p, b.new.provider), DENIED);
    TRY(check_amount(k->o, b.new.provider));
    TRY(sut_store_write(k->p->store, begin_job, &b));
    k->row = b.row;
    k->is_new = b.is_new;
    return SUT_OK;
}

/*
 * Whether what was begun and never answered, since its program died, can't be asked for again: a
 * reference of Paystack's is good once, and a session of Stripe's may not end too soon.
 */
static bool is_spent(const struct asking *k)
{
    if (k->row.state != SUT_PAYMENT_BEGUN || k->is_new)
        return false;
    return k->row.provider == SUT_PAY_PAYSTACK ||
           k->now.v - k->row.created_at.v >= SUT_STRIPE_EXPIRES_SLACK_S * (int64_t) MS;
}

/* Nobody was told of it: the buyer gets another. */
static SUT_ERR begin_unspent(struct asking *k, enum sut_payment_kind kind)
{
    TRY(begin_row(k, kind));
    if (!is_spent(k))
        return SUT_OK;
    set_lost(k->p, k->a, k->row.id, k->now);
    return begin_row(k, kind);
}

static SUT_ERR fill(const struct asking *k, enum sut_pay_method m, struct sut_pay_begun *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, k->row.currency.n + 1);
    for (size_t i = 0; i < k->row.currency.n; i++)
        sut_buf_char(&b, sut_ascii_lower(k->row.currency.p[i]));
    TRY(sut_buf_check(&b));
    ret->currency = sut_buf_str(&b);
    ret->is_over = k->is_over;
    ret->amount_cents = k->row.amount_cents;
    if (m == SUT_PAY_STRIPE)
        return sut_stripe_units(k->row.currency, k->row.amount_cents, &ret->amount_cents);
    return SUT_OK;
}

SUT_ERR sut_pay_begin(const struct sut_pay *p, struct sut_arena *a, const struct sut_order *o,
                      sut_str email, sut_ms now, struct sut_pay_begun *ret)
{
    struct asking k = { .p = p, .a = a, .o = o, .email = email, .now = now };
    const bool is_paystack = o->method == SUT_PAY_PAYSTACK;
    *ret = (struct sut_pay_begun){ .amount_cents = o->total_cents, .currency = o->currency };
    if (o->method == SUT_PAY_OFFLINE)
        return SUT_OK;
    TRY(begin_unspent(&k, is_paystack ? SUT_PAYMENT_TRANSACTION : SUT_PAYMENT_CHECKOUT));
    if (k.row.state == SUT_PAYMENT_BEGUN)
        TRY(is_paystack ? open_paystack(&k) : open_stripe(&k, false));
    ret->url = k.row.url;
    return fill(&k, o->method, ret);
}

SUT_ERR sut_pay_intent(const struct sut_pay *p, struct sut_arena *a, const struct sut_order *o,
                       sut_ms now, struct sut_pay_begun *ret)
{
    struct asking k = { .p = p, .a = a, .o = o, .now = now };
    *ret = (struct sut_pay_begun){ 0 };
    TRY(begin_unspent(&k, SUT_PAYMENT_INTENT));
    if (k.row.state == SUT_PAYMENT_BEGUN)
        TRY(open_stripe(&k, true));
    ret->client_secret = k.row.url;
    return fill(&k, SUT_PAY_STRIPE, ret);
}

bool sut_pay_is_refusal(sut_err e)
{
    return e.code == SUT_E_DENIED || e.code == SUT_E_UNAVAILABLE || e.code == SUT_E_PARSE;
}

bool sut_pay_has(const struct sut_pay *p, enum sut_pay_method m)
{
    switch (m) {
    case SUT_PAY_STRIPE:
        return p->has_stripe;
    case SUT_PAY_PAYSTACK:
        return p->has_paystack;
    case SUT_PAY_OFFLINE:
        return true;
    }
    return false;
}
