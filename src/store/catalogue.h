/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue - rows of products, their variants and pictures, categories and
 * coverage levels, as they are shown.
 *
 * Reads alone, on any connection; product.h changes.  Results are copied into
 * the caller's arena (NOMEM when it is exhausted).  Money is whole cents.
 *
 * Shown are products that are active and whose category is, with all those
 * above it.  Each change of what is shown makes the product's version and the
 * catalogue's grow, in the transaction of the change.
 */
#ifndef SUT_STORE_CATALOGUE_H
#define SUT_STORE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/catalogue_list.h"

struct sut_db_conn;

struct sut_category {
    int64_t id;
    sut_str name;
    sut_str slug;
    int64_t parent_id; /* 0: a root */
    sut_str parent_name;
    sut_str parent_slug;
    bool is_active;
};

struct sut_coverage {
    int64_t id; /* 0: none */
    sut_str code;
    sut_str name;
    sut_str description;
};

struct sut_variant {
    int64_t id;
    int64_t product_id;
    sut_str name;
    sut_str sku;
    sut_str size; /* p is NULL: none */
    sut_str color;
    int64_t price_cents; /* -1: the product's */
    int64_t stock;       /* on hand */
    int64_t reserved;    /* of these: promised to orders */
    bool is_default;
    bool is_active;
};

struct sut_product_image {
    int64_t id;
    int64_t product_id;
    sut_str image;
    sut_str thumbnail;
    bool is_feature;
};

struct sut_product {
    int64_t id;
    int64_t version;
    sut_str name;
    sut_str slug;
    sut_str description;
    int64_t price_cents;
    bool is_featured;
    bool is_active;
    sut_ms date_added;
    sut_ms created_at;
    sut_ms modified_at;
    int64_t created_by;  /* 0: nobody */
    int64_t modified_by; /* 0: nobody */
    struct sut_category category;
    struct sut_coverage coverage;
    const struct sut_variant *variants; /* by id, hidden ones too */
    size_t n_variants;
    const struct sut_product_image *images; /* by position */
    size_t n_images;
};

/* The catalogue's version: grows with each change that a reader could see. */
SUT_ERR sut_catalogue_version(struct sut_db_conn *c, int64_t *ret);

/* A shown product by id, or by the slugs of its category and its own; NOT_FOUND. */
SUT_ERR sut_catalogue_find(struct sut_db_conn *c, int64_t id, struct sut_product_ref *ret);
SUT_ERR sut_catalogue_find_slug(struct sut_db_conn *c, sut_str category, sut_str product,
                                struct sut_product_ref *ret);

/*
 * Whole products, hidden ones too, in the order of ids; products[i].id is 0
 * when there is none.  n is at most SUT_CATALOGUE_PAGE_MAX.
 */
SUT_ERR sut_catalogue_load(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids, size_t n,
                           struct sut_product *products);

/* Every active category, by name; whether those above one are active is the caller's to see. */
SUT_ERR sut_catalogue_categories(struct sut_db_conn *c, struct sut_arena *a,
                                 const struct sut_category **ret, size_t *ret_n);
/* The coverage levels, by id. */
SUT_ERR sut_catalogue_coverages(struct sut_db_conn *c, struct sut_arena *a,
                                const struct sut_coverage **ret, size_t *ret_n);
/* The colours of what is shown, by bytes. */
SUT_ERR sut_catalogue_colors(struct sut_db_conn *c, struct sut_arena *a, const sut_str **ret,
                             size_t *ret_n);
/* Whether something shown has this size. */
SUT_ERR sut_catalogue_has_size(struct sut_db_conn *c, sut_str size, bool *ret);
/* The least and the greatest price of what is shown; 0 and 0 when nothing is. */
SUT_ERR sut_catalogue_prices(struct sut_db_conn *c, int64_t *ret_min, int64_t *ret_max);

#endif
