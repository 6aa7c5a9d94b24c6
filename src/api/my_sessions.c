/* SPDX-License-Identifier: Apache-2.0 */
#include "api/my_sessions.h"

#include "api/endings.h"
#include "audit/audit.h"
#include "authn/sessions.h"
#include "guard/browser.h"

enum { PLACE_MAX = 64 };

SUT_ERR api_my_sessions_list(struct sut_req *r, struct sut_session_row **ret, size_t *ret_n)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    return sut_session_list(conn, r->arena, r->auth.user_id, r->now, ret, ret_n);
}

bool api_my_session_is_current(const struct sut_req *r, int64_t id)
{
    return !r->auth.token.is_foreign && r->auth.token.session == id;
}

SUT_ERR api_my_session_place(struct sut_arena *a, sut_str ip, sut_str *ret)
{
    struct sut_addr addr;
    struct sut_buf b;
    *ret = (sut_str){ 0 };
    if (ip.n == 0 || sut_failed(sut_addr_parse(ip, &addr)))
        return SUT_OK;
    const bool is_v4 = sut_addr_is_ipv4(&addr);
    sut_buf_init_arena(&b, a, PLACE_MAX);
    if (is_v4)
        sut_buf_printf(&b, "%u.%u.%u.0/24", addr.ip[12], addr.ip[13], addr.ip[14]);
    for (unsigned i = 0; !is_v4 && i < 6; i += 2)
        sut_buf_printf(&b, "%x:", (unsigned) (addr.ip[i] << 8 | addr.ip[i + 1]));
    if (!is_v4)
        sut_buf_lit(&b, ":/48");
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* --- one --- */

struct ending {
    int64_t id;
    int64_t person;
    sut_str addr;
    sut_ms now;
};

static SUT_ERR end_job(struct sut_db_conn *c, void *arg)
{
    const struct ending *e = arg;
    bool is_done = false;
    TRY(sut_session_revoke(c, e->id, e->person, "ended", e->now, &is_done));
    ENSURE(is_done, NOT_FOUND);
    return sut_audit_write_id(c, SUT_ACTION_USER_SESSION_END, e->person, "session", e->id, e->addr,
                              e->now);
}

SUT_ERR api_my_session_end(struct sut_req *r, int64_t id)
{
    struct ending e = {
        .id = id,
        .person = r->auth.user_id,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, end_job, &e));
    sut_sessions_revoke(r->app->sessions, id, r->now);
    if (api_my_session_is_current(r, id) && sut_req_is_browser(r))
        sut_req_drop_refresh(r);
    return SUT_OK;
}

/* --- all --- */

struct ending_all {
    struct sut_arena *arena;
    struct sut_mark mark; /* a job may run again: its memory begins here */
    struct api_endings endings;
    sut_str addr;
    sut_ms now;
};

static SUT_ERR end_all_job(struct sut_db_conn *c, void *arg)
{
    struct ending_all *e = arg;
    const int64_t person = e->endings.person;
    sut_arena_rewind(e->arena, e->mark);
    TRY(api_endings_write(c, e->arena, &e->endings, e->now));
    /* What somebody has begun in one of them ends with it. */
    TRY(api_endings_links(c, person));
    return sut_audit_write_id(c, SUT_ACTION_USER_LOGOUT_ALL, person, "user", person, e->addr,
                              e->now);
}

SUT_ERR api_my_sessions_end_all(struct sut_req *r)
{
    struct ending_all e = {
        .arena = r->arena,
        .mark = sut_arena_mark(r->arena),
        .endings = { .person = r->auth.user_id, .why = "logout_all" },
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    TRY(sut_store_write(r->app->store, end_all_job, &e));
    api_endings_tell(r, &e.endings);
    if (sut_req_is_browser(r))
        sut_req_drop_refresh(r);
    return SUT_OK;
}
