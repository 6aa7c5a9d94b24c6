/* SPDX-License-Identifier: Apache-2.0
 *
 * pay - the money of an order, asked of a provider and told by it.
 *
 * The order stands before its provider is asked, so a call that was lost in between can be
 * found (payments reconcile) and paid late (then it is refunded when the order is dead).  Every
 * request to a provider carries an idempotency key made of our own row's number, so
 * that asking again charges nobody twice.
 *
 *     sut_order_make() in a write job, committed;
 *     sut_req_conn_end(r);
 *     e = sut_pay_begin(app->pay, r->arena, &made.order, email, now, &begun);
 *     if (sut_failed(e))   cancel the order in a second write job, answer 402
 * (sut_pay_is_refusal()), else                 answer with begun.url (or null when it is empty:
 * offline)
 *
 * Blocks for the courier: on the pool, with no connection of the store's borrowed.  Any thread.
 */
#ifndef SUT_PAY_PAY_H
#define SUT_PAY_PAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "ipc/courier.h"
#include "store/order.h"

struct sut_store;

/* What the log hears of: numbers of ours and constant words, nothing personal. */
enum sut_pay_event {
    SUT_PAY_CALL_FAILED,   /* a provider refused, or can't be had */
    SUT_PAY_TAKEN_NOW,     /* an order is paid */
    SUT_PAY_UNFIT,         /* money came that fits no order: it is given back; see why */
    SUT_PAY_ENDED,         /* a payment failed or expired */
    SUT_PAY_REFUNDED,      /* given back */
    SUT_PAY_REFUND_FAILED, /* it could not be given back: somebody is to look */
    SUT_PAY_EVENT_LEFT,    /* an event of a provider that could not be worked off */
    SUT_PAY_TROUBLE,       /* the store or the keeper can't be had: the rows wait */
};
struct sut_pay_note {
    enum sut_pay_event event;
    const char *whose; /* the provider: "stripe"; "" for none */
    const char *what;  /* a constant word: what was asked, or the event */
    const char *why;   /* a constant word; NULL: none */
    int64_t order;     /* 0: none */
    int64_t payment;
    int status; /* of HTTP; 0: no answer */
    sut_err err;
};

struct sut_pay {
    struct sut_store *store;
    struct sut_courier *courier; /* NULL: no provider can be asked */
    bool has_stripe;             /* the courier has its key */
    bool has_paystack;
    sut_str currency;
    sut_str
        success_url; /* where the provider sends the buyer back to; the order's number is added */
    sut_str cancel_url;
    unsigned timeout_ms; /* of one call */
    /* After a commit in which the stock of these products changed; may be NULL. */
    void (*stock_changed)(void *ctx, const int64_t *products, size_t n);
    void *stock_ctx;
    void (*tell)(void *ctx, const struct sut_pay_note *n); /* may be NULL; any thread */
    void *tell_ctx;
    /* NULL, or what is called in the courier's place (tests); as sut_courier_fetch(). */
    SUT_ERR(*fetch)
    (void *ctx, const struct sut_errand *e, struct sut_buf *body, struct sut_errand_answer *ret);
    void *fetch_ctx;
};

/* What a buyer needs to pay. */
struct sut_pay_begun {
    sut_str url;           /* Stripe Checkout, Paystack: where to pay; empty: offline */
    sut_str client_secret; /* PaymentIntent */
    int64_t amount_cents;  /* in the units in which the provider counts the currency */
    sut_str currency;      /* lower case, as the provider has it */
    bool is_over; /* its order was cancelled, or paid elsewhere, while the provider was asked */
};

/*
 * Ask the order's provider for a way to pay: a Checkout session (Stripe), a transaction
 * (Paystack), nothing (offline).  On UNAVAILABLE and on a refusal (DENIED) the order is as before:
 * it is the caller's to cancel it.  Asked twice it gives the same way.  INVALID: the order is
 * not one that waits to be paid.
 */
SUT_ERR sut_pay_begin(const struct sut_pay *p, struct sut_arena *a, const struct sut_order *o,
                      sut_str email, sut_ms now, struct sut_pay_begun *ret);
/* Contract B: a PaymentIntent for the order, with automatic methods; the same one when asked twice.
 */
SUT_ERR sut_pay_intent(const struct sut_pay *p, struct sut_arena *a, const struct sut_order *o,
                       sut_ms now, struct sut_pay_begun *ret);
/* Whether a failure of these two is the provider's: 402 `Payment processing failed`. */
bool sut_pay_is_refusal(sut_err e);
/* Whether orders can be paid so: its provider's key is set; offline always can. */
bool sut_pay_has(const struct sut_pay *p, enum sut_pay_method m);

#endif
