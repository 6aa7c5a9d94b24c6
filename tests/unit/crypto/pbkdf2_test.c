/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pbkdf2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "vectors.h"

static void agrees_with_wycheproof(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/pbkdf2_hmacsha256_test.json");
    if (d == NULL)
        skip();
    size_t gi = 0;
    size_t ti = 0;
    size_t seen = 0;
    const json_t *g = NULL;
    const json_t *t = NULL;
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        json_array_foreach(json_object_get(g, "tests"), ti, t)
        {
            struct hex password;
            struct hex salt;
            struct hex dk;
            char own[4096];
            const sut_str p = hex_of(&password, t, "password");
            const sut_str s = hex_of(&salt, t, "salt");
            (void) hex_of(&dk, t, "dk");
            const json_int_t rounds = json_integer_value(json_object_get(t, "iterationCount"));
            const sut_err e = sut_pbkdf2(p, s, (uint32_t) rounds, own, dk.n);
            if (is_result(t, "valid")) {
                assert_false(sut_failed(e));
                assert_memory_equal(own, dk.p, dk.n);
            } else {
                assert_true(sut_failed(e) || memcmp(own, dk.p, dk.n) != 0);
            }
            seen++;
        }
    }
    assert_int_equal(seen, json_integer_value(json_object_get(d, "numberOfTests")));
    json_decref(d);
}

static void agrees_with_openssl_at_every_length(void **state)
{
    (void) state;
    static const char bytes[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    unsigned char own[100];
    unsigned char want[100];
    for (size_t n = 0; n <= 80; n++) {
        assert_false(sut_failed(sut_pbkdf2(sut_str_of(bytes, n), sut_str_of(bytes, 80 - n),
                                           (uint32_t) n + 1, own, n + 1)));
        assert_int_equal(PKCS5_PBKDF2_HMAC(bytes, (int) n, (const unsigned char *) bytes,
                                           (int) (80 - n), (int) n + 1, EVP_sha256(), (int) n + 1,
                                           want),
                         1);
        assert_memory_equal(own, want, n + 1);
    }
}

static void refuses_no_rounds_and_no_or_too_much_output(void **state)
{
    (void) state;
    static char out[4097];
    assert_int_equal(sut_pbkdf2(SUT_STR("p"), SUT_STR("s"), 0, out, 32).code, SUT_E_INVALID);
    assert_int_equal(sut_pbkdf2(SUT_STR("p"), SUT_STR("s"), 1, out, 0).code, SUT_E_INVALID);
    assert_int_equal(sut_pbkdf2(SUT_STR("p"), SUT_STR("s"), 1, out, 4097).code, SUT_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_wycheproof),
        cmocka_unit_test(agrees_with_openssl_at_every_length),
        cmocka_unit_test(refuses_no_rounds_and_no_or_too_much_output),
    };
    return cmocka_run_group_tests_name("pbkdf2", tests, NULL, NULL);
}
