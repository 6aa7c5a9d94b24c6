/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/secret.h"
#include "crypto/aead_int.h"
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

static const enum sut_aead_way ways[] = { SUT_AEAD_WAY_EVP, SUT_AEAD_WAY_SODIUM };
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static bool has(enum sut_aead_way way)
{
    return way == SUT_AEAD_WAY_EVP || sut_aead_best_way() == way;
}

/* A prepared key of one way gives and takes the same bytes as the other. */
static void check_way(enum sut_aead_way way, bool is_valid, const struct sut_random *rnd,
                      sut_str key, sut_str aad, sut_str msg, sut_str sealed)
{
    struct sut_aead_key k;
    struct sut_buf got;
    sut_buf_init(&got, 8192);
    assert_false(sut_failed(sut_aead_key_init_as(&k, way, key)));
    const sut_err e = sut_aead_key_open(&k, aad, sealed, &got);
    if (is_valid) {
        assert_false(sut_failed(e));
        assert_true(sut_str_eq(sut_buf_str(&got), msg));
        sut_buf_reset(&got);
        assert_false(sut_failed(sut_aead_key_seal(rnd, &k, aad, msg, &got)));
        assert_true(sut_str_eq(sut_buf_str(&got), sealed));
    } else {
        assert_int_equal(e.code, SUT_E_CORRUPT);
        assert_int_equal(got.n, 0);
    }
    sut_buf_done(&got);
    sut_aead_key_done(&k);
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
    for (size_t w = 0; w < WAYS; w++) {
        if (has(ways[w]))
            check_way(ways[w], is_result(t, "valid"), &rnd, k, a, m, sut_buf_str(&want));
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

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, SUT_AEAD_NONCE);
}

static void two_seals_of_one_text_never_share_a_nonce(void **state)
{
    enum { N = 5000 };
    (void) state;
    static char seen[N][SUT_AEAD_NONCE];
    char raw[SUT_AEAD_KEY] = { 3 };
    for (size_t w = 0; w < WAYS; w++) {
        if (!has(ways[w]))
            continue;
        struct sut_aead_key k;
        struct sut_buf out;
        sut_buf_init(&out, 256);
        assert_false(sut_failed(sut_aead_key_init_as(&k, ways[w], sut_str_of(raw, sizeof(raw)))));
        for (size_t i = 0; i < N; i++) {
            sut_buf_reset(&out);
            assert_false(sut_failed(sut_aead_key_seal(&sut_random_system, &k, SUT_STR("a"),
                                                      SUT_STR("one and the same"), &out)));
            memcpy(seen[i], out.p, SUT_AEAD_NONCE);
        }
        qsort(seen, N, sizeof(seen[0]), by_bytes);
        for (size_t i = 1; i < N; i++)
            assert_memory_not_equal(seen[i - 1], seen[i], SUT_AEAD_NONCE);
        sut_buf_done(&out);
        sut_aead_key_done(&k);
    }
}

static void what_one_way_seals_the_other_opens(void **state)
{
    (void) state;
    if (!has(SUT_AEAD_WAY_SODIUM))
        skip();
    static char text[70000];
    char raw[SUT_AEAD_KEY] = { 9, 8, 7 };
    const size_t lengths[] = { 0, 1, 15, 16, 17, 31, 32, 33, 255, 4096, sizeof(text) };
    struct sut_aead_key k[WAYS];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char) (i * 31);
    for (size_t w = 0; w < WAYS; w++)
        assert_false(
            sut_failed(sut_aead_key_init_as(&k[w], ways[w], sut_str_of(raw, sizeof(raw)))));
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        for (size_t w = 0; w < WAYS; w++) {
            struct sut_buf sealed;
            struct sut_buf out;
            const sut_str plain = sut_str_of(text, lengths[i]);
            sut_buf_init(&sealed, sizeof(text) + 64);
            sut_buf_init(&out, 2 * sizeof(text) + 64);
            assert_false(sut_failed(
                sut_aead_key_seal(&sut_random_system, &k[w], SUT_STR("here"), plain, &sealed)));
            assert_false(sut_failed(
                sut_aead_key_open(&k[1 - w], SUT_STR("here"), sut_buf_str(&sealed), &out)));
            assert_true(sut_str_eq(sut_buf_str(&out), plain));
            assert_int_equal(
                sut_aead_key_open(&k[1 - w], SUT_STR("there"), sut_buf_str(&sealed), &out).code,
                SUT_E_CORRUPT);
            assert_int_equal(out.n, plain.n);
            sut_buf_done(&sealed);
            sut_buf_done(&out);
        }
    }
    for (size_t w = 0; w < WAYS; w++)
        sut_aead_key_done(&k[w]);
}

static void a_failed_open_leaves_no_plain_byte_behind(void **state)
{
    (void) state;
    char raw[SUT_AEAD_KEY] = { 5 };
    const sut_str plain = SUT_STR("ada.byron@example.com, Marylebone");
    for (size_t w = 0; w < WAYS; w++) {
        if (!has(ways[w]))
            continue;
        struct sut_aead_key k;
        struct sut_buf sealed;
        struct sut_buf out;
        sut_buf_init(&sealed, 256);
        sut_buf_init(&out, 256);
        assert_false(sut_failed(sut_aead_key_init_as(&k, ways[w], sut_str_of(raw, sizeof(raw)))));
        assert_false(
            sut_failed(sut_aead_key_seal(&sut_random_system, &k, SUT_STR("row"), plain, &sealed)));
        sealed.p[sealed.n - 1] ^= 1;
        assert_int_equal(sut_aead_key_open(&k, SUT_STR("row"), sut_buf_str(&sealed), &out).code,
                         SUT_E_CORRUPT);
        assert_int_equal(out.n, 0);
        if (out.cap > plain.n)
            assert_null(memmem(out.p, out.cap, plain.p, 8));
        sut_buf_done(&sealed);
        sut_buf_done(&out);
        sut_aead_key_done(&k);
    }
}

static void a_key_that_is_done_is_zero_and_of_no_use(void **state)
{
    (void) state;
    char raw[SUT_AEAD_KEY];
    memset(raw, 0x5a, sizeof(raw));
    for (size_t w = 0; w < WAYS; w++) {
        if (!has(ways[w]))
            continue;
        struct sut_aead_key k;
        struct sut_buf out;
        sut_buf_init(&out, 64);
        assert_false(sut_failed(sut_aead_key_init_as(&k, ways[w], sut_str_of(raw, sizeof(raw)))));
        assert_non_null(memmem(k.state, sizeof(k.state), raw, sizeof(raw)));
        sut_aead_key_done(&k);
        for (size_t i = 0; i < sizeof(k.state); i++)
            assert_int_equal(k.state[i], 0);
        assert_int_equal(
            sut_aead_key_seal(&sut_random_system, &k, SUT_STR(""), SUT_STR("x"), &out).code,
            SUT_E_INVALID);
        assert_int_equal(sut_aead_key_open(&k, SUT_STR(""), SUT_STR(""), &out).code, SUT_E_INVALID);
        assert_int_equal(out.n, 0);
        sut_buf_done(&out);
    }
}

static void a_key_is_aligned_wherever_it_lies(void **state)
{
    (void) state;
    struct {
        char odd;
        struct sut_aead_key k;
    } both;
    assert_int_equal((uintptr_t) &both.k % 16, 0);
    assert_true(sizeof(both.k) >= sizeof(struct sut_aead_inside));
    for (size_t n = 0; n < 64; n++) {
        char raw[64] = { 1 };
        const sut_err e = sut_aead_key_init(&both.k, sut_str_of(raw, n));
        assert_int_equal(e.code, n == SUT_AEAD_KEY ? SUT_E_OK : SUT_E_INVALID);
    }
    sut_aead_key_done(&both.k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_wycheproof),
        cmocka_unit_test(every_bit_and_byte_of_a_sealed_text_counts),
        cmocka_unit_test(an_empty_text_is_sealed_too),
        cmocka_unit_test(refuses_a_wrong_key_length_a_full_buffer_and_a_dry_source),
        cmocka_unit_test(two_seals_of_one_text_never_share_a_nonce),
        cmocka_unit_test(what_one_way_seals_the_other_opens),
        cmocka_unit_test(a_failed_open_leaves_no_plain_byte_behind),
        cmocka_unit_test(a_key_that_is_done_is_zero_and_of_no_use),
        cmocka_unit_test(a_key_is_aligned_wherever_it_lies),
    };
    return cmocka_run_group_tests_name("aead", tests, NULL, NULL);
}
