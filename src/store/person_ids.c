/* SPDX-License-Identifier: Apache-2.0 */
#include "store/person_ids.h"

#include "db/db.h"

static const struct sut_sql person_ids = {
    .name = "person_ids",
    .text = "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2",
};

static const struct sut_sql person_any = {
    .name = "person_any",
    .text = "SELECT id FROM users WHERE id > (SELECT MAX(id) FROM users) * $1 / 1048576"
            " ORDER BY id LIMIT 1",
};

static const struct sut_sql person_hold_sqlite = {
    .name = "person_hold",
    .text = "SELECT id FROM users WHERE id = $1",
};

/* As its foreign keys do: the row is locked, which leaves a mark in it. */
static const struct sut_sql person_hold_postgres = {
    .name = "person_hold",
    .text = "SELECT id FROM users WHERE id = $1 FOR KEY SHARE",
};

SUT_ERR sut_person_ids(struct sut_db_conn *c, int64_t after, int64_t *ret, size_t cap,
                       size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    *ret_n = 0;
    TRY(sut_db_prepare(c, &person_ids, &s));
    sut_db_bind_i64(s, 1, after);
    sut_db_bind_i64(s, 2, (int64_t) cap);
    while (*ret_n < cap) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        ret[(*ret_n)++] = sut_db_col_i64(s, 0);
    }
    return SUT_OK;
}

SUT_ERR sut_person_any(struct sut_db_conn *c, int64_t chance, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    ENSURE(chance >= 0 && chance < 1048576, INVALID);
    TRY(sut_db_prepare(c, &person_any, &s));
    sut_db_bind_i64(s, 1, chance);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_person_hold(struct sut_db_conn *c, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &person_hold_sqlite : &person_hold_postgres, &s));
    sut_db_bind_i64(s, 1, id);
    return sut_db_step(s, &has_row);
}
