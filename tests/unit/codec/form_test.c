/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/form.h"
#include "with_arena.h"

static void a_body_becomes_pairs(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs f = { 0 };
    assert_false(sut_failed(
        sut_form_parse(a, SUT_STR("email=a%40b.com&note=one%0D%0Atwo%09x&n=1+2"), 10, &f)));
    assert_int_equal(f.n, 3);
    assert_true(sut_str_is(sut_pairs_value(&f, "email"), "a@b.com"));
    assert_true(sut_str_is(sut_pairs_value(&f, "note"), "one\r\ntwo\tx"));
    assert_true(sut_str_is(sut_pairs_value(&f, "n"), "1 2"));
}

static void other_controls_are_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs f = { 0 };
    static const char *const wrong[] = { "a=%00", "a=%08", "a=%1b", "a=%7F", "a=%C2%80", "a=\n" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sut_form_parse(a, sut_str_from(wrong[i]), 10, &f).code, SUT_E_PARSE);
}

static void more_pairs_than_allowed_are_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_pairs f = { 0 };
    assert_int_equal(sut_form_parse(a, SUT_STR("a=1&b=2&c=3"), 2, &f).code, SUT_E_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_becomes_pairs),
        cmocka_unit_test(other_controls_are_refused),
        cmocka_unit_test(more_pairs_than_allowed_are_refused),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
