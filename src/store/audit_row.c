/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit_row.h"

#include "db/db.h"

enum { LIST_MAX = 1000 };

static const struct sut_sql audit_insert = {
    .name = "audit_insert",
    .text = "INSERT INTO audit (user_id, action, resource, ip, at) VALUES ($1, $2, $3, $4, $5)",
};

/* $1 to $4: a user (0: any), an action (empty: any), from, to. */
#define WANTED                                                                                     \
    " FROM audit WHERE (CAST($1 AS BIGINT) = 0 OR user_id = $1)"                                   \
    " AND (CAST($2 AS TEXT) = '' OR action = $2) AND at >= $3 AND at < $4"

static const struct sut_sql audit_page = {
    .name = "audit_page",
    .text = "SELECT id, user_id, action, resource, ip, at" WANTED
            " ORDER BY id DESC LIMIT $5 OFFSET $6",
};

static const struct sut_sql audit_count = {
    .name = "audit_count",
    .text = "SELECT COUNT(*)" WANTED,
};

SUT_ERR sut_audit_row_insert(struct sut_db_conn *c, const struct sut_audit_row *row)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &audit_insert, &s));
    if (row->user_id == 0)
        sut_db_bind_null(s, 1);
    else
        sut_db_bind_i64(s, 1, row->user_id);
    sut_db_bind_text(s, 2, row->action);
    sut_db_bind_text(s, 3, row->resource.n == 0 ? SUT_STR("") : row->resource);
    sut_db_bind_text(s, 4, row->ip.n == 0 ? SUT_STR("") : row->ip);
    sut_db_bind_i64(s, 5, row->at.v);
    return sut_db_step(s, &has_row);
}

static void bind_query(struct sut_db_stmt *s, const struct sut_audit_query *q)
{
    sut_db_bind_i64(s, 1, q->user_id);
    sut_db_bind_text(s, 2, q->action.n == 0 ? SUT_STR("") : q->action);
    sut_db_bind_i64(s, 3, q->since.v);
    sut_db_bind_i64(s, 4, q->until.v == 0 ? INT64_MAX : q->until.v);
}

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_arena *a, struct sut_audit_row *row)
{
    row->id = sut_db_col_i64(s, 0);
    row->user_id = sut_db_col_i64(s, 1);
    sut_str *const texts[] = { &row->action, &row->resource, &row->ip };
    for (int i = 0; i < 3; i++) {
        const sut_str v = sut_db_col_text(s, 2 + i);
        *texts[i] = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
        ENSURE(texts[i]->p != NULL, NOMEM);
    }
    row->at.v = sut_db_col_i64(s, 5);
    return SUT_OK;
}

static SUT_ERR count(struct sut_db_conn *c, const struct sut_audit_query *q, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &audit_count, &s));
    bind_query(s, q);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_audit_row_list(struct sut_db_conn *c, struct sut_arena *a,
                           const struct sut_audit_query *q, struct sut_audit_row **ret,
                           size_t *ret_n, int64_t *ret_count)
{
    ENSURE(q->limit <= LIST_MAX, INVALID);
    struct sut_audit_row *rows = ARENA_ARRAY(a, struct sut_audit_row, q->limit + 1);
    ENSURE(rows != NULL, NOMEM);
    TRY(count(c, q, ret_count));

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &audit_page, &s));
    bind_query(s, q);
    sut_db_bind_i64(s, 5, (int64_t) q->limit);
    sut_db_bind_i64(s, 6, (int64_t) q->offset);
    size_t n = 0;
    for (; n < q->limit; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(read_row(s, a, &rows[n]));
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}
