/* SPDX-License-Identifier: Apache-2.0
 *
 * home - where counters live: a const vtable, one implementation a file.
 *
 * For this layer alone.  A home sees digests, never subjects.
 */
#ifndef SUT_COUNTERS_HOME_H
#define SUT_COUNTERS_HOME_H

#include "counters/counters.h"
#include "limit/ratetable.h"

struct sut_counters_home;

/* Of failures of sign-in (counters/lockout.h).  The number stands in the store. */
enum { SUT_HOME_LOCKOUT = SUT_RATETABLE_LOCKS };

/* One thing to count, its subject digested. */
struct sut_home_ask {
    uint8_t kind;
    struct sut_rate rate;
    struct sut_rate_key key;
};

struct sut_home_vtable {
    const char *name;
    void (*free)(struct sut_counters_home **h);
    /* What each ask would get; nothing is counted. */
    void (*peek)(struct sut_counters_home *h, const struct sut_home_ask *ask, sut_ms now,
                 struct sut_rate_result *ret);
    /* Decide and count; when the home can't, *ret refuses. */
    SUT_ERR(*take)
    (struct sut_counters_home *h, const struct sut_home_ask *ask, sut_ms now,
     struct sut_rate_result *ret);
    /* limit/lock.h of a key. */
    SUT_ERR(*lock)
    (struct sut_counters_home *h, const struct sut_lock_ask *ask, sut_ms now,
     struct sut_lock_result *ret);
    /* Read back what was kept; keep what changed: all of it when it is the last time. */
    SUT_ERR (*load)(struct sut_counters_home *h, sut_ms now);
    SUT_ERR (*checkpoint)(struct sut_counters_home *h, bool is_last, sut_ms now);
    void (*stats)(struct sut_counters_home *h, struct sut_counters_stats *ret);
};

/* Each home begins with this. */
struct sut_counters_home {
    const struct sut_home_vtable *vtable;
};

/* The memory of this process; ops may be NULL. */
SUT_ERR sut_counters__memory(uint64_t max_bytes, uint64_t seed,
                             const struct sut_counters_home_ops *ops, void *ops_ctx,
                             struct sut_counters_home **ret);

#endif
