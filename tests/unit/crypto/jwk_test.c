/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/jwk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scan.h"
#include "corpus_json.h"

enum { HEX_MAX = 4096 };

/* Bytes of hexadecimal digits, without zeros at the front when `is_number`. */
static sut_str bytes_of(const char *hex, char to[HEX_MAX], bool is_number)
{
    const sut_str s = sut_str_from(hex);
    assert_true(s.n % 2 == 0 && s.n / 2 <= HEX_MAX);
    assert_false(sut_failed(sut_parse_hex(s, to, s.n / 2)));
    sut_str b = sut_str_of(to, s.n / 2);
    while (is_number && b.n > 1 && b.p[0] == '\0')
        b = sut_str_sub(b, 1, b.n);
    return b;
}

/* A coordinate is 32 bytes, zeros and all. */
static sut_str coordinate_of(const char *hex, char to[HEX_MAX])
{
    char raw[HEX_MAX];
    const sut_str s = bytes_of(hex, raw, true);
    assert_true(s.n <= SUT_JWK_P256);
    memset(to, 0, SUT_JWK_P256);
    memcpy(to + SUT_JWK_P256 - s.n, s.p, s.n);
    return sut_str_of(to, SUT_JWK_P256);
}

static size_t judge(const struct sut_jwk *k, const json_t *group)
{
    size_t i = 0;
    const json_t *t = NULL;
    json_array_foreach(json_object_get(group, "tests"), i, t)
    {
        char msg[HEX_MAX];
        char sig[HEX_MAX];
        const bool is_taken = sut_jwk_verify(k, bytes_of(corpus_str(t, "msg"), msg, false),
                                             bytes_of(corpus_str(t, "sig"), sig, false));
        const char *want = corpus_str(t, "result");
        /* "acceptable": RSA without the NULL of its parameters; we need not, and don't. */
        if (is_taken != (strcmp(want, "valid") == 0))
            fail_msg("case %lld: %s", (long long) json_integer_value(json_object_get(t, "tcId")),
                     want);
    }
    return i;
}

static void judges_wycheproofs_rsa_signatures(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/rsa_signature_2048_sha256_test.json");
    if (d == NULL)
        skip();
    size_t gi = 0;
    size_t seen = 0;
    const json_t *g = NULL;
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        char n[HEX_MAX];
        char e[HEX_MAX];
        struct sut_jwk *k = NULL;
        const json_t *key = json_object_get(g, "publicKey");
        const sut_str exponent = bytes_of(corpus_str(key, "publicExponent"), e, true);
        const sut_err made =
            sut_jwk_create_rsa(bytes_of(corpus_str(key, "modulus"), n, true), exponent, &k);
        if (exponent.n < 3) {
            assert_int_equal(made.code, SUT_E_INVALID);
            continue;
        }
        assert_false(sut_failed(made));
        assert_int_equal(sut_jwk_alg(k), SUT_JWK_RS256);
        seen += judge(k, g);
        sut_jwk_free(&k);
    }
    assert_true(seen >= 250);
    json_decref(d);
}

static void judges_wycheproofs_ecdsa_signatures(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");
    if (d == NULL)
        skip();
    size_t gi = 0;
    size_t seen = 0;
    const json_t *g = NULL;
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        char x[HEX_MAX];
        char y[HEX_MAX];
        struct sut_jwk *k = NULL;
        const json_t *key = json_object_get(g, "publicKey");
        assert_false(sut_failed(sut_jwk_create_p256(coordinate_of(corpus_str(key, "wx"), x),
                                                    coordinate_of(corpus_str(key, "wy"), y), &k)));
        assert_int_equal(sut_jwk_alg(k), SUT_JWK_ES256);
        seen += judge(k, g);
        sut_jwk_free(&k);
    }
    assert_int_equal(seen, json_integer_value(json_object_get(d, "numberOfTests")));
    json_decref(d);
}

/*
 * A key of some number of this size.  Numbers with a small factor are refused as well, which
 * most are: of a hundred one will do.
 */
static enum sut_ecode rsa(size_t n_bytes, unsigned char first, unsigned char last, sut_str e)
{
    char n[1024];
    uint32_t chance = 1;
    sut_err made = SUT_OK;
    for (unsigned i = 0; i < 100; i++) {
        struct sut_jwk *k = NULL;
        for (size_t at = 0; at < sizeof(n); at++) {
            chance = chance * 1664525 + 1013904223;
            n[at] = (char) (chance >> 24);
        }
        n[0] = (char) first;
        n[n_bytes - 1] = (char) last;
        made = sut_jwk_create_rsa(sut_str_of(n, n_bytes), e, &k);
        sut_jwk_free(&k);
        if (!sut_failed(made))
            break;
    }
    return made.code;
}

static void takes_rsa_keys_of_2048_to_4096_bits_alone(void **state)
{
    (void) state;
    const sut_str f4 = SUT_STR("\x01\x00\x01");
    assert_int_equal(rsa(256, 0xc5, 0x5b, f4), SUT_E_OK);
    assert_int_equal(rsa(512, 0xc5, 0x5b, f4), SUT_E_OK);
    assert_int_equal(rsa(384, 0xc5, 0x5b, SUT_STR("\x7f\xff\xff\xff")), SUT_E_OK);
    /* one bit short, sizes of before, too long */
    assert_int_equal(rsa(256, 0x7f, 0x5b, f4), SUT_E_INVALID);
    assert_int_equal(rsa(128, 0xc5, 0x5b, f4), SUT_E_INVALID);
    assert_int_equal(rsa(64, 0xc5, 0x5b, f4), SUT_E_INVALID);
    assert_int_equal(rsa(513, 0xc5, 0x5b, f4), SUT_E_INVALID);
    assert_int_equal(rsa(1024, 0xc5, 0x5b, f4), SUT_E_INVALID);
    /* a zero in front, an even number */
    assert_int_equal(rsa(257, 0, 0x5b, f4), SUT_E_INVALID);
    assert_int_equal(rsa(256, 0xc5, 0x5a, f4), SUT_E_INVALID);
    /* exponents */
    static const sut_str bad[] = {
        SUT_STR_INIT(""),
        SUT_STR_INIT("\x01"),
        SUT_STR_INIT("\x03"),
        SUT_STR_INIT("\x11"),
        SUT_STR_INIT("\x01\x00"),
        SUT_STR_INIT("\x01\x00\x02"),
        SUT_STR_INIT("\xff\xff"),
        SUT_STR_INIT("\x00\x01\x00\x01"),
        SUT_STR_INIT("\x01\0\0\0\1"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rsa(256, 0xc5, 0x5b, bad[i]), SUT_E_INVALID);
    struct sut_jwk *k = NULL;
    assert_int_equal(sut_jwk_create_rsa((sut_str){ 0 }, f4, &k).code, SUT_E_INVALID);
}

/* The generator of P-256: SEC 2, 2.4.2. */
static const char gx[] = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
static const char gy[] = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

static void takes_points_of_the_curve_alone(void **state)
{
    (void) state;
    char x[HEX_MAX];
    char y[HEX_MAX];
    struct sut_jwk *k = NULL;
    const sut_str good_x = bytes_of(gx, x, false);
    const sut_str good_y = bytes_of(gy, y, false);
    assert_false(sut_failed(sut_jwk_create_p256(good_x, good_y, &k)));
    sut_jwk_free(&k);
    assert_int_equal(sut_jwk_create_p256(good_y, good_x, &k).code, SUT_E_INVALID);
    assert_int_equal(sut_jwk_create_p256(sut_str_sub(good_x, 0, 31), good_y, &k).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_jwk_create_p256(good_x, (sut_str){ 0 }, &k).code, SUT_E_INVALID);
    for (size_t bit = 0; bit < 256; bit++) {
        y[bit / 8] = (char) (y[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(sut_jwk_create_p256(good_x, good_y, &k).code, SUT_E_INVALID);
        y[bit / 8] = (char) (y[bit / 8] ^ 1 << bit % 8);
    }
    char zero[SUT_JWK_P256] = { 0 };
    const sut_str none = sut_str_of(zero, sizeof(zero));
    assert_int_equal(sut_jwk_create_p256(none, none, &k).code, SUT_E_INVALID);
    memset(zero, 0xff, sizeof(zero));
    assert_int_equal(sut_jwk_create_p256(none, none, &k).code, SUT_E_INVALID);
}

static void a_signature_of_another_length_is_none(void **state)
{
    (void) state;
    char x[HEX_MAX];
    char y[HEX_MAX];
    char sig[SUT_JWK_RSA_MAX + 1] = { 1 };
    struct sut_jwk *k = NULL;
    assert_false(
        sut_failed(sut_jwk_create_p256(bytes_of(gx, x, false), bytes_of(gy, y, false), &k)));
    for (size_t n = 0; n <= sizeof(sig); n++)
        assert_false(sut_jwk_verify(k, SUT_STR("text"), sut_str_of(sig, n)));
    sut_jwk_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_wycheproofs_rsa_signatures),
        cmocka_unit_test(judges_wycheproofs_ecdsa_signatures),
        cmocka_unit_test(takes_rsa_keys_of_2048_to_4096_bits_alone),
        cmocka_unit_test(takes_points_of_the_curve_alone),
        cmocka_unit_test(a_signature_of_another_length_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
