/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

static void holds(const struct sut_buf *b, const char *want)
{
    assert_int_equal(b->n, strlen(want));
    if (b->n > 0)
        assert_memory_equal(b->p, want, b->n);
    assert_false(sut_failed(sut_buf_check(b)));
}

static void text_is_joined_of_all_kinds_of_parts(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 4096);
    sut_buf_lit(&b, "lit ");
    sut_buf_z(&b, "z ");
    sut_buf_str_add(&b, SUT_STR("str "));
    sut_buf_char(&b, 'c');
    sut_buf_add(&b, NULL, 0);
    sut_buf_printf(&b, " %d%%%s", 7, "!");
    holds(&b, "lit z str c 7%!");
    sut_buf_done(&b);
    assert_null(b.p);
    sut_buf_done(&b);
}

static void numbers_keep_their_ends(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 4096);
    sut_buf_i64(&b, INT64_MIN);
    sut_buf_char(&b, ' ');
    sut_buf_i64(&b, INT64_MAX);
    sut_buf_char(&b, ' ');
    sut_buf_u64(&b, UINT64_MAX);
    sut_buf_char(&b, ' ');
    sut_buf_u64(&b, 0);
    holds(&b, "-9223372036854775808 9223372036854775807 18446744073709551615 0");
    sut_buf_reset(&b);
    sut_buf_pad(&b, 7, 3);
    sut_buf_pad(&b, 1234, 3);
    sut_buf_pad(&b, 0, 2);
    holds(&b, "007123400");
    sut_buf_reset(&b);
    sut_buf_hex(&b, "\x00\x7f\xff\x0a", 4);
    sut_buf_hex(&b, "", 0);
    holds(&b, "007fff0a");
    sut_buf_done(&b);
}

static void it_grows_up_to_its_maximum_and_no_further(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 1000);
    for (unsigned i = 0; i < 1000; i++)
        sut_buf_char(&b, (char) ('a' + i % 26));
    assert_false(b.overflowed);
    assert_int_equal(b.n, 1000);
    assert_int_equal(b.p[999], 'a' + 999 % 26);
    sut_buf_char(&b, '!');
    assert_true(b.overflowed);
    assert_int_equal(b.n, 1000);
    assert_int_equal(sut_buf_check(&b).code, SUT_E_TOO_LARGE);
    sut_buf_done(&b);
}

static void what_overflowed_takes_no_more_until_it_is_reset(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 8);
    sut_buf_lit(&b, "0123456789");
    assert_int_equal(b.n, 0);
    sut_buf_lit(&b, "x");
    assert_int_equal(b.n, 0);
    assert_null(sut_buf_room(&b, 1));
    sut_buf_hex(&b, "z", 1);
    sut_buf_printf(&b, "%d", 1);
    assert_int_equal(b.n, 0);
    assert_int_equal(sut_buf_check(&b).code, SUT_E_TOO_LARGE);
    sut_buf_reset(&b);
    sut_buf_lit(&b, "01234567");
    holds(&b, "01234567");
    sut_buf_done(&b);
}

static void a_length_that_wraps_is_too_large(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 100);
    sut_buf_lit(&b, "abc");
    assert_null(sut_buf_room(&b, SIZE_MAX));
    assert_int_equal(sut_buf_check(&b).code, SUT_E_TOO_LARGE);
    assert_int_equal(b.n, 3);
    sut_buf_done(&b);
}

static void want_of_memory_is_told_from_want_of_room(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 1 << 20);
    sut_mem_fault_nth(1);
    sut_buf_lit(&b, "x");
    assert_int_equal(sut_buf_check(&b).code, SUT_E_NOMEM);
    sut_mem_fault_nth(0);
    sut_buf_reset(&b);
    assert_false(b.starved);
    sut_buf_lit(&b, "x");
    /* What was there stays when growing fails. */
    sut_mem_fault_nth(1);
    assert_null(sut_buf_room(&b, 5000));
    assert_int_equal(b.n, 1);
    assert_int_equal(b.p[0], 'x');
    sut_buf_done(&b);
}

static void over_an_arena_it_needs_no_end(void **state)
{
    (void) state;
    struct sut_arena *a = NULL;
    assert_false(sut_failed(sut_arena_create(16 * 1024, &a)));
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 1 << 20);
    for (unsigned i = 0; i < 600; i++)
        sut_buf_lit(&b, "12345");
    assert_int_equal(b.n, 3000);
    assert_memory_equal(b.p + 2995, "12345", 5);
    assert_null(sut_buf_room(&b, 64 * 1024));
    assert_int_equal(sut_buf_check(&b).code, SUT_E_NOMEM);
    assert_true(sut_arena_overflowed(a));
    sut_buf_done(&b);
    sut_arena_free(&a);
}

static void printing_needs_room_for_its_own_nul_alone(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 5);
    sut_buf_printf(&b, "%s", "1234");
    holds(&b, "1234");
    sut_buf_printf(&b, "%s", "");
    holds(&b, "1234");
    sut_buf_printf(&b, "%s", "56");
    assert_int_equal(sut_buf_check(&b).code, SUT_E_TOO_LARGE);
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_joined_of_all_kinds_of_parts),
        cmocka_unit_test(numbers_keep_their_ends),
        cmocka_unit_test(it_grows_up_to_its_maximum_and_no_further),
        cmocka_unit_test(what_overflowed_takes_no_more_until_it_is_reset),
        cmocka_unit_test(a_length_that_wraps_is_too_large),
        cmocka_unit_test(want_of_memory_is_told_from_want_of_room),
        cmocka_unit_test(over_an_arena_it_needs_no_end),
        cmocka_unit_test(printing_needs_room_for_its_own_nul_alone),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
