/* SPDX-License-Identifier: Apache-2.0 */
#include "api/session.h"

#include "api/entry.h"
#include "audit/audit.h"
#include "authn/sessions.h"
#include "config/config.h"
#include "guard/browser.h"
#include "guard/guard.h"
#include "guard/visitor.h"

/* A trade of one of our own refresh tokens: one statement decides. */
struct turn {
    struct sut_session_turn step;
    sut_ms now;
};

static SUT_ERR turn_job(struct sut_db_conn *c, void *arg)
{
    const struct turn *t = arg;
    int64_t generation = 0;
    return sut_session_refresh(c, &t->step, t->now, &generation);
}

/* The first use of a refresh token of an older shop: it becomes a session of ours, once. */
struct adoption {
    struct sut_arena *arena;
    const struct sut_token *foreign;
    struct sut_session_new session;
    sut_str addr;
    sut_ms now;
};

static SUT_ERR adopt_job(struct sut_db_conn *c, void *arg)
{
    const struct adoption *a = arg;
    struct sut_person_account p;
    bool is_first = false;
    TRY(sut_person_account(c, a->arena, a->foreign->user_id, &p));
    ENSURE(p.is_active && p.tokens_revoked_at.v / 1000 < a->foreign->iat_s, DENIED);
    const sut_ms ends = { .v = a->foreign->exp_s * 1000 };
    TRY(sut_blacklist_add(c, api_entry_hash(a->foreign), p.id, ends, a->now, &is_first));
    ENSURE(is_first, NOT_FOUND);
    TRY(sut_session_insert(c, &a->session, a->now));
    return sut_audit_write_id(c, SUT_ACTION_USER_LOGIN, p.id, "user", p.id, a->addr, a->now);
}

struct replay {
    const struct sut_token *token;
    bool ends_family;
    sut_str addr;
    sut_ms now;
    bool has_ended;
};

static SUT_ERR replay_job(struct sut_db_conn *c, void *arg)
{
    struct replay *p = arg;
    const struct sut_token *t = p->token;
    p->has_ended = false;
    if (p->ends_family && !t->is_foreign)
        TRY(sut_session_revoke(c, t->session, t->user_id, "replay", p->now, &p->has_ended));
    return sut_audit_write_id(c, SUT_ACTION_USER_TOKEN_REPLAYED, t->user_id, "user", t->user_id,
                              p->addr, p->now);
}

/* A genuine token that is not good any more: told apart for the audit, not for the client. */
static SUT_ERR refuse_refresh(struct sut_req *r, const struct sut_token *t, struct api_account *ret)
{
    enum sut_session_state state = SUT_SESSION_REPLAYED;
    if (!t->is_foreign) {
        struct sut_db_conn *conn = NULL;
        TRY(sut_req_conn(r, &conn));
        TRY(sut_session_look(conn, t->session, t->user_id, api_entry_hash(t), r->now, &state));
        sut_req_conn_end(r);
    }
    ret->outcome = state == SUT_SESSION_ABSENT || state == SUT_SESSION_EXPIRED ? API_TOKEN_BAD
                                                                               : API_TOKEN_USED;
    if (state != SUT_SESSION_REPLAYED) {
        api_entry_event(r, SUT_EVENT_TOKEN_BLACKLISTED, t->user_id, "refresh");
        return SUT_OK;
    }
    struct replay p = {
        .token = t,
        .ends_family = r->app->config->tokens.replay_ends_family,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, replay_job, &p));
    if (p.has_ended)
        sut_sessions_revoke(r->app->sessions, t->session, r->now);
    ret->session_lives = !p.has_ended && !t->is_foreign;
    api_entry_event(r, SUT_EVENT_TOKEN_REPLAYED, t->user_id, "refresh");
    return SUT_OK;
}

/*
 * The answer of the last refresh again, for the client that asked then: nothing is kept of it but
 * the token's number and the time, of which the same bytes are made.  NOT_FOUND: it is no
 * duplicate.
 */
static SUT_ERR repeat(struct sut_req *r, const struct sut_token *t, struct api_account *ret)
{
    const int64_t window_ms = (int64_t) r->app->config->tokens.duplicate_window_s * 1000;
    unsigned char client[SUT_CLIENT_DIGEST];
    struct sut_session_turned turned;
    struct sut_db_conn *conn = NULL;
    ENSURE(window_ms > 0 && !t->is_foreign, NOT_FOUND);
    sut_req_client_digest(r, client);
    const struct sut_session_turn step = {
        .id = t->session,
        .user_id = t->user_id,
        .old_hash = api_entry_hash(t),
        .client = sut_str_of((const char *) client, sizeof(client)),
    };
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_session_duplicate(conn, &step, window_ms, r->now, &turned);
    sut_req_conn_end(r);
    TRY(e);
    const struct sut_token refresh = { .session = t->session, .nonce = turned.nonce };
    ret->outcome = API_DONE;
    return api_entry_pair_of(r, t->user_id, &refresh, turned.at, &ret->pair);
}

static SUT_ERR trade(struct sut_req *r, const struct sut_token *t, struct sut_token *ret_refresh)
{
    if (!t->is_foreign) {
        unsigned char client[SUT_CLIENT_DIGEST];
        TRY(api_entry_name(r, t->session, ret_refresh));
        sut_req_client_digest(r, client);
        struct turn job = {
            .step = { .id = t->session,
                      .user_id = t->user_id,
                      .old_hash = api_entry_hash(t),
                      .new_hash = api_entry_hash(ret_refresh),
                      .expires_at = api_entry_refresh_ends(r),
                      .nonce = ret_refresh->nonce,
                      .client = sut_str_of((const char *) client, sizeof(client)) },
            .now = r->now,
        };
        return sut_store_write(r->app->store, turn_job, &job);
    }
    struct adoption a = {
        .arena = r->arena,
        .foreign = t,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(api_entry_session(r, NULL, &a.session));
    TRY(api_entry_name(r, a.session.id, ret_refresh));
    a.session.user_id = t->user_id;
    a.session.refresh_hash = api_entry_hash(ret_refresh);
    TRY(sut_store_write(r->app->store, adopt_job, &a));
    sut_sessions_refuse_foreign(r->app->sessions, t->jti_hash, (sut_ms){ .v = t->exp_s * 1000 });
    return SUT_OK;
}

static SUT_ERR refresh(struct sut_req *r, sut_str token, struct api_account *ret)
{
    *ret = (struct api_account){ .outcome = API_TOKEN_BAD };
    struct sut_token t;
    enum sut_token_fault fault = SUT_TOKEN_MALFORMED;
    const sut_err bad = sut_token_verify(r->app->keyring, &r->app->token_policy, SUT_TOKEN_REFRESH,
                                         token, r->now, r->arena, &t, &fault);
    if (bad.code == SUT_E_TOKEN)
        return SUT_OK;
    TRY(bad);
    if (!sut_guard_count_refresh(r, t.is_foreign ? -t.user_id : t.session)) {
        ret->outcome = API_ANSWERED;
        return SUT_OK;
    }
    if (sut_sessions_is_refused(r->app->sessions, &t)) {
        ENSURE(sut_sessions_knows(r->app->sessions), UNAVAILABLE);
        return refuse_refresh(r, &t, ret);
    }
    struct sut_token next;
    sut_err e = trade(r, &t, &next);
    if (e.code == SUT_E_NOT_FOUND) {
        e = repeat(r, &t, ret);
        if (!sut_failed(e))
            return e;
    }
    if (e.code == SUT_E_NOT_FOUND || e.code == SUT_E_DENIED)
        return refuse_refresh(r, &t, ret);
    TRY(e);
    ret->outcome = API_DONE;
    return api_entry_pair(r, t.user_id, &next, &ret->pair);
}

/*
 * A cookie that opens nothing any more is taken away.  Not that of a session which lives: of
 * two tabs that refreshed at once the other has the new cookie already.
 */
SUT_ERR api_session_refresh(struct sut_req *r, sut_str token, struct api_account *ret)
{
    TRY(refresh(r, token, ret));
    const bool is_over =
        ret->outcome == API_TOKEN_BAD || (ret->outcome == API_TOKEN_USED && !ret->session_lives);
    if (is_over && r->refresh.came.n > 0)
        sut_req_drop_refresh(r);
    return SUT_OK;
}

struct sign_out {
    const struct sut_token *access;
    const struct sut_token *refresh; /* NULL: none that counts */
    sut_str addr;
    sut_ms now;
};

/* End what a token stands for: our session, or a token of an older shop. */
static SUT_ERR end_token(struct sut_db_conn *c, const struct sut_token *t, sut_ms now)
{
    bool is_done = false;
    if (!t->is_foreign)
        return sut_session_revoke(c, t->session, t->user_id, "logout", now, &is_done);
    const sut_ms ends = { .v = t->exp_s * 1000 };
    return sut_blacklist_add(c, api_entry_hash(t), t->user_id, ends, now, &is_done);
}

static SUT_ERR sign_out_job(struct sut_db_conn *c, void *arg)
{
    const struct sign_out *s = arg;
    TRY(end_token(c, s->access, s->now));
    if (s->refresh != NULL)
        TRY(end_token(c, s->refresh, s->now));
    return sut_audit_write_id(c, SUT_ACTION_USER_LOGOUT, s->access->user_id, "user",
                              s->access->user_id, s->addr, s->now);
}

static void forget(struct sut_req *r, const struct sut_token *t)
{
    if (t->is_foreign)
        sut_sessions_refuse_foreign(r->app->sessions, t->jti_hash,
                                    (sut_ms){ .v = t->exp_s * 1000 });
    else
        sut_sessions_revoke(r->app->sessions, t->session, r->now);
}

SUT_ERR api_session_end(struct sut_req *r, sut_str refresh)
{
    struct sut_token t;
    enum sut_token_fault fault = SUT_TOKEN_FINE;
    bool has_refresh = false;
    if (refresh.n > 0) {
        const sut_err e =
            sut_token_verify(r->app->keyring, &r->app->token_policy, SUT_TOKEN_REFRESH, refresh,
                             r->now, r->arena, &t, &fault);
        if (sut_failed(e) && e.code != SUT_E_TOKEN)
            return e;
        /* A bad one, or somebody else's, ends nothing. */
        has_refresh = !sut_failed(e) && t.user_id == r->auth.user_id;
    }
    struct sign_out s = {
        .access = &r->auth.token,
        .refresh = has_refresh ? &t : NULL,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, sign_out_job, &s));
    forget(r, s.access);
    if (has_refresh)
        forget(r, &t);
    if (sut_req_is_browser(r))
        sut_req_drop_refresh(r);
    return SUT_OK;
}
