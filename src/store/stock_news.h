/* SPDX-License-Identifier: Apache-2.0
 *
 * stock_news - whose stock orders have changed of late, by the ledger: for servers that
 * show what others sell.
 *
 * A row's time is the clock's of the server that wrote it, taken before its commit.  So the news
 * reach SUT_STOCK_NEWS_SLACK_MS further back than the newest that was seen, and
 * come again: each says enough to tell whether it is one.
 */
#ifndef SUT_STORE_STOCK_NEWS_H
#define SUT_STORE_STOCK_NEWS_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct sut_db_conn;

enum { SUT_STOCK_NEWS_SLACK_MS = 15000 };

struct sut_stock_news {
    int64_t product;
    int64_t changes;   /* rows of the ledger in that time */
    sut_ms changed_at; /* the newest of them */
    int64_t left;      /* what is on hand and promised to nobody, of these variants */
};
typedef SUT_ERR sut_stock_saw(void *ctx, const struct sut_stock_news *n);

/* Each product once; `since` is the newest that was seen, 0: begin with the newest there is. */
SUT_ERR sut_stock_news(struct sut_db_conn *c, sut_ms since, sut_stock_saw *fn, void *ctx);

#endif
