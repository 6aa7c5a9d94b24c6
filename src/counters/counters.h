/* SPDX-License-Identifier: Apache-2.0
 *
 * counters - what is counted over many requests: rates by kind and key, and
 * (counters/lockout.h) wrong passwords.
 *
 * One interface over a const vtable (counters/home.h); its home here is the memory
 * of this process.  A subject (a user's id, an address, anything) never gets
 * further than a keyed digest of 16 bytes: neither memory nor the store holds
 * it in clear.
 *
 * Changed counters are handed to the keeper's `save` about once a checkpoint
 * and at stop, and read back by `load` at the start: a restart forgets
 * nothing, kill -9 at most the last checkpoint's length (1 s by default) plus
 * what its write took.  Windows under 5 s are not kept.
 *
 * Any thread may take.  A decision touches one shard's lock for about a
 * microsecond.
 */
#ifndef SUT_COUNTERS_COUNTERS_H
#define SUT_COUNTERS_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "limit/lock.h"
#include "limit/rate.h"

struct sut_counters;

/* The numbers stand in the store: only ever add. */
enum sut_rate_kind {
    SUT_RATE_ANON,
    SUT_RATE_USER,
    SUT_RATE_LOGIN,
    SUT_RATE_RESET,
    SUT_RATE_REFRESH,
    SUT_RATE_MAIL,       /* mails to one address that somebody asked for */
    SUT_RATE_RESET_ADDR, /* resets of all accounts that one address asks for */
    SUT_RATE_KINDS       /* how many */
};

/* One thing to count: a kind and the 24 bytes that name its subject. */
struct sut_rate_ask {
    enum sut_rate_kind kind;
    unsigned char subject[24];
};

/* By a number: a user, a session. */
struct sut_rate_ask sut_rate_ask_id(enum sut_rate_kind kind, int64_t id);
/* By an address of 16 bytes (IPv4 as ::ffff:a.b.c.d); an IPv6 one counts by its /64. */
struct sut_rate_ask sut_rate_ask_addr(enum sut_rate_kind kind, const unsigned char ip[16]);
/* By a text (an address of mail, folded by the caller); it is digested at once. */
struct sut_rate_ask sut_rate_ask_text(enum sut_rate_kind kind, sut_str text);

/* A row to keep: 16 bytes of key, opaque data. */
struct sut_counter_record {
    int64_t kind;
    sut_str key;
    sut_str data;
    sut_ms expires;
};

/* Where rows are kept; the calls come from one thread at a time and may block. */
struct sut_counters_home_ops {
    /* Call each() for every row that has not expired. */
    SUT_ERR(*load)
    (void *ctx, sut_ms now, void (*each)(void *arg, const struct sut_counter_record *rec),
     void *arg);
    /* Insert or replace, durable when it returns; and drop some that have expired. */
    SUT_ERR (*save)(void *ctx, const struct sut_counter_record *recs, size_t n, sut_ms now);
};

struct sut_counters_options {
    struct sut_rate rates[SUT_RATE_KINDS]; /* count 0: that kind is not limited */
    struct sut_lock_rule lockout;          /* failures 0: nobody is locked out */
    uint64_t memory_bytes;                 /* of all keys together */
    uint32_t checkpoint_ms;
    sut_str key; /* secret, the same after a restart; 16 bytes or more; borrowed for the call */
    const struct sut_clock *clock;
    const struct sut_counters_home_ops *ops; /* NULL: nothing is kept over a restart */
    void *ops_ctx;
};

/* Make them and read back what was kept.  NOMEM, or the error of `load`. */
SUT_ERR sut_counters_create(const struct sut_counters_options *opt, struct sut_counters **ret);
/* Start the thread that checkpoints. */
SUT_ERR sut_counters_start(struct sut_counters *c);
/* End the thread and checkpoint a last time; the error of `save`. */
SUT_ERR sut_counters_stop(struct sut_counters *c);
/* Stopped before, or never started. */
void sut_counters_free(struct sut_counters **c);

/*
 * Decide over n (at most 4) asks: true when each allows it, then each counts
 * it; when one refuses none does.  *ret is the tightest: of those that refuse
 * the one with the longest wait, else the one with the fewest left; its limit
 * is 0 when no kind is limited.
 */
bool sut_counters_take(struct sut_counters *c, const struct sut_rate_ask *asks, size_t n,
                       sut_ms now, struct sut_rate_result *ret);
/* Hand what changed to `save` now, of very many a part; rows stay due when it fails. */
SUT_ERR sut_counters_checkpoint(struct sut_counters *c);

struct sut_counters_stats {
    uint64_t keys;
    uint64_t bytes;
    uint64_t evicted; /* rates that went before their window ended, for want of memory */
    uint64_t locks;   /* keys whose failures are counted, locked or not */
    uint64_t evicted_locks;
    uint64_t save_failures;
};
/* What they hold now. */
void sut_counters_stats(struct sut_counters *c, struct sut_counters_stats *ret);

#endif
