/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/facebook.h"

#include "codec/json.h"
#include "codec/schema.h"

enum {
    EMAIL_MAX = 254,
    CODE_TOKEN = 190, /* Graph API, error codes: the access token has expired or is no good */
    CODE_SESSION = 102,
};

static bool is_token(sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    }
    return s.n > 0 && s.n <= SUT_FACEBOOK_TOKEN_MAX;
}

static sut_str text_of(const struct sut_json *o, const char *name)
{
    const struct sut_json *v = sut_json_get(o, name);
    return v == NULL || v->type != SUT_JSON_STRING ? SUT_STR("") : v->s;
}

static bool is_yes(const struct sut_json *o, const char *name)
{
    const struct sut_json *v = sut_json_get(o, name);
    return v != NULL && v->type == SUT_JSON_BOOL && v->b;
}

/* An object, or nothing that can be relied on. */
static SUT_ERR ask(const struct sut_facebook *f, struct sut_arena *a, enum sut_facebook_question q,
                   sut_str token, const struct sut_json **ret, int *ret_status)
{
    struct sut_buf body;
    sut_buf_init_arena(&body, a, SUT_FACEBOOK_ANSWER_MAX);
    const sut_err asked = f->fetch(f->fetch_ctx, q, token, &body, ret_status);
    ENSURE(!sut_failed(asked) || asked.code == SUT_E_NOMEM, UNAVAILABLE);
    TRY(asked);
    ENSURE(*ret_status >= 200 && *ret_status < 500 && *ret_status != 429, UNAVAILABLE);
    const sut_err e = sut_json_parse(a, sut_buf_str(&body), ret, NULL);
    ENSURE(e.code != SUT_E_PARSE, UNAVAILABLE);
    TRY(e);
    ENSURE((*ret)->type == SUT_JSON_OBJECT, UNAVAILABLE);
    return SUT_OK;
}

/* Absent and 0 say: never; a number that has passed: over. */
static bool is_over(const struct sut_json *data, const char *name, sut_ms now)
{
    const struct sut_json *v = sut_json_get(data, name);
    if (v == NULL)
        return false;
    return v->type != SUT_JSON_INT || (v->i != 0 && v->i <= now.v / 1000);
}

/* NULL when the token is good for us; else why not. */
static const char *fault_of(const struct sut_facebook *f, const struct sut_json *data, sut_ms now)
{
    if (!is_yes(data, "is_valid"))
        return "invalid";
    if (!sut_str_eq(text_of(data, "app_id"), f->app_id))
        return "app";
    if (sut_json_get(data, "type") != NULL && !sut_str_is(text_of(data, "type"), "USER"))
        return "type";
    if (sut_json_get(data, "expires_at") == NULL || is_over(data, "expires_at", now) ||
        is_over(data, "data_access_expires_at", now))
        return "expired";
    return sut_identity_is_subject(text_of(data, "user_id")) ? NULL : "subject";
}

/* Whose token it is; *ret_why is NULL when it is good. */
static SUT_ERR debug(const struct sut_facebook *f, struct sut_arena *a, sut_str token, sut_ms now,
                     sut_str *ret_user, const char **ret_why)
{
    const struct sut_json *answer = NULL;
    int status = 0;
    TRY(ask(f, a, SUT_FACEBOOK_DEBUG, token, &answer, &status));
    /* A bad token is told within `data`; an error beside it is about us, or about Facebook. */
    const struct sut_json *data = sut_json_get(answer, "data");
    ENSURE(status == 200 && data != NULL && data->type == SUT_JSON_OBJECT, UNAVAILABLE);
    *ret_why = fault_of(f, data, now);
    *ret_user = text_of(data, "user_id");
    return SUT_OK;
}

static bool is_about_token(const struct sut_json *answer)
{
    const struct sut_json *code = sut_json_get(sut_json_get(answer, "error"), "code");
    return code != NULL && code->type == SUT_JSON_INT &&
           (code->i == CODE_TOKEN || code->i == CODE_SESSION);
}

/* Facebook's grey head is no picture of anybody. */
static sut_str picture_of(const struct sut_json *me)
{
    const struct sut_json *data = sut_json_get(sut_json_get(me, "picture"), "data");
    return is_yes(data, "is_silhouette") ? SUT_STR("") : sut_identity_picture(text_of(data, "url"));
}

static SUT_ERR me(const struct sut_facebook *f, struct sut_arena *a, sut_str token,
                  struct sut_identity *ret, const char **ret_why)
{
    const struct sut_json *answer = NULL;
    int status = 0;
    TRY(ask(f, a, SUT_FACEBOOK_ME, token, &answer, &status));
    *ret_why = NULL;
    if (status != 200) {
        ENSURE(is_about_token(answer), UNAVAILABLE);
        *ret_why = "invalid";
        return SUT_OK;
    }
    *ret = (struct sut_identity){
        .subject = text_of(answer, "id"),
        .email = text_of(answer, "email"),
        .name = sut_identity_name(text_of(answer, "name")),
        .first_name = sut_identity_name(text_of(answer, "first_name")),
        .last_name = sut_identity_name(text_of(answer, "last_name")),
        .picture = picture_of(answer),
    };
    return SUT_OK;
}

SUT_ERR sut_facebook_check(const struct sut_facebook *f, struct sut_arena *a, sut_str token,
                           sut_ms now, struct sut_identity *ret,
                           enum sut_facebook_verdict *ret_verdict, const char **ret_why)
{
    sut_str user = { 0 };
    *ret_verdict = SUT_FACEBOOK_BAD;
    *ret_why = "malformed";
    if (!is_token(token))
        return SUT_OK;
    TRY(debug(f, a, token, now, &user, ret_why));
    if (*ret_why != NULL)
        return SUT_OK;
    TRY(me(f, a, token, ret, ret_why));
    if (*ret_why != NULL)
        return SUT_OK;
    if (!sut_str_eq(ret->subject, user)) {
        *ret_why = "subject";
        return SUT_OK;
    }
    const bool has_email =
        ret->email.n > 0 && ret->email.n <= EMAIL_MAX && sut_is_email(ret->email);
    *ret_verdict = has_email ? SUT_FACEBOOK_GOOD : SUT_FACEBOOK_NO_EMAIL;
    *ret_why = has_email ? "" : "email";
    return SUT_OK;
}
