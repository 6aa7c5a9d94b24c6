/* SPDX-License-Identifier: Apache-2.0
 *
 * webhook - what a provider sends: whether Stripe signed it, and what it is called.
 *
 * Stripe-Signature is "t=<unix time>,v1=<hex>[,v1=…]": HMAC-SHA256 under the endpoint's secret over
 * the time, a dot and the raw body.  One v1 that is right under one of the secrets is
 * enough (two stand while one is rolled), other schemes are passed over.  The time is at most
 * SUT_WEBHOOK_TOLERANCE_S off, either way.  Paystack's is looked at where its key is:
 * sut_courier_verify().
 */
#ifndef SUT_PAY_WEBHOOK_H
#define SUT_PAY_WEBHOOK_H

#include <stddef.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/order.h"

enum { SUT_WEBHOOK_TOLERANCE_S = 300, SUT_WEBHOOK_SIGNATURES_MAX = 8 };

/*
 * PARSE: no such header; STALE: too old, or of the future; DENIED: signed by nobody we know.  An
 * empty secret is none.
 */
SUT_ERR sut_webhook_check_stripe(sut_str header, sut_str body, const sut_str *secrets, size_t n,
                                 sut_ms now);

/* What an event is called, of a body that is signed: slices of the arena's.  PARSE. */
struct sut_webhook_name {
    sut_str event; /* once each */
    sut_str type;
};
SUT_ERR sut_webhook_name_of(struct sut_arena *a, enum sut_pay_method provider, sut_str body,
                            struct sut_webhook_name *ret);

#endif
