/* SPDX-License-Identifier: Apache-2.0 */
#include "config/weak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void secrets_made_by_chance_pass(void **state)
{
    (void) state;
    static const char *const good[] = {
        "q8Zt3bLw0mV7xKc1RyUj5HnE2aDs9FgP",
        "5f8d1c0e9ab74632d1e0f7b6c5a4938291e8d7c6b5a40f3e2d1c0b9a88776655",
        "7hV!k2#pQ9$zL4@wX8^mN3&bR6*tY1(cJ5)d",
        "u0Jm5R0mJ6tW0yq4Pz1l3W8b0y5S2o9xE7v4A1n6D3g8K5h2",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_null(sut_weak__reason(sut_str_from(good[i])));
}

static void a_thousand_random_keys_pass_in_hexadecimal_and_base64(void **state)
{
    (void) state;
    static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char hex[] = "0123456789abcdef";
    uint64_t x = 88172645463325252u;
    for (int round = 0; round < 1000; round++) {
        char a[64];
        char b[64];
        for (size_t i = 0; i < 64; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            a[i] = b64[(x >> 20) % 64];
            b[i] = hex[(x >> 40) % 16];
        }
        assert_null(sut_weak__reason(sut_str_of(a, sizeof(a))));
        assert_null(sut_weak__reason(sut_str_of(b, sizeof(b))));
    }
}

static void weak_and_example_secrets_are_told_apart(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "secret",
        "changeme",
        "short-but-random-8Zt3bLw0mV7x",
        "django-insecure-)x9z!8k2m4q6w8e0r2t4y6u8i0o2p4a6s8d0f2g4h6j8",
        "please-CHANGEME-before-going-live-q8Zt3bLw",
        "your-secret-key-here-0123456789-abcdefgh",
        "this is my SECRET_KEY for development only",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababababababababababababababababab",
        "q8Zt3bLw0mV7xKc1q8Zt3bLw0mV7xKc1q8Zt3bLw0mV7xKc1",
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ",
        "12345678901234567890123456789012",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_non_null(sut_weak__reason(sut_str_from(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_made_by_chance_pass),
        cmocka_unit_test(a_thousand_random_keys_pass_in_hexadecimal_and_base64),
        cmocka_unit_test(weak_and_example_secrets_are_told_apart),
    };
    return cmocka_run_group_tests_name("weak", tests, NULL, NULL);
}
