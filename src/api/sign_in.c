/* SPDX-License-Identifier: Apache-2.0 */
#include "api/account.h"
#include "api/attempt.h"
#include "authn/hasher.h"
#include "log/log.h"
#include "shop/person.h"
#include "store/personal.h"

enum { ROUNDS = 3 }; /* of two sign-ins at once one may renew the hash under the other */

/* One sign-in by password: whose it is said to be, and the try of it. */
struct signing {
    struct sut_req *r;
    sut_str email;
    sut_str password;
    struct sut_person_account account;
    bool is_known;
    struct api_attempt attempt;
};

/* The account of the address, and whose count this try belongs to. */
static SUT_ERR find(struct signing *t, struct api_attempt *ret)
{
    struct sut_req *r = t->r;
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_account_by_email(conn, r->arena, t->email, &t->account);
    if (sut_failed(e) && e.code != SUT_E_NOT_FOUND)
        return e;
    t->is_known = !sut_failed(e);
    /* A miss has asked this already: the two take the same time. */
    bool has_changed = false;
    if (t->is_known)
        TRY(sut_personal_look_for_keys(conn, &has_changed));
    TRY(api_attempt_of(r, conn, t->email, t->is_known ? &t->account : NULL, ret));
    sut_req_conn_end(r);
    return SUT_OK;
}

static SUT_ERR refuse(struct signing *t, enum api_outcome outcome, struct api_account *ret)
{
    ret->outcome = outcome;
    return outcome == API_DISABLED ? api_attempt_refused(&t->attempt, "disabled")
                                   : api_attempt_wrong(&t->attempt, "credentials");
}

/* --- the credentials --- */

/* Who signed in.  One whose fields are lost gets in all the same, by the address that they gave. */
SUT_ERR api_account_signed_in(struct sut_req *r, const struct sut_person_account *account,
                              sut_str email, struct sut_person_row *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_by_id(conn, r->arena, account->id, ret);
    sut_req_conn_end(r);
    if (e.code != SUT_E_CORRUPT)
        return e;
    sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_PERSON("user", account->id));
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

static SUT_ERR check(struct signing *t, const struct api_device *device, struct api_account *ret)
{
    struct sut_req *r = t->r;
    const sut_str stored = t->is_known ? t->account.password : (sut_str){ 0 };
    struct sut_hasher_result v;
    *ret = (struct api_account){ .outcome = API_DONE };
    TRY(sut_hasher_verify(r->app->hasher, stored, t->password, &v, &r->retry_after_s));
    if (t->is_known && v.verdict == SUT_PWHASH_OVER_BUDGET)
        api_entry_event(r, SUT_EVENT_CONFIG_WEAK, t->account.id, "stored_hash_over_budget");
    if (!t->is_known || v.verdict != SUT_PWHASH_OK)
        return refuse(t, API_WRONG, ret);
    if (!t->account.is_active)
        return refuse(t, API_DISABLED, ret);
    bool is_theirs = false;
    TRY(api_account_signed_in(r, &t->account, t->email, &ret->person));
    TRY(has_address(r, &ret->person, t->email, &is_theirs));
    if (!is_theirs)
        return refuse(t, API_WRONG, ret);
    ret->person.last_login = r->now;
    struct sut_pwhash_text better;
    struct api_entry entry = {
        .account = &t->account,
        .proofs = SUT_PROOF_PASSWORD,
        .device = device,
    };
    if (v.needs_rehash) {
        /* A busy pool is no reason to turn a right password away: the next login renews it. */
        const sut_err e = sut_hasher_hash(r->app->hasher, t->password, &better, &r->retry_after_s);
        if (!sut_failed(e))
            entry.new_hash = sut_str_of(better.p, better.n);
        else if (e.code != SUT_E_BUSY)
            return e;
    }
    TRY(api_entry_open(r, &entry, ret));
    /* A second factor that is due keeps the try open to the end: only both clear the count. */
    if (ret->outcome == API_DONE)
        api_attempt_right(&t->attempt);
    return SUT_OK;
}

static SUT_ERR sign_in(struct signing *t, const struct api_device *device, struct api_account *ret)
{
    TRY(find(t, &t->attempt));
    TRY(api_attempt_begin(&t->attempt, ret));
    if (!t->attempt.is_open)
        return SUT_OK;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct api_attempt again;
        /* The account changed between the proof and the entry: it is looked at again. */
        if (i > 0)
            TRY(find(t, &again));
        const sut_err e = check(t, device, ret);
        if (e.code != SUT_E_DENIED && e.code != SUT_E_NOT_FOUND)
            return e;
    }
    t->attempt.user_id = 0;
    return refuse(t, API_WRONG, ret);
}

SUT_ERR api_account_sign_in(struct sut_req *r, sut_str email, sut_str password,
                            const struct api_device *device, struct api_account *ret)
{
    struct signing t = { .r = r, .email = email, .password = password };
    *ret = (struct api_account){ .outcome = API_DONE };
    const sut_err e = sign_in(&t, device, ret);
    api_attempt_undo(&t.attempt);
    return e;
}
