/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/refund.h"

enum { PATH_MAX_ = SUT_ERRAND_PATH_MAX, BODY_MAX = 1024, NOT_FOUND_STATUS = 404 };

static SUT_ERR path_of(struct sut_arena *a, const char *before, sut_str id, const char *after,
                       sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, PATH_MAX_);
    sut_buf_z(&b, before);
    sut_buf_str_add(&b, id);
    sut_buf_z(&b, after);
    *ret = sut_buf_str(&b);
    return sut_buf_check(&b);
}

static struct sut_pay_call call_of(const struct sut_payment *pay, const char *what)
{
    return (struct sut_pay_call){ .provider = pay->provider,
                                  .what = what,
                                  .method = SUT_ERRAND_GET,
                                  .order = pay->order,
                                  .payment = pay->id };
}

bool sut_refund_is_whole(const struct sut_payment *p, int64_t units)
{
    int64_t all = p->amount_cents;
    /* Another amount than was asked for came: how much is not written. */
    if (units <= 0 || (p->refund_why.p != NULL && sut_str_starts(p->refund_why, SUT_STR("other_"))))
        return true;
    return (p->provider == SUT_PAY_STRIPE &&
            sut_failed(sut_stripe_units(p->currency, p->amount_cents, &all))) ||
           units >= all;
}

/* --- what an answer says of a refund --- */

static void read_stripe(const struct sut_stripe_object *o, struct sut_refund_answer *ret)
{
    ret->ref = o->id;
    ret->fate = SUT_REFUND_IS_PENDING;
    if (sut_str_is(o->status, "succeeded"))
        ret->fate = SUT_REFUND_IS_DONE;
    else if (sut_str_is(o->status, "failed") || sut_str_is(o->status, "canceled"))
        ret->fate = SUT_REFUND_IS_FAILED;
    ret->why = "provider";
}

static SUT_ERR read_paystack(struct sut_arena *a, const struct sut_paystack_object *o,
                             struct sut_refund_answer *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 24);
    sut_buf_i64(&b, o->id);
    TRY(sut_buf_check(&b));
    ret->ref = o->id > 0 ? sut_buf_str(&b) : (sut_str){ 0 };
    ret->fate = SUT_REFUND_IS_PENDING;
    if (sut_str_is(o->status, "processed"))
        ret->fate = SUT_REFUND_IS_DONE;
    else if (sut_str_is(o->status, "failed"))
        ret->fate = SUT_REFUND_IS_FAILED;
    ret->why = "provider";
    return SUT_OK;
}

static SUT_ERR read_answer(struct sut_arena *a, const struct sut_payment *pay, sut_str text,
                           struct sut_refund_answer *ret)
{
    if (pay->provider == SUT_PAY_STRIPE) {
        struct sut_stripe_object o;
        TRY(sut_stripe_parse(a, text, &o));
        ENSURE(sut_str_is(o.kind, "refund"), PARSE);
        read_stripe(&o, ret);
        return SUT_OK;
    }
    struct sut_paystack_object o;
    TRY(sut_paystack_parse(a, text, &o));
    return read_paystack(a, &o, ret);
}

/* --- Stripe's and Paystack's lists, when all was given back already --- */

static SUT_ERR read_list(struct sut_arena *a, const struct sut_payment *pay, sut_str text,
                         struct sut_refund_answer *ret, int64_t *ret_units)
{
    if (pay->provider == SUT_PAY_PAYSTACK) {
        struct sut_paystack_object o;
        TRY(sut_paystack_parse_first(a, text, &o));
        *ret_units = o.amount;
        return read_paystack(a, &o, ret);
    }
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    struct sut_stripe_object o;
    TRY(sut_json_parse(a, text, &v, &fault));
    const struct sut_json *const data = sut_json_get(v, "data");
    ENSURE(data != NULL && data->type == SUT_JSON_ARRAY, PARSE);
    ENSURE(data->n > 0, NOT_FOUND);
    TRY(sut_stripe_read(&data->items[0], &o));
    *ret_units = o.amount;
    read_stripe(&o, ret);
    return SUT_OK;
}

/* How much the newest is of. */
static SUT_ERR find_refund(const struct sut_pay *p, struct sut_arena *a,
                           const struct sut_payment *pay, struct sut_refund_answer *ret,
                           int64_t *ret_units)
{
    struct sut_pay_call c = call_of(pay, "refunds");
    struct sut_pay_reply reply;
    TRY(path_of(a,
                pay->provider == SUT_PAY_STRIPE ? "/v1/refunds?limit=1&payment_intent="
                                                : "/refund?perPage=1&transaction=",
                pay->ref, "", &c.path));
    sut_pay__call(p, a, &c, &reply);
    TRY(sut_pay__outcome(&reply));
    return read_list(a, pay, reply.text, ret, ret_units);
}

/* --- asking --- */

static SUT_ERR make_call(struct sut_arena *a, const struct sut_payment *pay, struct sut_pay_call *c,
                         char key[SUT_PAY_KEY_MAX])
{
    const bool is_stripe = pay->provider == SUT_PAY_STRIPE;
    struct sut_buf b;
    *c = call_of(pay, "refund");
    if (pay->refund_ref.p != NULL)
        return path_of(a, is_stripe ? "/v1/refunds/" : "/refund/", pay->refund_ref, "", &c->path);
    sut_buf_init_arena(&b, a, BODY_MAX);
    c->method = SUT_ERRAND_POST;
    c->path = is_stripe ? SUT_STR("/v1/refunds") : SUT_STR("/refund");
    if (is_stripe) {
        sut_stripe_put_refund(&b, pay->ref, pay->order, pay->id);
        c->key = sut_pay__key(pay->id, pay->created_at, "refund", pay->tries, key);
    } else {
        sut_paystack_put_refund(&b, pay->ref);
    }
    c->text = sut_buf_str(&b);
    return sut_buf_check(&b);
}

static SUT_ERR ask(const struct sut_pay *p, struct sut_arena *a, const struct sut_payment *pay,
                   struct sut_refund_answer *ret)
{
    char key[SUT_PAY_KEY_MAX];
    struct sut_pay_call c;
    struct sut_pay_reply reply;
    int64_t units = 0;
    TRY(make_call(a, pay, &c, key));
    sut_pay__call(p, a, &c, &reply);
    ret->was_answered = reply.status > 0;
    ret->why = reply.why;
    if (reply.fate == SUT_PAY_ANSWERED)
        return read_answer(a, pay, reply.text, ret);
    if (reply.fate == SUT_PAY_LATER)
        FAIL(UNAVAILABLE);
    /* It was given back already: by a call whose answer was lost, or by hand. */
    ENSURE(pay->refund_ref.p == NULL && reply.status > 0, DENIED);
    TRY(find_refund(p, a, pay, ret, &units));
    /* A part that went back is not why it was refused, unless nothing is left. */
    const bool is_all = sut_str_is(sut_str_from(reply.why), "charge_already_refunded");
    ENSURE(is_all || sut_refund_is_whole(pay, units), DENIED);
    return SUT_OK;
}

void sut_refund_ask(const struct sut_pay *p, struct sut_arena *a, const struct sut_payment *pay,
                    struct sut_refund_answer *ret)
{
    *ret = (struct sut_refund_answer){ .fate = SUT_REFUND_IS_FAILED, .why = "name_lost" };
    if (pay->ref.p == NULL)
        return;
    const sut_err e = ask(p, a, pay, ret);
    if (!sut_failed(e))
        return;
    /* Of one that has a name only its own word says that it failed. */
    ret->is_unknown = e.code == SUT_E_DENIED && pay->refund_ref.p != NULL;
    const bool is_refused =
        !ret->is_unknown && (e.code == SUT_E_DENIED || e.code == SUT_E_NOT_FOUND);
    ret->fate = is_refused ? SUT_REFUND_IS_FAILED : SUT_REFUND_IS_LATER;
    ret->ref = (sut_str){ 0 };
    if (ret->why == NULL)
        ret->why = is_refused ? "refused" : "answer_broken";
}

/* --- what is it now --- */

static SUT_ERR read_payment(struct sut_arena *a, const struct sut_payment *pay, sut_str text,
                            struct sut_news *ret)
{
    if (pay->provider == SUT_PAY_STRIPE) {
        struct sut_stripe_object o;
        TRY(sut_stripe_parse(a, text, &o));
        *ret = sut_news_of_stripe(&o);
        return SUT_OK;
    }
    struct sut_paystack_object o;
    TRY(sut_paystack_parse(a, text, &o));
    *ret = sut_news_of_paystack(&o);
    return SUT_OK;
}

static const char *place_of(const struct sut_payment *pay)
{
    if (pay->provider == SUT_PAY_PAYSTACK)
        return "/transaction/verify/";
    return sut_str_starts(pay->ref, SUT_STR("cs_")) ? "/v1/checkout/sessions/"
                                                    : "/v1/payment_intents/";
}

SUT_ERR sut_refund_look(const struct sut_pay *p, struct sut_arena *a, const struct sut_payment *pay,
                        struct sut_news *ret)
{
    struct sut_pay_call c = call_of(pay, "look");
    struct sut_pay_reply reply;
    ENSURE(pay->ref.p != NULL, NOT_FOUND);
    TRY(path_of(a, place_of(pay), pay->ref, "", &c.path));
    sut_pay__call(p, a, &c, &reply);
    ENSURE(reply.status != NOT_FOUND_STATUS, NOT_FOUND);
    TRY(sut_pay__outcome(&reply));
    return read_payment(a, pay, reply.text, ret);
}

SUT_ERR sut_refund_close(const struct sut_pay *p, struct sut_arena *a,
                         const struct sut_payment *pay, struct sut_news *ret)
{
    const bool is_session = pay->ref.p != NULL && sut_str_starts(pay->ref, SUT_STR("cs_"));
    struct sut_pay_call c = call_of(pay, "close");
    struct sut_pay_reply reply;
    *ret = (struct sut_news){ .kind = SUT_NEWS_LOST, .provider = pay->provider, .ref = pay->ref };
    /* Paystack has no way to end one: what comes is given back. */
    if (pay->ref.p == NULL || pay->provider == SUT_PAY_PAYSTACK)
        return SUT_OK;
    c.method = SUT_ERRAND_POST;
    TRY(path_of(a, place_of(pay), pay->ref, is_session ? "/expire" : "/cancel", &c.path));
    sut_pay__call(p, a, &c, &reply);
    if (reply.fate == SUT_PAY_REFUSED && reply.status > 0)
        /* It has ended already, in one way or the other. */
        return sut_refund_look(p, a, pay, ret);
    TRY(sut_pay__outcome(&reply));
    return read_payment(a, pay, reply.text, ret);
}
