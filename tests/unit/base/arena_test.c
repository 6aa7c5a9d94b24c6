/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "death.h"

enum { LIMIT = 64 * 1024 };

static struct sut_arena *arena_of(size_t limit)
{
    struct sut_arena *a = NULL;
    assert_false(sut_failed(sut_arena_create(limit, &a)));
    return a;
}

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(LIMIT);
    char *odd = ARENA_ARRAY(a, char, 3);
    uint64_t *number = ARENA_NEW(a, uint64_t);
    long double *wide = ARENA_NEW(a, long double);
    assert_non_null(odd);
    assert_non_null(number);
    assert_non_null(wide);
    assert_int_equal((uintptr_t) number % _Alignof(uint64_t), 0);
    assert_int_equal((uintptr_t) wide % _Alignof(long double), 0);
    assert_int_equal(*number, 0);
    memset(odd, 0xff, 3);
    assert_int_equal(*number, 0);
    sut_arena_free(&a);
    assert_null(a);
    sut_arena_free(&a);
}

static void past_its_limit_it_gives_nothing_and_stays_overflowed(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(8192);
    assert_non_null(sut_arena_bytes(a, 4000));
    assert_false(sut_arena_overflowed(a));
    assert_null(sut_arena_bytes(a, 8193));
    assert_true(sut_arena_overflowed(a));
    assert_non_null(sut_arena_bytes(a, 8));
    assert_true(sut_arena_overflowed(a));
    assert_true(sut_arena_held(a) <= 8192);
    sut_arena_reset(a);
    assert_false(sut_arena_overflowed(a));
    sut_arena_free(&a);
}

static void what_is_held_never_passes_the_limit(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(3 * 4096);
    for (unsigned i = 0; i < 1000; i++) {
        (void) !sut_arena_bytes(a, 100);
        assert_true(sut_arena_held(a) <= 3 * 4096);
    }
    assert_true(sut_arena_overflowed(a));
    sut_arena_free(&a);
}

static void an_array_whose_size_wraps_is_refused(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(SIZE_MAX);
    volatile size_t many = SIZE_MAX / 2 + 2;
    assert_null(sut_arena_alloc(a, many, 2, 1));
    assert_true(sut_arena_overflowed(a));
    sut_arena_reset(a);
    many = SIZE_MAX - 8;
    assert_null(sut_arena_bytes(a, many));
    assert_true(sut_arena_overflowed(a));
    sut_arena_free(&a);
}

static void the_limit_may_grow_but_not_below_what_is_held(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(4096);
    assert_non_null(sut_arena_bytes(a, 100));
    assert_null(sut_arena_bytes(a, 4096));
    sut_arena_set_limit(a, LIMIT);
    assert_non_null(sut_arena_bytes(a, 8192));
    const size_t held = sut_arena_held(a);
    sut_arena_set_limit(a, 1);
    assert_null(sut_arena_bytes(a, 8192));
    assert_int_equal(sut_arena_held(a), held);
    sut_arena_free(&a);
}

static void memory_that_the_heap_refuses_is_an_overflow(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(LIMIT);
    sut_mem_fault_nth(1);
    assert_null(sut_arena_bytes(a, 10));
    assert_true(sut_mem_fault_hit());
    assert_true(sut_arena_overflowed(a));
    sut_arena_reset(a);
    assert_non_null(sut_arena_bytes(a, 10));
    sut_arena_free(&a);
    sut_mem_fault_nth(1);
    assert_int_equal(sut_arena_create(LIMIT, &a).code, SUT_E_NOMEM);
    assert_null(a);
}

struct trace {
    char text[8];
    size_t n;
};
struct note {
    struct trace *to;
    char c;
};

static void take_note(void *arg)
{
    const struct note *n = arg;
    n->to->text[n->to->n++] = n->c;
}

static void defer_note(struct sut_arena *a, struct trace *t, char c)
{
    struct note *n = ARENA_NEW(a, struct note);
    assert_non_null(n);
    *n = (struct note){ .to = t, .c = c };
    assert_false(sut_failed(sut_arena_defer(a, take_note, n)));
}

static void what_was_deferred_runs_once_and_backwards(void **state)
{
    (void) state;
    struct trace t = { .n = 0 };
    struct sut_arena *a = arena_of(LIMIT);
    defer_note(a, &t, 'a');
    defer_note(a, &t, 'b');
    sut_arena_reset(a);
    assert_string_equal(t.text, "ba");
    defer_note(a, &t, 'c');
    sut_arena_free(&a);
    assert_string_equal(t.text, "bac");
}

static void a_rewind_runs_what_came_after_the_mark_alone(void **state)
{
    (void) state;
    struct trace t = { .n = 0 };
    struct sut_arena *a = arena_of(LIMIT);
    defer_note(a, &t, 'a');
    const struct sut_mark m = sut_arena_mark(a);
    defer_note(a, &t, 'b');
    assert_non_null(sut_arena_bytes(a, 20000));
    defer_note(a, &t, 'c');
    sut_arena_rewind(a, m);
    assert_string_equal(t.text, "cb");
    sut_arena_free(&a);
    assert_string_equal(t.text, "cba");
}

static void a_rewind_gives_the_same_room_again(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(LIMIT);
    assert_non_null(sut_arena_bytes(a, 100));
    const struct sut_mark m = sut_arena_mark(a);
    const char *first = sut_arena_bytes(a, 50);
    assert_non_null(sut_arena_bytes(a, 30000));
    const size_t held = sut_arena_held(a);
    sut_arena_rewind(a, m);
    assert_true(sut_arena_held(a) < held);
    assert_ptr_equal(sut_arena_bytes(a, 50), first);
    sut_arena_free(&a);
}

static void a_mark_on_an_empty_arena_rewinds_to_nothing(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(LIMIT);
    const struct sut_mark m = sut_arena_mark(a);
    assert_non_null(sut_arena_bytes(a, 9000));
    sut_arena_rewind(a, m);
    assert_int_equal(sut_arena_held(a), 0);
    sut_arena_free(&a);
}

static void a_reset_keeps_one_chunk(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(LIMIT);
    const char *first = sut_arena_bytes(a, 100);
    assert_non_null(sut_arena_bytes(a, 20000));
    sut_arena_reset(a);
    assert_int_equal(sut_arena_held(a), 4096);
    assert_ptr_equal(sut_arena_bytes(a, 100), first);
    /* A first chunk that is larger than usual is not kept for a small request. */
    sut_arena_free(&a);
    a = arena_of(LIMIT);
    assert_non_null(sut_arena_bytes(a, 20000));
    sut_arena_reset(a);
    assert_int_equal(sut_arena_held(a), 0);
    sut_arena_free(&a);
}

/* The compiler may drop a store to memory that is forgotten next; not these. */
static void leave(char *p, const char *text, size_t n)
{
    volatile char *to = p;
    for (size_t i = 0; i < n; i++)
        to[i] = text[i];
}

static void a_secret_arena_is_wiped_by_reset_and_rewind(void **state)
{
    (void) state;
    static const char key[] = "sixteen bytes ok";
    char seen[sizeof(key)];
    struct sut_arena *a = arena_of(LIMIT);
    sut_arena_set_flags(a, SUT_ARENA_SECRET);
    assert_non_null(sut_arena_bytes(a, 1));
    const struct sut_mark inner = sut_arena_mark(a);
    char *p = sut_arena_bytes(a, sizeof(key));
    assert_non_null(p);
    leave(p, key, sizeof(key));
    sut_arena_rewind(a, inner);
    /* The same room again, not zeroed by the call: what lies there was wiped. */
    p = sut_arena_bytes(a, sizeof(key));
    memcpy(seen, p, sizeof(seen));
    for (size_t i = 0; i < sizeof(seen); i++)
        assert_int_equal(seen[i], 0);
    leave(p, key, sizeof(key));
    sut_arena_reset(a);
    (void) !sut_arena_bytes(a, 1);
    p = sut_arena_bytes(a, sizeof(key));
    for (size_t i = 0; i < sizeof(key); i++)
        assert_int_equal(p[i], 0);
    sut_arena_free(&a);
}

static void a_plain_arena_is_not_wiped_which_shows_that_the_test_above_can_see(void **state)
{
    (void) state;
    struct sut_arena *a = arena_of(LIMIT);
    char *p = sut_arena_bytes(a, 4);
    leave(p, "left", 4);
    sut_arena_reset(a);
    p = sut_arena_bytes(a, 4);
    assert_memory_equal(p, "left", 4);
    sut_arena_free(&a);
}

#if HAS_ASAN
static void write_past_the_end(void *arg)
{
    struct sut_arena *a = arg;
    volatile char *p = sut_arena_bytes(a, 24);
    (void) !sut_arena_bytes(a, 24);
    volatile size_t past = 24;
    p[past] = 'x';
}

static void write_through_a_rewound_pointer(void *arg)
{
    struct sut_arena *a = arg;
    (void) !sut_arena_bytes(a, 8);
    const struct sut_mark m = sut_arena_mark(a);
    volatile char *p = sut_arena_bytes(a, 8);
    sut_arena_rewind(a, m);
    p[0] = 'x';
}

static void read_after_a_reset(void *arg)
{
    struct sut_arena *a = arg;
    volatile char *p = sut_arena_bytes(a, 8);
    sut_arena_reset(a);
    (void) p[0];
}

static void the_sanitizer_reports_what_leaves_its_room(void **state)
{
    (void) state;
    void (*const misdeeds[])(void *) = {
        write_past_the_end,
        write_through_a_rewound_pointer,
        read_after_a_reset,
    };
    for (size_t i = 0; i < sizeof(misdeeds) / sizeof(misdeeds[0]); i++) {
        struct sut_arena *a = arena_of(LIMIT);
        char text[4096];
        const int status = death_of(misdeeds[i], a, text, sizeof(text));
        assert_int_not_equal(status, 0);
        assert_non_null(strstr(text, "use-after-poison"));
        sut_arena_free(&a);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(past_its_limit_it_gives_nothing_and_stays_overflowed),
        cmocka_unit_test(what_is_held_never_passes_the_limit),
        cmocka_unit_test(an_array_whose_size_wraps_is_refused),
        cmocka_unit_test(the_limit_may_grow_but_not_below_what_is_held),
        cmocka_unit_test(memory_that_the_heap_refuses_is_an_overflow),
        cmocka_unit_test(what_was_deferred_runs_once_and_backwards),
        cmocka_unit_test(a_rewind_runs_what_came_after_the_mark_alone),
        cmocka_unit_test(a_rewind_gives_the_same_room_again),
        cmocka_unit_test(a_mark_on_an_empty_arena_rewinds_to_nothing),
        cmocka_unit_test(a_reset_keeps_one_chunk),
        cmocka_unit_test(a_secret_arena_is_wiped_by_reset_and_rewind),
        cmocka_unit_test(a_plain_arena_is_not_wiped_which_shows_that_the_test_above_can_see),
#if HAS_ASAN
        cmocka_unit_test(the_sanitizer_reports_what_leaves_its_room),
#endif
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
