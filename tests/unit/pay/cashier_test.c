/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/cashier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pay/reconcile.h"
#include "pay/stripe.h"
#include "shop/demo.h"
#include "shop/order.h"
#include "store/payment.h"
#include "store/stock.h"
#include "store/webhook.h"
#include "store_fixture.h"
#include "store_person.h"

enum { QUEUE = 16 };

/* A provider that answers what the test has put there, and remembers what it was asked. */
struct desk {
    struct fixture *f;
    struct sut_pay pay;
    struct sut_cashier *cashier;
    struct sut_cashier *other; /* another server's */
    int64_t now_ms;
    struct {
        int status; /* 0: no answer */
        char text[512];
    } answers[QUEUE];
    size_t n_answers;
    size_t at;
    struct {
        char path[128];
        char key[128];
    } asked[QUEUE];
    size_t n_asked;
    unsigned n_changed; /* stock */
    struct sut_pay_note last;
    int64_t buyer;
    int64_t variant;
    int64_t cancels; /* an order, while the provider is asked; 0: none */
};

static void cancel(struct desk *d, int64_t id);

static SUT_ERR fetch(void *ctx, const struct sut_errand *e, struct sut_buf *body,
                     struct sut_errand_answer *ret)
{
    struct desk *d = ctx;
    assert_true(d->n_asked < QUEUE && d->at < d->n_answers);
    (void) snprintf(d->asked[d->n_asked].path, 128, "%.*s", SUT_STR_ARG(e->path));
    (void) snprintf(d->asked[d->n_asked].key, 128, "%.*s", SUT_STR_ARG(e->key));
    d->n_asked++;
    const size_t i = d->at++;
    if (d->cancels != 0)
        cancel(d, d->cancels);
    d->cancels = 0;
    ENSURE(d->answers[i].status != 0, UNAVAILABLE);
    ret->status = d->answers[i].status;
    sut_buf_z(body, d->answers[i].text);
    return SUT_OK;
}

static void will(struct desk *d, int status, const char *text)
{
    d->answers[d->n_answers].status = status;
    (void) snprintf(d->answers[d->n_answers].text, 512, "%s", text);
    d->n_answers++;
}

static sut_ms desk_now(void *ctx)
{
    return (sut_ms){ ((struct desk *) ctx)->now_ms };
}

static void changed(void *ctx, const int64_t *products, size_t n)
{
    struct desk *d = ctx;
    assert_true(n > 0 && products[0] > 0);
    d->n_changed++;
}

static void tell(void *ctx, const struct sut_pay_note *n)
{
    ((struct desk *) ctx)->last = *n;
}

static const struct sut_sql first_variant = {
    .name = "test_first_variant",
    .text = "SELECT id FROM variants WHERE stock > 5 AND is_active = 1 ORDER BY id LIMIT 1",
};

static int64_t number(struct fixture *f, const struct sut_sql *sql)
{
    struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, sql, &s));
    OK(sut_db_step(s, &has_row));
    const int64_t v = has_row ? sut_db_col_i64(s, 0) : 0;
    sut_db_end(&s);
    return v;
}

static struct desk *open_desk(void **state)
{
    static struct desk d;
    static struct sut_clock clock;
    struct fixture *const f = fixture_of(state);
    struct sut_demo_result filled;
    d = (struct desk){ .f = f, .now_ms = now.v };
    clock = (struct sut_clock){ .now = desk_now, .ctx = &d };
    OK(sut_demo_fill(f->store, now, &filled));
    d.variant = number(f, &first_variant);
    d.buyer = person(f, "ana@example.com");
    d.pay = (struct sut_pay){ .store = f->store,
                              .has_stripe = true,
                              .has_paystack = true,
                              .currency = SUT_STR("ZAR"),
                              .success_url = SUT_STR("https://shop.example/ok"),
                              .cancel_url = SUT_STR("https://shop.example/no?x=1"),
                              .timeout_ms = 1000,
                              .stock_changed = changed,
                              .stock_ctx = &d,
                              .tell = tell,
                              .tell_ctx = &d,
                              .fetch = fetch,
                              .fetch_ctx = &d };
    const struct sut_cashier_options o = { .pay = &d.pay, .clock = &clock };
    OK(sut_cashier_create(&o, &d.cashier));
    OK(sut_cashier_create(&o, &d.other));
    return &d;
}

static void close_desk(struct desk *d)
{
    int64_t bad = -1;
    OK(sut_stock_audit(d->f->reader, &bad));
    assert_int_equal(bad, 0);
    assert_int_equal(d->at, d->n_answers);
    assert_true(sut_cashier_stop_within(&d->cashier, 0));
    assert_true(sut_cashier_stop_within(&d->other, 0));
}

struct ordering {
    struct desk *d;
    enum sut_pay_method method;
    struct sut_order_result made;
};

static SUT_ERR order_job(struct sut_db_conn *c, void *arg)
{
    struct ordering *o = arg;
    const struct sut_order_item item = { .variant = o->d->variant, .quantity = 2 };
    const struct sut_order_make m = {
        .person = o->d->buyer,
        .by = o->d->buyer,
        .items = &item,
        .n_items = 1,
        .address = SUT_STR("1 Main Road"),
        .notes = SUT_STR(""),
        .method = o->method,
        .hold_ms = INT64_C(30) * 60 * 1000,
        .prefix = SUT_STR("MW"),
        .currency = SUT_STR("ZAR"),
        .addr = SUT_STR(""),
    };
    return sut_order_make(c, o->d->f->arena, &m, (sut_ms){ o->d->now_ms }, &o->made);
}

static struct sut_order order(struct desk *d, enum sut_pay_method m)
{
    struct ordering o = { .d = d, .method = m };
    OK(sut_store_write(d->f->store, order_job, &o));
    assert_int_equal(o.made.outcome, SUT_ORDER_DONE);
    return o.made.order;
}

struct cancelling {
    struct desk *d;
    int64_t order;
    struct sut_order_result done;
};

static SUT_ERR cancel_job(struct sut_db_conn *c, void *arg)
{
    struct cancelling *k = arg;
    const struct sut_order_step s = { .order = k->order, .by = k->d->buyer };
    return sut_order_cancel(c, k->d->f->arena, &s, (sut_ms){ k->d->now_ms }, &k->done);
}

static void cancel(struct desk *d, int64_t id)
{
    struct cancelling k = { .d = d, .order = id };
    OK(sut_store_write(d->f->store, cancel_job, &k));
    assert_int_equal(k.done.outcome, SUT_ORDER_DONE);
}

static SUT_ERR mark_paid_job(struct sut_db_conn *c, void *arg)
{
    struct cancelling *k = arg;
    const struct sut_order_step s = { .order = k->order, .by = k->d->buyer, .is_staff = true };
    return sut_order_advance(c, k->d->f->arena, &s, SUT_ORDER_PAID, (sut_ms){ k->d->now_ms },
                             &k->done);
}

static struct sut_order order_of(struct desk *d, int64_t id)
{
    struct sut_order o;
    OK(sut_order_by_id(d->f->reader, d->f->arena, id, &o));
    return o;
}

static struct sut_payment payment_of(struct desk *d, int64_t order_id, size_t i)
{
    struct sut_payment *all = NULL;
    size_t n = 0;
    OK(sut_payment_of_order(d->f->reader, d->f->arena, order_id, &all, &n));
    assert_true(i < n);
    return all[i];
}

/* Its Checkout session, cs_<name> with pi_<name>. */
static struct sut_pay_begun begin(struct desk *d, const struct sut_order *o, const char *name)
{
    char text[512];
    struct sut_pay_begun begun;
    (void) snprintf(text, sizeof(text),
                    "{\"object\":\"checkout.session\",\"id\":\"cs_%s\",\"url\":\"https://c/%s\"}",
                    name, name);
    will(d, 200, text);
    OK(sut_pay_begin(&d->pay, d->f->arena, o, SUT_STR("ana@example.com"), (sut_ms){ d->now_ms },
                     &begun));
    return begun;
}

struct posting {
    struct sut_webhook_new new;
    sut_ms at;
    bool is_new;
};

static SUT_ERR post_job(struct sut_db_conn *c, void *arg)
{
    struct posting *p = arg;
    return sut_webhook_add(c, &p->new, p->at, &p->is_new);
}

static void post(struct desk *d, const char *event, const char *type, const char *object)
{
    char text[2048];
    (void) snprintf(text, sizeof(text), "{\"id\":\"%s\",\"type\":\"%s\",\"data\":{\"object\":%s}}",
                    event, type, object);
    struct posting p = { .new = { .provider = SUT_PAY_STRIPE,
                                  .event = sut_str_from(event),
                                  .type = sut_str_from(type),
                                  .body = sut_str_from(text) },
                         .at = { d->now_ms } };
    OK(sut_store_write(d->f->store, post_job, &p));
}

static const char *intent(char to[512], const char *name, int64_t amount, const char *currency,
                          const struct sut_payment *p)
{
    (void) snprintf(to, 512,
                    "{\"object\":\"payment_intent\",\"id\":\"pi_%s\",\"status\":\"succeeded\","
                    "\"amount\":%lld,\"amount_received\":%lld,\"currency\":\"%s\",\"metadata\":"
                    "{\"order_id\":\"%lld\",\"payment_id\":\"%lld\"}}",
                    name, (long long) amount, (long long) amount, currency, (long long) p->order,
                    (long long) p->id);
    return to;
}

static sut_ms turn(struct desk *d)
{
    sut_ms next = { 0 };
    sut_cashier_turn(d->cashier, &next);
    return next;
}

/* --- the tests --- */

static void asked_twice_the_provider_is_asked_once(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    struct sut_pay_begun again;
    const struct sut_pay_begun begun = begin(d, &o, "a");
    assert_true(sut_str_is(begun.url, "https://c/a") && begun.amount_cents == o.total_cents);
    OK(sut_pay_begin(&d->pay, d->f->arena, &o, SUT_STR("ana@example.com"), now, &again));
    assert_true(sut_str_is(again.url, "https://c/a"));
    assert_int_equal(d->n_asked, 1);
    assert_string_equal(d->asked[0].path, "/v1/checkout/sessions");
    /* What is offline asks nobody. */
    const struct sut_order offline = order(d, SUT_PAY_OFFLINE);
    OK(sut_pay_begin(&d->pay, d->f->arena, &offline, SUT_STR(""), now, &again));
    assert_int_equal(again.url.n, 0);
    close_desk(d);
}

static void an_answer_that_failed_has_another_key_and_one_that_was_lost_the_same(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    struct sut_pay_begun begun;
    const char *const good = "{\"object\":\"payment_intent\",\"id\":\"pi_1\",\"client_secret\":"
                             "\"pi_1_secret\"}";
    will(d, 0, "");
    assert_int_equal(sut_pay_intent(&d->pay, d->f->arena, &o, now, &begun).code, SUT_E_UNAVAILABLE);
    will(d, 500, "{}");
    assert_int_equal(sut_pay_intent(&d->pay, d->f->arena, &o, now, &begun).code, SUT_E_UNAVAILABLE);
    will(d, 400, "{\"error\":{\"code\":\"amount_too_small\"}}");
    const sut_err e = sut_pay_intent(&d->pay, d->f->arena, &o, now, &begun);
    assert_true(e.code == SUT_E_DENIED && sut_pay_is_refusal(e));
    assert_string_equal(d->last.why, "amount_too_small");
    will(d, 200, good);
    OK(sut_pay_intent(&d->pay, d->f->arena, &o, now, &begun));
    assert_true(sut_str_is(begun.client_secret, "pi_1_secret") &&
                sut_str_is(begun.currency, "zar"));
    assert_string_equal(d->asked[0].key, d->asked[1].key);
    assert_string_not_equal(d->asked[1].key, d->asked[2].key);
    assert_string_not_equal(d->asked[2].key, d->asked[3].key);
    /* An answer that is none counts as a refusal, and an order that is over is not asked for. */
    const struct sut_order other = order(d, SUT_PAY_STRIPE);
    will(d, 200, "{\"object\":\"payment_intent\"}");
    assert_true(sut_pay_is_refusal(sut_pay_intent(&d->pay, d->f->arena, &other, now, &begun)));
    cancel(d, other.id);
    const struct sut_order over = order_of(d, other.id);
    assert_int_equal(sut_pay_intent(&d->pay, d->f->arena, &over, now, &begun).code, SUT_E_INVALID);
    close_desk(d);
}

static void an_order_is_paid_once_in_any_order_of_events(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    char session[512];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    const struct sut_payment p = payment_of(d, o.id, 0);
    post(d, "evt_1", "payment_intent.succeeded", intent(text, "a", o.total_cents, "zar", &p));
    (void) snprintf(session, sizeof(session),
                    "{\"object\":\"checkout.session\",\"id\":\"cs_a\",\"payment_intent\":\"pi_a\","
                    "\"status\":\"complete\",\"payment_status\":\"paid\",\"amount_total\":%lld,"
                    "\"currency\":\"zar\",\"metadata\":{}}",
                    (long long) o.total_cents);
    post(d, "evt_2", "checkout.session.completed", session);
    post(d, "evt_3", "payment_intent.succeeded", text);
    post(d, "evt_3", "payment_intent.succeeded", text);
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).status, SUT_ORDER_PAID);
    assert_int_equal(d->n_changed, 1);
    const struct sut_payment paid = payment_of(d, o.id, 0);
    assert_true(paid.state == SUT_PAYMENT_TAKEN && sut_str_is(paid.ref, "pi_a"));
    assert_int_equal(paid.refund, SUT_REFUND_NONE);
    /* Older news comes late. */
    post(d, "evt_4", "checkout.session.expired",
         "{\"object\":\"checkout.session\",\"id\":\"cs_a\",\"payment_intent\":\"pi_a\",\"status\":"
         "\"expired\",\"payment_status\":\"unpaid\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).status, SUT_ORDER_PAID);
    close_desk(d);
}

static void another_amount_or_currency_is_given_back(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    static const char *const why[] = { "other_amount", "other_currency" };
    for (int i = 0; i < 2; i++) {
        char name[8];
        char event[16];
        const struct sut_order o = order(d, SUT_PAY_STRIPE);
        (void) snprintf(name, sizeof(name), "x%d", i);
        (void) snprintf(event, sizeof(event), "evt_x%d", i);
        (void) begin(d, &o, name);
        const struct sut_payment p = payment_of(d, o.id, 0);
        post(d, event, "payment_intent.succeeded",
             intent(text, name, o.total_cents - (i == 0 ? 1 : 0), i == 0 ? "zar" : "usd", &p));
        will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"succeeded\"}");
        (void) turn(d);
        const struct sut_payment back = payment_of(d, o.id, 0);
        assert_int_equal(back.refund, SUT_REFUND_DONE);
        assert_true(sut_str_is(back.refund_why, why[i]));
        const struct sut_order after = order_of(d, o.id);
        assert_true(after.status == SUT_ORDER_PENDING && after.refund == SUT_REFUND_NONE);
    }
    close_desk(d);
}

static void a_late_payment_goes_back_with_its_order(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    const struct sut_payment p = payment_of(d, o.id, 0);
    cancel(d, o.id);
    post(d, "evt_1", "payment_intent.succeeded", intent(text, "a", o.total_cents, "zar", &p));
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"pending\"}");
    (void) turn(d);
    assert_true(order_of(d, o.id).refund == SUT_REFUND_PENDING);
    const struct sut_payment pending = payment_of(d, o.id, 0);
    assert_true(sut_str_is(pending.refund_ref, "re_1") && pending.due_at.v > d->now_ms);
    assert_true(sut_str_is(pending.refund_why, "late"));
    /* Told that it failed, and then older news that it went well. */
    post(d, "evt_2", "refund.failed",
         "{\"object\":\"refund\",\"id\":\"re_1\",\"payment_intent\":\"pi_a\",\"status\":"
         "\"failed\"}");
    post(d, "evt_3", "refund.updated",
         "{\"object\":\"refund\",\"id\":\"re_1\",\"payment_intent\":\"pi_a\",\"status\":"
         "\"succeeded\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_FAILED);
    /* Somebody gave it back by hand. */
    post(d, "evt_4", "refund.updated",
         "{\"object\":\"refund\",\"id\":\"re_2\",\"payment_intent\":\"pi_a\",\"status\":"
         "\"succeeded\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_DONE);
    assert_int_equal(d->n_asked, 2);
    close_desk(d);
}

static void a_second_payment_of_an_order_goes_back_alone(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    const struct sut_payment p = payment_of(d, o.id, 0);
    post(d, "evt_1", "payment_intent.succeeded", intent(text, "a", o.total_cents, "zar", &p));
    (void) turn(d);
    post(d, "evt_2", "payment_intent.succeeded", intent(text, "b", o.total_cents, "zar", &p));
    post(d, "evt_3", "payment_intent.succeeded", text);
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"succeeded\"}");
    (void) turn(d);
    assert_true(order_of(d, o.id).status == SUT_ORDER_PAID &&
                order_of(d, o.id).refund == SUT_REFUND_NONE);
    const struct sut_payment stray = payment_of(d, o.id, 1);
    assert_true(stray.kind == SUT_PAYMENT_STRAY && stray.refund == SUT_REFUND_DONE);
    assert_int_equal(payment_of(d, o.id, 0).refund, SUT_REFUND_NONE);
    close_desk(d);
}

static void a_refund_without_an_answer_is_asked_for_with_the_same_key(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    const struct sut_payment p = payment_of(d, o.id, 0);
    post(d, "evt_1", "payment_intent.succeeded", intent(text, "a", o.total_cents, "zar", &p));
    (void) turn(d);
    cancel(d, o.id);
    will(d, 0, "");
    sut_ms next = turn(d);
    /* Claimed by nobody, and not before its time. */
    (void) turn(d);
    d->now_ms += 10 * 1000;
    assert_true(next.v <= d->now_ms);
    will(d, 500, "{}");
    (void) turn(d);
    d->now_ms += 5 * 1000;
    /* It was done all the same, by the first. */
    will(d, 400, "{\"error\":{\"code\":\"charge_already_refunded\"}}");
    will(d, 200, "{\"data\":[{\"object\":\"refund\",\"id\":\"re_9\",\"status\":\"succeeded\"}]}");
    (void) turn(d);
    assert_string_equal(d->asked[1].key, d->asked[2].key);
    assert_string_not_equal(d->asked[2].key, d->asked[3].key);
    assert_int_equal(payment_of(d, o.id, 0).refund, SUT_REFUND_DONE);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_DONE);
    close_desk(d);
}

static void a_refund_that_is_refused_is_told(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    const struct sut_payment p = payment_of(d, o.id, 0);
    post(d, "evt_1", "payment_intent.succeeded", intent(text, "a", o.total_cents, "zar", &p));
    (void) turn(d);
    cancel(d, o.id);
    will(d, 400, "{\"error\":{\"code\":\"charge_disputed\"}}");
    will(d, 200, "{\"data\":[]}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_FAILED);
    assert_int_equal(d->last.event, SUT_PAY_REFUND_FAILED);
    close_desk(d);
}

static void what_nobody_is_to_pay_is_closed(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    cancel(d, o.id);
    will(d, 200,
         "{\"object\":\"checkout.session\",\"id\":\"cs_a\",\"status\":\"expired\","
         "\"payment_status\":\"unpaid\"}");
    (void) turn(d);
    assert_string_equal(d->asked[1].path, "/v1/checkout/sessions/cs_a/expire");
    assert_int_equal(payment_of(d, o.id, 0).state, SUT_PAYMENT_LOST);
    /* The buyer was quicker: then it is taken, and owed back. */
    const struct sut_order late = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &late, "b");
    cancel(d, late.id);
    will(d, 400, "{\"error\":{\"code\":\"resource_missing\"}}");
    (void) snprintf(text, sizeof(text),
                    "{\"object\":\"checkout.session\",\"id\":\"cs_b\",\"payment_intent\":\"pi_b\","
                    "\"status\":\"complete\",\"payment_status\":\"paid\",\"amount_total\":%lld,"
                    "\"currency\":\"zar\"}",
                    (long long) late.total_cents);
    will(d, 200, text);
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"succeeded\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, late.id).refund, SUT_REFUND_DONE);
    close_desk(d);
}

static void a_way_that_ends_unpaid_ends_its_order(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    post(d, "evt_1", "checkout.session.expired",
         "{\"object\":\"checkout.session\",\"id\":\"cs_a\",\"status\":\"expired\","
         "\"payment_status\":\"unpaid\"}");
    (void) turn(d);
    const struct sut_order after = order_of(d, o.id);
    assert_true(after.status == SUT_ORDER_CANCELLED && after.payment == SUT_PAYMENT_FAILED);
    assert_int_equal(d->n_changed, 1);
    close_desk(d);
}

static void what_is_not_ours_or_unreadable_changes_nothing(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_payment nobody = { .order = 4242, .id = 4242 };
    char text[512];
    post(d, "evt_1", "payment_intent.succeeded", intent(text, "z", 5, "zar", &nobody));
    post(d, "evt_2", "payment_intent.succeeded", "{}");
    post(d, "evt_3", "charge.dispute.created", "{}");
    (void) turn(d);
    assert_int_equal(d->last.event, SUT_PAY_EVENT_LEFT);
    sut_ms due = { 0 };
    OK(sut_webhook_next_due(d->f->reader, &due));
    assert_int_equal(due.v, 0);
    close_desk(d);
}

static void two_servers_act_once(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    sut_ms next = { 0 };
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    const struct sut_payment p = payment_of(d, o.id, 0);
    post(d, "evt_1", "payment_intent.succeeded", intent(text, "a", o.total_cents, "zar", &p));
    sut_cashier_turn(d->other, &next);
    (void) turn(d);
    assert_int_equal(d->n_changed, 1);
    cancel(d, o.id);
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"succeeded\"}");
    sut_cashier_turn(d->other, &next);
    (void) turn(d);
    assert_int_equal(d->n_asked, 2);
    close_desk(d);
}

static void compares_and_takes_what_was_missed(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    struct sut_reconcile_page page;
    struct sut_reconcile_ask ask = { .since = { now.v - 1000 } };
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    (void) snprintf(text, sizeof(text),
                    "{\"object\":\"checkout.session\",\"id\":\"cs_a\",\"payment_intent\":\"pi_a\","
                    "\"status\":\"complete\",\"payment_status\":\"paid\",\"amount_total\":%lld,"
                    "\"currency\":\"zar\"}",
                    (long long) o.total_cents);
    for (int i = 0; i < 2; i++) {
        ask.is_applied = i == 1;
        will(d, 200, text);
        OK(sut_reconcile_page(&d->pay, d->f->arena, &ask, now, &page));
        assert_true(page.n == 1 && page.compared == 1 && page.rows[0].order == o.id);
        assert_string_equal(page.rows[0].ours, "open");
        assert_string_equal(page.rows[0].theirs, "paid");
        assert_int_equal(page.next.stage, SUT_RECONCILE_STRIPE);
        if (i == 0)
            assert_null(page.rows[0].done);
        assert_int_equal(order_of(d, o.id).status, i == 0 ? SUT_ORDER_PENDING : SUT_ORDER_PAID);
    }
    /* What they have: one that is known, one of another shop, one that we never heard of. */
    ask.stage = SUT_RECONCILE_STRIPE;
    will(d, 200,
         "{\"has_more\":false,\"data\":[{\"object\":\"payment_intent\",\"id\":\"pi_a\",\"status\":"
         "\"succeeded\",\"metadata\":{\"order_id\":\"1\",\"payment_id\":\"1\"}},"
         "{\"object\":\"payment_intent\",\"id\":\"pi_q\",\"status\":\"succeeded\",\"metadata\":{}},"
         "{\"object\":\"payment_intent\",\"id\":\"pi_r\",\"status\":\"succeeded\",\"metadata\":"
         "{\"order_id\":\"777\",\"payment_id\":\"888\"}}]}");
    OK(sut_reconcile_page(&d->pay, d->f->arena, &ask, now, &page));
    assert_true(page.n == 1 && page.rows[0].payment == 0 && page.rows[0].order == 777);
    assert_int_equal(page.next.stage, SUT_RECONCILE_PAYSTACK);
    /* A provider that can't be asked is no answer. */
    ask.stage = SUT_RECONCILE_PAYSTACK;
    will(d, 0, "");
    assert_int_equal(sut_reconcile_page(&d->pay, d->f->arena, &ask, now, &page).code,
                     SUT_E_UNAVAILABLE);
    will(d, 200, "{\"status\":true,\"data\":[]}");
    OK(sut_reconcile_page(&d->pay, d->f->arena, &ask, now, &page));
    assert_int_equal(page.next.stage, SUT_RECONCILE_END);
    close_desk(d);
}

/* An order paid by pi_<name>. */
static struct sut_order paid(struct desk *d, const char *name)
{
    char text[512];
    char event[32];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, name);
    const struct sut_payment p = payment_of(d, o.id, 0);
    (void) snprintf(event, sizeof(event), "evt_paid_%s", name);
    post(d, event, "payment_intent.succeeded", intent(text, name, o.total_cents, "zar", &p));
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).status, SUT_ORDER_PAID);
    return o;
}

static void a_part_given_back_by_hand_is_not_all_of_it(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = paid(d, "a");
    post(d, "evt_2", "refund.created",
         "{\"object\":\"refund\",\"id\":\"re_1\",\"payment_intent\":\"pi_a\",\"amount\":1,"
         "\"currency\":\"zar\",\"status\":\"succeeded\"}");
    post(d, "evt_3", "refund.failed",
         "{\"object\":\"refund\",\"id\":\"re_2\",\"payment_intent\":\"pi_a\",\"amount\":1,"
         "\"currency\":\"zar\",\"status\":\"failed\"}");
    (void) turn(d);
    assert_int_equal(payment_of(d, o.id, 0).refund, SUT_REFUND_NONE);
    assert_int_equal(order_of(d, o.id).payment, SUT_PAYMENT_PAID);
    cancel(d, o.id);
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_3\",\"status\":\"succeeded\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_DONE);
    close_desk(d);
}

/* Asked for all, it refuses, and what its list has is a part. */
static void a_part_in_the_list_is_not_the_refund(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = paid(d, "a");
    cancel(d, o.id);
    will(d, 400, "{\"error\":{\"code\":\"charge_disputed\"}}");
    will(d, 200,
         "{\"data\":[{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":1,\"status\":"
         "\"succeeded\"}]}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_FAILED);
    assert_null(payment_of(d, o.id, 0).refund_ref.p);
    close_desk(d);
}

static void what_went_back_before_it_was_known_pays_nothing(void **state)
{
    struct desk *d = open_desk(state);
    char text[512];
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    const struct sut_payment p = payment_of(d, o.id, 0);
    (void) snprintf(
        text, sizeof(text),
        "{\"object\":\"charge\",\"id\":\"ch_1\",\"payment_intent\":\"pi_a\",\"amount\":%lld,"
        "\"amount_refunded\":%lld,\"metadata\":{\"order_id\":\"%lld\",\"payment_id\":"
        "\"%lld\"}}",
        (long long) o.total_cents, (long long) o.total_cents, (long long) o.id, (long long) p.id);
    post(d, "evt_1", "charge.refunded", text);
    post(d, "evt_2", "payment_intent.succeeded", intent(text, "a", o.total_cents, "zar", &p));
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).status, SUT_ORDER_PENDING);
    const struct sut_payment back = payment_of(d, o.id, 0);
    assert_true(back.state == SUT_PAYMENT_TAKEN && back.refund == SUT_REFUND_DONE);
    close_desk(d);
}

static void what_was_given_back_by_hand_is_not_owed_again(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order done = paid(d, "a");
    const struct sut_order failed = paid(d, "b");
    post(d, "evt_2", "refund.updated",
         "{\"object\":\"refund\",\"id\":\"re_1\",\"payment_intent\":\"pi_a\",\"status\":"
         "\"succeeded\"}");
    post(d, "evt_3", "refund.failed",
         "{\"object\":\"refund\",\"id\":\"re_2\",\"payment_intent\":\"pi_b\",\"status\":"
         "\"failed\"}");
    (void) turn(d);
    cancel(d, done.id);
    assert_int_equal(order_of(d, done.id).refund, SUT_REFUND_DONE);
    (void) turn(d);
    /* That one did not arrive: the shop owes it still. */
    cancel(d, failed.id);
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_3\",\"status\":\"succeeded\"}");
    (void) turn(d);
    assert_string_equal(d->asked[d->n_asked - 1].path, "/v1/refunds");
    assert_int_equal(order_of(d, failed.id).refund, SUT_REFUND_DONE);
    close_desk(d);
}

/* Who pays at Paystack by a page of their own writes what metadata they like. */
static void another_name_at_paystack_is_not_ours(void **state)
{
    struct desk *d = open_desk(state);
    struct sut_pay_begun begun;
    char text[512];
    const struct sut_order o = order(d, SUT_PAY_PAYSTACK);
    will(d, 200, "{\"status\":true,\"data\":{\"authorization_url\":\"https://p/1\"}}");
    OK(sut_pay_begin(&d->pay, d->f->arena, &o, SUT_STR("ana@example.com"), (sut_ms){ d->now_ms },
                     &begun));
    const struct sut_payment p = payment_of(d, o.id, 0);
    for (int i = 0; i < 2; i++) {
        const sut_str name = i == 0 ? SUT_STR("T1") : p.ref;
        (void) snprintf(
            text, sizeof(text),
            "{\"event\":\"charge.success\",\"data\":{\"status\":\"success\",\"reference\":"
            "\"%.*s\",\"amount\":%lld,\"currency\":\"ZAR\",\"metadata\":{\"order_id\":"
            "\"%lld\",\"payment_id\":\"%lld\"}}}",
            SUT_STR_ARG(name), i == 0 ? 1LL : (long long) o.total_cents, (long long) o.id,
            (long long) p.id);
        struct posting w = { .new = { .provider = SUT_PAY_PAYSTACK,
                                      .event = name,
                                      .type = SUT_STR("charge.success"),
                                      .body = sut_str_from(text) },
                             .at = { d->now_ms } };
        OK(sut_store_write(d->f->store, post_job, &w));
        (void) turn(d);
        assert_int_equal(order_of(d, o.id).status, i == 0 ? SUT_ORDER_PENDING : SUT_ORDER_PAID);
    }
    assert_int_equal(payment_of(d, o.id, 0).refund, SUT_REFUND_NONE);
    close_desk(d);
}

static void what_is_paid_at_the_door_outlives_an_intent(void **state)
{
    struct desk *d = open_desk(state);
    struct sut_pay_begun begun;
    const struct sut_order o = order(d, SUT_PAY_OFFLINE);
    will(d, 200, "{\"object\":\"payment_intent\",\"id\":\"pi_a\",\"client_secret\":\"s\"}");
    OK(sut_pay_intent(&d->pay, d->f->arena, &o, (sut_ms){ d->now_ms }, &begun));
    post(d, "evt_1", "payment_intent.canceled",
         "{\"object\":\"payment_intent\",\"id\":\"pi_a\",\"status\":\"canceled\"}");
    (void) turn(d);
    assert_int_equal(payment_of(d, o.id, 0).state, SUT_PAYMENT_LOST);
    assert_int_equal(order_of(d, o.id).status, SUT_ORDER_PENDING);
    close_desk(d);
}

/* Cancelled in another tab while the provider was asked. */
static void a_way_that_opens_too_late_is_closed(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    d->cancels = o.id;
    assert_true(begin(d, &o, "a").is_over);
    assert_int_equal(order_of(d, o.id).status, SUT_ORDER_CANCELLED);
    will(d, 200,
         "{\"object\":\"checkout.session\",\"id\":\"cs_a\",\"status\":\"expired\","
         "\"payment_status\":\"unpaid\"}");
    (void) turn(d);
    assert_string_equal(d->asked[1].path, "/v1/checkout/sessions/cs_a/expire");
    assert_int_equal(payment_of(d, o.id, 0).state, SUT_PAYMENT_LOST);
    close_desk(d);
}

/* A key that was changed, a gate on the way: no word of the provider's about the refund. */
static void who_is_not_let_in_asks_again(void **state)
{
    struct desk *d = open_desk(state);
    static const int gates[] = { 401, 302, 403 };
    const struct sut_order o = paid(d, "a");
    cancel(d, o.id);
    for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
        will(d, gates[i], "<html>elsewhere</html>");
        (void) turn(d);
        assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_PENDING);
        d->now_ms += sut_cashier_delay_ms((int64_t) i + 1);
    }
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"succeeded\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_DONE);
    close_desk(d);
}

/* What can't be looked at has not failed; only a refund's own word says that. */
static void a_refund_that_is_not_found_has_not_failed(void **state)
{
    struct desk *d = open_desk(state);
    struct sut_reconcile_page page;
    const struct sut_reconcile_ask ask = { .since = { now.v - 1000 }, .is_applied = true };
    const struct sut_order o = paid(d, "a");
    cancel(d, o.id);
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"pending\"}");
    (void) turn(d);
    d->now_ms = payment_of(d, o.id, 0).due_at.v;
    will(d, 404, "{\"error\":{\"code\":\"resource_missing\"}}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_PENDING);
    d->now_ms = payment_of(d, o.id, 0).due_at.v;
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"succeeded\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_DONE);
    /* The books, compared with a key of another account, and with one that is not good. */
    will(d, 404, "{\"error\":{\"code\":\"resource_missing\"}}");
    OK(sut_reconcile_page(&d->pay, d->f->arena, &ask, now, &page));
    assert_int_equal(page.n, 1);
    assert_string_equal(page.rows[0].theirs, "unknown");
    assert_null(page.rows[0].done);
    will(d, 401, "{}");
    assert_int_equal(sut_reconcile_page(&d->pay, d->f->arena, &ask, now, &page).code,
                     SUT_E_UNAVAILABLE);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_DONE);
    close_desk(d);
}

/* A bank may send back what went well at first. */
static void a_refund_that_comes_back_is_none(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = paid(d, "a");
    cancel(d, o.id);
    will(d, 200, "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":\"succeeded\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).payment, SUT_PAYMENT_REFUNDED);
    post(d, "evt_2", "refund.failed",
         "{\"object\":\"refund\",\"id\":\"re_1\",\"payment_intent\":\"pi_a\",\"status\":"
         "\"failed\"}");
    (void) turn(d);
    assert_int_equal(order_of(d, o.id).refund, SUT_REFUND_FAILED);
    assert_int_equal(order_of(d, o.id).payment, SUT_PAYMENT_PAID);
    close_desk(d);
}

static void what_staff_mark_as_paid_can_not_be_paid_again(void **state)
{
    struct desk *d = open_desk(state);
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    (void) begin(d, &o, "a");
    struct cancelling k = { .d = d, .order = o.id };
    OK(sut_store_write(d->f->store, mark_paid_job, &k));
    assert_int_equal(k.done.outcome, SUT_ORDER_DONE);
    will(d, 200,
         "{\"object\":\"checkout.session\",\"id\":\"cs_a\",\"status\":\"expired\","
         "\"payment_status\":\"unpaid\"}");
    (void) turn(d);
    assert_int_equal(d->n_asked, 2);
    assert_string_equal(d->asked[1].path, "/v1/checkout/sessions/cs_a/expire");
    assert_int_equal(payment_of(d, o.id, 0).state, SUT_PAYMENT_LOST);
    assert_int_equal(order_of(d, o.id).status, SUT_ORDER_PAID);
    close_desk(d);
}

/* A thing that costs nothing, and a price with hundredths in a currency that has none. */
static void what_a_provider_can_not_be_asked_for_is_refused(void **state)
{
    struct desk *d = open_desk(state);
    struct sut_pay_begun begun;
    struct sut_order o = order(d, SUT_PAY_STRIPE);
    o.currency = SUT_STR("JPY");
    o.total_cents = 1050;
    assert_true(sut_pay_is_refusal(
        sut_pay_begin(&d->pay, d->f->arena, &o, SUT_STR("ana@example.com"), now, &begun)));
    assert_true(sut_pay_is_refusal(sut_pay_intent(&d->pay, d->f->arena, &o, now, &begun)));
    o.currency = SUT_STR("ZAR");
    o.total_cents = 0;
    assert_true(sut_pay_is_refusal(
        sut_pay_begin(&d->pay, d->f->arena, &o, SUT_STR("ana@example.com"), now, &begun)));
    o.method = SUT_PAY_PAYSTACK;
    assert_true(sut_pay_is_refusal(
        sut_pay_begin(&d->pay, d->f->arena, &o, SUT_STR("ana@example.com"), now, &begun)));
    assert_int_equal(d->n_asked, 0);
    close_desk(d);
}

/* A session that would end too soon is refused, and a reference is good once. */
static void what_was_begun_long_ago_is_begun_anew(void **state)
{
    struct desk *d = open_desk(state);
    struct sut_pay_begun begun;
    const struct sut_order o = order(d, SUT_PAY_STRIPE);
    const sut_str email = SUT_STR("ana@example.com");
    will(d, 0, "");
    assert_int_equal(
        sut_pay_begin(&d->pay, d->f->arena, &o, email, (sut_ms){ d->now_ms }, &begun).code,
        SUT_E_UNAVAILABLE);
    d->now_ms += 2 * 60 * 1000;
    assert_true(sut_str_is(begin(d, &o, "b").url, "https://c/b"));
    assert_string_not_equal(d->asked[0].key, d->asked[1].key);
    assert_int_equal(payment_of(d, o.id, 0).state, SUT_PAYMENT_LOST);
    assert_int_equal(payment_of(d, o.id, 1).state, SUT_PAYMENT_OPEN);
    close_desk(d);
}

static void waits_longer_each_time(void **state)
{
    (void) state;
    assert_int_equal(sut_cashier_delay_ms(1), 5000);
    assert_int_equal(sut_cashier_delay_ms(2), 10000);
    assert_int_equal(sut_cashier_delay_ms(100), 3600 * 1000);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        T(asked_twice_the_provider_is_asked_once),
        T(an_answer_that_failed_has_another_key_and_one_that_was_lost_the_same),
        T(an_order_is_paid_once_in_any_order_of_events),
        T(another_amount_or_currency_is_given_back),
        T(a_late_payment_goes_back_with_its_order),
        T(a_second_payment_of_an_order_goes_back_alone),
        T(a_refund_without_an_answer_is_asked_for_with_the_same_key),
        T(a_refund_that_is_refused_is_told),
        T(what_nobody_is_to_pay_is_closed),
        T(a_way_that_ends_unpaid_ends_its_order),
        T(what_is_not_ours_or_unreadable_changes_nothing),
        T(two_servers_act_once),
        T(compares_and_takes_what_was_missed),
        T(a_part_given_back_by_hand_is_not_all_of_it),
        T(a_part_in_the_list_is_not_the_refund),
        T(what_went_back_before_it_was_known_pays_nothing),
        T(what_was_given_back_by_hand_is_not_owed_again),
        T(another_name_at_paystack_is_not_ours),
        T(what_is_paid_at_the_door_outlives_an_intent),
        T(a_way_that_opens_too_late_is_closed),
        T(who_is_not_let_in_asks_again),
        T(a_refund_that_is_not_found_has_not_failed),
        T(a_refund_that_comes_back_is_none),
        T(what_staff_mark_as_paid_can_not_be_paid_again),
        T(what_a_provider_can_not_be_asked_for_is_refused),
        T(what_was_begun_long_ago_is_begun_anew),
        cmocka_unit_test(waits_longer_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
