/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/id_token.h"

#include "base/secret.h"
#include "codec/json.h"
#include "codec/schema.h"

enum { EMAIL_MAX = 254 };

#define REFUSE(why_)                                                                               \
    do {                                                                                           \
        *reterr_fault = SUT_ID_TOKEN_##why_;                                                       \
        FAIL(TOKEN);                                                                               \
    } while (0)

SUT_ERR sut_id_token_names(sut_str text, struct sut_id_token_names *ret)
{
    ret->n = 0;
    while (text.n > 0) {
        const size_t comma = sut_str_find(text, 0, ',');
        const sut_str one = sut_str_trim(sut_str_sub(text, 0, comma));
        text = sut_str_sub(text, comma + 1, text.n);
        if (one.n == 0)
            continue;
        ENSURE(ret->n < SUT_ID_TOKEN_NAMES_MAX, TOO_LARGE);
        ret->v[ret->n++] = one;
    }
    return SUT_OK;
}

static bool has(const struct sut_id_token_names *names, const struct sut_json *v)
{
    if (v == NULL || v->type != SUT_JSON_STRING)
        return false;
    for (size_t i = 0; i < names->n; i++) {
        if (sut_str_eq(names->v[i], v->s))
            return true;
    }
    return false;
}

static bool is_for_us(const struct sut_json *c, const struct sut_id_token_names *ours)
{
    const struct sut_json *aud = sut_json_get(c, "aud");
    const struct sut_json *azp = sut_json_get(c, "azp");
    if (azp != NULL && !has(ours, azp))
        return false;
    if (aud == NULL || aud->type != SUT_JSON_ARRAY)
        return has(ours, aud);
    if (aud->n == 0 || aud->n > SUT_ID_TOKEN_NAMES_MAX || (aud->n > 1 && azp == NULL))
        return false;
    bool is_ours = false;
    for (size_t i = 0; i < aud->n; i++) {
        if (aud->items[i].type != SUT_JSON_STRING)
            return false;
        is_ours = is_ours || has(ours, &aud->items[i]);
    }
    return is_ours;
}

/* A time in whole seconds; false when it is absent or no such number. */
static bool time_of(const struct sut_json *c, const char *name, int64_t *ret)
{
    const struct sut_json *v = sut_json_get(c, name);
    if (v == NULL || v->type != SUT_JSON_INT || v->i < 0)
        return false;
    *ret = v->i;
    return true;
}

static bool is_its_time(const struct sut_json *c, int64_t now_s)
{
    int64_t exp = 0;
    int64_t iat = 0;
    int64_t nbf = 0;
    if (!time_of(c, "exp", &exp) || !time_of(c, "iat", &iat))
        return false;
    if (sut_json_get(c, "nbf") != NULL &&
        (!time_of(c, "nbf", &nbf) || nbf > now_s + SUT_ID_TOKEN_SKEW_S))
        return false;
    return now_s < exp && iat <= now_s + SUT_ID_TOKEN_SKEW_S && now_s - iat <= SUT_ID_TOKEN_AGE_S;
}

static sut_str text_of(const struct sut_json *c, const char *name)
{
    const struct sut_json *v = sut_json_get(c, name);
    return v == NULL || v->type != SUT_JSON_STRING ? SUT_STR("") : v->s;
}

static bool is_yes(const struct sut_json *v)
{
    if (v == NULL)
        return false;
    return v->type == SUT_JSON_BOOL ? v->b : v->type == SUT_JSON_STRING && sut_str_is(v->s, "true");
}

static bool is_nonce(const struct sut_json *c, sut_str wanted)
{
    return wanted.n == 0 || sut_secret_eq(text_of(c, "nonce"), wanted);
}

SUT_ERR sut_id_token_read(struct sut_arena *a, sut_str claims,
                          const struct sut_id_token_policy *policy, sut_str nonce, sut_ms now,
                          struct sut_identity *ret, enum sut_id_token_fault *reterr_fault)
{
    const struct sut_json *c = NULL;
    const sut_err e = sut_json_parse(a, claims, &c, NULL);
    if (e.code == SUT_E_PARSE)
        REFUSE(MALFORMED);
    TRY(e);
    if (c->type != SUT_JSON_OBJECT)
        REFUSE(MALFORMED);
    if (!has(&policy->issuers, sut_json_get(c, "iss")))
        REFUSE(ISSUER);
    if (!is_for_us(c, &policy->audiences))
        REFUSE(AUDIENCE);
    if (!is_its_time(c, now.v / 1000))
        REFUSE(TIME);
    if (!is_nonce(c, nonce))
        REFUSE(NONCE);
    const struct sut_identity who = {
        .subject = text_of(c, "sub"),
        .email = text_of(c, "email"),
        .name = sut_identity_name(text_of(c, "name")),
        .first_name = sut_identity_name(text_of(c, "given_name")),
        .last_name = sut_identity_name(text_of(c, "family_name")),
        .picture = sut_identity_picture(text_of(c, "picture")),
    };
    if (!sut_identity_is_subject(who.subject))
        REFUSE(SUBJECT);
    if (!is_yes(sut_json_get(c, "email_verified")) || who.email.n > EMAIL_MAX ||
        !sut_is_email(who.email))
        REFUSE(EMAIL);
    *ret = who;
    return SUT_OK;
}
