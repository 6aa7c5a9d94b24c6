/* SPDX-License-Identifier: Apache-2.0
 *
 * lockout - wrong passwords of an account, and the lock that they lead to.
 *
 * Each try is asked for *before* the password is looked at, and its end is told,
 * so that of many at once no more than `failures` are checked: a try for which
 * wrong and open ones leave no room waits until one ends.  The failure that reaches
 * the number locks for `lock_ms`; while locked nothing is counted and nothing
 * prolongs it; after the lock, while the count still lives (`forget_ms` after the last
 * failure), one more failure locks again.  A device that the account's owner
 * signed in on before has a count of its own: a lock by strangers does not bind
 * it, nor theirs its.
 *
 * Subjects are keyed digests as in counters.h; kept over a restart as the rates are, in
 * the same memory, of which locks take at most half: 104 bytes each and a bucket's
 * 8 to 16.  No key that cost less than a checked password pushes one out, and a lock that
 * holds goes after all counts that don't lock (limit/ratetable.h).  When the clock
 * steps back, nothing lasts longer and nobody gets more tries.
 * Any thread; a decision takes one shard's lock for about a microsecond.
 */
#ifndef SUT_COUNTERS_LOCKOUT_H
#define SUT_COUNTERS_LOCKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "counters/counters.h"
#include "limit/lock.h"

/* Whose failures: the folded address alone, or with the device that has its own count. */
struct sut_lockout_subject {
    unsigned char digest[24];
};
struct sut_lockout_subject sut_lockout_of(sut_str folded_email);
struct sut_lockout_subject sut_lockout_of_device(sut_str folded_email, sut_str device_hash);

/*
 * A try begins: it is to be ended by right, wrong or undo.  Not when is_locked (nothing was
 * counted), nor when must_wait: too many are open, or there is no memory.
 */
void sut_lockout_begin(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now,
                       struct sut_lock_result *ret);
/* Wait until some try ends, or so long.  Blocks: never on a loop thread. */
void sut_lockout_wait(struct sut_counters *c, uint32_t ms);
/* It was wrong; *ret: locks_now tells. */
void sut_lockout_wrong(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now,
                       struct sut_lock_result *ret);
/* It was right: all failures are forgotten (not a lock that others caused meanwhile: those tries
 * count). */
void sut_lockout_right(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now);
/* It was neither right nor wrong (busy, the store is gone): as if it had not been. */
void sut_lockout_undo(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now);
/* An operator's unlock: count and lock go. */
void sut_lockout_clear(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now);
/* Whether it is locked now, without a try. */
bool sut_lockout_look(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now,
                      int64_t *ret_retry_after_s);

#endif
