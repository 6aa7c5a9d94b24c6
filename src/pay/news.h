/* SPDX-License-Identifier: Apache-2.0
 *
 * news - what a provider says has become of money, in one form for both: out of an event
 * that it sent, or of what it answered when it was asked.
 *
 * Pure functions.
 */
#ifndef SUT_PAY_NEWS_H
#define SUT_PAY_NEWS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "pay/paystack.h"
#include "pay/stripe.h"
#include "store/order.h"

enum sut_news_kind {
    SUT_NEWS_NONE,          /* nothing that the shop does anything about */
    SUT_NEWS_PAID,          /* the provider has the money */
    SUT_NEWS_LOST,          /* this way to pay has ended unpaid */
    SUT_NEWS_REFUNDED,      /* it went back, as much of it as the amount says */
    SUT_NEWS_REFUND_FAILED, /* and did not arrive */
};

struct sut_news {
    enum sut_news_kind kind;
    const char *why; /* NONE: a constant word */
    enum sut_pay_method provider;
    sut_str ref;     /* the payment: an intent, a reference; a session that has no intent */
    sut_str session; /* Stripe: the session that led to it; empty: not told */
    sut_str refund;  /* REFUND*: its name; empty: not told */
    int64_t order;   /* of our metadata; 0: none */
    int64_t payment;
    int64_t amount;   /* in the provider's units; REFUND*: 0 is all of it */
    sut_str currency; /* PAID */
};

/* Of an event's body, which is signed.  PARSE: it is not what its type says. */
SUT_ERR sut_news_of_event(struct sut_arena *a, enum sut_pay_method provider, sut_str type,
                          sut_str body, struct sut_news *ret);
/* Of what an intent, a session or a transaction is now, when it was asked for. */
struct sut_news sut_news_of_stripe(const struct sut_stripe_object *o);
struct sut_news sut_news_of_paystack(const struct sut_paystack_object *o);

#endif
