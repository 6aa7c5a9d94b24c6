/* SPDX-License-Identifier: Apache-2.0 */
#include "base/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void a_cursor_takes_what_it_is_asked_for(void **state)
{
    (void) state;
    struct sut_scan c = sut_scan_of(SUT_STR("GET /a:b"));
    assert_true(sut_scan_lit(&c, SUT_STR("GET")));
    assert_true(sut_scan_char(&c, ' '));
    assert_true(sut_str_is(sut_scan_until(&c, ':'), "/a"));
    assert_true(sut_scan_char(&c, ':'));
    assert_true(sut_str_is(sut_scan_rest(&c), "b"));
    assert_true(sut_str_is(sut_scan_until(&c, ':'), "b"));
    assert_true(sut_scan_at_end(&c));
    assert_int_equal(sut_scan_until(&c, ':').n, 0);
}

static void what_is_not_next_leaves_the_cursor(void **state)
{
    (void) state;
    struct sut_scan c = sut_scan_of(SUT_STR("ab"));
    uint64_t v = 77;
    assert_false(sut_scan_char(&c, 'b'));
    assert_false(sut_scan_lit(&c, SUT_STR("abc")));
    assert_int_equal(sut_scan_u64(&c, 9, &v).code, SUT_E_PARSE);
    assert_int_equal(sut_scan_fixed(&c, 1, &v).code, SUT_E_PARSE);
    assert_int_equal(v, 77);
    assert_true(sut_str_is(sut_scan_rest(&c), "ab"));
}

static void nothing_can_be_scanned(void **state)
{
    (void) state;
    struct sut_scan c = sut_scan_of((sut_str){ 0 });
    uint64_t v = 0;
    assert_true(sut_scan_at_end(&c));
    assert_false(sut_scan_char(&c, '\0'));
    assert_true(sut_scan_lit(&c, (sut_str){ 0 }));
    assert_int_equal(sut_scan_until(&c, 'x').n, 0);
    assert_int_equal(sut_scan_u64(&c, 9, &v).code, SUT_E_PARSE);
    assert_int_equal(sut_scan_fixed(&c, 1, &v).code, SUT_E_PARSE);
}

static void numbers_stop_at_the_first_other_byte(void **state)
{
    (void) state;
    struct sut_scan c = sut_scan_of(SUT_STR("0042x"));
    uint64_t v = 0;
    assert_false(sut_failed(sut_scan_u64(&c, 100, &v)));
    assert_int_equal(v, 42);
    assert_true(sut_scan_char(&c, 'x'));
    c = sut_scan_of(SUT_STR("20260207"));
    assert_false(sut_failed(sut_scan_fixed(&c, 4, &v)));
    assert_int_equal(v, 2026);
    assert_false(sut_failed(sut_scan_fixed(&c, 2, &v)));
    assert_int_equal(v, 2);
    assert_int_equal(sut_scan_fixed(&c, 3, &v).code, SUT_E_PARSE);
    assert_true(sut_str_is(sut_scan_rest(&c), "07"));
    assert_int_equal(sut_scan_fixed(&c, 19, &v).code, SUT_E_PARSE);
}

static void a_number_above_its_maximum_is_invalid(void **state)
{
    (void) state;
    uint64_t v = 5;
    assert_false(sut_failed(sut_parse_u64(SUT_STR("18446744073709551615"), UINT64_MAX, &v)));
    assert_true(v == UINT64_MAX);
    assert_int_equal(sut_parse_u64(SUT_STR("18446744073709551616"), UINT64_MAX, &v).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_parse_u64(SUT_STR("99999999999999999999999"), UINT64_MAX, &v).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_parse_u64(SUT_STR("256"), 255, &v).code, SUT_E_INVALID);
    assert_true(v == UINT64_MAX);
}

static void only_digits_are_a_number(void **state)
{
    (void) state;
    static const char *const bad[] = { "", "-", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "--1", "١" };
    uint64_t u = 0;
    int64_t i = 0;
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        assert_int_equal(sut_parse_u64(sut_str_from(bad[k]), 100, &u).code, SUT_E_PARSE);
        assert_int_equal(sut_parse_i64(sut_str_from(bad[k]), -100, 100, &i).code, SUT_E_PARSE);
    }
    assert_int_equal(sut_parse_u64(SUT_STR("-1"), 100, &u).code, SUT_E_PARSE);
    assert_int_equal(sut_parse_u64(SUT_STR("1\0"), 100, &u).code, SUT_E_PARSE);
}

static void signed_numbers_reach_both_ends(void **state)
{
    (void) state;
    int64_t v = 0;
    assert_false(
        sut_failed(sut_parse_i64(SUT_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v)));
    assert_true(v == INT64_MIN);
    assert_false(
        sut_failed(sut_parse_i64(SUT_STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v)));
    assert_true(v == INT64_MAX);
    assert_int_equal(sut_parse_i64(SUT_STR("9223372036854775808"), INT64_MIN, INT64_MAX, &v).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_parse_i64(SUT_STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &v).code,
                     SUT_E_INVALID);
    assert_int_equal(sut_parse_i64(SUT_STR("-1"), 0, 9, &v).code, SUT_E_INVALID);
    assert_false(sut_failed(sut_parse_i64(SUT_STR("-0"), 0, 9, &v)));
    assert_int_equal(v, 0);
}

static void hexadecimal_is_exact_in_length(void **state)
{
    (void) state;
    unsigned char out[4] = { 9, 9, 9, 9 };
    assert_false(sut_failed(sut_parse_hex(SUT_STR("00fFA5"), out, 3)));
    assert_memory_equal(out, "\x00\xff\xa5\x09", 4);
    assert_int_equal(sut_parse_hex(SUT_STR("00f"), out, 1).code, SUT_E_PARSE);
    assert_int_equal(sut_parse_hex(SUT_STR("00ff"), out, 1).code, SUT_E_PARSE);
    assert_int_equal(sut_parse_hex(SUT_STR("00"), out, 2).code, SUT_E_PARSE);
    assert_int_equal(sut_parse_hex(SUT_STR("0g"), out, 1).code, SUT_E_PARSE);
    /* Nothing is written before all of it is known to be good. */
    assert_int_equal(sut_parse_hex(SUT_STR("1111zz"), out, 3).code, SUT_E_PARSE);
    assert_int_equal(out[0], 0);
    assert_false(sut_failed(sut_parse_hex((sut_str){ 0 }, out, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_takes_what_it_is_asked_for),
        cmocka_unit_test(what_is_not_next_leaves_the_cursor),
        cmocka_unit_test(nothing_can_be_scanned),
        cmocka_unit_test(numbers_stop_at_the_first_other_byte),
        cmocka_unit_test(a_number_above_its_maximum_is_invalid),
        cmocka_unit_test(only_digits_are_a_number),
        cmocka_unit_test(signed_numbers_reach_both_ends),
        cmocka_unit_test(hexadecimal_is_exact_in_length),
    };
    return cmocka_run_group_tests_name("base/scan", tests, NULL, NULL);
}
