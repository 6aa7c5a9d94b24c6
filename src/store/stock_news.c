/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stock_news.h"

#include "db/db.h"

static const struct sut_sql news_newest = {
    .name = "stock_news_newest",
    .text = "SELECT CAST(COALESCE(MAX(changed_at), 0) AS BIGINT) FROM reservations",
};

static const struct sut_sql news_since = {
    .name = "stock_news_since",
    .text = "SELECT v.product_id, COUNT(*), MAX(r.changed_at),"
            " CAST(SUM(v.stock - v.reserved) AS BIGINT) FROM reservations r"
            " JOIN variants v ON v.id = r.variant_id WHERE r.changed_at > $1"
            " GROUP BY v.product_id",
};

static SUT_ERR read_newest(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &news_newest, &s));
    TRY(sut_db_step(s, &is_row));
    *ret = is_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

SUT_ERR sut_stock_news(struct sut_db_conn *c, sut_ms since, sut_stock_saw *fn, void *ctx)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    if (since.v == 0)
        TRY(read_newest(c, &since.v));
    TRY(sut_db_prepare(c, &news_since, &s));
    sut_db_bind_i64(s, 1, since.v - SUT_STOCK_NEWS_SLACK_MS);
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            return SUT_OK;
        const struct sut_stock_news n = {
            .product = sut_db_col_i64(s, 0),
            .changes = sut_db_col_i64(s, 1),
            .changed_at = { sut_db_col_i64(s, 2) },
            .left = sut_db_col_i64(s, 3),
        };
        TRY(fn(ctx, &n));
    }
}
