/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue_list - which products a list shows, by a closed form of filter.
 *
 * Every combination of filters and orders is a statement of its own in a table
 * of constants, so none is made of input.  What "shown" means: catalogue.h.
 */
#ifndef SUT_STORE_CATALOGUE_LIST_H
#define SUT_STORE_CATALOGUE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "store/search.h"

struct sut_db_conn;

enum sut_catalogue_order {
    SUT_CATALOGUE_NEWEST,
    SUT_CATALOGUE_OLDEST,
    SUT_CATALOGUE_CHEAPEST,
    SUT_CATALOGUE_DEAREST,
    SUT_CATALOGUE_RANKED, /* of a search: store/search.h; without words as NEWEST */
};

enum {
    SUT_CATALOGUE_TERMS_MAX = 8,
    SUT_CATALOGUE_TERM_POINTS = SUT_SEARCH_TERM_POINTS,
    SUT_CATALOGUE_TERM_BYTES = 4 * SUT_CATALOGUE_TERM_POINTS,
    SUT_CATALOGUE_PAGE_MAX = 100,
};

/* What a list shows.  Slices are borrowed.  Make it with sut_catalogue_filter_init(). */
struct sut_catalogue_filter {
    sut_str category; /* slug, with all below it; empty: every one */
    sut_str coverage; /* code; empty: every one */
    int64_t min_cents;
    int64_t max_cents;
    sut_str
        terms[SUT_CATALOGUE_TERMS_MAX]; /* folded words; a product has a word with each as prefix */
    unsigned n_terms;
    bool is_nothing; /* a search that can't match: no statement is run */
    enum sut_catalogue_order order;
    int64_t limit; /* 1 .. SUT_CATALOGUE_PAGE_MAX */
    int64_t offset;
};

/* Everything, newest first, 20 rows from the start. */
void sut_catalogue_filter_init(struct sut_catalogue_filter *f);

struct sut_product_ref {
    int64_t id;
    int64_t version;
};

/* The shown products of a list, at most f->limit: room for that many in refs. */
SUT_ERR sut_catalogue_list(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                           struct sut_product_ref *refs, size_t *ret_n);
/* How many products the list has in all. */
SUT_ERR sut_catalogue_count(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                            int64_t *ret);

#endif
