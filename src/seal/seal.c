/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "seal/seal_int.h"

enum { MAGIC = 0x5ea15 };

#ifdef SUT_SEAL_OFF
static const bool is_off = true;
#else
static const bool is_off = false;
#endif

/* A batch on its way to the keeper; the keys in it are wiped when it ends. */
struct batch {
    size_t n;
    struct sut_kek kek;
    uint64_t since[SUT_DATA_KEYS_MAX];
    bool ok[SUT_DATA_KEYS_MAX];
    unsigned char keys[SUT_DATA_KEYS_MAX][SUT_KEY_SIZE];
    struct sut_data_key_row rows[SUT_DATA_KEYS_MAX];
};

static void batch_free(struct batch **b)
{
    if (*b != NULL)
        sut_wipe((*b)->keys, sizeof((*b)->keys));
    sut_mem_freep(b);
}

static void seal_drop(struct sut_seal **s)
{
    sut_seal_free(s);
}

SUT_ERR sut_seal_create(const struct sut_seal_options *o, struct sut_seal **ret)
{
    struct sut_seal *made = sut_mem_zalloc(1, sizeof(*made));
    ENSURE(made != NULL, NOMEM);
    if (pthread_rwlock_init(&made->change, NULL) != 0) {
        sut_mem_free(made);
        FAIL(NOMEM);
    }
    DEFER(seal_drop) struct sut_seal *s = made;
    s->magic = MAGIC;
    s->keeper = o->keeper;
    s->rnd = o->random;
    TRY(sut_keycache_create(o->keys_max, o->random, &s->cache));
    *ret = STEAL(s);
    return SUT_OK;
}

void sut_seal_free(struct sut_seal **s)
{
    if (*s == NULL)
        return;
    SUT_BUG_IF((*s)->magic != MAGIC);
    struct sut_index_keys *k = atomic_load(&(*s)->index);
    while (k != NULL) {
        struct sut_index_keys *const older = k->older;
        sut_index_keys_free(&k);
        k = older;
    }
    sut_keycache_free(&(*s)->cache);
    (void) pthread_rwlock_destroy(&(*s)->change);
    sut_mem_freep(s);
}

SUT_ERR sut_seal_set_keks(struct sut_seal *s, const struct sut_kek *keks, size_t n)
{
    ENSURE(n > 0 && n <= SUT_KEKS_MAX, INVALID);
    for (size_t i = 0; i < n; i++) {
        ENSURE(keks[i].version > 0 && keks[i].wrapped_n > 0, INVALID);
        ENSURE(keks[i].wrapped_n <= sizeof(keks[i].wrapped), INVALID);
        for (size_t j = 0; j < i; j++)
            ENSURE(keks[j].version != keks[i].version, INVALID);
    }
    (void) pthread_rwlock_wrlock(&s->change);
    memcpy(s->keks, keks, n * sizeof(keks[0]));
    s->keks_n = n;
    (void) pthread_rwlock_unlock(&s->change);
    return SUT_OK;
}

/* A copy; version 0: the current one. */
static bool find_kek(struct sut_seal *s, uint32_t version, struct sut_kek *ret)
{
    bool is_there = false;
    (void) pthread_rwlock_rdlock(&s->change);
    for (size_t i = 0; i < s->keks_n && !is_there; i++) {
        is_there = version == 0 || s->keks[i].version == version;
        if (is_there)
            *ret = s->keks[i];
    }
    (void) pthread_rwlock_unlock(&s->change);
    return is_there;
}

uint32_t sut_seal_kek_version(struct sut_seal *s)
{
    struct sut_kek k = { 0 };
    return find_kek(s, 0, &k) ? k.version : 0;
}

void sut_data_key_done(struct sut_data_key *k)
{
    sut_aead_key_done(&k->aead);
}

static SUT_ERR key(struct sut_seal *s, int64_t person, uint32_t version, const uint64_t *mark,
                   struct sut_data_key *ret)
{
    ret->person = person;
    ret->version = version;
    if (is_off)
        return SUT_OK;
    unsigned char raw[SUT_KEY_SIZE];
    ENSURE(sut_keycache_get(s->cache, person, version, mark, raw), NOT_FOUND);
    const sut_err e = sut_aead_key_init(&ret->aead, sut_str_of((const char *) raw, sizeof(raw)));
    sut_wipe(raw, sizeof(raw));
    return e;
}

SUT_ERR sut_seal_key(struct sut_seal *s, int64_t person, uint32_t version, struct sut_data_key *ret)
{
    return key(s, person, version, NULL, ret);
}

SUT_ERR sut_seal_key_of(struct sut_seal *s, const struct sut_data_key_row *row,
                        struct sut_data_key *ret)
{
    const uint64_t mark = sut_keycache_mark(row->wrapped);
    return key(s, row->person, row->version, &mark, ret);
}

/* Put what is open into the cache. */
static size_t keep(struct sut_seal *s, const struct batch *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->ok[i])
            continue;
        const struct sut_data_key_row *const r = &b->rows[i];
        sut_keycache_put(s->cache, r->person, r->version, sut_keycache_mark(r->wrapped), b->keys[i],
                         b->since[i]);
        kept++;
    }
    atomic_fetch_add_explicit(&s->opened, kept, memory_order_relaxed);
    return kept;
}

static bool is_in(const struct batch *b, const struct sut_data_key_row *r)
{
    for (size_t i = 0; i < b->n; i++) {
        if (b->rows[i].person == r->person && b->rows[i].version == r->version)
            return true;
    }
    return false;
}

static void add(struct sut_seal *s, struct batch *b, const struct sut_data_key_row *r)
{
    b->since[b->n] = sut_keycache_now(s->cache, r->person);
    b->ok[b->n] = false;
    b->rows[b->n++] = *r;
}

/* Fill the batch with rows of its KEK from *at on that are not in the cache. */
static void fill(struct sut_seal *s, struct batch *b, const struct sut_data_key_row *rows, size_t n,
                 size_t *at)
{
    b->n = 0;
    for (; *at < n && b->n < SUT_DATA_KEYS_MAX; (*at)++) {
        const struct sut_data_key_row *const r = &rows[*at];
        if (r->kek_version != b->kek.version || is_in(b, r) ||
            sut_keycache_has(s->cache, r->person, r->version, sut_keycache_mark(r->wrapped)))
            continue;
        add(s, b, r);
    }
}

static SUT_ERR open_group(struct sut_seal *s, struct batch *b, const struct sut_data_key_row *rows,
                          size_t n, size_t *bad)
{
    size_t at = 0;
    while (at < n) {
        fill(s, b, rows, n, &at);
        if (b->n == 0)
            break;
        TRY(sut_keeper_open_data(s->keeper, &b->kek, b->rows, b->n, b->keys, b->ok));
        *bad += b->n - keep(s, b);
    }
    return SUT_OK;
}

/* Whether a row before `at` has the same KEK: then its group was done. */
static bool is_done(const struct sut_data_key_row *rows, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (rows[i].kek_version == rows[at].kek_version)
            return true;
    }
    return false;
}

static size_t count_of_kek(const struct sut_data_key_row *rows, size_t n, uint32_t version)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += rows[i].kek_version == version;
    return count;
}

SUT_ERR sut_seal_open_keys(struct sut_seal *s, const struct sut_data_key_row *rows, size_t n,
                           size_t *ret_bad)
{
    size_t bad = 0;
    if (ret_bad != NULL)
        *ret_bad = 0;
    if (is_off || n == 0)
        return SUT_OK;
    ENSURE(sut_seal_kek_version(s) > 0, UNAVAILABLE);
    DEFER(batch_free) struct batch *b = sut_mem_alloc(sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    for (size_t i = 0; i < n; i++) {
        if (is_done(rows, i))
            continue;
        if (rows[i].kek_version == 0 || !find_kek(s, rows[i].kek_version, &b->kek))
            bad += count_of_kek(rows, n, rows[i].kek_version);
        else
            TRY(open_group(s, b, rows, n, &bad));
    }
    if (ret_bad != NULL)
        *ret_bad = bad;
    return SUT_OK;
}

SUT_ERR sut_seal_open_key(struct sut_seal *s, const struct sut_data_key_row *row,
                          struct sut_data_key *ret)
{
    const sut_err e = sut_seal_key_of(s, row, ret);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    struct sut_kek kek;
    unsigned char raw[1][SUT_KEY_SIZE];
    bool ok = false;
    const uint64_t since = sut_keycache_now(s->cache, row->person);
    ENSURE(sut_seal_kek_version(s) > 0, UNAVAILABLE);
    ENSURE(row->kek_version > 0 && find_kek(s, row->kek_version, &kek), CORRUPT);
    TRY(sut_keeper_open_data(s->keeper, &kek, row, 1, raw, &ok));
    ENSURE(ok, CORRUPT);
    sut_keycache_put(s->cache, row->person, row->version, sut_keycache_mark(row->wrapped), raw[0],
                     since);
    atomic_fetch_add_explicit(&s->opened, 1, memory_order_relaxed);
    const sut_err made =
        sut_aead_key_init(&ret->aead, sut_str_of((const char *) raw[0], sizeof(raw[0])));
    sut_wipe(raw, sizeof(raw));
    return made;
}

SUT_ERR sut_seal_make_keys(struct sut_seal *s, struct sut_data_key_row *rows, size_t n)
{
    if (n == 0)
        return SUT_OK;
    DEFER(batch_free) struct batch *b = sut_mem_alloc(sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    ENSURE(find_kek(s, 0, &b->kek), UNAVAILABLE);
    for (size_t at = 0; at < n; at += b->n) {
        b->n = 0;
        for (size_t i = at; i < n && b->n < SUT_DATA_KEYS_MAX; i++)
            add(s, b, &rows[i]);
        TRY(sut_keeper_make_data(s->keeper, &b->kek, b->rows, b->n, b->keys));
        memset(b->ok, true, sizeof(b->ok));
        memcpy(&rows[at], b->rows, b->n * sizeof(rows[0]));
        (void) keep(s, b);
    }
    return SUT_OK;
}

void sut_seal_forget(struct sut_seal *s, int64_t person)
{
    sut_keycache_forget(s->cache, person);
}

void sut_seal_sweep(struct sut_seal *s, int64_t idle_ms)
{
    sut_keycache_sweep(s->cache, idle_ms);
}

struct sut_seal_counts sut_seal_count(struct sut_seal *s)
{
    struct sut_seal_counts c = { .opened = atomic_load_explicit(&s->opened, memory_order_relaxed) };
    sut_keycache_count(s->cache, &c);
    return c;
}

const char *sut_seal_warning(void)
{
#ifdef SUT_SEAL_OFF
    /* tools/check-elf looks for it, so that nobody ships it. */
    return "MEASURING BUILD: personal fields are NOT sealed (meson option sealing=false)";
#else
    return NULL;
#endif
}
