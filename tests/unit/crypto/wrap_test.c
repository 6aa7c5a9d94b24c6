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

/* The key again, of either format; version 1. */
static sut_err unwrap(sut_str under, sut_str purpose, sut_str wrapped, struct sut_secret **ret)
{
    char plain[SUT_WRAP_KEY_MAX + 1];
    struct sut_buf b = { .p = plain, .cap = sizeof(plain), .max = sizeof(plain) };
    DEFER(sut_wrap_key_done) struct sut_wrap_key k;
    TRY(sut_wrap_key_init(&k, under));
    TRY(sut_wrap_key_unwrap(&k, purpose, 1, wrapped, &b));
    return sut_secret_dup(sut_buf_str(&b), ret);
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
    assert_false(sut_failed(unwrap(master(), SUT_STR("token"), sut_buf_str(&w), &key)));
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
    assert_int_equal(unwrap(master(), SUT_STR("file"), text, &key).code, SUT_E_CORRUPT);
    assert_int_equal(unwrap(sut_str_of(other_bytes, 32), SUT_STR("token"), text, &key).code,
                     SUT_E_CORRUPT);
    for (size_t bit = 0; bit < 8 * w.n; bit++) {
        w.p[bit / 8] = (char) (w.p[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(unwrap(master(), SUT_STR("token"), text, &key).code, SUT_E_CORRUPT);
        w.p[bit / 8] = (char) (w.p[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t n = 0; n < w.n; n++)
        assert_int_equal(unwrap(master(), SUT_STR("token"), sut_str_of(text.p, n), &key).code,
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
    assert_false(sut_failed(unwrap(master(), SUT_STR("p"), sut_buf_str(&w), &key)));
    assert_int_equal(sut_secret_str(key).n, SUT_WRAP_KEY_MAX);
    sut_secret_free(&key);
    sut_buf_done(&w);
}

static void a_key_of_format_2_names_its_master_and_is_bound_to_purpose_and_version(void **state)
{
    (void) state;
    struct sut_wrap_key mine;
    struct sut_wrap_key other;
    struct sut_buf w;
    char room[64];
    struct sut_buf out = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    const sut_str purpose = SUT_STR("token");
    assert_false(sut_failed(sut_wrap_key_init(&mine, master())));
    assert_false(sut_failed(sut_wrap_key_init(&other, sut_str_of(other_bytes, 32))));
    assert_int_equal(sut_wrap_key_init(&other, SUT_STR("short")).code, SUT_E_INVALID);
    assert_false(sut_failed(sut_wrap_key_init(&other, sut_str_of(other_bytes, 32))));
    assert_memory_not_equal(mine.id, other.id, SUT_WRAP_ID);
    sut_buf_init(&w, 8192);
    assert_false(
        sut_failed(sut_wrap_key_wrap(&sut_random_system, &mine, purpose, 7, SUT_STR("key"), &w)));
    const sut_str text = sut_buf_str(&w);
    assert_int_equal(w.p[0], 2);
    assert_int_equal(w.n, SUT_WRAP_OVERHEAD + 3);
    assert_memory_equal(w.p + 1, mine.id, SUT_WRAP_ID);
    assert_true(sut_wrap_key_is_of(&mine, text));
    assert_false(sut_wrap_key_is_of(&other, text));
    assert_false(sut_failed(sut_wrap_key_unwrap(&mine, purpose, 7, text, &out)));
    assert_true(sut_str_is(sut_buf_str(&out), "key"));
    sut_buf_reset(&out);
    assert_int_equal(sut_wrap_key_unwrap(&mine, purpose, 8, text, &out).code, SUT_E_CORRUPT);
    assert_int_equal(sut_wrap_key_unwrap(&mine, SUT_STR("toke"), 7, text, &out).code,
                     SUT_E_CORRUPT);
    assert_int_equal(sut_wrap_key_unwrap(&other, purpose, 7, text, &out).code, SUT_E_CORRUPT);
    for (size_t bit = 0; bit < 8 * w.n; bit++) {
        w.p[bit / 8] = (char) (w.p[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(sut_wrap_key_unwrap(&mine, purpose, 7, text, &out).code, SUT_E_CORRUPT);
        w.p[bit / 8] = (char) (w.p[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t n = 0; n < w.n; n++)
        assert_int_equal(sut_wrap_key_unwrap(&mine, purpose, 7, sut_str_of(text.p, n), &out).code,
                         SUT_E_CORRUPT);
    assert_int_equal(out.n, 0);
    sut_buf_reset(&w);
    /* One of format 1 opens for any version, under its own master key. */
    assert_false(sut_failed(sut_wrap(&sut_random_system, master(), purpose, SUT_STR("old"), &w)));
    assert_false(sut_wrap_key_is_of(&mine, sut_buf_str(&w)));
    assert_false(sut_failed(sut_wrap_key_unwrap(&mine, purpose, 99, sut_buf_str(&w), &out)));
    assert_true(sut_str_is(sut_buf_str(&out), "old"));
    assert_int_equal(sut_wrap_key_unwrap(&other, purpose, 99, sut_buf_str(&w), &out).code,
                     SUT_E_CORRUPT);
    sut_wrap_key_done(&mine);
    sut_wrap_key_done(&other);
    sut_buf_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_of_format_2_names_its_master_and_is_bound_to_purpose_and_version),
        cmocka_unit_test(gives_the_same_key_back),
        cmocka_unit_test(another_purpose_master_version_or_bit_is_refused),
        cmocka_unit_test(refuses_what_is_too_long),
    };
    return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
