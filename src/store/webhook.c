/* SPDX-License-Identifier: Apache-2.0 */
#include "store/webhook.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/due_int.h"
#include "store/personal.h"
#include "store/prune.h"
#include "store/store.h"

enum { NOBODY = 0 };
static const int64_t keep_ms = INT64_C(24) * 3600 * 1000 * SUT_WEBHOOK_KEEP_DAYS;

/* The row's place is part of what is sealed, so the number is needed before. */
static const struct sut_sql webhook_next_sqlite = {
    .name = "webhook_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'webhooks'), 0) + 1",
};

static const struct sut_sql webhook_next_postgres = {
    .name = "webhook_next",
    .text = "SELECT nextval(pg_get_serial_sequence('webhooks', 'id'))",
};

/* Before anything is sealed: most doubles come much later than the first. */
static const struct sut_sql webhook_is_there = {
    .name = "webhook_is_there",
    .text = "SELECT 1 FROM webhooks WHERE provider = $1 AND event = $2",
};

static const struct sut_sql webhook_insert = {
    .name = "webhook_insert",
    .text = "INSERT INTO webhooks (id, provider, event, type, state, created_at, due_at, body,"
            " key_version) VALUES ($1, $2, $3, $4, 1, $5, $5, $6, $7)"
            " ON CONFLICT DO NOTHING RETURNING id",
};

static const struct sut_sql webhook_by_id = {
    .name = "webhook_by_id",
    .text = "SELECT id, provider, event, type, state, tries, created_at, body, key_version"
            " FROM webhooks WHERE id = $1",
};

/* 16: SUT_WEBHOOK_CLAIM_MAX.  A limit that is bound may make a planner read all that waits. */
static const struct sut_sql webhook_due = {
    .name = "webhook_due",
    .text = "SELECT id FROM webhooks WHERE state = 1 AND due_at <= $1"
            " ORDER BY due_at, id LIMIT 16",
};

static const struct sut_sql webhook_claim = {
    .name = "webhook_claim",
    .text = "UPDATE webhooks SET tries = tries + 1, due_at = $3 WHERE id = $1 AND state = 1"
            " AND due_at <= $2 RETURNING id",
};

static const struct sut_sql webhook_done = {
    .name = "webhook_done",
    .text = "UPDATE webhooks SET state = 2, why = $2, done_at = $3, body = NULL, key_version = 0"
            " WHERE id = $1 AND state = 1 RETURNING id",
};

static const struct sut_sql webhook_retry = {
    .name = "webhook_retry",
    .text = "UPDATE webhooks SET why = $2, due_at = $3 WHERE id = $1 AND state = 1",
};

static const struct sut_sql webhook_give_up = {
    .name = "webhook_give_up",
    .text = "UPDATE webhooks SET state = 3, why = $2, done_at = $3 WHERE id = $1 AND state = 1",
};

static const struct sut_sql webhook_next_due = {
    .name = "webhook_next_due",
    .text = "SELECT due_at FROM webhooks WHERE state = 1 ORDER BY due_at LIMIT 1",
};

static const struct sut_sql webhook_prune = {
    .name = "webhook_prune",
    .text = "DELETE FROM webhooks WHERE id IN (SELECT id FROM webhooks WHERE created_at < $1"
            " AND state <> 1 ORDER BY created_at LIMIT 500)",
};

static SUT_ERR next_id(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &webhook_next_sqlite : &webhook_next_postgres,
        &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static SUT_ERR is_there(struct sut_db_conn *c, const struct sut_webhook_new *w, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &webhook_is_there, &s));
    sut_db_bind_i64(s, 1, w->provider);
    sut_db_bind_text(s, 2, w->event);
    return sut_db_step(s, ret);
}

static SUT_ERR insert(struct sut_db_conn *c, const struct sut_webhook_new *w, sut_ms now,
                      bool *ret_is_new)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    struct sut_seal *seal = NULL;
    int64_t id = 0;
    sut_buf_init(&room, w->body.n + SUT_SEAL_OVERHEAD);
    (void) sut_buf_room(&room, w->body.n + SUT_SEAL_OVERHEAD);
    TRY(sut_buf_check(&room));
    TRY(sut_personal_key_for_writing(c, NOBODY, now, &k));
    TRY(sut_personal_seal(c, &seal));
    TRY(next_id(c, &id));
    TRY(sut_db_prepare(c, &webhook_insert, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, w->provider);
    sut_db_bind_text(s, 3, w->event);
    sut_db_bind_text(s, 4, w->type);
    sut_db_bind_i64(s, 5, now.v);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_WEBHOOK_BODY, id, w->body, &room, s, 6));
    sut_db_bind_i64(s, 7, k.version);
    return sut_db_step(s, ret_is_new);
}

SUT_ERR sut_webhook_add(struct sut_db_conn *c, const struct sut_webhook_new *w, sut_ms now,
                        bool *ret_is_new)
{
    bool is_known = false;
    ENSURE(w->event.n > 0 && w->event.n <= SUT_WEBHOOK_WORD_MAX && w->type.n > 0 &&
               w->type.n <= SUT_WEBHOOK_WORD_MAX && w->body.n <= SUT_WEBHOOK_BODY_MAX,
           INVALID);
    *ret_is_new = false;
    TRY(is_there(c, w, &is_known));
    return is_known ? SUT_OK : insert(c, w, now, ret_is_new);
}

/* --- reading --- */

static SUT_ERR copy(struct sut_arena *a, sut_str v, sut_str *ret)
{
    *ret = sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

/* One that does not open is none: who works it off says so. */
static SUT_ERR open_body(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                         struct sut_webhook *w)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    if (sut_db_col_is_null(s, 7))
        return SUT_OK;
    const sut_str sealed = sut_db_col_blob(s, 7);
    struct sut_buf out = { .p = sut_arena_bytes(a, sealed.n + 1),
                           .cap = sealed.n,
                           .max = sealed.n };
    ENSURE(out.p != NULL, NOMEM);
    sut_err e = sut_personal_key_for_reading(c, NOBODY, (uint32_t) sut_db_col_i64(s, 8), &k);
    if (!sut_failed(e))
        e = sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_WEBHOOK_BODY), w->id, sealed, &out);
    if (e.code == SUT_E_CORRUPT)
        return SUT_OK;
    TRY(e);
    w->body = sut_buf_str(&out);
    return SUT_OK;
}

SUT_ERR sut_webhook_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                          struct sut_webhook *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &webhook_by_id, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_webhook){
        .id = id,
        .provider = (enum sut_pay_method) sut_db_col_i64(s, 1),
        .state = (enum sut_webhook_state) sut_db_col_i64(s, 4),
        .tries = sut_db_col_i64(s, 5),
        .created_at = { sut_db_col_i64(s, 6) },
    };
    TRY(copy(a, sut_db_col_text(s, 2), &ret->event));
    TRY(copy(a, sut_db_col_text(s, 3), &ret->type));
    return open_body(c, a, s, ret);
}

/* --- what is due --- */

static const struct sut_due due = { .list = &webhook_due,
                                    .claim = &webhook_claim,
                                    .next = &webhook_next_due };

SUT_ERR sut_webhook_claim(struct sut_db_conn *c, size_t n, int64_t claim_ms, sut_ms now,
                          int64_t *ret, size_t *ret_n)
{
    ENSURE(n > 0 && n <= SUT_WEBHOOK_CLAIM_MAX, INVALID);
    return sut_due__claim(c, &due, n, claim_ms, now, ret, ret_n);
}

SUT_ERR sut_webhook_next_due(struct sut_db_conn *c, sut_ms *ret)
{
    return sut_due__next(c, &due, ret);
}

SUT_ERR sut_webhook_done(struct sut_db_conn *c, int64_t id, const char *why, sut_ms now,
                         bool *ret_was_due)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &webhook_done, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_text(s, 2, sut_str_from(why));
    sut_db_bind_i64(s, 3, now.v);
    return sut_db_step(s, ret_was_due);
}

SUT_ERR sut_webhook_failed(struct sut_db_conn *c, int64_t id, const char *why, sut_ms due_at,
                           sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, due_at.v > 0 ? &webhook_retry : &webhook_give_up, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_text(s, 2, sut_str_from(why));
    sut_db_bind_i64(s, 3, due_at.v > 0 ? due_at.v : now.v);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_webhook_prune(struct sut_store *s, sut_ms now)
{
    const struct sut_sql *const sql[] = { &webhook_prune };
    return sut_store__prune(s, sql, 1, (sut_ms){ now.v - keep_ms });
}
