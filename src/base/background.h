/* SPDX-License-Identifier: Apache-2.0
 *
 * background - a thread that works in rounds: it sleeps until the next one is due or it is
 * woken, does one, and leaves between two of them when it is told to stop.
 *
 * A wake is never lost: one that comes during a round ends the sleep after it.  Many wakes
 * are one.  The work keeps its own state, which is the thread's alone between start and
 * stop.  Made and started are two steps, so that what the round reads is in place before
 * the thread is, and so that tests do the rounds themselves, without one.
 *
 * Threads: create, start, stop_within and free are its owner's, one at a time; the others say
 * who calls them.
 */
#ifndef SUT_BASE_BACKGROUND_H
#define SUT_BASE_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sut_background;

struct sut_background_options {
    /* One round, in the thread; how many ms it sleeps after it, 0 or less: not at all. */
    int64_t (*round)(void *ctx);
    void *ctx;            /* borrowed until it has stopped */
    int64_t sleep_max_ms; /* whatever a round says */
    int64_t first_ms;     /* it sleeps so long before the first round */
};

/* NOMEM.  There is no thread yet; all below is fine without. */
SUT_ERR sut_background_create(const struct sut_background_options *o, struct sut_background **ret);
/* Once.  SYSTEM, with errno, when there can't be another thread. */
SUT_ERR sut_background_start(struct sut_background *b);

/* Any thread; costs next to nothing. */
void sut_background_wake(struct sut_background *b);
/* For a round that has much to do; any thread. */
bool sut_background_is_stopping(struct sut_background *b);
/*
 * From inside a round: before (true) and after (false) a call of another's that may last, which
 * stop_within() need not wait for.  After one that was not waited for it never comes back: the
 * process is ending, and nothing that a round uses is there any more.
 */
void sut_background_set_out(struct sut_background *b, bool is_out);

/*
 * The round in hand is the last, and is waited for; but when `ms` have passed a thread that is out
 * is not.  false: it is out still, then all that set_out() uses, *b among it, is left to the
 * process: never free it.
 */
bool sut_background_stop_within(struct sut_background *b, unsigned ms);
/* Stops it, however long that takes, and sets *b to NULL; NULL inside is fine. */
void sut_background_free(struct sut_background **b);

#endif
