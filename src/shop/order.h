/* SPDX-License-Identifier: Apache-2.0
 *
 * order - the rules of orders: what is sold, what it costs, what may follow what.
 *
 * pending -> paid -> shipped -> delivered; pending or paid -> cancelled (paid within
 * SUT_ORDER_CANCEL_H hours).  Stock is held when the order is made, taken when it is paid, given
 * back when it is cancelled, expires or fails; store/stock.h is the ledger.  An order, its
 * lines, stock, the history, the mail and the audit row are one transaction.
 *
 * Functions that take a connection run inside a write job of the caller's, so that what
 * caused the change (a webhook, a handler's claim) is in the same transaction; results are
 * made anew when the job runs again.  Afterwards the caller tells the catalogue's
 * fragments which products changed.
 *
 * No HTTP, no JSON, no SQL.  Time is a parameter.
 */
#ifndef SUT_SHOP_ORDER_H
#define SUT_SHOP_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/order.h"

struct sut_db_conn;
struct sut_store;

enum {
    SUT_ORDER_HOLD_MIN = 30, /* an unpaid order's stock is held so long, unless a setting says so */
    SUT_ORDER_CANCEL_H = 24, /* a paid one can be cancelled so long */
    SUT_ORDER_EXPIRE_MAX = 20, /* that end at once, and what may be in all of them */
    SUT_ORDER_EXPIRE_PRODUCTS = SUT_ORDER_EXPIRE_MAX * SUT_ORDER_LINES_MAX,
};

/* One place for what may follow what; to the same status: false. */
bool sut_order_may_become(enum sut_order_status from, enum sut_order_status to);
/* Whether it can be cancelled now; staff have no more time than its buyer. */
bool sut_order_may_cancel(const struct sut_order *o, sut_ms now);

struct sut_order_item {
    int64_t variant;
    int64_t quantity; /* 1 .. SUT_CART_QUANTITY_MAX in all of a variant */
};

/* An item that can't be had so often. */
struct sut_order_shortage {
    int64_t variant;
    sut_str product_name;
    sut_str size; /* p is NULL: none */
    sut_str color;
    int64_t requested;
    int64_t available;
    bool is_gone; /* it is not sold any more */
};

enum sut_order_outcome {
    SUT_ORDER_DONE,
    SUT_ORDER_EMPTY,      /* no item */
    SUT_ORDER_SHORT,      /* see shortages: nothing is changed */
    SUT_ORDER_NO_VARIANT, /* `missing` is not there, or not for sale */
    SUT_ORDER_TOO_MANY,   /* of one variant, or lines */
    SUT_ORDER_TOO_DEAR,   /* the sum does not fit */
    SUT_ORDER_REFUSED,    /* its status does not allow that: see order */
};

struct sut_order_make {
    int64_t person;
    int64_t by;                         /* who orders: the person, or staff for them */
    int64_t cart;                       /* the items are this cart's, which is emptied; 0: none */
    const struct sut_order_item *items; /* used when cart is 0; those of one variant are summed */
    size_t n_items;
    sut_str address; /* text, not empty */
    sut_str notes;   /* may be empty */
    enum sut_pay_method method;
    int64_t hold_ms; /* of the settings, as those below; an offline one is held without end */
    sut_str prefix;
    sut_str currency;
    sut_str addr; /* the client's */
};

struct sut_order_result {
    enum sut_order_outcome outcome;
    struct sut_order order; /* as it is now */
    struct sut_order_line *lines;
    size_t n_lines;
    const struct sut_order_shortage *shortages;
    size_t n_shortages;
    int64_t missing;
    const int64_t *products; /* whose stock changed: for the fragments */
    size_t n_products;
};

/*
 * Make an order.  All outcomes but DONE leave the transaction without a change of this
 * function's; a job that would go on with one of them rolls back (an error) or commits nothing.
 */
SUT_ERR sut_order_make(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_make *m,
                       sut_ms now, struct sut_order_result *ret);

/* Who changes a status, and what is written of it. */
struct sut_order_step {
    int64_t order;
    int64_t by;         /* 0: the shop by itself (a payment, a lost hold) */
    bool is_staff;      /* audited as a staff action, with before and after */
    sut_str addr;       /* the client's; empty: nobody's */
    const char *reason; /* a constant word for the audit; NULL: none */
    sut_str words;      /* what the buyer says to it; may be empty */
    bool is_payment_failed;
};
/*
 * Paid: the held stock is taken.  What is pending holds its stock, though its time may be over: the
 * end of a hold cancels.  When it is anything else (cancelled; paid already) the outcome is
 * REFUSED, and what was paid is to be given back by who holds the payment.
 *
 * These and those below: NOT_FOUND when there is no such order.
 */
SUT_ERR sut_order_pay(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_step *s,
                      sut_ms now, struct sut_order_result *ret);
/*
 * Cancelled, when sut_order_may_cancel() says so: stock goes back; a paid one's refund is due
 * (refund PENDING, and that of what was taken by a provider).
 */
SUT_ERR sut_order_cancel(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_step *s,
                         sut_ms now, struct sut_order_result *ret);
/* Any step by staff, by the same rules.  What they mark as paid can't be paid at a provider. */
SUT_ERR sut_order_advance(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_order_step *s, enum sut_order_status to, sut_ms now,
                          struct sut_order_result *ret);
/* What became of the money: the order's refund status, after store/payment.h has the row's. */
SUT_ERR sut_order_set_refund(struct sut_db_conn *c, int64_t order, enum sut_refund_status s,
                             sut_ms now);

/* What a step of sut_order_expire did; zero before the first. */
struct sut_order_expiry {
    size_t
        behind; /* so many of the longest overdue are not looked at: they could not be cancelled */
    size_t n_left;     /* that could not be cancelled this time */
    size_t n_products; /* of what was cancelled, for the fragments */
    int64_t products[SUT_ORDER_EXPIRE_PRODUCTS];
};
/*
 * Give back what unpaid orders held beyond their time: up to SUT_ORDER_EXPIRE_MAX of them, the
 * longest overdue first, which are cancelled.  One that can't be keeps none from its turn: the next
 * step begins behind it, and the first after the end looks at all again.  Of several servers one
 * does it.  Blocks.
 */
SUT_ERR sut_order_expire(struct sut_store *s, sut_ms now, struct sut_order_expiry *io);

#endif
