/* SPDX-License-Identifier: Apache-2.0 */
#include "store/link_token.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/personal.h"
#include "store/prune.h"
#include "store/store.h"

static const int64_t keep_ms = INT64_C(24) * 3600 * 1000 * SUT_LINK_KEEP_DAYS;

/* The row's place is part of what is sealed, so the number is needed before. */
static const struct sut_sql link_next_sqlite = {
    .name = "link_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'link_tokens'), 0) + 1",
};

static const struct sut_sql link_next_postgres = {
    .name = "link_next",
    .text = "SELECT nextval(pg_get_serial_sequence('link_tokens', 'id'))",
};

static const struct sut_sql link_insert = {
    .name = "link_insert",
    .text = "INSERT INTO link_tokens (id, hash, purpose, person_id, created_at, expires_at, data,"
            " key_version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
            " RETURNING id",
};

#define COLUMNS "id, person_id, tries, created_at, expires_at, data, key_version"

static const struct sut_sql link_find = {
    .name = "link_find",
    .text = "SELECT " COLUMNS " FROM link_tokens WHERE hash = $1 AND purpose = $2"
            " AND expires_at > $3",
};

/* One statement takes it: of two at once the second finds nothing. */
static const struct sut_sql link_use = {
    .name = "link_use",
    .text = "DELETE FROM link_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3"
            " RETURNING " COLUMNS,
};

static const struct sut_sql link_miss = {
    .name = "link_miss",
    .text = "UPDATE link_tokens SET tries = tries + 1 WHERE id = $1 RETURNING tries",
};

static const struct sut_sql link_drop = {
    .name = "link_drop",
    .text = "DELETE FROM link_tokens WHERE id = $1",
};

static const struct sut_sql link_forget = {
    .name = "link_forget",
    .text = "DELETE FROM link_tokens WHERE person_id = $1 AND purpose = $2 AND id > $3",
};

static const struct sut_sql link_prune = {
    .name = "link_prune",
    .text = "DELETE FROM link_tokens WHERE id IN"
            " (SELECT id FROM link_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT 500)",
};

static SUT_ERR next_id(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &link_next_sqlite : &link_next_postgres, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* $7 and $8; the key and the room live until the statement has run. */
static SUT_ERR bind_data(struct sut_db_conn *c, struct sut_db_stmt *s, int64_t id,
                         const struct sut_link_new *l, sut_ms now, struct sut_data_key *k,
                         struct sut_buf *room)
{
    if (l->data.n == 0) {
        sut_db_bind_null(s, 7);
        sut_db_bind_i64(s, 8, 0);
        return SUT_OK;
    }
    struct sut_seal *seal = NULL;
    TRY(sut_personal_seal(c, &seal));
    TRY(sut_personal_key_for_writing(c, l->person, now, k));
    (void) sut_buf_room(room, l->data.n + SUT_SEAL_OVERHEAD);
    TRY(sut_buf_check(room));
    TRY(sut_personal_bind(seal, k, SUT_PERSONAL_LINK_DATA, id, l->data, room, s, 7));
    sut_db_bind_i64(s, 8, k->version);
    return SUT_OK;
}

SUT_ERR sut_link_token_add(struct sut_db_conn *c, const struct sut_link_new *l, sut_ms now)
{
    ENSURE(l->hash.n == SUT_LINK_HASH && l->data.n <= SUT_LINK_DATA_MAX, INVALID);
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int64_t id = 0;
    bool has_row = false;
    sut_buf_init(&room, SUT_LINK_DATA_MAX + SUT_SEAL_OVERHEAD);
    TRY(next_id(c, &id));
    TRY(sut_db_prepare(c, &link_insert, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_blob(s, 2, l->hash);
    sut_db_bind_i64(s, 3, l->purpose);
    if (l->person == 0)
        sut_db_bind_null(s, 4);
    else
        sut_db_bind_i64(s, 4, l->person);
    sut_db_bind_i64(s, 5, now.v);
    sut_db_bind_i64(s, 6, l->expires_at.v);
    TRY(bind_data(c, s, id, l, now, &k, &room));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    return SUT_OK;
}

/* The one row of a statement, its data opened out of the statement's own memory. */
static SUT_ERR read_row(struct sut_db_conn *c, struct sut_db_stmt *s, struct sut_arena *a,
                        enum sut_link_purpose purpose, struct sut_link_row *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_link_row){
        .id = sut_db_col_i64(s, 0),
        .purpose = purpose,
        .person = sut_db_col_i64(s, 1),
        .tries = (uint32_t) sut_db_col_i64(s, 2),
        .created_at = { sut_db_col_i64(s, 3) },
        .expires_at = { sut_db_col_i64(s, 4) },
    };
    if (sut_db_col_is_null(s, 5))
        return SUT_OK;
    const sut_str sealed = sut_db_col_blob(s, 5);
    struct sut_buf out;
    sut_buf_init_arena(&out, a, SUT_LINK_DATA_MAX + SUT_SEAL_OVERHEAD);
    TRY(sut_personal_key_for_reading(c, ret->person, (uint32_t) sut_db_col_i64(s, 6), &k));
    TRY(sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_LINK_DATA), ret->id, sealed, &out));
    TRY(sut_buf_check(&out));
    ret->data = sut_buf_str(&out);
    return SUT_OK;
}

static SUT_ERR get(struct sut_db_conn *c, struct sut_arena *a, const struct sut_sql *sql,
                   enum sut_link_purpose purpose, sut_str hash, sut_ms now,
                   struct sut_link_row *ret)
{
    ENSURE(hash.n == SUT_LINK_HASH, NOT_FOUND);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_blob(s, 1, hash);
    sut_db_bind_i64(s, 2, purpose);
    sut_db_bind_i64(s, 3, now.v);
    return read_row(c, s, a, purpose, ret);
}

SUT_ERR sut_link_token_find(struct sut_db_conn *c, struct sut_arena *a,
                            enum sut_link_purpose purpose, sut_str hash, sut_ms now,
                            struct sut_link_row *ret)
{
    const sut_err e = get(c, a, &link_find, purpose, hash, now, ret);
    /* Between row and key a rotation may have taken the old key away: look again. */
    return e.code == SUT_E_CORRUPT ? get(c, a, &link_find, purpose, hash, now, ret) : e;
}

SUT_ERR sut_link_token_use(struct sut_db_conn *c, struct sut_arena *a,
                           enum sut_link_purpose purpose, sut_str hash, sut_ms now,
                           struct sut_link_row *ret)
{
    return get(c, a, &link_use, purpose, hash, now, ret);
}

static SUT_ERR run_for_id(struct sut_db_conn *c, const struct sut_sql *sql, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, id);
    return sut_db_step(s, &has_row);
}

static SUT_ERR count_miss(struct sut_db_conn *c, int64_t id, uint32_t *ret_tries)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &link_miss, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret_tries = (uint32_t) sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_link_token_miss(struct sut_db_conn *c, int64_t id, uint32_t max, uint32_t *ret_left)
{
    uint32_t tries = 0;
    TRY(count_miss(c, id, &tries));
    *ret_left = tries >= max ? 0 : max - tries;
    return *ret_left > 0 ? SUT_OK : run_for_id(c, &link_drop, id);
}

SUT_ERR sut_link_token_forget(struct sut_db_conn *c, int64_t person, enum sut_link_purpose purpose)
{
    return sut_link_token_forget_after(c, person, purpose, 0);
}

SUT_ERR sut_link_token_forget_after(struct sut_db_conn *c, int64_t person,
                                    enum sut_link_purpose purpose, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &link_forget, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, purpose);
    sut_db_bind_i64(s, 3, id);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_link_token_prune(struct sut_store *s, sut_ms now)
{
    const struct sut_sql *const sql[] = { &link_prune };
    return sut_store__prune(s, sql, 1, (sut_ms){ now.v - keep_ms });
}
