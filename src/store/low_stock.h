/* SPDX-License-Identifier: Apache-2.0
 *
 * low_stock - which variants are nearly sold out, and when the shop was told.
 */
#ifndef SUT_STORE_LOW_STOCK_H
#define SUT_STORE_LOW_STOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum { SUT_LOW_STOCK_MAX = 1000 /* variants that are read at a time */ };

/* A variant that is shown and of which few can be bought. */
struct sut_low_variant {
    int64_t id;
    int64_t left;
    sut_ms told_at; /* 0: not told of yet */
    sut_str sku;
    sut_str product_name;
    sut_str name; /* the variant's */
};

/*
 * Those with at most `limit` left: the first SUT_LOW_STOCK_MAX, who was told of the longest ago (or
 * never) before the others, then the fewest; in the arena.  *ret_count: all.
 */
SUT_ERR sut_low_stock(struct sut_db_conn *c, struct sut_arena *a, int64_t limit,
                      struct sut_low_variant **ret, size_t *ret_n, int64_t *ret_count);
/* Those that were told of and are not few any more, or not shown: up to `cap`. */
SUT_ERR sut_low_stock_over(struct sut_db_conn *c, int64_t limit, int64_t *ret, size_t cap,
                           size_t *ret_n);

/* In a write job: note when the shop was told of it; 0: it is not few any more. */
SUT_ERR sut_low_stock_told(struct sut_db_conn *c, int64_t variant, sut_ms at);

#endif
