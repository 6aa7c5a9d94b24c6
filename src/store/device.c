/* SPDX-License-Identifier: Apache-2.0 */
#include "store/device.h"

#include "db/db.h"
#include "store/personal.h"
#include "store/prune.h"
#include "store/store.h"

static const int64_t keep_ms = INT64_C(24) * 3600 * 1000 * SUT_DEVICE_KEEP_DAYS;

static const struct sut_sql device_seen = {
    .name = "device_seen",
    .text = "UPDATE devices SET last_seen_at = $3 WHERE person_id = $1 AND device = $2"
            " AND last_seen_at > $4",
};

static const struct sut_sql device_any = {
    .name = "device_any",
    .text = "SELECT 1 FROM devices WHERE person_id = $1 LIMIT 1",
};

static const struct sut_sql device_insert = {
    .name = "device_insert",
    .text = "INSERT INTO devices (person_id, device, created_at, last_seen_at)"
            " VALUES ($1, $2, $3, $3) ON CONFLICT (person_id, device) DO UPDATE"
            " SET created_at = excluded.created_at, last_seen_at = excluded.last_seen_at",
};

/* The longest unseen beyond the number that is kept. */
static const struct sut_sql device_trim = {
    .name = "device_trim",
    .text = "DELETE FROM devices WHERE person_id = $1 AND id IN (SELECT id FROM devices"
            " WHERE person_id = $1 ORDER BY last_seen_at DESC, id DESC LIMIT 1000 OFFSET $2)",
};

static const struct sut_sql device_known = {
    .name = "device_known",
    .text = "SELECT 1 FROM devices WHERE person_id = $1 AND device = $2 AND last_seen_at > $3",
};

static const struct sut_sql device_list = {
    .name = "device_list",
    .text = "SELECT device FROM devices WHERE person_id = $1 ORDER BY last_seen_at DESC, id DESC"
            " LIMIT $2",
};

static const struct sut_sql device_forget = {
    .name = "device_forget",
    .text = "DELETE FROM devices WHERE person_id = $1",
};

static const struct sut_sql device_prune = {
    .name = "device_prune",
    .text = "DELETE FROM devices WHERE id IN"
            " (SELECT id FROM devices WHERE last_seen_at < $1 ORDER BY last_seen_at LIMIT 500)",
};

static SUT_ERR has_any(struct sut_db_conn *c, int64_t person, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &device_any, &s));
    sut_db_bind_i64(s, 1, person);
    return sut_db_step(s, ret);
}

static SUT_ERR add(struct sut_db_conn *c, int64_t person, sut_str device, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &device_insert, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_blob(s, 2, device);
    sut_db_bind_i64(s, 3, now.v);
    return sut_db_step(s, &has_row);
}

static SUT_ERR trim(struct sut_db_conn *c, int64_t person)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &device_trim, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, SUT_DEVICES_MAX);
    return sut_db_step(s, &has_row);
}

static SUT_ERR touch(struct sut_db_conn *c, int64_t person, sut_str device, sut_ms now, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &device_seen, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_blob(s, 2, device);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_i64(s, 4, now.v - keep_ms);
    TRY(sut_db_step(s, &has_row));
    *ret = sut_db_changes(s) > 0;
    return SUT_OK;
}

SUT_ERR sut_device_see(struct sut_db_conn *c, int64_t person, sut_str device, sut_ms now,
                       bool *ret_is_new, bool *ret_is_first)
{
    ENSURE(device.n == SUT_DEVICE_HASH, INVALID);
    bool is_known = false;
    bool had_one = true;
    TRY(touch(c, person, device, now, &is_known));
    if (!is_known) {
        TRY(has_any(c, person, &had_one));
        TRY(add(c, person, device, now));
        TRY(trim(c, person));
    }
    *ret_is_new = !is_known;
    *ret_is_first = !had_one;
    return SUT_OK;
}

SUT_ERR sut_device_is_known(struct sut_db_conn *c, int64_t person, sut_str device, sut_ms now,
                            bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &device_known, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_blob(s, 2, device);
    sut_db_bind_i64(s, 3, now.v - keep_ms);
    return sut_db_step(s, ret);
}

SUT_ERR sut_device_list(struct sut_db_conn *c, struct sut_arena *a, int64_t person, sut_str **ret,
                        size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    sut_str *rows = ARENA_ARRAY(a, sut_str, SUT_DEVICES_MAX);
    size_t n = 0;
    bool has_row = false;
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_db_prepare(c, &device_list, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, SUT_DEVICES_MAX);
    for (;; n++) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row || n == SUT_DEVICES_MAX)
            break;
        rows[n] = sut_str_dup(a, sut_db_col_blob(s, 0));
        ENSURE(rows[n].p != NULL, NOMEM);
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_device_forget(struct sut_db_conn *c, int64_t person)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &device_forget, &s));
    sut_db_bind_i64(s, 1, person);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_device_prune(struct sut_store *store, sut_ms now)
{
    const struct sut_sql *const sql[] = { &device_prune };
    return sut_store__prune(store, sql, 1, (sut_ms){ now.v - keep_ms });
}
