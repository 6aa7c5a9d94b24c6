/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scan.h"

/* As argon2-cffi makes them, salt 00 01 … 0f. */
static const struct {
    const char *phrase;
    uint32_t memory_kib;
    uint32_t passes;
    const char *key;
} vectors[] = {
    { "correct horse", 1024, 3,
      "2cdfc6b7d9c2f719e4f1ec7697c38e6ad4b023e6d446602ac3d0dcb2571ca5fa" },
    { "", 8, 1, "31ed41e2d73f27fdfe4eb4bec651341e58ba43477051c6fe4adad735d82ee08a" },
};

static struct sut_kdf parameters(uint32_t memory_kib, uint32_t passes)
{
    struct sut_kdf p = { .memory_kib = memory_kib, .passes = passes, .lanes = 1 };
    for (unsigned char i = 0; i < sizeof(p.salt); i++)
        p.salt[i] = i;
    return p;
}

static void makes_the_keys_that_others_make(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct sut_kdf p = parameters(vectors[i].memory_kib, vectors[i].passes);
        unsigned char want[SUT_KDF_KEY];
        unsigned char got[SUT_KDF_KEY];
        assert_false(sut_failed(sut_parse_hex(sut_str_from(vectors[i].key), want, sizeof(want))));
        assert_false(sut_failed(sut_kdf_argon2id(&p, sut_str_from(vectors[i].phrase), got)));
        assert_memory_equal(got, want, sizeof(want));
    }
}

static void refuses_parameters_that_argon2_does_not_have(void **state)
{
    (void) state;
    unsigned char got[SUT_KDF_KEY];
    struct sut_kdf p = parameters(1024, 0);
    assert_int_equal(sut_kdf_argon2id(&p, SUT_STR("x"), got).code, SUT_E_INVALID);
    p = parameters(1, 1);
    assert_int_equal(sut_kdf_argon2id(&p, SUT_STR("x"), got).code, SUT_E_INVALID);
    p = parameters(1024, 1);
    p.lanes = 0;
    assert_int_equal(sut_kdf_argon2id(&p, SUT_STR("x"), got).code, SUT_E_INVALID);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_keys_that_others_make),
        cmocka_unit_test(refuses_parameters_that_argon2_does_not_have),
    };
    return cmocka_run_group_tests_name("kdf", tests, NULL, NULL);
}
