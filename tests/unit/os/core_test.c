/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>

#include "os/core.h"

/* The cores that the test may use. */
static cpu_set_t ours(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    return set;
}

static void a_thread_stays_on_the_core_that_it_was_told(void **state)
{
    (void) state;
    cpu_set_t all = ours();
    for (uint32_t i = 0; i < SUT_CORES_MAX; i++) {
        if (!CPU_ISSET(i, &all))
            continue;
        sut_core_stay_on(i);
        assert_int_equal(sut_core_here(), i);
        cpu_set_t now = ours();
        assert_int_equal(CPU_COUNT(&now), 1);
    }
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void a_core_that_is_not_there_changes_nothing(void **state)
{
    (void) state;
    const cpu_set_t before = ours();
    static const uint32_t none[] = { SUT_CORES_MAX - 1, SUT_CORES_MAX, UINT32_MAX };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        sut_core_stay_on(none[i]);
        const cpu_set_t after = ours();
        assert_true(CPU_EQUAL(&before, &after));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_stays_on_the_core_that_it_was_told),
        cmocka_unit_test(a_core_that_is_not_there_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
