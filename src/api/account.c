/* SPDX-License-Identifier: Apache-2.0 */
#include "api/account.h"

#include <string.h>

#include "api/entry.h"
#include "audit/audit.h"
#include "audit/events.h"
#include "authn/hasher.h"
#include "authn/password_rules.h"
#include "authn/sessions.h"
#include "config/config.h"
#include "guard/guard.h"
#include "log/log.h"
#include "shop/person.h"

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
    TRY(api_entry_session(r, NULL, &session));
    session.proofs = SUT_PROOF_PASSWORD;
    const struct sut_person_register reg = {
        .email = form->email,
        .first_name = form->first_name,
        .last_name = form->last_name,
        .phone = form->phone,
        .password = sut_str_of(hash.p, hash.n),
        .addr = api_entry_addr(r),
        .session = form->wants_session ? &session : NULL,
    };
    struct sut_token refresh;
    TRY(api_entry_name(r, session.id, &refresh));
    session.refresh_hash = api_entry_hash(&refresh);
    const sut_err e = sut_person_register(r->app->store, r->arena, &reg, r->now, &ret->person);
    if (e.code == SUT_E_EXISTS) {
        ret->outcome = API_TAKEN;
        return SUT_OK;
    }
    TRY(e);
    return form->wants_session ? api_entry_pair(r, ret->person.id, &refresh, &ret->pair) : SUT_OK;
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
    struct failure f = { .user_id = user_id, .addr = api_entry_addr(r), .now = r->now };
    TRY(sut_store_write(r->app->store, failure_job, &f));
    api_entry_event(r, SUT_EVENT_LOGIN_FAILED, user_id,
                    outcome == API_DISABLED ? "disabled" : "credentials");
    ret->outcome = outcome;
    return SUT_OK;
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
        api_entry_event(r, SUT_EVENT_CONFIG_WEAK, account.id, "stored_hash_over_budget");
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
    struct sut_pwhash_text better;
    struct api_entry entry = {
        .account = &account,
        .proofs = SUT_PROOF_PASSWORD,
        .device = device,
    };
    if (v.needs_rehash) {
        /* A busy pool is no reason to turn a right password away: the next login renews it. */
        const sut_err e = sut_hasher_hash(r->app->hasher, password, &better, &r->retry_after_s);
        if (!sut_failed(e))
            entry.new_hash = sut_str_of(better.p, better.n);
        else if (e.code != SUT_E_BUSY)
            return e;
    }
    return api_entry_open(r, &entry, ret);
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
                                        api_entry_addr(r), r->now, ret);
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
