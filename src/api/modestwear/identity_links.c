/* SPDX-License-Identifier: Apache-2.0
 *
 * identity_links - contract A's routes of what stands or fails with a link in a
 * mail: verification, reset, change of password and of address.
 */
#include "api/account.h"
#include "api/email_change.h"
#include "api/modestwear/account_json.h"
#include "api/modestwear/account_schema.h"
#include "api/password.h"
#include "api/refusal.h"
#include "api/reset.h"
#include "api/routes.h"
#include "api/verification.h"
#include "authn/signing.h"
#include "guard/reply.h"

enum { EMAIL_MAX = 254, PASSWORD_MAX = 1024, SECRET_MAX = 256, UID_MAX = 64 };

/* --- what goes in --- */

static const struct sut_field verify_fields[] = {
    { .name = "token",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = SUT_VERIFY_MAX,
      .doc = "Of the link in the mail." },
};
static const struct sut_schema verify_body = SUT_SCHEMA("VerifyEmail", verify_fields);

static const struct sut_field reset_fields[] = {
    { .name = "email", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 1, .max = EMAIL_MAX },
};
static const struct sut_schema reset_body = SUT_SCHEMA("PasswordReset", reset_fields);

static const struct sut_field reset_confirm_fields[] = {
    { .name = "token",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = SECRET_MAX,
      .doc = "Of the link in the mail." },
    { .name = "new_password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
    { .name = "uid", .type = SUT_F_STRING, .flags = SUT_F_UNUSED | SUT_F_BLANK, .max = UID_MAX },
};
static const struct sut_schema reset_confirm_body =
    SUT_SCHEMA("PasswordResetConfirm", reset_confirm_fields);

static const struct sut_field password_fields[] = {
    { .name = "current_password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
    { .name = "new_password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
};
static const struct sut_schema password_body = SUT_SCHEMA("PasswordChange", password_fields);

static const struct sut_field email_fields[] = {
    { .name = "new_email", .type = SUT_F_EMAIL, .flags = SUT_F_REQUIRED, .max = EMAIL_MAX },
};
static const struct sut_schema email_body = SUT_SCHEMA("EmailChange", email_fields);

static const struct sut_field secret_fields[] = {
    { .name = "token",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = SECRET_MAX,
      .doc = "Of the link in the mail." },
};
static const struct sut_schema secret_body = SUT_SCHEMA("LinkToken", secret_fields);

/* --- what comes out --- */

static const struct sut_field verified_fields[] = {
    { .name = "email", .type = SUT_F_EMAIL },
    { .name = "is_verified", .type = SUT_F_BOOL },
};
static const struct sut_schema verified = SUT_SCHEMA("VerifiedEmail", verified_fields);
static const struct sut_field verified_envelope_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "message", .type = SUT_F_STRING },
    { .name = "data", .type = SUT_F_OBJECT, .of = &verified },
};
static const struct sut_schema verified_envelope =
    SUT_SCHEMA("VerifiedEmailAnswer", verified_envelope_fields);

static const struct sut_field status_fields[] = {
    { .name = "is_verified", .type = SUT_F_BOOL },
};
static const struct sut_schema status = SUT_SCHEMA("VerificationStatus", status_fields);
static const struct sut_field status_envelope_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "data", .type = SUT_F_OBJECT, .of = &status },
};
static const struct sut_schema status_envelope =
    SUT_SCHEMA("VerificationStatusAnswer", status_envelope_fields);

static const struct sut_answer verify_answers[] = {
    { .status = 200, .schema = &verified_envelope },
    { .status = 400, .doc = "The link is not good, too old, or used" },
    { 0 },
};
static const struct sut_answer link_answers[] = {
    { .status = 200, .schema = &api_a_message },
    { .status = 400, .doc = "The link is not good, too old, or used; or the password is weak" },
    { 0 },
};
static const struct sut_answer password_answers[] = {
    { .status = 200, .schema = &api_a_message },
    { .status = 400, .doc = "Current password is incorrect; or the new one is weak" },
    { .status = 403, .doc = "Locked: too many wrong passwords" },
    { 0 },
};
static const struct sut_answer ask_email_answers[] = {
    { .status = 200, .schema = &api_a_message },
    { .status = 403, .doc = "reauthentication_required" },
    { .status = 409, .doc = "A user with this email already exists." },
    { 0 },
};
static const struct sut_answer status_answers[] = {
    { .status = 200, .schema = &status_envelope },
    { 0 },
};
static const struct sut_answer email_answers[] = {
    { .status = 200, .schema = &verified_envelope },
    { .status = 400, .doc = "The link is not good, too old, or used" },
    { .status = 409, .doc = "A user with this email already exists." },
    { 0 },
};

/* {"success":true,"message":…,"data":{"email":…,"is_verified":true}} */
static void answer_email(struct sut_req *r, const char *message, sut_str email)
{
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "success");
    sut_jw_bool(&w, true);
    sut_jw_key(&w, "message");
    sut_jw_z(&w, message);
    sut_jw_key(&w, "data");
    sut_jw_obj(&w);
    sut_jw_key(&w, "email");
    sut_jw_str(&w, email);
    sut_jw_key(&w, "is_verified");
    sut_jw_bool(&w, true);
    sut_jw_obj_end(&w);
    sut_jw_obj_end(&w);
}

static void refuse(struct sut_req *r, int http, const char *code, const char *error)
{
    sut_reply_domain(r, http, code, sut_str_from(error));
}

/* --- verification --- */

static sut_err post_verify(struct sut_req *r)
{
    enum api_verified outcome = API_VERIFY_INVALID;
    sut_str email = { 0 };
    TRY(api_verification_take(r, sut_schema_raw(r->body, "token"), &outcome, &email));
    switch (outcome) {
    case API_VERIFIED:
        answer_email(r, "Email verified successfully", email);
        break;
    case API_VERIFY_EXPIRED:
        refuse(r, 400, "invalid", "Verification token has expired");
        break;
    case API_VERIFY_ALREADY:
        refuse(r, 400, "invalid", "Email already verified");
        break;
    case API_VERIFY_INVALID:
        refuse(r, 400, "invalid", "Invalid verification token");
        break;
    }
    return SUT_OK;
}

static sut_err post_send(struct sut_req *r)
{
    enum api_verification_sent outcome = API_SENT_NOT_NOW;
    TRY(api_verification_send(r, &outcome));
    if (outcome != API_SENT_NOT_NOW)
        sut_reply_message(
            r, 200, outcome == API_SENT ? "Verification email sent" : "Email already verified");
    return SUT_OK;
}

static sut_err get_status(struct sut_req *r)
{
    struct sut_person_row p;
    TRY(api_account_self(r, &p));
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "is_verified");
    sut_jw_bool(&w, p.email_verified);
    api_a_data_close(&w);
    return SUT_OK;
}

/* --- password --- */

static sut_err post_reset(struct sut_req *r)
{
    bool is_answered = false;
    TRY(api_reset_ask(r, sut_req_text(r, "email"), &is_answered));
    if (is_answered)
        return SUT_OK;
    sut_reply_message(r, 200,
                      "If an account exists with this email, a password reset link will be sent");
    return SUT_OK;
}

static void refuse_weak(struct sut_req *r, const struct api_account *a)
{
    const sut_str text = api_account_join(r, a);
    sut_reply_domain_weak(r, text, a->strength);
}

static sut_err post_reset_confirm(struct sut_req *r)
{
    struct api_account a;
    TRY(api_reset_take(r, sut_schema_raw(r->body, "token"), sut_schema_raw(r->body, "new_password"),
                       &a));
    if (a.outcome == API_WEAK_PASSWORD)
        refuse_weak(r, &a);
    else if (a.outcome != API_DONE)
        refuse(r, 400, "invalid", "Invalid or expired reset token");
    else
        sut_reply_message(r, 200, "Password reset successfully");
    return SUT_OK;
}

/* The present password stands in the body: a proof as fresh as any, so none is asked for besides.
 */
static sut_err post_password(struct sut_req *r)
{
    struct api_account a;
    TRY(api_password_change(r, sut_schema_raw(r->body, "current_password"),
                            sut_schema_raw(r->body, "new_password"), &a));
    if (api_refusal_answer(r, &a))
        return SUT_OK;
    if (a.outcome == API_WEAK_PASSWORD)
        refuse_weak(r, &a);
    else if (a.outcome != API_DONE)
        refuse(r, 400, "invalid", "Current password is incorrect");
    else
        sut_reply_message(r, 200, "Password changed successfully");
    return SUT_OK;
}

/* --- address --- */

/* What is not done; false: it is. */
static bool refuse_email(struct sut_req *r, enum api_email_outcome outcome)
{
    switch (outcome) {
    case API_EMAIL_DONE:
        return false;
    case API_EMAIL_SAME:
        sut_reply_fault(r, "new_email", "This is your email address already.");
        break;
    case API_EMAIL_TAKEN:
        refuse(r, 409, "duplicate", "A user with this email already exists.");
        break;
    case API_EMAIL_BAD:
        refuse(r, 400, "invalid", "Invalid or expired link");
        break;
    case API_EMAIL_NOT_NOW:
        break;
    }
    return true;
}

static sut_err post_email(struct sut_req *r)
{
    enum api_email_outcome outcome = API_EMAIL_NOT_NOW;
    TRY(api_email_change_ask(r, sut_req_text(r, "new_email"), &outcome));
    if (!refuse_email(r, outcome))
        sut_reply_message(r, 200, "Confirmation links sent to both addresses");
    return SUT_OK;
}

static sut_err post_email_confirm(struct sut_req *r)
{
    enum api_email_outcome outcome = API_EMAIL_BAD;
    sut_str email = { 0 };
    TRY(api_email_change_confirm(r, sut_schema_raw(r->body, "token"), &outcome, &email));
    if (!refuse_email(r, outcome))
        answer_email(r, "Email changed successfully", email);
    return SUT_OK;
}

static sut_err post_email_revert(struct sut_req *r)
{
    enum api_email_outcome outcome = API_EMAIL_BAD;
    sut_str email = { 0 };
    TRY(api_email_change_revert(r, sut_schema_raw(r->body, "token"), &outcome, &email));
    if (!refuse_email(r, outcome))
        answer_email(r, "Email change undone, and every session ended", email);
    return SUT_OK;
}

/* --- rows --- */

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/users/verify-email/",
        .aliases = { "/api/auth/verify-email/", "/api/auth/email-verify/" },
        .name = "verify_email",
        .summary = "Verify an address by the link's token",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &verify_body,
        .answers = verify_answers,
        .handle = post_verify,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/send-verification/",
        .aliases = { "/api/auth/send-verification/" },
        .name = "send_verification",
        .summary = "Send the verification mail once more",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .answers = api_a_message_answers,
        .handle = post_send,
    },
    {
        .method = SUT_GET,
        .path = "/api/users/verification-status/",
        .aliases = { "/api/auth/verification-status/" },
        .name = "verification_status",
        .summary = "Whether the address is verified",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .answers = status_answers,
        .handle = get_status,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/password-reset/",
        .aliases = { "/api/auth/password-reset/" },
        .name = "password_reset",
        .summary = "Ask for a link to set a new password",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_RESET,
        .body = &reset_body,
        .missing = "Email is required",
        .answers = api_a_message_answers,
        .handle = post_reset,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/password-reset-confirm/",
        .aliases = { "/api/auth/password-reset-confirm/" },
        .name = "password_reset_confirm",
        .summary = "Set a new password by the link's token; every session ends",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &reset_confirm_body,
        .answers = link_answers,
        .handle = post_reset_confirm,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/password-change/",
        .aliases = { "/api/auth/password-change/" },
        .name = "password_change",
        .summary = "Change the password; every other session ends",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK,
        .body = &password_body,
        .answers = password_answers,
        .handle = post_password,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/email-change/",
        .aliases = { "/api/auth/email-change/" },
        .name = "email_change",
        .summary = "Ask for another address; both addresses are told",
        .tag = "accounts",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET | SUT_ROUTE_UNVERIFIED_OK | SUT_ROUTE_FRESH,
        .body = &email_body,
        .answers = ask_email_answers,
        .handle = post_email,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/email-change/confirm/",
        .aliases = { "/api/auth/email-change/confirm/" },
        .name = "email_change_confirm",
        .summary = "Make the new address the account's, by the link sent to it",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &secret_body,
        .answers = email_answers,
        .handle = post_email_confirm,
    },
    {
        .method = SUT_POST,
        .path = "/api/users/email-change/revert/",
        .aliases = { "/api/auth/email-change/revert/" },
        .name = "email_change_revert",
        .summary = "Stop or undo a change of address, by the link sent to the former one",
        .tag = "accounts",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &secret_body,
        .answers = email_answers,
        .handle = post_email_revert,
    },
};

const struct sut_routes api_modestwear_links_routes = SUT_ROUTES(rows);
