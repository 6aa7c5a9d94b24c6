/* SPDX-License-Identifier: Apache-2.0
 *
 * pay - the money of an order, asked of a provider and told by it.
 *
 * The order stands before its provider is asked, so a call that was lost in between can be
 * found (payments reconcile) and paid late (then it is refunded when the order is dead).  Every
 * request to a provider carries an idempotency key made of our own row's number, so
 * that asking again charges nobody twice.
 *
 * Blocks for the courier: on the pool.  Any thread.
 */
#ifndef SUT_PAY_PAY_H
#define SUT_PAY_PAY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/order.h"

struct sut_store;
struct sut_courier;
struct sut_config;

struct sut_pay {
    struct sut_store *store;
    struct sut_courier *courier; /* NULL: no provider can be asked */
    sut_str currency;
    sut_str success_url; /* where the provider sends the buyer back to */
    sut_str cancel_url;
    /* After a commit in which the stock of these products changed; may be NULL. */
    void (*stock_changed)(void *ctx, const int64_t *products, size_t n);
    void *stock_ctx;
};

/* What a buyer needs to pay. */
struct sut_pay_begun {
    sut_str url;           /* Stripe Checkout, Paystack: where to pay; empty: offline */
    sut_str client_secret; /* PaymentIntent */
    int64_t amount_cents;
    sut_str currency; /* lower case, as the provider has it */
};

/*
 * Ask the order's provider for a way to pay: a Checkout session (Stripe), a transaction
 * (Paystack), nothing (offline).  On UNAVAILABLE and on a refusal (DENIED) the order is as before:
 * it is the caller's to cancel it.  Asked twice it gives the same way.
 */
SUT_ERR sut_pay_begin(const struct sut_pay *p, struct sut_arena *a, const struct sut_order *o,
                      sut_str email, sut_ms now, struct sut_pay_begun *ret);
/* Contract B: a PaymentIntent for the order, with automatic methods; the same one when asked twice.
 */
SUT_ERR sut_pay_intent(const struct sut_pay *p, struct sut_arena *a, const struct sut_order *o,
                       sut_ms now, struct sut_pay_begun *ret);

#endif
