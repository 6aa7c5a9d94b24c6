/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reset.h"

#include "api/endings.h"
#include "api/links.h"
#include "api/password.h"
#include "audit/audit.h"
#include "authn/hasher.h"
#include "codec/email.h"
#include "counters/counters.h"
#include "counters/lockout.h"
#include "crypto/sha256.h"
#include "guard/guard.h"
#include "log/log.h"
#include "mail/mail.h"
#include "seal/seal.h"
#include "store/device.h"
#include "store/factor.h"
#include "store/person_ids.h"
#include "store/personal.h"

/* --- asking for a link --- */

/* Of the address alone, so that a second look at it finds the same keys open. */
static int64_t chance_of(sut_str address_key)
{
    unsigned char digest[SUT_SHA256_SIZE];
    sut_sha256(address_key, digest);
    return (digest[0] << 16 | digest[1] << 8 | digest[2]) >> 4;
}

/* Open the row, and hold its address against the one that was given; 0 unless a mail may go to it.
 */
static SUT_ERR open_owner(struct sut_req *r, struct sut_db_conn *conn, int64_t id, bool is_known,
                          sut_str email, int64_t *ret)
{
    struct sut_person_row p;
    bool is_theirs = false;
    /* Whoever was here lately has a key that is open: it costs what anybody else's does. */
    sut_seal_forget(sut_store_seal(r->app->store), id);
    const sut_err e = sut_person_by_id(conn, r->arena, id, &p);
    if (e.code == SUT_E_CORRUPT && is_known)
        sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_PERSON("user", id));
    if (e.code == SUT_E_CORRUPT || e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    TRY(api_is_address_of(r->arena, p.email, email, &is_theirs));
    if (is_known && !is_theirs)
        sut_log(SUT_LOG_ERROR, "index_of_another", LOG_PERSON("user", id));
    if (is_known && is_theirs && p.is_active)
        *ret = id;
    return SUT_OK;
}

/*
 * Whose address it is; 0: nobody's whom a mail can be sent to.  Either way the same statements run:
 * for an address that is nobody's, somebody else's row is read and opened in its place.
 */
static SUT_ERR find_owner(struct sut_req *r, sut_str email, sut_str key, int64_t *ret,
                          int64_t *ret_somebody)
{
    struct sut_db_conn *conn = NULL;
    struct sut_person_account account;
    bool has_changed = false;
    *ret = 0;
    *ret_somebody = 0;
    TRY(sut_req_conn(r, &conn));
    const sut_err found = sut_person_account_by_email(conn, r->arena, email, &account);
    const bool is_known = !sut_failed(found);
    if (!is_known && found.code != SUT_E_NOT_FOUND)
        return found;
    /* A miss has asked this already. */
    if (is_known)
        TRY(sut_personal_look_for_keys(conn, &has_changed));
    const sut_err e = sut_person_any(conn, chance_of(key), ret_somebody);
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    return open_owner(r, conn, is_known ? account.id : *ret_somebody, is_known, email, ret);
}

struct asking {
    struct sut_arena *arena;
    struct sut_mark mark;
    int64_t person;   /* 0: nobody; the rows are written all the same */
    int64_t somebody; /* else */
    struct sut_link_new link;
    struct sut_mail_words words;
    sut_str addr;
    sut_ms now;
};

/*
 * A row, a mail and a trace.  Those of an address that is nobody's speak of nobody: the
 * secret is known to no one, and the postman finds no receiver.
 */
static SUT_ERR ask_job(struct sut_db_conn *c, void *arg)
{
    struct asking *a = arg;
    sut_arena_rewind(a->arena, a->mark);
    /* The database looks up whom new rows refer to: here it has nobody to look up. */
    if (a->person == 0)
        TRY(sut_person_hold(c, a->somebody));
    TRY(sut_link_token_add(c, &a->link, a->now));
    TRY(sut_mail_queue(c, a->arena, SUT_MAIL_RESET, a->person, &a->words, SUT_STR(""), a->now));
    if (a->person == 0)
        return sut_audit_write(c, SUT_ACTION_USER_PASSWORD_RESET_ASK, 0, SUT_STR("user"), a->addr,
                               a->now);
    return sut_audit_write_id(c, SUT_ACTION_USER_PASSWORD_RESET_ASK, 0, "user", a->person, a->addr,
                              a->now);
}

SUT_ERR api_reset_ask(struct sut_req *r, sut_str email, bool *ret_answered)
{
    struct sut_rate_result rate;
    struct api_secret secret;
    sut_str key = { 0 };
    TRY(sut_email_key(r->arena, email, &key));
    /* Counted before it is known whether there is such an account. */
    *ret_answered = !sut_guard_count_reset(r, key);
    if (*ret_answered)
        return SUT_OK;
    if (!api_mail_may_go(r, "reset", key, &rate))
        return SUT_OK;
    struct asking a = { .arena = r->arena, .addr = api_entry_addr(r), .now = r->now };
    TRY(find_owner(r, email, key, &a.person, &a.somebody));
    sut_req_conn_end(r);
    TRY(api_secret_make(r, &secret));
    TRY(api_link(r, r->arena, API_LINK_RESET, secret.text, &a.words.link));
    a.words.at = r->now;
    a.link = (struct sut_link_new){
        .purpose = SUT_LINK_RESET,
        .person = a.person,
        .hash = api_secret_hash(secret.hash),
        .expires_at = { r->now.v + API_RESET_LIFE_S * INT64_C(1000) },
    };
    a.mark = sut_arena_mark(r->arena);
    TRY(sut_store_write(r->app->store, ask_job, &a));
    api_mail_wake(r);
    return SUT_OK;
}

/* --- taking it --- */

struct taking {
    struct sut_arena *arena;
    struct sut_mark mark;
    sut_str link_hash;
    sut_str password; /* its hash */
    struct api_endings endings;
    sut_str addr;
    sut_ms now;
    bool keeps_counts; /* of wrong second factors, among them */
};

/*
 * Of an address that was never shown to be the account's, the account may have been made by a
 * stranger: what they could come back by goes with their password.
 */
static SUT_ERR drop_strangers(struct sut_db_conn *c, const struct taking *t,
                              const struct sut_person_account *p)
{
    const struct sut_mail_words words = { .what = SUT_STR("every second factor"), .at = t->now };
    if (p->email_verified || p->factors == 0)
        return SUT_OK;
    TRY(sut_factors_clear(c, p->id, t->now));
    return sut_mail_queue(c, t->arena, SUT_MAIL_FACTOR_REMOVED, p->id, &words, SUT_STR(""), t->now);
}

static SUT_ERR take_job(struct sut_db_conn *c, void *arg)
{
    struct taking *t = arg;
    struct sut_link_row link;
    struct sut_person_account p;
    struct sut_mail_words words = { .addr = t->addr, .at = t->now };
    sut_arena_rewind(t->arena, t->mark);
    TRY(sut_link_token_use(c, t->arena, SUT_LINK_RESET, t->link_hash, t->now, &link));
    TRY(sut_person_account(c, t->arena, link.person, &p));
    ENSURE(p.is_active, NOT_FOUND);
    TRY(sut_person_set_password(c, p.id, (sut_str){ 0 }, t->password, p.id, t->now));
    t->endings = (struct api_endings){ .person = p.id, .why = "password_reset" };
    TRY(api_endings_write(c, t->arena, &t->endings, t->now));
    TRY(api_endings_links(c, p.id));
    /* A thief's devices are known no more: the next sign-in on one is told of. */
    TRY(sut_device_forget(c, p.id));
    TRY(drop_strangers(c, t, &p));
    t->keeps_counts = p.email_verified && p.factors != 0;
    TRY(sut_audit_write_id(c, SUT_ACTION_USER_PASSWORD_RESET, p.id, "user", p.id, t->addr, t->now));
    return sut_mail_queue(c, t->arena, SUT_MAIL_PASSWORD_CHANGED, p.id, &words, SUT_STR(""),
                          t->now);
}

/* Whose link it is, without taking it; NOT_FOUND. */
static SUT_ERR look(struct sut_req *r, sut_str hash, struct sut_person_row *ret)
{
    struct sut_db_conn *conn = NULL;
    struct sut_link_row link;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_link_token_find(conn, r->arena, SUT_LINK_RESET, hash, r->now, &link));
    TRY(sut_person_by_id(conn, r->arena, link.person, ret));
    sut_req_conn_end(r);
    ENSURE(ret->is_active, NOT_FOUND);
    return SUT_OK;
}

/* Counts of wrong passwords: the address's, and those of devices. */
struct counts {
    sut_str key;
    sut_str *devices;
    size_t n;
};

static SUT_ERR find_counts(struct sut_req *r, const struct sut_person_row *p, struct counts *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_email_key(r->arena, p->email, &ret->key));
    TRY(sut_req_conn(r, &conn));
    TRY(sut_device_list(conn, r->arena, p->id, &ret->devices, &ret->n));
    sut_req_conn_end(r);
    return SUT_OK;
}

/*
 * Who forgot the password has tried a few: what was counted against the old one goes with it.  Not
 * where a factor is due: who reads the mail could guess codes for ever.
 */
static void forget_counts(struct sut_req *r, const struct counts *k)
{
    struct sut_lockout_subject s = sut_lockout_of(k->key);
    sut_lockout_clear(r->app->counters, &s, r->now);
    for (size_t i = 0; i < k->n; i++) {
        s = sut_lockout_of_device(k->key, k->devices[i]);
        sut_lockout_clear(r->app->counters, &s, r->now);
    }
}

static SUT_ERR take(struct sut_req *r, sut_str link_hash, sut_str password, struct api_account *ret)
{
    struct sut_pwhash_text hash;
    struct counts counts = { 0 };
    TRY(look(r, link_hash, &ret->person));
    TRY(api_password_judge(r, &ret->person, password, ret));
    if (ret->outcome != API_DONE)
        return SUT_OK;
    TRY(sut_hasher_hash(r->app->hasher, password, &hash, &r->retry_after_s));
    TRY(find_counts(r, &ret->person, &counts));
    struct taking t = {
        .arena = r->arena,
        .mark = sut_arena_mark(r->arena),
        .link_hash = link_hash,
        .password = sut_pwhash_str(&hash),
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, take_job, &t));
    api_endings_tell(r, &t.endings);
    api_mail_wake(r);
    if (!t.keeps_counts)
        forget_counts(r, &counts);
    return SUT_OK;
}

SUT_ERR api_reset_take(struct sut_req *r, sut_str token, sut_str password, struct api_account *ret)
{
    unsigned char hash[SUT_LINK_HASH];
    *ret = (struct api_account){ .outcome = API_TOKEN_BAD };
    if (!api_secret_read(token, hash))
        return SUT_OK;
    const sut_err e = take(r, api_secret_hash(hash), password, ret);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    ret->outcome = API_TOKEN_BAD;
    return SUT_OK;
}
