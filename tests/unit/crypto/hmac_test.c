/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vectors.h"

static void agrees_with_wycheproof(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/hmac_sha256_test.json");
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
            struct hex key;
            struct hex msg;
            struct hex tag;
            unsigned char own[SUT_HMAC_SIZE];
            struct sut_hmac_key k;
            sut_hmac_key_init(&k, hex_of(&key, t, "key"));
            (void) hex_of(&msg, t, "msg");
            (void) hex_of(&tag, t, "tag");
            sut_hmac(&k, sut_str_of(msg.p, msg.n), own);
            const bool same = memcmp(own, tag.p, tag.n) == 0;
            assert_int_equal(same, is_result(t, "valid"));
            /* We never take a short MAC. */
            assert_int_equal(
                sut_hmac_verify(&k, sut_str_of(msg.p, msg.n), sut_str_of(tag.p, tag.n)),
                same && tag.n == SUT_HMAC_SIZE);
            seen++;
        }
    }
    assert_int_equal(seen, json_integer_value(json_object_get(d, "numberOfTests")));
    json_decref(d);
}

static void agrees_with_wycheproof_for_sha512(void **state)
{
    (void) state;
    json_t *d = corpus_json("wycheproof/hmac_sha512_test.json");
    if (d == NULL)
        skip();
    size_t gi = 0;
    size_t ti = 0;
    const json_t *g = NULL;
    const json_t *t = NULL;
    json_array_foreach(json_object_get(d, "testGroups"), gi, g)
    {
        json_array_foreach(json_object_get(g, "tests"), ti, t)
        {
            struct hex key;
            struct hex msg;
            struct hex tag;
            unsigned char own[SUT_HMAC_SHA512_SIZE];
            const sut_str k = hex_of(&key, t, "key");
            (void) hex_of(&msg, t, "msg");
            (void) hex_of(&tag, t, "tag");
            assert_false(sut_failed(sut_hmac_sha512(k, sut_str_of(msg.p, msg.n), own)));
            assert_int_equal(memcmp(own, tag.p, tag.n) == 0, is_result(t, "valid"));
        }
    }
    json_decref(d);
}

static void the_vector_of_rfc_4231_is_met_with_sha512(void **state)
{
    (void) state;
    static const unsigned char begins[] = { 0x16, 0x4b, 0x7a, 0x7b, 0xfc, 0xf8, 0x19, 0xe2 };
    unsigned char own[SUT_HMAC_SHA512_SIZE];
    assert_false(
        sut_failed(sut_hmac_sha512(SUT_STR("Jefe"), SUT_STR("what do ya want for nothing?"), own)));
    assert_memory_equal(own, begins, sizeof(begins));
    assert_false(sut_failed(sut_hmac_sha512(SUT_STR(""), SUT_STR(""), own)));
}

static void parts_are_the_message(void **state)
{
    (void) state;
    const char text[] = "a message that is longer than one block of sixty-four bytes, by some way";
    const sut_str whole = sut_str_from(text);
    unsigned char a[SUT_HMAC_SIZE];
    unsigned char b[SUT_HMAC_SIZE];
    sut_hmac_once(SUT_STR("k"), whole, a);
    struct sut_hmac_key k;
    sut_hmac_key_init(&k, SUT_STR("k"));
    for (size_t at = 0; at <= whole.n; at++) {
        const sut_str parts[] = { sut_str_sub(whole, 0, at), sut_str_sub(whole, at, whole.n) };
        sut_hmac_parts(&k, parts, 2, b);
        assert_memory_equal(a, b, sizeof(a));
    }
}

static void every_bit_of_a_mac_counts(void **state)
{
    (void) state;
    struct sut_hmac_key k;
    unsigned char mac[SUT_HMAC_SIZE];
    sut_hmac_key_init(&k, SUT_STR("key"));
    sut_hmac(&k, SUT_STR("m"), mac);
    const sut_str text = sut_str_of((const char *) mac, sizeof(mac));
    assert_true(sut_hmac_verify(&k, SUT_STR("m"), text));
    for (size_t bit = 0; bit < 8 * sizeof(mac); bit++) {
        mac[bit / 8] ^= (unsigned char) (1u << (bit % 8));
        assert_false(sut_hmac_verify(&k, SUT_STR("m"), text));
        mac[bit / 8] ^= (unsigned char) (1u << (bit % 8));
    }
    for (size_t n = 0; n < sizeof(mac); n++)
        assert_false(sut_hmac_verify(&k, SUT_STR("m"), sut_str_of(text.p, n)));
}

static void digests_nothing_and_parts(void **state)
{
    (void) state;
    /* FIPS 180-4's empty message. */
    unsigned char want[SUT_SHA256_SIZE];
    unsigned char got[SUT_SHA256_SIZE];
    assert_false(sut_failed(
        sut_parse_hex(SUT_STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
                      want, sizeof(want))));
    sut_sha256(sut_str_of(NULL, 0), got);
    assert_memory_equal(got, want, sizeof(want));
    const sut_str abc[] = { SUT_STR("a"), SUT_STR("bc") };
    sut_sha256(SUT_STR("abc"), want);
    sut_sha256_parts(abc, 2, got);
    assert_memory_equal(got, want, sizeof(want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_wycheproof),
        cmocka_unit_test(agrees_with_wycheproof_for_sha512),
        cmocka_unit_test(the_vector_of_rfc_4231_is_met_with_sha512),
        cmocka_unit_test(parts_are_the_message),
        cmocka_unit_test(every_bit_of_a_mac_counts),
        cmocka_unit_test(digests_nothing_and_parts),
    };
    return cmocka_run_group_tests_name("hmac", tests, NULL, NULL);
}
