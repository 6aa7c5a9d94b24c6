/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "guard/reply.h"
#include "guard/step_int.h"
#include "store/person.h"

/* Whether this row is closed to who has not verified their address. */
static bool is_closed(const struct sut_req *r)
{
    const unsigned flags = r->route->flags;
    switch (r->app->config->accounts.require_verified) {
    case SUT_VERIFIED_NOTHING:
        return false;
    case SUT_VERIFIED_ORDERS:
        return (flags & SUT_ROUTE_NEEDS_VERIFIED) != 0;
    case SUT_VERIFIED_ALL:
        break;
    }
    return (flags & SUT_ROUTE_UNVERIFIED_OK) == 0;
}

enum sut_verdict sut_guard__verified(struct sut_req *r)
{
    if (!is_closed(r))
        return SUT_NEXT;
    struct sut_db_conn *conn = NULL;
    struct sut_person_account who;
    sut_err e = sut_req_conn(r, &conn);
    if (!sut_failed(e))
        e = sut_person_account(conn, r->arena, r->auth.user_id, &who);
    if (sut_failed(e) && e.code != SUT_E_NOT_FOUND) {
        sut_reply_error(r, e);
        return SUT_ANSWERED;
    }
    /* Who is gone is told so by the handler. */
    if (sut_failed(e) || who.email_verified)
        return SUT_NEXT;
    sut_reply_refuse(r, 403, "permission_denied", "Verify your email address first.");
    return SUT_ANSWERED;
}
