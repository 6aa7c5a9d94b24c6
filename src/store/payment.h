/* SPDX-License-Identifier: Apache-2.0
 *
 * payment - rows of payments: what was asked of a provider for an order, what it answered,
 * what is to be given back.
 *
 * The provider's names of things (a session, an intent, a reference, a refund) and where the buyer
 * pays are sealed under the buyer's key; the name of the payment is found by a blind index.
 * What a row may become is pay/'s to say; here is what is kept.
 *
 * A row whose due_at has come is claimed for a while before a job works on it: of several
 * servers one does; when that one dies another does, after the claim has ended.
 */
#ifndef SUT_STORE_PAYMENT_H
#define SUT_STORE_PAYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/order.h"

struct sut_db_conn;

/* Kept as numbers: never change one. */
enum sut_payment_kind {
    SUT_PAYMENT_CHECKOUT = 1,    /* Stripe: a Checkout session */
    SUT_PAYMENT_INTENT = 2,      /* Stripe: a PaymentIntent */
    SUT_PAYMENT_TRANSACTION = 3, /* Paystack */
    SUT_PAYMENT_STRAY = 4,       /* money that came without a row of its own: to be given back */
};
enum sut_payment_state {
    SUT_PAYMENT_BEGUN = 1, /* the row stands; whether the provider heard of it is not known */
    SUT_PAYMENT_OPEN = 2,  /* the buyer can pay */
    SUT_PAYMENT_TAKEN = 3, /* the provider has the money, whatever became of the order */
    SUT_PAYMENT_LOST = 4,  /* it failed, expired or was refused */
};
enum {
    SUT_PAYMENT_REF_MAX = 255,
    SUT_PAYMENT_URL_MAX = 2048,
    SUT_PAYMENT_WHY_MAX = 64,
    SUT_PAYMENT_CLAIM_MAX = 16,
    SUT_PAYMENT_OF_ORDER_MAX = 32, /* that are read of one order */
};

struct sut_payment {
    int64_t id;
    int64_t order;
    int64_t person; /* 0: erased */
    enum sut_pay_method provider;
    enum sut_payment_kind kind;
    enum sut_payment_state state;
    int64_t amount_cents;
    sut_str currency; /* as the order has it */
    enum sut_refund_status refund;
    sut_str refund_why; /* a constant word; p is NULL: none */
    int64_t tries;      /* of the refund */
    sut_ms due_at;      /* when a job looks at it next; 0: nothing is left to do */
    sut_ms created_at;
    sut_ms modified_at;
    sut_str ref;        /* the provider's name of it; p is NULL: none, or lost with its key */
    sut_str url;        /* where the buyer pays; of an intent: its client secret */
    sut_str refund_ref; /* the provider's name of the refund */
};

struct sut_payment_new {
    int64_t order;
    int64_t person;
    enum sut_pay_method provider;
    enum sut_payment_kind kind;
    int64_t amount_cents;
    sut_str currency;
};
/*
 * In a write job: a row in state BEGUN, or the one of this order, provider and kind that is BEGUN
 * or OPEN: there is one at most.  *ret_is_new says which.
 */
SUT_ERR sut_payment_begin(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_payment_new *n, sut_ms now, struct sut_payment *ret,
                          bool *ret_is_new);
/*
 * In a write job: money that has no row: one of kind STRAY, TAKEN.  EXISTS: its ref has a row.
 */
SUT_ERR sut_payment_stray(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_payment_new *n, sut_str ref, sut_ms now, int64_t *ret);

/* NOT_FOUND. */
SUT_ERR sut_payment_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                          struct sut_payment *ret);
/* By the provider's name of it; NOT_FOUND. */
SUT_ERR sut_payment_by_ref(struct sut_db_conn *c, struct sut_arena *a, enum sut_pay_method provider,
                           sut_str ref, struct sut_payment *ret);
/* Those of an order, the oldest first. */
SUT_ERR sut_payment_of_order(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                             struct sut_payment **ret, size_t *ret_n);
/* Those made since then with a greater number than `after`, by number; for who compares. */
SUT_ERR sut_payment_since(struct sut_db_conn *c, struct sut_arena *a, sut_ms since, int64_t after,
                          size_t limit, struct sut_payment **ret, size_t *ret_n);

/*
 * In a write job: write a row back that was read in it: state, refund, refund_why, tries, due_at
 * and the sealed ones.  EXISTS: another row has this ref.
 */
SUT_ERR sut_payment_save(struct sut_db_conn *c, struct sut_arena *a, const struct sut_payment *p,
                         sut_ms now);
/*
 * In a write job, of an order that is cancelled: what was taken for it and is not given back yet is
 * to be, from now on, and what could still be paid is closed; `why` is a constant word.  *ret: how
 * many payments that is (may be NULL).
 */
SUT_ERR sut_payment_owe_refund(struct sut_db_conn *c, int64_t order, const char *why, sut_ms now,
                               int64_t *ret);

/*
 * In a write job: what could still be paid of an order is looked at by a job from now on, which
 * ends it at the provider: the order is paid or over.  *ret: how many those are (may be NULL).
 */
SUT_ERR sut_payment_close(struct sut_db_conn *c, int64_t order, sut_ms now, int64_t *ret);

/* In a write job: the numbers of up to n (SUT_PAYMENT_CLAIM_MAX) rows that are due, the longest due
 * first; until `claim_ms` from now nobody else gets them. */
SUT_ERR sut_payment_claim(struct sut_db_conn *c, size_t n, int64_t claim_ms, sut_ms now,
                          int64_t *ret, size_t *ret_n);
/* When the next row is due; 0: none is. */
SUT_ERR sut_payment_next_due(struct sut_db_conn *c, sut_ms *ret);

#endif
