/* SPDX-License-Identifier: Apache-2.0 */
#include "api/account.h"

#include <string.h>

#include "audit/audit.h"
#include "audit/events.h"
#include "authn/hasher.h"
#include "authn/password_rules.h"
#include "authn/sessions.h"
#include "config/config.h"
#include "guard/guard.h"
#include "log/log.h"
#include "shop/person.h"

static void event(struct sut_req *r, enum sut_event_type type, int64_t user_id, const char *reason)
{
    const struct sut_event_detail d = {
        .route = r->route->name,
        .request_id = r->x->request_id,
        .addr = r->client->text,
        .reason = reason,
        .user_id = user_id,
    };
    sut_event_raise(r->app->events, type, r->now, &d);
}

static sut_str client_addr(const struct sut_req *r)
{
    return sut_str_from(r->client->text);
}

static SUT_ERR mint(struct sut_req *r, enum sut_token_kind kind, int64_t user_id, int64_t session,
                    uint64_t nonce, int64_t life_s, sut_str *ret)
{
    char *to = ARENA_ARRAY(r->arena, char, SUT_TOKEN_MINTED_MAX);
    ENSURE(to != NULL, NOMEM);
    struct sut_token t = {
        .kind = kind,
        .user_id = user_id,
        .session = session,
        .nonce = nonce,
        .iat_s = r->now.v / 1000,
        .exp_s = r->now.v / 1000 + life_s,
    };
    size_t n = 0;
    TRY(sut_token_mint(r->app->keyring, &r->app->token_policy, r->app->random, &t, to,
                       SUT_TOKEN_MINTED_MAX, &n));
    *ret = sut_str_of(to, n);
    return SUT_OK;
}

/* A refresh token to be, of this session: its row keeps the hash. */
static SUT_ERR name_refresh(struct sut_req *r, int64_t session, struct sut_token *ret)
{
    *ret = (struct sut_token){ .session = session };
    return sut_token_name(r->app->random, ret);
}

static sut_str hash_of(const struct sut_token *t)
{
    return sut_str_of((const char *) t->jti_hash, sizeof(t->jti_hash));
}

static SUT_ERR mint_pair(struct sut_req *r, int64_t user_id, const struct sut_token *refresh,
                         struct api_pair *ret)
{
    const struct sut_config *c = r->app->config;
    struct api_pair pair = {
        .access_life_s = c->tokens.access_life_s,
        .refresh_life_s = c->tokens.refresh_life_s,
    };
    TRY(mint(r, SUT_TOKEN_ACCESS, user_id, refresh->session, 0, pair.access_life_s, &pair.access));
    TRY(mint(r, SUT_TOKEN_REFRESH, user_id, refresh->session, refresh->nonce, pair.refresh_life_s,
             &pair.refresh));
    *ret = pair;
    return SUT_OK;
}

static sut_ms refresh_ends(const struct sut_req *r)
{
    return (sut_ms){ .v = r->now.v + (int64_t) r->app->config->tokens.refresh_life_s * 1000 };
}

/* A session to be, all but its user and hash. */
static SUT_ERR new_session(struct sut_req *r, const struct api_device *device,
                           struct sut_session_new *ret)
{
    const struct api_device none = { 0 };
    const struct api_device *d = device == NULL ? &none : device;
    *ret = (struct sut_session_new){
        .expires_at = refresh_ends(r),
        .device_type = d->type,
        .os = d->os,
        .app_version = d->app_version,
        .user_agent = r->x->req->known[SUT_H_USER_AGENT],
        .ip = client_addr(r),
    };
    return sut_random_id(r->app->random, &ret->id);
}

SUT_ERR api_account_sign_up(struct sut_req *r, const struct api_sign_up *form,
                            struct api_account *ret)
{
    *ret = (struct api_account){ .outcome = API_DONE };
    struct sut_db_conn *conn = NULL;
    bool is_taken = false;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_person_email_taken(conn, r->arena, form->email, &is_taken));
    sut_req_conn_end(r);
    if (is_taken) {
        ret->outcome = API_TAKEN;
        return SUT_OK;
    }
    sut_str username = { 0 };
    TRY(sut_person_username_of(r->arena, form->email, &username));
    const struct sut_password_user whose = {
        .username = username,
        .email = form->email,
        .first_name = form->first_name,
        .last_name = form->last_name,
    };
    struct sut_password_verdict verdict;
    TRY(sut_password_check(r->arena, &r->app->password_policy, &whose, form->password, &verdict));
    if (verdict.faults != 0) {
        ret->outcome = API_WEAK_PASSWORD;
        ret->n_messages = verdict.n;
        memcpy(ret->messages, verdict.messages, sizeof(verdict.messages));
        ret->strength = (int) sut_password_strength(&whose, form->password);
        return SUT_OK;
    }
    struct sut_pwhash_text hash;
    TRY(sut_hasher_hash(r->app->hasher, form->password, &hash, &r->retry_after_s));

    struct sut_session_new session;
    TRY(new_session(r, NULL, &session));
    const struct sut_person_register reg = {
        .email = form->email,
        .first_name = form->first_name,
        .last_name = form->last_name,
        .phone = form->phone,
        .password = sut_str_of(hash.p, hash.n),
        .addr = client_addr(r),
        .session = form->wants_session ? &session : NULL,
    };
    struct sut_token refresh;
    TRY(name_refresh(r, session.id, &refresh));
    session.refresh_hash = hash_of(&refresh);
    const sut_err e = sut_person_register(r->app->store, r->arena, &reg, r->now, &ret->person);
    if (e.code == SUT_E_EXISTS) {
        ret->outcome = API_TAKEN;
        return SUT_OK;
    }
    TRY(e);
    return form->wants_session ? mint_pair(r, ret->person.id, &refresh, &ret->pair) : SUT_OK;
}

/* What a sign-in changes, in one transaction. */
struct sign_in {
    struct sut_arena *arena;
    const struct sut_person_account *person;
    sut_str new_hash; /* empty: the stored one is good enough */
    struct sut_session_new session;
    sut_str addr;
    sut_ms now;
};

static SUT_ERR sign_in_job(struct sut_db_conn *c, void *arg)
{
    const struct sign_in *s = arg;
    struct sut_person_account p;
    TRY(sut_person_account(c, s->arena, s->person->id, &p));
    /* Between the hash and now the account may have been disabled or its password changed. */
    ENSURE(p.is_active && sut_secret_eq(p.password, s->person->password), DENIED);
    if (s->new_hash.n > 0) {
        TRY(sut_person_set_password(c, p.id, p.password, s->new_hash, 0, s->now));
        TRY(sut_audit_write_id(c, SUT_ACTION_USER_PASSWORD_REHASH, p.id, "user", p.id, s->addr,
                               s->now));
    }
    TRY(sut_person_set_last_login(c, p.id, s->now));
    TRY(sut_session_insert(c, &s->session, s->now));
    return sut_audit_write_id(c, SUT_ACTION_USER_LOGIN, p.id, "user", p.id, s->addr, s->now);
}

struct failure {
    int64_t user_id;
    sut_str addr;
    sut_ms now;
};

static SUT_ERR failure_job(struct sut_db_conn *c, void *arg)
{
    const struct failure *f = arg;
    if (f->user_id == 0)
        return sut_audit_write(c, SUT_ACTION_USER_LOGIN_FAILED, 0, SUT_STR("user"), f->addr,
                               f->now);
    return sut_audit_write_id(c, SUT_ACTION_USER_LOGIN_FAILED, f->user_id, "user", f->user_id,
                              f->addr, f->now);
}

/* The same work, row and event whether the address is known or not. */
static SUT_ERR refuse_sign_in(struct sut_req *r, int64_t user_id, enum api_outcome outcome,
                              struct api_account *ret)
{
    struct failure f = { .user_id = user_id, .addr = client_addr(r), .now = r->now };
    TRY(sut_store_write(r->app->store, failure_job, &f));
    event(r, SUT_EVENT_LOGIN_FAILED, user_id, outcome == API_DISABLED ? "disabled" : "credentials");
    ret->outcome = outcome;
    return SUT_OK;
}

/* The password is right: open a session.  DENIED when the account changed meanwhile. */
static SUT_ERR open_session(struct sut_req *r, const struct sut_person_account *person,
                            sut_str password, bool needs_rehash, const struct api_device *device,
                            struct api_account *ret)
{
    struct sign_in s = {
        .arena = r->arena,
        .person = person,
        .addr = client_addr(r),
        .now = r->now,
    };
    struct sut_pwhash_text better;
    if (needs_rehash) {
        /* A busy pool is no reason to turn a right password away: the next login renews it. */
        const sut_err e = sut_hasher_hash(r->app->hasher, password, &better, &r->retry_after_s);
        if (!sut_failed(e))
            s.new_hash = sut_str_of(better.p, better.n);
        else if (e.code != SUT_E_BUSY)
            return e;
    }
    struct sut_token refresh;
    TRY(new_session(r, device, &s.session));
    TRY(name_refresh(r, s.session.id, &refresh));
    s.session.user_id = person->id;
    s.session.refresh_hash = hash_of(&refresh);
    TRY(sut_store_write(r->app->store, sign_in_job, &s));
    return mint_pair(r, person->id, &refresh, &ret->pair);
}

/* A person's sealed fields do not open any more: an operator must hear of it. */
static void note_lost(int64_t user_id)
{
    sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_PERSON("user", user_id));
}

/* Who signed in.  One whose fields are lost gets in all the same, by the address that they gave. */
static SUT_ERR read_signed_in(struct sut_req *r, const struct sut_person_account *account,
                              sut_str email, struct sut_person_row *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_by_id(conn, r->arena, account->id, ret);
    sut_req_conn_end(r);
    if (e.code != SUT_E_CORRUPT)
        return e;
    note_lost(account->id);
    *ret = (struct sut_person_row){
        .id = account->id,
        .email = email,
        .username = SUT_STR(""),
        .first_name = SUT_STR(""),
        .last_name = SUT_STR(""),
        .is_active = account->is_active,
        .is_staff = account->is_staff,
        .is_superuser = account->is_superuser,
        .email_verified = account->email_verified,
        .date_joined = account->date_joined,
        .created_at = account->date_joined,
        .last_login = r->now,
        .is_lost = true,
    };
    return SUT_OK;
}

/*
 * Whether the account's own sealed address is the one that was given.  The blind index that led
 * here is not bound to its row: who may write to the database could move it.
 */
static SUT_ERR has_address(struct sut_req *r, const struct sut_person_row *p, sut_str email,
                           bool *ret)
{
    sut_str given = { 0 };
    sut_str own = { 0 };
    *ret = true;
    if (p->is_lost)
        return SUT_OK;
    TRY(sut_person_email_key(r->arena, email, &given));
    TRY(sut_person_email_key(r->arena, p->email, &own));
    *ret = sut_str_eq(given, own);
    if (!*ret)
        sut_log(SUT_LOG_ERROR, "index_of_another", LOG_PERSON("user", p->id));
    return SUT_OK;
}

static SUT_ERR try_sign_in(struct sut_req *r, sut_str email, sut_str password,
                           const struct api_device *device, struct api_account *ret)
{
    *ret = (struct api_account){ .outcome = API_DONE };
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    struct sut_person_account account;
    const sut_err found = sut_person_account_by_email(conn, r->arena, email, &account);
    sut_req_conn_end(r);
    if (sut_failed(found) && found.code != SUT_E_NOT_FOUND)
        return found;
    const bool is_known = !sut_failed(found);
    const sut_str stored = is_known ? account.password : (sut_str){ 0 };

    struct sut_hasher_result v;
    TRY(sut_hasher_verify(r->app->hasher, stored, password, &v, &r->retry_after_s));
    if (is_known && v.verdict == SUT_PWHASH_OVER_BUDGET)
        event(r, SUT_EVENT_CONFIG_WEAK, account.id, "stored_hash_over_budget");
    if (!is_known || v.verdict != SUT_PWHASH_OK)
        return refuse_sign_in(r, is_known ? account.id : 0, API_WRONG, ret);
    if (!account.is_active)
        return refuse_sign_in(r, account.id, API_DISABLED, ret);
    bool is_theirs = false;
    TRY(read_signed_in(r, &account, email, &ret->person));
    TRY(has_address(r, &ret->person, email, &is_theirs));
    if (!is_theirs)
        return refuse_sign_in(r, account.id, API_WRONG, ret);
    ret->person.last_login = r->now;
    return open_session(r, &account, password, v.needs_rehash, device, ret);
}

SUT_ERR api_account_sign_in(struct sut_req *r, sut_str email, sut_str password,
                            const struct api_device *device, struct api_account *ret)
{
    /* Of two sign-ins at once one may renew the hash under the other: that one looks again. */
    for (unsigned i = 0; i < 3; i++) {
        const sut_err e = try_sign_in(r, email, password, device, ret);
        if (e.code != SUT_E_DENIED && e.code != SUT_E_NOT_FOUND)
            return e;
    }
    return refuse_sign_in(r, 0, API_WRONG, ret);
}

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
    TRY(sut_blacklist_add(c, hash_of(a->foreign), p.id, ends, a->now, &is_first));
    ENSURE(is_first, NOT_FOUND);
    TRY(sut_session_insert(c, &a->session, a->now));
    return sut_audit_write_id(c, SUT_ACTION_USER_LOGIN, p.id, "user", p.id, a->addr, a->now);
}

struct replay {
    const struct sut_token *token;
    bool ends_family;
    int64_t window_ms;
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
        TRY(sut_session_revoke_replayed(c, t->session, t->user_id, p->window_ms, p->now,
                                        &p->has_ended));
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
        TRY(sut_session_look(conn, t->session, t->user_id, hash_of(t), r->now, &state));
        sut_req_conn_end(r);
    }
    ret->outcome = state == SUT_SESSION_ABSENT || state == SUT_SESSION_EXPIRED ? API_TOKEN_BAD
                                                                               : API_TOKEN_USED;
    if (state != SUT_SESSION_REPLAYED) {
        event(r, SUT_EVENT_TOKEN_BLACKLISTED, t->user_id, "refresh");
        return SUT_OK;
    }
    struct replay p = {
        .token = t,
        .ends_family = r->app->config->tokens.replay_ends_family,
        .window_ms = (int64_t) r->app->config->tokens.duplicate_window_s * 1000,
        .addr = client_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, replay_job, &p));
    if (p.has_ended)
        sut_sessions_revoke(r->app->sessions, t->session, r->now);
    event(r, SUT_EVENT_TOKEN_REPLAYED, t->user_id, "refresh");
    return SUT_OK;
}

static SUT_ERR trade(struct sut_req *r, const struct sut_token *t, struct sut_token *ret_refresh)
{
    if (!t->is_foreign) {
        TRY(name_refresh(r, t->session, ret_refresh));
        struct turn job = {
            .step = { .id = t->session,
                      .user_id = t->user_id,
                      .old_hash = hash_of(t),
                      .new_hash = hash_of(ret_refresh),
                      .expires_at = refresh_ends(r) },
            .now = r->now,
        };
        return sut_store_write(r->app->store, turn_job, &job);
    }
    struct adoption a = {
        .arena = r->arena,
        .foreign = t,
        .addr = client_addr(r),
        .now = r->now,
    };
    TRY(new_session(r, NULL, &a.session));
    TRY(name_refresh(r, a.session.id, ret_refresh));
    a.session.user_id = t->user_id;
    a.session.refresh_hash = hash_of(ret_refresh);
    TRY(sut_store_write(r->app->store, adopt_job, &a));
    sut_sessions_refuse_foreign(r->app->sessions, t->jti_hash, (sut_ms){ .v = t->exp_s * 1000 });
    return SUT_OK;
}

SUT_ERR api_account_refresh(struct sut_req *r, sut_str token, struct api_account *ret)
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
    struct sut_token refresh;
    const sut_err e = trade(r, &t, &refresh);
    if (e.code == SUT_E_NOT_FOUND || e.code == SUT_E_DENIED)
        return refuse_refresh(r, &t, ret);
    TRY(e);
    ret->outcome = API_DONE;
    return mint_pair(r, t.user_id, &refresh, &ret->pair);
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
    return sut_blacklist_add(c, hash_of(t), t->user_id, ends, now, &is_done);
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

SUT_ERR api_account_sign_out(struct sut_req *r, sut_str refresh)
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
        .addr = client_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, sign_out_job, &s));
    forget(r, s.access);
    if (has_refresh)
        forget(r, &t);
    return SUT_OK;
}

SUT_ERR api_account_self(struct sut_req *r, struct sut_person_row *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_by_id(conn, r->arena, r->auth.user_id, ret);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && !ret->is_active))
        FAIL(TOKEN);
    if (e.code == SUT_E_CORRUPT)
        note_lost(r->auth.user_id);
    return e;
}

SUT_ERR api_account_change(struct sut_req *r, const struct sut_person_change *change,
                           struct sut_person_row *ret)
{
    const sut_err e = sut_person_update(r->app->store, r->arena, r->auth.user_id, change,
                                        client_addr(r), r->now, ret);
    if (e.code == SUT_E_NOT_FOUND)
        FAIL(TOKEN);
    if (e.code == SUT_E_CORRUPT)
        note_lost(r->auth.user_id);
    return e;
}

sut_str api_account_join(struct sut_req *r, const struct api_account *a)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, 4096);
    for (size_t i = 0; i < a->n_messages; i++) {
        if (i > 0)
            sut_buf_lit(&b, ", ");
        sut_buf_str_add(&b, a->messages[i]);
    }
    return sut_buf_str(&b);
}
