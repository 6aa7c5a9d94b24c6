/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/call.h"

#include "pay/stripe.h"

enum {
    ANSWER_MAX = 1024 * 1024, /* as ipc/errands.def has it */
    HTTP_OK = 200,
    HTTP_MORE = 300,
    HTTP_BAD = 400,
    HTTP_UNKNOWN = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_TIMEOUT = 408,
    HTTP_CONFLICT = 409,
    HTTP_TOO_MANY = 429,
    HTTP_SERVER = 500,
};

void sut_pay__tell(const struct sut_pay *p, const struct sut_pay_note *n)
{
    if (p->tell != NULL)
        p->tell(p->tell_ctx, n);
}

static SUT_ERR fetch(const struct sut_pay *p, const struct sut_pay_call *c, struct sut_buf *body,
                     struct sut_errand_answer *ret)
{
    const struct sut_errand e = {
        .purpose = c->provider == SUT_PAY_PAYSTACK ? SUT_ERRAND_PAYSTACK : SUT_ERRAND_STRIPE,
        .method = c->method,
        .path = c->path,
        .text = c->text,
        .key = c->key,
        .timeout_ms = p->timeout_ms,
    };
    if (p->fetch != NULL)
        return p->fetch(p->fetch_ctx, &e, body, ret);
    ENSURE(p->courier != NULL, NOT_FOUND);
    return sut_courier_fetch(p->courier, &e, body, ret);
}

static const char *why_of(sut_err e)
{
    switch ((int) e.code) {
    case SUT_E_NOT_FOUND:
        return "no_key";
    case SUT_E_BUSY:
        return "courier_busy";
    case SUT_E_TOO_LARGE:
        return "answer_too_large";
    case SUT_E_DENIED:
    case SUT_E_INVALID:
        return "courier_refused";
    case SUT_E_PARSE:
        return "answer_broken";
    default:
        return "no_answer";
    }
}

/* Why an answer is no word about what was asked; NULL: it is one, a refusal for good. */
static const char *why_later(int status)
{
    if (status >= HTTP_SERVER)
        return "provider_broke";
    /* A key that was changed, or may not do that yet: what is owed stays owed. */
    if (status == HTTP_UNKNOWN || status == HTTP_FORBIDDEN)
        return "key_refused";
    /* Somebody on the way who points elsewhere. */
    if (status < HTTP_BAD)
        return "answer_broken";
    /* Stripe's 409: the first of two with one key still runs. */
    if (status == HTTP_TOO_MANY || status == HTTP_CONFLICT || status == HTTP_TIMEOUT)
        return "provider_busy";
    return NULL;
}

static void judge(struct sut_arena *a, const struct sut_pay_call *c, struct sut_pay_reply *r)
{
    if (r->status >= HTTP_OK && r->status < HTTP_MORE)
        return;
    r->why = why_later(r->status);
    r->fate = r->why != NULL ? SUT_PAY_LATER : SUT_PAY_REFUSED;
    if (r->why == NULL)
        r->why = c->provider == SUT_PAY_STRIPE ? sut_stripe_why(a, r->text) : "refused";
}

void sut_pay__call(const struct sut_pay *p, struct sut_arena *a, const struct sut_pay_call *c,
                   struct sut_pay_reply *ret)
{
    struct sut_buf body;
    struct sut_errand_answer answer = { .status = 0 };
    sut_buf_init_arena(&body, a, ANSWER_MAX);
    *ret = (struct sut_pay_reply){ .fate = SUT_PAY_ANSWERED };
    const sut_err e = fetch(p, c, &body, &answer);
    if (sut_failed(e)) {
        /* What the settings do not name will not be named in a minute, either. */
        ret->fate =
            e.code == SUT_E_NOT_FOUND || e.code == SUT_E_INVALID ? SUT_PAY_REFUSED : SUT_PAY_LATER;
        ret->why = why_of(e);
    } else {
        ret->status = answer.status;
        ret->text = sut_buf_str(&body);
        judge(a, c, ret);
    }
    if (ret->fate == SUT_PAY_ANSWERED)
        return;
    const struct sut_pay_note n = { .event = SUT_PAY_CALL_FAILED,
                                    .whose = sut_pay_method_word(c->provider),
                                    .what = c->what,
                                    .why = ret->why,
                                    .order = c->order,
                                    .payment = c->payment,
                                    .status = ret->status,
                                    .err = e };
    sut_pay__tell(p, &n);
}

SUT_ERR sut_pay__outcome(const struct sut_pay_reply *r)
{
    ENSURE(r->fate != SUT_PAY_REFUSED, DENIED);
    ENSURE(r->fate == SUT_PAY_ANSWERED, UNAVAILABLE);
    return SUT_OK;
}

sut_str sut_pay__key(int64_t payment, sut_ms made, const char *what, int64_t n_try,
                     char to[SUT_PAY_KEY_MAX])
{
    struct sut_buf b = { .p = to, .cap = SUT_PAY_KEY_MAX, .max = SUT_PAY_KEY_MAX };
    sut_buf_lit(&b, "sutler-");
    sut_buf_i64(&b, made.v);
    sut_buf_char(&b, '-');
    sut_buf_i64(&b, payment);
    sut_buf_char(&b, '-');
    sut_buf_z(&b, what);
    sut_buf_i64(&b, n_try);
    return sut_buf_str(&b);
}
