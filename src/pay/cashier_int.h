/* SPDX-License-Identifier: Apache-2.0
 *
 * cashier_int - the cashier from inside: cashier.c has the thread, its waiting and its
 * end; cashier_round.c what it does when it wakes.
 */
#ifndef SUT_PAY_CASHIER_INT_H
#define SUT_PAY_CASHIER_INT_H

#include <pthread.h>

#include "base/arena.h"
#include "pay/cashier.h"

enum { SUT_CASHIER_POLL_MS = 5000 /* another server may have left something and died */ };

struct sut_cashier {
    struct sut_cashier_options o;
    struct sut_pay pay; /* o.pay, with the courier behind a gate of this thread's own */
    struct sut_arena *arena;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_woken; /* under the lock, as those below */
    bool is_stopping;
    bool is_out;  /* with the courier */
    bool is_left; /* nobody waits for it any more */
    bool has_ended;
};

/* Any thread. */
bool sut_cashier__is_stopping(struct sut_cashier *k);

#endif
