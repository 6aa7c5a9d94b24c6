/* SPDX-License-Identifier: Apache-2.0 */
#include "api/account.h"
#include "api/modestwear/account_json.h"
#include "api/modestwear/account_schema.h"
#include "api/routes.h"
#include "api/session.h"
#include "api/upload.h"
#include "guard/browser.h"
#include "guard/reply.h"
#include "shop/person.h"

static void refuse_token(struct sut_req *r, enum api_outcome outcome)
{
    sut_reply_refuse(r, 401, "token_not_valid",
                     outcome == API_TOKEN_USED ? "Token is blacklisted"
                                               : "Token is invalid or expired");
}

static sut_err post_register(struct sut_req *r)
{
    struct api_sign_up form = {
        .email = sut_req_text(r, "email"),
        .password = sut_req_text(r, "password"),
        .phone = sut_req_text(r, "phone_number"),
        .wants_session = true,
    };
    sut_person_split_name(sut_req_text(r, "full_name"), &form.first_name, &form.last_name);
    struct api_account a;
    TRY(api_account_sign_up(r, &form, &a));
    if (a.outcome == API_TAKEN) {
        sut_reply_domain(r, 409, "duplicate", SUT_STR("A user with this email already exists."));
        return SUT_OK;
    }
    if (a.outcome == API_WEAK_PASSWORD) {
        const sut_str text = api_account_join(r, &a);
        sut_reply_domain_weak(r, text, a.strength);
        return SUT_OK;
    }
    struct sut_jw w = api_a_data_open(r, 201);
    sut_jw_key(&w, "user");
    api_a_write_user(r, &w, &a.person);
    api_a_write_tokens(&w, &a.pair);
    sut_jw_key(&w, "is_new_user");
    sut_jw_bool(&w, true);
    sut_jw_key(&w, "email_verified");
    sut_jw_bool(&w, a.person.email_verified);
    api_a_data_close(&w);
    return SUT_OK;
}

static sut_err post_login(struct sut_req *r)
{
    const struct api_device device = api_a_device(r);
    struct api_account a;
    TRY(api_account_sign_in(r, sut_req_text(r, "email"), sut_req_text(r, "password"), &device, &a));
    api_a_answer_sign_in(r, &a, "Invalid email or password");
    return SUT_OK;
}

static sut_err post_refresh(struct sut_req *r)
{
    const sut_str token = sut_req_refresh_token(r);
    if (token.n == 0) {
        sut_reply_domain(r, 400, "invalid", SUT_STR("Refresh token is required."));
        return SUT_OK;
    }
    struct api_account a;
    TRY(api_session_refresh(r, token, &a));
    if (a.outcome == API_ANSWERED)
        return SUT_OK;
    if (a.outcome != API_DONE) {
        refuse_token(r, a.outcome);
        return SUT_OK;
    }
    struct sut_jw w = api_a_data_open(r, 200);
    api_a_write_pair(&w, &a.pair);
    api_a_data_close(&w);
    return SUT_OK;
}

static sut_err post_logout(struct sut_req *r)
{
    TRY(api_session_end(r, sut_req_refresh_token(r)));
    sut_reply_message(r, 200, "Successfully logged out");
    return SUT_OK;
}

static sut_err get_validate(struct sut_req *r)
{
    struct sut_person_row p;
    TRY(api_account_self(r, &p));
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "valid");
    sut_jw_bool(&w, true);
    sut_jw_key(&w, "user_id");
    sut_jw_i64(&w, p.id);
    sut_jw_key(&w, "email_verified");
    sut_jw_bool(&w, p.email_verified);
    api_a_data_close(&w);
    return SUT_OK;
}

static sut_err get_profile(struct sut_req *r)
{
    struct sut_person_row p;
    TRY(api_account_self(r, &p));
    struct sut_jw w = sut_reply_json(r, 200);
    api_a_write_user(r, &w, &p);
    return SUT_OK;
}

/* A picture can be sent, or taken away with null or nothing; as a text it is no file. */
static bool is_picture_text_ok(struct sut_req *r)
{
    if (sut_req_text(r, "profile_picture").n == 0)
        return true;
    sut_reply_fault(r, "profile_picture",
                    "The submitted data was not a file. Check the encoding type on the form.");
    return false;
}

/* Keep the picture that was sent; false: it was refused, and the answer is made. */
static SUT_ERR keep_picture(struct sut_req *r, struct sut_person_change *change,
                            struct sut_media_kept *kept, bool *ret_goes_on)
{
    *ret_goes_on = is_picture_text_ok(r);
    change->has_picture = r->upload.is_sent || sut_req_has(r, "profile_picture");
    if (!*ret_goes_on || !r->upload.is_sent)
        return SUT_OK;
    TRY(api_upload_keep(r, r->auth.user_id, kept, ret_goes_on));
    if (!*ret_goes_on)
        return SUT_OK;
    change->picture_id = kept->id;
    return api_upload_file(r, kept, SUT_PICTURE_FULL, &change->picture);
}

static sut_err change_profile(struct sut_req *r)
{
    struct sut_person_change change = {
        .has_first_name = sut_req_has(r, "first_name"),
        .first_name = sut_req_text(r, "first_name"),
        .has_last_name = sut_req_has(r, "last_name"),
        .last_name = sut_req_text(r, "last_name"),
        .has_phone = sut_req_has(r, "phone_number"),
        .phone = sut_req_text(r, "phone_number"),
    };
    struct sut_media_kept kept = { 0 };
    struct sut_person_row p;
    bool goes_on = false;
    TRY(keep_picture(r, &change, &kept, &goes_on));
    if (!goes_on)
        return SUT_OK;
    const sut_err e = api_account_change(r, &change, &p);
    if (sut_failed(e) && kept.id != 0)
        api_upload_discard(r, &kept);
    TRY(e);
    if (change.has_picture)
        api_upload_sweep(r);
    struct sut_jw w = sut_reply_json(r, 200);
    api_a_write_user(r, &w, &p);
    return SUT_OK;
}

static const struct sut_route_upload picture_upload = {
    .field = "profile_picture",
    .doc = "JPEG, PNG, WebP or GIF, at most 5 MiB",
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/users/register/",
        .aliases = { "/api/auth/register/" },
        .name = "register",
        .summary = "Make an account and sign in",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &api_a_register_body,
        .missing = "Email, password, and full name are required",
        .answers = api_a_register_answers,
        .handle = post_register,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/login/",
        .aliases = { "/api/auth/login/" },
        .name = "login",
        .summary = "Sign in",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_LOGIN,
        .body = &api_a_login_body,
        .missing = "Email and password are required",
        .answers = api_a_login_answers,
        .handle = post_login,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/token/refresh/",
        .aliases = { "/api/auth/token/refresh/" },
        .name = "token_refresh",
        .summary = "Trade a refresh token for a new pair",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags =
            SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_REFRESH | SUT_ROUTE_COOKIE_REFRESH,
        .body = &api_a_refresh_body,
        .answers = api_a_refresh_answers,
        .handle = post_refresh,
    },
    {
        .method = SUT_GET,
        .path = "/api/users/token/validate/",
        .aliases = { "/api/auth/token/validate/" },
        .name = "token_validate",
        .summary = "Whether the access token is good",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_UNVERIFIED_OK,
        .answers = api_a_validate_answers,
        .handle = get_validate,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/logout/",
        .aliases = { "/api/auth/logout/" },
        .name = "logout",
        .summary = "End this session",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_COOKIE_REFRESH | SUT_ROUTE_UNVERIFIED_OK,
        .body = &api_a_logout_body,
        .answers = api_a_message_answers,
        .handle = post_logout,
    },
    {
        .method = SUT_GET,
        .path = "/api/users/profile/",
        .aliases = { "/api/auth/profile/" },
        .name = "profile",
        .summary = "The signed-in person",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .answers = api_a_profile_answers,
        .handle = get_profile,
    },
    {
        .method = SUT_PUT,
        .path = "/api/users/profile/",
        .aliases = { "/api/auth/profile/" },
        .name = "profile_put",
        .summary = "Change name, phone number and picture",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .body = &api_a_profile_body,
        .upload = &picture_upload,
        .answers = api_a_profile_answers,
        .handle = change_profile,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/users/profile/",
        .aliases = { "/api/auth/profile/" },
        .name = "profile_patch",
        .summary = "Change name, phone number or picture",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .body = &api_a_profile_body,
        .upload = &picture_upload,
        .answers = api_a_profile_answers,
        .handle = change_profile,
    },
};

const struct sut_routes api_modestwear_account_routes = SUT_ROUTES(rows);
