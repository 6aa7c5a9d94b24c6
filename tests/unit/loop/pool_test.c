/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/pool.h"

static const struct timespec A_MOMENT = { .tv_nsec = 2000000 };

struct work {
    struct sut_job job; /* first */
    atomic_int *gate;   /* waits until it is open */
    atomic_int *done;
    atomic_int *late;
    int nice;
};

static void run(struct sut_job *j, bool is_late)
{
    struct work *w = (struct work *) j;
    while (w->gate != NULL && atomic_load(w->gate) == 0)
        nanosleep(&A_MOMENT, NULL);
    w->nice = getpriority(PRIO_PROCESS, 0);
    if (is_late && w->late != NULL)
        atomic_fetch_add(w->late, 1);
    atomic_fetch_add(w->done, 1);
}

static void wait_until(struct sut_pool *p, unsigned running)
{
    while (sut_pool_count(p).running != running)
        nanosleep(&A_MOMENT, NULL);
}

static void all_jobs_run_and_idle_threads_end(void **state)
{
    (void) state;
    const struct sut_pool_options o = {
        .name = "t", .threads_max = 4, .queue_max = 1000, .idle_ms = 30
    };
    struct sut_pool *p = NULL;
    assert_false(sut_failed(sut_pool_create(&o, &p)));
    assert_int_equal(sut_pool_count(p).threads, 0);
    enum { N = 900 };
    struct work *w = sut_mem_zalloc(N, sizeof(*w));
    atomic_int done = 0;
    for (int i = 0; i < N; i++) {
        w[i] = (struct work){ .job.run = run, .done = &done };
        assert_false(sut_failed(sut_pool_give(p, &w[i].job)));
    }
    while (atomic_load(&done) != N)
        nanosleep(&A_MOMENT, NULL);
    assert_true(sut_pool_count(p).threads <= 4);
    for (int i = 0; i < 15000 && sut_pool_count(p).threads > 0; i++)
        nanosleep(&A_MOMENT, NULL);
    assert_int_equal(sut_pool_count(p).threads, 0);
    /* And it starts one again when there is work. */
    w[0] = (struct work){ .job.run = run, .done = &done };
    assert_false(sut_failed(sut_pool_give(p, &w[0].job)));
    sut_pool_free(&p);
    assert_int_equal(atomic_load(&done), N + 1);
    sut_mem_free(w);
}

static void a_full_queue_refuses_and_loses_nothing(void **state)
{
    (void) state;
    const struct sut_pool_options o = { .name = "t", .threads_max = 2, .queue_max = 3 };
    struct sut_pool *p = NULL;
    assert_false(sut_failed(sut_pool_create(&o, &p)));
    atomic_int gate = 0;
    atomic_int done = 0;
    struct work w[6];
    for (int i = 0; i < 6; i++)
        w[i] = (struct work){ .job.run = run, .gate = &gate, .done = &done };
    for (int i = 0; i < 5; i++)
        assert_false(sut_failed(sut_pool_give(p, &w[i].job)));
    wait_until(p, 2);
    assert_int_equal(sut_pool_give(p, &w[5].job).code, SUT_E_BUSY);
    assert_int_equal(sut_pool_count(p).refused, 1);
    assert_int_equal(sut_pool_count(p).waiting, 3);
    atomic_store(&gate, 1);
    sut_pool_free(&p); /* drains */
    assert_int_equal(atomic_load(&done), 5);
}

static void a_job_that_waited_too_long_is_told_so(void **state)
{
    (void) state;
    const struct sut_pool_options o = { .name = "t", .threads_max = 1, .queue_max = 8 };
    struct sut_pool *p = NULL;
    assert_false(sut_failed(sut_pool_create(&o, &p)));
    atomic_int gate = 0;
    atomic_int done = 0;
    atomic_int late = 0;
    struct work first = { .job.run = run, .gate = &gate, .done = &done, .late = &late };
    struct work second = { .job.run = run, .done = &done, .late = &late };
    second.job.deadline_ns = sut_monotonic_ns() + 1000000;
    assert_false(sut_failed(sut_pool_give(p, &first.job)));
    assert_false(sut_failed(sut_pool_give(p, &second.job)));
    wait_until(p, 1);
    for (int i = 0; i < 5; i++)
        nanosleep(&A_MOMENT, NULL);
    atomic_store(&gate, 1);
    sut_pool_free(&p);
    assert_int_equal(atomic_load(&done), 2);
    assert_int_equal(atomic_load(&late), 1);
}

static void nice_threads_leave_the_others_alone(void **state)
{
    (void) state;
    const int mine = getpriority(PRIO_PROCESS, 0);
    const struct sut_pool_options o = { .name = "t", .threads_max = 1, .queue_max = 1, .nice = 5 };
    struct sut_pool *p = NULL;
    assert_false(sut_failed(sut_pool_create(&o, &p)));
    atomic_int done = 0;
    struct work w = { .job.run = run, .done = &done };
    assert_false(sut_failed(sut_pool_give(p, &w.job)));
    sut_pool_free(&p);
    const int expected = mine + 5 > 19 ? 19 : mine + 5;
    assert_int_equal(w.nice, expected);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), mine);
}

static void options_out_of_range_are_refused(void **state)
{
    (void) state;
    struct sut_pool *p = NULL;
    const struct sut_pool_options none = { .threads_max = 0 };
    const struct sut_pool_options many = { .threads_max = 5000 };
    const struct sut_pool_options rude = { .threads_max = 1, .nice = -1 };
    const struct sut_pool_options flat = { .threads_max = 1, .stack_bytes = 100 };
    assert_int_equal(sut_pool_create(&none, &p).code, SUT_E_INVALID);
    assert_int_equal(sut_pool_create(&many, &p).code, SUT_E_INVALID);
    assert_int_equal(sut_pool_create(&rude, &p).code, SUT_E_INVALID);
    assert_int_equal(sut_pool_create(&flat, &p).code, SUT_E_INVALID);
    sut_pool_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_jobs_run_and_idle_threads_end),
        cmocka_unit_test(a_full_queue_refuses_and_loses_nothing),
        cmocka_unit_test(a_job_that_waited_too_long_is_told_so),
        cmocka_unit_test(nice_threads_leave_the_others_alone),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
