/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scan.h"
#include "corpus_json.h"

enum { HEX_MAX = 4608, COORDINATE = 32 };

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
    assert_true(s.n <= COORDINATE);
    memset(to, 0, COORDINATE);
    memcpy(to + COORDINATE - s.n, s.p, s.n);
    return sut_str_of(to, COORDINATE);
}

/* The key of a group of cases; NULL: one that we rightly don't take. */
static struct sut_cose_key *key_of(enum sut_cose_alg alg, const json_t *group)
{
    char a[HEX_MAX];
    char b[HEX_MAX];
    struct sut_cose_key *k = NULL;
    const json_t *key = json_object_get(group, "publicKey");
    if (alg == SUT_COSE_ES256)
        assert_false(sut_failed(sut_cose_create_es256(
            coordinate_of(corpus_str(key, "wx"), a), coordinate_of(corpus_str(key, "wy"), b), &k)));
    else if (alg == SUT_COSE_EDDSA)
        assert_false(
            sut_failed(sut_cose_create_eddsa(bytes_of(corpus_str(key, "pk"), a, false), &k)));
    else if (sut_failed(sut_cose_create_rs256(bytes_of(corpus_str(key, "modulus"), a, true),
                                              bytes_of(corpus_str(key, "publicExponent"), b, true),
                                              &k)))
        assert_string_equal(corpus_str(key, "publicExponent"), "03");
    return k;
}

static size_t judge(const char *file, enum sut_cose_alg alg)
{
    json_t *d = corpus_json(file);
    size_t seen = 0;
    size_t gi = 0;
    size_t i = 0;
    const json_t *g = NULL;
    const json_t *t = NULL;
    if (d == NULL)
        skip();
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        struct sut_cose_key *k = key_of(alg, g);
        if (k == NULL)
            continue;
        assert_int_equal(sut_cose_alg_of(k), alg);
        json_array_foreach(json_object_get(g, "tests"), i, t)
        {
            char msg[HEX_MAX];
            char sig[HEX_MAX];
            const bool is_taken = sut_cose_verify(k, bytes_of(corpus_str(t, "msg"), msg, false),
                                                  bytes_of(corpus_str(t, "sig"), sig, false));
            /* "acceptable": RSA without the NULL of its parameters; we need not, and don't. */
            if (is_taken != (strcmp(corpus_str(t, "result"), "valid") == 0))
                fail_msg("%s: case %lld", file,
                         (long long) json_integer_value(json_object_get(t, "tcId")));
            seen++;
        }
        sut_cose_free(&k);
        assert_null(k);
    }
    json_decref(d);
    return seen;
}

static void judges_wycheproofs_ecdsa_signatures_in_der(void **state)
{
    (void) state;
    assert_true(judge("wycheproof/ecdsa_secp256r1_sha256_test.json", SUT_COSE_ES256) > 400);
}

static void judges_wycheproofs_ed25519_signatures(void **state)
{
    (void) state;
    assert_true(judge("wycheproof/ed25519_test.json", SUT_COSE_EDDSA) > 100);
}

static void judges_wycheproofs_rsa_signatures(void **state)
{
    (void) state;
    assert_true(judge("wycheproof/rsa_signature_2048_sha256_test.json", SUT_COSE_RS256) > 200);
}

static void numbers_of_another_size_are_no_key(void **state)
{
    (void) state;
    static const char zeros[64];
    struct sut_cose_key *k = NULL;
    assert_int_equal(sut_cose_create_es256(sut_str_of(zeros, 32), sut_str_of(zeros, 32), &k).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_cose_create_es256(sut_str_of(zeros, 31), sut_str_of(zeros, 32), &k).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_cose_create_eddsa(sut_str_of(zeros, 31), &k).code, SUT_E_INVALID);
    assert_int_equal(sut_cose_create_eddsa(sut_str_of(zeros, 33), &k).code, SUT_E_INVALID);
    assert_int_equal(sut_cose_create_eddsa((sut_str){ 0 }, &k).code, SUT_E_INVALID);
    assert_int_equal(sut_cose_create_rs256((sut_str){ 0 }, (sut_str){ 0 }, &k).code, SUT_E_INVALID);
    assert_null(k);
}

static void what_is_no_certificate_is_invalid(void **state)
{
    (void) state;
    static const unsigned char aaguid[SUT_AAGUID];
    static const char zeros[SUT_COSE_SIGNATURE_MAX + 1];
    static const sut_str bad[] = {
        { 0 }, SUT_STR_INIT("x"), SUT_STR_INIT("\x30\x80"), SUT_STR_INIT("\x30\x84\xff\xff\xff\xff")
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            sut_cose_certified(bad[i], SUT_COSE_ES256, aaguid, SUT_STR("m"), SUT_STR("s")).code,
            SUT_E_INVALID);
    assert_int_equal(sut_cose_certified(SUT_STR("x"), SUT_COSE_ES256, aaguid, SUT_STR("m"),
                                        sut_str_of(zeros, sizeof(zeros)))
                         .code,
                     SUT_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_wycheproofs_ecdsa_signatures_in_der),
        cmocka_unit_test(judges_wycheproofs_ed25519_signatures),
        cmocka_unit_test(judges_wycheproofs_rsa_signatures),
        cmocka_unit_test(numbers_of_another_size_are_no_key),
        cmocka_unit_test(what_is_no_certificate_is_invalid),
    };
    return cmocka_run_group_tests_name("cose", tests, NULL, NULL);
}
