/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"

static const sut_str nothing = { .p = NULL, .n = 0 };

static void slices_are_made_of_what_is_there(void **state)
{
    (void) state;
    assert_int_equal(SUT_STR("a\0b").n, 3);
    assert_int_equal(sut_str_from("abc").n, 3);
    assert_int_equal(sut_str_from(NULL).n, 0);
    static const sut_str fixed = SUT_STR_INIT("fixed");
    assert_true(sut_str_is(fixed, "fixed"));
    char text[16];
    (void) snprintf(text, sizeof(text), "<%.*s|%.*s>", SUT_STR_ARG(fixed), SUT_STR_ARG(nothing));
    assert_string_equal(text, "<fixed|>");
}

static void equality_is_of_bytes(void **state)
{
    (void) state;
    assert_true(sut_str_eq(SUT_STR("a\0b"), SUT_STR("a\0b")));
    assert_false(sut_str_eq(SUT_STR("a\0b"), SUT_STR("a\0c")));
    assert_false(sut_str_eq(SUT_STR("a"), SUT_STR("ab")));
    assert_true(sut_str_eq(nothing, SUT_STR("")));
    assert_true(sut_str_is(nothing, ""));
    assert_true(sut_str_eq_nocase(SUT_STR("HoSt-1"), SUT_STR("hOsT-1")));
    assert_false(sut_str_eq_nocase(SUT_STR("host"), SUT_STR("hosts")));
    /* '@' and '[' stand beside the letters, and bytes above ASCII have no case here. */
    assert_false(sut_str_eq_nocase(SUT_STR("@["), SUT_STR("`{")));
    assert_false(sut_str_eq_nocase(SUT_STR("\xc3\x84"), SUT_STR("\xc3\xa4")));
}

static void ends_are_found_where_they_are(void **state)
{
    (void) state;
    assert_true(sut_str_starts(SUT_STR("/api/x"), SUT_STR("/api/")));
    assert_false(sut_str_starts(SUT_STR("/ap"), SUT_STR("/api/")));
    assert_true(sut_str_starts(nothing, nothing));
    assert_true(sut_str_ends(SUT_STR("a.example"), SUT_STR(".example")));
    assert_false(sut_str_ends(SUT_STR("example"), SUT_STR(".example")));
    assert_true(sut_str_ends(SUT_STR("x"), nothing));
}

static void order_is_of_bytes_then_of_length(void **state)
{
    (void) state;
    assert_true(sut_str_cmp(SUT_STR("a"), SUT_STR("b")) < 0);
    assert_true(sut_str_cmp(SUT_STR("b"), SUT_STR("ab")) > 0);
    assert_true(sut_str_cmp(SUT_STR("a"), SUT_STR("ab")) < 0);
    assert_true(sut_str_cmp(SUT_STR("ab"), SUT_STR("a")) > 0);
    assert_true(sut_str_cmp(SUT_STR("\xff"), SUT_STR("a")) > 0);
    assert_int_equal(sut_str_cmp(SUT_STR("ab"), SUT_STR("ab")), 0);
    assert_int_equal(sut_str_cmp(nothing, SUT_STR("")), 0);
    assert_true(sut_str_cmp(nothing, SUT_STR("a")) < 0);
}

static void a_byte_is_found_or_the_end(void **state)
{
    (void) state;
    const sut_str s = SUT_STR("a:b:c");
    assert_int_equal(sut_str_find(s, 0, ':'), 1);
    assert_int_equal(sut_str_find(s, 2, ':'), 3);
    assert_int_equal(sut_str_find(s, 4, ':'), 5);
    assert_int_equal(sut_str_find(s, 99, ':'), 5);
    assert_int_equal(sut_str_find(nothing, 0, ':'), 0);
}

static void parts_are_clamped(void **state)
{
    (void) state;
    const sut_str s = SUT_STR("hello");
    assert_true(sut_str_is(sut_str_sub(s, 1, 3), "el"));
    assert_true(sut_str_is(sut_str_sub(s, 3, 99), "lo"));
    assert_int_equal(sut_str_sub(s, 5, 9).n, 0);
    assert_int_equal(sut_str_sub(s, 4, 2).n, 0);
    assert_int_equal(sut_str_sub(nothing, 0, 1).n, 0);
}

static void blanks_at_both_ends_go(void **state)
{
    (void) state;
    assert_true(sut_str_is(sut_str_trim(SUT_STR(" \t\r\n\v\fa b ")), "a b"));
    assert_int_equal(sut_str_trim(SUT_STR(" \t ")).n, 0);
    assert_int_equal(sut_str_trim(nothing).n, 0);
    assert_true(sut_str_is(sut_str_trim(SUT_STR("\x1f"
                                                "a")),
                           "\x1f"
                           "a"));
    assert_int_equal(sut_str_trim(SUT_STR("\xc2\xa0")).n, 2);
}

static void copies_live_in_the_arena_and_end_with_a_nul(void **state)
{
    (void) state;
    struct sut_arena *a = NULL;
    assert_false(sut_failed(sut_arena_create(8192, &a)));
    char text[] = "text";
    const sut_str copy = sut_str_dup(a, sut_str_from(text));
    char *z = sut_str_z(a, sut_str_from(text));
    text[0] = 'X';
    assert_true(sut_str_is(copy, "text"));
    assert_int_equal(copy.p[4], '\0');
    assert_string_equal(z, "text");
    assert_non_null(sut_str_dup(a, nothing).p);
    assert_null(sut_str_dup(a, sut_str_of(text, 9000)).p);
    assert_null(sut_str_z(a, sut_str_of(text, SIZE_MAX)));
    assert_true(sut_arena_overflowed(a));
    sut_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_made_of_what_is_there),
        cmocka_unit_test(equality_is_of_bytes),
        cmocka_unit_test(ends_are_found_where_they_are),
        cmocka_unit_test(order_is_of_bytes_then_of_length),
        cmocka_unit_test(a_byte_is_found_or_the_end),
        cmocka_unit_test(parts_are_clamped),
        cmocka_unit_test(blanks_at_both_ends_go),
        cmocka_unit_test(copies_live_in_the_arena_and_end_with_a_nul),
    };
    return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
