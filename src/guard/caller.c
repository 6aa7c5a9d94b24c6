/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/step_int.h"

#include "authn/sessions.h"
#include "counters/counters.h"
#include "guard/guard.h"
#include "guard/reply.h"
#include "guard/sharing.h"
#include "log/log.h"
#include "store/person.h"

/* A1, A2, A5: who the token names.  Nothing is refused here: limits are asked first. */
enum sut_verdict sut_guard__authenticate(struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    const bool is_blind = r->route != NULL && (r->route->flags & SUT_ROUTE_NO_TOKEN) != 0;
    const sut_str field = q->known[SUT_H_AUTHORIZATION];
    if (q->known_n[SUT_H_AUTHORIZATION] == 0 || is_blind)
        return SUT_NEXT;
    r->auth.state = SUT_AUTH_BAD;
    r->auth.why = "Token is invalid";
    if (q->known_n[SUT_H_AUTHORIZATION] > 1)
        return SUT_NEXT;
    const size_t blank = sut_str_find(field, 0, ' ');
    if (!sut_str_eq_nocase(sut_str_sub(field, 0, blank), SUT_STR("bearer")))
        return SUT_NEXT;
    const sut_str token = sut_str_trim(sut_str_sub(field, blank, field.n));

    struct sut_token t;
    enum sut_token_fault fault = SUT_TOKEN_MALFORMED;
    if (sut_failed(sut_token_verify(r->app->keyring, &r->app->token_policy, SUT_TOKEN_ACCESS, token,
                                    r->now, r->arena, &t, &fault))) {
        r->auth.why = sut_token_fault_text(fault);
        return SUT_NEXT;
    }
    if (sut_sessions_is_refused(r->app->sessions, &t)) {
        /* Not to know is no verdict on the token. */
        if (!sut_sessions_knows(r->app->sessions)) {
            sut_reply_code(r, SUT_E_UNAVAILABLE);
            return SUT_ANSWERED;
        }
        r->auth.why = "Token is blacklisted";
        sut_guard__event(r, SUT_EVENT_TOKEN_BLACKLISTED);
        return SUT_NEXT;
    }
    r->auth.state = SUT_AUTH_USER;
    r->auth.token = t;
    r->auth.user_id = t.user_id;
    return SUT_NEXT;
}

static void note_rate(struct sut_req *r, const struct sut_rate_result *res)
{
    r->rate = (struct sut_rate_seen){
        .counted = true,
        .limit = res->limit,
        .remaining = res->remaining,
        .reset_s = res->reset_s,
        .retry_after_s = res->retry_after_s,
    };
}

/* C7: everybody behind a proxy that is not trusted counts as one. */
static void look_for_sharing(struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    if (r->app->sharing == NULL)
        return;
    const bool is_forwarded = q->known_n[SUT_H_X_FORWARDED_FOR] > 0;
    if (sut_sharing_saw(r->app->sharing, r->client, is_forwarded, r->now))
        sut_log(SUT_LOG_WARN, "clients_share_one_address", LOG_ADDR("addr", r->client->text),
                LOG_Z("better", "proxy.trusted"));
}

/* C6: one address for strangers (an IPv6 one by its /64), the user for the rest. */
enum sut_verdict sut_guard__limits(struct sut_req *r)
{
    const unsigned flags = r->route == NULL ? 0 : r->route->flags;
    if ((flags & SUT_ROUTE_UNCOUNTED) != 0)
        return SUT_NEXT;
    look_for_sharing(r);
    struct sut_rate_ask asks[2];
    unsigned n = 0;
    if (r->auth.state == SUT_AUTH_USER)
        asks[n++] = sut_rate_ask_id(SUT_RATE_USER, r->auth.user_id);
    else
        asks[n++] = sut_rate_ask_addr(SUT_RATE_ANON, r->client->ip);
    if ((flags & SUT_ROUTE_LOGIN) != 0)
        asks[n++] = sut_rate_ask_addr(SUT_RATE_LOGIN, r->client->ip);

    struct sut_rate_result res;
    const bool is_allowed = sut_counters_take(r->app->counters, asks, n, r->now, &res);
    if (res.limit == 0)
        return SUT_NEXT;
    note_rate(r, &res);
    if (is_allowed)
        return SUT_NEXT;
    sut_guard_refuse_rate(r, &res);
    return SUT_ANSWERED;
}

void sut_guard_refuse_rate(struct sut_req *r, const struct sut_rate_result *res)
{
    note_rate(r, res);
    if (res->is_first_refusal)
        sut_guard__event(r, SUT_EVENT_RATE_LIMITED);
    sut_reply_throttled(r);
}

/* A handler's own count. */
static bool count(struct sut_req *r, const struct sut_rate_ask *asks, size_t n)
{
    struct sut_rate_result res;
    const bool is_allowed = sut_counters_take(r->app->counters, asks, n, r->now, &res);
    if (!is_allowed) {
        sut_guard_refuse_rate(r, &res);
        return false;
    }
    if (res.limit != 0 && (!r->rate.counted || res.remaining < r->rate.remaining))
        note_rate(r, &res);
    return true;
}

bool sut_guard_count_refresh(struct sut_req *r, int64_t session_id)
{
    const struct sut_rate_ask ask = sut_rate_ask_id(SUT_RATE_REFRESH, session_id);
    return count(r, &ask, 1);
}

bool sut_guard_count_reset(struct sut_req *r, sut_str email_key)
{
    const struct sut_rate_ask addr = sut_rate_ask_addr(SUT_RATE_RESET_ADDR, r->client->ip);
    char subject[sizeof(addr.subject) + SUT_PERSON_EMAIL_MAX];
    struct sut_buf b = { .p = subject, .cap = sizeof(subject), .max = sizeof(subject) };
    sut_buf_add(&b, (const char *) addr.subject, sizeof(addr.subject));
    /* What is longer is no address. */
    sut_buf_str_add(&b, sut_str_sub(email_key, 0, SUT_PERSON_EMAIL_MAX));
    const struct sut_rate_ask asks[] = { sut_rate_ask_text(SUT_RATE_RESET, sut_buf_str(&b)), addr };
    return count(r, asks, 2);
}

/* What the policy asks of the person: their account's flags, and their group where it counts. */
static SUT_ERR look_up(struct sut_req *r, struct sut_person_account *who, bool *ret)
{
    const enum sut_policy policy = r->route->policy;
    struct sut_db_conn *conn = NULL;
    *ret = false;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_account(conn, r->arena, r->auth.user_id, who);
    if (e.code == SUT_E_NOT_FOUND)
        return SUT_OK;
    TRY(e);
    if (!who->is_active)
        return SUT_OK;
    r->is_staff = who->is_staff;
    r->is_superuser = who->is_superuser;
    const bool is_staff = who->is_staff || who->is_superuser;
    if (policy == SUT_POLICY_SUPERUSER)
        *ret = who->is_superuser;
    else if (policy == SUT_POLICY_STAFF || (policy == SUT_POLICY_MANAGERS_OR_STAFF && is_staff))
        *ret = is_staff;
    else
        return sut_person_in_group(conn, r->auth.user_id, SUT_STR(SUT_GROUP_MANAGERS), ret);
    return SUT_OK;
}

/* B1: deny unless the row's policy lets this person through. */
enum sut_verdict sut_guard__policy(struct sut_req *r)
{
    const enum sut_policy policy = r->route->policy;
    if (r->auth.state == SUT_AUTH_BAD) {
        sut_reply_bad_token(r, r->auth.why);
        return SUT_ANSWERED;
    }
    if (policy == SUT_POLICY_ANYONE)
        return SUT_NEXT;
    if (r->auth.state != SUT_AUTH_USER) {
        sut_reply_code(r, SUT_E_UNAUTHENTIC);
        return SUT_ANSWERED;
    }
    if (sut_guard__verified(r) == SUT_ANSWERED)
        return SUT_ANSWERED;
    if (policy == SUT_POLICY_USER)
        return sut_guard__fresh(r);

    struct sut_person_account who = { 0 };
    bool may = false;
    const sut_err e = look_up(r, &who, &may);
    if (sut_failed(e)) {
        sut_reply_error(r, e);
        return SUT_ANSWERED;
    }
    if (may) {
        /* A manager who is no staff needs no factor for it. */
        const bool as_staff = r->is_staff || r->is_superuser;
        return as_staff && sut_guard__staff_factor(r, &who) == SUT_ANSWERED ? SUT_ANSWERED
                                                                            : sut_guard__fresh(r);
    }
    sut_guard__event(r, SUT_EVENT_PERMISSION_DENIED);
    sut_reply_code(r, SUT_E_DENIED);
    return SUT_ANSWERED;
}
