/* SPDX-License-Identifier: Apache-2.0
 *
 * refund - give back what was taken: ask the provider, or ask what has become of it; and end at
 * the provider what could still be paid.
 *
 * Of this folder alone.  Blocks for the courier; nothing here writes to the store.
 */
#ifndef SUT_PAY_REFUND_H
#define SUT_PAY_REFUND_H

#include "pay/call.h"
#include "pay/news.h"
#include "store/payment.h"

enum sut_refund_fate {
    SUT_REFUND_IS_DONE,
    SUT_REFUND_IS_PENDING, /* on its way; it is asked about later */
    SUT_REFUND_IS_FAILED,  /* for good */
    SUT_REFUND_IS_LATER,   /* the provider can't be had */
};
struct sut_refund_answer {
    enum sut_refund_fate fate;
    sut_str ref;       /* the refund's name; p is NULL: none was told */
    const char *why;   /* of FAILED and LATER: a constant word */
    bool was_answered; /* LATER: the next try is another, not the same again */
    bool is_unknown;   /* LATER: it was asked for by its name, and the provider knows none such */
};
/* Ask for it; when it has a name already, what has become of it. */
void sut_refund_ask(const struct sut_pay *p, struct sut_arena *a, const struct sut_payment *pay,
                    struct sut_refund_answer *ret);

/*
 * End a session or an intent that nobody is to pay any more; *ret says what it is then: PAID
 * when the buyer was quicker.  UNAVAILABLE: it is not known.
 */
SUT_ERR sut_refund_close(const struct sut_pay *p, struct sut_arena *a,
                         const struct sut_payment *pay, struct sut_news *ret);

/* What the provider says of a payment that has a ref.  UNAVAILABLE; NOT_FOUND: it has none such. */
SUT_ERR sut_refund_look(const struct sut_pay *p, struct sut_arena *a, const struct sut_payment *pay,
                        struct sut_news *ret);

/* Whether so many of the provider's units are all that there was of it; 0: it was not told. */
bool sut_refund_is_whole(const struct sut_payment *p, int64_t units);

#endif
