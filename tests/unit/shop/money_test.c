/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shop/money.h"

static void amounts_are_read_to_the_cent(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t cents;
    } rows[] = {
        { "0", 0 },
        { "0.00", 0 },
        { "1", 100 },
        { "1.5", 150 },
        { "1.05", 105 },
        { "9999.99", 999999 },
        { "10000", 1000000 },
        { "-1", -100 },
        { "-0.01", -1 },
        { "007.10", 710 },
        { "999999999999.99", 99999999999999 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_money m = { -7 };
        assert_false(sut_failed(sut_money_parse(sut_str_from(rows[i].text), &m)));
        assert_int_equal(m.cents, rows[i].cents);
    }
}

static void what_is_no_amount_is_refused(void **state)
{
    (void) state;
    static const char *const rows[] = {
        "",
        "-",
        ".5",
        "5.",
        "1.234",
        "1e2",
        "NaN",
        "Infinity",
        "+1",
        " 1",
        "1 ",
        "1,50",
        "0x10",
        "--1",
        "1.-5",
        "1..2",
        "1.2.3",
        "1.5a",
        "١",
        "1\xC2\xA0",
        "9223372036854775808",
        "9999999999999",
        "-.1",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_money m = { -7 };
        assert_int_equal(sut_money_parse(sut_str_from(rows[i]), &m).code, SUT_E_PARSE);
        assert_int_equal(m.cents, -7);
    }
    sut_money m = { -7 };
    assert_int_equal(sut_money_parse(sut_str_of("1\0", 2), &m).code, SUT_E_PARSE);
}

static void numbers_must_be_whole_cents(void **state)
{
    (void) state;
    static const struct {
        double v;
        int64_t cents;
    } good[] = { { 0, 0 },     { 0.1, 10 },        { 0.29, 29 }, { 1299.99, 129999 },
                 { -3, -300 }, { 9999.99, 999999 } };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        sut_money m = { -7 };
        assert_false(sut_failed(sut_money_from_number(good[i].v, &m)));
        assert_int_equal(m.cents, good[i].cents);
    }
    const double bad[] = {
        0.001, 1.999, 1e12, -1e300, (double) NAN, (double) INFINITY, 9223372036854775808.0
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sut_money m = { -7 };
        assert_int_equal(sut_money_from_number(bad[i], &m).code, SUT_E_PARSE);
    }
}

static void every_cent_survives_text_and_number(void **state)
{
    (void) state;
    for (int64_t cents = 0; cents <= SUT_PRICE_MAX_CENTS; cents++) {
        char to[SUT_MONEY_TEXT];
        sut_money m = { -7 };
        assert_false(sut_failed(sut_money_parse(sut_money_text((sut_money){ cents }, to), &m)));
        assert_int_equal(m.cents, cents);
        assert_false(sut_failed(sut_money_from_number((double) cents / 100, &m)));
        assert_int_equal(m.cents, cents);
    }
}

static void text_has_two_places(void **state)
{
    (void) state;
    char to[SUT_MONEY_TEXT];
    assert_true(sut_str_is(sut_money_text((sut_money){ 0 }, to), "0.00"));
    assert_true(sut_str_is(sut_money_text((sut_money){ 5 }, to), "0.05"));
    assert_true(sut_str_is(sut_money_text((sut_money){ 129999 }, to), "1299.99"));
    assert_true(sut_str_is(sut_money_text((sut_money){ -1 }, to), "-0.01"));
    assert_true(sut_str_is(sut_money_text((sut_money){ INT64_MIN }, to), "-92233720368547758.08"));
}

static void a_price_has_its_bounds(void **state)
{
    (void) state;
    assert_true(sut_money_is_price((sut_money){ 1 }, false));
    assert_true(sut_money_is_price((sut_money){ 0 }, true));
    assert_false(sut_money_is_price((sut_money){ 0 }, false));
    assert_false(sut_money_is_price((sut_money){ -1 }, true));
    assert_true(sut_money_is_price((sut_money){ 999999 }, false));
    assert_false(sut_money_is_price((sut_money){ 1000000 }, false));
}

static void sums_do_not_overflow(void **state)
{
    (void) state;
    sut_money m = { 0 };
    assert_false(sut_failed(sut_money_add((sut_money){ 2 }, (sut_money){ 3 }, &m)));
    assert_int_equal(m.cents, 5);
    assert_false(sut_failed(sut_money_times((sut_money){ 999999 }, 100, &m)));
    assert_int_equal(m.cents, 99999900);
    assert_int_equal(sut_money_add((sut_money){ INT64_MAX }, (sut_money){ 1 }, &m).code,
                     SUT_E_TOO_LARGE);
    assert_int_equal(sut_money_times((sut_money){ INT64_MAX / 2 }, 3, &m).code, SUT_E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read_to_the_cent),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(numbers_must_be_whole_cents),
        cmocka_unit_test(every_cent_survives_text_and_number),
        cmocka_unit_test(text_has_two_places),
        cmocka_unit_test(a_price_has_its_bounds),
        cmocka_unit_test(sums_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
