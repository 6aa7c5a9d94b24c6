/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread.h"

#include <signal.h>
#include <time.h>

enum { NS_PER_S = 1000000000 };

SUT_ERR sut_thread_start(size_t stack_bytes, void *(*run)(void *arg), void *arg, pthread_t *ret)
{
    pthread_attr_t attr;
    sigset_t all;
    sigset_t before;
    pthread_t t;
    ENSURE(pthread_attr_init(&attr) == 0, NOMEM);
    /* Where it is too small the thread has what the system gives. */
    if (stack_bytes > 0)
        (void) pthread_attr_setstacksize(&attr, stack_bytes);
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&t, &attr, run, arg);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void) pthread_attr_destroy(&attr);
    errno = code;
    if (code != 0)
        FAIL_SYS(SYSTEM);
    *ret = t;
    return SUT_OK;
}

void sut_cond_init(pthread_cond_t *ret)
{
    pthread_condattr_t attr;
    SUT_BUG_IF(pthread_condattr_init(&attr) != 0);
    SUT_BUG_IF(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0);
    SUT_BUG_IF(pthread_cond_init(ret, &attr) != 0);
    (void) pthread_condattr_destroy(&attr);
}

bool sut_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, uint64_t until_ns)
{
    const struct timespec until = { .tv_sec = (time_t) (until_ns / NS_PER_S),
                                    .tv_nsec = (long) (until_ns % NS_PER_S) };
    return pthread_cond_timedwait(c, m, &until) == 0;
}
