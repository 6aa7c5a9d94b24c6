/* SPDX-License-Identifier: Apache-2.0
 *
 * id_token_cost - what checking an ID token with keys at hand costs, a line each: name, value,
 * unit.
 *
 * A token as Google makes them (some 1,100 characters), by RS256 with a key of 2048 bits and
 * by ES256; median of rounds, one thread.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "authn/google.h"
#include "crypto/library.h"
#include "test_signer.h"

enum { ROUNDS = 15, TURNS = 400, TEXT_MAX = 16 * 1024, MEMORY = 256 * 1024 };

static const int64_t now_s = 1772366400;
static struct sut_buf keys;

static void must(sut_err e)
{
    if (sut_failed(e))
        sut_bug(__FILE__, e.at->line, e.at->func);
}

static sut_err fetch(void *ctx, struct sut_buf *body, uint32_t *ret_max_age_s)
{
    (void) ctx;
    sut_buf_str_add(body, sut_buf_str(&keys));
    *ret_max_age_s = 19800;
    return SUT_OK;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *) a;
    const uint64_t y = *(const uint64_t *) b;
    return (x > y) - (x < y);
}

static void check(struct sut_google *g, struct sut_arena *a, sut_str token)
{
    struct sut_identity who;
    const char *why = "";
    sut_arena_reset(a);
    must(sut_google_check(g, a, token, (sut_str){ 0 }, (sut_ms){ now_s * 1000 }, &who, &why));
}

static void measure(struct sut_google *g, const struct test_signer *signer, const char *kid,
                    const char *alg)
{
    static const char claims[] =
        "{\"iss\":\"https://accounts.google.com\",\"azp\":\"1234987819200-abc.apps."
        "googleusercontent.com\",\"aud\":\"1234987819200-abc.apps.googleusercontent.com\","
        "\"sub\":\"110169484474386276334\",\"hd\":\"example.com\",\"email\":"
        "\"jsmith@example.com\",\"email_verified\":true,\"at_hash\":\"HK6E_P6Dh8Y93mRNtsDB1Q\","
        "\"nonce\":\"0394852-3190485-2490358\",\"name\":\"John Smith\",\"picture\":"
        "\"https://lh3.example.com/a/ACg8ocK0pRfMvQ2Wq3v9wFh0Jr4b8nQeX7dYkTzLmN5s6UoPqRsT=s96-c\","
        "\"given_name\":\"John\",\"family_name\":\"Smith\",\"iat\":1772366300,\"exp\":1772369900,"
        "\"jti\":\"161f4b5a6c7d8e9f0a1b2c3d4e5f60718293a4b5\"}";
    uint64_t rounds[ROUNDS];
    struct sut_arena *a = NULL;
    struct sut_buf header;
    struct sut_buf token;
    must(sut_arena_create(MEMORY, &a));
    sut_buf_init(&header, TEXT_MAX);
    sut_buf_init(&token, TEXT_MAX);
    sut_buf_printf(&header, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}", alg, kid);
    test_signer_sign(signer, sut_buf_str(&header), sut_str_from(claims), &token);
    check(g, a, sut_buf_str(&token));
    for (size_t i = 0; i < ROUNDS; i++) {
        const uint64_t from = sut_monotonic_ns();
        for (int turn = 0; turn < TURNS; turn++)
            check(g, a, sut_buf_str(&token));
        rounds[i] = (sut_monotonic_ns() - from) / TURNS;
    }
    qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
    (void) printf("id_token_%s %.1f us\n", alg, (double) rounds[ROUNDS / 2] / 1000.0);
    sut_buf_done(&header);
    sut_buf_done(&token);
    sut_arena_free(&a);
}

int main(void)
{
    struct test_signer *rsa = test_signer_rsa(2048);
    struct test_signer *ec = test_signer_p256();
    struct sut_google *g = NULL;
    must(sut_crypto_init());
    sut_buf_init(&keys, TEXT_MAX);
    sut_buf_lit(&keys, "{\"keys\":[");
    test_signer_jwk(rsa, "\"kid\":\"3f6b9b1c0d5e47a8\",\"alg\":\"RS256\",\"use\":\"sig\"", &keys);
    sut_buf_lit(&keys, ",");
    test_signer_jwk(ec, "\"kid\":\"9a2f6c0e7b8d4153\",\"alg\":\"ES256\",\"use\":\"sig\"", &keys);
    sut_buf_lit(&keys, "]}");
    const struct sut_google_options o = {
        .client_ids = SUT_STR("1234987819200-abc.apps.googleusercontent.com"),
        .issuers = SUT_STR("https://accounts.google.com,accounts.google.com"),
        .fetch = fetch,
        .steady = &sut_jwks_steady,
    };
    must(sut_google_create(&o, &g));
    measure(g, rsa, "3f6b9b1c0d5e47a8", "RS256");
    measure(g, ec, "9a2f6c0e7b8d4153", "ES256");
    sut_google_free(&g);
    sut_buf_done(&keys);
    test_signer_free(&rsa);
    test_signer_free(&ec);
    return 0;
}
