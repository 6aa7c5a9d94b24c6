/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static sut_ms fixed_now(void *ctx)
{
    const int64_t *at = ctx;
    return (sut_ms){ .v = *at };
}

static void a_test_owns_the_time(void **state)
{
    (void) state;
    int64_t at = 1000;
    const struct sut_clock c = { .now = fixed_now, .ctx = &at };
    assert_int_equal(sut_clock_now(&c).v, 1000);
    at = 2000;
    assert_int_equal(sut_clock_now(&c).v, 2000);
}

static void the_systems_clock_counts_milliseconds_since_1970(void **state)
{
    (void) state;
    struct timespec before;
    struct timespec after;
    (void) clock_gettime(CLOCK_REALTIME, &before);
    const int64_t now = sut_clock_now(&sut_clock_system).v;
    (void) clock_gettime(CLOCK_REALTIME, &after);
    assert_true(now >= (int64_t) before.tv_sec * 1000 + before.tv_nsec / 1000000);
    assert_true(now <= (int64_t) after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

static void intervals_never_run_backwards(void **state)
{
    (void) state;
    uint64_t last = sut_monotonic_ns();
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t now = sut_monotonic_ns();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_test_owns_the_time),
        cmocka_unit_test(the_systems_clock_counts_milliseconds_since_1970),
        cmocka_unit_test(intervals_never_run_backwards),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
