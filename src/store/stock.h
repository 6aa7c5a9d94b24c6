/* SPDX-License-Identifier: Apache-2.0
 *
 * stock - the ledger of stock: what an order holds of a variant, has taken, or gave back.
 *
 * variants.stock is what lies there, variants.reserved what of it is promised to orders that are
 * not paid yet; what can be bought is the difference.  Each change of the two is a
 * conditional statement, and the reservation's row changes beside it in the same
 * transaction, so that at any time
 *
 *     reserved        = the sum of the HELD reservations of the variant
 *     stock           = what was put there - the sum of the TAKEN ones
 *
 * Variants are touched in the order of their ids, so that two orders wait for each other and
 * never in a circle.  Nothing here touches a row of products or the catalogue's version: all
 * orders would meet there.  Whoever shows stock is told after the commit, or looks at
 * reservations.changed_at.
 */
#ifndef SUT_STORE_STOCK_H
#define SUT_STORE_STOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

/* Kept as numbers: never change one. */
enum sut_reservation_state {
    SUT_RESERVATION_HELD = 1,
    SUT_RESERVATION_TAKEN = 2,
    SUT_RESERVATION_RELEASED = 3,
};

/* What an order line keeps of a variant, and whether it can be had. */
struct sut_stock_item {
    int64_t variant_id;
    int64_t product_id;
    sut_str product_name;
    sut_str variant_name;
    sut_str sku;
    sut_str size; /* p is NULL: none */
    sut_str color;
    int64_t price_cents; /* the variant's own, else the product's */
    int64_t available;   /* stock less what is reserved */
    bool is_shown;       /* variant, product and its categories are active */
};
/* As the catalogue has it now; texts in the arena.  NOT_FOUND. */
SUT_ERR sut_stock_look(struct sut_db_conn *c, struct sut_arena *a, int64_t variant,
                       struct sut_stock_item *ret);

/* --- in a write job --- */

/* Promise so many to the order; *ret_ok is false, and nothing is changed, when they are not there.
 */
SUT_ERR sut_stock_hold(struct sut_db_conn *c, int64_t order, int64_t variant, int64_t quantity,
                       sut_ms now, bool *ret_ok);
/*
 * The order is paid: what it holds leaves the shop (SUT_RESERVATION_TAKEN).  It is given up: what
 * it holds is free again, what it has taken lies there again (SUT_RESERVATION_RELEASED).
 * *ret_products: whose stock changed, each once, in the arena; what is settled so already
 * changes nothing.
 */
SUT_ERR sut_stock_take(struct sut_db_conn *c, struct sut_arena *a, int64_t order, sut_ms now,
                       const int64_t **ret_products, size_t *ret_n);
SUT_ERR sut_stock_release(struct sut_db_conn *c, struct sut_arena *a, int64_t order, sut_ms now,
                          const int64_t **ret_products, size_t *ret_n);

/* Variants of which the ledger does not add up; 0 is as it must be.  Reads all of it. */
SUT_ERR sut_stock_audit(struct sut_db_conn *c, int64_t *ret_bad);

#endif
