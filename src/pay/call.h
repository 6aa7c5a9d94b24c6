/* SPDX-License-Identifier: Apache-2.0
 *
 * call - one question to a provider of payments, and what kind of answer came.
 *
 * Of this folder alone.  Blocks.
 */
#ifndef SUT_PAY_CALL_H
#define SUT_PAY_CALL_H

#include "pay/pay.h"

enum sut_pay_fate {
    SUT_PAY_ANSWERED, /* 2xx: text is the answer */
    SUT_PAY_REFUSED,  /* for good: text is the error */
    /* It can't be had, lets us not in, is too busy, or broke: whether it did it is not known. */
    SUT_PAY_LATER,
};

struct sut_pay_call {
    enum sut_pay_method provider;
    const char *what; /* a constant word, for the log */
    enum sut_errand_method method;
    sut_str path;
    sut_str text;
    sut_str key; /* Stripe's Idempotency-Key */
    int64_t order;
    int64_t payment;
};
struct sut_pay_reply {
    enum sut_pay_fate fate;
    int status;      /* 0: no answer came */
    const char *why; /* of what is not ANSWERED: a constant word */
    sut_str text;
};
/* Failures are told (sut_pay.tell). */
void sut_pay__call(const struct sut_pay *p, struct sut_arena *a, const struct sut_pay_call *c,
                   struct sut_pay_reply *ret);
/* DENIED or UNAVAILABLE, where a reply is not ANSWERED. */
SUT_ERR sut_pay__outcome(const struct sut_pay_reply *r);

void sut_pay__tell(const struct sut_pay *p, const struct sut_pay_note *n);

enum { SUT_PAY_KEY_MAX = 96 };
/* "sutler-<made>-<payment>-<what><try>": ours alone, also after the store was made anew. */
sut_str sut_pay__key(int64_t payment, sut_ms made, const char *what, int64_t n_try,
                     char to[SUT_PAY_KEY_MAX]);

#endif
