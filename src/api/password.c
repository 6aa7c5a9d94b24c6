/* SPDX-License-Identifier: Apache-2.0 */
#include "api/password.h"

#include <string.h>

#include "api/account.h"
#include "api/attempt.h"
#include "api/endings.h"
#include "api/links.h"
#include "audit/audit.h"
#include "authn/hasher.h"
#include "authn/password_rules.h"
#include "mail/mail.h"

enum { TRIES = 3 };

SUT_ERR api_password_judge(struct sut_req *r, const struct sut_person_row *whose, sut_str password,
                           struct api_account *ret)
{
    const struct sut_password_user user = {
        .username = whose->username,
        .email = whose->email,
        .first_name = whose->first_name,
        .last_name = whose->last_name,
    };
    struct sut_password_verdict verdict;
    TRY(sut_password_check(r->arena, &r->app->password_policy, &user, password, &verdict));
    ret->outcome = verdict.faults == 0 ? API_DONE : API_WEAK_PASSWORD;
    if (verdict.faults == 0)
        return SUT_OK;
    ret->n_messages = verdict.n;
    memcpy(ret->messages, verdict.messages, sizeof(verdict.messages));
    ret->strength = (int) sut_password_strength(&user, password);
    return SUT_OK;
}

struct changing {
    struct sut_arena *arena;
    struct sut_mark mark;
    sut_str was;
    sut_str hash;
    struct api_endings endings;
    sut_str addr;
    sut_ms now;
};

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    struct changing *ch = arg;
    const int64_t id = ch->endings.person;
    const struct sut_mail_words words = { .addr = ch->addr, .at = ch->now };
    sut_arena_rewind(ch->arena, ch->mark);
    TRY(sut_person_set_password(c, id, ch->was, ch->hash, id, ch->now));
    TRY(api_endings_write(c, ch->arena, &ch->endings, ch->now));
    TRY(api_endings_links(c, id));
    TRY(sut_audit_write_id(c, SUT_ACTION_USER_PASSWORD_CHANGE, id, "user", id, ch->addr, ch->now));
    return sut_mail_queue(c, ch->arena, SUT_MAIL_PASSWORD_CHANGED, id, &words, SUT_STR(""),
                          ch->now);
}

/* Whether the present password is right, as a sign-in counts it: DONE, WRONG or LOCKED. */
static SUT_ERR check_present(struct sut_req *r, sut_str present, struct api_account *ret)
{
    struct sut_db_conn *conn = NULL;
    struct sut_person_account account;
    struct sut_hasher_result v;
    struct api_attempt t;
    TRY(api_account_self(r, &ret->person));
    TRY(sut_req_conn(r, &conn));
    TRY(sut_person_account(conn, r->arena, ret->person.id, &account));
    sut_req_conn_end(r);
    TRY(api_attempt_of_person(r, &account, &t));
    TRY(api_attempt_begin(&t, ret));
    if (!t.is_open)
        return SUT_OK;
    const sut_err e =
        sut_hasher_verify(r->app->hasher, ret->person.password, present, &v, &r->retry_after_s);
    if (sut_failed(e)) {
        api_attempt_undo(&t);
        return e;
    }
    if (v.verdict == SUT_PWHASH_OK) {
        /* As at a sign-in: where a factor is due, a password alone clears no count. */
        if (account.factors == 0)
            api_attempt_right(&t);
        else
            api_attempt_undo(&t);
        return SUT_OK;
    }
    ret->outcome = API_WRONG;
    return api_attempt_wrong(&t, "password_change");
}

/* EXISTS: the stored hash became another one meanwhile. */
static SUT_ERR try_change(struct sut_req *r, sut_str present, sut_str password,
                          struct api_account *ret)
{
    struct sut_pwhash_text hash;
    *ret = (struct api_account){ .outcome = API_DONE };
    TRY(check_present(r, present, ret));
    if (ret->outcome != API_DONE)
        return SUT_OK;
    TRY(api_password_judge(r, &ret->person, password, ret));
    if (ret->outcome != API_DONE)
        return SUT_OK;
    TRY(sut_hasher_hash(r->app->hasher, password, &hash, &r->retry_after_s));
    struct changing ch = {
        .arena = r->arena,
        .mark = sut_arena_mark(r->arena),
        .was = ret->person.password,
        .hash = sut_pwhash_str(&hash),
        .endings = { .person = ret->person.id,
                     .but = r->auth.token.is_foreign ? 0 : r->auth.token.session,
                     .why = "password_change" },
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, change_job, &ch));
    api_endings_tell(r, &ch.endings);
    api_mail_wake(r);
    return SUT_OK;
}

SUT_ERR api_password_change(struct sut_req *r, sut_str present, sut_str password,
                            struct api_account *ret)
{
    /* A sign-in at the same moment may renew the hash: then it is looked at again. */
    for (unsigned i = 0; i < TRIES; i++) {
        const sut_err e = try_change(r, present, password, ret);
        if (e.code != SUT_E_EXISTS)
            return e;
    }
    FAIL(CONFLICT);
}
