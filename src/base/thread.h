/* SPDX-License-Identifier: Apache-2.0
 *
 * thread - what every thread of ours begins with, and how one waits for another: both are
 * easy to get subtly wrong by hand.
 *
 * Signals are the main thread's: a thread is born with all of them blocked.  Times are
 * those of the monotonic clock (base/clock.h), so that a step of the wall clock neither
 * ends a wait nor makes it last.
 */
#ifndef SUT_BASE_THREAD_H
#define SUT_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Start run(arg) in a thread of its own, which the caller joins or detaches.  stack_bytes: 0:
 * what the system gives.  `arg` is the thread's to read from then on.  SYSTEM, with errno, when
 * there can't be another thread; then *ret is as it was.
 */
SUT_ERR sut_thread_start(size_t stack_bytes, void *(*run)(void *arg), void *arg, pthread_t *ret);

/* A condition for sut_cond_wait_until(); ended by pthread_cond_destroy(). */
void sut_cond_init(pthread_cond_t *ret);
/*
 * Wait on what sut_cond_init() made, with the mutex held, until sut_monotonic_ns() is `until_ns`.
 * false: that time has come.  true: something was told, or nothing was: ask again what you wait
 * for.
 */
bool sut_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, uint64_t until_ns);

#endif
