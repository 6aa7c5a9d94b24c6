/* SPDX-License-Identifier: Apache-2.0 */
#include "api/second_factor.h"

#include "api/account.h"
#include "api/attempt.h"
#include "api/factor.h"
#include "api/social_take.h"
#include "api/ticket.h"
#include "audit/audit.h"
#include "authn/hasher.h"
#include "config/config.h"

/* --- redeeming a ticket --- */

struct redeeming {
    struct sut_mark mark; /* a job may run again: its memory begins here */
    const struct api_ticket *ticket;
    struct api_factor_try *factor;
    bool is_wrong; /* known before the transaction; or found in it */
    bool was_wrong;
    sut_str addr;
    sut_ms now;
};

/* NOT_FOUND: the ticket is gone; nothing was used up then. */
static SUT_ERR redeem_job(struct sut_db_conn *c, void *arg)
{
    struct redeeming *d = arg;
    struct sut_arena *a = d->factor->r->arena;
    const int64_t person = d->factor->person;
    sut_arena_rewind(a, d->mark);
    d->was_wrong = d->is_wrong;
    if (!d->is_wrong) {
        TRY(api_ticket_holds(c, a, d->ticket, d->now));
        const sut_err e = api_factor_use(c, d->factor, d->now);
        if (e.code != SUT_E_DENIED)
            TRY(e);
        d->was_wrong = e.code == SUT_E_DENIED;
    }
    if (d->was_wrong)
        return api_ticket_miss(c, a, d->ticket, d->now);
    TRY(api_ticket_use(c, a, d->ticket, d->now));
    if (d->factor->way->proof != SUT_PROOF_RECOVERY)
        return SUT_OK;
    return sut_audit_write_id(c, SUT_ACTION_USER_RECOVERY_USED, person, "user", person, d->addr,
                              d->now);
}

/* The factor's verdict; NOT_FOUND as above. */
static SUT_ERR judge(struct sut_req *r, const struct api_ticket *ticket,
                     struct api_factor_try *factor, bool *ret_wrong)
{
    struct redeeming d = {
        .ticket = ticket,
        .factor = factor,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    const sut_err looked = api_factor_look(factor);
    if (looked.code != SUT_E_DENIED)
        TRY(looked);
    d.is_wrong = looked.code == SUT_E_DENIED;
    sut_req_conn_end(r);
    d.mark = sut_arena_mark(r->arena);
    TRY(sut_store_write(r->app->store, redeem_job, &d));
    *ret_wrong = d.was_wrong;
    return SUT_OK;
}

static SUT_ERR enter(struct sut_req *r, const struct api_ticket *ticket, unsigned proof,
                     struct api_account *ret)
{
    const struct sut_identity who = { .subject = ticket->link.subject,
                                      .email = ticket->link.email };
    struct api_social_taking linking = {
        .r = r,
        .take = API_SOCIAL_LINK,
        .account = &ticket->account,
        .provider = (enum sut_provider) ticket->link.provider,
        .who = &who,
        .has_factor = true,
    };
    const bool links = ticket->link.provider != 0;
    const struct api_entry entry = {
        .account = &ticket->account,
        .proofs = ticket->proofs | proof,
        .device = &ticket->device,
        .also = links ? api_social_take_job : NULL,
        .also_arg = &linking,
    };
    TRY(api_account_signed_in(r, &ticket->account, SUT_STR(""), &ret->person));
    TRY(api_entry_open(r, &entry, ret));
    if (links)
        api_social_taken(&linking);
    return SUT_OK;
}

static SUT_ERR redeem(struct sut_req *r, const struct api_ticket *ticket,
                      struct api_attempt *attempt, struct api_account *ret)
{
    struct api_factor_try factor;
    bool is_wrong = false;
    TRY(api_factor_of(r, ticket->account.id, 0, &factor));
    TRY(api_attempt_begin(attempt, ret));
    if (!attempt->is_open)
        return SUT_OK;
    TRY(judge(r, ticket, &factor, &is_wrong));
    if (is_wrong) {
        ret->outcome = API_WRONG;
        return api_attempt_wrong(attempt, "second_factor");
    }
    TRY(enter(r, ticket, factor.way->proof, ret));
    if (ret->outcome == API_DONE)
        api_attempt_right(attempt);
    return SUT_OK;
}

SUT_ERR api_second_factor_redeem(struct sut_req *r, sut_str text, struct api_account *ret)
{
    struct api_ticket ticket;
    struct api_attempt attempt;
    *ret = (struct api_account){ .outcome = API_TOKEN_BAD };
    const sut_err found = api_ticket_read(r, text, &ticket);
    if (found.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(found);
    TRY(api_attempt_of_person(r, &ticket.account, &attempt));
    const sut_err e = redeem(r, &ticket, &attempt, ret);
    api_attempt_undo(&attempt);
    /* The ticket, or what it was given for, went meanwhile. */
    if (e.code != SUT_E_NOT_FOUND && e.code != SUT_E_DENIED)
        return e;
    ret->outcome = API_TOKEN_BAD;
    return SUT_OK;
}

/* --- proving it again --- */

struct proving {
    struct sut_mark mark;
    struct sut_req *r;
    struct api_factor_try *factor; /* NULL: it was the password */
    sut_str addr;
};

/* DENIED: the factor is wrong. */
static SUT_ERR prove_job(struct sut_db_conn *c, void *arg)
{
    struct proving *p = arg;
    const struct sut_token *t = &p->r->auth.token;
    const sut_ms now = p->r->now;
    const unsigned proof = p->factor == NULL ? SUT_PROOF_PASSWORD : p->factor->way->proof;
    sut_arena_rewind(p->r->arena, p->mark);
    if (p->factor != NULL)
        TRY(api_factor_use(c, p->factor, now));
    TRY(sut_session_prove(c, t->session, t->user_id, proof, now));
    return sut_audit_write_id(c, SUT_ACTION_USER_REAUTHENTICATE, t->user_id, "user", t->user_id,
                              p->addr, now);
}

/* Whether the password that the body has is this account's; DENIED when not. */
static SUT_ERR check_password(struct sut_req *r, const struct sut_person_account *account)
{
    struct sut_hasher_result v;
    TRY(sut_hasher_verify(r->app->hasher, account->password, sut_req_text(r, "password"), &v,
                          &r->retry_after_s));
    ENSURE(v.verdict == SUT_PWHASH_OK, DENIED);
    return SUT_OK;
}

static SUT_ERR prove(struct sut_req *r, const struct sut_person_account *account)
{
    struct api_factor_try factor;
    struct proving p = { .r = r, .addr = api_entry_addr(r) };
    if (sut_req_text(r, "password").p != NULL) {
        TRY(check_password(r, account));
    } else {
        TRY(api_factor_of(r, account->id, SUT_PROOF_RECOVERY, &factor));
        TRY(api_factor_look(&factor));
        p.factor = &factor;
    }
    sut_req_conn_end(r);
    p.mark = sut_arena_mark(r->arena);
    return sut_store_write(r->app->store, prove_job, &p);
}

static SUT_ERR reauthenticate(struct sut_req *r, const struct sut_person_account *account,
                              struct api_attempt *attempt, struct api_account *ret)
{
    TRY(api_attempt_begin(attempt, ret));
    if (!attempt->is_open)
        return SUT_OK;
    const sut_err e = prove(r, account);
    if (e.code == SUT_E_DENIED) {
        ret->outcome = API_WRONG;
        return api_attempt_wrong(attempt, "reauthentication");
    }
    TRY(e);
    /* As at a sign-in: where a factor is due, a password alone clears no count. */
    if (account->factors == 0 || sut_req_text(r, "password").p == NULL)
        api_attempt_right(attempt);
    ret->outcome = API_DONE;
    return SUT_OK;
}

SUT_ERR api_reauthenticate(struct sut_req *r, struct api_account *ret, sut_ms *ret_until)
{
    struct sut_person_account account;
    struct api_attempt attempt;
    struct sut_db_conn *conn = NULL;
    *ret = (struct api_account){ .outcome = API_TOKEN_BAD };
    const bool has_password = sut_req_text(r, "password").p != NULL;
    ENSURE(has_password != api_factor_is_shown(r), INVALID);
    if (r->auth.token.is_foreign)
        return SUT_OK;
    TRY(sut_req_conn(r, &conn));
    const sut_err found = sut_person_account(conn, r->arena, r->auth.user_id, &account);
    sut_req_conn_end(r);
    ENSURE(found.code != SUT_E_NOT_FOUND && (sut_failed(found) || account.is_active), TOKEN);
    TRY(found);
    TRY(api_attempt_of_person(r, &account, &attempt));
    const sut_err e = reauthenticate(r, &account, &attempt, ret);
    api_attempt_undo(&attempt);
    /* The session ended meanwhile. */
    ENSURE(e.code != SUT_E_NOT_FOUND, TOKEN);
    *ret_until = (sut_ms){ r->now.v + (int64_t) r->app->config->accounts.fresh_life_s * 1000 };
    return e;
}
