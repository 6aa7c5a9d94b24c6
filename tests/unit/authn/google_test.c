/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/google.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test_signer.h"

enum { NOW_S = 1772366400, TEXT_MAX = 16 * 1024 };

static struct test_signer *signer;
static struct test_signer *stranger;
static struct sut_buf keys;
static int asked;
static sut_err answer;

static sut_err fetch(void *ctx, struct sut_buf *body, uint32_t *ret_max_age_s)
{
    (void) ctx;
    asked++;
    sut_buf_str_add(body, sut_buf_str(&keys));
    *ret_max_age_s = 3600;
    return answer;
}

static sut_err fail_with_unavailable(void)
{
    FAIL(UNAVAILABLE);
}

static struct sut_google *make(void)
{
    const struct sut_google_options o = {
        .client_ids = SUT_STR("web, android"),
        .issuers = SUT_STR("https://accounts.google.com"),
        .fetch = fetch,
        .steady = &sut_jwks_steady,
    };
    struct sut_google *g = NULL;
    assert_false(sut_failed(sut_google_create(&o, &g)));
    return g;
}

static sut_err check(struct sut_google *g, const struct test_signer *by, const char *header,
                     const char *aud, const char **why)
{
    struct sut_arena *a = NULL;
    struct sut_buf claims;
    struct sut_buf text;
    struct sut_identity who;
    assert_false(sut_failed(sut_arena_create(256 * 1024, &a)));
    sut_buf_init_arena(&claims, a, TEXT_MAX);
    sut_buf_init_arena(&text, a, TEXT_MAX);
    sut_buf_printf(&claims,
                   "{\"iss\":\"https://accounts.google.com\",\"aud\":\"%s\",\"exp\":1772370000,"
                   "\"iat\":1772366400,\"sub\":\"42\",\"email\":\"ana@example.com\","
                   "\"email_verified\":true}",
                   aud);
    test_signer_sign(by, sut_str_from(header), sut_buf_str(&claims), &text);
    const sut_err e = sut_google_check(g, a, sut_buf_str(&text), (sut_str){ 0 },
                                       (sut_ms){ NOW_S * INT64_C(1000) }, &who, why);
    assert_true(sut_failed(e) ||
                (sut_str_is(who.subject, "42") && sut_str_is(who.email, "ana@example.com")));
    sut_arena_free(&a);
    return e;
}

#define GOOD "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}"

static void a_token_is_checked_by_signature_and_claims(void **state)
{
    (void) state;
    const char *why = NULL;
    struct sut_google *g = make();
    assert_false(sut_failed(check(g, signer, GOOD, "web", &why)));
    assert_false(sut_failed(check(g, signer, GOOD, "android", &why)));
    assert_int_equal(check(g, signer, GOOD, "other", &why).code, SUT_E_TOKEN);
    assert_string_equal(why, "audience");
    assert_int_equal(check(g, stranger, GOOD, "web", &why).code, SUT_E_TOKEN);
    assert_string_equal(why, "signature");
    assert_int_equal(check(g, signer, "{\"alg\":\"none\",\"kid\":\"k1\"}", "web", &why).code,
                     SUT_E_TOKEN);
    assert_string_equal(why, "algorithm");
    assert_int_equal(check(g, signer, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", "web", &why).code,
                     SUT_E_TOKEN);
    assert_string_equal(why, "key");
    assert_int_equal(check(g, signer, "{\"alg\":\"RS256\",\"kid\":\"k2\"}", "web", &why).code,
                     SUT_E_TOKEN);
    assert_string_equal(why, "key");
    sut_google_free(&g);
}

static void a_token_that_is_none_asks_nobody(void **state)
{
    (void) state;
    static const char *const texts[] = { "", "x", "a.b.c", "..", "e30.e30.e30" };
    struct sut_google *g = make();
    asked = 0;
    for (size_t i = 0; i < 5; i++) {
        struct sut_arena *a = NULL;
        struct sut_identity who;
        const char *why = NULL;
        assert_false(sut_failed(sut_arena_create(64 * 1024, &a)));
        assert_int_equal(sut_google_check(g, a, sut_str_from(texts[i]), (sut_str){ 0 },
                                          (sut_ms){ 0 }, &who, &why)
                             .code,
                         SUT_E_TOKEN);
        assert_string_equal(why, i == 4 ? "algorithm" : "malformed");
        sut_arena_free(&a);
    }
    assert_int_equal(asked, 0);
    sut_google_free(&g);
}

static void no_keys_is_no_verdict(void **state)
{
    (void) state;
    const char *why = NULL;
    struct sut_google *g = make();
    answer = fail_with_unavailable();
    assert_int_equal(check(g, signer, GOOD, "web", &why).code, SUT_E_UNAVAILABLE);
    answer = SUT_OK;
    sut_google_free(&g);
}

static void without_a_client_id_there_is_none(void **state)
{
    (void) state;
    struct sut_google *g = NULL;
    struct sut_google_options o = { .issuers = SUT_STR("a"), .fetch = fetch };
    o.steady = &sut_jwks_steady;
    assert_int_equal(sut_google_create(&o, &g).code, SUT_E_INVALID);
    o.client_ids = SUT_STR(" , ");
    assert_int_equal(sut_google_create(&o, &g).code, SUT_E_INVALID);
    assert_null(g);
}

static int begin(void **state)
{
    (void) state;
    signer = test_signer_rsa(2048);
    stranger = test_signer_rsa(2048);
    sut_buf_init(&keys, TEXT_MAX);
    sut_buf_lit(&keys, "{\"keys\":[");
    test_signer_jwk(signer, "\"kid\":\"k1\",\"alg\":\"RS256\",\"use\":\"sig\"", &keys);
    sut_buf_lit(&keys, "]}");
    return 0;
}

static int end(void **state)
{
    (void) state;
    sut_buf_done(&keys);
    test_signer_free(&signer);
    test_signer_free(&stranger);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_checked_by_signature_and_claims),
        cmocka_unit_test(a_token_that_is_none_asks_nobody),
        cmocka_unit_test(no_keys_is_no_verdict),
        cmocka_unit_test(without_a_client_id_there_is_none),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
