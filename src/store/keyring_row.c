/* SPDX-License-Identifier: Apache-2.0 */
#include "store/keyring_row.h"

#include <string.h>

static const struct sut_sql keyring_load = {
    .name = "keyring_load",
    .text = "SELECT state, version, created_at, wrapped FROM keyring"
            " WHERE purpose = $1 AND state IN (1, 2) ORDER BY version",
};

static const struct sut_sql keyring_first = {
    .name = "keyring_first",
    .text = "INSERT INTO keyring (purpose, version, state, wrapped, created_at)"
            " SELECT $1, 1, 1, $2, $3"
            " WHERE NOT EXISTS (SELECT 1 FROM keyring WHERE purpose = $4)",
};

static const struct sut_sql keyring_forget = {
    .name = "keyring_forget",
    .text = "DELETE FROM keyring WHERE purpose = $1 AND state <> 1",
};

static const struct sut_sql keyring_step_back = {
    .name = "keyring_step_back",
    .text = "UPDATE keyring SET state = 2 WHERE purpose = $1 AND state = 1",
};

static const struct sut_sql keyring_newest = {
    .name = "keyring_newest",
    .text = "SELECT COALESCE(MAX(version), 0) FROM keyring WHERE purpose = $1",
};

static const struct sut_sql keyring_add = {
    .name = "keyring_add",
    .text = "INSERT INTO keyring (purpose, version, state, wrapped, created_at)"
            " VALUES ($1, $2, 1, $3, $4)",
};

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_keyring_row *to)
{
    const sut_str wrapped = sut_db_col_blob(s, 3);
    ENSURE(wrapped.n > 0 && wrapped.n <= sizeof(to->wrapped), CORRUPT);
    to->version = sut_db_col_i64(s, 1);
    to->created_at = (sut_ms){ sut_db_col_i64(s, 2) };
    to->wrapped_n = wrapped.n;
    memcpy(to->wrapped, wrapped.p, wrapped.n);
    return SUT_OK;
}

SUT_ERR sut_keyring_row_load(struct sut_db_conn *c, sut_str purpose,
                             struct sut_keyring_row *ret_current,
                             struct sut_keyring_row *ret_previous)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    ret_current->wrapped_n = 0;
    ret_previous->wrapped_n = 0;
    TRY(sut_db_prepare(c, &keyring_load, &s));
    sut_db_bind_text(s, 1, purpose);
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        const bool is_current = sut_db_col_i64(s, 0) == SUT_KEYRING_CURRENT;
        TRY(read_row(s, is_current ? ret_current : ret_previous));
    }
}

static SUT_ERR run_for(struct sut_db_conn *c, const struct sut_sql *sql, sut_str purpose)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_text(s, 1, purpose);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_keyring_row_first(struct sut_db_conn *c, sut_str purpose, sut_str wrapped, sut_ms now)
{
    ENSURE(wrapped.n > 0 && wrapped.n <= SUT_KEYRING_WRAPPED_MAX, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_first, &s));
    sut_db_bind_text(s, 1, purpose);
    sut_db_bind_blob(s, 2, wrapped);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_text(s, 4, purpose);
    return sut_db_step(s, &has_row);
}

static SUT_ERR newest(struct sut_db_conn *c, sut_str purpose, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_newest, &s));
    sut_db_bind_text(s, 1, purpose);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_keyring_row_rotate(struct sut_db_conn *c, sut_str purpose, sut_str wrapped, sut_ms now)
{
    ENSURE(wrapped.n > 0 && wrapped.n <= SUT_KEYRING_WRAPPED_MAX, INVALID);
    int64_t version = 0;
    TRY(newest(c, purpose, &version));
    TRY(run_for(c, &keyring_forget, purpose));
    TRY(run_for(c, &keyring_step_back, purpose));

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &keyring_add, &s));
    sut_db_bind_text(s, 1, purpose);
    sut_db_bind_i64(s, 2, version + 1);
    sut_db_bind_blob(s, 3, wrapped);
    sut_db_bind_i64(s, 4, now.v);
    return sut_db_step(s, &has_row);
}
