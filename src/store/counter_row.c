/* SPDX-License-Identifier: Apache-2.0 */
#include "store/counter_row.h"

static const struct sut_sql counter_load = {
    .name = "counter_load",
    .text = "SELECT kind, key, data, expires_at FROM (SELECT kind, key, data, expires_at"
            " FROM counters WHERE expires_at > $1 ORDER BY kind DESC, expires_at DESC LIMIT $2) r"
            " ORDER BY expires_at",
};

static const struct sut_sql counter_save = {
    .name = "counter_save",
    .text = "INSERT INTO counters (kind, key, data, expires_at) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (kind, key) DO UPDATE SET data = excluded.data,"
            " expires_at = excluded.expires_at",
};

/*
 * By the place where a row lies, and with a limit that stands there (SUT_COUNTER_ROW_PRUNE): a
 * planner that has a choice reads all rows.  In PostgreSQL another server may have saved a row
 * meanwhile, so it is looked at once more.
 */
static const struct sut_sql counter_prune_sqlite = {
    .name = "counter_prune",
    .text = "DELETE FROM counters WHERE rowid IN (SELECT rowid FROM counters"
            " WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1100)",
};

static const struct sut_sql counter_prune_postgres = {
    .name = "counter_prune",
    .text = "DELETE FROM counters WHERE expires_at <= $1 AND ctid = ANY (ARRAY(SELECT ctid"
            " FROM counters WHERE expires_at <= $1 ORDER BY expires_at LIMIT 1100))",
};

SUT_ERR sut_counter_row_load(struct sut_db_conn *c, sut_ms now, int64_t max,
                             void (*each)(void *arg, const struct sut_counter_row *row), void *arg)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &counter_load, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, max);
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        const struct sut_counter_row row = {
            .kind = sut_db_col_i64(s, 0),
            .key = sut_db_col_blob(s, 1),
            .data = sut_db_col_blob(s, 2),
            .expires_at = { .v = sut_db_col_i64(s, 3) },
        };
        each(arg, &row);
    }
}

SUT_ERR sut_counter_row_save(struct sut_db_conn *c, const struct sut_counter_row *row)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &counter_save, &s));
    sut_db_bind_i64(s, 1, row->kind);
    sut_db_bind_blob(s, 2, row->key);
    sut_db_bind_blob(s, 3, row->data);
    sut_db_bind_i64(s, 4, row->expires_at.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_counter_row_prune(struct sut_db_conn *c, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &counter_prune_sqlite : &counter_prune_postgres,
        &s));
    sut_db_bind_i64(s, 1, now.v);
    return sut_db_step(s, &has_row);
}
