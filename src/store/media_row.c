/* SPDX-License-Identifier: Apache-2.0 */
#include "store/media_row.h"

#include <string.h>

#include "db/db.h"

static const struct sut_sql media_add = {
    .name = "media_add",
    .text = "INSERT INTO media (name, kind, state, person_id, width, height, bytes, created_at,"
            " modified_at) VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $7) ON CONFLICT DO NOTHING"
            " RETURNING id",
};

static const struct sut_sql media_use = {
    .name = "media_use",
    .text = "UPDATE media SET state = 2, modified_at = $2 WHERE id = $1 AND state = 1",
};

static const struct sut_sql media_drop = {
    .name = "media_drop",
    .text = "UPDATE media SET state = 3, modified_at = $2 WHERE id = $1 AND state <> 3",
};

static const struct sut_sql media_drop_name = {
    .name = "media_drop_name",
    .text = "UPDATE media SET state = 3, modified_at = $2 WHERE name = $1 AND state <> 3",
};

static const struct sut_sql media_drop_person = {
    .name = "media_drop_person",
    .text = "UPDATE media SET state = 3, modified_at = $2 WHERE person_id = $1 AND state <> 3",
};

static const struct sut_sql media_expire = {
    .name = "media_expire",
    .text = "UPDATE media SET state = 3, modified_at = $2 WHERE state = 1 AND modified_at < $1",
};

static const struct sut_sql media_gone = {
    .name = "media_gone",
    .text = "SELECT id, name, kind, width, height, bytes, person_id FROM media WHERE state = 3"
            " AND id > $1 ORDER BY id LIMIT $2",
};

static const struct sut_sql media_delete = {
    .name = "media_delete",
    .text = "DELETE FROM media WHERE id = $1 AND state = 3",
};

SUT_ERR sut_media_row_add(struct sut_db_conn *c, const struct sut_media_row *m, sut_ms now,
                          int64_t *ret_id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &media_add, &s));
    sut_db_bind_text(s, 1, sut_str_of(m->name, SUT_MEDIA_NAME));
    sut_db_bind_i64(s, 2, m->kind);
    if (m->person_id == 0)
        sut_db_bind_null(s, 3);
    else
        sut_db_bind_i64(s, 3, m->person_id);
    sut_db_bind_i64(s, 4, m->width);
    sut_db_bind_i64(s, 5, m->height);
    sut_db_bind_i64(s, 6, m->bytes);
    sut_db_bind_i64(s, 7, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    *ret_id = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* Run a change with a number and a time; *ret_n: of how many rows. */
static SUT_ERR change(struct sut_db_conn *c, const struct sut_sql *sql, int64_t first, sut_ms now,
                      int64_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, first);
    sut_db_bind_i64(s, 2, now.v);
    TRY(sut_db_step(s, &has_row));
    *ret_n = sut_db_changes(s);
    return SUT_OK;
}

SUT_ERR sut_media_row_use(struct sut_db_conn *c, int64_t id, sut_ms now)
{
    int64_t n = 0;
    TRY(change(c, &media_use, id, now, &n));
    ENSURE(n == 1, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_media_row_drop(struct sut_db_conn *c, int64_t id, sut_ms now)
{
    int64_t n = 0;
    return change(c, &media_drop, id, now, &n);
}

SUT_ERR sut_media_row_drop_name(struct sut_db_conn *c, sut_str name, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &media_drop_name, &s));
    sut_db_bind_text(s, 1, name);
    sut_db_bind_i64(s, 2, now.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_media_row_drop_person(struct sut_db_conn *c, int64_t person, sut_ms now)
{
    int64_t n = 0;
    return change(c, &media_drop_person, person, now, &n);
}

SUT_ERR sut_media_row_expire(struct sut_db_conn *c, sut_ms before, sut_ms now, int64_t *ret_n)
{
    return change(c, &media_expire, before.v, now, ret_n);
}

SUT_ERR sut_media_row_gone(struct sut_db_conn *c, int64_t after, struct sut_media_row *ret,
                           size_t cap, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    *ret_n = 0;
    TRY(sut_db_prepare(c, &media_gone, &s));
    sut_db_bind_i64(s, 1, after);
    sut_db_bind_i64(s, 2, (int64_t) cap);
    TRY(sut_db_step(s, &has_row));
    while (has_row && *ret_n < cap) {
        struct sut_media_row *const row = &ret[(*ret_n)++];
        const sut_str name = sut_db_col_text(s, 1);
        ENSURE(name.n == SUT_MEDIA_NAME, CORRUPT);
        *row = (struct sut_media_row){
            .id = sut_db_col_i64(s, 0),
            .kind = sut_db_col_i64(s, 2),
            .width = sut_db_col_i64(s, 3),
            .height = sut_db_col_i64(s, 4),
            .bytes = sut_db_col_i64(s, 5),
            .person_id = sut_db_col_i64(s, 6),
        };
        memcpy(row->name, name.p, SUT_MEDIA_NAME);
        TRY(sut_db_step(s, &has_row));
    }
    return SUT_OK;
}

SUT_ERR sut_media_row_delete(struct sut_db_conn *c, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &media_delete, &s));
    sut_db_bind_i64(s, 1, id);
    return sut_db_step(s, &has_row);
}
