/* SPDX-License-Identifier: Apache-2.0 */
#include "store/session.h"

#include "base/buf.h"
#include "base/secret.h"
#include "codec/utf8.h"
#include "store/personal.h"
#include "store/prune.h"
#include "store/store.h"

enum { IDS_FIRST = 16 };
static const int64_t keep_expired_ms = INT64_C(24) * 3600 * 1000 * SUT_SESSION_KEEP_DAYS;

static const struct sut_sql session_insert = {
    .name = "session_insert",
    .text = "INSERT INTO sessions (id, user_id, refresh_hash, created_at, refreshed_at, expires_at,"
            " device_type, os, app_version, user_agent, ip, key_version, fresh_at, proofs,"
            " is_browser) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
            " ON CONFLICT DO NOTHING RETURNING id",
};

static const struct sut_sql session_refresh = {
    .name = "session_refresh",
    .text = "UPDATE sessions SET refresh_hash = $1, generation = generation + 1, refreshed_at = $2,"
            " expires_at = $3, prev_hash = $6, turn_nonce = $7, turn_client = $8 WHERE id = $4 AND "
            "user_id = $5 AND refresh_hash = $6"
            " AND revoked_at IS NULL AND expires_at > $2 AND EXISTS"
            " (SELECT 1 FROM users u WHERE u.id = sessions.user_id AND u.is_active = 1)"
            " RETURNING generation",
};

static const struct sut_sql session_look = {
    .name = "session_look",
    .text = "SELECT s.refresh_hash, s.revoked_at, s.expires_at, u.is_active FROM sessions s"
            " JOIN users u ON u.id = s.user_id WHERE s.id = $1 AND s.user_id = $2",
};

static const struct sut_sql session_proof = {
    .name = "session_proof",
    .text = "SELECT proofs, fresh_at FROM sessions WHERE id = $1 AND user_id = $2"
            " AND revoked_at IS NULL AND expires_at > $3",
};

static const struct sut_sql session_prove = {
    .name = "session_prove",
    .text = "UPDATE sessions SET fresh_at = $3, proofs = proofs | $4 WHERE id = $1"
            " AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3",
};

static const struct sut_sql session_revoke = {
    .name = "session_revoke",
    .text = "UPDATE sessions SET revoked_at = $1, revoked_why = $2 WHERE id = $3 AND user_id = $4"
            " AND revoked_at IS NULL",
};

static const struct sut_sql session_duplicate = {
    .name = "session_duplicate",
    .text = "SELECT s.turn_nonce, s.refreshed_at FROM sessions s JOIN users u ON u.id = s.user_id"
            " WHERE s.id = $1 AND s.user_id = $2 AND s.prev_hash = $3 AND s.turn_client = $4"
            " AND s.refreshed_at > $5 AND s.revoked_at IS NULL AND s.expires_at > $6"
            " AND u.is_active = 1",
};

static const struct sut_sql session_revoke_all = {
    .name = "session_revoke_all",
    .text = "UPDATE sessions SET revoked_at = $1, revoked_why = $2 WHERE user_id = $3"
            " AND id <> $4 AND revoked_at IS NULL AND expires_at > $1 RETURNING id",
};

static const struct sut_sql session_revoked = {
    .name = "session_revoked",
    .text = "SELECT id, revoked_at FROM sessions WHERE revoked_at IS NOT NULL AND revoked_at > $1",
};

static const struct sut_sql session_prune = {
    .name = "session_prune",
    .text = "DELETE FROM sessions WHERE id IN"
            " (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT 500)",
};

static const struct sut_sql blacklist_add = {
    .name = "blacklist_add",
    .text = "INSERT INTO token_blacklist (jti, user_id, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING user_id",
};

static const struct sut_sql blacklist_has = {
    .name = "blacklist_has",
    .text = "SELECT 1 FROM token_blacklist WHERE jti = $1",
};

static const struct sut_sql blacklist_each = {
    .name = "blacklist_each",
    .text = "SELECT jti, expires_at FROM token_blacklist WHERE created_at > $1 AND expires_at > $2",
};

static const struct sut_sql blacklist_prune = {
    .name = "blacklist_prune",
    .text = "DELETE FROM token_blacklist WHERE jti IN"
            " (SELECT jti FROM token_blacklist WHERE expires_at < $1 ORDER BY expires_at"
            " LIMIT 500)",
};

enum { CLIENT_TEXTS = 5 };

/* What a client calls itself: cut at a code point's end, empty when it is no text at all. */
static sut_str client_text(sut_str v)
{
    size_t end = 0;
    size_t at = 0;
    for (uint32_t cp = 0; sut_utf8_next(v, &at, &cp) && at <= SUT_SESSION_TEXT_MAX;)
        end = at;
    const sut_str cut = sut_str_sub(v, 0, end);
    const bool is_text = cut.n > 0 && sut_utf8_is_valid(cut) && memchr(cut.p, 0, cut.n) == NULL;
    return is_text ? cut : SUT_STR("");
}

/* $6 … $10 sealed, $11 the key's version; NULL and 0 where there is nothing, or no key. */
static SUT_ERR bind_client(struct sut_db_conn *c, struct sut_db_stmt *s, int64_t id,
                           const sut_str texts[CLIENT_TEXTS], const struct sut_data_key *k,
                           struct sut_buf *room)
{
    struct sut_seal *seal = NULL;
    TRY(sut_personal_seal(c, &seal));
    for (int i = 0; i < CLIENT_TEXTS; i++) {
        if (k->version == 0 || texts[i].n == 0)
            sut_db_bind_null(s, 6 + i);
        else
            TRY(sut_personal_bind(seal, k,
                                  (enum sut_personal)(SUT_PERSONAL_SESSIONS_DEVICE_TYPE + i), id,
                                  texts[i], room, s, 6 + i));
    }
    sut_db_bind_i64(s, 11, k->version);
    return SUT_OK;
}

static bool is_hash(sut_str s)
{
    return s.n >= SUT_SESSION_HASH_MIN && s.n <= SUT_SESSION_HASH_MAX;
}

SUT_ERR sut_session_insert(struct sut_db_conn *c, const struct sut_session_new *n, sut_ms now)
{
    ENSURE(n->id > 0 && is_hash(n->refresh_hash), INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    const sut_str texts[CLIENT_TEXTS] = { client_text(n->device_type), client_text(n->os),
                                          client_text(n->app_version), client_text(n->user_agent),
                                          client_text(n->ip) };
    char bytes[CLIENT_TEXTS * (SUT_SESSION_TEXT_MAX + SUT_SEAL_OVERHEAD)];
    struct sut_buf room = { .p = bytes, .cap = sizeof(bytes), .max = sizeof(bytes) };
    bool has_row = false;
    const sut_err e = sut_personal_key_for_writing(c, n->user_id, now, &k);
    /* Whose key is lost can still sign in; what would be sealed with it is left out. */
    if (e.code == SUT_E_CORRUPT)
        k = (struct sut_data_key){ 0 };
    else
        TRY(e);
    TRY(sut_db_prepare(c, &session_insert, &s));
    sut_db_bind_i64(s, 1, n->id);
    sut_db_bind_i64(s, 2, n->user_id);
    sut_db_bind_blob(s, 3, n->refresh_hash);
    sut_db_bind_i64(s, 4, now.v);
    sut_db_bind_i64(s, 5, n->expires_at.v);
    TRY(bind_client(c, s, n->id, texts, &k, &room));
    sut_db_bind_i64(s, 12, n->proofs == 0 ? 0 : now.v);
    sut_db_bind_i64(s, 13, n->proofs);
    sut_db_bind_i64(s, 14, n->is_browser ? 1 : 0);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, EXISTS);
    return SUT_OK;
}

SUT_ERR sut_session_refresh(struct sut_db_conn *c, const struct sut_session_turn *t, sut_ms now,
                            int64_t *ret_generation)
{
    ENSURE(is_hash(t->old_hash) && is_hash(t->new_hash), INVALID);
    ENSURE(t->client.n == 0 || t->client.n == SUT_SESSION_CLIENT, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &session_refresh, &s));
    sut_db_bind_blob(s, 1, t->new_hash);
    sut_db_bind_i64(s, 2, now.v);
    sut_db_bind_i64(s, 3, t->expires_at.v);
    sut_db_bind_i64(s, 4, t->id);
    sut_db_bind_i64(s, 5, t->user_id);
    sut_db_bind_blob(s, 6, t->old_hash);
    sut_db_bind_i64(s, 7, (int64_t) t->nonce);
    if (t->client.n == 0)
        sut_db_bind_null(s, 8);
    else
        sut_db_bind_blob(s, 8, t->client);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret_generation = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_session_look(struct sut_db_conn *c, int64_t id, int64_t user_id, sut_str hash,
                         sut_ms now, enum sut_session_state *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &session_look, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, user_id);
    TRY(sut_db_step(s, &has_row));
    if (!has_row)
        *ret = SUT_SESSION_ABSENT;
    else if (!sut_db_col_is_null(s, 1))
        *ret = SUT_SESSION_REVOKED;
    else if (sut_db_col_i64(s, 2) <= now.v)
        *ret = SUT_SESSION_EXPIRED;
    else if (!sut_secret_eq(sut_db_col_blob(s, 0), hash))
        *ret = SUT_SESSION_REPLAYED;
    else if (sut_db_col_i64(s, 3) == 0)
        *ret = SUT_SESSION_DISABLED;
    else
        *ret = SUT_SESSION_LIVE;
    return SUT_OK;
}

SUT_ERR sut_session_proof_of(struct sut_db_conn *c, int64_t id, int64_t user_id, sut_ms now,
                             struct sut_session_proof *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &session_proof, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, user_id);
    sut_db_bind_i64(s, 3, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_session_proof){
        .proofs = (unsigned) sut_db_col_i64(s, 0),
        .fresh_at = { sut_db_col_i64(s, 1) },
    };
    return SUT_OK;
}

SUT_ERR sut_session_prove(struct sut_db_conn *c, int64_t id, int64_t user_id, unsigned proof,
                          sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &session_prove, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, user_id);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_i64(s, 4, proof);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_session_revoke(struct sut_db_conn *c, int64_t id, int64_t user_id, const char *why,
                           sut_ms now, bool *ret_done)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &session_revoke, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_text(s, 2, sut_str_from(why));
    sut_db_bind_i64(s, 3, id);
    sut_db_bind_i64(s, 4, user_id);
    TRY(sut_db_step(s, &has_row));
    *ret_done = sut_db_changes(s) > 0;
    return SUT_OK;
}

SUT_ERR sut_session_duplicate(struct sut_db_conn *c, const struct sut_session_turn *t,
                              int64_t window_ms, sut_ms now, struct sut_session_turned *ret)
{
    ENSURE(t->client.n == SUT_SESSION_CLIENT && is_hash(t->old_hash), NOT_FOUND);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &session_duplicate, &s));
    sut_db_bind_i64(s, 1, t->id);
    sut_db_bind_i64(s, 2, t->user_id);
    sut_db_bind_blob(s, 3, t->old_hash);
    sut_db_bind_blob(s, 4, t->client);
    sut_db_bind_i64(s, 5, now.v - window_ms);
    sut_db_bind_i64(s, 6, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_session_turned){
        .nonce = (uint64_t) sut_db_col_i64(s, 0),
        .at = { .v = sut_db_col_i64(s, 1) },
    };
    return SUT_OK;
}

/* Add an id to a list that doubles in the arena. */
static SUT_ERR add_id(struct sut_arena *a, struct sut_session_ids *ids, size_t *cap, int64_t id)
{
    if (ids->n == *cap) {
        const size_t wanted = *cap == 0 ? IDS_FIRST : *cap * 2;
        int64_t *v = ARENA_ARRAY(a, int64_t, wanted);
        ENSURE(v != NULL, NOMEM);
        if (ids->n > 0)
            memcpy(v, ids->v, ids->n * sizeof(*v));
        ids->v = v;
        *cap = wanted;
    }
    ids->v[ids->n++] = id;
    return SUT_OK;
}

SUT_ERR sut_session_revoke_all(struct sut_db_conn *c, struct sut_arena *a, int64_t user_id,
                               int64_t except, const char *why, sut_ms now,
                               struct sut_session_ids *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_session_ids ids = { 0 };
    size_t cap = 0;
    TRY(sut_db_prepare(c, &session_revoke_all, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_text(s, 2, sut_str_from(why));
    sut_db_bind_i64(s, 3, user_id);
    sut_db_bind_i64(s, 4, except);
    for (;;) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        TRY(add_id(a, &ids, &cap, sut_db_col_i64(s, 0)));
    }
    *ret = ids;
    return SUT_OK;
}

SUT_ERR sut_session_each_revoked(struct sut_db_conn *c, sut_ms since, sut_session_seen *fn,
                                 void *ctx)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &session_revoked, &s));
    sut_db_bind_i64(s, 1, since.v);
    for (;;) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        TRY(fn(ctx, sut_db_col_i64(s, 0), (sut_ms){ sut_db_col_i64(s, 1) }));
    }
}

SUT_ERR sut_blacklist_add(struct sut_db_conn *c, sut_str jti_hash, int64_t user_id,
                          sut_ms expires_at, sut_ms now, bool *ret_added)
{
    ENSURE(jti_hash.n == SUT_BLACKLIST_JTI, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &blacklist_add, &s));
    sut_db_bind_blob(s, 1, jti_hash);
    sut_db_bind_i64(s, 2, user_id);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_i64(s, 4, expires_at.v);
    return sut_db_step(s, ret_added);
}

SUT_ERR sut_blacklist_has(struct sut_db_conn *c, sut_str jti_hash, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &blacklist_has, &s));
    sut_db_bind_blob(s, 1, jti_hash);
    return sut_db_step(s, ret);
}

SUT_ERR sut_blacklist_each(struct sut_db_conn *c, sut_ms since, sut_ms now, sut_blacklist_seen *fn,
                           void *ctx)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &blacklist_each, &s));
    sut_db_bind_i64(s, 1, since.v);
    sut_db_bind_i64(s, 2, now.v);
    for (;;) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        TRY(fn(ctx, sut_db_col_blob(s, 0), (sut_ms){ sut_db_col_i64(s, 1) }));
    }
}

SUT_ERR sut_session_prune(struct sut_store *store, sut_ms now)
{
    const struct sut_sql *const sql[] = { &session_prune, &blacklist_prune };
    return sut_store__prune(store, sql, 2, (sut_ms){ now.v - keep_expired_ms });
}
