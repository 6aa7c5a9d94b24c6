/* SPDX-License-Identifier: Apache-2.0
 *
 * sessions - contract A's routes of a person's own sessions, and the token by which browser mode
 * refreshes and ends them.
 */
#include "api/modestwear/account_json.h"
#include "api/modestwear/account_schema.h"
#include "api/my_sessions.h"
#include "api/routes.h"
#include "base/scan.h"
#include "guard/csrf.h"
#include "guard/reply.h"

/* --- what comes out --- */

static const struct sut_field session_fields[] = {
    { .name = "id",
      .type = SUT_F_STRING,
      .doc = "Digits; as text, for it is longer than numbers of JavaScript." },
    { .name = "created_at", .type = SUT_F_TIME },
    { .name = "last_used_at", .type = SUT_F_TIME, .doc = "The last refresh." },
    { .name = "user_agent", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "address",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE,
      .doc = "The network alone: 203.0.113.0/24, 2001:db8:1::/48." },
    { .name = "current", .type = SUT_F_BOOL, .doc = "Whether it is that of this request." },
    { .name = "device_type", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "os", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "app_version", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
};
static const struct sut_schema session = SUT_SCHEMA("Session", session_fields);

static const struct sut_field sessions_fields[] = {
    { .name = "sessions", .type = SUT_F_ARRAY, .of = &session },
};
static const struct sut_schema sessions = SUT_SCHEMA("Sessions", sessions_fields);

static const struct sut_field envelope_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "data", .type = SUT_F_OBJECT, .of = &sessions },
};
static const struct sut_schema envelope = SUT_SCHEMA("SessionsAnswer", envelope_fields);

static const struct sut_field csrf_fields[] = {
    { .name = "csrf_token", .type = SUT_F_STRING },
};
static const struct sut_schema csrf = SUT_SCHEMA("Csrf", csrf_fields);

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &envelope },
    { 0 },
};
static const struct sut_answer end_answers[] = {
    { .status = 204, .doc = "Ended" },
    { .status = 404, .doc = "No session of this person" },
    { 0 },
};
static const struct sut_answer end_all_answers[] = {
    { .status = 200, .schema = &api_a_message },
    { 0 },
};
static const struct sut_answer csrf_answers[] = {
    { .status = 200, .schema = &csrf },
    { .status = 403, .doc = "The origin is not allowed" },
    { 0 },
};

/* --- handlers --- */

static void put_text(struct sut_jw *w, const char *name, sut_str v)
{
    sut_jw_key(w, name);
    if (v.n == 0)
        sut_jw_null(w);
    else
        sut_jw_str(w, v);
}

static SUT_ERR write_session(struct sut_req *r, struct sut_jw *w, const struct sut_session_row *s)
{
    struct sut_buf id;
    sut_str place = { 0 };
    TRY(api_my_session_place(r->arena, s->ip, &place));
    sut_buf_init_arena(&id, r->arena, 24);
    sut_buf_i64(&id, s->id);
    TRY(sut_buf_check(&id));
    sut_jw_obj(w);
    put_text(w, "id", sut_buf_str(&id));
    sut_jw_key(w, "created_at");
    sut_jw_time(w, s->created_at);
    sut_jw_key(w, "last_used_at");
    sut_jw_time(w, s->refreshed_at);
    put_text(w, "user_agent", s->user_agent);
    put_text(w, "address", place);
    sut_jw_key(w, "current");
    sut_jw_bool(w, api_my_session_is_current(r, s->id));
    put_text(w, "device_type", s->device_type);
    put_text(w, "os", s->os);
    put_text(w, "app_version", s->app_version);
    sut_jw_obj_end(w);
    return SUT_OK;
}

static sut_err get_sessions(struct sut_req *r)
{
    struct sut_session_row *rows = NULL;
    size_t n = 0;
    TRY(api_my_sessions_list(r, &rows, &n));
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "sessions");
    sut_jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        TRY(write_session(r, &w, &rows[i]));
    sut_jw_arr_end(&w);
    api_a_data_close(&w);
    return SUT_OK;
}

static sut_err delete_session(struct sut_req *r)
{
    int64_t id = 0;
    const sut_str text = sut_route_param(&r->match, "session_slug").text;
    if (sut_failed(sut_parse_i64(text, 1, INT64_MAX, &id)))
        FAIL(NOT_FOUND);
    TRY(api_my_session_end(r, id));
    sut_reply_empty(r, 204);
    return SUT_OK;
}

static sut_err post_logout_all(struct sut_req *r)
{
    TRY(api_my_sessions_end_all(r));
    sut_reply_message(r, 200, "Successfully logged out on all devices");
    return SUT_OK;
}

static sut_err get_csrf(struct sut_req *r)
{
    sut_str token = { 0 };
    /* No other page could read the answer; it does not get one either. */
    if (r->x->req->known_n[SUT_H_ORIGIN] > 0 && !sut_csrf_origin_ok(r)) {
        sut_csrf_refuse(r, "CSRF check failed: this origin is not allowed.");
        return SUT_OK;
    }
    TRY(sut_csrf_token(r, &token));
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "csrf_token");
    sut_jw_str(&w, token);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/users/sessions/",
        .aliases = { "/api/auth/sessions/" },
        .name = "sessions",
        .summary = "Where one is signed in",
        .tag = "sessions",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .answers = list_answers,
        .handle = get_sessions,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/users/sessions/{session_slug}/",
        .aliases = { "/api/auth/sessions/{session_slug}/" },
        .name = "session_end",
        .summary = "End one of them",
        .tag = "sessions",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_UNVERIFIED_OK,
        .answers = end_answers,
        .handle = delete_session,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/logout-all/",
        .aliases = { "/api/auth/logout-all/" },
        .name = "logout_all",
        .summary = "End all of them, this one too",
        .tag = "sessions",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_UNVERIFIED_OK,
        .answers = end_all_answers,
        .handle = post_logout_all,
    },
    {
        .method = SUT_GET,
        .path = "/api/users/csrf/",
        .aliases = { "/api/auth/csrf/" },
        .name = "csrf",
        .summary = "The token that goes with the cookies of this browser",
        .tag = "sessions",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_MEMORY,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .answers = csrf_answers,
        .handle = get_csrf,
    },
};

const struct sut_routes api_modestwear_sessions_routes = SUT_ROUTES(rows);
