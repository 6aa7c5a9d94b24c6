/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vectors.h"

/* A source that gives what the test wants. */
static SUT_ERR give(void *ctx, void *p, size_t n)
{
    memcpy(p, ctx, n);
    return SUT_OK;
}

static SUT_ERR give_nothing(void *ctx, void *p, size_t n)
{
    (void) ctx;
    (void) p;
    (void) n;
    FAIL(SYSTEM);
}

static void check(const json_t *t)
{
    struct hex key;
    struct hex iv;
    struct hex aad;
    struct hex msg;
    struct hex ct;
    struct hex tag;
    const struct sut_random rnd = { .fill = give, .ctx = iv.p };
    const sut_str k = hex_of(&key, t, "key");
    const sut_str a = hex_of(&aad, t, "aad");
    const sut_str m = hex_of(&msg, t, "msg");
    struct sut_buf want;
    struct sut_buf got;
    sut_buf_init(&want, 8192);
    sut_buf_init(&got, 8192);
    sut_buf_str_add(&want, hex_of(&iv, t, "iv"));
    sut_buf_str_add(&want, hex_of(&ct, t, "ct"));
    sut_buf_str_add(&want, hex_of(&tag, t, "tag"));

    const sut_err e = sut_aead_open(k, a, sut_buf_str(&want), &got);
    if (is_result(t, "valid")) {
        assert_false(sut_failed(e));
        assert_true(sut_str_eq(sut_buf_str(&got), m));
        sut_buf_reset(&got);
        assert_false(sut_failed(sut_aead_seal(&rnd, k, a, m, &got)));
        assert_true(sut_str_eq(sut_buf_str(&got), sut_buf_str(&want)));
    } else {
        assert_int_equal(e.code, SUT_E_CORRUPT);
        assert_int_equal(got.n, 0);
    }
    sut_buf_done(&want);
    sut_buf_done(&got);
}

static void agrees_with_wycheproof(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/aes_gcm_test.json");
    if (d == NULL)
        skip();
    size_t gi = 0;
    size_t ti = 0;
    size_t seen = 0;
    const json_t *g = NULL;
    const json_t *t = NULL;
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        /* Ours is AES-256-GCM with a nonce of 96 bits alone. */
        if (json_integer_value(json_object_get(g, "keySize")) != 256 ||
            json_integer_value(json_object_get(g, "ivSize")) != 96)
            continue;
        json_array_foreach(json_object_get(g, "tests"), ti, t)
        {
            check(t);
            seen++;
        }
    }
    assert_true(seen >= 50);
    json_decref(d);
}

static void every_bit_and_byte_of_a_sealed_text_counts(void **state)
{
    (void) state;
    char key[SUT_AEAD_KEY] = { 1 };
    const sut_str k = sut_str_of(key, sizeof(key));
    struct sut_buf sealed;
    struct sut_buf out;
    sut_buf_init(&sealed, 256);
    sut_buf_init(&out, 256);
    assert_false(
        sut_failed(sut_aead_seal(&sut_random_system, k, SUT_STR("row 1"), SUT_STR("hi"), &sealed)));
    assert_int_equal(sealed.n, 2 + SUT_AEAD_OVERHEAD);
    assert_false(sut_failed(sut_aead_open(k, SUT_STR("row 1"), sut_buf_str(&sealed), &out)));
    assert_true(sut_str_is(sut_buf_str(&out), "hi"));
    sut_buf_reset(&out);

    for (size_t bit = 0; bit < 8 * sealed.n; bit++) {
        sealed.p[bit / 8] = (char) (sealed.p[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(sut_aead_open(k, SUT_STR("row 1"), sut_buf_str(&sealed), &out).code,
                         SUT_E_CORRUPT);
        sealed.p[bit / 8] = (char) (sealed.p[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t n = 0; n < sealed.n; n++)
        assert_int_equal(sut_aead_open(k, SUT_STR("row 1"), sut_str_of(sealed.p, n), &out).code,
                         SUT_E_CORRUPT);
    assert_int_equal(sut_aead_open(k, SUT_STR("row 2"), sut_buf_str(&sealed), &out).code,
                     SUT_E_CORRUPT);
    assert_int_equal(out.n, 0);
    sut_buf_done(&sealed);
    sut_buf_done(&out);
}

static void an_empty_text_is_sealed_too(void **state)
{
    (void) state;
    char key[SUT_AEAD_KEY] = { 7 };
    const sut_str k = sut_str_of(key, sizeof(key));
    const sut_str none = sut_str_of(NULL, 0);
    struct sut_buf sealed;
    struct sut_buf out;
    sut_buf_init(&sealed, 64);
    sut_buf_init(&out, 64);
    assert_false(sut_failed(sut_aead_seal(&sut_random_system, k, none, none, &sealed)));
    assert_int_equal(sealed.n, SUT_AEAD_OVERHEAD);
    assert_false(sut_failed(sut_aead_open(k, none, sut_buf_str(&sealed), &out)));
    assert_int_equal(out.n, 0);
    sut_buf_done(&sealed);
    sut_buf_done(&out);
}

static void refuses_a_wrong_key_length_a_full_buffer_and_a_dry_source(void **state)
{
    (void) state;
    char key[SUT_AEAD_KEY + 1] = { 0 };
    const sut_str k = sut_str_of(key, SUT_AEAD_KEY);
    const struct sut_random dry = { .fill = give_nothing, .ctx = NULL };
    struct sut_buf out;
    sut_buf_init(&out, 64);
    for (size_t n = 0; n <= sizeof(key); n++) {
        if (n == SUT_AEAD_KEY)
            continue;
        assert_int_equal(
            sut_aead_seal(&sut_random_system, sut_str_of(key, n), SUT_STR(""), SUT_STR("x"), &out)
                .code,
            SUT_E_INVALID);
    }
    assert_int_equal(sut_aead_seal(&dry, k, SUT_STR(""), SUT_STR("x"), &out).code, SUT_E_SYSTEM);
    assert_int_equal(out.n, 0);
    char large[65] = { 0 };
    assert_int_equal(
        sut_aead_seal(&sut_random_system, k, SUT_STR(""), sut_str_of(large, sizeof(large)), &out)
            .code,
        SUT_E_TOO_LARGE);
    sut_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_wycheproof),
        cmocka_unit_test(every_bit_and_byte_of_a_sealed_text_counts),
        cmocka_unit_test(an_empty_text_is_sealed_too),
        cmocka_unit_test(refuses_a_wrong_key_length_a_full_buffer_and_a_dry_source),
    };
    return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
