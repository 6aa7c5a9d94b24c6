/* SPDX-License-Identifier: Apache-2.0
 *
 * cashier_round - what is due, claimed, worked off and noted.
 */
#include "pay/cashier_int.h"
#include "pay/refund.h"
#include "pay/take.h"
#include "store/payment.h"
#include "store/store.h"
#include "store/webhook.h"

enum {
    BATCH = 8,
    TROUBLE_MS = 2000, /* until the store or the keeper is asked again */
    DELAY_MIN_MS = 5 * 1000,
    DELAY_MAX_MS = 3600 * 1000,
    UNANSWERED_MS = 10 * 1000,
    TRIES_MAX = 80, /* some days */
    EVENT_TRIES_MAX = 40,
    PENDING_MS = 600 * 1000, /* a refund on its way is asked about so often */
    CLAIM_SLACK_MS = 15000,  /* for the store and the keeper, around the courier's time */
};

int64_t sut_cashier_delay_ms(int64_t tries)
{
    int64_t ms = DELAY_MIN_MS;
    for (int64_t i = 1; i < tries && ms < DELAY_MAX_MS; i++)
        ms *= 2;
    return ms > DELAY_MAX_MS ? DELAY_MAX_MS : ms;
}

static sut_ms now_of(const struct sut_cashier *k)
{
    return sut_clock_now(k->o.clock);
}

static sut_ms after(sut_ms t, int64_t ms)
{
    return (sut_ms){ t.v + ms };
}

static void tell_result(const struct sut_cashier *k, const struct sut_take_result *r)
{
    if (r->has_note)
        sut_pay__tell(&k->pay, &r->note);
    if (r->n_products > 0 && k->pay.stock_changed != NULL)
        k->pay.stock_changed(k->pay.stock_ctx, r->products, r->n_products);
}

/* --- claims --- */

struct claiming {
    SUT_ERR(*claim)
    (struct sut_db_conn *c, size_t n, int64_t claim_ms, sut_ms now, int64_t *ret, size_t *ret_n);
    size_t batch;
    int64_t claim_ms;
    sut_ms now;
    int64_t ids[BATCH];
    size_t n;
};

static SUT_ERR claim_job(struct sut_db_conn *c, void *arg)
{
    struct claiming *q = arg;
    return q->claim(c, q->batch, q->claim_ms, q->now, q->ids, &q->n);
}

/* --- an event --- */

struct eventing {
    struct sut_cashier *k;
    struct sut_mark mark;
    int64_t id;
    const struct sut_news *news;
    sut_ms now;
    struct sut_take_result result;
};

static SUT_ERR event_job(struct sut_db_conn *c, void *arg)
{
    struct eventing *e = arg;
    bool was_due = false;
    sut_arena_rewind(e->k->arena, e->mark);
    TRY(sut_take_news(c, e->k->arena, e->news, e->now, &e->result));
    TRY(sut_webhook_done(c, e->id, e->result.why, e->now, &was_due));
    /* Another was here first: all of this is undone. */
    ENSURE(was_due, EXISTS);
    return SUT_OK;
}

struct event_failing {
    int64_t id;
    const char *why;
    sut_ms due_at; /* 0: given up */
    sut_ms now;
};

static SUT_ERR fail_event_job(struct sut_db_conn *c, void *arg)
{
    const struct event_failing *f = arg;
    return sut_webhook_failed(c, f->id, f->why, f->due_at, f->now);
}

static SUT_ERR fail_event(struct sut_cashier *k, const struct sut_webhook *w, const char *why,
                          bool is_final, sut_err because)
{
    const sut_ms now = now_of(k);
    struct event_failing f = { .id = w->id, .why = why, .now = now };
    const struct sut_pay_note n = { .event = SUT_PAY_EVENT_LEFT,
                                    .whose = sut_pay_method_word(w->provider),
                                    .what = "event",
                                    .why = why,
                                    .err = because };
    if (!is_final && w->tries < EVENT_TRIES_MAX)
        f.due_at = after(now, sut_cashier_delay_ms(w->tries));
    sut_pay__tell(&k->pay, &n);
    return sut_store_write(k->pay.store, fail_event_job, &f);
}

static SUT_ERR load_event(struct sut_cashier *k, int64_t id, struct sut_webhook *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(k->pay.store, &c));
    const sut_err e = sut_webhook_by_id(c, k->arena, id, ret);
    sut_store_return(k->pay.store, &c);
    return e;
}

static SUT_ERR work_event(struct sut_cashier *k, int64_t id)
{
    struct sut_webhook w;
    struct sut_news news;
    TRY(load_event(k, id, &w));
    if (w.state != SUT_WEBHOOK_DUE)
        return SUT_OK;
    if (w.body.p == NULL)
        return fail_event(k, &w, "key_lost", true, SUT_OK);
    const sut_err parsed = sut_news_of_event(k->arena, w.provider, w.type, w.body, &news);
    if (sut_failed(parsed))
        return fail_event(k, &w, "unreadable", parsed.code == SUT_E_PARSE, parsed);
    struct eventing e = {
        .k = k, .mark = sut_arena_mark(k->arena), .id = id, .news = &news, .now = now_of(k)
    };
    const sut_err done = sut_store_write(k->pay.store, event_job, &e);
    if (done.code == SUT_E_EXISTS)
        return SUT_OK;
    if (sut_failed(done))
        return fail_event(k, &w, "store", false, done);
    tell_result(k, &e.result);
    return SUT_OK;
}

/* --- a payment --- */

/* What is written of one, on the row as it is then. */
struct settling {
    struct sut_cashier *k;
    struct sut_mark mark;
    int64_t id;
    const struct sut_refund_answer *refund; /* or */
    const struct sut_news *news;            /* of one that was to be closed */
    sut_ms due_at;                          /* of what is not over */
    bool is_next_try;
    sut_ms now;
    struct sut_take_result result;
};

static SUT_ERR settle_refund(struct sut_db_conn *c, struct settling *s, struct sut_payment *p)
{
    const struct sut_refund_answer *const r = s->refund;
    const bool is_over = r->fate == SUT_REFUND_IS_DONE || r->fate == SUT_REFUND_IS_FAILED;
    /* An event said so meanwhile. */
    if (p->refund != SUT_REFUND_PENDING)
        return SUT_OK;
    if (r->ref.p != NULL)
        p->refund_ref = r->ref;
    if (is_over) {
        const bool is_done = r->fate == SUT_REFUND_IS_DONE;
        s->result.has_note = true;
        s->result.note =
            (struct sut_pay_note){ .event = is_done ? SUT_PAY_REFUNDED : SUT_PAY_REFUND_FAILED,
                                   .whose = sut_pay_method_word(p->provider),
                                   .what = "refund",
                                   .why = is_done ? NULL : r->why,
                                   .order = p->order,
                                   .payment = p->id };
        return sut_take_refund(c, s->k->arena, p, is_done ? SUT_REFUND_DONE : SUT_REFUND_FAILED,
                               s->now);
    }
    p->tries += s->is_next_try ? 1 : 0;
    p->due_at = s->due_at;
    return sut_payment_save(c, s->k->arena, p, s->now);
}

static SUT_ERR settle_close(struct sut_db_conn *c, struct settling *s, struct sut_payment *p)
{
    if (p->state != SUT_PAYMENT_OPEN)
        return SUT_OK;
    if (s->news != NULL && s->news->kind == SUT_NEWS_PAID) {
        /* The buyer was quicker. */
        struct sut_news n = *s->news;
        n.order = p->order;
        n.payment = p->id;
        return sut_take_news(c, s->k->arena, &n, s->now, &s->result);
    }
    if (s->news != NULL && s->news->kind == SUT_NEWS_LOST)
        return sut_take_loss(c, s->k->arena, p, s->now, &s->result);
    p->due_at = s->due_at;
    return sut_payment_save(c, s->k->arena, p, s->now);
}

static SUT_ERR settle_job(struct sut_db_conn *c, void *arg)
{
    struct settling *s = arg;
    struct sut_payment p;
    sut_arena_rewind(s->k->arena, s->mark);
    s->result = (struct sut_take_result){ .why = NULL };
    TRY(sut_payment_by_id(c, s->k->arena, s->id, &p));
    return s->refund != NULL ? settle_refund(c, s, &p) : settle_close(c, s, &p);
}

static SUT_ERR settle(struct sut_cashier *k, struct settling *s)
{
    s->k = k;
    s->mark = sut_arena_mark(k->arena);
    s->now = now_of(k);
    TRY(sut_store_write(k->pay.store, settle_job, s));
    tell_result(k, &s->result);
    return SUT_OK;
}

static SUT_ERR work_refund(struct sut_cashier *k, const struct sut_payment *p)
{
    struct sut_refund_answer r;
    struct settling s = { .id = p->id, .refund = &r };
    sut_refund_ask(&k->pay, k->arena, p, &r);
    if (r.fate == SUT_REFUND_IS_LATER) {
        /* An answer is kept under its key: the next try is to have another. */
        s.is_next_try = r.was_answered;
        s.due_at =
            after(now_of(k), r.was_answered ? sut_cashier_delay_ms(p->tries + 1) : UNANSWERED_MS);
        if (p->tries >= TRIES_MAX)
            r.fate = SUT_REFUND_IS_FAILED;
    } else if (r.fate == SUT_REFUND_IS_PENDING) {
        s.due_at = after(now_of(k), PENDING_MS);
    }
    return settle(k, &s);
}

static SUT_ERR work_close(struct sut_cashier *k, const struct sut_payment *p)
{
    struct sut_news news;
    const sut_err e = sut_refund_close(&k->pay, k->arena, p, &news);
    struct settling s = { .id = p->id, .news = &news, .due_at = after(now_of(k), PENDING_MS) };
    if (e.code == SUT_E_NOT_FOUND)
        news = (struct sut_news){ .kind = SUT_NEWS_LOST };
    else if (sut_failed(e))
        s.news = NULL;
    return settle(k, &s);
}

static SUT_ERR load_payment(struct sut_cashier *k, int64_t id, struct sut_payment *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(k->pay.store, &c));
    const sut_err e = sut_payment_by_id(c, k->arena, id, ret);
    sut_store_return(k->pay.store, &c);
    return e;
}

static SUT_ERR nothing_left_job(struct sut_db_conn *c, void *arg)
{
    struct settling *s = arg;
    struct sut_payment p;
    sut_arena_rewind(s->k->arena, s->mark);
    TRY(sut_payment_by_id(c, s->k->arena, s->id, &p));
    if (p.refund == SUT_REFUND_PENDING || p.state == SUT_PAYMENT_OPEN)
        return SUT_OK;
    p.due_at = (sut_ms){ 0 };
    return sut_payment_save(c, s->k->arena, &p, s->now);
}

static SUT_ERR work_payment(struct sut_cashier *k, int64_t id)
{
    struct sut_payment p;
    TRY(load_payment(k, id, &p));
    if (p.refund == SUT_REFUND_PENDING)
        return work_refund(k, &p);
    if (p.state == SUT_PAYMENT_OPEN)
        return work_close(k, &p);
    struct settling s = { .k = k, .id = id, .mark = sut_arena_mark(k->arena), .now = now_of(k) };
    return sut_store_write(k->pay.store, nothing_left_job, &s);
}

/* --- a turn --- */

struct kind_of_work {
    SUT_ERR(*claim)
    (struct sut_db_conn *c, size_t n, int64_t claim_ms, sut_ms now, int64_t *ret, size_t *ret_n);
    SUT_ERR (*next_due)(struct sut_db_conn *c, sut_ms *ret);
    SUT_ERR (*work)(struct sut_cashier *k, int64_t id);
    size_t batch;
    unsigned calls; /* to a provider, for one of them */
};

static SUT_ERR next_due(struct sut_cashier *k, const struct kind_of_work *w, sut_ms *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(k->pay.store, &c));
    const sut_err e = w->next_due(c, ret);
    sut_store_return(k->pay.store, &c);
    return e;
}

/* What is due of one kind, batch after batch; *ret_next comes nearer. */
static SUT_ERR do_kind(struct sut_cashier *k, const struct kind_of_work *w, sut_ms *ret_next)
{
    for (;;) {
        sut_ms due = { 0 };
        const sut_ms now = now_of(k);
        TRY(next_due(k, w, &due));
        if (due.v == 0)
            return SUT_OK;
        if (due.v > now.v) {
            ret_next->v = due.v < ret_next->v ? due.v : ret_next->v;
            return SUT_OK;
        }
        struct claiming q = { .claim = w->claim,
                              .batch = w->batch,
                              .claim_ms = w->calls * (int64_t) k->pay.timeout_ms + CLAIM_SLACK_MS,
                              .now = now };
        TRY(sut_store_write(k->pay.store, claim_job, &q));
        for (size_t i = 0; i < q.n; i++) {
            if (sut_background_is_stopping(k->thread))
                return SUT_OK;
            sut_arena_reset(k->arena);
            sut_arena_set_flags(k->arena, SUT_ARENA_SECRET);
            TRY(w->work(k, q.ids[i]));
        }
    }
}

static const struct kind_of_work inbox = {
    .claim = sut_webhook_claim,
    .next_due = sut_webhook_next_due,
    .work = work_event,
    .batch = BATCH,
};

static const struct kind_of_work payments = {
    .claim = sut_payment_claim,
    .next_due = sut_payment_next_due,
    .work = work_payment,
    .batch = 1,
    .calls = 2,
};

void sut_cashier_turn(struct sut_cashier *k, sut_ms *ret_next)
{
    *ret_next = after(now_of(k), SUT_CASHIER_POLL_MS);
    sut_err e = do_kind(k, &inbox, ret_next);
    if (!sut_failed(e))
        e = do_kind(k, &payments, ret_next);
    sut_arena_reset(k->arena);
    sut_arena_set_flags(k->arena, SUT_ARENA_SECRET);
    if (!sut_failed(e))
        return;
    const struct sut_pay_note n = {
        .event = SUT_PAY_TROUBLE, .whose = "", .what = "round", .why = "store", .err = e
    };
    sut_pay__tell(&k->pay, &n);
    *ret_next = after(now_of(k), TROUBLE_MS);
}
