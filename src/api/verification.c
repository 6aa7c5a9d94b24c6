/* SPDX-License-Identifier: Apache-2.0 */
#include "api/verification.h"

#include "api/account.h"
#include "api/links.h"
#include "audit/audit.h"
#include "authn/signing.h"
#include "codec/email.h"
#include "counters/counters.h"
#include "guard/guard.h"
#include "mail/mail.h"

struct taking {
    struct sut_arena *arena;
    struct sut_mark mark;
    const struct sut_verify *claim;
    sut_str addr;
    sut_ms now;
    enum api_verified outcome;
    sut_str email;
};

/* A scanner that opens the link first does no harm: it makes no POST. */
static SUT_ERR take_job(struct sut_db_conn *c, void *arg)
{
    struct taking *t = arg;
    struct sut_person_row p;
    bool is_theirs = false;
    sut_arena_rewind(t->arena, t->mark);
    t->outcome = API_VERIFY_INVALID;
    const sut_err e = sut_person_by_id(c, t->arena, t->claim->user_id, &p);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && !p.is_active))
        return SUT_OK;
    TRY(e);
    TRY(api_is_address_of(t->arena, p.email, t->claim->email, &is_theirs));
    if (!is_theirs)
        return SUT_OK;
    t->email = p.email;
    t->outcome = p.email_verified ? API_VERIFY_ALREADY : API_VERIFIED;
    if (p.email_verified)
        return SUT_OK;
    TRY(sut_person_set_email_verified(c, p.id, t->now));
    return sut_audit_write_id(c, SUT_ACTION_USER_EMAIL_VERIFY, p.id, "user", p.id, t->addr, t->now);
}

SUT_ERR api_verification_take(struct sut_req *r, sut_str token, enum api_verified *ret,
                              sut_str *ret_email)
{
    struct sut_verify claim;
    enum sut_verify_fault fault = SUT_VERIFY_INVALID;
    const sut_err e = sut_verify_read(r->app->links, r->arena, token, r->now, &claim, &fault);
    *ret = fault == SUT_VERIFY_EXPIRED ? API_VERIFY_EXPIRED : API_VERIFY_INVALID;
    if (e.code == SUT_E_TOKEN)
        return SUT_OK;
    TRY(e);
    struct taking t = {
        .arena = r->arena,
        .mark = sut_arena_mark(r->arena),
        .claim = &claim,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, take_job, &t));
    *ret = t.outcome;
    *ret_email = t.email;
    return SUT_OK;
}

SUT_ERR api_verification_queue(struct sut_req *r, struct sut_db_conn *c, struct sut_arena *scratch,
                               int64_t person, sut_str email)
{
    const struct sut_verify claim = { .user_id = person, .email = email };
    struct sut_mail_words words = { .at = r->now };
    sut_str token = { 0 };
    TRY(sut_verify_mint(r->app->links, scratch, &claim, r->now, &token));
    TRY(api_link(r, scratch, API_LINK_VERIFY, token, &words.link));
    return sut_mail_queue(c, scratch, SUT_MAIL_VERIFY, person, &words, SUT_STR(""), r->now);
}

struct sending {
    struct sut_req *r;
    struct sut_mark mark;
    bool is_verified;
};

static SUT_ERR send_job(struct sut_db_conn *c, void *arg)
{
    struct sending *s = arg;
    struct sut_arena *a = s->r->arena;
    struct sut_person_row p;
    sut_arena_rewind(a, s->mark);
    TRY(sut_person_by_id(c, a, s->r->auth.user_id, &p));
    s->is_verified = p.email_verified;
    return s->is_verified ? SUT_OK : api_verification_queue(s->r, c, a, p.id, p.email);
}

SUT_ERR api_verification_send(struct sut_req *r, enum api_verification_sent *ret)
{
    struct sut_person_row p;
    struct sut_rate_result rate;
    sut_str key = { 0 };
    TRY(api_account_self(r, &p));
    sut_req_conn_end(r);
    *ret = API_SENT_ALREADY;
    if (p.email_verified)
        return SUT_OK;
    TRY(sut_email_key(r->arena, p.email, &key));
    *ret = API_SENT_NOT_NOW;
    if (!api_mail_may_go(r, "verify", key, &rate)) {
        sut_guard_refuse_rate(r, &rate);
        return SUT_OK;
    }
    struct sending s = { .r = r, .mark = sut_arena_mark(r->arena) };
    TRY(sut_store_write(r->app->store, send_job, &s));
    api_mail_wake(r);
    *ret = s.is_verified ? API_SENT_ALREADY : API_SENT;
    return SUT_OK;
}
