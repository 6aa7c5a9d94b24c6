/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/url.h"
#include "with_arena.h"

static void decodes_once(void **state)
{
    struct sut_arena *a = *state;
    sut_str s = { 0 };
    assert_false(sut_failed(sut_url_decode(a, SUT_STR("a%20b%2520c+d%C3%A9%2f"), &s)));
    assert_true(sut_str_is(s, "a b%20c+d\xc3\xa9/"));
    assert_false(sut_failed(sut_url_decode(a, SUT_STR(""), &s)));
    assert_int_equal(s.n, 0);
}

static void what_no_url_holds_is_refused(void **state)
{
    struct sut_arena *a = *state;
    static const char *const wrong[] = {
        "%",   "%4",     "%zz",       "%4g", "a%",     "%00",          "%0a",   "%0D",
        "%1f", "%7f",    "%C2%85",    "a b", "a\tb",   "a\nb",         "a\x7f", "\xc3\xa9",
        "%C3", "%C0%AF", "%ED%A0%80", "%FF", "%u0041", "%F4%90%80%80", "% 41",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        sut_str s = SUT_STR("kept");
        assert_int_equal(sut_url_decode(a, sut_str_from(wrong[i]), &s).code, SUT_E_PARSE);
        assert_true(sut_str_is(s, "kept"));
    }
}

static void a_query_becomes_pairs(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs q = { 0 };
    const sut_str raw = SUT_STR("search=red+dress&page=2&&empty=&flag&%70age_size=5&x=a=b&=v");
    assert_false(sut_failed(sut_url_parse_query(a, raw, SUT_QUERY_PAIRS_MAX, &q)));
    assert_int_equal(q.n, 7);
    assert_true(sut_str_is(sut_pairs_value(&q, "search"), "red dress"));
    assert_true(sut_str_is(sut_pairs_value(&q, "page_size"), "5"));
    assert_true(sut_str_is(sut_pairs_value(&q, "x"), "a=b"));
    assert_true(sut_str_is(sut_pairs_value(&q, ""), "v"));
    assert_non_null(sut_pairs_value(&q, "empty").p);
    assert_int_equal(sut_pairs_value(&q, "empty").n, 0);
    assert_non_null(sut_pairs_get(&q, "flag"));
    assert_null(sut_pairs_value(&q, "absent").p);
    assert_null(sut_pairs_get(&q, "absent"));
}

static void a_key_given_twice_is_seen(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs q = { 0 };
    /* the second one spelt with an escape */
    assert_false(sut_failed(sut_url_parse_query(a, SUT_STR("page=1&p%61ge=2&x=1"), 8, &q)));
    assert_int_equal(q.n, 2);
    assert_int_equal(sut_pairs_get(&q, "page")->n, 2);
    assert_int_equal(sut_pairs_get(&q, "x")->n, 1);
    assert_true(sut_str_is(sut_pairs_value(&q, "page"), "1"));
}

static void no_query_is_no_pairs(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs q = { .n = 9 };
    assert_false(sut_failed(sut_url_parse_query(a, (sut_str){ 0 }, 8, &q)));
    assert_int_equal(q.n, 0);
    assert_null(sut_pairs_get(&q, "a"));
}

static void pairs_are_bounded(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs q = { 0 };
    assert_false(sut_failed(sut_url_parse_query(a, SUT_STR("a&b&c"), 3, &q)));
    assert_int_equal(sut_url_parse_query(a, SUT_STR("a&b&c&d"), 3, &q).code, SUT_E_TOO_LARGE);
    assert_int_equal(sut_url_parse_query(a, SUT_STR("&&&&&&&"), 3, &q).code, SUT_E_TOO_LARGE);
}

static void a_broken_escape_anywhere_in_the_query_is_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs q = { 0 };
    static const char *const wrong[] = { "a=%", "a%=1", "ok=1&b=%0", "a=%00", "a=b c", "a=1\x80" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sut_url_parse_query(a, sut_str_from(wrong[i]), 8, &q).code, SUT_E_PARSE);
}

static void a_query_link_comes_back_as_it_was(void **state)
{
    struct sut_arena *a = *state;
    char all[200];
    size_t n = 0;
    for (int c = ' '; c < 0x7f; c++)
        all[n++] = (char) c;
    n += 2;
    memcpy(all + n - 2, "\xc3\xa9", 2);

    struct sut_buf b;
    bool first = true;
    sut_buf_init_arena(&b, a, 4096);
    sut_url_add_query(&b, &first, SUT_STR("search"), sut_str_of(all, n));
    sut_url_add_query(&b, &first, SUT_STR("pa ge"), SUT_STR("2"));
    assert_int_equal(b.p[0], '?');

    struct sut_pairs q = { 0 };
    const sut_str raw = sut_str_sub(sut_buf_str(&b), 1, b.n);
    assert_false(sut_failed(sut_url_parse_query(a, raw, 8, &q)));
    assert_true(sut_str_eq(sut_pairs_value(&q, "search"), sut_str_of(all, n)));
    assert_true(sut_str_is(sut_pairs_value(&q, "pa ge"), "2"));
}

static void an_exhausted_arena_is_told(void **state)
{
    (void) state;
    struct sut_arena *small = NULL;
    struct sut_pairs q = { 0 };
    assert_false(sut_failed(sut_arena_create(64, &small)));
    assert_int_equal(sut_url_parse_query(small, SUT_STR("a=1&b=2&c=3&d=4"), 8, &q).code,
                     SUT_E_NOMEM);
    sut_arena_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_once),
        cmocka_unit_test(what_no_url_holds_is_refused),
        cmocka_unit_test(a_query_becomes_pairs),
        cmocka_unit_test(a_key_given_twice_is_seen),
        cmocka_unit_test(no_query_is_no_pairs),
        cmocka_unit_test(pairs_are_bounded),
        cmocka_unit_test(a_broken_escape_anywhere_in_the_query_is_refused),
        cmocka_unit_test(a_query_link_comes_back_as_it_was),
        cmocka_unit_test(an_exhausted_arena_is_told),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
