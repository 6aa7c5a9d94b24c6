/* SPDX-License-Identifier: Apache-2.0
 *
 * cashier - the thread that works off what providers said and what is owed: events of the
 * inbox, refunds, and payments that nobody is to make any more.
 *
 * An event and what it causes are one transaction, so it acts once however often it
 * comes; a refund is asked for under an idempotency key until its answer is known.  What
 * this process was doing when it was killed another does after the claim has ended.
 * What can't be done now is tried again after 5 s, 10 s, 20 s … 1 h, for some days.
 */
#ifndef SUT_PAY_CASHIER_H
#define SUT_PAY_CASHIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "pay/pay.h"

struct sut_cashier;

struct sut_cashier_options {
    const struct sut_pay *pay; /* borrowed */
    const struct sut_clock *clock;
};

SUT_ERR sut_cashier_start(const struct sut_cashier_options *opt, struct sut_cashier **ret);
/* After a commit that left it something.  Any thread; costs next to nothing.  NULL is fine. */
void sut_cashier_wake(struct sut_cashier *k);
/*
 * Finishes what it has in hand, but a provider that keeps it waiting is not waited for longer than
 * `ms`; false: its thread is with the courier still.  Then it will never touch the store again,
 * but the courier must not be freed: this is for a process that ends.
 */
bool sut_cashier_stop_within(struct sut_cashier **k, unsigned ms);

/* --- the same without a thread, for tests that own the time --- */

SUT_ERR sut_cashier_create(const struct sut_cashier_options *opt, struct sut_cashier **ret);
/* Do what is due; when to come again. */
void sut_cashier_turn(struct sut_cashier *k, sut_ms *ret_next);
/* How long after the n-th try (from 1) the next one comes. */
int64_t sut_cashier_delay_ms(int64_t tries);

#endif
