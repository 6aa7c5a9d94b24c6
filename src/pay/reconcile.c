/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/reconcile.h"

#include "codec/time.h"
#include "codec/url.h"
#include "pay/refund.h"
#include "pay/take.h"
#include "store/payment.h"
#include "store/store.h"

enum { PATH = SUT_ERRAND_PATH_MAX, MS = 1000 };

static const char *ours_of(const struct sut_payment *p)
{
    if (p->refund != SUT_REFUND_NONE)
        return p->refund == SUT_REFUND_DONE
                   ? "refunded"
                   : (p->refund == SUT_REFUND_PENDING ? "refund_pending" : "refund_failed");
    switch (p->state) {
    case SUT_PAYMENT_BEGUN:
        return "begun";
    case SUT_PAYMENT_OPEN:
        return "open";
    case SUT_PAYMENT_TAKEN:
        return "paid";
    case SUT_PAYMENT_LOST:
        return "lost";
    }
    return "unknown";
}

/* --- what was missed, taken --- */

struct applying {
    struct sut_arena *a;
    struct sut_mark mark;
    const struct sut_news *news; /* or */
    int64_t payment;
    enum sut_refund_status refund;
    sut_ms now;
    struct sut_take_result result;
};

static SUT_ERR apply_job(struct sut_db_conn *c, void *arg)
{
    struct applying *x = arg;
    struct sut_payment p;
    sut_arena_rewind(x->a, x->mark);
    x->result = (struct sut_take_result){ .why = "taken" };
    if (x->news != NULL)
        return sut_take_news(c, x->a, x->news, x->now, &x->result);
    TRY(sut_payment_by_id(c, x->a, x->payment, &p));
    x->result.why = sut_refund_status_word(x->refund);
    return sut_take_refund(c, x->a, &p, x->refund, x->now);
}

static SUT_ERR apply(const struct sut_pay *p, struct applying *x, struct sut_reconcile_row *row)
{
    x->mark = sut_arena_mark(x->a);
    TRY(sut_store_write(p->store, apply_job, x));
    row->done = x->result.why;
    if (x->result.has_note)
        sut_pay__tell(p, &x->result.note);
    if (x->result.n_products > 0 && p->stock_changed != NULL)
        p->stock_changed(p->stock_ctx, x->result.products, x->result.n_products);
    return SUT_OK;
}

/* --- one of ours --- */

struct comparing {
    const struct sut_pay *p;
    struct sut_arena *a;
    const struct sut_reconcile_ask *ask;
    sut_ms now;
    struct sut_reconcile_page *page;
};

static struct sut_reconcile_row *add_row(struct comparing *c, const struct sut_payment *p,
                                         const char *theirs)
{
    struct sut_reconcile_row *const row = &c->page->rows[c->page->n++];
    *row = (struct sut_reconcile_row){ .payment = p->id,
                                       .order = p->order,
                                       .provider = sut_pay_method_word(p->provider),
                                       .ours = ours_of(p),
                                       .theirs = theirs };
    return row;
}

static SUT_ERR differ(struct comparing *c, const struct sut_payment *p, const char *theirs,
                      struct sut_news *news)
{
    struct sut_reconcile_row *const row = add_row(c, p, theirs);
    struct applying x = { .a = c->a, .news = news, .now = c->now };
    if (!c->ask->is_applied || news == NULL)
        return SUT_OK;
    news->order = p->order;
    news->payment = p->id;
    return apply(c->p, &x, row);
}

static bool is_amount_of(const struct sut_payment *p, const struct sut_news *n)
{
    int64_t units = p->amount_cents;
    if (n->provider == SUT_PAY_STRIPE &&
        sut_failed(sut_stripe_units(p->currency, p->amount_cents, &units)))
        return false;
    return units == n->amount && sut_str_eq_nocase(p->currency, n->currency);
}

/* Its refund has a name there: an answer, and never a new refund. */
static SUT_ERR compare_refund(struct comparing *c, const struct sut_payment *p)
{
    struct sut_refund_answer r;
    enum sut_refund_status theirs = SUT_REFUND_PENDING;
    sut_refund_ask(c->p, c->a, p, &r);
    if (r.is_unknown) {
        add_row(c, p, "unknown");
        return SUT_OK;
    }
    ENSURE(r.fate != SUT_REFUND_IS_LATER, UNAVAILABLE);
    if (r.fate == SUT_REFUND_IS_DONE)
        theirs = SUT_REFUND_DONE;
    else if (r.fate == SUT_REFUND_IS_FAILED)
        theirs = SUT_REFUND_FAILED;
    if (theirs == p->refund)
        return SUT_OK;
    struct sut_reconcile_row *const row =
        add_row(c, p,
                theirs == SUT_REFUND_DONE
                    ? "refunded"
                    : (theirs == SUT_REFUND_FAILED ? "refund_failed" : "refund_pending"));
    struct applying x = { .a = c->a, .payment = p->id, .refund = theirs, .now = c->now };
    return c->ask->is_applied && theirs != SUT_REFUND_PENDING ? apply(c->p, &x, row) : SUT_OK;
}

static SUT_ERR compare_state(struct comparing *c, const struct sut_payment *p, struct sut_news *n)
{
    const bool is_taken = p->state == SUT_PAYMENT_TAKEN;
    const bool is_live = p->state == SUT_PAYMENT_OPEN || p->state == SUT_PAYMENT_BEGUN;
    if (n->kind == SUT_NEWS_PAID && !is_taken)
        return differ(c, p, "paid", n);
    if (n->kind == SUT_NEWS_PAID && p->refund == SUT_REFUND_NONE && !is_amount_of(p, n))
        return differ(c, p, "other_amount", NULL);
    if (n->kind == SUT_NEWS_REFUNDED && p->refund != SUT_REFUND_DONE)
        return differ(c, p, "refunded", n);
    if (n->kind == SUT_NEWS_LOST && is_taken)
        return differ(c, p, "lost", NULL);
    if (n->kind == SUT_NEWS_LOST && is_live)
        return differ(c, p, "lost", n);
    if (n->kind == SUT_NEWS_NONE && is_taken)
        return differ(c, p, "open", NULL);
    return SUT_OK;
}

static SUT_ERR compare_ours(struct comparing *c, struct sut_payment *p)
{
    char reference[SUT_PAYSTACK_REFERENCE];
    struct sut_news n;
    const bool is_unnamed = p->ref.p == NULL;
    if (!sut_pay_has(c->p, p->provider))
        return SUT_OK;
    /* Paystack's names are ours: one whose answer was lost is asked for, too. */
    if (is_unnamed && p->kind == SUT_PAYMENT_TRANSACTION) {
        p->ref = sut_str_dup(c->a, sut_paystack_reference(p->id, p->created_at, reference));
        ENSURE(p->ref.p != NULL, NOMEM);
    }
    if (p->ref.p == NULL)
        return SUT_OK;
    c->page->compared++;
    if (p->state == SUT_PAYMENT_TAKEN && p->refund_ref.p != NULL)
        return compare_refund(c, p);
    const sut_err e = sut_refund_look(c->p, c->a, p, &n);
    /* It never heard of one that we do not know to stand there. */
    if (e.code == SUT_E_NOT_FOUND || (e.code == SUT_E_DENIED && is_unnamed))
        return is_unnamed ? SUT_OK : differ(c, p, "unknown", NULL);
    TRY(e);
    return compare_state(c, p, &n);
}

static SUT_ERR load_ours(const struct comparing *c, struct sut_payment **ret, size_t *ret_n)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_store_lease(c->p->store, &conn));
    const sut_err e =
        sut_payment_since(conn, c->a, c->ask->since, c->ask->after, SUT_RECONCILE_PAGE, ret, ret_n);
    sut_store_return(c->p->store, &conn);
    return e;
}

static SUT_ERR do_ours(struct comparing *c)
{
    struct sut_payment *all = NULL;
    size_t n = 0;
    TRY(load_ours(c, &all, &n));
    for (size_t i = 0; i < n; i++)
        TRY(compare_ours(c, &all[i]));
    if (n == SUT_RECONCILE_PAGE)
        c->page->next.after = all[n - 1].id;
    else
        c->page->next.stage = SUT_RECONCILE_STRIPE;
    return SUT_OK;
}

/* --- what they have --- */

static SUT_ERR find_ours(struct comparing *c, const struct sut_news *n, struct sut_payment *ret,
                         bool *ret_is_known)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_store_lease(c->p->store, &conn));
    sut_err e = sut_payment_by_ref(conn, c->a, n->provider, n->ref, ret);
    *ret_is_known = !sut_failed(e);
    if (e.code == SUT_E_NOT_FOUND)
        e = sut_payment_by_id(conn, c->a, n->payment, ret);
    sut_store_return(c->p->store, &conn);
    return e;
}

/* One that has a row of that name was compared from this side. */
static SUT_ERR compare_theirs(struct comparing *c, struct sut_news *n)
{
    struct sut_payment p;
    bool is_known = false;
    if (n->kind != SUT_NEWS_PAID || n->payment == 0)
        return SUT_OK;
    c->page->compared++;
    const sut_err e = find_ours(c, n, &p, &is_known);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && p.order != n->order)) {
        p = (struct sut_payment){ .order = n->order, .provider = n->provider };
        add_row(c, &p, "paid")->ours = "unknown";
        return SUT_OK;
    }
    TRY(e);
    /* A session's intent: the session was looked at. */
    if (is_known || (p.ref.p != NULL && p.state != SUT_PAYMENT_TAKEN))
        return SUT_OK;
    return differ(c, &p, p.state == SUT_PAYMENT_TAKEN ? "paid_twice" : "paid", n);
}

static SUT_ERR list(const struct comparing *c, enum sut_pay_method provider, sut_str path,
                    const struct sut_json **ret_data, bool *ret_has_more)
{
    const struct sut_pay_call call = {
        .provider = provider, .what = "list", .method = SUT_ERRAND_GET, .path = path
    };
    struct sut_pay_reply reply;
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    sut_pay__call(c->p, c->a, &call, &reply);
    TRY(sut_pay__outcome(&reply));
    TRY(sut_json_parse(c->a, reply.text, &v, &fault));
    const struct sut_json *const more = sut_json_get(v, "has_more");
    *ret_data = sut_json_get(v, "data");
    ENSURE(*ret_data != NULL && (*ret_data)->type == SUT_JSON_ARRAY &&
               (*ret_data)->n <= SUT_RECONCILE_PAGE,
           PARSE);
    *ret_has_more = more != NULL ? more->type == SUT_JSON_BOOL && more->b
                                 : (*ret_data)->n == SUT_RECONCILE_PAGE;
    return SUT_OK;
}

static SUT_ERR do_stripe(struct comparing *c)
{
    struct sut_buf path;
    struct sut_stripe_object o = { .id = { 0 } };
    const struct sut_json *data = NULL;
    bool has_more = false;
    c->page->next.stage = SUT_RECONCILE_PAYSTACK;
    if (!c->p->has_stripe)
        return SUT_OK;
    sut_buf_init_arena(&path, c->a, PATH);
    sut_buf_lit(&path, "/v1/payment_intents?limit=");
    sut_buf_i64(&path, SUT_RECONCILE_PAGE);
    sut_buf_lit(&path, "&created[gte]=");
    sut_buf_i64(&path, c->ask->since.v / MS);
    if (c->ask->cursor.n > 0) {
        sut_buf_lit(&path, "&starting_after=");
        sut_url_encode(&path, c->ask->cursor);
    }
    TRY(sut_buf_check(&path));
    TRY(list(c, SUT_PAY_STRIPE, sut_buf_str(&path), &data, &has_more));
    for (size_t i = 0; i < data->n; i++) {
        TRY(sut_stripe_read(&data->items[i], &o));
        struct sut_news n = sut_news_of_stripe(&o);
        TRY(compare_theirs(c, &n));
    }
    if (has_more && o.id.n > 0) {
        c->page->next.stage = SUT_RECONCILE_STRIPE;
        c->page->next.cursor = o.id;
    }
    return SUT_OK;
}

static SUT_ERR do_paystack(struct comparing *c)
{
    struct sut_buf path;
    const struct sut_json *data = NULL;
    bool has_more = false;
    c->page->next.stage = SUT_RECONCILE_END;
    if (!c->p->has_paystack)
        return SUT_OK;
    const int64_t page = c->ask->after > 0 ? c->ask->after : 1;
    sut_buf_init_arena(&path, c->a, PATH);
    sut_buf_lit(&path, "/transaction?status=success&perPage=");
    sut_buf_i64(&path, SUT_RECONCILE_PAGE);
    sut_buf_lit(&path, "&page=");
    sut_buf_i64(&path, page);
    sut_buf_lit(&path, "&from=");
    struct sut_buf time;
    sut_buf_init_arena(&time, c->a, 64);
    sut_time_iso(&time, c->ask->since);
    sut_url_encode(&path, sut_buf_str(&time));
    TRY(sut_buf_check(&path));
    TRY(list(c, SUT_PAY_PAYSTACK, sut_buf_str(&path), &data, &has_more));
    for (size_t i = 0; i < data->n; i++) {
        struct sut_paystack_object o;
        TRY(sut_paystack_read(&data->items[i], &o));
        struct sut_news n = sut_news_of_paystack(&o);
        TRY(compare_theirs(c, &n));
    }
    if (has_more) {
        c->page->next.stage = SUT_RECONCILE_PAYSTACK;
        c->page->next.after = page + 1;
    }
    return SUT_OK;
}

SUT_ERR sut_reconcile_page(const struct sut_pay *p, struct sut_arena *a,
                           const struct sut_reconcile_ask *ask, sut_ms now,
                           struct sut_reconcile_page *ret)
{
    struct comparing c = { .p = p, .a = a, .ask = ask, .now = now, .page = ret };
    *ret = (struct sut_reconcile_page){
        .rows = ARENA_ARRAY(a, struct sut_reconcile_row, SUT_RECONCILE_PAGE + 1),
        .next = { .since = ask->since, .is_applied = ask->is_applied, .stage = ask->stage },
    };
    ENSURE(ret->rows != NULL, NOMEM);
    switch (ask->stage) {
    case SUT_RECONCILE_OURS:
        return do_ours(&c);
    case SUT_RECONCILE_STRIPE:
        return do_stripe(&c);
    case SUT_RECONCILE_PAYSTACK:
        return do_paystack(&c);
    case SUT_RECONCILE_END:
        return SUT_OK;
    }
    FAIL(INVALID);
}
