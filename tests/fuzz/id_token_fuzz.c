/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a text that somebody else signed, as the claims of one whose signature is good,
 * as a JWK set, and as both answers of the Graph API: nothing unsigned is taken, and what is
 * taken is fit to be kept.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authn/facebook.h"
#include "authn/google.h"
#include "codec/schema.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1772366400, SIZE_MAX_TRIED = 16 * 1024 };

static sut_str input;

static void must(int is_so)
{
    if (!is_so)
        abort();
}

static void check_identity(const struct sut_identity *who)
{
    must(sut_identity_is_subject(who->subject));
    must(sut_is_email(who->email) && who->email.n <= 254);
    const sut_str names[] = { who->name, who->first_name, who->last_name };
    for (size_t i = 0; i < 3; i++)
        must(names[i].n <= SUT_IDENTITY_NAME_MAX && sut_utf8_is_valid(names[i]));
    must(who->picture.n == 0 || (who->picture.n <= SUT_IDENTITY_PICTURE_MAX &&
                                 sut_str_starts(who->picture, SUT_STR("https://"))));
}

static sut_err keys_of_input(void *ctx, struct sut_buf *body, uint32_t *ret_max_age_s)
{
    (void) ctx;
    (void) ret_max_age_s;
    sut_buf_str_add(body, input);
    return sut_buf_check(body);
}

/* One real key (RFC 7515, A.2), so that signatures are looked at. */
static sut_err keys(void *ctx, struct sut_buf *body, uint32_t *ret_max_age_s)
{
    (void) ctx;
    (void) ret_max_age_s;
    sut_buf_z(body, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":"
                    "\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
                    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2j"
                    "Z47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WT"
                    "BEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D"
                    "WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":"
                    "\"AQAB\"}]}");
    return sut_buf_check(body);
}

static void try_google(sut_jwks_fetch *fetch, sut_str token)
{
    const struct sut_google_options o = { .client_ids = SUT_STR("web"),
                                          .issuers = SUT_STR("https://accounts.google.com"),
                                          .fetch = fetch,
                                          .steady = &sut_jwks_steady };
    struct sut_google *g = NULL;
    struct sut_arena *a = NULL;
    struct sut_identity who;
    const char *why = NULL;
    must(!sut_failed(sut_google_create(&o, &g)) && !sut_failed(sut_arena_create(1 << 20, &a)));
    const sut_err e = sut_google_check(g, a, token, (sut_str){ 0 },
                                       (sut_ms){ NOW_S * INT64_C(1000) }, &who, &why);
    must(e.code == SUT_E_TOKEN || e.code == SUT_E_UNAVAILABLE || e.code == SUT_E_NOMEM);
    must(why != NULL && (e.code != SUT_E_TOKEN || why[0] != '\0'));
    sut_arena_free(&a);
    sut_google_free(&g);
}

static void try_claims(void)
{
    static const struct sut_id_token_policy policy = {
        .audiences = { .v = { SUT_STR_INIT("web") }, .n = 1 },
        .issuers = { .v = { SUT_STR_INIT("https://accounts.google.com") }, .n = 1 },
    };
    struct sut_arena *a = NULL;
    struct sut_identity who;
    enum sut_id_token_fault fault = SUT_ID_TOKEN_FINE;
    must(!sut_failed(sut_arena_create(1 << 20, &a)));
    const sut_err e = sut_id_token_read(a, input, &policy, (sut_str){ 0 },
                                        (sut_ms){ NOW_S * INT64_C(1000) }, &who, &fault);
    must(!sut_failed(e) || e.code == SUT_E_TOKEN || e.code == SUT_E_NOMEM);
    must((e.code == SUT_E_TOKEN) == (fault != SUT_ID_TOKEN_FINE));
    if (!sut_failed(e))
        check_identity(&who);
    sut_arena_free(&a);
}

static void try_set(void)
{
    struct sut_jwks_set *set = NULL;
    const sut_err e = sut_jwks_set_parse(input, &set);
    must(sut_failed(e) == (set == NULL));
    must(set == NULL || (sut_jwks_set_n(set) > 0 && sut_jwks_set_n(set) <= SUT_JWKS_KEYS_MAX));
    sut_jwks_set_unref(&set);
}

/* ctx: which of the two questions gets the input for an answer. */
static sut_err answer(void *ctx, enum sut_facebook_question q, sut_str token, struct sut_buf *body,
                      int *ret_status)
{
    const enum sut_facebook_question *which = ctx;
    (void) token;
    *ret_status = 200;
    if (q == *which)
        sut_buf_str_add(body, input);
    else
        sut_buf_z(body, "{\"data\":{\"app_id\":\"1\",\"type\":\"USER\",\"expires_at\":0,"
                        "\"is_valid\":true,\"user_id\":\"7\"},\"id\":\"7\","
                        "\"email\":\"a@example.com\"}");
    return sut_buf_check(body);
}

static void try_facebook(enum sut_facebook_question which)
{
    const struct sut_facebook f = { .app_id = SUT_STR("1"), .fetch = answer, .fetch_ctx = &which };
    struct sut_arena *a = NULL;
    struct sut_identity who;
    enum sut_facebook_verdict verdict = SUT_FACEBOOK_BAD;
    const char *why = NULL;
    must(!sut_failed(sut_arena_create(1 << 20, &a)));
    const sut_err e = sut_facebook_check(&f, a, SUT_STR("token"), (sut_ms){ NOW_S * INT64_C(1000) },
                                         &who, &verdict, &why);
    must(!sut_failed(e) || e.code == SUT_E_UNAVAILABLE || e.code == SUT_E_NOMEM);
    if (!sut_failed(e) && verdict == SUT_FACEBOOK_GOOD)
        check_identity(&who);
    sut_arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > SIZE_MAX_TRIED)
        return 0;
    input = sut_str_of((const char *) data, size);
    try_google(keys, input);
    try_google(keys_of_input, SUT_STR("eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.e30.AAAA"));
    try_claims();
    try_set();
    try_facebook(SUT_FACEBOOK_DEBUG);
    try_facebook(SUT_FACEBOOK_ME);
    return 0;
}
