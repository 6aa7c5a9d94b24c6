/* SPDX-License-Identifier: Apache-2.0 */
#include "api/fragments.h"

#include <stdatomic.h>

#include "api/fragments_int.h"
#include "api/picture_url.h"
#include "api/product_json.h"
#include "authn/media_url.h"
#include "base/arena.h"
#include "base/mem.h"
#include "shop/catalogue.h"

enum {
    MAGIC = 0x46524147,
    DEFAULT_BYTES = 8 * 1024 * 1024,
    DEFAULT_PAGES = 1024,
    RENDERED_MAX = 8 * 1024 * 1024,
    ARENA_BYTES = 32 * 1024 * 1024,
};

struct sut_fragments {
    unsigned magic;
    uint64_t seed;
    const struct sut_keyring *media;
    sut_str public_url;
    _Atomic int64_t version;
    struct sut_fragments_stock stock;
    struct sut_fragments_shelf fragments;
    struct sut_fragments_shelf pages;
};

/* ---- keys ----------------------------------------------------------------------------- */

static void key_add(struct sut_fragments_key *k, const void *p, size_t n)
{
    if (k->n > SUT_FRAGMENTS_KEY_MAX || n > SUT_FRAGMENTS_KEY_MAX - k->n) {
        k->n = SUT_FRAGMENTS_KEY_MAX + 1;
        return;
    }
    if (n > 0)
        memcpy(k->p + k->n, p, n);
    k->n += n;
}

static void key_str(struct sut_fragments_key *k, sut_str s)
{
    key_add(k, &s.n, sizeof(s.n));
    key_add(k, s.p, s.n);
}

/* Addresses of pictures are others in each window of time: so is what shows them. */
static void key_begin(const struct sut_fragments_reader *r, struct sut_fragments_key *k)
{
    const int64_t window = sut_media_url_end(r->now).v;
    k->n = 0;
    key_add(k, &window, sizeof(window));
}

static void key_of_filter(const struct sut_fragments_reader *r,
                          const struct sut_catalogue_filter *f, struct sut_fragments_key *k)
{
    const int64_t numbers[] = { f->min_cents, f->max_cents, f->limit, f->offset };
    /* A search without a word is no list of everything. */
    const unsigned char kind[] = { f->is_nothing ? 'E' : 'P', (unsigned char) f->order,
                                   (unsigned char) f->n_terms };
    key_begin(r, k);
    key_add(k, kind, sizeof(kind));
    key_add(k, numbers, sizeof(numbers));
    key_str(k, f->category);
    key_str(k, f->coverage);
    for (unsigned i = 0; i < f->n_terms; i++)
        key_str(k, f->terms[i]);
}

/* How many a list has in all: whatever the page and the order. */
static void key_of_count(const struct sut_catalogue_filter *f, struct sut_fragments_key *k)
{
    const int64_t numbers[] = { f->min_cents, f->max_cents };
    const unsigned char kind[] = { 'N', (unsigned char) f->n_terms };
    k->n = 0;
    key_add(k, kind, sizeof(kind));
    key_add(k, numbers, sizeof(numbers));
    key_str(k, f->category);
    key_str(k, f->coverage);
    for (unsigned i = 0; i < f->n_terms; i++)
        key_str(k, f->terms[i]);
}

static void key_of_ids(const struct sut_fragments_reader *r, char kind, int64_t id, int64_t version,
                       struct sut_fragments_key *k)
{
    key_begin(r, k);
    key_add(k, &kind, 1);
    key_add(k, &id, sizeof(id));
    key_add(k, &version, sizeof(version));
}

/* A rendered product: of a version of it, and of a moment of its stock. */
static void key_of_fragment(const struct sut_fragments_reader *r, enum sut_product_shape shape,
                            const struct sut_product_ref *ref, uint64_t stock,
                            struct sut_fragments_key *k)
{
    key_of_ids(r, shape == SUT_PRODUCT_ALONE ? 'A' : 'L', ref->id, ref->version, k);
    key_add(k, &stock, sizeof(stock));
}

static uint64_t hash_of(const struct sut_fragments *f, const struct sut_fragments_key *k)
{
    uint64_t h = f->seed ^ k->n;
    for (size_t i = 0; i < k->n; i += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, k->p + i, k->n - i < sizeof(word) ? k->n - i : sizeof(word));
        h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 29;
    }
    return h ^ (h >> 32);
}

/* ---- reading -------------------------------------------------------------------------- */

/* A page of the version and of the stock that are known now, or NULL. */
static struct sut_fragments_page *page_kept(struct sut_fragments *f,
                                            const struct sut_fragments_key *k)
{
    if (k->n > SUT_FRAGMENTS_KEY_MAX)
        return NULL;
    struct sut_fragments_page *p = sut_fragments__shelf_find(&f->pages, hash_of(f, k), k);
    if (p != NULL &&
        (p->version != sut_fragments_version(f) || !sut_fragments__stock_is_same(&f->stock, p)))
        sut_fragments_unref(&p);
    return p;
}

static void page_keep(struct sut_fragments *f, const struct sut_fragments_key *k,
                      struct sut_fragments_page *p)
{
    if (k->n <= SUT_FRAGMENTS_KEY_MAX && p->n > 0)
        sut_fragments__shelf_put(&f->pages, hash_of(f, k), k, p);
}

static sut_err part_of(struct sut_buf *rendered, struct sut_bytes **ret)
{
    TRY(sut_buf_check(rendered));
    return sut_bytes_create(sut_buf_str(rendered), ret);
}

/* Render one product and keep it under the version that was read. */
static sut_err render(struct sut_fragments *f, const struct sut_fragments_reader *r,
                      const struct sut_product *product, enum sut_product_shape shape,
                      uint64_t stock, struct sut_buf *scratch, struct sut_fragments_page **ret)
{
    const struct sut_product_ref ref = { .id = product->id, .version = product->version };
    struct sut_fragments_key k;
    key_of_fragment(r, shape, &ref, stock, &k);
    sut_buf_reset(scratch);
    sut_product_json(scratch, product, shape);

    DEFER(sut_fragments_unref) struct sut_fragments_page *p = NULL;
    TRY(sut_fragments__page(&k, 1, &p));
    struct sut_bytes *part = NULL;
    TRY(part_of(scratch, &part));
    sut_fragments__give(p, part);
    const sut_str text = sut_bytes_str(part);
    p->sum = sut_fragments__digest_add(sut_fragments__digest(), text.p, text.n);
    sut_fragments__shelf_put(&f->fragments, hash_of(f, &k), &k, p);
    *ret = STEAL(p);
    return SUT_OK;
}

struct fragments {
    struct sut_fragments_page *p[SUT_CATALOGUE_PAGE_MAX];
    uint64_t stock[SUT_CATALOGUE_PAGE_MAX];
};

static void fragments_done(struct fragments *s)
{
    for (size_t i = 0; i < SUT_CATALOGUE_PAGE_MAX; i++)
        sut_fragments_unref(&s->p[i]);
}

/*
 * The fragments of these products: out of memory, else all that lack in one go.  Of each, how often
 * its stock had changed is read before its rows are: a change that comes later is a change of what
 * is kept here.
 */
static sut_err gather(struct sut_fragments *f, const struct sut_fragments_reader *r,
                      struct sut_db_conn *c, const struct sut_product_ref *refs, size_t n,
                      enum sut_product_shape shape, struct fragments *ret)
{
    struct sut_fragments_page **const fragments = ret->p;
    int64_t lacking[SUT_CATALOGUE_PAGE_MAX];
    size_t place[SUT_CATALOGUE_PAGE_MAX];
    size_t n_lacking = 0;
    for (size_t i = 0; i < n; i++) {
        struct sut_fragments_key k;
        ret->stock[i] = sut_fragments__stock_count(&f->stock, sut_fragments__slot(refs[i].id));
        key_of_fragment(r, shape, &refs[i], ret->stock[i], &k);
        fragments[i] = sut_fragments__shelf_find(&f->fragments, hash_of(f, &k), &k);
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
    const struct api_picture_urls urls = { .ring = f->media,
                                           .public_url = f->public_url,
                                           .now = r->now };
    TRY(api_picture_urls_products(&urls, a, products, n_lacking));
    DEFER(sut_buf_done) struct sut_buf scratch;
    sut_buf_init(&scratch, RENDERED_MAX);
    for (size_t i = 0; i < n_lacking; i++) {
        if (products[i].id != 0) /* else it went away just now */
            TRY(render(f, r, &products[i], shape, ret->stock[place[i]], &scratch,
                       &fragments[place[i]]));
    }
    return SUT_OK;
}

/* A page of these products, kept under the key. */
static sut_err page_of(struct sut_fragments *f, const struct sut_fragments_reader *r,
                       struct sut_db_conn *c, const struct sut_fragments_key *k,
                       const struct sut_catalogue_page *rows, enum sut_product_shape shape,
                       struct sut_fragments_page **ret)
{
    DEFER(fragments_done) struct fragments got = { 0 };
    const uint64_t epoch = sut_fragments__stock_epoch(&f->stock);
    TRY(gather(f, r, c, rows->refs, rows->n, shape, &got));

    struct sut_fragments_page *p = NULL;
    TRY(sut_fragments__page(k, rows->n, &p));
    p->version = rows->version;
    p->count = rows->count;
    atomic_init(&p->stock_epoch, epoch);
    for (size_t i = 0; i < rows->n; i++) {
        p->slots[p->n_slots++] = sut_fragments__slot(rows->refs[i].id);
        p->stock_sum += got.stock[i];
        if (got.p[i] != NULL) {
            sut_fragments__give(p, sut_bytes_ref(got.p[i]->parts[0]));
            p->sum = sut_fragments__digest_add(p->sum, &got.p[i]->sum, sizeof(got.p[i]->sum));
        }
    }
    sut_fragments__finish(p);
    page_keep(f, k, p);
    *ret = p;
    return SUT_OK;
}

/*
 * A page's rows.  Counting what a list has costs more than the page does, so the number is kept for
 * its other pages and orders.
 */
static sut_err read_list(struct sut_fragments *f, struct sut_db_conn *c,
                         const struct sut_catalogue_filter *filter, struct sut_catalogue_page *ret)
{
    struct sut_fragments_key k;
    key_of_count(filter, &k);
    DEFER(sut_fragments_unref) struct sut_fragments_page *kept = page_kept(f, &k);
    if (kept != NULL) {
        const struct sut_catalogue_known known = { .version = kept->version, .count = kept->count };
        return sut_catalogue_read_page(c, filter, &known, ret);
    }
    TRY(sut_catalogue_read_page(c, filter, NULL, ret));
    if (k.n > SUT_FRAGMENTS_KEY_MAX || ret->count <= (int64_t) ret->n)
        return SUT_OK;
    TRY(sut_fragments__page(&k, 0, &kept));
    kept->version = ret->version;
    kept->count = ret->count;
    sut_fragments__shelf_put(&f->pages, hash_of(f, &k), &k, kept);
    return SUT_OK;
}

sut_err sut_fragments_list(struct sut_fragments *f, const struct sut_fragments_reader *r,
                           const struct sut_catalogue_filter *filter,
                           struct sut_fragments_page **ret)
{
    struct sut_fragments_key k;
    key_of_filter(r, filter, &k);
    *ret = page_kept(f, &k);
    if (*ret != NULL)
        return SUT_OK;

    struct sut_db_conn *c = NULL;
    struct sut_catalogue_page rows = { 0 };
    if (!filter->is_nothing) {
        TRY(r->conn(r->ctx, &c));
        TRY(read_list(f, c, filter, &rows));
        sut_fragments_version_seen(f, rows.version);
    }
    return page_of(f, r, c, &k, &rows, SUT_PRODUCT_LISTED, ret);
}

/* A product that was looked for: by its id, or else by slugs. */
static sut_err product(struct sut_fragments *f, const struct sut_fragments_reader *r,
                       const struct sut_fragments_key *k, int64_t id, sut_str category,
                       sut_str slug, struct sut_fragments_page **ret)
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
    TRY(page_of(f, r, c, k, &rows, SUT_PRODUCT_ALONE, &p));
    ENSURE(p->n == 1, NOT_FOUND);
    *ret = STEAL(p);
    return SUT_OK;
}

sut_err sut_fragments_product(struct sut_fragments *f, const struct sut_fragments_reader *r,
                              int64_t id, struct sut_fragments_page **ret)
{
    struct sut_fragments_key k;
    key_of_ids(r, 'I', id, 0, &k);
    return product(f, r, &k, id, SUT_STR(""), SUT_STR(""), ret);
}

sut_err sut_fragments_product_slug(struct sut_fragments *f, const struct sut_fragments_reader *r,
                                   sut_str category, sut_str slug, struct sut_fragments_page **ret)
{
    ENSURE(category.n > 0 && slug.n > 0, NOT_FOUND);
    struct sut_fragments_key k;
    key_begin(r, &k);
    key_add(&k, "S", 1);
    key_str(&k, category);
    key_str(&k, slug);
    return product(f, r, &k, 0, category, slug, ret);
}

/* Render the tree or the filters; see sut_fragments_categories(). */
static sut_err document(struct sut_fragments *f, const struct sut_fragments_reader *r, char kind,
                        struct sut_fragments_page **ret)
{
    struct sut_fragments_key k;
    key_of_ids(r, kind, 0, 0, &k);
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
    TRY(sut_fragments__page(&k, 1, &p));
    struct sut_bytes *part = NULL;
    TRY(part_of(&out, &part));
    sut_fragments__give(p, part);
    p->version = version;
    p->count = 1;
    p->sum = sut_fragments__digest_add(p->sum, out.p, out.n);
    sut_fragments__finish(p);
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
    f->media = opt->media;
    f->public_url = opt->public_url;
    atomic_init(&f->version, 0);
    sut_fragments__shelf_init(
        &f->fragments, opt->fragment_bytes > 0 ? opt->fragment_bytes : DEFAULT_BYTES, SIZE_MAX);
    sut_fragments__shelf_init(&f->pages, opt->page_bytes > 0 ? opt->page_bytes : DEFAULT_BYTES,
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
    sut_fragments__shelf_done(&f->pages);
    sut_fragments__shelf_done(&f->fragments);
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

void sut_fragments_stock_changed(struct sut_fragments *f, const int64_t *products, size_t n)
{
    sut_fragments__stock_changed(&f->stock, products, n);
}

sut_err sut_fragments_watch_tick(struct sut_fragments *f, struct sut_db_conn *c)
{
    int64_t version = 0;
    TRY(sut_catalogue_version(c, &version));
    sut_fragments_version_seen(f, version);
    return sut_fragments__stock_watch(&f->stock, c);
}

struct sut_fragments_usage sut_fragments_usage(struct sut_fragments *f)
{
    struct sut_fragments_usage u = { 0 };
    for (size_t i = 0; i < SUT_FRAGMENTS_SHARDS; i++) {
        struct sut_fragments_shard *s = &f->fragments.shards[i];
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
