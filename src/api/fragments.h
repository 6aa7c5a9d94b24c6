/* SPDX-License-Identifier: Apache-2.0
 *
 * fragments - answers of the catalogue kept in memory, so that a read that was
 * read before costs a copy.
 *
 * A product is rendered once for each of its versions; a page is a list of such
 * fragments, good while the catalogue's version is the same.  The version is
 * held here: who changes the catalogue tells it after the commit with
 * sut_fragments_version_seen(); what other servers change is noticed by
 * sut_fragments_watch_tick().  Until the first of these, or the first read,
 * nothing is kept.  Orders change stock and no version: who commits one tells
 * sut_fragments_stock_changed().
 *
 * Addresses of pictures in it are signed for a window of time (authn/media_url.h); what was
 * rendered in the one before is not shown in the next.
 *
 * Memory is bounded by the options; what was not asked for longest goes first.
 * Any thread.  Pages are refcounted: each one got is given back with
 * sut_fragments_unref().
 */
#ifndef SUT_API_FRAGMENTS_H
#define SUT_API_FRAGMENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/catalogue.h"

struct sut_db_conn;
struct sut_keyring;
struct sut_fragments;
struct sut_fragments_page;

struct sut_fragments_options {
    size_t fragment_bytes; /* of rendered products; 0: 8 MiB */
    size_t page_bytes;     /* of pages, each counted with all it shows; 0: 8 MiB */
    size_t pages_max;      /* 0: 1024 */
    uint64_t seed;         /* random, so that nobody can choose where a page is kept */
    /* What addresses of pictures are made with, borrowed; media NULL: their files' names are shown.
     */
    const struct sut_keyring *media;
    sut_str public_url;
};

SUT_ERR sut_fragments_create(const struct sut_fragments_options *opt, struct sut_fragments **ret);
/* No page may be out. */
void sut_fragments_free(struct sut_fragments **f);

/* Where a connection comes from when memory has no answer; it is not given back here. */
struct sut_fragments_reader {
    sut_err (*conn)(void *ctx, struct sut_db_conn **ret);
    void *ctx;
    sut_ms now; /* addresses of pictures are as of this moment */
};

/* A page of a list; one with n = 0 when there is nothing (count tells of how many). */
SUT_ERR sut_fragments_list(struct sut_fragments *f, const struct sut_fragments_reader *r,
                           const struct sut_catalogue_filter *filter,
                           struct sut_fragments_page **ret);
/* One product, alone; NOT_FOUND. */
SUT_ERR sut_fragments_product(struct sut_fragments *f, const struct sut_fragments_reader *r,
                              int64_t id, struct sut_fragments_page **ret);
SUT_ERR sut_fragments_product_slug(struct sut_fragments *f, const struct sut_fragments_reader *r,
                                   sut_str category, sut_str product,
                                   struct sut_fragments_page **ret);
/* The tree of categories; the filters on offer. */
SUT_ERR sut_fragments_categories(struct sut_fragments *f, const struct sut_fragments_reader *r,
                                 struct sut_fragments_page **ret);
SUT_ERR sut_fragments_filters(struct sut_fragments *f, const struct sut_fragments_reader *r,
                              struct sut_fragments_page **ret);

void sut_fragments_unref(struct sut_fragments_page **p);
/* How many rows the list has in all; 1 for what is no list. */
int64_t sut_fragments_count(const struct sut_fragments_page *p);
/* How many are here, and the bytes that sut_fragments_add() will write. */
size_t sut_fragments_n(const struct sut_fragments_page *p);
size_t sut_fragments_bytes(const struct sut_fragments_page *p);
/* A strong entity tag with its quotes: of the question and of every byte of the answer. */
sut_str sut_fragments_etag(const struct sut_fragments_page *p);
/* Append the rows, with commas between them. */
void sut_fragments_add(const struct sut_fragments_page *p, struct sut_buf *out);

/* The catalogue's version as known here; 0: not yet. */
int64_t sut_fragments_version(const struct sut_fragments *f);
/* The catalogue has this version (or a later one): pages of an older one are not shown again. */
void sut_fragments_version_seen(struct sut_fragments *f, int64_t version);
/*
 * The stock of these products changed by an order, which leaves the versions alone: told
 * after the commit, whatever shows them is read anew from here on, and all else stays.  Any thread.
 */
void sut_fragments_stock_changed(struct sut_fragments *f, const int64_t *products, size_t n);
/* Ask the store for the version, and for the stock that orders on other servers changed.  One
 * thread. */
SUT_ERR sut_fragments_watch_tick(struct sut_fragments *f, struct sut_db_conn *c);

/* Bytes counted against the two limits now: for the metrics. */
struct sut_fragments_usage {
    size_t fragment_bytes;
    size_t page_bytes;
    size_t pages;
    uint64_t hits;
    uint64_t misses;
};
struct sut_fragments_usage sut_fragments_usage(struct sut_fragments *f);

#endif
