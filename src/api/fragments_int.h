/* SPDX-License-Identifier: Apache-2.0
 *
 * fragments_int - pages and the shelves they are kept on: for fragments*.c alone.
 *
 * A shelf is a table of shards, each with its lock, its share of the memory and
 * its order of age.  A page is immutable once it is on a shelf.
 */
#ifndef SUT_API_FRAGMENTS_INT_H
#define SUT_API_FRAGMENTS_INT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/fragments.h"
#include "base/bytes.h"

enum {
    SUT_FRAGMENTS_SHARDS = 8,
    SUT_FRAGMENTS_BUCKETS = 256, /* of a shard */
    SUT_FRAGMENTS_KEY_MAX = 512, /* a longer question is answered and not kept */
};

/* 128 bits of FNV-1a: two answers that differ have tags that differ. */
__extension__ typedef unsigned __int128 sut_fragments_digest;

/* A page, or the fragment of one product (then n is 1). */
struct sut_fragments_page {
    _Atomic unsigned refs;
    struct sut_fragments_page *chain; /* the next in its bucket */
    struct sut_fragments_page *newer;
    struct sut_fragments_page *older;
    uint64_t hash; /* of the key */
    size_t cost;
    int64_t version; /* of the catalogue; of a fragment: unused */
    int64_t count;
    size_t n;
    size_t bytes; /* of the parts */
    /* Of what it shows: how often stock changed (fragments_stock.c), and when that was last asked.
     */
    uint64_t stock_sum;
    _Atomic uint64_t stock_epoch;
    uint32_t *slots; /* n of them; in a fragment and in a document none */
    size_t n_slots;
    sut_fragments_digest sum;
    char etag[2 + 32 + 1];
    size_t key_n;
    unsigned char *key;
    struct sut_bytes *parts[];
};

struct sut_fragments_shard {
    pthread_mutex_t lock;
    struct sut_fragments_page *buckets[SUT_FRAGMENTS_BUCKETS];
    struct sut_fragments_page *newest;
    struct sut_fragments_page *oldest;
    size_t bytes;
    size_t n;
    uint64_t hits;
    uint64_t misses;
};

/* What is kept under keys, least recently asked for goes first. */
struct sut_fragments_shelf {
    size_t shard_bytes;
    size_t shard_n;
    struct sut_fragments_shard shards[SUT_FRAGMENTS_SHARDS];
};

struct sut_fragments_key {
    size_t n; /* SUT_FRAGMENTS_KEY_MAX + 1: too long to keep */
    unsigned char p[SUT_FRAGMENTS_KEY_MAX];
};

/* Of nothing; and of what d is of, with n bytes more. */
sut_fragments_digest sut_fragments__digest(void);
sut_fragments_digest sut_fragments__digest_add(sut_fragments_digest d, const void *p, size_t n);

/* An empty page with room for its parts; end it with sut_fragments_unref(). */
SUT_ERR sut_fragments__page(const struct sut_fragments_key *k, size_t parts_max,
                            struct sut_fragments_page **ret);
/* Put a part at the end; the page takes the reference. */
void sut_fragments__give(struct sut_fragments_page *p, struct sut_bytes *part);
/* Nothing more comes: make the tag of what was added to p->sum. */
void sut_fragments__finish(struct sut_fragments_page *p);

/* --- stock: fragments_stock.c --- */

enum { SUT_FRAGMENTS_SLOTS = 8192 };

/*
 * How often the stock of products changed, by a hash of their numbers (two of one slot are read
 * anew together).  The epoch grows after the counts.
 */
struct sut_fragments_stock {
    _Atomic uint64_t epoch;
    _Atomic uint64_t counts[SUT_FRAGMENTS_SLOTS];
    /* The watch's alone: */
    int64_t watched_upto; /* ms; 0: nothing yet */
    uint64_t watched[SUT_FRAGMENTS_SLOTS];
};

uint32_t sut_fragments__slot(int64_t product);
uint64_t sut_fragments__stock_epoch(const struct sut_fragments_stock *s);
uint64_t sut_fragments__stock_count(const struct sut_fragments_stock *s, uint32_t slot);
/* Whether nothing that the page shows has changed since it was made. */
bool sut_fragments__stock_is_same(const struct sut_fragments_stock *s,
                                  struct sut_fragments_page *p);
void sut_fragments__stock_changed(struct sut_fragments_stock *s, const int64_t *products, size_t n);
/* What orders changed on other servers; one thread at a time. */
SUT_ERR sut_fragments__stock_watch(struct sut_fragments_stock *s, struct sut_db_conn *c);

void sut_fragments__shelf_init(struct sut_fragments_shelf *s, size_t bytes, size_t n);
void sut_fragments__shelf_done(struct sut_fragments_shelf *shelf);
/* The page with this key, with a reference of the caller's, or NULL. */
struct sut_fragments_page *sut_fragments__shelf_find(struct sut_fragments_shelf *shelf,
                                                     uint64_t hash,
                                                     const struct sut_fragments_key *k);
/* Keep a finished page, in place of one with its key; one that is too large is not kept. */
void sut_fragments__shelf_put(struct sut_fragments_shelf *shelf, uint64_t hash,
                              const struct sut_fragments_key *k, struct sut_fragments_page *p);

#endif
