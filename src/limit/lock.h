/* SPDX-License-Identifier: Apache-2.0
 *
 * lock - how often something was tried wrongly, and the lock that it leads to.
 *
 * A try begins before it is judged and ends as wrong, right, or undone, so that
 * of many at once no more than `failures` are judged: wrong ones and open ones
 * together never pass it.  The failure that reaches the number locks for
 * `lock_ms`; while it is locked nothing is counted and nothing prolongs it.
 * The count lives `forget_ms` after the last failure, through the lock and
 * beyond: then one more failure locks again, and one try at a time may be open.
 *
 * struct sut_lock is the caller's storage and starts as zeroes.  Time is a
 * parameter that never steps back (who keeps locks sees to that).  Not
 * thread-safe; nothing allocates.
 */
#ifndef SUT_LIMIT_LOCK_H
#define SUT_LIMIT_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

/* failures 0: nothing is ever locked. */
struct sut_lock_rule {
    uint32_t failures; /* up to SUT_LOCK_FAILURES_MAX */
    uint32_t forget_ms;
    uint32_t lock_ms;
};

enum { SUT_LOCK_FAILURES_MAX = 1000 };

struct sut_lock {
    int64_t lives_ms; /* until then the count lives; 0: there is none */
    int64_t until_ms; /* locked until then; 0: not */
    uint16_t failed;  /* wrong ones; it stops at 65,535 */
    uint16_t open;    /* begun and not ended */
};

struct sut_lock_result {
    bool is_locked;        /* the try may not be judged */
    bool must_wait;        /* nor this one, until one that is open ends */
    bool locks_now;        /* this failure is the one that locks */
    uint32_t failures;     /* counted now, without those that are open */
    int64_t retry_after_s; /* locked, or locking: until it ends, rounded up */
};

/* A try is to be judged, unless *ret says otherwise: then it has not begun. */
void sut_lock_begin(struct sut_lock *l, const struct sut_lock_rule *rule, sut_ms now,
                    struct sut_lock_result *ret);
/* A try that began was wrong. */
void sut_lock_wrong(struct sut_lock *l, const struct sut_lock_rule *rule, sut_ms now,
                    struct sut_lock_result *ret);
/* It was right: the failures are forgotten, but not a lock that holds. */
void sut_lock_right(struct sut_lock *l, sut_ms now);
/* It was neither. */
void sut_lock_undo(struct sut_lock *l);
/* What a try would meet. */
void sut_lock_look(const struct sut_lock *l, sut_ms now, struct sut_lock_result *ret);

/* When nothing of it matters any more; 0: nothing does. */
sut_ms sut_lock_expires(const struct sut_lock *l);

enum { SUT_LOCK_ENCODED = 19 };
/* Append it as SUT_LOCK_ENCODED bytes, its times moved by `shift_ms`; tries that are open are left
 * out. */
void sut_lock_encode(const struct sut_lock *l, int64_t shift_ms, struct sut_buf *out);
/* The other side; PARSE for other bytes. */
SUT_ERR sut_lock_decode(sut_str data, struct sut_lock *ret);

#endif
