/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/ratetable.h"

#include <string.h>

#include "base/mem.h"
#include "limit/ratetable_int.h"

enum {
    SHARDS = SUT_RATETABLE_SHARDS,
    FIRST_BUCKETS = 64,
    HEAP_HEAD = 16, /* what malloc adds to a block, roughly */
    LEAST_KEPT_WINDOW_MS = 5000,
    ENCODED_MAX = 64 * 1024,
    LOCKS_SHARE = 2,      /* locks take no more than this part of the bytes: a half */
    STEP_BACK_MS = 30000, /* no request waits that long before it is counted */
};

#define ENTRY_OF(link_, member_)                                                                   \
    ((struct sut_entry *) (void *) ((unsigned char *) (link_) -offsetof(struct sut_entry, member_)))

static void link_init(struct sut_link *l)
{
    l->prev = l;
    l->next = l;
}

static void link_out(struct sut_link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

static void link_after(struct sut_link *at, struct sut_link *l)
{
    link_out(l);
    l->prev = at;
    l->next = at->next;
    at->next->prev = l;
    at->next = l;
}

void sut_ratetable__to(struct sut_shard *s, struct sut_entry *e, enum sut_ring ring)
{
    link_after(&s->rings[ring], &e->recent);
}

void sut_ratetable__due(struct sut_shard *s, struct sut_entry *e)
{
    if (!sut_ratetable__is_due(e))
        link_after(s->due.prev, &e->due);
}

static uint64_t hash(const struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key)
{
    uint64_t a = 0;
    uint64_t b = 0;
    memcpy(&a, key->b, sizeof(a));
    memcpy(&b, key->b + sizeof(a), sizeof(b));
    /* The key is a digest already: mixing in the seed and the kind is enough. */
    uint64_t h = (a ^ t->seed) * 0x9e3779b97f4a7c15u + (b ^ kind);
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 29;
}

struct sut_shard *sut_ratetable__enter(struct sut_ratetable *t, uint8_t kind,
                                       const struct sut_rate_key *key, uint64_t *ret_hash)
{
    *ret_hash = hash(t, kind, key);
    struct sut_shard *s = &t->shards[*ret_hash % SHARDS];
    (void) pthread_mutex_lock(&s->lock);
    return s;
}

void sut_ratetable__leave(struct sut_shard *s)
{
    (void) pthread_mutex_unlock(&s->lock);
}

int64_t sut_ratetable__steady(struct sut_shard *s, sut_ms now)
{
    if (now.v < s->latest_ms - STEP_BACK_MS)
        s->behind_ms += s->latest_ms - now.v;
    else if (now.v < s->latest_ms)
        now.v = s->latest_ms;
    s->latest_ms = now.v;
    return now.v + s->behind_ms;
}

static struct sut_entry **bucket_of(const struct sut_shard *s, uint64_t h)
{
    return &s->buckets[(h / SHARDS) & (s->n_buckets - 1)];
}

struct sut_entry *sut_ratetable__find(const struct sut_shard *s, uint64_t h, uint8_t kind,
                                      const struct sut_rate_key *key)
{
    struct sut_entry *e = *bucket_of(s, h);
    while (e != NULL && (e->kind != kind || memcmp(e->key.b, key->b, sizeof(key->b)) != 0))
        e = e->next;
    return e;
}

static uint64_t size_of(struct sut_entry *e)
{
    if (e->is_lock)
        return sizeof(struct sut_lock_entry) + HEAP_HEAD;
    const size_t more = sut_rate_log_held(sut_ratetable__log(e));
    return sizeof(struct sut_rate_entry) + HEAP_HEAD + (more == 0 ? 0 : more + HEAP_HEAD);
}

void sut_ratetable__drop(struct sut_ratetable *t, struct sut_shard *s, struct sut_entry *e)
{
    struct sut_entry **at = bucket_of(s, hash(t, e->kind, &e->key));
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    link_out(&e->recent);
    link_out(&e->due);
    s->bytes -= size_of(e);
    s->keys--;
    s->locks -= e->is_lock ? 1 : 0;
    if (!e->is_lock)
        sut_rate_log_done(sut_ratetable__log(e));
    sut_mem_free(e);
}

/* Whether it has no effect any more: in memory, and in the store when it is read back. */
static bool is_over(const struct sut_shard *s, struct sut_entry *e, sut_ms now)
{
    if (!e->is_lock)
        return sut_rate_expires(sut_ratetable__log(e)).v <= now.v;
    return sut_lock_expires(sut_ratetable__lock_of(e)).v <= now.v + s->behind_ms &&
           !(e->is_kept && sut_ratetable__is_due(e));
}

/* The one of a ring that goes first; NULL: none but `keep`. */
static struct sut_entry *last_of(const struct sut_shard *s, enum sut_ring ring,
                                 const struct sut_entry *keep)
{
    const struct sut_link *end = &s->rings[ring];
    if (end->prev == end)
        return NULL;
    struct sut_entry *last = ENTRY_OF(end->prev, recent);
    return last == keep ? NULL : last;
}

/*
 * Those that are over first.  Then, past the bytes, the longest idle rates; and
 * past their share of the bytes, counts before locks, the longest held first.
 * A lock so goes only for as many new locks and counts as fill that share, each
 * of which cost a try that was judged: keys that cost less (rates) never push one out.
 */
void sut_ratetable__trim(struct sut_ratetable *t, struct sut_shard *s, const struct sut_entry *keep,
                         sut_ms now)
{
    struct sut_entry *e;
    for (int ring = 0; ring < SUT_RINGS; ring++)
        for (int i = 0; i < 2; i++) {
            e = last_of(s, (enum sut_ring) ring, keep);
            if (e == NULL || !is_over(s, e, now))
                break;
            sut_ratetable__drop(t, s, e);
        }
    const uint64_t lock_bytes = sizeof(struct sut_lock_entry) + HEAP_HEAD;
    while (s->locks * lock_bytes > t->shard_bytes / LOCKS_SHARE) {
        e = last_of(s, SUT_RING_COUNTS, keep);
        if (e == NULL)
            e = last_of(s, SUT_RING_LOCKS, keep);
        if (e == NULL)
            break;
        s->evicted_locks += is_over(s, e, now) ? 0 : 1;
        sut_ratetable__drop(t, s, e);
    }
    while (s->bytes > t->shard_bytes && (e = last_of(s, SUT_RING_RATES, keep)) != NULL) {
        s->evicted += is_over(s, e, now) ? 0 : 1;
        sut_ratetable__drop(t, s, e);
    }
}

/* Twice as many buckets when there are more keys than buckets; without memory it stays as it is. */
static void widen(struct sut_ratetable *t, struct sut_shard *s)
{
    if (s->keys < s->n_buckets)
        return;
    struct sut_entry **old = s->buckets;
    const size_t n_old = s->n_buckets;
    struct sut_entry **wide = sut_mem_zalloc(n_old * 2, sizeof(struct sut_entry *));
    if (wide == NULL)
        return;
    s->buckets = wide;
    s->n_buckets = n_old * 2;
    s->bytes += n_old * sizeof(struct sut_entry *);
    for (size_t i = 0; i < n_old; i++) {
        for (struct sut_entry *e = old[i]; e != NULL;) {
            struct sut_entry *next = e->next;
            struct sut_entry **at = bucket_of(s, hash(t, e->kind, &e->key));
            e->next = *at;
            *at = e;
            e = next;
        }
    }
    sut_mem_free(old);
}

SUT_ERR sut_ratetable__add(struct sut_ratetable *t, struct sut_shard *s, uint64_t h, uint8_t kind,
                           const struct sut_rate_key *key, bool is_lock, struct sut_entry **ret)
{
    const size_t size = is_lock ? sizeof(struct sut_lock_entry) : sizeof(struct sut_rate_entry);
    struct sut_entry *e = sut_mem_zalloc(1, size);
    ENSURE(e != NULL, NOMEM);
    e->kind = kind;
    e->key = *key;
    e->is_lock = is_lock;
    link_init(&e->recent);
    link_init(&e->due);
    widen(t, s);
    struct sut_entry **at = bucket_of(s, h);
    e->next = *at;
    *at = e;
    sut_ratetable__to(s, e, is_lock ? SUT_RING_COUNTS : SUT_RING_RATES);
    s->keys++;
    s->locks += is_lock ? 1 : 0;
    s->bytes += size_of(e);
    *ret = e;
    return SUT_OK;
}

SUT_ERR sut_ratetable_create(uint64_t max_bytes, uint64_t seed, struct sut_ratetable **ret)
{
    ENSURE(max_bytes >= SUT_RATETABLE_LEAST_BYTES, INVALID);
    struct sut_ratetable *t DEFER(sut_ratetable_free) = sut_mem_zalloc(1, sizeof(*t));
    ENSURE(t != NULL, NOMEM);
    t->seed = seed;
    t->shard_bytes = max_bytes / SHARDS;
    for (size_t i = 0; i < SHARDS; i++) {
        struct sut_shard *s = &t->shards[i];
        (void) pthread_mutex_init(&s->lock, NULL);
        for (int ring = 0; ring < SUT_RINGS; ring++)
            link_init(&s->rings[ring]);
        link_init(&s->due);
    }
    for (size_t i = 0; i < SHARDS; i++) {
        struct sut_shard *s = &t->shards[i];
        s->buckets = sut_mem_zalloc(FIRST_BUCKETS, sizeof(struct sut_entry *));
        ENSURE(s->buckets != NULL, NOMEM);
        s->n_buckets = FIRST_BUCKETS;
        s->bytes = FIRST_BUCKETS * sizeof(struct sut_entry *);
    }
    *ret = STEAL(t);
    return SUT_OK;
}

void sut_ratetable_free(struct sut_ratetable **t)
{
    if (*t == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct sut_shard *s = &(*t)->shards[i];
        for (int ring = 0; ring < SUT_RINGS; ring++)
            for (struct sut_entry *e; (e = last_of(s, (enum sut_ring) ring, NULL)) != NULL;)
                sut_ratetable__drop(*t, s, e);
        sut_mem_free(s->buckets);
        (void) pthread_mutex_destroy(&s->lock);
    }
    sut_mem_freep(t);
}

void sut_ratetable_peek(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                        struct sut_rate rate, sut_ms now, struct sut_rate_result *ret)
{
    struct sut_rate_log none = { .n = 0 };
    uint64_t h = 0;
    struct sut_shard *s = sut_ratetable__enter(t, kind, key, &h);
    struct sut_entry *e = sut_ratetable__find(s, h, kind, key);
    if (e != NULL)
        s->bytes -= size_of(e);
    sut_rate_peek(e == NULL ? &none : sut_ratetable__log(e), rate, now, ret);
    if (e != NULL)
        s->bytes += size_of(e);
    sut_ratetable__leave(s);
}

/* With the shard's lock held. */
static SUT_ERR take(struct sut_ratetable *t, struct sut_shard *s, uint64_t h, uint8_t kind,
                    const struct sut_rate_key *key, struct sut_rate rate, sut_ms now,
                    struct sut_rate_result *ret)
{
    struct sut_entry *e = sut_ratetable__find(s, h, kind, key);
    if (e == NULL)
        TRY(sut_ratetable__add(t, s, h, kind, key, false, &e));
    s->bytes -= size_of(e);
    const sut_err err = sut_rate_take(sut_ratetable__log(e), rate, now, ret);
    s->bytes += size_of(e);
    sut_ratetable__to(s, e, SUT_RING_RATES);
    if (ret->is_allowed && rate.window_ms >= LEAST_KEPT_WINDOW_MS)
        sut_ratetable__due(s, e);
    sut_ratetable__trim(t, s, e, now);
    return err;
}

SUT_ERR sut_ratetable_take(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                           struct sut_rate rate, sut_ms now, struct sut_rate_result *ret)
{
    *ret = (struct sut_rate_result){ .is_allowed = true };
    if (rate.count == 0)
        return SUT_OK;
    *ret = (struct sut_rate_result){ .limit = rate.count, .retry_after_s = 1 };
    uint64_t h = 0;
    struct sut_shard *s = sut_ratetable__enter(t, kind, key, &h);
    (void) sut_ratetable__steady(s, now);
    const sut_err e = take(t, s, h, kind, key, rate, now, ret);
    sut_ratetable__leave(s);
    return e;
}

/* The entry as its row is to be.  A lock that is nothing any more is one that expires now. */
static struct sut_rate_change change_of(const struct sut_shard *s, struct sut_entry *e,
                                        struct sut_buf *room)
{
    struct sut_rate_change c = { .kind = e->kind, .key = e->key };
    if (e->is_lock) {
        const int64_t ends = sut_lock_expires(sut_ratetable__lock_of(e)).v - s->behind_ms;
        sut_lock_encode(sut_ratetable__lock_of(e), -s->behind_ms, room);
        c.expires.v = ends > 0 ? ends : 0;
    } else {
        sut_rate_log_encode(sut_ratetable__log(e), room);
        c.expires = sut_rate_expires(sut_ratetable__log(e));
    }
    c.data = sut_buf_str(room);
    return c;
}

/* With the shard's lock held. */
static SUT_ERR drain_shard(struct sut_shard *s, size_t max, struct sut_buf *room,
                           SUT_ERR (*each)(void *arg, const struct sut_rate_change *c), void *arg,
                           size_t *n)
{
    while (*n < max && s->due.next != &s->due) {
        struct sut_entry *e = ENTRY_OF(s->due.next, due);
        sut_buf_reset(room);
        const struct sut_rate_change c = change_of(s, e, room);
        TRY(sut_buf_check(room));
        TRY(each(arg, &c));
        link_out(&e->due);
        e->is_kept = true;
        ++*n;
    }
    return SUT_OK;
}

SUT_ERR sut_ratetable_drain(struct sut_ratetable *t, size_t max,
                            SUT_ERR (*each)(void *arg, const struct sut_rate_change *c), void *arg,
                            size_t *ret_n)
{
    struct sut_buf room DEFER(sut_buf_done);
    sut_buf_init(&room, ENCODED_MAX);
    *ret_n = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        struct sut_shard *s = &t->shards[i];
        (void) pthread_mutex_lock(&s->lock);
        const sut_err e = drain_shard(s, max, &room, each, arg, ret_n);
        sut_ratetable__leave(s);
        TRY(e);
    }
    return SUT_OK;
}

void sut_ratetable_touch(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key)
{
    uint64_t h = 0;
    struct sut_shard *s = sut_ratetable__enter(t, kind, key, &h);
    struct sut_entry *e = sut_ratetable__find(s, h, kind, key);
    if (e != NULL)
        sut_ratetable__due(s, e);
    sut_ratetable__leave(s);
}

static SUT_ERR restore_rate(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                            sut_str data, sut_ms now)
{
    struct sut_rate_log log = { .n = 0 };
    const sut_err bad = sut_rate_log_decode(data, &log);
    if (sut_failed(bad)) {
        ENSURE(bad.code != SUT_E_NOMEM, NOMEM);
        return SUT_OK;
    }
    uint64_t h = 0;
    struct sut_shard *s = sut_ratetable__enter(t, kind, key, &h);
    struct sut_entry *e = sut_ratetable__find(s, h, kind, key);
    sut_err err = SUT_OK;
    if (e == NULL && sut_rate_expires(&log).v > now.v) {
        err = sut_ratetable__add(t, s, h, kind, key, false, &e);
        if (!sut_failed(err)) {
            s->bytes -= size_of(e);
            *sut_ratetable__log(e) = log;
            s->bytes += size_of(e);
            log = (struct sut_rate_log){ .n = 0 };
            sut_ratetable__trim(t, s, e, now);
        }
    }
    sut_ratetable__leave(s);
    sut_rate_log_done(&log);
    return err;
}

SUT_ERR sut_ratetable_restore(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                              sut_str data, sut_ms now)
{
    return kind >= SUT_RATETABLE_LOCKS ? sut_ratetable__restore_lock(t, kind, key, data, now)
                                       : restore_rate(t, kind, key, data, now);
}

void sut_ratetable_stats(struct sut_ratetable *t, struct sut_ratetable_stats *ret)
{
    *ret = (struct sut_ratetable_stats){ .keys = 0 };
    for (size_t i = 0; i < SHARDS; i++) {
        struct sut_shard *s = &t->shards[i];
        (void) pthread_mutex_lock(&s->lock);
        ret->keys += s->keys;
        ret->locks += s->locks;
        ret->bytes += s->bytes;
        ret->evicted += s->evicted;
        ret->evicted_locks += s->evicted_locks;
        sut_ratetable__leave(s);
    }
}
