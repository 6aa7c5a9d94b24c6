/* SPDX-License-Identifier: Apache-2.0 */
#include "api/reset.h"
#include "api/routes.h"
#include "guard/reply.h"

enum { EMAIL_MAX = 254, PASSWORD_MAX = 1024, SECRET_MAX = 256 };

static const struct sut_field reset_fields[] = {
    { .name = "email", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 1, .max = EMAIL_MAX },
};
static const struct sut_schema reset_body = SUT_SCHEMA("NsggPasswordReset", reset_fields);

static const struct sut_field confirm_fields[] = {
    { .name = "token",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = SECRET_MAX },
    { .name = "password",
      .type = SUT_F_PASSWORD,
      .flags = SUT_F_REQUIRED | SUT_F_SECRET,
      .min = 1,
      .max = PASSWORD_MAX },
};
static const struct sut_schema confirm_body =
    SUT_SCHEMA("NsggPasswordResetConfirm", confirm_fields);

static const struct sut_field detail_fields[] = {
    { .name = "detail", .type = SUT_F_STRING },
};
static const struct sut_schema detail = SUT_SCHEMA("NsggDetail", detail_fields);

static const struct sut_answer reset_answers[] = {
    { .status = 200, .schema = &detail },
    { 0 },
};
static const struct sut_answer confirm_answers[] = {
    { .status = 200, .schema = &detail },
    { .status = 400, .doc = "The link is not good, too old, or used; or the password is weak" },
    { 0 },
};

static void answer(struct sut_req *r, const char *text)
{
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "detail");
    sut_jw_z(&w, text);
    sut_jw_obj_end(&w);
}

static sut_err post_reset(struct sut_req *r)
{
    bool is_answered = false;
    TRY(api_reset_ask(r, sut_req_text(r, "email"), &is_answered));
    if (is_answered)
        return SUT_OK;
    answer(r, "If an account exists with this email, a password reset link will be sent");
    return SUT_OK;
}

static SUT_ERR refuse_weak(struct sut_req *r, const struct api_account *a)
{
    struct sut_fault *faults = ARENA_ARRAY(r->arena, struct sut_fault, a->n_messages);
    ENSURE(faults != NULL, NOMEM);
    for (size_t i = 0; i < a->n_messages; i++)
        faults[i] = (struct sut_fault){
            .field = SUT_STR("password"),
            .message = a->messages[i],
            .next = i + 1 < a->n_messages ? &faults[i + 1] : NULL,
        };
    sut_reply_faults(r, faults);
    return SUT_OK;
}

static sut_err post_confirm(struct sut_req *r)
{
    struct api_account a;
    TRY(api_reset_take(r, sut_schema_raw(r->body, "token"), sut_schema_raw(r->body, "password"),
                       &a));
    if (a.outcome == API_WEAK_PASSWORD)
        return refuse_weak(r, &a);
    if (a.outcome != API_DONE)
        sut_reply_domain(r, 400, "invalid", SUT_STR("Invalid or expired reset token"));
    else
        answer(r, "Password has been reset.");
    return SUT_OK;
}

static const struct sut_route rows[] = {
    {
        .method = SUT_POST,
        .path = "/api/v1/auth/password/reset/",
        .name = "nsgg_password_reset",
        .summary = "Ask for a link to set a new password",
        .tag = "accounts v1",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET | SUT_ROUTE_RESET,
        .body = &reset_body,
        .answers = reset_answers,
        .handle = post_reset,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/auth/password/reset/confirm/",
        .name = "nsgg_password_reset_confirm",
        .summary = "Set a new password by the link's token; every session ends",
        .tag = "accounts v1",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NO_TOKEN | SUT_ROUTE_SECRET,
        .body = &confirm_body,
        .answers = confirm_answers,
        .handle = post_confirm,
    },
};

const struct sut_routes api_nsgg_password_routes = SUT_ROUTES(rows);
