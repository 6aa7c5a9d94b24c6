/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/b64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* SPEC: rfc4648 §10 */
static void agrees_with_the_rfc_s_vectors(void **state)
{
    (void) state;
    static const char *const rows[][2] = {
        { "f", "Zg==" },        { "fo", "Zm8=" },        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
    };
    for (size_t i = 0; i < 6; i++) {
        for (int padded = 0; padded < 2; padded++) {
            char raw[8];
            size_t n = 0;
            struct sut_buf b;
            sut_buf_init(&b, 64);
            sut_b64_add(&b, rows[i][0], strlen(rows[i][0]), padded == 1);
            const sut_str want = sut_str_from(rows[i][1]);
            const size_t len = padded == 1 ? want.n : sut_str_find(want, 0, '=');
            assert_true(sut_str_eq(sut_buf_str(&b), sut_str_of(want.p, len)));
            assert_false(
                sut_failed(sut_b64_parse(sut_buf_str(&b), padded == 1, raw, sizeof(raw), &n)));
            assert_true(sut_str_is(sut_str_of(raw, n), rows[i][0]));
            sut_buf_done(&b);
        }
    }
}

static void takes_one_text_for_the_same_bytes(void **state)
{
    (void) state;
    static const char *const bad[] = { "",      "Z",     "Zg",       "Zg=",   "Zh==",
                                       " Zg==", "Zg== ", "Zg\n=",    "Z===",  "====",
                                       "Zm9-",  "Zm9_",  "Zm8=Zm8=", "Zm9v=", "Zm9v====" };
    char raw[16];
    size_t n = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sut_b64_parse(sut_str_from(bad[i]), true, raw, sizeof(raw), &n).code,
                         SUT_E_PARSE);
    assert_int_equal(sut_b64_parse(SUT_STR("Zg=="), false, raw, sizeof(raw), &n).code, SUT_E_PARSE);
    assert_int_equal(sut_b64_parse(SUT_STR("Zm9v"), true, raw, 2, &n).code, SUT_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_rfc_s_vectors),
        cmocka_unit_test(takes_one_text_for_the_same_bytes),
    };
    return cmocka_run_group_tests_name("b64", tests, NULL, NULL);
}
