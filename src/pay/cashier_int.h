/* SPDX-License-Identifier: Apache-2.0
 *
 * cashier_int - the cashier from inside: cashier.c has the thread and the way out to the
 * courier; cashier_round.c what it does when it wakes.
 */
#ifndef SUT_PAY_CASHIER_INT_H
#define SUT_PAY_CASHIER_INT_H

#include "base/arena.h"
#include "base/background.h"
#include "pay/cashier.h"

enum { SUT_CASHIER_POLL_MS = 5000 /* another server may have left something and died */ };

struct sut_cashier {
    struct sut_cashier_options o;
    struct sut_pay pay; /* o.pay, with the courier behind a gate of this thread's own */
    struct sut_arena *arena;
    struct sut_background *thread;
};

#endif
