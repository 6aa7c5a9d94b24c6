/* SPDX-License-Identifier: Apache-2.0 */
#include "api/account.h"
#include "api/refusal.h"
#include "api/routes.h"
#include "api/session.h"
#include "guard/browser.h"
#include "guard/reply.h"

enum { EMAIL_MAX = 254, NAME_MAX = 150, PASSWORD_MAX = 1024, TOKEN_MAX = 4096 };

static const struct sut_field register_fields[] = {
    { .name = "email", .type = SUT_F_EMAIL, .flags = SUT_F_REQUIRED, .max = EMAIL_MAX },
    { .name = "password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
    { .name = "first_name",
      .type = SUT_F_STRING,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = NAME_MAX },
    { .name = "last_name",
      .type = SUT_F_STRING,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = NAME_MAX },
};
static const struct sut_schema register_body = SUT_SCHEMA("NsggRegister", register_fields);

static const struct sut_field login_fields[] = {
    { .name = "email", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 1, .max = EMAIL_MAX },
    { .name = "password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
};
static const struct sut_schema login_body = SUT_SCHEMA("NsggLogin", login_fields);

static const struct sut_field refresh_fields[] = {
    { .name = "refresh",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_SECRET,
      .min = 1,
      .max = TOKEN_MAX,
      .doc = "Required, save in browser mode." },
};
static const struct sut_schema refresh_body = SUT_SCHEMA("NsggRefresh", refresh_fields);

static const struct sut_field logout_fields[] = {
    { .name = "refresh",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_SECRET | SUT_F_NULLABLE | SUT_F_BLANK,
      .max = TOKEN_MAX,
      .doc = "The session of the access token ends with or without it." },
};
static const struct sut_schema logout_body = SUT_SCHEMA("NsggLogout", logout_fields);

static const struct sut_field registered_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "email", .type = SUT_F_EMAIL },
    { .name = "first_name", .type = SUT_F_STRING },
    { .name = "last_name", .type = SUT_F_STRING },
};
static const struct sut_schema registered = SUT_SCHEMA("NsggRegistered", registered_fields);

static const struct sut_field pair_fields[] = {
    { .name = "access", .type = SUT_F_STRING },
    { .name = "refresh",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE,
      .doc = "In browser mode null: the answer's cookie has it." },
    { .name = "csrf_token",
      .type = SUT_F_STRING,
      .flags = SUT_F_OPTIONAL,
      .doc = "Browser mode: X-CSRFToken of what acts on that cookie." },
};
static const struct sut_schema pair = SUT_SCHEMA("NsggTokens", pair_fields);

static sut_err post_register(struct sut_req *r)
{
    const struct api_sign_up form = {
        .email = sut_req_text(r, "email"),
        .password = sut_req_text(r, "password"),
        .first_name = sut_req_text(r, "first_name"),
        .last_name = sut_req_text(r, "last_name"),
    };
    struct api_account a;
    TRY(api_account_sign_up(r, &form, &a));
    if (a.outcome == API_TAKEN) {
        sut_reply_domain(r, 409, "duplicate", SUT_STR("A user with this email already exists."));
        return SUT_OK;
    }
    if (a.outcome == API_WEAK_PASSWORD) {
        struct sut_fault *faults = ARENA_ARRAY(r->arena, struct sut_fault, a.n_messages);
        ENSURE(faults != NULL, NOMEM);
        for (size_t i = 0; i < a.n_messages; i++)
            faults[i] = (struct sut_fault){
                .field = SUT_STR("password"),
                .message = a.messages[i],
                .next = i + 1 < a.n_messages ? &faults[i + 1] : NULL,
            };
        sut_reply_faults(r, faults);
        return SUT_OK;
    }
    struct sut_jw w = sut_reply_json(r, 201);
    sut_jw_obj(&w);
    sut_jw_key(&w, "id");
    sut_jw_i64(&w, a.person.id);
    sut_jw_key(&w, "email");
    sut_jw_str(&w, a.person.email);
    sut_jw_key(&w, "first_name");
    sut_jw_str(&w, a.person.first_name);
    sut_jw_key(&w, "last_name");
    sut_jw_str(&w, a.person.last_name);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static void write_pair(struct sut_req *r, const struct api_pair *t)
{
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "access");
    sut_jw_str(&w, t->access);
    sut_jw_key(&w, "refresh");
    sut_jw_str_or_null(&w, t->refresh);
    if (t->csrf.n > 0) {
        sut_jw_key(&w, "csrf_token");
        sut_jw_str(&w, t->csrf);
    }
    sut_jw_obj_end(&w);
}

static sut_err post_login(struct sut_req *r)
{
    const struct api_device device = { 0 };
    struct api_account a;
    TRY(api_account_sign_in(r, sut_req_text(r, "email"), sut_req_text(r, "password"), &device, &a));
    if (api_refusal_answer(r, &a))
        return SUT_OK;
    /* As simplejwt: a disabled account is told nothing else. */
    if (a.outcome != API_DONE)
        sut_reply_refuse(r, 401, "invalid_credentials",
                         "No active account found with the given credentials");
    else
        write_pair(r, &a.pair);
    return SUT_OK;
}

static sut_err post_refresh(struct sut_req *r)
{
    const sut_str token = sut_req_refresh_token(r);
    struct api_account a;
    if (token.n == 0) {
        sut_reply_fault(r, "refresh", "This field is required.");
        return SUT_OK;
    }
    TRY(api_session_refresh(r, token, &a));
    if (a.outcome == API_ANSWERED)
        return SUT_OK;
    if (a.outcome != API_DONE)
        sut_reply_code(r, SUT_E_TOKEN);
    else
        write_pair(r, &a.pair);
    return SUT_OK;
}

static sut_err post_logout(struct sut_req *r)
{
    TRY(api_session_end(r, sut_req_refresh_token(r)));
    sut_reply_empty(r, 204);
    return SUT_OK;
}

static const struct sut_answer register_answers[] = {
    { .status = 201, .schema = &registered },
    { .status = 409, .doc = "A user with this email already exists." },
    { 0 },
};
static const struct sut_answer login_answers[] = {
    { .status = 200, .schema = &pair },
    { .status = 401, .doc = "No active account found with the given credentials" },
    { .status = 403, .doc = "Account temporarily locked" },
    { 0 },
};
static const struct sut_answer refresh_answers[] = {
    { .status = 200, .schema = &pair },
    { .status = 401, .doc = "Token is invalid or expired" },
    { 0 },
};
static const struct sut_answer logout_answers[] = {
    { .status = 204, .doc = "Signed out" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/v1/auth/register/",
        .name = "nsgg_register",
        .summary = "Make an account",
        .tag = "accounts v1",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &register_body,
        .answers = register_answers,
        .handle = post_register,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/auth/login/",
        .name = "nsgg_login",
        .summary = "Sign in",
        .tag = "accounts v1",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_LOGIN,
        .body = &login_body,
        .answers = login_answers,
        .handle = post_login,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/auth/refresh/",
        .name = "nsgg_refresh",
        .summary = "Trade a refresh token for a new pair",
        .tag = "accounts v1",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags =
            SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_REFRESH | SUT_ROUTE_COOKIE_REFRESH,
        .body = &refresh_body,
        .answers = refresh_answers,
        .handle = post_refresh,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/auth/logout/",
        .name = "nsgg_logout",
        .summary = "End this session",
        .tag = "accounts v1",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_COOKIE_REFRESH | SUT_ROUTE_UNVERIFIED_OK,
        .body = &logout_body,
        .answers = logout_answers,
        .handle = post_logout,
    },
};

const struct sut_routes api_nsgg_auth_routes = SUT_ROUTES(rows);
