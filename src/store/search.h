/* SPDX-License-Identifier: Apache-2.0
 *
 * search - products by the words of their name and description, in either
 * database's full-text index, which is a filter and nothing more.
 *
 * The index of a product is a list of tokens: its words (codec/utf8.h cuts and folds
 * them, so that both databases have the same) behind a letter that says where
 * they stand, and what else a search asks for:
 *
 *     a…  of the name or the description     c7  its category's number
 *     n…  of the name                        l2  its coverage level's
 *     s…  of a SKU of its variants           h   it is hidden
 *
 * A token is [a-z0-9_] alone: other bytes of a word are '_' and two hexadecimal digits, so
 * what begins alike does so as a token, and no character of it means anything
 * to the query languages of the databases.
 *
 * What is found comes in one order of our own, the same on both: first those with every word in
 * the name, then the others, in each the one that was made last first.
 */
#ifndef SUT_STORE_SEARCH_H
#define SUT_STORE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"

enum {
    SUT_SEARCH_TERM_POINTS = 32,     /* words are kept and looked for by as many code points */
    SUT_SEARCH_TEXT_MAX = 32 * 1024, /* bytes of a question */
};

enum sut_search_part {
    SUT_SEARCH_ALL,
    SUT_SEARCH_NAMED, /* every word is in the name */
    SUT_SEARCH_OTHERS,
};

/* What is looked for.  Slices and arrays are borrowed. */
struct sut_search {
    const sut_str *terms; /* folded words: a product has a word with each as prefix */
    size_t n_terms;       /* at least 1 */
    bool has_skus;        /* a word may stand in a SKU as well */
    bool has_hidden;      /* hidden products, too */
    const int64_t *in;    /* of these categories; n_in 0: of every one */
    size_t n_in;
    const int64_t *not_in; /* but not of these */
    size_t n_not_in;
    int64_t coverage; /* number of the level; 0: every one */
};

/*
 * The question in the words of a database: a parameter for one of the conditions below.
 * INVALID: a term is empty, or there is none; TOO_LARGE: above SUT_SEARCH_TEXT_MAX (out's maximum).
 */
SUT_ERR sut_search_text(enum sut_db_kind kind, const struct sut_search *s,
                        enum sut_search_part part, struct sut_buf *out);

/* A condition on a product p, of which parameter n is the question. */
#define SUT_SEARCH_SQLITE(n_)                                                                      \
    "p.id IN (SELECT rowid FROM product_words WHERE product_words MATCH $" #n_ ")"
#define SUT_SEARCH_POSTGRES(n_)                                                                    \
    "p.id IN (SELECT w.product_id FROM product_words w WHERE w.words @@ CAST($" #n_ " AS "         \
    "TSQUERY))"

/* --- for lists in the order of rank, by the index alone --- */

struct sut_product_ref;

/* How many there are. */
SUT_ERR sut_search_count(struct sut_db_conn *c, const struct sut_search *s,
                         enum sut_search_part part, int64_t *ret);
/* At most `limit` from `offset` on; room for that many in refs. */
SUT_ERR sut_search_page(struct sut_db_conn *c, const struct sut_search *s, int64_t limit,
                        int64_t offset, struct sut_product_ref *refs, size_t *ret_n);

/* --- in a write job --- */

/* Index a product anew, as its rows are now; NOT_FOUND.  What is deleted leaves by itself. */
SUT_ERR sut_search_index(struct sut_db_conn *c, int64_t product);

#endif
