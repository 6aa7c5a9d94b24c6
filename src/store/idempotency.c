/* SPDX-License-Identifier: Apache-2.0 */
#include "store/idempotency.h"

#include "base/buf.h"
#include "crypto/hmac.h"
#include "db/db.h"
#include "store/personal.h"
#include "store/prune.h"
#include "store/store.h"

static const int64_t keep_ms = INT64_C(24) * 3600 * 1000 * SUT_IDEMPOTENCY_KEEP_DAYS;

_Static_assert((int) SUT_SHA256_SIZE == (int) SUT_IDEMPOTENCY_DIGEST, "one digest");

static const struct sut_sql idempotency_find = {
    .name = "idempotency_find",
    .text = "SELECT id, request, person_id, resource_id, status, turn, claimed_at, answer,"
            " key_version FROM idempotency WHERE name = $1 AND created_at > $2",
};

/* One that has outlived its day is taken as if it had been pruned. */
static const struct sut_sql idempotency_claim = {
    .name = "idempotency_claim",
    .text = "INSERT INTO idempotency (name, request, person_id, turn, created_at, claimed_at)"
            " VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (name) DO UPDATE SET request = $2,"
            " person_id = $3, turn = $4, created_at = $5, claimed_at = $5, resource_id = 0,"
            " status = 0, answer = NULL, key_version = 0 WHERE idempotency.created_at <= $6"
            " RETURNING id",
};

static const struct sut_sql idempotency_made = {
    .name = "idempotency_made",
    .text = "UPDATE idempotency SET resource_id = $3 WHERE name = $1 AND turn = $2 AND status = 0",
};

static const struct sut_sql idempotency_resume = {
    .name = "idempotency_resume",
    .text = "UPDATE idempotency SET turn = $3, claimed_at = $4 WHERE name = $1 AND turn = $2"
            " AND status = 0",
};

static const struct sut_sql idempotency_own = {
    .name = "idempotency_own",
    .text = "SELECT id FROM idempotency WHERE name = $1 AND turn = $2 AND status = 0",
};

static const struct sut_sql idempotency_answer = {
    .name = "idempotency_answer",
    .text = "UPDATE idempotency SET status = $3, answer = $4, key_version = $5 WHERE id = $1"
            " AND turn = $2 AND status = 0",
};

static const struct sut_sql idempotency_give_up = {
    .name = "idempotency_give_up",
    .text = "UPDATE idempotency SET claimed_at = 0 WHERE name = $1 AND turn = $2 AND status = 0",
};

static const struct sut_sql idempotency_prune = {
    .name = "idempotency_prune",
    .text = "DELETE FROM idempotency WHERE id IN"
            " (SELECT id FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT 500)",
};

void sut_idempotency_name(sut_str text, unsigned char ret[SUT_IDEMPOTENCY_DIGEST])
{
    sut_sha256(text, ret);
}

void sut_idempotency_request(sut_str name_text, sut_str path, sut_str body,
                             unsigned char ret[SUT_IDEMPOTENCY_DIGEST])
{
    struct sut_hmac_key mac;
    const sut_str parts[] = { path, body };
    sut_hmac_key_init(&mac, name_text);
    sut_hmac_parts(&mac, parts, 2, ret);
}

/* CORRUPT: it does not open. */
static SUT_ERR open_answer(struct sut_db_conn *c, struct sut_arena *a, struct sut_db_stmt *s,
                           sut_str *ret)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    const sut_str sealed = sut_db_col_blob(s, 7);
    struct sut_buf plain;
    sut_buf_init_arena(&plain, a, sealed.n + 1);
    TRY(sut_personal_key_for_reading(c, sut_db_col_i64(s, 2), (uint32_t) sut_db_col_i64(s, 8), &k));
    TRY(sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_IDEMPOTENCY_ANSWER), sut_db_col_i64(s, 0),
                     sealed, &plain));
    TRY(sut_buf_check(&plain));
    *ret = sut_buf_str(&plain);
    return SUT_OK;
}

SUT_ERR sut_idempotency_find(struct sut_db_conn *c, struct sut_arena *a, sut_str name, sut_ms now,
                             struct sut_idempotency_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &idempotency_find, &s));
    sut_db_bind_blob(s, 1, name);
    sut_db_bind_i64(s, 2, now.v - keep_ms);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_idempotency_row){
        .request = sut_str_dup(a, sut_db_col_blob(s, 1)),
        .resource = sut_db_col_i64(s, 3),
        .status = (int) sut_db_col_i64(s, 4),
        .turn = sut_db_col_i64(s, 5),
        .claimed_at = { sut_db_col_i64(s, 6) },
    };
    ENSURE(ret->request.p != NULL, NOMEM);
    if (ret->status == 0 || sut_db_col_is_null(s, 7))
        return SUT_OK;
    const sut_err e = open_answer(c, a, s, &ret->answer);
    return e.code == SUT_E_CORRUPT ? SUT_OK : e;
}

SUT_ERR sut_idempotency_claim(struct sut_db_conn *c, const struct sut_idempotency_new *n,
                              sut_ms now)
{
    ENSURE(n->name.n == SUT_IDEMPOTENCY_DIGEST && n->request.n == SUT_IDEMPOTENCY_DIGEST, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &idempotency_claim, &s));
    sut_db_bind_blob(s, 1, n->name);
    sut_db_bind_blob(s, 2, n->request);
    if (n->person == 0)
        sut_db_bind_null(s, 3);
    else
        sut_db_bind_i64(s, 3, n->person);
    sut_db_bind_i64(s, 4, n->turn);
    sut_db_bind_i64(s, 5, now.v);
    sut_db_bind_i64(s, 6, now.v - keep_ms);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    return SUT_OK;
}

/* One of this turn's updates; NOT_FOUND when it touched nothing. */
static SUT_ERR step_of_turn(struct sut_db_stmt *s, sut_str name, int64_t turn)
{
    bool has_row = false;
    sut_db_bind_blob(s, 1, name);
    sut_db_bind_i64(s, 2, turn);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_idempotency_made(struct sut_db_conn *c, sut_str name, int64_t turn, int64_t resource)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &idempotency_made, &s));
    sut_db_bind_i64(s, 3, resource);
    return step_of_turn(s, name, turn);
}

SUT_ERR sut_idempotency_resume(struct sut_db_conn *c, sut_str name, int64_t old_turn,
                               int64_t new_turn, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &idempotency_resume, &s));
    sut_db_bind_i64(s, 3, new_turn);
    sut_db_bind_i64(s, 4, now.v);
    return step_of_turn(s, name, old_turn);
}

static SUT_ERR own_row(struct sut_db_conn *c, sut_str name, int64_t turn, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &idempotency_own, &s));
    sut_db_bind_blob(s, 1, name);
    sut_db_bind_i64(s, 2, turn);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_idempotency_answer(struct sut_db_conn *c, sut_str name, int64_t turn, int64_t person,
                               int status, sut_str answer, sut_ms now)
{
    ENSURE(answer.n <= SUT_IDEMPOTENCY_ANSWER_MAX, TOO_LARGE);
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_seal *seal = NULL;
    int64_t id = 0;
    bool has_row = false;
    TRY(own_row(c, name, turn, &id));
    TRY(sut_personal_key_for_writing(c, person, now, &k));
    TRY(sut_personal_seal(c, &seal));
    sut_buf_init(&room, SUT_IDEMPOTENCY_ANSWER_MAX + SUT_SEAL_OVERHEAD);
    (void) sut_buf_room(&room, answer.n + SUT_SEAL_OVERHEAD);
    TRY(sut_buf_check(&room));
    TRY(sut_db_prepare(c, &idempotency_answer, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, turn);
    sut_db_bind_i64(s, 3, status);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_IDEMPOTENCY_ANSWER, id, answer, &room, s, 4));
    sut_db_bind_i64(s, 5, k.version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_idempotency_give_up(struct sut_db_conn *c, sut_str name, int64_t turn)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &idempotency_give_up, &s));
    return step_of_turn(s, name, turn);
}

SUT_ERR sut_idempotency_prune(struct sut_store *store, sut_ms now)
{
    const struct sut_sql *const sql[] = { &idempotency_prune };
    return sut_store__prune(store, sql, 1, (sut_ms){ now.v - keep_ms });
}
