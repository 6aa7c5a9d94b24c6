/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fragments.h"

#include <pthread.h>
#include <stdatomic.h>

#include "api/product_json.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "shop/catalogue.h"

enum {
    MAGIC = 0x46524147,
    SHARDS = 8,
    BUCKETS = 256, /* of a shard */
    DEFAULT_BYTES = 8 * 1024 * 1024,
    DEFAULT_PAGES = 1024,
    KEY_MAX = 512, /* a longer question is answered and not kept */
    RENDERED_MAX = 8 * 1024 * 1024,
    ARENA_BYTES = 32 * 1024 * 1024,
};

/* 128 bits of FNV-1a: two answers that differ have tags that differ. */
__extension__ typedef unsigned __int128 digest;

static const uint64_t digest_basis_hi = UINT64_C(0x6c62272e07bb0142);
static const uint64_t digest_basis_lo = UINT64_C(0x62b821756295c58d);

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
    digest sum;
    char etag[2 + 32 + 1];
    size_t key_n;
    unsigned char *key;
    struct sut_bytes *parts[];
};

struct shard {
    pthread_mutex_t lock;
    struct sut_fragments_page *buckets[BUCKETS];
    struct sut_fragments_page *newest;
    struct sut_fragments_page *oldest;
    size_t bytes;
    size_t n;
    uint64_t hits;
    uint64_t misses;
};

/* What is kept under keys, least recently asked for goes first. */
struct shelf {
    size_t shard_bytes;
    size_t shard_n;
    struct shard shards[SHARDS];
};

struct sut_fragments {
    unsigned magic;
    uint64_t seed;
    _Atomic int64_t version;
    struct shelf fragments;
    struct shelf pages;
};

struct key {
    size_t n; /* KEY_MAX + 1: too long to keep */
    unsigned char p[KEY_MAX];
};

/* ---- pages ---------------------------------------------------------------------------- */

static digest digest_start(void)
{
    return ((digest) digest_basis_hi << 64) | digest_basis_lo;
}

static digest digest_add(digest d, const void *p, size_t n)
{
    /* The prime 2^88 + 2^8 + 0x3b. */
    const digest prime = ((digest) 1 << 88) + 0x13b;
    const unsigned char *byte = p;
    for (size_t i = 0; i < n; i++)
        d = (d ^ byte[i]) * prime;
    return d;
}

static sut_err page_create(const struct key *k, size_t parts_max, struct sut_fragments_page **ret)
{
    const size_t key_n = k->n <= KEY_MAX ? k->n : 0;
    const size_t size = sizeof(struct sut_fragments_page) + parts_max * sizeof(struct sut_bytes *);
    struct sut_fragments_page *p = sut_mem_zalloc(1, size + key_n);
    ENSURE(p != NULL, NOMEM);
    atomic_init(&p->refs, 1);
    p->cost = size + key_n;
    p->key = (unsigned char *) p + size;
    p->key_n = key_n;
    memcpy(p->key, k->p, key_n);
    p->sum = digest_add(digest_start(), k->p, key_n);
    *ret = p;
    return SUT_OK;
}

/* Put a part at the end; the page takes the reference. */
static void page_give(struct sut_fragments_page *p, struct sut_bytes *part)
{
    const size_t n = sut_bytes_str(part).n;
    p->parts[p->n++] = part;
    p->bytes += n;
    p->cost += n;
}

static void page_finish(struct sut_fragments_page *p)
{
    static const char hex[] = "0123456789abcdef";
    p->sum = digest_add(p->sum, &p->count, sizeof(p->count));
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

static void shelf_init(struct shelf *s, size_t bytes, size_t n)
{
    s->shard_bytes = bytes / SHARDS;
    s->shard_n = n / SHARDS > 0 ? n / SHARDS : 1;
    for (size_t i = 0; i < SHARDS; i++) {
        const int failed = pthread_mutex_init(&s->shards[i].lock, NULL);
        SUT_BUG_IF(failed != 0); /* glibc's never fails without attributes */
    }
}

static void unlink_age(struct shard *s, struct sut_fragments_page *p)
{
    *(p->newer != NULL ? &p->newer->older : &s->newest) = p->older;
    *(p->older != NULL ? &p->older->newer : &s->oldest) = p->newer;
    p->newer = p->older = NULL;
}

static void link_newest(struct shard *s, struct sut_fragments_page *p)
{
    p->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = p;
    s->newest = p;
}

static struct sut_fragments_page **bucket_of(struct shard *s, uint64_t hash)
{
    return &s->buckets[(hash >> 8) % BUCKETS];
}

/* The link that points to the page with this key, or to the bucket's end. */
static struct sut_fragments_page **link_of(struct shard *s, uint64_t hash, const struct key *k)
{
    struct sut_fragments_page **at = bucket_of(s, hash);
    while (*at != NULL &&
           ((*at)->hash != hash || (*at)->key_n != k->n || memcmp((*at)->key, k->p, k->n) != 0))
        at = &(*at)->chain;
    return at;
}

/* Take the page out; its reference is the caller's. */
static struct sut_fragments_page *remove_at(struct shard *s, struct sut_fragments_page **at)
{
    struct sut_fragments_page *p = *at;
    *at = p->chain;
    p->chain = NULL;
    unlink_age(s, p);
    s->bytes -= p->cost;
    s->n--;
    return p;
}

static struct sut_fragments_page *remove_oldest(struct shard *s)
{
    struct sut_fragments_page **at = bucket_of(s, s->oldest->hash);
    while (*at != s->oldest)
        at = &(*at)->chain;
    return remove_at(s, at);
}

static struct sut_fragments_page *shelf_find(struct shelf *shelf, uint64_t hash,
                                             const struct key *k)
{
    struct shard *s = &shelf->shards[hash % SHARDS];
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

/* Keep a finished page, in place of one with its key; one that is too large is not kept. */
static void shelf_put(struct shelf *shelf, uint64_t hash, const struct key *k,
                      struct sut_fragments_page *p)
{
    if (p->cost > shelf->shard_bytes / 2)
        return;

    struct sut_fragments_page *gone = NULL; /* freed outside the lock */
    struct shard *s = &shelf->shards[hash % SHARDS];
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

static void shelf_done(struct shelf *shelf)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &shelf->shards[i];
        while (s->oldest != NULL) {
            struct sut_fragments_page *p = remove_oldest(s);
            sut_fragments_unref(&p);
        }
        pthread_mutex_destroy(&s->lock);
    }
}

/* ---- keys ----------------------------------------------------------------------------- */

static void key_add(struct key *k, const void *p, size_t n)
{
    if (k->n > KEY_MAX || n > KEY_MAX - k->n) {
        k->n = KEY_MAX + 1;
        return;
    }
    if (n > 0)
        memcpy(k->p + k->n, p, n);
    k->n += n;
}

static void key_str(struct key *k, sut_str s)
{
    key_add(k, &s.n, sizeof(s.n));
    key_add(k, s.p, s.n);
}

static void key_of_filter(const struct sut_catalogue_filter *f, struct key *k)
{
    const int64_t numbers[] = { f->min_cents, f->max_cents, f->limit, f->offset };
    const unsigned char kind[] = { 'P', (unsigned char) f->order, (unsigned char) f->n_terms };
    k->n = 0;
    key_add(k, kind, sizeof(kind));
    key_add(k, numbers, sizeof(numbers));
    key_str(k, f->category);
    key_str(k, f->coverage);
    for (unsigned i = 0; i < f->n_terms; i++)
        key_str(k, f->terms[i]);
}

static void key_of_ids(char kind, int64_t id, int64_t version, struct key *k)
{
    k->n = 0;
    key_add(k, &kind, 1);
    key_add(k, &id, sizeof(id));
    key_add(k, &version, sizeof(version));
}

static uint64_t hash_of(const struct sut_fragments *f, const struct key *k)
{
    uint64_t h = f->seed ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < k->n; i++)
        h = (h ^ k->p[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

/* ---- reading -------------------------------------------------------------------------- */

/* A page of the version that is known now, or NULL. */
static struct sut_fragments_page *page_kept(struct sut_fragments *f, const struct key *k)
{
    if (k->n > KEY_MAX)
        return NULL;
    struct sut_fragments_page *p = shelf_find(&f->pages, hash_of(f, k), k);
    if (p != NULL && p->version != sut_fragments_version(f))
        sut_fragments_unref(&p);
    return p;
}

static void page_keep(struct sut_fragments *f, const struct key *k, struct sut_fragments_page *p)
{
    if (k->n <= KEY_MAX && p->n > 0)
        shelf_put(&f->pages, hash_of(f, k), k, p);
}

static sut_err part_of(struct sut_buf *rendered, struct sut_bytes **ret)
{
    TRY(sut_buf_check(rendered));
    return sut_bytes_create(sut_buf_str(rendered), ret);
}

/* Render one product and keep it under the version that was read. */
static sut_err render(struct sut_fragments *f, const struct sut_product *product,
                      enum sut_product_shape shape, struct sut_buf *scratch,
                      struct sut_fragments_page **ret)
{
    struct key k;
    key_of_ids(shape == SUT_PRODUCT_ALONE ? 'A' : 'L', product->id, product->version, &k);
    sut_buf_reset(scratch);
    sut_product_json(scratch, product, shape);

    DEFER(sut_fragments_unref) struct sut_fragments_page *p = NULL;
    TRY(page_create(&k, 1, &p));
    struct sut_bytes *part = NULL;
    TRY(part_of(scratch, &part));
    page_give(p, part);
    const sut_str text = sut_bytes_str(part);
    p->sum = digest_add(digest_start(), text.p, text.n);
    shelf_put(&f->fragments, hash_of(f, &k), &k, p);
    *ret = STEAL(p);
    return SUT_OK;
}

/* The fragments of these products: out of memory, else all that lack in one go. */
static sut_err gather(struct sut_fragments *f, struct sut_db_conn *c,
                      const struct sut_product_ref *refs, size_t n, enum sut_product_shape shape,
                      struct sut_fragments_page **fragments)
{
    int64_t lacking[SUT_CATALOGUE_PAGE_MAX];
    size_t place[SUT_CATALOGUE_PAGE_MAX];
    size_t n_lacking = 0;
    for (size_t i = 0; i < n; i++) {
        struct key k;
        key_of_ids(shape == SUT_PRODUCT_ALONE ? 'A' : 'L', refs[i].id, refs[i].version, &k);
        fragments[i] = shelf_find(&f->fragments, hash_of(f, &k), &k);
        if (fragments[i] == NULL) {
            place[n_lacking] = i;
            lacking[n_lacking++] = refs[i].id;
        }
    }
    if (n_lacking == 0)
        return SUT_OK;

    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    TRY(sut_arena_create(ARENA_BYTES, &a));
    struct sut_product *products = ARENA_ARRAY(a, struct sut_product, n_lacking);
    ENSURE(products != NULL, NOMEM);
    TRY(sut_catalogue_load(c, a, lacking, n_lacking, products));
    DEFER(sut_buf_done) struct sut_buf scratch;
    sut_buf_init(&scratch, RENDERED_MAX);
    for (size_t i = 0; i < n_lacking; i++) {
        if (products[i].id != 0) /* else it went away just now */
            TRY(render(f, &products[i], shape, &scratch, &fragments[place[i]]));
    }
    return SUT_OK;
}

struct fragments {
    struct sut_fragments_page *p[SUT_CATALOGUE_PAGE_MAX];
};

static void fragments_done(struct fragments *s)
{
    for (size_t i = 0; i < SUT_CATALOGUE_PAGE_MAX; i++)
        sut_fragments_unref(&s->p[i]);
}

/* A page of these products, kept under the key. */
static sut_err page_of(struct sut_fragments *f, struct sut_db_conn *c, const struct key *k,
                       const struct sut_catalogue_page *rows, enum sut_product_shape shape,
                       struct sut_fragments_page **ret)
{
    DEFER(fragments_done) struct fragments got = { 0 };
    TRY(gather(f, c, rows->refs, rows->n, shape, got.p));

    struct sut_fragments_page *p = NULL;
    TRY(page_create(k, rows->n, &p));
    p->version = rows->version;
    p->count = rows->count;
    for (size_t i = 0; i < rows->n; i++) {
        if (got.p[i] != NULL) {
            page_give(p, sut_bytes_ref(got.p[i]->parts[0]));
            p->sum = digest_add(p->sum, &got.p[i]->sum, sizeof(got.p[i]->sum));
        }
    }
    page_finish(p);
    page_keep(f, k, p);
    *ret = p;
    return SUT_OK;
}

sut_err sut_fragments_list(struct sut_fragments *f, const struct sut_fragments_reader *r,
                           const struct sut_catalogue_filter *filter,
                           struct sut_fragments_page **ret)
{
    struct key k;
    key_of_filter(filter, &k);
    *ret = page_kept(f, &k);
    if (*ret != NULL)
        return SUT_OK;

    struct sut_db_conn *c = NULL;
    struct sut_catalogue_page rows = { 0 };
    if (!filter->is_nothing) {
        TRY(r->conn(r->ctx, &c));
        TRY(sut_catalogue_read_page(c, filter, &rows));
        sut_fragments_version_seen(f, rows.version);
    }
    return page_of(f, c, &k, &rows, SUT_PRODUCT_LISTED, ret);
}

/* A product that was looked for: by its id, or else by slugs. */
static sut_err product(struct sut_fragments *f, const struct sut_fragments_reader *r,
                       const struct key *k, int64_t id, sut_str category, sut_str slug,
                       struct sut_fragments_page **ret)
{
    *ret = page_kept(f, k);
    if (*ret != NULL)
        return SUT_OK;

    struct sut_db_conn *c = NULL;
    TRY(r->conn(r->ctx, &c));
    struct sut_catalogue_page rows = { .count = 1, .n = 1 };
    TRY(sut_catalogue_version(c, &rows.version));
    if (slug.n == 0)
        TRY(sut_catalogue_find(c, id, &rows.refs[0]));
    else
        TRY(sut_catalogue_find_slug(c, category, slug, &rows.refs[0]));
    sut_fragments_version_seen(f, rows.version);
    DEFER(sut_fragments_unref) struct sut_fragments_page *p = NULL;
    TRY(page_of(f, c, k, &rows, SUT_PRODUCT_ALONE, &p));
    ENSURE(p->n == 1, NOT_FOUND);
    *ret = STEAL(p);
    return SUT_OK;
}

sut_err sut_fragments_product(struct sut_fragments *f, const struct sut_fragments_reader *r,
                              int64_t id, struct sut_fragments_page **ret)
{
    struct key k;
    key_of_ids('I', id, 0, &k);
    return product(f, r, &k, id, SUT_STR(""), SUT_STR(""), ret);
}

sut_err sut_fragments_product_slug(struct sut_fragments *f, const struct sut_fragments_reader *r,
                                   sut_str category, sut_str slug, struct sut_fragments_page **ret)
{
    ENSURE(category.n > 0 && slug.n > 0, NOT_FOUND);
    struct key k = { 0 };
    key_add(&k, "S", 1);
    key_str(&k, category);
    key_str(&k, slug);
    return product(f, r, &k, 0, category, slug, ret);
}

/* Render the tree or the filters; see sut_fragments_categories(). */
static sut_err document(struct sut_fragments *f, const struct sut_fragments_reader *r, char kind,
                        struct sut_fragments_page **ret)
{
    struct key k;
    key_of_ids(kind, 0, 0, &k);
    *ret = page_kept(f, &k);
    if (*ret != NULL)
        return SUT_OK;

    struct sut_db_conn *c = NULL;
    TRY(r->conn(r->ctx, &c));
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    TRY(sut_arena_create(ARENA_BYTES, &a));
    DEFER(sut_buf_done) struct sut_buf out;
    sut_buf_init(&out, RENDERED_MAX);
    int64_t version = 0;
    TRY(sut_catalogue_version(c, &version));
    if (kind == 'C') {
        const struct sut_category_node *roots = NULL;
        TRY(sut_catalogue_tree(c, a, &roots));
        sut_categories_json(&out, roots);
    } else {
        struct sut_catalogue_filters filters;
        TRY(sut_catalogue_filters(c, a, &filters));
        sut_filters_json(&out, &filters);
    }
    sut_fragments_version_seen(f, version);

    DEFER(sut_fragments_unref) struct sut_fragments_page *p = NULL;
    TRY(page_create(&k, 1, &p));
    struct sut_bytes *part = NULL;
    TRY(part_of(&out, &part));
    page_give(p, part);
    p->version = version;
    p->count = 1;
    p->sum = digest_add(p->sum, out.p, out.n);
    page_finish(p);
    page_keep(f, &k, p);
    *ret = STEAL(p);
    return SUT_OK;
}

sut_err sut_fragments_categories(struct sut_fragments *f, const struct sut_fragments_reader *r,
                                 struct sut_fragments_page **ret)
{
    return document(f, r, 'C', ret);
}

sut_err sut_fragments_filters(struct sut_fragments *f, const struct sut_fragments_reader *r,
                              struct sut_fragments_page **ret)
{
    return document(f, r, 'F', ret);
}

/* ---- the whole ------------------------------------------------------------------------ */

sut_err sut_fragments_create(const struct sut_fragments_options *opt, struct sut_fragments **ret)
{
    struct sut_fragments *f = sut_mem_zalloc(1, sizeof(*f));
    ENSURE(f != NULL, NOMEM);
    f->magic = MAGIC;
    f->seed = opt->seed;
    atomic_init(&f->version, 0);
    shelf_init(&f->fragments, opt->fragment_bytes > 0 ? opt->fragment_bytes : DEFAULT_BYTES,
               SIZE_MAX);
    shelf_init(&f->pages, opt->page_bytes > 0 ? opt->page_bytes : DEFAULT_BYTES,
               opt->pages_max > 0 ? opt->pages_max : DEFAULT_PAGES);
    *ret = f;
    return SUT_OK;
}

void sut_fragments_free(struct sut_fragments **pf)
{
    struct sut_fragments *f = *pf;
    *pf = NULL;
    if (f == NULL)
        return;
    SUT_BUG_IF(f->magic != MAGIC);
    shelf_done(&f->pages);
    shelf_done(&f->fragments);
    f->magic = 0;
    sut_mem_free(f);
}

int64_t sut_fragments_version(const struct sut_fragments *f)
{
    return atomic_load_explicit(&f->version, memory_order_acquire);
}

void sut_fragments_version_seen(struct sut_fragments *f, int64_t version)
{
    int64_t known = atomic_load_explicit(&f->version, memory_order_relaxed);
    while (known < version &&
           !atomic_compare_exchange_weak_explicit(&f->version, &known, version,
                                                  memory_order_acq_rel, memory_order_relaxed))
        continue;
}

sut_err sut_fragments_watch_tick(struct sut_fragments *f, struct sut_db_conn *c)
{
    int64_t version = 0;
    TRY(sut_catalogue_version(c, &version));
    sut_fragments_version_seen(f, version);
    return SUT_OK;
}

struct sut_fragments_usage sut_fragments_usage(struct sut_fragments *f)
{
    struct sut_fragments_usage u = { 0 };
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *s = &f->fragments.shards[i];
        pthread_mutex_lock(&s->lock);
        u.fragment_bytes += s->bytes;
        pthread_mutex_unlock(&s->lock);
        s = &f->pages.shards[i];
        pthread_mutex_lock(&s->lock);
        u.page_bytes += s->bytes;
        u.pages += s->n;
        u.hits += s->hits;
        u.misses += s->misses;
        pthread_mutex_unlock(&s->lock);
    }
    return u;
}
