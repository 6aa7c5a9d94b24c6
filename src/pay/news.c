/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/news.h"

static bool has_prefix(sut_str s, const char *prefix)
{
    return sut_str_starts(s, sut_str_from(prefix));
}

static struct sut_news none(const char *why)
{
    return (struct sut_news){ .kind = SUT_NEWS_NONE, .why = why };
}

/* --- Stripe --- */

static struct sut_news of_session(const struct sut_stripe_object *o)
{
    struct sut_news n = {
        .provider = SUT_PAY_STRIPE,
        .ref = o->intent.n > 0 ? o->intent : o->id,
        .session = o->id,
        .order = o->order,
        .payment = o->payment,
        .amount = o->amount,
        .currency = o->currency,
    };
    if (sut_str_is(o->payment_status, "paid"))
        n.kind = SUT_NEWS_PAID;
    else if (sut_str_is(o->status, "expired"))
        n.kind = SUT_NEWS_LOST;
    else
        return none("waits");
    return n;
}

static struct sut_news of_intent(const struct sut_stripe_object *o)
{
    struct sut_news n = {
        .provider = SUT_PAY_STRIPE,
        .ref = o->id,
        .order = o->order,
        .payment = o->payment,
        .amount = o->received,
        .currency = o->currency,
    };
    if (sut_str_is(o->status, "succeeded"))
        n.kind = SUT_NEWS_PAID;
    else if (sut_str_is(o->status, "canceled"))
        n.kind = SUT_NEWS_LOST;
    else
        return none("waits");
    return n;
}

/* A charge of which a part went back stays as it is: the shop gives back all or nothing. */
static struct sut_news of_charge(const struct sut_stripe_object *o)
{
    if (o->amount == 0 || o->received < o->amount)
        return none("partial_refund");
    return (struct sut_news){ .kind = SUT_NEWS_REFUNDED,
                              .provider = SUT_PAY_STRIPE,
                              .ref = o->intent,
                              .order = o->order,
                              .payment = o->payment };
}

static struct sut_news of_refund(const struct sut_stripe_object *o)
{
    struct sut_news n = { .provider = SUT_PAY_STRIPE,
                          .ref = o->intent,
                          .refund = o->id,
                          .order = o->order,
                          .payment = o->payment,
                          .amount = o->amount };
    if (sut_str_is(o->status, "succeeded"))
        n.kind = SUT_NEWS_REFUNDED;
    else if (sut_str_is(o->status, "failed") || sut_str_is(o->status, "canceled"))
        n.kind = SUT_NEWS_REFUND_FAILED;
    else
        return none("waits");
    return n;
}

struct sut_news sut_news_of_stripe(const struct sut_stripe_object *o)
{
    if (sut_str_is(o->kind, "checkout.session"))
        return of_session(o);
    if (sut_str_is(o->kind, "payment_intent"))
        return of_intent(o);
    if (sut_str_is(o->kind, "charge"))
        return of_charge(o);
    if (sut_str_is(o->kind, "refund"))
        return of_refund(o);
    return none("not_handled");
}

static SUT_ERR stripe_event(const struct sut_json *v, sut_str type, struct sut_news *ret)
{
    struct sut_stripe_object o;
    const bool is_session = has_prefix(type, "checkout.session.");
    const bool is_refund = has_prefix(type, "refund.") || has_prefix(type, "charge.refund.");
    *ret = none("not_handled");
    /* Who was refused a card may take another: the way to pay stands until it ends. */
    if (sut_str_is(type, "payment_intent.payment_failed")) {
        *ret = none("can_be_tried_again");
        return SUT_OK;
    }
    if (!is_session && !is_refund && !has_prefix(type, "payment_intent.") &&
        !sut_str_is(type, "charge.refunded"))
        return SUT_OK;
    TRY(sut_stripe_read(sut_json_get(sut_json_get(v, "data"), "object"), &o));
    *ret = sut_news_of_stripe(&o);
    if (sut_str_is(type, "checkout.session.async_payment_failed") && ret->kind == SUT_NEWS_NONE)
        *ret = (struct sut_news){ .kind = SUT_NEWS_LOST,
                                  .provider = SUT_PAY_STRIPE,
                                  .ref = o.intent.n > 0 ? o.intent : o.id,
                                  .session = o.id,
                                  .order = o.order,
                                  .payment = o.payment };
    return SUT_OK;
}

/* --- Paystack --- */

struct sut_news sut_news_of_paystack(const struct sut_paystack_object *o)
{
    struct sut_news n = { .provider = SUT_PAY_PAYSTACK,
                          .ref = o->reference,
                          .order = o->order,
                          .payment = o->payment,
                          .amount = o->amount,
                          .currency = o->currency };
    if (sut_str_is(o->status, "success"))
        n.kind = SUT_NEWS_PAID;
    else if (sut_str_is(o->status, "reversed"))
        n.kind = SUT_NEWS_REFUNDED;
    else
        return none("waits");
    return n;
}

static SUT_ERR paystack_event(const struct sut_json *v, sut_str type, struct sut_news *ret)
{
    struct sut_paystack_object o;
    *ret = none("not_handled");
    if (!sut_str_is(type, "charge.success") && !has_prefix(type, "refund."))
        return SUT_OK;
    TRY(sut_paystack_read(sut_json_get(v, "data"), &o));
    if (sut_str_is(type, "charge.success")) {
        *ret = sut_news_of_paystack(&o);
        return SUT_OK;
    }
    const bool is_done = sut_str_is(type, "refund.processed");
    if (!is_done && !sut_str_is(type, "refund.failed")) {
        *ret = none("waits");
        return SUT_OK;
    }
    *ret = (struct sut_news){ .kind = is_done ? SUT_NEWS_REFUNDED : SUT_NEWS_REFUND_FAILED,
                              .provider = SUT_PAY_PAYSTACK,
                              .ref = o.reference,
                              .order = o.order,
                              .payment = o.payment,
                              .amount = o.amount };
    return SUT_OK;
}

SUT_ERR sut_news_of_event(struct sut_arena *a, enum sut_pay_method provider, sut_str type,
                          sut_str body, struct sut_news *ret)
{
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    TRY(sut_json_parse(a, body, &v, &fault));
    return provider == SUT_PAY_STRIPE ? stripe_event(v, type, ret) : paystack_event(v, type, ret);
}
