/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "guard/reply.h"
#include "guard/step_int.h"
#include "store/person.h"
#include "store/session.h"

enum { SKEW_MS = 60 * 1000 }; /* between servers over one store */

/* What the caller's session has proved; nothing for a token of an older shop, which has none. */
static SUT_ERR read_proof(struct sut_req *r, struct sut_session_proof *ret)
{
    const struct sut_token *t = &r->auth.token;
    struct sut_db_conn *conn = NULL;
    *ret = (struct sut_session_proof){ 0 };
    if (t->is_foreign)
        return SUT_OK;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_session_proof_of(conn, t->session, t->user_id, r->now, ret);
    return e.code == SUT_E_NOT_FOUND ? SUT_OK : e;
}

static enum sut_verdict refuse_as(struct sut_req *r, const char *code, const char *detail)
{
    sut_reply_refuse(r, 403, code, detail);
    return SUT_ANSWERED;
}

enum sut_verdict sut_guard__staff_factor(struct sut_req *r, const struct sut_person_account *who)
{
    struct sut_session_proof proof;
    if (!r->app->config->accounts.staff_factor)
        return SUT_NEXT;
    const sut_err e = read_proof(r, &proof);
    if (sut_failed(e)) {
        sut_reply_error(r, e);
        return SUT_ANSWERED;
    }
    /* A factor that was taken away counts no more, though this session once proved it. */
    if (who->factors != 0 && (proof.proofs & SUT_PROOF_FACTORS) != 0)
        return SUT_NEXT;
    return refuse_as(r, "second_factor_required", "A second factor is required of staff.");
}

SUT_ERR sut_req_staff(struct sut_req *r, bool *ret)
{
    struct sut_db_conn *conn = NULL;
    struct sut_person_account who;
    struct sut_session_proof proof;
    *ret = false;
    ENSURE(r->auth.state == SUT_AUTH_USER, DENIED);
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_account(conn, r->arena, r->auth.user_id, &who);
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    if (!who.is_active || (!who.is_staff && !who.is_superuser))
        return SUT_OK;
    r->is_staff = who.is_staff;
    r->is_superuser = who.is_superuser;
    *ret = true;
    if (!r->app->config->accounts.staff_factor)
        return SUT_OK;
    TRY(read_proof(r, &proof));
    *ret = who.factors != 0 && (proof.proofs & SUT_PROOF_FACTORS) != 0;
    return SUT_OK;
}

/*
 * Whether the account has a second factor that this session has never shown: it is older than the
 * factor, which may have been added to keep it out.
 */
static SUT_ERR lacks_factor(struct sut_req *r, const struct sut_session_proof *proof, bool *ret)
{
    struct sut_db_conn *conn = NULL;
    struct sut_person_account who;
    *ret = false;
    if ((proof->proofs & SUT_PROOF_FACTORS) != 0)
        return SUT_OK;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_account(conn, r->arena, r->auth.user_id, &who);
    /* Who is gone is told so by the handler. */
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    *ret = who.factors != 0;
    return SUT_OK;
}

enum sut_verdict sut_guard__fresh(struct sut_req *r)
{
    struct sut_session_proof proof;
    bool is_half = false;
    if ((r->route->flags & SUT_ROUTE_FRESH) == 0)
        return SUT_NEXT;
    sut_err e = read_proof(r, &proof);
    if (!sut_failed(e))
        e = lacks_factor(r, &proof, &is_half);
    if (sut_failed(e)) {
        sut_reply_error(r, e);
        return SUT_ANSWERED;
    }
    const int64_t life_ms = (int64_t) r->app->config->accounts.fresh_life_s * 1000;
    const int64_t age_ms = r->now.v - proof.fresh_at.v;
    /* A clock that stepped back makes nothing fresh for longer. */
    if (proof.fresh_at.v == 0 || age_ms > life_ms || age_ms < -SKEW_MS)
        return refuse_as(r, "reauthentication_required", "Prove again who you are to do this.");
    if (is_half)
        return refuse_as(r, "second_factor_required", "Show a second factor to do this.");
    return SUT_NEXT;
}
