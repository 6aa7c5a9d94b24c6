/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/account_json.h"
#include "api/modestwear/account_schema.h"
#include "api/modestwear/factor_schema.h"
#include "api/refusal.h"
#include "api/routes.h"
#include "api/second_factor.h"
#include "api/totp.h"

static void refuse_many(struct sut_req *r, const char *sentence)
{
    sut_reply_domain(r, 400, "invalid", sut_str_from(sentence));
}

static sut_err post_second_factor(struct sut_req *r)
{
    struct api_account a;
    const sut_err e = api_second_factor_redeem(r, sut_req_text(r, "ticket"), &a);
    if (e.code == SUT_E_INVALID) {
        refuse_many(r, "Give one second factor.");
        return SUT_OK;
    }
    TRY(e);
    if (a.outcome == API_TOKEN_BAD)
        sut_reply_code(r, SUT_E_TOKEN);
    else
        api_a_answer_sign_in(r, &a, "Invalid code");
    return SUT_OK;
}

static sut_err post_reauthenticate(struct sut_req *r)
{
    struct api_account a;
    sut_ms until = { 0 };
    const sut_err e = api_reauthenticate(r, &a, &until);
    if (e.code == SUT_E_INVALID) {
        refuse_many(r, "Give the password or one second factor.");
        return SUT_OK;
    }
    TRY(e);
    if (api_refusal_answer(r, &a))
        return SUT_OK;
    if (a.outcome == API_TOKEN_BAD) {
        sut_reply_refuse(r, 403, "reauthentication_required", "Sign in again to do this.");
        return SUT_OK;
    }
    if (a.outcome != API_DONE) {
        sut_reply_domain(r, 401, "invalid", SUT_STR("Invalid password or code"));
        return SUT_OK;
    }
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "fresh_until");
    sut_jw_time(&w, until);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static sut_err post_enrol(struct sut_req *r)
{
    struct api_totp_secret s;
    const sut_err e = api_totp_enrol(r, &s);
    if (e.code == SUT_E_EXISTS) {
        refuse_many(r, "An authenticator app is in use already.");
        return SUT_OK;
    }
    TRY(e);
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "secret");
    sut_jw_str(&w, s.secret);
    sut_jw_key(&w, "otpauth_uri");
    sut_jw_str(&w, s.uri);
    sut_jw_key(&w, "qr");
    sut_jw_str(&w, s.qr);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static void answer_codes(struct sut_req *r, const struct api_recovery_codes *codes)
{
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    api_a_write_recovery_codes(&w, codes);
    sut_jw_obj_end(&w);
}

static sut_err post_confirm(struct sut_req *r)
{
    struct api_recovery_codes codes;
    const sut_err e = api_totp_confirm(r, sut_req_text(r, "otp"), &codes);
    if (e.code == SUT_E_DENIED) {
        sut_reply_fault(r, "otp", "Invalid code.");
        return SUT_OK;
    }
    if (e.code == SUT_E_NOT_FOUND) {
        refuse_many(r, "No authenticator app waits to be confirmed.");
        return SUT_OK;
    }
    TRY(e);
    answer_codes(r, &codes);
    return SUT_OK;
}

static sut_err delete_totp(struct sut_req *r)
{
    TRY(api_totp_remove(r));
    sut_reply_empty(r, 204);
    return SUT_OK;
}

static sut_err post_codes(struct sut_req *r)
{
    struct api_recovery_codes codes;
    const sut_err e = api_recovery_renew(r, &codes);
    if (e.code == SUT_E_NOT_FOUND) {
        refuse_many(r, "There is no second factor that codes could stand in for.");
        return SUT_OK;
    }
    TRY(e);
    answer_codes(r, &codes);
    return SUT_OK;
}

enum {
    OWN = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
    OWN_FRESH = OWN | SUT_ROUTE_FRESH,
};

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/users/login/second-factor/",
        .aliases = { "/api/auth/login/second-factor/" },
        .name = "login_second_factor",
        .summary = "The second step of a sign-in, by its ticket",
        .tag = "second factors",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &api_a_second_factor_body,
        .answers = api_a_login_answers,
        .handle = post_second_factor,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/reauthenticate/",
        .aliases = { "/api/auth/reauthenticate/" },
        .name = "reauthenticate",
        .summary = "Prove again who one is, for what asks for a fresh proof",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN | SUT_ROUTE_LOGIN,
        .body = &api_a_reauthenticate_body,
        .answers = api_a_reauthenticate_answers,
        .handle = post_reauthenticate,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/totp/enrol/",
        .aliases = { "/api/auth/totp/enrol/" },
        .name = "totp_enrol",
        .summary = "Begin to add an authenticator app",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .answers = api_a_totp_enrol_answers,
        .handle = post_enrol,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/totp/confirm/",
        .aliases = { "/api/auth/totp/confirm/" },
        .name = "totp_confirm",
        .summary = "Add it, by its first code",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .body = &api_a_otp_body,
        .answers = api_a_totp_confirm_answers,
        .handle = post_confirm,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/users/totp/",
        .aliases = { "/api/auth/totp/" },
        .name = "totp_remove",
        .summary = "Take the authenticator app away",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .answers = api_a_totp_remove_answers,
        .handle = delete_totp,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/recovery-codes/",
        .aliases = { "/api/auth/recovery-codes/" },
        .name = "recovery_codes",
        .summary = "Ten new recovery codes in place of all before",
        .tag = "second factors",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = OWN_FRESH,
        .answers = api_a_recovery_codes_answers,
        .handle = post_codes,
    },
};

const struct sut_routes api_modestwear_factor_routes = SUT_ROUTES(rows);
