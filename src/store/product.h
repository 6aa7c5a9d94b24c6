/* SPDX-License-Identifier: Apache-2.0
 *
 * product - changes of the catalogue: each inside a write job, on its connection.
 *
 * Every one makes the catalogue's version grow, and a product's own where it is
 * the product that changes; *ret_version is the catalogue's, for whoever keeps
 * answers in memory: tell them after the commit, not before.  The rules of the
 * shop (lengths, prices, slugs) are the caller's.
 *
 * Errors: EXISTS (a slug or SKU is taken), NOT_FOUND (nothing has this id),
 * INVALID (a category, a coverage level or a parent that is not there).
 */
#ifndef SUT_STORE_PRODUCT_H
#define SUT_STORE_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum {
    SUT_CATEGORY_DEPTH_MAX = 8, /* a root is 1 deep */
};

struct sut_category_data {
    sut_str name;
    sut_str slug;
    sut_str description;
    int64_t parent_id; /* 0: a root */
};

struct sut_variant_data {
    sut_str name;
    sut_str sku;
    sut_str size; /* p is NULL: none */
    sut_str color;
    int64_t price_cents; /* -1: the product's */
    int64_t stock;
    bool is_default;
    bool is_active;
};

struct sut_product_data {
    sut_str name;
    sut_str slug;
    sut_str description;
    int64_t category_id;
    sut_str coverage; /* code; empty: none */
    int64_t price_cents;
    bool is_featured;
    bool is_active;
    sut_ms date_added;
    int64_t by; /* who does it; 0: nobody */
};

/* Add a category; INVALID when it would hang deeper than SUT_CATEGORY_DEPTH_MAX. */
SUT_ERR sut_category_insert(struct sut_db_conn *c, const struct sut_category_data *d, sut_ms now,
                            int64_t *ret_id, int64_t *ret_version);
/* Show or hide a category and with it all that hangs on it. */
SUT_ERR sut_category_show(struct sut_db_conn *c, int64_t id, bool is_active, sut_ms now,
                          int64_t *ret_version);

/* Add a product with its variants and the words it is found by. */
SUT_ERR sut_product_insert(struct sut_db_conn *c, const struct sut_product_data *d,
                           const struct sut_variant_data *variants, size_t n_variants, sut_ms now,
                           int64_t *ret_id, int64_t *ret_version);
/* Put all the fields of a product anew (date_added stays). */
SUT_ERR sut_product_update(struct sut_db_conn *c, int64_t id, const struct sut_product_data *d,
                           sut_ms now, int64_t *ret_version);
/* Add a variant to a product; put all the fields of one anew. */
SUT_ERR sut_variant_insert(struct sut_db_conn *c, int64_t product_id,
                           const struct sut_variant_data *d, sut_ms now, int64_t *ret_id,
                           int64_t *ret_version);
SUT_ERR sut_variant_update(struct sut_db_conn *c, int64_t id, const struct sut_variant_data *d,
                           sut_ms now, int64_t *ret_version);
/* Say that a product changed (its variants, stock, pictures): both versions grow. */
SUT_ERR sut_product_touch(struct sut_db_conn *c, int64_t id, sut_ms now, int64_t *ret_version);

/* How many products there are, hidden ones too: is this store empty? */
SUT_ERR sut_product_count(struct sut_db_conn *c, int64_t *ret);

#endif
