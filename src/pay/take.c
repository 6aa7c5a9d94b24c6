/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/take.h"

#include "pay/paystack.h"
#include "pay/refund.h"
#include "shop/order.h"

/* Why money is owed back, as rows have it. */
static const char why_late[] = "late";          /* its order was cancelled, or lost its stock */
static const char why_twice[] = "paid_already"; /* by another payment */
static const char why_amount[] = "other_amount";
static const char why_currency[] = "other_currency";
static const char why_stray[] = "unknown_payment"; /* of ours, for a row that had another */

/* --- which payment it is --- */

/* Paystack's names are ours: whose is another may write along what numbers they like. */
static bool is_name_of(const struct sut_payment *p, const struct sut_news *n)
{
    char own[SUT_PAYSTACK_REFERENCE];
    return n->provider != SUT_PAY_PAYSTACK ||
           sut_str_eq(n->ref, sut_paystack_reference(p->id, p->created_at, own));
}

/* By the names that the provider has for it, then by the number that we gave it along. */
static SUT_ERR find_payment(struct sut_db_conn *c, struct sut_arena *a, const struct sut_news *n,
                            struct sut_payment *ret, bool *ret_is_named)
{
    *ret_is_named = true;
    sut_err e = n->ref.n == 0 ? (sut_err){ .code = SUT_E_NOT_FOUND }
                              : sut_payment_by_ref(c, a, n->provider, n->ref, ret);
    if (e.code == SUT_E_NOT_FOUND && n->session.n > 0 && !sut_str_eq(n->session, n->ref))
        e = sut_payment_by_ref(c, a, n->provider, n->session, ret);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    *ret_is_named = false;
    ENSURE(n->payment > 0, NOT_FOUND);
    TRY(sut_payment_by_id(c, a, n->payment, ret));
    ENSURE(ret->order == n->order && ret->provider == n->provider && is_name_of(ret, n), NOT_FOUND);
    return SUT_OK;
}

static void say(struct sut_take_result *ret, enum sut_pay_event event, const struct sut_payment *p,
                const char *why)
{
    ret->has_note = true;
    ret->note = (struct sut_pay_note){ .event = event,
                                       .whose = sut_pay_method_word(p->provider),
                                       .what = "payment",
                                       .why = why,
                                       .order = p->order,
                                       .payment = p->id };
}

/* Whether what becomes of this refund is what becomes of its order's. */
static bool is_of_order(const struct sut_payment *p)
{
    return p->kind != SUT_PAYMENT_STRAY &&
           (p->refund_why.p == NULL ||
            !(sut_str_is(p->refund_why, why_twice) || sut_str_is(p->refund_why, why_amount) ||
              sut_str_is(p->refund_why, why_currency)));
}

static void owe(struct sut_payment *p, const char *why, sut_ms now)
{
    p->refund = SUT_REFUND_PENDING;
    p->refund_why = sut_str_from(why);
    p->tries = 0;
    p->due_at = now;
}

/* --- paid --- */

static SUT_ERR take_unfit(struct sut_db_conn *c, struct sut_arena *a, struct sut_payment *p,
                          const char *why, sut_ms now, struct sut_take_result *ret)
{
    owe(p, why, now);
    ret->why = why;
    ret->is_due = true;
    say(ret, SUT_PAY_UNFIT, p, why);
    TRY(sut_payment_save(c, a, p, now));
    return is_of_order(p) ? sut_order_set_refund(c, p->order, SUT_REFUND_PENDING, now) : SUT_OK;
}

/* Money for a row that has been paid by other money, or has none. */
static SUT_ERR take_stray(struct sut_db_conn *c, struct sut_arena *a, const struct sut_payment *of,
                          const struct sut_news *n, sut_ms now, struct sut_take_result *ret)
{
    const struct sut_payment_new new = {
        .order = of->order,
        .person = of->person,
        .provider = n->provider,
        .amount_cents = of->amount_cents,
        .currency = of->currency,
    };
    struct sut_payment p;
    int64_t id = 0;
    const sut_err e = sut_payment_stray(c, a, &new, n->ref, now, &id);
    if (e.code == SUT_E_EXISTS) {
        ret->why = "taken_already";
        return SUT_OK;
    }
    TRY(e);
    TRY(sut_payment_by_id(c, a, id, &p));
    return take_unfit(c, a, &p, why_stray, now, ret);
}

/* NULL: it is what the order costs. */
static SUT_ERR find_misfit(const struct sut_order *o, const struct sut_news *n, const char **ret)
{
    int64_t units = o->total_cents;
    *ret = NULL;
    if (n->provider == SUT_PAY_STRIPE)
        TRY(sut_stripe_units(o->currency, o->total_cents, &units));
    if (!sut_str_eq_nocase(o->currency, n->currency))
        *ret = why_currency;
    else if (units != n->amount)
        *ret = why_amount;
    return SUT_OK;
}

static SUT_ERR pay_order(struct sut_db_conn *c, struct sut_arena *a, struct sut_payment *p,
                         sut_ms now, struct sut_take_result *ret)
{
    const struct sut_order_step step = { .order = p->order, .reason = "payment" };
    struct sut_order_result r = { .outcome = SUT_ORDER_DONE };
    TRY(sut_order_pay(c, a, &step, now, &r));
    ret->products = r.products;
    ret->n_products = r.n_products;
    if (r.outcome != SUT_ORDER_DONE)
        return take_unfit(c, a, p, r.order.status == SUT_ORDER_CANCELLED ? why_late : why_twice,
                          now, ret);
    ret->why = "paid";
    say(ret, SUT_PAY_TAKEN_NOW, p, NULL);
    TRY(sut_payment_save(c, a, p, now));
    ret->is_due = true;
    return sut_payment_close(c, p->order, now, NULL);
}

static SUT_ERR take_paid(struct sut_db_conn *c, struct sut_arena *a, const struct sut_news *n,
                         struct sut_payment *p, bool is_named, sut_ms now,
                         struct sut_take_result *ret)
{
    struct sut_order o;
    const char *misfit = NULL;
    if (p->state == SUT_PAYMENT_TAKEN) {
        ret->why = "taken_already";
        return is_named ? SUT_OK : take_stray(c, a, p, n, now, ret);
    }
    p->state = SUT_PAYMENT_TAKEN;
    p->ref = n->ref;
    p->due_at = (sut_ms){ 0 };
    /* It went back before we heard of it: that news was quicker. */
    if (p->refund == SUT_REFUND_DONE) {
        ret->why = "refunded";
        return sut_payment_save(c, a, p, now);
    }
    TRY(sut_order_by_id(c, a, p->order, &o));
    TRY(find_misfit(&o, n, &misfit));
    return misfit == NULL ? pay_order(c, a, p, now, ret) : take_unfit(c, a, p, misfit, now, ret);
}

/* --- lost --- */

static SUT_ERR has_other_way(struct sut_db_conn *c, struct sut_arena *a,
                             const struct sut_payment *p, bool *ret)
{
    struct sut_payment *all = NULL;
    size_t n = 0;
    *ret = false;
    TRY(sut_payment_of_order(c, a, p->order, &all, &n));
    for (size_t i = 0; i < n; i++)
        *ret |= all[i].id != p->id && all[i].state != SUT_PAYMENT_LOST;
    return SUT_OK;
}

SUT_ERR sut_take_loss(struct sut_db_conn *c, struct sut_arena *a, struct sut_payment *p, sut_ms now,
                      struct sut_take_result *ret)
{
    const struct sut_order_step step = { .order = p->order,
                                         .is_payment_failed = true,
                                         .reason = "payment_failed" };
    struct sut_order_result r = { .outcome = SUT_ORDER_DONE };
    struct sut_order o;
    bool has_other = false;
    ret->why = p->state == SUT_PAYMENT_TAKEN ? "taken_already" : "lost_already";
    if (p->state != SUT_PAYMENT_BEGUN && p->state != SUT_PAYMENT_OPEN)
        return SUT_OK;
    p->state = SUT_PAYMENT_LOST;
    p->due_at = (sut_ms){ 0 };
    ret->why = "lost";
    say(ret, SUT_PAY_ENDED, p, NULL);
    TRY(sut_payment_save(c, a, p, now));
    TRY(sut_order_by_id(c, a, p->order, &o));
    TRY(has_other_way(c, a, p, &has_other));
    /* What is paid at the door still can be. */
    if (has_other || o.method == SUT_PAY_OFFLINE || o.status != SUT_ORDER_PENDING)
        return SUT_OK;
    TRY(sut_order_cancel(c, a, &step, now, &r));
    ret->products = r.products;
    ret->n_products = r.n_products;
    return SUT_OK;
}

/* --- given back --- */

SUT_ERR sut_take_refund(struct sut_db_conn *c, struct sut_arena *a, struct sut_payment *p,
                        enum sut_refund_status s, sut_ms now)
{
    p->refund = s;
    p->due_at = (sut_ms){ 0 };
    TRY(sut_payment_save(c, a, p, now));
    return is_of_order(p) ? sut_order_set_refund(c, p->order, s, now) : SUT_OK;
}

static SUT_ERR take_given_back(struct sut_db_conn *c, struct sut_arena *a, const struct sut_news *n,
                               struct sut_payment *p, sut_ms now, struct sut_take_result *ret)
{
    const bool is_done = n->kind == SUT_NEWS_REFUNDED;
    const enum sut_refund_status to = is_done ? SUT_REFUND_DONE : SUT_REFUND_FAILED;
    const bool is_same = n->refund.n == 0 || sut_str_eq(n->refund, p->refund_ref);
    const bool is_ours = n->payment == p->id || (n->refund.n > 0 && is_same);
    ret->why = "partial_refund";
    if (!is_ours && !sut_refund_is_whole(p, n->amount))
        return SUT_OK;
    ret->why = "known_already";
    /* News of a refund that failed may come before older news that it went well. */
    if (p->refund == to || (p->refund == SUT_REFUND_FAILED && is_same))
        return SUT_OK;
    /* One of several that failed is not the one that went well. */
    if (p->refund == SUT_REFUND_DONE && !is_same && p->refund_ref.p != NULL)
        return SUT_OK;
    if (n->refund.n > 0)
        p->refund_ref = n->refund;
    ret->why = is_done ? "refunded" : "refund_failed";
    say(ret, is_done ? SUT_PAY_REFUNDED : SUT_PAY_REFUND_FAILED, p, is_done ? NULL : "provider");
    return sut_take_refund(c, a, p, to, now);
}

SUT_ERR sut_take_news(struct sut_db_conn *c, struct sut_arena *a, const struct sut_news *n,
                      sut_ms now, struct sut_take_result *ret)
{
    struct sut_payment p;
    bool is_named = false;
    *ret = (struct sut_take_result){ .why = n->why };
    if (n->kind == SUT_NEWS_NONE)
        return SUT_OK;
    const sut_err e = find_payment(c, a, n, &p, &is_named);
    if (e.code == SUT_E_NOT_FOUND) {
        ret->why = "not_ours";
        return SUT_OK;
    }
    TRY(e);
    switch (n->kind) {
    case SUT_NEWS_PAID:
        return take_paid(c, a, n, &p, is_named, now, ret);
    case SUT_NEWS_LOST:
        return sut_take_loss(c, a, &p, now, ret);
    case SUT_NEWS_REFUNDED:
    case SUT_NEWS_REFUND_FAILED:
        return take_given_back(c, a, n, &p, now, ret);
    case SUT_NEWS_NONE:
        break;
    }
    return SUT_OK;
}
