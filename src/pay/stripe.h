/* SPDX-License-Identifier: Apache-2.0
 *
 * stripe - what Stripe is asked, as forms, and what it answers.
 *
 * Forms name nested values as the official library does: metadata[order_id].  Answers are read for
 * the few members that matter; one that misses them, or has them of another type, is PARSE.
 * Pure functions.  Source: Stripe's API reference, version 2020-08-27.
 */
#ifndef SUT_PAY_STRIPE_H
#define SUT_PAY_STRIPE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/json.h"

enum {
    SUT_STRIPE_EXPIRES_MIN_S = 30 * 60, /* of a session, from now on */
    SUT_STRIPE_EXPIRES_MAX_S = 24 * 3600,
    /* Its clock and ours, and the way there: a session that would end too early is refused. */
    SUT_STRIPE_EXPIRES_SLACK_S = 60,
};

/*
 * Cents of a price in the units that Stripe counts a currency in (any case): yen have no
 * hundredths, dinars have thousandths.  INVALID: the amount can't be said, or is none.
 */
SUT_ERR sut_stripe_units(sut_str currency, int64_t cents, int64_t *ret);

/* What a payment is for. */
struct sut_stripe_asked {
    int64_t order;
    int64_t payment;      /* our row's number */
    sut_str order_number; /* "MW-2026-00089" */
    int64_t units;
    sut_str currency; /* any case */
    /* Of a session alone. */
    sut_str email; /* empty: none */
    sut_str success_url;
    sut_str cancel_url;
    int64_t expires_s; /* unix time; 0: none is said */
};
/* POST /v1/checkout/sessions: one line with the order's total. */
void sut_stripe_put_session(struct sut_buf *form, const struct sut_stripe_asked *a);
/* POST /v1/payment_intents: automatic methods. */
void sut_stripe_put_intent(struct sut_buf *form, const struct sut_stripe_asked *a);
/* POST /v1/refunds: all that is left of it. */
void sut_stripe_put_refund(struct sut_buf *form, sut_str intent, int64_t order, int64_t payment);

/* A session, an intent, a charge or a refund; what an object does not have is empty or 0. */
struct sut_stripe_object {
    sut_str kind; /* "checkout.session", "payment_intent", "charge", "refund" */
    sut_str id;
    sut_str status;
    sut_str payment_status; /* session: "paid", "unpaid" */
    sut_str intent;         /* session, charge, refund: the intent's id */
    sut_str url;            /* session */
    sut_str client_secret;  /* intent */
    int64_t amount;         /* session: amount_total; intent, charge, refund: amount */
    int64_t received;       /* intent: amount_received; charge: amount_refunded */
    sut_str currency;       /* lower case */
    int64_t order;          /* of its metadata; 0: none, it is not ours */
    int64_t payment;
};
/* Of a parsed value; slices of it. */
SUT_ERR sut_stripe_read(const struct sut_json *v, struct sut_stripe_object *ret);
/* Of an answer's text. */
SUT_ERR sut_stripe_parse(struct sut_arena *a, sut_str text, struct sut_stripe_object *ret);
/* What an error's answer says, a constant word: "charge_already_refunded"; "refused" for others. */
const char *sut_stripe_why(struct sut_arena *a, sut_str text);

#endif
