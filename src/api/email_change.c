/* SPDX-License-Identifier: Apache-2.0 */
#include "api/email_change.h"

#include "api/account.h"
#include "api/endings.h"
#include "api/links.h"
#include "audit/audit.h"
#include "codec/email.h"
#include "codec/json.h"
#include "codec/json_out.h"
#include "counters/counters.h"
#include "guard/guard.h"
#include "mail/mail.h"
#include "store/device.h"
#include "store/factor.h"
#include "store/social.h"

/* What all three steps work on; a job may run again, and makes its results anew. */
struct step {
    struct sut_req *r;
    struct sut_mark mark;
    sut_str addr;
    /* asking */
    sut_str to;
    struct api_secret confirm;
    /* asking and confirming: the way back */
    struct api_secret revert;
    /* confirming and taking back */
    sut_str link_hash;
    sut_str email;
    bool was_verified; /* when the link was made */
    struct api_endings endings;
    /* taking back: who had the address meanwhile, without ever having shown that it is theirs */
    struct api_endings yielded;
    sut_str nowhere; /* the address that such a one gets */
};

static struct step step_of(struct sut_req *r)
{
    return (struct step){ .r = r, .addr = api_entry_addr(r) };
}

/* {"email":…,"verified":…}, in the arena. */
static SUT_ERR write_data(struct sut_arena *a, sut_str email, bool is_verified, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SUT_LINK_DATA_MAX);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "email");
    sut_jw_str(&w, email);
    sut_jw_key(&w, "verified");
    sut_jw_bool(&w, is_verified);
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static SUT_ERR read_data(struct sut_arena *a, sut_str data, struct step *ret)
{
    const struct sut_json *o = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    TRY(sut_json_parse(a, data, &o, &fault));
    const struct sut_json *email = sut_json_get(o, "email");
    const struct sut_json *verified = sut_json_get(o, "verified");
    ENSURE(email != NULL && email->type == SUT_JSON_STRING, CORRUPT);
    ret->email = email->s;
    ret->was_verified = verified != NULL && verified->type == SUT_JSON_BOOL && verified->b;
    return SUT_OK;
}

static SUT_ERR add_link(struct sut_db_conn *c, const struct step *s, enum sut_link_purpose purpose,
                        int64_t person, const struct api_secret *secret, sut_str email,
                        bool is_verified, int64_t life_s)
{
    struct sut_link_new l = {
        .purpose = purpose,
        .person = person,
        .hash = api_secret_hash(secret->hash),
        .expires_at = { s->r->now.v + life_s * 1000 },
    };
    TRY(write_data(s->r->arena, email, is_verified, &l.data));
    return sut_link_token_add(c, &l, s->r->now);
}

/* `to` empty: the person's present address. */
static SUT_ERR queue(struct sut_db_conn *c, const struct step *s, enum sut_mail_kind kind,
                     int64_t person, sut_str to, const char *path, const struct api_secret *secret)
{
    struct sut_arena *a = s->r->arena;
    struct sut_mail_words words = { .to = to, .addr = s->addr, .at = s->r->now };
    if (secret != NULL)
        TRY(api_link(s->r, a, path, secret->text, &words.link));
    return sut_mail_queue(c, a, kind, person, &words, SUT_STR(""), s->r->now);
}

/* --- asking --- */

static SUT_ERR ask_job(struct sut_db_conn *c, void *arg)
{
    struct step *s = arg;
    struct sut_arena *a = s->r->arena;
    const int64_t id = s->r->auth.user_id;
    struct sut_person_row p;
    bool is_taken = false;
    sut_arena_rewind(a, s->mark);
    TRY(sut_person_by_id(c, a, id, &p));
    ENSURE(p.is_active, NOT_FOUND);
    TRY(sut_person_email_taken(c, a, s->to, &is_taken));
    ENSURE(!is_taken, EXISTS);
    TRY(sut_link_token_forget(c, id, SUT_LINK_EMAIL_CONFIRM));
    TRY(add_link(c, s, SUT_LINK_EMAIL_CONFIRM, id, &s->confirm, s->to, false,
                 API_EMAIL_CONFIRM_LIFE_S));
    TRY(add_link(c, s, SUT_LINK_EMAIL_REVERT, id, &s->revert, p.email, p.email_verified,
                 API_EMAIL_REVERT_LIFE_S));
    TRY(queue(c, s, SUT_MAIL_EMAIL_CONFIRM, id, s->to, API_LINK_CONFIRM, &s->confirm));
    TRY(queue(c, s, SUT_MAIL_EMAIL_REQUESTED, id, p.email, API_LINK_REVERT, &s->revert));
    return sut_audit_write_id(c, SUT_ACTION_USER_EMAIL_ASK, id, "user", id, s->addr, s->r->now);
}

/* Three changes an hour, and one mail to a stranger's address in the pause: no cannon. */
static bool may_ask(struct sut_req *r, sut_str key)
{
    struct sut_rate_result rate;
    const struct sut_rate_ask ask = sut_rate_ask_id(SUT_RATE_RESET, r->auth.user_id);
    if (sut_counters_take(r->app->counters, &ask, 1, r->now, &rate) &&
        api_mail_may_go(r, "confirm", key, &rate))
        return true;
    sut_guard_refuse_rate(r, &rate);
    return false;
}

SUT_ERR api_email_change_ask(struct sut_req *r, sut_str email, enum api_email_outcome *ret)
{
    struct step s = step_of(r);
    struct sut_person_row p;
    struct sut_db_conn *conn = NULL;
    sut_str key = { 0 };
    bool is_same = false;
    bool is_taken = false;
    TRY(api_account_self(r, &p));
    TRY(api_is_address_of(r->arena, p.email, email, &is_same));
    TRY(sut_req_conn(r, &conn));
    TRY(sut_person_email_taken(conn, r->arena, email, &is_taken));
    sut_req_conn_end(r);
    *ret = is_same ? API_EMAIL_SAME : API_EMAIL_TAKEN;
    if (is_same || is_taken)
        return SUT_OK;
    TRY(sut_email_key(r->arena, email, &key));
    *ret = API_EMAIL_NOT_NOW;
    if (!may_ask(r, key))
        return SUT_OK;
    TRY(api_secret_make(r, &s.confirm));
    TRY(api_secret_make(r, &s.revert));
    s.to = email;
    s.mark = sut_arena_mark(r->arena);
    const sut_err e = sut_store_write(r->app->store, ask_job, &s);
    *ret = e.code == SUT_E_EXISTS ? API_EMAIL_TAKEN : API_EMAIL_DONE;
    if (e.code == SUT_E_EXISTS)
        return SUT_OK;
    TRY(e);
    api_mail_wake(r);
    return SUT_OK;
}

/* --- confirming --- */

static SUT_ERR confirm_job(struct sut_db_conn *c, void *arg)
{
    struct step *s = arg;
    struct sut_arena *a = s->r->arena;
    struct sut_link_row link;
    struct sut_person_row p;
    sut_arena_rewind(a, s->mark);
    TRY(sut_link_token_use(c, a, SUT_LINK_EMAIL_CONFIRM, s->link_hash, s->r->now, &link));
    TRY(read_data(a, link.data, s));
    TRY(sut_person_by_id(c, a, link.person, &p));
    ENSURE(p.is_active, NOT_FOUND);
    TRY(sut_person_set_email(c, a, p.id, s->email, true, p.id, s->r->now));
    TRY(api_endings_links(c, p.id));
    TRY(add_link(c, s, SUT_LINK_EMAIL_REVERT, p.id, &s->revert, p.email, p.email_verified,
                 API_EMAIL_REVERT_LIFE_S));
    TRY(queue(c, s, SUT_MAIL_EMAIL_CHANGED, p.id, s->email, NULL, NULL));
    TRY(queue(c, s, SUT_MAIL_EMAIL_CHANGED, p.id, p.email, API_LINK_REVERT, &s->revert));
    return sut_audit_write_id(c, SUT_ACTION_USER_EMAIL_CHANGE, p.id, "user", p.id, s->addr,
                              s->r->now);
}

/* NOT_FOUND and EXISTS are outcomes; all else is handed on. */
static SUT_ERR outcome_of(sut_err e, enum api_email_outcome *ret)
{
    *ret = API_EMAIL_DONE;
    if (e.code == SUT_E_NOT_FOUND)
        *ret = API_EMAIL_BAD;
    else if (e.code == SUT_E_EXISTS)
        *ret = API_EMAIL_TAKEN;
    else
        return e;
    return SUT_OK;
}

SUT_ERR api_email_change_confirm(struct sut_req *r, sut_str token, enum api_email_outcome *ret,
                                 sut_str *ret_email)
{
    struct step s = step_of(r);
    unsigned char hash[SUT_LINK_HASH];
    *ret = API_EMAIL_BAD;
    if (!api_secret_read(token, hash))
        return SUT_OK;
    TRY(api_secret_make(r, &s.revert));
    s.link_hash = api_secret_hash(hash);
    s.mark = sut_arena_mark(r->arena);
    TRY(outcome_of(sut_store_write(r->app->store, confirm_job, &s), ret));
    if (*ret != API_EMAIL_DONE)
        return SUT_OK;
    *ret_email = s.email;
    api_mail_wake(r);
    return SUT_OK;
}

/* --- taking back --- */

/*
 * Somebody who registered the former address meanwhile and never verified it must
 * not keep its owner from taking it back: that account is closed, under an address that no mail
 * goes to.  One that has verified it keeps it: EXISTS.
 */
static SUT_ERR make_way(struct sut_db_conn *c, struct step *s, int64_t owner)
{
    struct sut_arena *a = s->r->arena;
    struct sut_person_account holder;
    const sut_err e = sut_person_account_by_email(c, a, s->email, &holder);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && holder.id == owner))
        return SUT_OK;
    TRY(e);
    ENSURE(!holder.email_verified, EXISTS);
    s->yielded = (struct api_endings){ .person = holder.id, .why = "email_yield" };
    TRY(sut_person_set_email(c, a, holder.id, s->nowhere, false, owner, s->r->now));
    TRY(sut_person_set_active(c, holder.id, false, owner, s->r->now));
    TRY(api_endings_write(c, a, &s->yielded, s->r->now));
    TRY(api_endings_links(c, holder.id));
    return sut_audit_write_id(c, SUT_ACTION_USER_EMAIL_YIELD, owner, "user", holder.id, s->addr,
                              s->r->now);
}

/* What a thief has added since the link was made: a second factor, an account at a provider. */
static SUT_ERR drop_ways_in(struct sut_db_conn *c, const struct step *s,
                            const struct sut_link_row *link)
{
    struct sut_arena *a = s->r->arena;
    const sut_ms now = s->r->now;
    struct sut_mail_words words = { .what = SUT_STR("what was added since"), .at = now };
    struct sut_person_account before;
    struct sut_person_account after;
    TRY(sut_person_account(c, a, link->person, &before));
    TRY(sut_social_remove_since(c, link->person, link->created_at));
    TRY(sut_factors_clear_since(c, link->person, link->created_at, now));
    TRY(sut_person_account(c, a, link->person, &after));
    if (before.factors == after.factors)
        return SUT_OK;
    return sut_mail_queue(c, a, SUT_MAIL_FACTOR_REMOVED, link->person, &words, SUT_STR(""), now);
}

static SUT_ERR revert_job(struct sut_db_conn *c, void *arg)
{
    struct step *s = arg;
    struct sut_arena *a = s->r->arena;
    struct sut_link_row link;
    struct sut_person_row p;
    bool is_same = false;
    sut_arena_rewind(a, s->mark);
    s->yielded = (struct api_endings){ 0 };
    TRY(sut_link_token_use(c, a, SUT_LINK_EMAIL_REVERT, s->link_hash, s->r->now, &link));
    TRY(read_data(a, link.data, s));
    TRY(sut_person_by_id(c, a, link.person, &p));
    ENSURE(p.is_active, NOT_FOUND);
    TRY(api_is_address_of(a, p.email, s->email, &is_same));
    if (!is_same) {
        TRY(make_way(c, s, p.id));
        /* As it was: one that was never verified may be a stranger's, who would keep a way in. */
        TRY(sut_person_set_email(c, a, p.id, s->email, s->was_verified, p.id, s->r->now));
        TRY(queue(c, s, SUT_MAIL_EMAIL_CHANGED, p.id, s->email, NULL, NULL));
        TRY(queue(c, s, SUT_MAIL_EMAIL_CHANGED, p.id, p.email, NULL, NULL));
    }
    /* Ways back to where it was in between: a thief's. */
    TRY(sut_link_token_forget_after(c, p.id, SUT_LINK_EMAIL_REVERT, link.id));
    s->endings = (struct api_endings){ .person = p.id, .why = "email_revert" };
    TRY(api_endings_write(c, a, &s->endings, s->r->now));
    TRY(api_endings_links(c, p.id));
    TRY(sut_device_forget(c, p.id));
    TRY(drop_ways_in(c, s, &link));
    return sut_audit_write_id(c, SUT_ACTION_USER_EMAIL_REVERT, p.id, "user", p.id, s->addr,
                              s->r->now);
}

/* An address of nobody, under a name that no mail can go to (RFC 2606). */
static SUT_ERR make_nowhere(struct sut_req *r, sut_str *ret)
{
    enum { BYTES = 16 };
    char hex[2 * BYTES];
    struct sut_buf b;
    TRY(sut_random_hex(r->app->random, BYTES, hex));
    sut_buf_init_arena(&b, r->arena, sizeof(hex) + 32);
    sut_buf_add(&b, hex, sizeof(hex));
    sut_buf_lit(&b, "@closed.invalid");
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_email_change_revert(struct sut_req *r, sut_str token, enum api_email_outcome *ret,
                                sut_str *ret_email)
{
    struct step s = step_of(r);
    unsigned char hash[SUT_LINK_HASH];
    *ret = API_EMAIL_BAD;
    if (!api_secret_read(token, hash))
        return SUT_OK;
    TRY(make_nowhere(r, &s.nowhere));
    s.link_hash = api_secret_hash(hash);
    s.mark = sut_arena_mark(r->arena);
    TRY(outcome_of(sut_store_write(r->app->store, revert_job, &s), ret));
    if (*ret != API_EMAIL_DONE)
        return SUT_OK;
    api_endings_tell(r, &s.endings);
    if (s.yielded.person != 0)
        api_endings_tell(r, &s.yielded);
    *ret_email = s.email;
    api_mail_wake(r);
    return SUT_OK;
}
