/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fragments_int.h"

#include <stdatomic.h>

#include "base/mem.h"

static const uint64_t digest_basis_hi = UINT64_C(0x6c62272e07bb0142);
static const uint64_t digest_basis_lo = UINT64_C(0x62b821756295c58d);

/* ---- pages ---------------------------------------------------------------------------- */

sut_fragments_digest sut_fragments__digest(void)
{
    return ((sut_fragments_digest) digest_basis_hi << 64) | digest_basis_lo;
}

sut_fragments_digest sut_fragments__digest_add(sut_fragments_digest d, const void *p, size_t n)
{
    /* The prime 2^88 + 2^8 + 0x3b. */
    const sut_fragments_digest prime = ((sut_fragments_digest) 1 << 88) + 0x13b;
    const unsigned char *byte = p;
    for (size_t i = 0; i < n; i++)
        d = (d ^ byte[i]) * prime;
    return d;
}

sut_err sut_fragments__page(const struct sut_fragments_key *k, size_t parts_max,
                            struct sut_fragments_page **ret)
{
    const size_t key_n = k->n <= SUT_FRAGMENTS_KEY_MAX ? k->n : 0;
    const size_t slots_at =
        sizeof(struct sut_fragments_page) + parts_max * sizeof(struct sut_bytes *);
    const size_t size = slots_at + parts_max * sizeof(uint32_t);
    struct sut_fragments_page *p = sut_mem_zalloc(1, size + key_n);
    ENSURE(p != NULL, NOMEM);
    atomic_init(&p->refs, 1);
    p->cost = size + key_n;
    p->slots = (void *) ((unsigned char *) p + slots_at);
    p->key = (unsigned char *) p + size;
    p->key_n = key_n;
    memcpy(p->key, k->p, key_n);
    p->sum = sut_fragments__digest_add(sut_fragments__digest(), k->p, key_n);
    *ret = p;
    return SUT_OK;
}

void sut_fragments__give(struct sut_fragments_page *p, struct sut_bytes *part)
{
    const size_t n = sut_bytes_str(part).n;
    p->parts[p->n++] = part;
    p->bytes += n;
    p->cost += n;
}

void sut_fragments__finish(struct sut_fragments_page *p)
{
    static const char hex[] = "0123456789abcdef";
    p->sum = sut_fragments__digest_add(p->sum, &p->count, sizeof(p->count));
    p->etag[0] = p->etag[33] = '"';
    for (unsigned i = 0; i < 32; i++)
        p->etag[1 + i] = hex[(unsigned) (p->sum >> (124 - 4 * i)) & 15];
}

static struct sut_fragments_page *page_ref(struct sut_fragments_page *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void sut_fragments_unref(struct sut_fragments_page **pp)
{
    struct sut_fragments_page *p = *pp;
    *pp = NULL;
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < p->n; i++)
        sut_bytes_unref(&p->parts[i]);
    sut_mem_free(p);
}

int64_t sut_fragments_count(const struct sut_fragments_page *p)
{
    return p->count;
}

size_t sut_fragments_n(const struct sut_fragments_page *p)
{
    return p->n;
}

size_t sut_fragments_bytes(const struct sut_fragments_page *p)
{
    return p->bytes + (p->n > 1 ? p->n - 1 : 0);
}

sut_str sut_fragments_etag(const struct sut_fragments_page *p)
{
    return sut_str_of(p->etag, sizeof(p->etag) - 1);
}

void sut_fragments_add(const struct sut_fragments_page *p, struct sut_buf *out)
{
    if (p->n == 0)
        return;
    char *to = sut_buf_room(out, sut_fragments_bytes(p));
    if (to == NULL)
        return;
    for (size_t i = 0; i < p->n; i++) {
        if (i > 0)
            *to++ = ',';
        const sut_str part = sut_bytes_str(p->parts[i]);
        memcpy(to, part.p, part.n);
        to += part.n;
    }
    out->n += sut_fragments_bytes(p);
}

/* ---- shelves -------------------------------------------------------------------------- */

void sut_fragments__shelf_init(struct sut_fragments_shelf *s, size_t bytes, size_t n)
{
    s->shard_bytes = bytes / SUT_FRAGMENTS_SHARDS;
    s->shard_n = n / SUT_FRAGMENTS_SHARDS > 0 ? n / SUT_FRAGMENTS_SHARDS : 1;
    for (size_t i = 0; i < SUT_FRAGMENTS_SHARDS; i++) {
        const int failed = pthread_mutex_init(&s->shards[i].lock, NULL);
        SUT_BUG_IF(failed != 0); /* glibc's never fails without attributes */
    }
}

static void unlink_age(struct sut_fragments_shard *s, struct sut_fragments_page *p)
{
    *(p->newer != NULL ? &p->newer->older : &s->newest) = p->older;
    *(p->older != NULL ? &p->older->newer : &s->oldest) = p->newer;
    p->newer = p->older = NULL;
}

static void link_newest(struct sut_fragments_shard *s, struct sut_fragments_page *p)
{
    p->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = p;
    s->newest = p;
}

static struct sut_fragments_page **bucket_of(struct sut_fragments_shard *s, uint64_t hash)
{
    return &s->buckets[(hash >> 8) % SUT_FRAGMENTS_BUCKETS];
}

/* The link that points to the page with this key, or to the bucket's end. */
static struct sut_fragments_page **link_of(struct sut_fragments_shard *s, uint64_t hash,
                                           const struct sut_fragments_key *k)
{
    struct sut_fragments_page **at = bucket_of(s, hash);
    while (*at != NULL &&
           ((*at)->hash != hash || (*at)->key_n != k->n || memcmp((*at)->key, k->p, k->n) != 0))
        at = &(*at)->chain;
    return at;
}

/* Take the page out; its reference is the caller's. */
static struct sut_fragments_page *remove_at(struct sut_fragments_shard *s,
                                            struct sut_fragments_page **at)
{
    struct sut_fragments_page *p = *at;
    *at = p->chain;
    p->chain = NULL;
    unlink_age(s, p);
    s->bytes -= p->cost;
    s->n--;
    return p;
}

static struct sut_fragments_page *remove_oldest(struct sut_fragments_shard *s)
{
    struct sut_fragments_page **at = bucket_of(s, s->oldest->hash);
    while (*at != s->oldest)
        at = &(*at)->chain;
    return remove_at(s, at);
}

struct sut_fragments_page *sut_fragments__shelf_find(struct sut_fragments_shelf *shelf,
                                                     uint64_t hash,
                                                     const struct sut_fragments_key *k)
{
    struct sut_fragments_shard *s = &shelf->shards[hash % SUT_FRAGMENTS_SHARDS];
    pthread_mutex_lock(&s->lock);
    struct sut_fragments_page *p = *link_of(s, hash, k);
    if (p != NULL) {
        page_ref(p);
        if (s->newest != p) {
            unlink_age(s, p);
            link_newest(s, p);
        }
        s->hits++;
    } else {
        s->misses++;
    }
    pthread_mutex_unlock(&s->lock);
    return p;
}

void sut_fragments__shelf_put(struct sut_fragments_shelf *shelf, uint64_t hash,
                              const struct sut_fragments_key *k, struct sut_fragments_page *p)
{
    if (p->cost > shelf->shard_bytes / 2)
        return;

    struct sut_fragments_page *gone = NULL; /* freed outside the lock */
    struct sut_fragments_shard *s = &shelf->shards[hash % SUT_FRAGMENTS_SHARDS];
    pthread_mutex_lock(&s->lock);
    struct sut_fragments_page **at = link_of(s, hash, k);
    if (*at != NULL) {
        gone = remove_at(s, at);
    }
    p->hash = hash;
    struct sut_fragments_page **bucket = bucket_of(s, hash);
    p->chain = *bucket;
    *bucket = page_ref(p);
    link_newest(s, p);
    s->bytes += p->cost;
    s->n++;
    while (s->bytes > shelf->shard_bytes || s->n > shelf->shard_n) {
        struct sut_fragments_page *old = remove_oldest(s);
        old->chain = gone;
        gone = old;
    }
    pthread_mutex_unlock(&s->lock);

    while (gone != NULL) {
        struct sut_fragments_page *next = gone->chain;
        gone->chain = NULL;
        sut_fragments_unref(&gone);
        gone = next;
    }
}

void sut_fragments__shelf_done(struct sut_fragments_shelf *shelf)
{
    for (size_t i = 0; i < SUT_FRAGMENTS_SHARDS; i++) {
        struct sut_fragments_shard *s = &shelf->shards[i];
        while (s->oldest != NULL) {
            struct sut_fragments_page *p = remove_oldest(s);
            sut_fragments_unref(&p);
        }
        pthread_mutex_destroy(&s->lock);
    }
}
