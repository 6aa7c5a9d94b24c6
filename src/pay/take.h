/* SPDX-License-Identifier: Apache-2.0
 *
 * take - news of money, written into the shop's own books: the one place where a payment
 * pays an order, and where money that fits no order becomes one that is owed back.
 *
 * Of this folder alone; inside a write job of the caller's.  The same news any number of
 * times, and in any order, comes to the same:
 *   - a payment pays its order once; a second one, one for another amount or currency, and
 *     one for an order that is cancelled or has lost its stock is given back;
 *   - what has been taken is not lost by later news that it failed.
 */
#ifndef SUT_PAY_TAKE_H
#define SUT_PAY_TAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "pay/news.h"
#include "pay/pay.h"
#include "store/payment.h"

struct sut_db_conn;

struct sut_take_result {
    const char *why; /* what came of it, a constant word */
    bool has_note;   /* worth a line in the log, after the commit */
    struct sut_pay_note note;
    bool is_due; /* the cashier has something to do */
    const int64_t *products;
    size_t n_products; /* whose stock changed */
};
/* A refusal of the order's is no error.  STALE and the store's, as in any job. */
SUT_ERR sut_take_news(struct sut_db_conn *c, struct sut_arena *a, const struct sut_news *n,
                      sut_ms now, struct sut_take_result *ret);

/* In a write job: a refund has ended so; the order's follows where the refund is the order's. */
SUT_ERR sut_take_refund(struct sut_db_conn *c, struct sut_arena *a, struct sut_payment *p,
                        enum sut_refund_status s, sut_ms now);
/* In a write job: a payment that can be paid has ended unpaid, and perhaps its order with it. */
SUT_ERR sut_take_loss(struct sut_db_conn *c, struct sut_arena *a, struct sut_payment *p, sut_ms now,
                      struct sut_take_result *ret);

#endif
