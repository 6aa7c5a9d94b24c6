/* SPDX-License-Identifier: Apache-2.0
 *
 * goods - products as those see and change them who keep the catalogue: hidden
 * ones too, by filters of their own; and the parts of a change that
 * store/product.h does not have.
 *
 * Reads on any connection, changes inside a write job.  A change here leaves the
 * versions alone: the caller ends with sut_product_update() or sut_product_touch().
 */
#ifndef SUT_STORE_GOODS_H
#define SUT_STORE_GOODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/category.h"
#include "store/product.h"

struct sut_db_conn;

enum sut_goods_order {
    SUT_GOODS_NEWEST,
    SUT_GOODS_OLDEST,
    SUT_GOODS_BY_NAME,
    SUT_GOODS_BY_NAME_DOWN,
    SUT_GOODS_CHEAPEST,
    SUT_GOODS_DEAREST,
    SUT_GOODS_BY_ID,
    SUT_GOODS_ORDERS,
};

struct sut_goods_query {
    const sut_str *terms; /* folded words: each begins one of name, description or a SKU */
    size_t n_terms;       /* 0: no search */
    int64_t category_id;  /* with all below it; 0: every one */
    int64_t min_cents;
    int64_t max_cents;
    int in_stock; /* -1: all; 0: nothing is left; 1: something is */
    enum sut_goods_order order;
    int64_t limit; /* 1 .. 100 */
    int64_t offset;
};
/* Which products, room for q->limit; *ret_count: of all. */
SUT_ERR sut_goods_list(struct sut_db_conn *c, struct sut_arena *a, const struct sut_goods_query *q,
                       int64_t *ids, size_t *ret_n, int64_t *ret_count);
/* The products after the one with this number, by number: for who goes through all. */
SUT_ERR sut_goods_after(struct sut_db_conn *c, int64_t id, int64_t *ids, size_t max, size_t *ret_n);

/* Whose SKU it is; 0 and 0: nobody's. */
SUT_ERR sut_goods_sku(struct sut_db_conn *c, sut_str sku, int64_t *ret_product,
                      int64_t *ret_variant);
SUT_ERR sut_goods_slug_taken(struct sut_db_conn *c, sut_str slug, bool *ret);
/* The code of a coverage level; empty: none.  NOT_FOUND. */
SUT_ERR sut_goods_coverage_is(struct sut_db_conn *c, sut_str code, bool *ret);

/* Put all of a variant but its stock.  EXISTS: the SKU is another's. */
SUT_ERR sut_goods_variant_put(struct sut_db_conn *c, int64_t id, const struct sut_variant_data *d,
                              sut_ms now);
/* Put what is on hand; *ret is false, and nothing done, when more than that is promised to orders.
 */
SUT_ERR sut_goods_stock_put(struct sut_db_conn *c, int64_t id, int64_t stock, sut_ms now,
                            bool *ret);
/* Whether an order names the product, or the variant (the other number is 0). */
SUT_ERR sut_goods_is_ordered(struct sut_db_conn *c, int64_t product_id, int64_t variant_id,
                             bool *ret);
/* Take away for good what no order names. */
SUT_ERR sut_goods_delete(struct sut_db_conn *c, int64_t product_id, int64_t *ret_version);
SUT_ERR sut_goods_variant_delete(struct sut_db_conn *c, int64_t id);

#endif
