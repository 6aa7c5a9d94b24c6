/* SPDX-License-Identifier: Apache-2.0
 *
 * lockout - wrong passwords of an account, and the lock that they lead to.
 *
 * Each try is asked for *before* the password is looked at, so that of many at
 * once no more than `failures` are checked: sut_lockout_begin() counts a failure in advance and
 * sut_lockout_end() takes it back when the try was right.  The failure that reaches
 * the number locks for `lock_ms`; while locked nothing is counted and nothing
 * prolongs it; after the lock, while the count still lives (`forget_ms` after the last
 * failure), one more failure locks again.  A device that the account's owner
 * signed in on before has a count of its own: a lock by strangers does not bind
 * it, nor theirs its.
 *
 * Subjects are keyed digests as in counters.h; kept over a restart as the rates are.
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

struct sut_lockout_rule {
    uint32_t failures;
    uint32_t forget_ms;
    uint32_t lock_ms;
};

/* Whose failures: the folded address alone, or with the device that has its own count. */
struct sut_lockout_subject {
    unsigned char digest[24];
};
struct sut_lockout_subject sut_lockout_of(sut_str folded_email);
struct sut_lockout_subject sut_lockout_of_device(sut_str folded_email, sut_str device_hash);

struct sut_lockout_result {
    bool is_locked;        /* before this try: it is not to be checked */
    bool locks_now;        /* this failure is the one that locks */
    uint32_t failures;     /* counted, this one included */
    int64_t retry_after_s; /* locked, or locking: until it ends, rounded up */
};

/* A try begins; when is_locked, nothing was counted.  *ret when it fails: locks_now tells. */
void sut_lockout_begin(struct sut_counters *c, const struct sut_lockout_subject *s, sut_ms now,
                       struct sut_lockout_result *ret);
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
