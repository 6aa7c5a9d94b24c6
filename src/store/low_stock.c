/* SPDX-License-Identifier: Apache-2.0 */
#include "store/low_stock.h"

#include "db/db.h"
#include "store/shown_int.h"

#define IS_LOW "v.stock - v.reserved <= $1 AND v.is_active = 1 AND " SUT_STORE_SHOWN
#define FROM   " FROM variants v JOIN products p ON p.id = v.product_id WHERE "

static const struct sut_sql low_list = {
    .name = "low_stock_list",
    .text = "SELECT v.id, v.stock - v.reserved, v.low_told_at, v.sku, p.name, v.name" FROM IS_LOW
            " ORDER BY v.low_told_at, v.stock - v.reserved, v.id LIMIT $2",
};

static const struct sut_sql low_count = {
    .name = "low_stock_count",
    .text = "SELECT COUNT(*)" FROM IS_LOW,
};

static const struct sut_sql low_over = {
    .name = "low_stock_over",
    .text = "SELECT v.id" FROM "v.low_told_at > 0 AND NOT (" IS_LOW ") LIMIT $2",
};

static const struct sut_sql low_told = {
    .name = "low_stock_told",
    .text = "UPDATE variants SET low_told_at = $2 WHERE id = $1",
};

static SUT_ERR count(struct sut_db_conn *c, int64_t limit, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &low_count, &s));
    sut_db_bind_i64(s, 1, limit);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_low_stock(struct sut_db_conn *c, struct sut_arena *a, int64_t limit,
                      struct sut_low_variant **ret, size_t *ret_n, int64_t *ret_count)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_low_variant *rows = ARENA_ARRAY(a, struct sut_low_variant, SUT_LOW_STOCK_MAX);
    size_t n = 0;
    ENSURE(rows != NULL, NOMEM);
    TRY(count(c, limit, ret_count));
    TRY(sut_db_prepare(c, &low_list, &s));
    sut_db_bind_i64(s, 1, limit);
    sut_db_bind_i64(s, 2, SUT_LOW_STOCK_MAX);
    for (;; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row || n == SUT_LOW_STOCK_MAX)
            break;
        rows[n] = (struct sut_low_variant){
            .id = sut_db_col_i64(s, 0),
            .left = sut_db_col_i64(s, 1),
            .told_at = { sut_db_col_i64(s, 2) },
            .sku = sut_str_dup(a, sut_db_col_text(s, 3)),
            .product_name = sut_str_dup(a, sut_db_col_text(s, 4)),
            .name = sut_str_dup(a, sut_db_col_text(s, 5)),
        };
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_low_stock_over(struct sut_db_conn *c, int64_t limit, int64_t *ret, size_t cap,
                           size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    size_t n = 0;
    TRY(sut_db_prepare(c, &low_over, &s));
    sut_db_bind_i64(s, 1, limit);
    sut_db_bind_i64(s, 2, (int64_t) cap);
    for (; n < cap; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        ret[n] = sut_db_col_i64(s, 0);
    }
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_low_stock_told(struct sut_db_conn *c, int64_t variant, sut_ms at)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &low_told, &s));
    sut_db_bind_i64(s, 1, variant);
    sut_db_bind_i64(s, 2, at.v);
    return sut_db_step(s, &has_row);
}
