/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/utf8.h"
#include "shop/address.h"
#include "store/order.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static struct sut_arena *arena(void)
{
    struct sut_arena *a = NULL;
    OK(sut_arena_create(1 << 20, &a));
    return a;
}

static enum sut_ecode country(const char *code, const char *want)
{
    DEFER(sut_arena_free) struct sut_arena *a = arena();
    sut_str got = { 0 };
    const enum sut_ecode e = sut_postal_country(a, sut_str_from(code), &got).code;
    if (e == SUT_E_OK)
        assert_true(sut_str_is(got, want));
    return e;
}

static void countries_are_those_of_the_standard(void **state)
{
    (void) state;
    assert_int_equal(country("ZA", "ZA"), SUT_E_OK);
    assert_int_equal(country("za", "ZA"), SUT_E_OK);
    assert_int_equal(country("dE", "DE"), SUT_E_OK);
    assert_int_equal(country("AD", "AD"), SUT_E_OK);
    assert_int_equal(country("ZW", "ZW"), SUT_E_OK);
    static const char *const bad[] = { "",   "Z",  "ZAF", "XX", "EU", "AN",       "UK",
                                       "ZZ", "D ", " D",  "AA", "12", "\xc3\x84", "W " };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(country(bad[i], ""), SUT_E_INVALID);
}

static void a_parcel_is_addressed_in_lines(void **state)
{
    (void) state;
    DEFER(sut_arena_free) struct sut_arena *a = arena();
    sut_str text = { 0 };
    struct sut_postal p = { .v = { [SUT_POSTAL_LABEL] = SUT_STR_INIT("Home"),
                                   [SUT_POSTAL_NAME] = SUT_STR_INIT("Ada Byron"),
                                   [SUT_POSTAL_LINE1] = SUT_STR_INIT("1 Main Road"),
                                   [SUT_POSTAL_LINE2] = SUT_STR_INIT("Flat 3"),
                                   [SUT_POSTAL_CITY] = SUT_STR_INIT("Cape Town"),
                                   [SUT_POSTAL_REGION] = SUT_STR_INIT("Western Cape"),
                                   [SUT_POSTAL_POSTAL_CODE] = SUT_STR_INIT("8001"),
                                   [SUT_POSTAL_COUNTRY] = SUT_STR_INIT("ZA"),
                                   [SUT_POSTAL_PHONE] = SUT_STR_INIT("+27 21 555 0199") } };
    OK(sut_postal_text(a, &p, &text));
    assert_true(sut_str_is(text,
                           "Ada Byron\n1 Main Road\nFlat 3\n8001 Cape Town\nWestern Cape\nZA\n"
                           "+27 21 555 0199"));
    p.v[SUT_POSTAL_LINE2] = p.v[SUT_POSTAL_POSTAL_CODE] = p.v[SUT_POSTAL_REGION] = (sut_str){ 0 };
    p.v[SUT_POSTAL_PHONE] = SUT_STR("");
    OK(sut_postal_text(a, &p, &text));
    assert_true(sut_str_is(text, "Ada Byron\n1 Main Road\nCape Town\nZA"));
}

/* Each field as long as it may be, of characters that take four bytes. */
static void the_longest_address_fits_an_order(void **state)
{
    (void) state;
    static const int longest[SUT_POSTAL_FIELDS] = {
        SUT_POSTAL_LABEL_MAX, SUT_POSTAL_NAME_MAX,   SUT_POSTAL_LINE_MAX, SUT_POSTAL_LINE_MAX,
        SUT_POSTAL_CITY_MAX,  SUT_POSTAL_REGION_MAX, SUT_POSTAL_CODE_MAX, 2,
        SUT_POSTAL_PHONE_MAX,
    };
    DEFER(sut_arena_free) struct sut_arena *a = arena();
    struct sut_postal p = { .id = 1 };
    sut_str text = { 0 };
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++) {
        struct sut_buf b;
        sut_buf_init_arena(&b, a, 2048);
        for (int n = 0; n < longest[i]; n++)
            sut_buf_lit(&b, "\xf0\x9f\x8f\xa0");
        p.v[i] = sut_buf_str(&b);
    }
    OK(sut_postal_text(a, &p, &text));
    assert_true(sut_utf8_count(text) <= SUT_ORDER_ADDRESS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(countries_are_those_of_the_standard),
        cmocka_unit_test(a_parcel_is_addressed_in_lines),
        cmocka_unit_test(the_longest_address_fits_an_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
