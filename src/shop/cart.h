/* SPDX-License-Identifier: Apache-2.0
 *
 * cart - the rules of carts and wishlists: what may be put in, how much of it, what it
 * comes to.
 *
 * A line may be added while its variant is shown and the shop has as many as would be in the cart
 * then; nothing is held for it: an order does that.  What is hidden afterwards stays in the cart
 * unseen, and counts for nothing, until it is shown again or the cart is ordered or emptied.
 *
 * Functions that take a connection and a time run inside a write job of the caller's; all outcomes
 * but DONE change nothing.
 */
#ifndef SUT_SHOP_CART_H
#define SUT_SHOP_CART_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "shop/money.h"
#include "store/cart.h"

struct sut_db_conn;

enum sut_cart_outcome {
    SUT_CART_DONE,
    SUT_CART_NO_VARIANT, /* it is not there, or hidden */
    SUT_CART_NO_LINE,    /* not of this cart, or list */
    SUT_CART_QUANTITY,   /* not 1 .. SUT_CART_QUANTITY_MAX in all */
    SUT_CART_SHORT,      /* the shop has fewer: see available */
    SUT_CART_FULL,       /* SUT_CART_LINES_MAX lines */
};

struct sut_cart_result {
    enum sut_cart_outcome outcome;
    int64_t line;
    int64_t variant;
    int64_t quantity; /* of the line now; SHORT: what it would have been */
    int64_t available;
    int64_t price_cents; /* of one */
    int64_t sum_cents;   /* of the line */
};

/* Put in more of a variant. */
SUT_ERR sut_cart_put(struct sut_db_conn *c, int64_t cart, int64_t variant, int64_t quantity,
                     sut_ms now, struct sut_cart_result *ret);
/* Set the quantity of a line. */
SUT_ERR sut_cart_change(struct sut_db_conn *c, int64_t cart, int64_t line, int64_t quantity,
                        sut_ms now, struct sut_cart_result *ret);
/* A wish becomes one more in the person's cart; NO_LINE: no such wish. */
SUT_ERR sut_cart_move_wish(struct sut_db_conn *c, int64_t person, int64_t wish, sut_ms now,
                           struct sut_cart_result *ret);

struct sut_cart_sum {
    int64_t items; /* all quantities */
    sut_money price;
};
/* Leave out the lines that are not shown, in place; *n is how many stay. */
void sut_cart_keep_shown(struct sut_cart_line *lines, size_t *n);
SUT_ERR sut_cart_sum_of(const struct sut_cart_line *lines, size_t n, struct sut_cart_sum *ret);

#endif
