/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/b64url.h"

/* SPEC: rfc4648 §10 test vectors. */
static const struct {
    const char *bytes;
    const char *padded;
} rfc[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
};

static void assert_decodes(enum sut_b64_kind kind, sut_str text, const char *bytes)
{
    char out[64];
    size_t n = 0;
    assert_false(sut_failed(sut_b64_decode(kind, text, out, sizeof(out), &n)));
    assert_int_equal(n, strlen(bytes));
    assert_memory_equal(out, bytes, n);
}

static void assert_refused(enum sut_b64_kind kind, const char *text)
{
    char out[64];
    size_t n = 77;
    assert_int_equal(sut_b64_decode(kind, sut_str_from(text), out, sizeof(out), &n).code,
                     SUT_E_PARSE);
    assert_int_equal(n, 77);
}

static void reads_and_writes_the_vectors_of_the_rfc(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++) {
        const sut_str padded = sut_str_from(rfc[i].padded);
        const sut_str plain = sut_str_sub(padded, 0, sut_str_find(padded, 0, '='));
        struct sut_buf b;
        sut_buf_init(&b, 64);
        sut_b64_encode(&b, SUT_B64_PADDED, sut_str_from(rfc[i].bytes));
        assert_true(sut_str_eq(sut_buf_str(&b), padded));
        sut_buf_reset(&b);
        sut_b64_encode(&b, SUT_B64_PLAIN, sut_str_from(rfc[i].bytes));
        assert_true(sut_str_eq(sut_buf_str(&b), plain));
        sut_buf_done(&b);
        assert_decodes(SUT_B64_PADDED, padded, rfc[i].bytes);
        assert_decodes(SUT_B64_PLAIN, plain, rfc[i].bytes);
        assert_decodes(SUT_B64_URL, plain, rfc[i].bytes);
    }
}

static void every_length_comes_back(void **state)
{
    (void) state;
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t) (i * 37 + 11);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        for (enum sut_b64_kind kind = SUT_B64_URL; kind <= SUT_B64_PADDED; kind++) {
            struct sut_buf b;
            uint8_t back[256];
            size_t got = 0;
            sut_buf_init(&b, 512);
            sut_b64_encode(&b, kind, sut_str_of((const char *) bytes, n));
            assert_true(sut_b64_decoded_max(b.n) >= n);
            assert_false(sut_failed(sut_b64_decode(kind, sut_buf_str(&b), back, n, &got)));
            assert_int_equal(got, n);
            assert_memory_equal(back, bytes, n);
            sut_buf_done(&b);
        }
    }
}

static void the_two_alphabets_do_not_mix(void **state)
{
    (void) state;
    assert_decodes(SUT_B64_URL, SUT_STR("-_-_"), "\xfb\xff\xbf");
    assert_decodes(SUT_B64_PLAIN, SUT_STR("+/+/"), "\xfb\xff\xbf");
    assert_refused(SUT_B64_URL, "+/+/");
    assert_refused(SUT_B64_PLAIN, "-_-_");
    assert_refused(SUT_B64_PADDED, "-_-_");
}

static void what_is_not_canonical_is_refused(void **state)
{
    (void) state;
    /* spare bits that are not 0 */
    assert_refused(SUT_B64_URL, "Zh");
    assert_refused(SUT_B64_URL, "Zm9");
    assert_refused(SUT_B64_PADDED, "Zh==");
    assert_refused(SUT_B64_PADDED, "Zm9=");
    /* padding where there is none, none where there is some */
    assert_refused(SUT_B64_URL, "Zg==");
    assert_refused(SUT_B64_PLAIN, "Zg==");
    assert_refused(SUT_B64_PADDED, "Zg");
    assert_refused(SUT_B64_PADDED, "Zg=");
    assert_refused(SUT_B64_PADDED, "Z===");
    assert_refused(SUT_B64_PADDED, "====");
    assert_refused(SUT_B64_PADDED, "Zg==Zg==");
    assert_refused(SUT_B64_PADDED, "Zm9v====");
    /* a length that no bytes have */
    assert_refused(SUT_B64_URL, "A");
    assert_refused(SUT_B64_URL, "AAAAA");
    /* blanks and others */
    assert_refused(SUT_B64_URL, " Zm9");
    assert_refused(SUT_B64_URL, "Zm9v\n");
    assert_refused(SUT_B64_URL, "Zm\t9v");
    assert_refused(SUT_B64_URL, "Zm9\x80");
}

/* Of all characters, the last of a two-character text may only be one of four. */
static void exactly_one_text_stands_for_one_value(void **state)
{
    (void) state;
    unsigned taken = 0;
    for (unsigned c = 0; c < 256; c++) {
        const char text[2] = { 'Z', (char) c };
        char out[2];
        size_t n = 0;
        taken += !sut_failed(sut_b64url_decode(sut_str_of(text, 2), out, sizeof(out), &n));
    }
    assert_int_equal(taken, 4);
}

static void never_writes_past_the_callers_room(void **state)
{
    (void) state;
    char out[3] = { 'x', 'x', 'x' };
    size_t n = 0;
    assert_int_equal(sut_b64url_decode(SUT_STR("Zm9v"), out, 2, &n).code, SUT_E_TOO_LARGE);
    assert_memory_equal(out, "xxx", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_the_vectors_of_the_rfc),
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(the_two_alphabets_do_not_mix),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(exactly_one_text_stands_for_one_value),
        cmocka_unit_test(never_writes_past_the_callers_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
