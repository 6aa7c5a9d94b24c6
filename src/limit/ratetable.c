/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/ratetable.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

enum {
    SHARDS = 16,
    FIRST_BUCKETS = 64,
    HEAP_HEAD = 16, /* what malloc adds to a block, roughly */
    LEAST_KEPT_WINDOW_MS = 5000,
    ENCODED_MAX = 64 * 1024,
};

/* A place in a ring of entries; the shard's own one is the ring's end. */
struct link {
    struct link *prev;
    struct link *next;
};

struct entry {
    struct link recent; /* first: last used latest */
    struct link due;    /* linked to itself: not changed */
    struct entry *next; /* in the bucket */
    struct sut_rate_key key;
    uint8_t kind;
    struct sut_rate_log log;
};

struct shard {
    pthread_mutex_t lock;
    struct entry **buckets;
    size_t n_buckets; /* a power of two */
    size_t keys;
    uint64_t bytes;
    uint64_t evicted;
    struct link recent;
    struct link due;
};

struct sut_ratetable {
    uint64_t seed;
    uint64_t shard_bytes;
    struct shard shards[SHARDS];
};

#define ENTRY_OF(link_, member_)                                                                   \
    ((struct entry *) (void *) ((unsigned char *) (link_) -offsetof(struct entry, member_)))

static void link_init(struct link *l)
{
    l->prev = l;
    l->next = l;
}

static void link_out(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

static void link_after(struct link *at, struct link *l)
{
    link_out(l);
    l->prev = at;
    l->next = at->next;
    at->next->prev = l;
    at->next = l;
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

static struct shard *shard_of(struct sut_ratetable *t, uint64_t h)
{
    return &t->shards[h % SHARDS];
}

static struct entry **bucket_of(const struct shard *s, uint64_t h)
{
    return &s->buckets[(h / SHARDS) & (s->n_buckets - 1)];
}

static struct entry *find(const struct shard *s, uint64_t h, uint8_t kind,
                          const struct sut_rate_key *key)
{
    struct entry *e = *bucket_of(s, h);
    while (e != NULL && (e->kind != kind || memcmp(e->key.b, key->b, sizeof(key->b)) != 0))
        e = e->next;
    return e;
}

static uint64_t size_of(const struct entry *e)
{
    const size_t more = sut_rate_log_held(&e->log);
    return sizeof(*e) + HEAP_HEAD + (more == 0 ? 0 : more + HEAP_HEAD);
}

static void drop(struct sut_ratetable *t, struct shard *s, struct entry *e)
{
    struct entry **at = bucket_of(s, hash(t, e->kind, &e->key));
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    link_out(&e->recent);
    link_out(&e->due);
    s->bytes -= size_of(e);
    s->keys--;
    sut_rate_log_done(&e->log);
    sut_mem_free(e);
}

static bool is_over(const struct entry *e, sut_ms now)
{
    return sut_rate_expires(&e->log).v <= now.v;
}

/* Make room: those whose window has ended, then, past the bytes, the longest idle; never `keep`. */
static void trim(struct sut_ratetable *t, struct shard *s, const struct entry *keep, sut_ms now)
{
    for (int i = 0; i < 2 && s->recent.prev != &s->recent; i++) {
        struct entry *last = ENTRY_OF(s->recent.prev, recent);
        if (last == keep || !is_over(last, now))
            break;
        drop(t, s, last);
    }
    while (s->bytes > t->shard_bytes && s->recent.prev != &s->recent) {
        struct entry *last = ENTRY_OF(s->recent.prev, recent);
        if (last == keep)
            break;
        s->evicted += is_over(last, now) ? 0 : 1;
        drop(t, s, last);
    }
}

/* Twice as many buckets when there are more keys than buckets; without memory it stays as it is. */
static void widen(struct sut_ratetable *t, struct shard *s)
{
    if (s->keys < s->n_buckets)
        return;
    struct entry **old = s->buckets;
    const size_t n_old = s->n_buckets;
    struct entry **wide = sut_mem_zalloc(n_old * 2, sizeof(struct entry *));
    if (wide == NULL)
        return;
    s->buckets = wide;
    s->n_buckets = n_old * 2;
    s->bytes += n_old * sizeof(struct entry *);
    for (size_t i = 0; i < n_old; i++) {
        for (struct entry *e = old[i]; e != NULL;) {
            struct entry *next = e->next;
            struct entry **at = bucket_of(s, hash(t, e->kind, &e->key));
            e->next = *at;
            *at = e;
            e = next;
        }
    }
    sut_mem_free(old);
}

static SUT_ERR add(struct sut_ratetable *t, struct shard *s, uint64_t h, uint8_t kind,
                   const struct sut_rate_key *key, struct entry **ret)
{
    struct entry *e = sut_mem_zalloc(1, sizeof(*e));
    ENSURE(e != NULL, NOMEM);
    e->kind = kind;
    e->key = *key;
    link_init(&e->recent);
    link_init(&e->due);
    widen(t, s);
    struct entry **at = bucket_of(s, h);
    e->next = *at;
    *at = e;
    link_after(&s->recent, &e->recent);
    s->keys++;
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
        struct shard *s = &t->shards[i];
        (void) pthread_mutex_init(&s->lock, NULL);
        link_init(&s->recent);
        link_init(&s->due);
    }
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &t->shards[i];
        s->buckets = sut_mem_zalloc(FIRST_BUCKETS, sizeof(struct entry *));
        ENSURE(s->buckets != NULL, NOMEM);
        s->n_buckets = FIRST_BUCKETS;
        s->bytes = FIRST_BUCKETS * sizeof(struct entry *);
    }
    *ret = STEAL(t);
    return SUT_OK;
}

void sut_ratetable_free(struct sut_ratetable **t)
{
    if (*t == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &(*t)->shards[i];
        while (s->recent.next != &s->recent)
            drop(*t, s, ENTRY_OF(s->recent.next, recent));
        sut_mem_free(s->buckets);
        (void) pthread_mutex_destroy(&s->lock);
    }
    sut_mem_freep(t);
}

void sut_ratetable_peek(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                        struct sut_rate rate, sut_ms now, struct sut_rate_result *ret)
{
    struct sut_rate_log none = { .n = 0 };
    const uint64_t h = hash(t, kind, key);
    struct shard *s = shard_of(t, h);
    (void) pthread_mutex_lock(&s->lock);
    struct entry *e = find(s, h, kind, key);
    if (e != NULL)
        s->bytes -= size_of(e);
    sut_rate_peek(e == NULL ? &none : &e->log, rate, now, ret);
    if (e != NULL)
        s->bytes += size_of(e);
    (void) pthread_mutex_unlock(&s->lock);
}

/* With the shard's lock held. */
static SUT_ERR take(struct sut_ratetable *t, struct shard *s, uint64_t h, uint8_t kind,
                    const struct sut_rate_key *key, struct sut_rate rate, sut_ms now,
                    struct sut_rate_result *ret)
{
    struct entry *e = find(s, h, kind, key);
    if (e == NULL)
        TRY(add(t, s, h, kind, key, &e));
    s->bytes -= size_of(e);
    const sut_err err = sut_rate_take(&e->log, rate, now, ret);
    s->bytes += size_of(e);
    link_after(&s->recent, &e->recent);
    if (ret->is_allowed && rate.window_ms >= LEAST_KEPT_WINDOW_MS && e->due.next == &e->due)
        link_after(s->due.prev, &e->due);
    trim(t, s, e, now);
    return err;
}

SUT_ERR sut_ratetable_take(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                           struct sut_rate rate, sut_ms now, struct sut_rate_result *ret)
{
    *ret = (struct sut_rate_result){ .is_allowed = true };
    if (rate.count == 0)
        return SUT_OK;
    *ret = (struct sut_rate_result){ .limit = rate.count, .retry_after_s = 1 };
    const uint64_t h = hash(t, kind, key);
    struct shard *s = shard_of(t, h);
    (void) pthread_mutex_lock(&s->lock);
    const sut_err e = take(t, s, h, kind, key, rate, now, ret);
    (void) pthread_mutex_unlock(&s->lock);
    return e;
}

/* With the shard's lock held. */
static SUT_ERR drain_shard(struct shard *s, size_t max, struct sut_buf *room,
                           SUT_ERR (*each)(void *arg, const struct sut_rate_change *c), void *arg,
                           size_t *n)
{
    while (*n < max && s->due.next != &s->due) {
        struct entry *e = ENTRY_OF(s->due.next, due);
        sut_buf_reset(room);
        sut_rate_log_encode(&e->log, room);
        TRY(sut_buf_check(room));
        const struct sut_rate_change c = {
            .kind = e->kind,
            .key = e->key,
            .data = sut_buf_str(room),
            .expires = sut_rate_expires(&e->log),
        };
        TRY(each(arg, &c));
        link_out(&e->due);
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
        struct shard *s = &t->shards[i];
        (void) pthread_mutex_lock(&s->lock);
        const sut_err e = drain_shard(s, max, &room, each, arg, ret_n);
        (void) pthread_mutex_unlock(&s->lock);
        TRY(e);
    }
    return SUT_OK;
}

void sut_ratetable_touch(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key)
{
    const uint64_t h = hash(t, kind, key);
    struct shard *s = shard_of(t, h);
    (void) pthread_mutex_lock(&s->lock);
    struct entry *e = find(s, h, kind, key);
    if (e != NULL && e->due.next == &e->due)
        link_after(s->due.prev, &e->due);
    (void) pthread_mutex_unlock(&s->lock);
}

SUT_ERR sut_ratetable_restore(struct sut_ratetable *t, uint8_t kind, const struct sut_rate_key *key,
                              sut_str data, sut_ms now)
{
    struct sut_rate_log log = { .n = 0 };
    const sut_err bad = sut_rate_log_decode(data, &log);
    if (sut_failed(bad)) {
        ENSURE(bad.code != SUT_E_NOMEM, NOMEM);
        return SUT_OK;
    }
    const uint64_t h = hash(t, kind, key);
    struct shard *s = shard_of(t, h);
    (void) pthread_mutex_lock(&s->lock);
    struct entry *e = find(s, h, kind, key);
    sut_err err = SUT_OK;
    if (e == NULL && sut_rate_expires(&log).v > now.v) {
        err = add(t, s, h, kind, key, &e);
        if (!sut_failed(err)) {
            s->bytes -= size_of(e);
            e->log = log;
            s->bytes += size_of(e);
            log = (struct sut_rate_log){ .n = 0 };
            trim(t, s, e, now);
        }
    }
    (void) pthread_mutex_unlock(&s->lock);
    sut_rate_log_done(&log);
    return err;
}

void sut_ratetable_stats(struct sut_ratetable *t, struct sut_ratetable_stats *ret)
{
    *ret = (struct sut_ratetable_stats){ .keys = 0 };
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &t->shards[i];
        (void) pthread_mutex_lock(&s->lock);
        ret->keys += s->keys;
        ret->bytes += s->bytes;
        ret->evicted += s->evicted;
        (void) pthread_mutex_unlock(&s->lock);
    }
}
