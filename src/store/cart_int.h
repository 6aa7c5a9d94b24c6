/* SPDX-License-Identifier: Apache-2.0
 *
 * cart_int - how a row with a variant is read as a line; for files of this folder alone.
 */
#ifndef SUT_STORE_CART_INT_H
#define SUT_STORE_CART_INT_H

#include "db/db.h"
#include "store/cart.h"
#include "store/shown_int.h"

/* Of a row `l` that names a variant; `quantity` is an expression. */
#define SUT_CART_COLUMNS(quantity)                                                                 \
    "l.id, l.variant_id, v.product_id, " quantity                                                  \
    ", l.created_at, v.sku, v.name, v.size, v.color, p.name, p.slug, v.price, p.price,"            \
    " v.stock - v.reserved, CASE WHEN v.is_active = 1 AND " SUT_STORE_SHOWN " THEN 1 ELSE 0 END"
#define SUT_CART_JOINS                                                                             \
    " JOIN variants v ON v.id = l.variant_id JOIN products p ON p.id = v.product_id"

/* All rows of a statement with those columns. */
SUT_ERR sut_cart__read(struct sut_db_stmt *s, struct sut_arena *a, struct sut_cart_line **ret,
                       size_t *ret_n);

#endif
