/* SPDX-License-Identifier: Apache-2.0
 *
 * outfit - rows of outfits: products that people put together, shown to all or kept.
 *
 * Of the products of an outfit those are read that the catalogue shows.  Results live in the
 * caller's arena; money is whole cents.
 */
#ifndef SUT_STORE_OUTFIT_H
#define SUT_STORE_OUTFIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum {
    SUT_OUTFIT_ITEMS_MAX = 10,
    SUT_OUTFITS_MAX = 500, /* of a person */
    SUT_OUTFIT_PAGE_MAX = SUT_OUTFITS_MAX,
};

struct sut_outfit {
    int64_t id;
    int64_t person;
    sut_str name;
    sut_str description;
    bool is_public;
    int64_t views;
    int64_t likes;
    sut_ms created_at;
    sut_ms modified_at;
};

struct sut_outfit_item {
    int64_t id;
    int64_t outfit_id;
    int64_t product_id;
    int64_t position;
    int64_t price_cents;
    sut_str thumbnail; /* of the picture that stands for the product; p is NULL: it has none */
};

enum sut_outfit_scope { SUT_OUTFITS_PUBLIC, SUT_OUTFITS_PUBLIC_OR_OWN, SUT_OUTFITS_OWN };
/* OWN and PUBLIC_OR_OWN are listed with the newest first alone. */
enum sut_outfit_order {
    SUT_OUTFITS_NEWEST,
    SUT_OUTFITS_OLDEST,
    SUT_OUTFITS_MOST_VIEWED,
    SUT_OUTFITS_LEAST_VIEWED,
};

struct sut_outfit_query {
    enum sut_outfit_scope scope;
    enum sut_outfit_order order;
    int64_t viewer; /* whose are own */
    int64_t owner;  /* this person's alone; 0: everybody's */
    int is_public;  /* 0, 1; -1: both */
    sut_str search; /* stands in name or description, as it is or in other case or accents */
    int64_t offset;
    int64_t limit; /* at most SUT_OUTFIT_PAGE_MAX */
};

/* NOT_FOUND. */
SUT_ERR sut_outfit_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_outfit *ret);
/* A page, and the count of all. */
SUT_ERR sut_outfit_list(struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_outfit_query *q, struct sut_outfit **ret, size_t *ret_n,
                        int64_t *ret_count);
/* What is shown of these outfits: by outfit, then by position. */
SUT_ERR sut_outfit_items(struct sut_db_conn *c, struct sut_arena *a, const int64_t *outfits,
                         size_t n, struct sut_outfit_item **ret, size_t *ret_n);
/* Whether the catalogue shows this product. */
SUT_ERR sut_outfit_may_hold(struct sut_db_conn *c, int64_t product, bool *ret);

/* --- in a write job --- */

struct sut_outfit_data {
    int64_t person;
    sut_str name;
    sut_str description;
    bool is_public;
};

/* FULL: the person has SUT_OUTFITS_MAX. */
SUT_ERR sut_outfit_insert(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_outfit_data *d, sut_ms now, int64_t *ret);
/* NOT_FOUND: the person has no such outfit. */
SUT_ERR sut_outfit_update(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                          const struct sut_outfit_data *d, sut_ms now);
/* In place of what it held. */
SUT_ERR sut_outfit_fill(struct sut_db_conn *c, int64_t id, const int64_t *products, size_t n);
/* NOT_FOUND, as above. */
SUT_ERR sut_outfit_remove(struct sut_db_conn *c, int64_t id, int64_t person);
/* So many more have seen it; nothing when it is gone. */
SUT_ERR sut_outfit_add_views(struct sut_db_conn *c, int64_t id, int64_t n);

#endif
