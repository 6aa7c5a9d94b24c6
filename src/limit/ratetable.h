/* SPDX-License-Identifier: Apache-2.0
 *
 * ratetable - many keys' rates, and locks, in a bounded room.
 *
 * A key is 16 bytes of a digest that an attacker can't choose, and a small
 * number for its kind; the rate comes with each call.  The table never holds
 * more than its bytes (but for the one key of a shard that is in use): past
 * them the keys that were idle longest go first.
 * Keys whose window has ended go by themselves.  Locks (limit/lock.h) take at most
 * half of the bytes and give way to nothing but locks: counts that don't lock
 * go before locks that hold, the longest held first.  A lock takes 104 bytes and a
 * bucket's 8 to 16; a rate 152 and its times.
 *
 * Any thread: the keys are spread over shards, each with a lock that is held
 * for about a microsecond.
 */
#ifndef SUT_LIMIT_RATETABLE_H
#define SUT_LIMIT_RATETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "limit/lock.h"
#include "limit/rate.h"

struct sut_ratetable;

enum { SUT_RATE_KEY_SIZE = 16, SUT_RATETABLE_LEAST_BYTES = 64 * 1024 };

struct sut_rate_key {
    unsigned char b[SUT_RATE_KEY_SIZE];
};

/* Kinds from here on are locks, those below rates. */
enum { SUT_RATETABLE_LOCKS = 64 };

struct sut_ratetable_stats {
    uint64_t keys;
    uint64_t locks; /* of them */
    uint64_t bytes;
    uint64_t evicted; /* rates, while they still mattered */
    uint64_t evicted_locks;
};

/* At most `max_bytes` (at least SUT_RATETABLE_LEAST_BYTES); `seed` decides where keys lie. */
SUT_ERR sut_ratetable_create(uint64_t max_bytes, uint64_t seed, struct sut_ratetable **ret);
void sut_ratetable_free(struct sut_ratetable **t);

/* What a request would get; a key that isn't there is not made. */
void sut_ratetable_peek(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                        struct sut_rate rate, sut_ms now, struct sut_rate_result *ret);
/* Decide and count.  NOMEM: *ret refuses for a second. */
SUT_ERR sut_ratetable_take(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                           struct sut_rate rate, sut_ms now, struct sut_rate_result *ret);

enum sut_lock_act {
    SUT_LOCK_LOOK,
    SUT_LOCK_BEGIN,
    SUT_LOCK_WRONG,
    SUT_LOCK_RIGHT,
    SUT_LOCK_UNDO,
    SUT_LOCK_CLEAR, /* as if nothing had been tried */
};
struct sut_lock_ask {
    enum sut_lock_act act;
    uint8_t kind; /* from SUT_RATETABLE_LOCKS on */
    struct sut_rate_key key;
    struct sut_lock_rule rule;
};
/*
 * What limit/lock.h does, to the lock of a key.  A clock that steps back is seen and
 * made up for: nobody is locked longer for it.  NOMEM: *ret says must_wait.
 */
SUT_ERR sut_ratetable_lock(struct sut_ratetable *t, const struct sut_lock_ask *ask, sut_ms now,
                           struct sut_lock_result *ret);

/* A changed key as bytes, for keeping; good during the call alone. */
struct sut_rate_change {
    uint8_t kind;
    struct sut_rate_key key;
    sut_str data;
    sut_ms expires;
};

/*
 * Hand over at most `max` keys that have changed since they were last handed
 * over; windows under 5 s never are.  `each` runs under a shard's lock: copy
 * and return.  Gives how many.  An error of `each`, and NOMEM, leave the rest due.
 */
SUT_ERR sut_ratetable_drain(struct sut_ratetable *t, size_t max,
                            SUT_ERR (*each)(void *arg, const struct sut_rate_change *c), void *arg,
                            size_t *ret_n);
/* The key is due again (it could not be kept). */
void sut_ratetable_touch(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key);
/* Take back what was kept; bytes that are damaged or expired are passed over.  NOMEM. */
SUT_ERR sut_ratetable_restore(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                              sut_str data, sut_ms now);

/* What it holds now, over all shards. */
void sut_ratetable_stats(struct sut_ratetable *t, struct sut_ratetable_stats *ret);

#endif
