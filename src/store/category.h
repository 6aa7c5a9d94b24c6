/* SPDX-License-Identifier: Apache-2.0
 *
 * category - categories as those see and change them who keep the catalogue:
 * hidden ones too, one by one and as a list.
 *
 * Reads on any connection, changes inside a write job.  Texts of results live in the
 * caller's arena.  Rules (lengths, slugs, who may) are the caller's.  A new
 * category: store/product.h.
 */
#ifndef SUT_STORE_CATEGORY_H
#define SUT_STORE_CATEGORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

struct sut_category_row {
    int64_t id;
    sut_str name;
    sut_str slug;
    sut_str description;
    int64_t parent_id; /* 0: a root */
    bool is_active;
    sut_ms created_at;
    sut_ms modified_at;
};

/* NOT_FOUND. */
SUT_ERR sut_category_get(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_category_row *ret);
/* The number of a slug; NOT_FOUND. */
SUT_ERR sut_category_find(struct sut_db_conn *c, sut_str slug, int64_t *ret);
/* The first of this name; NOT_FOUND. */
SUT_ERR sut_category_named(struct sut_db_conn *c, sut_str name, int64_t *ret);

enum sut_category_order {
    SUT_CATEGORY_BY_NAME,
    SUT_CATEGORY_BY_NAME_DOWN,
    SUT_CATEGORY_OLDEST,
    SUT_CATEGORY_NEWEST,
    SUT_CATEGORY_ORDERS,
};

enum { SUT_LIKE_WORDS = 4 }; /* of a search; more are not looked at */

struct sut_category_query {
    sut_str words[SUT_LIKE_WORDS]; /* each in the name or the description, case apart (ASCII) */
    unsigned n_words;
    int64_t parent_id; /* -1: any; 0: roots */
    enum sut_category_order order;
    int64_t limit; /* 1 .. 100 */
    int64_t offset;
};
/* A page, room for q->limit in rows; *ret_count: of all. */
SUT_ERR sut_category_list(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_category_query *q, struct sut_category_row *rows,
                          size_t *ret_n, int64_t *ret_count);

/* How far below the root it stands (1: a root), and how many levels hang on it (1: itself alone).
 */
SUT_ERR sut_category_levels(struct sut_db_conn *c, int64_t id, int64_t *ret_depth,
                            int64_t *ret_height);
/* Whether `below` stands under `above`, or is it. */
SUT_ERR sut_category_is_under(struct sut_db_conn *c, int64_t below, int64_t above, bool *ret);
/* How many products and categories stand right in it, hidden ones too. */
SUT_ERR sut_category_load_of(struct sut_db_conn *c, int64_t id, int64_t *ret_products,
                             int64_t *ret_categories);

/* Put name, description and parent; the catalogue's version grows.  NOT_FOUND. */
SUT_ERR sut_category_update(struct sut_db_conn *c, int64_t id, sut_str name, sut_str description,
                            int64_t parent_id, sut_ms now, int64_t *ret_version);
/* The same for taking one away that nothing stands in. */
SUT_ERR sut_category_delete(struct sut_db_conn *c, int64_t id, int64_t *ret_version);

/*
 * Whether a slug is taken (products and categories each have their own).
 */
SUT_ERR sut_category_slug_taken(struct sut_db_conn *c, sut_str slug, bool *ret);

#endif
