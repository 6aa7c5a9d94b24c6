/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/utf8.h"
#include "with_arena.h"

static void only_well_formed_text_is_valid(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "\x80",
        "\xc3",
        "\xc0\xaf",
        "\xc1\xbf",
        "\xe0\x80\xaf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\xaf",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xff",
        "\xfe",
        "a\xc3(",
        "\xe2\x82",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(sut_utf8_is_valid(sut_str_from(wrong[i])));
    assert_true(sut_utf8_is_valid(SUT_STR("")));
    assert_true(sut_utf8_is_valid((sut_str){ 0 }));
    assert_true(sut_utf8_is_valid(SUT_STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z")));
}

static void counts_and_cuts_by_code_points(void **state)
{
    (void) state;
    const sut_str s = SUT_STR("a\xc3\xa9\xf0\x9f\x98\x80z");
    assert_int_equal(sut_utf8_count(s), 4);
    assert_true(sut_str_is(sut_utf8_head(s, 2), "a\xc3\xa9"));
    assert_int_equal(sut_utf8_head(s, 99).n, s.n);
    assert_int_equal(sut_utf8_head(s, 0).n, 0);
    assert_int_equal(sut_utf8_count(SUT_STR("a\x80\xff")), 3);
}

static void a_stray_byte_reads_as_a_replacement(void **state)
{
    (void) state;
    const sut_str s = SUT_STR("\xff"
                              "a");
    size_t at = 0;
    uint32_t cp = 0;
    assert_true(sut_utf8_next(s, &at, &cp));
    assert_int_equal(cp, 0xfffd);
    assert_true(sut_utf8_next(s, &at, &cp));
    assert_int_equal(cp, 'a');
    assert_false(sut_utf8_next(s, &at, &cp));
}

static uint64_t fnv(uint64_t h, uint32_t v)
{
    for (int i = 0; i < 4; i++, v >>= 8)
        h = (h ^ (v & 0xff)) * 0x100000001b3u;
    return h;
}

/*
 * Every code point of Unicode 14: the sums were made by Python 3.11 from
 * str.isspace, str.isdigit, re's \w, str.lower and NFKC.
 */
static void agrees_with_python_on_every_code_point(void **state)
{
    struct sut_arena *a = *state;
    unsigned spaces = 0;
    unsigned digits = 0;
    unsigned words = 0;
    uint64_t h = 0xcbf29ce484222325u;
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        char four[4];
        const sut_str one = sut_str_of(four, sut_utf8_put(cp, four));
        if (one.n == 0)
            continue;
        const bool space = sut_utf8_is_space(cp);
        const bool digit = sut_utf8_is_digit(cp);
        const bool word = sut_utf8_is_word(cp);
        spaces += space;
        digits += digit;
        words += word;
        h = fnv(h, (uint32_t) space << 2 | (uint32_t) digit << 1 | (uint32_t) word);

        const struct sut_mark m = sut_arena_mark(a);
        sut_str out = { 0 };
        uint32_t c = 0;
        assert_false(sut_failed(sut_utf8_lower(a, one, &out)));
        for (size_t at = 0; sut_utf8_next(out, &at, &c);)
            h = fnv(h, c);
        assert_false(sut_failed(sut_utf8_nfkc(a, one, &out)));
        for (size_t at = 0; sut_utf8_next(out, &at, &c);)
            h = fnv(h, c);
        sut_arena_rewind(a, m);
    }
    assert_int_equal(spaces, 29);
    assert_int_equal(digits, 788);
    assert_int_equal(words, 133548);
    assert_true(h == 0x40911f03a247e24bu);
}

static void assert_lower(struct sut_arena *a, const char *from, const char *to)
{
    sut_str out = { 0 };
    assert_false(sut_failed(sut_utf8_lower(a, sut_str_from(from), &out)));
    assert_true(sut_str_is(out, to));
}

static void lowers_as_python_does(void **state)
{
    struct sut_arena *a = *state;
    assert_lower(a, "", "");
    assert_lower(a, "Sarah@Example.COM", "sarah@example.com");
    assert_lower(a, "\xce\x9f\xce\x94\xce\x9f\xce\xa3", "\xce\xbf\xce\xb4\xce\xbf\xcf\x82");
    assert_lower(a, "\xce\x91\xce\xa3'\xce\x91", "\xce\xb1\xcf\x83'\xce\xb1");
    assert_lower(a, "\xce\x91\xce\xa3'.", "\xce\xb1\xcf\x82'.");
    assert_lower(a, "\xce\xa3", "\xcf\x83");
    assert_lower(a, "\xc4\xb0", "i\xcc\x87");
    assert_lower(a, "\xe2\x84\xaa", "k");
    assert_lower(a, "\xe1\xba\x9e", "\xc3\x9f");
}

static void text_without_capitals_is_not_copied(void **state)
{
    struct sut_arena *a = *state;
    const sut_str s = SUT_STR("a.b+c@d.e");
    sut_str out = { 0 };
    assert_false(sut_failed(sut_utf8_lower(a, s, &out)));
    assert_ptr_equal(out.p, s.p);
}

static void trims_every_blank_that_python_strips(void **state)
{
    (void) state;
    assert_true(sut_str_is(
        sut_utf8_trim(SUT_STR(" \t\r\n\xc2\xa0\xe3\x80\x80 a b\xe2\x80\x83\x1f")), "a b"));
    assert_int_equal(sut_utf8_trim(SUT_STR(" \xe2\x80\xa8 ")).n, 0);
    assert_int_equal(sut_utf8_trim(SUT_STR("")).n, 0);
    /* a zero width space is none */
    assert_int_equal(sut_utf8_trim(SUT_STR("\xe2\x80\x8b")).n, 3);
}

static void normalises_what_looks_alike(void **state)
{
    struct sut_arena *a = *state;
    sut_str out = { 0 };
    assert_false(
        sut_failed(sut_utf8_nfkc(a, SUT_STR("\xef\xac\x81 e\xcc\x81 \xe2\x91\xa0"), &out)));
    assert_true(sut_str_is(out, "fi \xc3\xa9 1"));
}

static void folds_for_search(void **state)
{
    struct sut_arena *a = *state;
    sut_str out = { 0 };
    assert_false(sut_failed(sut_utf8_fold(a,
                                          SUT_STR("\xc3\x89lan na\xc3\xafve STRASSE "
                                                  "Stra\xc3\x9f"
                                                  "e \xc3\x98rsted"),
                                          &out)));
    assert_true(sut_str_is(out, "elan naive strasse strasse orsted"));
}

static void assert_slug(struct sut_arena *a, const char *from, const char *to)
{
    sut_str out = { 0 };
    assert_false(sut_failed(sut_utf8_slug(a, sut_str_from(from), &out)));
    assert_true(sut_str_is(out, to));
}

static void makes_slugs(void **state)
{
    struct sut_arena *a = *state;
    assert_slug(a, "Maxi Dress, Long", "maxi-dress-long");
    assert_slug(a, "  --Women's  \xc3\x89t\xc3\xa9!! ", "womens-ete");
    assert_slug(a, "\xe4\xb8\xad\xe6\x96\x87", "");
    assert_slug(a, "", "");
    assert_slug(a, "A_B/C", "a-b-c");
}

static void cuts_text_into_terms(void **state)
{
    struct sut_arena *a = *state;
    sut_str *terms = NULL;
    size_t n = 0;
    assert_false(sut_failed(sut_utf8_terms(a,
                                           SUT_STR("Red dress, RED! r\xc3\xa9"
                                                   "d_x \xe4\xb8\xad\xe6\x96\x87"),
                                           10, &terms, &n)));
    assert_int_equal(n, 4);
    assert_true(sut_str_is(terms[0], "red"));
    assert_true(sut_str_is(terms[1], "dress"));
    assert_true(sut_str_is(terms[2], "x"));
    assert_true(sut_str_is(terms[3], "\xe4\xb8\xad\xe6\x96\x87"));
    assert_false(sut_failed(sut_utf8_terms(a, SUT_STR("a b c d"), 2, &terms, &n)));
    assert_int_equal(n, 2);
    assert_false(sut_failed(sut_utf8_terms(a, SUT_STR(" -- "), 2, &terms, &n)));
    assert_int_equal(n, 0);
    assert_false(sut_failed(sut_utf8_terms(a, SUT_STR("x"), 0, &terms, &n)));
    assert_int_equal(n, 0);
}

static void broken_text_is_refused(void **state)
{
    struct sut_arena *a = *state;
    sut_str out = { 0 };
    sut_str *terms = NULL;
    size_t n = 0;
    const sut_str broken = SUT_STR("a\xc3(");
    assert_int_equal(sut_utf8_lower(a, broken, &out).code, SUT_E_PARSE);
    assert_int_equal(sut_utf8_nfkc(a, broken, &out).code, SUT_E_PARSE);
    assert_int_equal(sut_utf8_fold(a, broken, &out).code, SUT_E_PARSE);
    assert_int_equal(sut_utf8_slug(a, broken, &out).code, SUT_E_PARSE);
    assert_int_equal(sut_utf8_terms(a, broken, 3, &terms, &n).code, SUT_E_PARSE);
}

static void an_exhausted_arena_is_told(void **state)
{
    (void) state;
    struct sut_arena *small = NULL;
    sut_str out = { 0 };
    assert_false(sut_failed(sut_arena_create(16, &small)));
    char text[400];
    memset(text, 'A', sizeof(text));
    assert_int_equal(sut_utf8_lower(small, sut_str_of(text, sizeof(text)), &out).code, SUT_E_NOMEM);
    sut_arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_well_formed_text_is_valid),
        cmocka_unit_test(counts_and_cuts_by_code_points),
        cmocka_unit_test(a_stray_byte_reads_as_a_replacement),
        cmocka_unit_test(agrees_with_python_on_every_code_point),
        cmocka_unit_test(lowers_as_python_does),
        cmocka_unit_test(text_without_capitals_is_not_copied),
        cmocka_unit_test(trims_every_blank_that_python_strips),
        cmocka_unit_test(normalises_what_looks_alike),
        cmocka_unit_test(folds_for_search),
        cmocka_unit_test(makes_slugs),
        cmocka_unit_test(cuts_text_into_terms),
        cmocka_unit_test(broken_text_is_refused),
        cmocka_unit_test(an_exhausted_arena_is_told),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
