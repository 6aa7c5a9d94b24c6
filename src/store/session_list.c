/* SPDX-License-Identifier: Apache-2.0 */
#include "store/session_list.h"

#include <string.h>

#include "db/db.h"
#include "store/personal.h"

enum { TEXTS = 5, COL_TEXTS = 3, COL_KEY = COL_TEXTS + TEXTS };

/* The data key comes with each row: a list whose keys are not open costs one statement too. */
static const struct sut_sql session_list = {
    .name = "session_list",
    .text = "SELECT s.id, s.created_at, s.refreshed_at, s.device_type, s.os, s.app_version,"
            " s.user_agent, s.ip, s.key_version, k.kek_version, k.wrapped FROM sessions s"
            " LEFT JOIN data_keys k ON k.person_id = s.user_id AND k.version = s.key_version"
            " WHERE s.user_id = $1 AND s.revoked_at IS NULL AND s.expires_at > $2"
            " ORDER BY s.refreshed_at DESC, s.id DESC LIMIT $3",
};

/* A row as it lies there. */
struct sealed {
    struct sut_session_row plain;
    sut_str texts[TEXTS];
    struct sut_data_key_row key; /* version 0: nothing is sealed in it */
};

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_arena *a, int64_t user_id,
                        struct sealed *ret)
{
    *ret = (struct sealed){
        .plain = { .id = sut_db_col_i64(s, 0),
                   .created_at = { sut_db_col_i64(s, 1) },
                   .refreshed_at = { sut_db_col_i64(s, 2) } },
        .key = { .person = user_id,
                 .version = (uint32_t) sut_db_col_i64(s, COL_KEY),
                 .kek_version = (uint32_t) sut_db_col_i64(s, COL_KEY + 1) },
    };
    for (int i = 0; i < TEXTS; i++) {
        if (sut_db_col_is_null(s, COL_TEXTS + i))
            continue;
        ret->texts[i] = sut_str_dup(a, sut_db_col_blob(s, COL_TEXTS + i));
        ENSURE(ret->texts[i].p != NULL, NOMEM);
    }
    const sut_str wrapped = sut_db_col_blob(s, COL_KEY + 2);
    if (wrapped.n == SUT_DATA_WRAPPED)
        memcpy(ret->key.wrapped, wrapped.p, SUT_DATA_WRAPPED);
    return SUT_OK;
}

static SUT_ERR read_rows(struct sut_db_conn *c, struct sut_arena *a, int64_t user_id, sut_ms now,
                         struct sealed *rows, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &session_list, &s));
    sut_db_bind_i64(s, 1, user_id);
    sut_db_bind_i64(s, 2, now.v);
    sut_db_bind_i64(s, 3, SUT_SESSION_LIST_MAX);
    for (size_t n = 0;; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        *ret_n = n;
        if (!has_row || n == SUT_SESSION_LIST_MAX)
            return SUT_OK;
        TRY(read_row(s, a, user_id, &rows[n]));
    }
}

/* The keys of all rows, each once: a person has few. */
static SUT_ERR open_keys(struct sut_db_conn *c, struct sut_arena *a, const struct sealed *rows,
                         size_t n)
{
    struct sut_data_key_row *keys = ARENA_ARRAY(a, struct sut_data_key_row, n + 1);
    size_t n_keys = 0;
    ENSURE(keys != NULL, NOMEM);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < n_keys && keys[k].version != rows[i].key.version)
            k++;
        if (k == n_keys && rows[i].key.version != 0)
            keys[n_keys++] = rows[i].key;
    }
    return n_keys == 0 ? SUT_OK : sut_personal_open_keys(c, keys, n_keys);
}

static SUT_ERR open_texts(const struct sut_data_key *k, struct sut_arena *a, struct sealed *row)
{
    sut_str *const to[TEXTS] = { &row->plain.device_type, &row->plain.os, &row->plain.app_version,
                                 &row->plain.user_agent, &row->plain.ip };
    for (int i = 0; i < TEXTS; i++) {
        const sut_str from = row->texts[i];
        struct sut_buf out = { .cap = from.n, .max = from.n };
        if (from.p == NULL)
            continue;
        out.p = sut_arena_bytes(a, from.n + 1);
        ENSURE(out.p != NULL, NOMEM);
        TRY(sut_seal_get(
            k, sut_personal_field((enum sut_personal)(SUT_PERSONAL_SESSIONS_DEVICE_TYPE + i)),
            row->plain.id, from, &out));
        *to[i] = sut_buf_str(&out);
    }
    return SUT_OK;
}

/* One whose texts are lost is listed without them, so that it can be ended. */
static SUT_ERR open_row(struct sut_seal *seal, struct sut_arena *a, struct sealed *row)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    const struct sut_session_row bare = row->plain;
    if (row->key.version == 0)
        return SUT_OK;
    sut_err e = sut_seal_key_of(seal, &row->key, &k);
    if (!sut_failed(e))
        e = open_texts(&k, a, row);
    if (e.code != SUT_E_NOT_FOUND && e.code != SUT_E_CORRUPT)
        return e;
    row->plain = bare;
    return SUT_OK;
}

SUT_ERR sut_session_list(struct sut_db_conn *c, struct sut_arena *a, int64_t user_id, sut_ms now,
                         struct sut_session_row **ret, size_t *ret_n)
{
    struct sut_seal *seal = NULL;
    size_t n = 0;
    struct sealed *rows = ARENA_ARRAY(a, struct sealed, SUT_SESSION_LIST_MAX);
    ENSURE(rows != NULL, NOMEM);
    TRY(read_rows(c, a, user_id, now, rows, &n));
    TRY(sut_personal_seal(c, &seal));
    TRY(open_keys(c, a, rows, n));
    struct sut_session_row *plain = ARENA_ARRAY(a, struct sut_session_row, n + 1);
    ENSURE(plain != NULL, NOMEM);
    for (size_t i = 0; i < n; i++) {
        TRY(open_row(seal, a, &rows[i]));
        plain[i] = rows[i].plain;
    }
    *ret = plain;
    *ret_n = n;
    return SUT_OK;
}
