/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

struct seen {
    sigset_t blocked;
    size_t stack_bytes;
};

static void *look(void *arg)
{
    struct seen *s = arg;
    pthread_attr_t attr;
    (void) pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        (void) pthread_attr_getstacksize(&attr, &s->stack_bytes);
        (void) pthread_attr_destroy(&attr);
    }
    return s;
}

static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE };

static void a_thread_is_born_with_all_signals_blocked(void **state)
{
    (void) state;
    struct seen s = { .stack_bytes = 0 };
    pthread_t t;
    void *result = NULL;
    assert_false(sut_failed(sut_thread_start(0, look, &s, &t)));
    assert_int_equal(pthread_join(t, &result), 0);
    assert_ptr_equal(result, &s);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_int_equal(sigismember(&s.blocked, ours[i]), 1);
}

static void whoever_starts_one_keeps_their_own_signals(void **state)
{
    (void) state;
    struct seen s = { .stack_bytes = 0 };
    sigset_t one, now;
    pthread_t t;
    (void) sigemptyset(&one);
    (void) sigaddset(&one, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &one, NULL), 0);
    assert_false(sut_failed(sut_thread_start(0, look, &s, &t)));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &now), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_int_equal(sigismember(&now, ours[i]), ours[i] == SIGUSR1);
    (void) sigemptyset(&one);
    (void) pthread_sigmask(SIG_SETMASK, &one, NULL);
}

static void its_stack_is_as_large_as_was_asked(void **state)
{
    (void) state;
    enum { BYTES = 512 * 1024, SLACK = 64 * 1024 };
    struct seen s = { .stack_bytes = 0 };
    pthread_t t;
    assert_false(sut_failed(sut_thread_start(BYTES, look, &s, &t)));
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_in_range(s.stack_bytes, BYTES, BYTES + SLACK);
}

static void a_thread_that_cant_be_is_an_error(void **state)
{
    (void) state;
    struct seen s = { .stack_bytes = 0 };
    pthread_t t = pthread_self();
    const sut_err e = sut_thread_start(SIZE_MAX / 4 / 4096 * 4096, look, &s, &t);
    assert_int_equal(e.code, SUT_E_SYSTEM);
    assert_int_not_equal(e.sys, 0);
    assert_true(pthread_equal(t, pthread_self()));
}

struct meeting {
    pthread_mutex_t m;
    pthread_cond_t c;
    bool is_told;
};

static void *tell(void *arg)
{
    struct meeting *w = arg;
    (void) pthread_mutex_lock(&w->m);
    w->is_told = true;
    (void) pthread_cond_signal(&w->c);
    (void) pthread_mutex_unlock(&w->m);
    return NULL;
}

static void a_wait_ends_when_its_told(void **state)
{
    (void) state;
    struct meeting w = { .m = PTHREAD_MUTEX_INITIALIZER };
    const uint64_t until_ns = sut_monotonic_in(60 * 1000);
    pthread_t t;
    sut_cond_init(&w.c);
    assert_false(sut_failed(sut_thread_start(0, tell, &w, &t)));
    (void) pthread_mutex_lock(&w.m);
    while (!w.is_told)
        assert_true(sut_cond_wait_until(&w.c, &w.m, until_ns));
    (void) pthread_mutex_unlock(&w.m);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_true(sut_monotonic_ns() < until_ns);
    assert_int_equal(pthread_cond_destroy(&w.c), 0);
}

static void a_wait_ends_at_its_time_and_not_before(void **state)
{
    (void) state;
    struct meeting w = { .m = PTHREAD_MUTEX_INITIALIZER };
    sut_cond_init(&w.c);
    (void) pthread_mutex_lock(&w.m);
    const uint64_t until_ns = sut_monotonic_in(30);
    while (sut_cond_wait_until(&w.c, &w.m, until_ns))
        ;
    assert_true(sut_monotonic_ns() >= until_ns);
    /* A time that is over is no wait. */
    assert_false(sut_cond_wait_until(&w.c, &w.m, 0));
    (void) pthread_mutex_unlock(&w.m);
    assert_int_equal(pthread_cond_destroy(&w.c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_born_with_all_signals_blocked),
        cmocka_unit_test(whoever_starts_one_keeps_their_own_signals),
        cmocka_unit_test(its_stack_is_as_large_as_was_asked),
        cmocka_unit_test(a_thread_that_cant_be_is_an_error),
        cmocka_unit_test(a_wait_ends_when_its_told),
        cmocka_unit_test(a_wait_ends_at_its_time_and_not_before),
    };
    return cmocka_run_group_tests_name("base/thread", tests, NULL, NULL);
}
