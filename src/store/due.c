/* SPDX-License-Identifier: Apache-2.0 */
#include "store/due_int.h"

static SUT_ERR list(struct sut_db_conn *c, const struct sut_sql *sql, size_t n, sut_ms now,
                    int64_t *ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    *ret_n = 0;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, now.v);
    for (bool has_row = true; *ret_n < n;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        ret[(*ret_n)++] = sut_db_col_i64(s, 0);
    }
    return SUT_OK;
}

static SUT_ERR claim_one(struct sut_db_conn *c, const struct sut_sql *sql, int64_t id, sut_ms now,
                         int64_t until, bool *ret_is_ours)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, now.v);
    sut_db_bind_i64(s, 3, until);
    return sut_db_step(s, ret_is_ours);
}

SUT_ERR sut_due__claim_ids(struct sut_db_conn *c, const struct sut_sql *claim, int64_t claim_ms,
                           sut_ms now, int64_t *ids, size_t *n)
{
    const size_t found = *n;
    *n = 0;
    for (size_t i = 0; i < found; i++) {
        bool is_ours = false;
        TRY(claim_one(c, claim, ids[i], now, now.v + claim_ms, &is_ours));
        if (is_ours)
            ids[(*n)++] = ids[i];
    }
    return SUT_OK;
}

SUT_ERR sut_due__claim(struct sut_db_conn *c, const struct sut_due *of, size_t n, int64_t claim_ms,
                       sut_ms now, int64_t *ret, size_t *ret_n)
{
    TRY(list(c, of->list, n, now, ret, ret_n));
    return sut_due__claim_ids(c, of->claim, claim_ms, now, ret, ret_n);
}

SUT_ERR sut_due__next(struct sut_db_conn *c, const struct sut_due *of, sut_ms *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, of->next, &s));
    TRY(sut_db_step(s, &has_row));
    *ret = (sut_ms){ has_row ? sut_db_col_i64(s, 0) : 0 };
    return SUT_OK;
}
