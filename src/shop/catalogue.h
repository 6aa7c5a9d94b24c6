/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue - what the shop shows: searches, lists, the tree of categories, the
 * filters on offer.
 *
 * Over store/catalogue.h, whose rows it hands on.  Results live in the caller's
 * arena.  Any thread, each with a connection of its own.
 */
#ifndef SUT_SHOP_CATALOGUE_H
#define SUT_SHOP_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/catalogue.h"

struct sut_db_conn;

/* "full", "moderate", "light", NULL; "price", "-price", "date_added", "-date_added", NULL. */
extern const char *const sut_catalogue_coverage_codes[];
extern const char *const sut_catalogue_orderings[];
/* "XS" … "XXL", NULL: the sizes there are, in the order they are shown. */
extern const char *const sut_catalogue_sizes[];

/* One of the closed lists; empty means the default (newest first).  INVALID for all else. */
SUT_ERR sut_catalogue_order_of(sut_str ordering, enum sut_catalogue_order *ret);
bool sut_catalogue_is_coverage(sut_str code);

/*
 * Fill in the words of a search: the first SUT_CATALOGUE_TERMS_MAX of them, in
 * an order that does not depend on the asker's.  Blank text is no search; text
 * without a letter or digit finds nothing.  PARSE when it is not UTF-8.
 */
SUT_ERR sut_catalogue_search(struct sut_arena *a, sut_str text, struct sut_catalogue_filter *f);

/* A page of a list: which products, of how many. */
struct sut_catalogue_page {
    int64_t version; /* of the catalogue, read before the rest: the page is at least as new */
    int64_t count;
    size_t n;
    struct sut_product_ref refs[SUT_CATALOGUE_PAGE_MAX];
};
/* How many there are of what a filter shows, whatever the page and the order; version 0: unknown.
 */
struct sut_catalogue_known {
    int64_t version;
    int64_t count;
};
/* `known` (may be NULL) spares the counting when the catalogue has not changed since. */
SUT_ERR sut_catalogue_read_page(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                                const struct sut_catalogue_known *known,
                                struct sut_catalogue_page *ret);

/* A category with those below it, by name. */
struct sut_category_node {
    struct sut_category row;
    struct sut_category_node *children; /* the first */
    struct sut_category_node *next;     /* the next with the same parent */
};
/* The first root, or NULL.  A category under a hidden one is not in the tree. */
SUT_ERR sut_catalogue_tree(struct sut_db_conn *c, struct sut_arena *a,
                           const struct sut_category_node **ret);

struct sut_catalogue_filters {
    const struct sut_category_node *categories;
    const struct sut_coverage *coverages;
    size_t n_coverages;
    const char *sizes[8];
    size_t n_sizes;
    const sut_str *colors;
    size_t n_colors;
    int64_t min_cents;
    int64_t max_cents;
};
/* What can be asked for with an answer in it. */
SUT_ERR sut_catalogue_filters(struct sut_db_conn *c, struct sut_arena *a,
                              struct sut_catalogue_filters *ret);

#endif
