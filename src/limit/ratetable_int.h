/* SPDX-License-Identifier: Apache-2.0
 *
 * ratetable_int - what the table's two files share: its shards and entries, of
 * rates (ratetable.c) and of locks (locktable.c).  For this layer alone.
 *
 * All that takes a shard wants its lock held.
 */
#ifndef SUT_LIMIT_RATETABLE_INT_H
#define SUT_LIMIT_RATETABLE_INT_H

#include <pthread.h>

#include "limit/ratetable.h"

enum { SUT_RATETABLE_SHARDS = 16 };

/*
 * Entries in the order in which they go when there is no room.  Whoever floods
 * the table with keys that cost nothing pushes out the like alone.
 */
enum sut_ring {
    SUT_RING_RATES,  /* first: last used latest */
    SUT_RING_COUNTS, /* locks that don't hold: likewise */
    SUT_RING_LOCKS,  /* that hold: first: locked latest */
    SUT_RINGS,
};

/* A place in a ring of entries; the shard's own one is the ring's end. */
struct sut_link {
    struct sut_link *prev;
    struct sut_link *next;
};

struct sut_entry {
    struct sut_link recent;
    struct sut_link due;    /* linked to itself: not changed */
    struct sut_entry *next; /* in the bucket */
    struct sut_rate_key key;
    uint8_t kind;
    bool is_lock;
    bool is_kept; /* its row may lie in the store */
};

/* What an entry is, by is_lock. */
struct sut_rate_entry {
    struct sut_entry super;
    struct sut_rate_log log;
};
struct sut_lock_entry {
    struct sut_entry super;
    struct sut_lock lock;
};

struct sut_shard {
    pthread_mutex_t lock;
    struct sut_entry **buckets;
    size_t n_buckets; /* a power of two */
    size_t keys;
    size_t locks; /* of them */
    uint64_t bytes;
    uint64_t evicted;
    uint64_t evicted_locks;
    struct sut_link rings[SUT_RINGS];
    struct sut_link due;
    int64_t latest_ms; /* the latest time that it was told */
    int64_t behind_ms; /* how far the clock has stepped back since the start */
};

struct sut_ratetable {
    uint64_t seed;
    uint64_t shard_bytes;
    struct sut_shard shards[SUT_RATETABLE_SHARDS];
};

/* The shard of a key, locked, and the key's hash. */
struct sut_shard *sut_ratetable__enter(struct sut_ratetable *t, uint8_t kind,
                                       const struct sut_rate_key *key, uint64_t *ret_hash);
void sut_ratetable__leave(struct sut_shard *s);

/*
 * The time by which locks count: it goes on from where it was when the clock
 * steps back by more than a moment, so that nothing lasts longer for it.
 * Requests that waited bring times of a moment ago: those are no step.
 */
int64_t sut_ratetable__steady(struct sut_shard *s, sut_ms now);

struct sut_entry *sut_ratetable__find(const struct sut_shard *s, uint64_t hash, uint8_t kind,
                                      const struct sut_rate_key *key);
SUT_ERR sut_ratetable__add(struct sut_ratetable *t, struct sut_shard *s, uint64_t hash,
                           uint8_t kind, const struct sut_rate_key *key, bool is_lock,
                           struct sut_entry **ret);
void sut_ratetable__drop(struct sut_ratetable *t, struct sut_shard *s, struct sut_entry *e);
/* Make room; never at the cost of `keep`. */
void sut_ratetable__trim(struct sut_ratetable *t, struct sut_shard *s, const struct sut_entry *keep,
                         sut_ms now);

/* Move an entry to a ring's beginning. */
void sut_ratetable__to(struct sut_shard *s, struct sut_entry *e, enum sut_ring ring);
void sut_ratetable__due(struct sut_shard *s, struct sut_entry *e);
static inline bool sut_ratetable__is_due(const struct sut_entry *e)
{
    return e->due.next != &e->due;
}

static inline struct sut_rate_log *sut_ratetable__log(struct sut_entry *e)
{
    return &((struct sut_rate_entry *) (void *) e)->log;
}
static inline struct sut_lock *sut_ratetable__lock_of(struct sut_entry *e)
{
    return &((struct sut_lock_entry *) (void *) e)->lock;
}

/* locktable.c: take back a lock that was kept. */
SUT_ERR sut_ratetable__restore_lock(struct sut_ratetable *t, uint8_t kind,
                                    const struct sut_rate_key *key, sut_str data, sut_ms now);

#endif
