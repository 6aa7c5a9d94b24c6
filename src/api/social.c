/* SPDX-License-Identifier: Apache-2.0 */
#include "api/social.h"

#include "api/account.h"
#include "api/endings.h"
#include "api/links.h"
#include "api/portraits.h"
#include "api/social_take.h"
#include "audit/audit.h"
#include "authn/asking.h"
#include "authn/facebook.h"
#include "authn/google.h"
#include "config/config.h"
#include "log/log.h"
#include "shop/person.h"

enum { ROUNDS = 3 }; /* of two at once one may change what the other has read: it looks again */

const char *api_social_word(enum sut_provider p)
{
    return p == SUT_PROVIDER_GOOGLE ? "google" : "facebook";
}

/* One sign-in: who it is, by whose word. */
struct signing {
    struct sut_req *r;
    enum sut_provider provider;
    const struct sut_identity *who;
    const struct api_device *device;
    struct sut_person_account account;
};

static unsigned proof_of(enum sut_provider p)
{
    return p == SUT_PROVIDER_GOOGLE ? SUT_PROOF_GOOGLE : SUT_PROOF_FACEBOOK;
}

/* --- refusals --- */

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

/* A sign-in that failed leaves a row and an event, whatever it began with. */
static SUT_ERR note_failure(struct sut_req *r, int64_t user_id, const char *why)
{
    struct failure f = { .user_id = user_id, .addr = api_entry_addr(r), .now = r->now };
    TRY(sut_store_write(r->app->store, failure_job, &f));
    api_entry_event(r, SUT_EVENT_LOGIN_FAILED, user_id, why);
    return SUT_OK;
}

static SUT_ERR refuse(struct signing *s, enum api_social_fault fault, const char *why,
                      struct api_social *ret)
{
    ret->fault = fault;
    return note_failure(s->r, s->account.id, why);
}

static SUT_ERR refuse_disabled(struct signing *s, struct api_social *ret)
{
    ret->account.outcome = API_DISABLED;
    return note_failure(s->r, s->account.id, "disabled");
}

/* --- into an account that is there --- */

static SUT_ERR enter(struct signing *s, enum api_social_take take, struct api_social *ret)
{
    struct sut_req *r = s->r;
    struct api_social_taking t = {
        .r = r,
        .take = take,
        .account = &s->account,
        .provider = s->provider,
        .who = s->who,
    };
    const struct api_entry entry = {
        .account = &s->account,
        .proofs = proof_of(s->provider),
        .device = s->device,
        .also = api_social_take_job,
        .also_arg = &t,
        .takes_over = take == API_SOCIAL_TAKE_OVER,
        .link = { .provider = take == API_SOCIAL_LINK ? (int64_t) s->provider : 0,
                  .subject = s->who->subject,
                  .email = s->who->email },
    };
    TRY(api_account_signed_in(r, &s->account, s->who->email, &ret->account.person));
    TRY(api_entry_open(r, &entry, &ret->account));
    if (ret->account.outcome == API_LOCKED)
        return note_failure(r, s->account.id, "locked");
    api_social_taken(&t);
    ret->account.person.last_login = r->now;
    if (take != API_SOCIAL_TAKE_OVER)
        return SUT_OK;
    /* As it is now: another's names and number are gone. */
    return api_account_signed_in(r, &s->account, s->who->email, &ret->account.person);
}

static SUT_ERR by_subject(struct signing *s, struct api_social *ret)
{
    if (!s->account.is_active)
        return refuse_disabled(s, ret);
    return enter(s, API_SOCIAL_USE, ret);
}

/* Whether the account has a link to this provider, and not this one; EXISTS: it has it by now. */
static SUT_ERR look_for_other(struct sut_db_conn *c, const struct signing *s, bool *ret)
{
    int64_t person = 0;
    TRY(sut_social_has(c, s->account.id, s->provider, ret));
    if (!*ret)
        return SUT_OK;
    const sut_err e = sut_social_find(c, s->r->arena, s->provider, s->who->subject, &person);
    ENSURE(sut_failed(e), EXISTS);
    return e.code == SUT_E_NOT_FOUND ? SUT_OK : e;
}

static SUT_ERR by_email(struct signing *s, struct api_social *ret)
{
    const struct sut_person_account *a = &s->account;
    struct sut_db_conn *conn = NULL;
    struct sut_person_row p;
    bool is_theirs = false;
    bool has_other = false;
    TRY(sut_req_conn(s->r, &conn));
    const sut_err read = sut_person_by_id(conn, s->r->arena, a->id, &p);
    const sut_err looked = look_for_other(conn, s, &has_other);
    sut_req_conn_end(s->r);
    if (read.code == SUT_E_CORRUPT) {
        sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_PERSON("user", a->id));
        return refuse(s, API_SOCIAL_TOKEN, "lost", ret);
    }
    TRY(read);
    TRY(looked);
    /* The blind index led here; the sealed address alone says whose account it is. */
    TRY(api_is_address_of(s->r->arena, p.email, s->who->email, &is_theirs));
    if (!is_theirs) {
        sut_log(SUT_LOG_ERROR, "index_of_another", LOG_PERSON("user", a->id));
        return refuse(s, API_SOCIAL_TOKEN, "index", ret);
    }
    if (!a->is_active)
        return refuse_disabled(s, ret);
    /* The address went to somebody else there, or they began anew: nobody here can tell. */
    if (has_other && a->email_verified)
        return refuse(s, API_SOCIAL_OTHER, "linked", ret);
    if (a->email_verified)
        return enter(s, API_SOCIAL_LINK, ret);
    if (a->is_staff || a->is_superuser)
        return refuse(s, API_SOCIAL_RIGHTS, "unverified", ret);
    return enter(s, API_SOCIAL_TAKE_OVER, ret);
}

/* --- a new account --- */

static SUT_ERR joined(void *ctx, struct sut_db_conn *c, struct sut_arena *a, int64_t id)
{
    const struct signing *s = ctx;
    TRY(sut_social_put(c, a, id, s->provider, s->who->subject, s->who->picture, s->r->now));
    TRY(api_entry_take_cart(s->r, c, id));
    return sut_audit_write_id(c, SUT_ACTION_USER_SOCIAL_LINK, id, "user", id, api_entry_addr(s->r),
                              s->r->now);
}

static SUT_ERR join(struct signing *s, struct api_social *ret)
{
    struct sut_req *r = s->r;
    struct sut_session_new session;
    struct sut_token refresh;
    sut_str device = { 0 };
    sut_str password = { 0 };
    TRY(api_entry_session(r, s->device, &session));
    TRY(api_entry_name(r, session.id, &refresh));
    TRY(api_entry_device(r, &device));
    TRY(api_social_no_password(r, &password));
    session.proofs = proof_of(s->provider);
    session.refresh_hash = api_entry_hash(&refresh);
    struct sut_person_register reg = {
        .email = s->who->email,
        .first_name = s->who->first_name,
        .last_name = s->who->last_name,
        .password = password,
        .email_verified = true,
        .addr = api_entry_addr(r),
        .session = &session,
        .device = device,
        .joined = joined,
        .joined_ctx = s,
    };
    if (reg.first_name.n == 0 && reg.last_name.n == 0)
        sut_person_split_name(s->who->name, &reg.first_name, &reg.last_name);
    TRY(sut_person_register(r->app->store, r->arena, &reg, r->now, &ret->account.person));
    ret->is_new = true;
    return api_entry_pair(r, ret->account.person.id, &refresh, &ret->account.pair);
}

/* --- which of them --- */

static SUT_ERR find(struct sut_db_conn *c, struct signing *s, bool *ret_by_subject)
{
    int64_t person = 0;
    struct sut_arena *a = s->r->arena;
    const sut_err e = sut_social_find(c, a, s->provider, s->who->subject, &person);
    *ret_by_subject = !sut_failed(e);
    if (*ret_by_subject)
        return sut_person_account(c, a, person, &s->account);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    return sut_person_account_by_email(c, a, s->who->email, &s->account);
}

static SUT_ERR try_sign_in(struct signing *s, struct api_social *ret)
{
    struct sut_db_conn *conn = NULL;
    bool has_link = false;
    *ret = (struct api_social){ .account = { .outcome = API_DONE } };
    s->account = (struct sut_person_account){ 0 };
    TRY(sut_req_conn(s->r, &conn));
    const sut_err e = find(conn, s, &has_link);
    sut_req_conn_end(s->r);
    if (!sut_failed(e))
        return has_link ? by_subject(s, ret) : by_email(s, ret);
    if (e.code == SUT_E_NOT_FOUND)
        return join(s, ret);
    const bool is_moved = e.code == SUT_E_DENIED;
    if (!is_moved && e.code != SUT_E_CORRUPT)
        return e;
    const char *const where = api_social_word(s->provider);
    if (is_moved)
        sut_log(SUT_LOG_ERROR, "index_of_another", LOG_NAME("provider", where));
    else
        sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_NAME("provider", where));
    return refuse(s, API_SOCIAL_TOKEN, is_moved ? "index" : "lost", ret);
}

/* What another request has changed meanwhile: its account made, linked, or changed. */
static bool is_overtaken(sut_err e)
{
    return e.code == SUT_E_EXISTS || e.code == SUT_E_DENIED || e.code == SUT_E_NOT_FOUND;
}

static SUT_ERR sign_in(struct signing *s, struct api_social *ret)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        const sut_err e = try_sign_in(s, ret);
        if (is_overtaken(e))
            continue;
        if (!sut_failed(e) && ret->fault == API_SOCIAL_FINE && s->who->picture.n > 0)
            api_portraits_wake(s->r->app->portraits);
        return e;
    }
    FAIL(BUSY);
}

/* --- whose word --- */

static SUT_ERR turn_away(struct sut_req *r, enum api_social_fault fault, const char *why,
                         struct api_social *ret)
{
    *ret = (struct api_social){ .fault = fault };
    /* That a provider is down is nobody's failed sign-in. */
    return fault == API_SOCIAL_OFF || fault == API_SOCIAL_DOWN ? SUT_OK : note_failure(r, 0, why);
}

SUT_ERR api_social_google(struct sut_req *r, sut_str token, sut_str nonce,
                          const struct api_device *device, struct api_social *ret)
{
    struct sut_identity who;
    const char *why = "";
    if (r->app->google == NULL)
        return turn_away(r, API_SOCIAL_OFF, "", ret);
    const sut_err e = sut_google_check(r->app->google, r->arena, token, nonce, r->now, &who, &why);
    if (e.code == SUT_E_UNAVAILABLE)
        return turn_away(r, API_SOCIAL_DOWN, "", ret);
    if (e.code == SUT_E_TOKEN)
        return turn_away(r, API_SOCIAL_TOKEN, why, ret);
    TRY(e);
    struct signing s = { .r = r, .provider = SUT_PROVIDER_GOOGLE, .who = &who, .device = device };
    return sign_in(&s, ret);
}

SUT_ERR api_social_facebook(struct sut_req *r, sut_str token, const struct api_device *device,
                            struct api_social *ret)
{
    struct sut_identity who;
    enum sut_facebook_verdict verdict = SUT_FACEBOOK_BAD;
    const char *why = "";
    const struct sut_facebook facebook = {
        .app_id = r->app->config->facebook.app_id,
        .fetch = sut_facebook_fetch_answer,
        .fetch_ctx = r->app->courier,
    };
    if (facebook.app_id.n == 0)
        return turn_away(r, API_SOCIAL_OFF, "", ret);
    ENSURE(sut_asking_begin(r->app->asking), BUSY);
    const sut_err e = sut_facebook_check(&facebook, r->arena, token, r->now, &who, &verdict, &why);
    sut_asking_end(r->app->asking);
    if (e.code == SUT_E_UNAVAILABLE)
        return turn_away(r, API_SOCIAL_DOWN, "", ret);
    TRY(e);
    if (verdict != SUT_FACEBOOK_GOOD)
        return turn_away(
            r, verdict == SUT_FACEBOOK_NO_EMAIL ? API_SOCIAL_NO_EMAIL : API_SOCIAL_TOKEN, why, ret);
    struct signing s = { .r = r, .provider = SUT_PROVIDER_FACEBOOK, .who = &who, .device = device };
    return sign_in(&s, ret);
}
