/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/aead.h"

static const char master_bytes[32] = "0123456789abcdef0123456789abcde";
static const char other_bytes[32] = "0123456789abcdef0123456789abcdX";

static sut_str master(void)
{
    return sut_str_of(master_bytes, sizeof(master_bytes));
}

static void gives_the_same_key_back(void **state)
{
    (void) state;
    struct sut_buf w;
    struct sut_secret *key = NULL;
    sut_buf_init(&w, 8192);
    assert_false(
        sut_failed(sut_wrap(&sut_random_system, master(), SUT_STR("token"), SUT_STR("k"), &w)));
    assert_int_equal(w.p[0], 1);
    assert_int_equal(w.n, 1 + 1 + SUT_AEAD_OVERHEAD);
    assert_false(sut_failed(sut_unwrap(master(), SUT_STR("token"), sut_buf_str(&w), &key)));
    assert_true(sut_str_is(sut_secret_str(key), "k"));
    sut_secret_free(&key);
    sut_buf_done(&w);
}

static void another_purpose_master_version_or_bit_is_refused(void **state)
{
    (void) state;
    struct sut_buf w;
    struct sut_secret *key = NULL;
    sut_buf_init(&w, 8192);
    assert_false(
        sut_failed(sut_wrap(&sut_random_system, master(), SUT_STR("token"), SUT_STR("key"), &w)));
    const sut_str text = sut_buf_str(&w);
    assert_int_equal(sut_unwrap(master(), SUT_STR("file"), text, &key).code, SUT_E_CORRUPT);
    assert_int_equal(sut_unwrap(sut_str_of(other_bytes, 32), SUT_STR("token"), text, &key).code,
                     SUT_E_CORRUPT);
    for (size_t bit = 0; bit < 8 * w.n; bit++) {
        w.p[bit / 8] = (char) (w.p[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(sut_unwrap(master(), SUT_STR("token"), text, &key).code, SUT_E_CORRUPT);
        w.p[bit / 8] = (char) (w.p[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t n = 0; n < w.n; n++)
        assert_int_equal(sut_unwrap(master(), SUT_STR("token"), sut_str_of(text.p, n), &key).code,
                         SUT_E_CORRUPT);
    assert_null(key);
    sut_buf_done(&w);
}

static void refuses_what_is_too_long(void **state)
{
    (void) state;
    static char big[SUT_WRAP_KEY_MAX + 1];
    struct sut_buf w;
    sut_buf_init(&w, 8192);
    assert_int_equal(
        sut_wrap(&sut_random_system, master(), SUT_STR("p"), sut_str_of(big, sizeof(big)), &w).code,
        SUT_E_INVALID);
    assert_int_equal(
        sut_wrap(&sut_random_system, master(), sut_str_of(big, 65), SUT_STR("k"), &w).code,
        SUT_E_INVALID);
    assert_int_equal(sut_wrap(&sut_random_system, master(), SUT_STR(""), SUT_STR("k"), &w).code,
                     SUT_E_INVALID);
    assert_int_equal(
        sut_wrap(&sut_random_system, SUT_STR("short"), SUT_STR("p"), SUT_STR("k"), &w).code,
        SUT_E_INVALID);
    assert_int_equal(w.n, 0);

    struct sut_secret *key = NULL;
    assert_false(sut_failed(sut_wrap(&sut_random_system, master(), SUT_STR("p"),
                                     sut_str_of(big, SUT_WRAP_KEY_MAX), &w)));
    assert_false(sut_failed(sut_unwrap(master(), SUT_STR("p"), sut_buf_str(&w), &key)));
    assert_int_equal(sut_secret_str(key).n, SUT_WRAP_KEY_MAX);
    sut_secret_free(&key);
    sut_buf_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_key_back),
        cmocka_unit_test(another_purpose_master_version_or_bit_is_refused),
        cmocka_unit_test(refuses_what_is_too_long),
    };
    return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
