/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/keycache.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/secret.h"

enum {
    MAGIC = 0x5ea1c,
    SHARD_KEYS_MIN = 256,  /* below, one shard more is no gain */
    SHARD_KEYS_MAX = 2048, /* what one struct sut_secret holds */
    SHARDS_LIKED = 16,
    FORGOTTEN_MAX = 32,
    LINE = 64,
};
static const uint32_t none = UINT32_MAX;

struct entry {
    int64_t person;
    uint64_t mark;
    int64_t used_ms; /* coarse and monotonic */
    uint32_t version;
    uint32_t next; /* of the bucket, or of the free ones */
    bool is_held;
    bool is_used; /* since the hand came by */
};

struct shard {
    _Alignas(LINE) pthread_mutex_t lock; /* over all of it */
    struct sut_secret *memory;           /* capacity keys, that of entry i at place i */
    struct entry *entries;
    uint32_t *buckets; /* a power of two */
    uint32_t capacity;
    uint32_t mask;
    uint32_t hand;
    uint32_t free;
    size_t held;
    uint64_t hits;
    uint64_t misses;
    uint64_t forgets; /* so far; the person of the n-th lies at n % FORGOTTEN_MAX */
    int64_t forgotten[FORGOTTEN_MAX];
};

struct sut_keycache {
    unsigned magic;
    size_t n; /* a power of two */
    uint64_t seed;
    void *block; /* shards lies in it, on a cache line's border */
    struct shard *shards;
};

/* Mixes all bits (the finaliser of MurmurHash3 with a secret start). */
static uint64_t mix(const struct sut_keycache *c, int64_t person)
{
    uint64_t h = (uint64_t) person ^ c->seed;
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

static struct shard *shard_of(const struct sut_keycache *c, uint64_t h)
{
    return &c->shards[h & (c->n - 1)];
}

static uint32_t *bucket_of(struct shard *s, uint64_t h)
{
    return &s->buckets[(h >> 32) & s->mask];
}

static unsigned char *key_at(struct shard *s, uint32_t i)
{
    return (unsigned char *) sut_secret_bytes(s->memory) + (size_t) i * SUT_KEY_SIZE;
}

/* A few milliseconds coarse, which is fine here and a fraction of the price. */
static int64_t coarse_ms(void)
{
    struct timespec t = { 0 };
    (void) clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void shard_done(struct shard *s)
{
    if (s->capacity == 0)
        return;
    (void) pthread_mutex_destroy(&s->lock);
    sut_secret_free(&s->memory);
    sut_mem_free(s->entries);
    sut_mem_free(s->buckets);
}

static SUT_ERR shard_init(struct shard *s, uint32_t capacity)
{
    ENSURE(pthread_mutex_init(&s->lock, NULL) == 0, NOMEM);
    s->capacity = capacity; /* from here on shard_done() gives all back */
    uint32_t buckets = 16;
    while (buckets < 2 * capacity)
        buckets *= 2;
    s->mask = buckets - 1;
    s->entries = sut_mem_zalloc(capacity, sizeof(*s->entries));
    s->buckets = sut_mem_alloc(buckets * sizeof(*s->buckets));
    ENSURE(s->entries != NULL && s->buckets != NULL, NOMEM);
    TRY(sut_secret_create((size_t) capacity * SUT_KEY_SIZE, &s->memory));
    for (uint32_t i = 0; i < buckets; i++)
        s->buckets[i] = none;
    for (uint32_t i = 0; i < capacity; i++)
        s->entries[i].next = i + 1 < capacity ? i + 1 : none;
    s->free = 0;
    return SUT_OK;
}

static void cache_drop(struct sut_keycache **c)
{
    sut_keycache_free(c);
}

SUT_ERR sut_keycache_create(size_t keys_max, const struct sut_random *rnd,
                            struct sut_keycache **ret)
{
    ENSURE(keys_max >= SUT_KEYCACHE_MIN && keys_max <= SUT_KEYCACHE_MAX, INVALID);
    DEFER(cache_drop) struct sut_keycache *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    c->magic = MAGIC;
    TRY(sut_random_fill(rnd, &c->seed, sizeof(c->seed)));
    size_t n = 1;
    while ((n < SHARDS_LIKED && keys_max / (2 * n) >= SHARD_KEYS_MIN) ||
           keys_max / n > SHARD_KEYS_MAX)
        n *= 2;
    c->block = sut_mem_zalloc(n + 1, sizeof(struct shard));
    ENSURE(c->block != NULL, NOMEM);
    c->shards = (struct shard *) (((uintptr_t) c->block + LINE - 1) / LINE * LINE);
    c->n = n;
    for (size_t i = 0; i < n; i++)
        TRY(shard_init(&c->shards[i], (uint32_t) (keys_max / n)));
    *ret = STEAL(c);
    return SUT_OK;
}

void sut_keycache_free(struct sut_keycache **c)
{
    if (*c == NULL)
        return;
    SUT_BUG_IF((*c)->magic != MAGIC);
    for (size_t i = 0; i < (*c)->n; i++)
        shard_done(&(*c)->shards[i]);
    sut_mem_free((*c)->block);
    sut_mem_freep(c);
}

uint64_t sut_keycache_mark(const char wrapped[SUT_DATA_WRAPPED])
{
    uint64_t mark = 0;
    memcpy(&mark, wrapped + 1, sizeof(mark));
    return mark;
}

/* Locked. */
static struct entry *find(struct shard *s, uint64_t h, int64_t person, uint32_t version)
{
    for (uint32_t i = *bucket_of(s, h); i != none; i = s->entries[i].next) {
        struct entry *const e = &s->entries[i];
        if (e->person == person && e->version == version)
            return e;
    }
    return NULL;
}

bool sut_keycache_get(struct sut_keycache *c, int64_t person, uint32_t version,
                      const uint64_t *mark, unsigned char ret[SUT_KEY_SIZE])
{
    const uint64_t h = mix(c, person);
    struct shard *const s = shard_of(c, h);
    const int64_t now = coarse_ms();
    (void) pthread_mutex_lock(&s->lock);
    struct entry *const e = find(s, h, person, version);
    const bool is_there = e != NULL && (mark == NULL || e->mark == *mark);
    if (is_there) {
        memcpy(ret, key_at(s, (uint32_t) (e - s->entries)), SUT_KEY_SIZE);
        e->used_ms = now;
        e->is_used = true;
        s->hits++;
    } else {
        s->misses++;
    }
    (void) pthread_mutex_unlock(&s->lock);
    return is_there;
}

bool sut_keycache_has(struct sut_keycache *c, int64_t person, uint32_t version, uint64_t mark)
{
    const uint64_t h = mix(c, person);
    struct shard *const s = shard_of(c, h);
    (void) pthread_mutex_lock(&s->lock);
    struct entry *const e = find(s, h, person, version);
    const bool is_there = e != NULL && e->mark == mark;
    if (is_there)
        e->is_used = true; /* whoever asks wants it soon */
    (void) pthread_mutex_unlock(&s->lock);
    return is_there;
}

/* Locked: wipe entry i and put it with the free ones. */
static void drop(struct sut_keycache *c, struct shard *s, uint32_t i)
{
    struct entry *const e = &s->entries[i];
    uint32_t *at = bucket_of(s, mix(c, e->person));
    while (*at != i)
        at = &s->entries[*at].next;
    *at = e->next;
    sut_wipe(key_at(s, i), SUT_KEY_SIZE);
    *e = (struct entry){ .next = s->free };
    s->free = i;
    s->held--;
}

/* Locked: a free place; a key that nobody has used since the hand's last round goes. */
static uint32_t make_room(struct sut_keycache *c, struct shard *s)
{
    while (s->free == none) {
        const uint32_t i = s->hand;
        s->hand = i + 1 < s->capacity ? i + 1 : 0;
        if (s->entries[i].is_used)
            s->entries[i].is_used = false;
        else
            drop(c, s, i);
    }
    const uint32_t i = s->free;
    s->free = s->entries[i].next;
    return i;
}

uint64_t sut_keycache_now(struct sut_keycache *c, int64_t person)
{
    struct shard *const s = shard_of(c, mix(c, person));
    (void) pthread_mutex_lock(&s->lock);
    const uint64_t now = s->forgets;
    (void) pthread_mutex_unlock(&s->lock);
    return now;
}

/* Locked.  Too many to be remembered all: better ask the keeper again. */
static bool is_forgotten(const struct shard *s, int64_t person, uint64_t since)
{
    if (s->forgets - since > FORGOTTEN_MAX)
        return true;
    for (uint64_t i = since; i < s->forgets; i++) {
        if (s->forgotten[i % FORGOTTEN_MAX] == person)
            return true;
    }
    return false;
}

void sut_keycache_put(struct sut_keycache *c, int64_t person, uint32_t version, uint64_t mark,
                      const unsigned char key[SUT_KEY_SIZE], uint64_t since)
{
    const uint64_t h = mix(c, person);
    struct shard *const s = shard_of(c, h);
    const int64_t now = coarse_ms();
    (void) pthread_mutex_lock(&s->lock);
    if (!is_forgotten(s, person, since)) {
        struct entry *e = find(s, h, person, version);
        if (e == NULL) {
            const uint32_t i = make_room(c, s);
            uint32_t *const bucket = bucket_of(s, h);
            e = &s->entries[i];
            *e = (struct entry){
                .person = person, .version = version, .next = *bucket, .is_held = true
            };
            *bucket = i;
            s->held++;
        }
        memcpy(key_at(s, (uint32_t) (e - s->entries)), key, SUT_KEY_SIZE);
        e->mark = mark;
        e->used_ms = now; /* not is_used: a key that is put once and never got goes first */
    }
    (void) pthread_mutex_unlock(&s->lock);
}

void sut_keycache_forget(struct sut_keycache *c, int64_t person)
{
    const uint64_t h = mix(c, person);
    struct shard *const s = shard_of(c, h);
    (void) pthread_mutex_lock(&s->lock);
    uint32_t i = *bucket_of(s, h);
    while (i != none) {
        const uint32_t next = s->entries[i].next;
        if (s->entries[i].person == person)
            drop(c, s, i);
        i = next;
    }
    s->forgotten[s->forgets++ % FORGOTTEN_MAX] = person;
    (void) pthread_mutex_unlock(&s->lock);
}

void sut_keycache_sweep(struct sut_keycache *c, int64_t idle_ms)
{
    const int64_t now = coarse_ms();
    for (size_t n = 0; n < c->n; n++) {
        struct shard *const s = &c->shards[n];
        (void) pthread_mutex_lock(&s->lock);
        for (uint32_t i = 0; i < s->capacity && s->held > 0; i++) {
            if (s->entries[i].is_held && now - s->entries[i].used_ms >= idle_ms)
                drop(c, s, i);
        }
        (void) pthread_mutex_unlock(&s->lock);
    }
}

void sut_keycache_count(struct sut_keycache *c, struct sut_seal_counts *ret)
{
    for (size_t n = 0; n < c->n; n++) {
        struct shard *const s = &c->shards[n];
        (void) pthread_mutex_lock(&s->lock);
        ret->hits += s->hits;
        ret->misses += s->misses;
        ret->held += s->held;
        (void) pthread_mutex_unlock(&s->lock);
    }
}

size_t sut_keycache_shards(const struct sut_keycache *c)
{
    return c->n;
}

sut_str sut_keycache_memory(const struct sut_keycache *c, size_t shard)
{
    return sut_secret_str(c->shards[shard].memory);
}
