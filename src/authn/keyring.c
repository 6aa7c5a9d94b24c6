/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/keyring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/b64url.h"
#include "crypto/sha256.h"
#include "store/keys.h"

enum { KID_HEX = 8, HEADER_JSON_MAX = 128, MAGIC = 0x4e167, TEXTS_MAX = SUT_KEYRING_VERSIONS_MAX };

static const uint64_t grace_ns = SUT_KEYRING_GRACE_S * UINT64_C(1000000000);
static const uint64_t miss_every_ns = UINT64_C(1000000000);

/* A generation of keys; those that were replaced hang behind it for a while. */
struct generation {
    struct sut_secret *memory; /* a struct sut_signing_keys */
    sut_ms made_at;
    uint64_t replaced_ns;
    struct generation *older;
};

struct sut_keyring {
    unsigned magic;
    _Atomic(struct generation *) now;
    pthread_mutex_t change;  /* one reload at a time */
    struct sut_store *store; /* NULL: the keys are the settings' */
    struct sut_keeper *keeper;
    enum sut_key_purpose purpose;
    unsigned char seen[SUT_SHA256_SIZE]; /* the rows that `now` was made of, hashed */
    atomic_bool *is_missed;              /* noted by readers, to whom the ring is constant */
    uint64_t reloaded_ns;                /* is_due()'s */
};

static struct sut_signing_keys *keys_of(struct generation *g)
{
    return sut_secret_bytes(g->memory);
}

static void generation_free(struct generation **g)
{
    if (*g == NULL)
        return;
    sut_secret_free(&(*g)->memory);
    sut_mem_free(*g);
    *g = NULL;
}

static SUT_ERR generation_create(struct generation **ret)
{
    DEFER(generation_free) struct generation *g = sut_mem_zalloc(1, sizeof(*g));
    ENSURE(g != NULL, NOMEM);
    TRY(sut_secret_create(sizeof(struct sut_signing_keys), &g->memory));
    *ret = STEAL(g);
    return SUT_OK;
}

static bool is_kid_char(char c)
{
    const char l = sut_ascii_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static SUT_ERR set_kid(struct sut_signing_key *to, sut_str kid, sut_str secret)
{
    if (kid.n == 0) {
        unsigned char digest[SUT_SHA256_SIZE];
        const sut_str parts[] = { SUT_STR("kid"), secret };
        struct sut_buf hex = { .p = to->kid, .cap = sizeof(to->kid), .max = sizeof(to->kid) };
        sut_sha256_parts(parts, 2, digest);
        sut_buf_hex(&hex, digest, KID_HEX / 2);
        to->kid_n = hex.n;
        return SUT_OK;
    }
    ENSURE(kid.n <= sizeof(to->kid), INVALID);
    for (size_t i = 0; i < kid.n; i++)
        ENSURE(is_kid_char(kid.p[i]), INVALID);
    memcpy(to->kid, kid.p, kid.n);
    to->kid_n = kid.n;
    return SUT_OK;
}

static SUT_ERR set_key(struct sut_signing_key *to, const struct sut_key_text *from)
{
    char json[HEADER_JSON_MAX];
    struct sut_buf text = { .p = json, .cap = sizeof(json), .max = sizeof(json) };
    struct sut_buf header = { .p = to->header,
                              .cap = sizeof(to->header),
                              .max = sizeof(to->header) };
    ENSURE(from->secret.n > 0 && from->secret.n <= SUT_SIGNING_KEY_MAX, INVALID);
    TRY(set_kid(to, from->kid, from->secret));
    /* Its characters need no escape. */
    sut_buf_lit(&text, "{\"alg\":\"HS256\",\"kid\":\"");
    sut_buf_add(&text, to->kid, to->kid_n);
    sut_buf_lit(&text, "\",\"typ\":\"JWT\"}");
    TRY(sut_buf_check(&text));
    sut_b64url_encode(&header, sut_buf_str(&text));
    TRY(sut_buf_check(&header));
    to->header_n = header.n;
    sut_hmac_key_init(&to->mac, from->secret);
    memcpy(to->secret, from->secret.p, from->secret.n);
    to->secret_n = from->secret.n;
    return SUT_OK;
}

static void keyring_drop(struct sut_keyring **k)
{
    sut_keyring_free(k);
}

static SUT_ERR ring_create(struct sut_keyring **ret)
{
    struct sut_keyring *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    k->magic = MAGIC;
    k->is_missed = sut_mem_zalloc(1, sizeof(*k->is_missed));
    if (k->is_missed == NULL || pthread_mutex_init(&k->change, NULL) != 0) {
        sut_mem_free(k->is_missed);
        sut_mem_free(k);
        FAIL(NOMEM);
    }
    *ret = k;
    return SUT_OK;
}

/* Under the lock, or before anybody else knows the ring. */
static void publish(struct sut_keyring *k, struct generation *g)
{
    const uint64_t now = sut_monotonic_ns();
    g->older = atomic_load_explicit(&k->now, memory_order_relaxed);
    if (g->older != NULL)
        g->older->replaced_ns = now;
    atomic_store_explicit(&k->now, g, memory_order_release);
    for (struct generation **at = &g->older; *at != NULL;) {
        struct generation *old = *at;
        if (now - old->replaced_ns < grace_ns) {
            at = &old->older;
            continue;
        }
        *at = old->older;
        generation_free(&old);
    }
}

static bool is_same_kid(const struct sut_signing_key *a, const struct sut_signing_key *b)
{
    return sut_str_eq(sut_str_of(a->kid, a->kid_n), sut_str_of(b->kid, b->kid_n));
}

/* The first text is the current key's. */
static SUT_ERR fill(struct generation *g, const struct sut_key_text *texts, size_t n)
{
    struct sut_signing_keys *const keys = keys_of(g);
    TRY(set_key(&keys->current, &texts[0]));
    for (size_t i = 1; i < n; i++) {
        struct sut_signing_key *const key = &keys->others[i - 1];
        TRY(set_key(key, &texts[i]));
        ENSURE(!is_same_kid(key, &keys->current), INVALID);
        for (size_t j = 0; j + 1 < i; j++)
            ENSURE(!is_same_kid(key, &keys->others[j]), INVALID);
        keys->n_others = i;
    }
    return SUT_OK;
}

SUT_ERR sut_keyring_create(const struct sut_key_text *current, const struct sut_key_text *previous,
                           bool may_be_short, struct sut_keyring **ret)
{
    ENSURE(may_be_short || current->secret.n >= SUT_SIGNING_KEY_MIN, INVALID);
    ENSURE(may_be_short || previous == NULL || previous->secret.n >= SUT_SIGNING_KEY_MIN, INVALID);
    DEFER(generation_free) struct generation *g = NULL;
    DEFER(keyring_drop) struct sut_keyring *k = NULL;
    TRY(ring_create(&k));
    TRY(generation_create(&g));
    const struct sut_key_text texts[] = { *current, previous == NULL ? *current : *previous };
    TRY(fill(g, texts, previous == NULL ? 1 : 2));
    publish(k, STEAL(g));
    *ret = STEAL(k);
    return SUT_OK;
}

/* What a load needs of the store. */
struct rows {
    struct sut_keyring_row at[SUT_KEYRING_VERSIONS_MAX]; /* the current one first */
    size_t n;
};

static SUT_ERR load_rows(struct sut_keyring *k, struct rows *ret)
{
    TRY(sut_keys_load(k->store, k->purpose, ret->at, SUT_KEYRING_VERSIONS_MAX, &ret->n));
    ENSURE(ret->n > 0, CORRUPT);
    return SUT_OK;
}

static sut_str wrapped_of(const struct sut_keyring_row *row)
{
    return sut_str_of(row->wrapped, row->wrapped_n);
}

/* What the rows are, without how they are wrapped: that changes with the master key alone. */
static void hash_rows(const struct rows *rows, unsigned char ret[SUT_SHA256_SIZE])
{
    struct part {
        uint32_t version;
        uint32_t state;
        int64_t created_at;
    } parts[SUT_KEYRING_VERSIONS_MAX] = { 0 };
    for (size_t i = 0; i < rows->n; i++)
        parts[i] = (struct part){ .version = rows->at[i].version,
                                  .state = rows->at[i].state,
                                  .created_at = rows->at[i].created_at.v };
    sut_sha256(sut_str_of((const char *) parts, rows->n * sizeof(parts[0])), ret);
}

static SUT_ERR fill_from_rows(struct sut_keyring *k, const struct rows *rows, struct generation *g)
{
    struct sut_secret *secrets[TEXTS_MAX] = { NULL };
    struct sut_key_text texts[TEXTS_MAX] = { 0 };
    sut_err e = SUT_OK;
    for (size_t i = 0; i < rows->n && !sut_failed(e); i++) {
        e = sut_keeper_unwrap(k->keeper, k->purpose, rows->at[i].version, wrapped_of(&rows->at[i]),
                              &secrets[i]);
        if (!sut_failed(e))
            texts[i].secret = sut_secret_str(secrets[i]);
    }
    if (!sut_failed(e))
        e = fill(g, texts, rows->n);
    for (size_t i = 0; i < rows->n; i++)
        sut_secret_free(&secrets[i]);
    return e;
}

static SUT_ERR load_generation(struct sut_keyring *k, const struct rows *rows)
{
    DEFER(generation_free) struct generation *g = NULL;
    TRY(generation_create(&g));
    TRY(fill_from_rows(k, rows, g));
    g->made_at = rows->at[0].created_at;
    hash_rows(rows, k->seen);
    publish(k, STEAL(g));
    return SUT_OK;
}

SUT_ERR sut_keyring_open(struct sut_store *store, struct sut_keeper *keeper,
                         enum sut_key_purpose purpose, sut_ms now, struct sut_keyring **ret,
                         struct sut_diag *reterr_diag)
{
    DEFER(keyring_drop) struct sut_keyring *k = NULL;
    struct rows rows;
    TRY(ring_create(&k));
    k->store = store;
    k->keeper = keeper;
    k->purpose = purpose;
    sut_err e = sut_keys_first(store, keeper, purpose, now);
    if (!sut_failed(e))
        e = load_rows(k, &rows);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "the keys of %s can't be read from the store (%s)",
                     sut_key_purpose_word(purpose), sut_err_info(e.code)->name);
        return e;
    }
    e = load_generation(k, &rows);
    if (e.code == SUT_E_CORRUPT) {
        sut_diag_set(reterr_diag, "the store's keys do not open with this master key: this store "
                                  "belongs to other keys");
        sut_diag_hint(reterr_diag, "name the keys folder that was made with it (--keys)");
    }
    TRY(e);
    *ret = STEAL(k);
    return SUT_OK;
}

void sut_keyring_free(struct sut_keyring **k)
{
    if (*k == NULL)
        return;
    SUT_BUG_IF((*k)->magic != MAGIC);
    struct generation *g = atomic_load(&(*k)->now);
    while (g != NULL) {
        struct generation *const older = g->older;
        generation_free(&g);
        g = older;
    }
    (void) pthread_mutex_destroy(&(*k)->change);
    sut_mem_free((*k)->is_missed);
    sut_mem_freep(k);
}

const struct sut_signing_keys *sut_keyring_look(const struct sut_keyring *k)
{
    return keys_of(atomic_load_explicit(&k->now, memory_order_acquire));
}

static SUT_ERR reload(struct sut_keyring *k)
{
    struct rows rows;
    unsigned char seen[SUT_SHA256_SIZE];
    TRY(load_rows(k, &rows));
    hash_rows(&rows, seen);
    /* no secret: a hash of wrapped rows */
    if (memcmp(seen, k->seen, sizeof(seen)) == 0)
        return SUT_OK;
    return load_generation(k, &rows);
}

SUT_ERR sut_keyring_reload(struct sut_keyring *k)
{
    if (k->store == NULL)
        return SUT_OK;
    (void) pthread_mutex_lock(&k->change);
    const sut_err e = reload(k);
    (void) pthread_mutex_unlock(&k->change);
    return e;
}

void sut_keyring_miss(const struct sut_keyring *k)
{
    atomic_store_explicit(k->is_missed, true, memory_order_relaxed);
}

bool sut_keyring_is_due(struct sut_keyring *k)
{
    const uint64_t now = sut_monotonic_ns();
    if (k->store == NULL || !sut_store_is_remote(k->store) ||
        now - k->reloaded_ns < miss_every_ns ||
        !atomic_exchange_explicit(k->is_missed, false, memory_order_relaxed))
        return false;
    k->reloaded_ns = now;
    return true;
}

/*
 * What a previous key signed has expired when the one that came after it has
 * been current for as long as the longest of it lives.
 */
static size_t find_expired(const struct rows *rows, sut_ms now, int64_t life_ms,
                           uint32_t ret[SUT_KEYRING_VERSIONS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->at[i].state != SUT_KEYRING_PREVIOUS)
            continue;
        /* The newest come first, and the current one is the newest that was ever in use. */
        const struct sut_keyring_row *after = &rows->at[0];
        for (size_t j = 1; j < i; j++)
            if (rows->at[j].state == SUT_KEYRING_PREVIOUS)
                after = &rows->at[j];
        if (after->created_at.v + life_ms < now.v)
            ret[n++] = rows->at[i].version;
    }
    return n;
}

SUT_ERR sut_keyring_forget_expired(struct sut_keyring *k, sut_ms now, int64_t life_ms)
{
    if (k->store == NULL)
        return SUT_OK;
    struct rows rows;
    uint32_t expired[SUT_KEYRING_VERSIONS_MAX];
    TRY(load_rows(k, &rows));
    const size_t n = find_expired(&rows, now, life_ms, expired);
    for (size_t i = 0; i < n; i++)
        TRY(sut_keys_forget(k->store, k->purpose, expired[i]));
    return n == 0 ? SUT_OK : sut_keyring_reload(k);
}

sut_ms sut_keyring_made_at(const struct sut_keyring *k)
{
    return atomic_load_explicit(&k->now, memory_order_acquire)->made_at;
}
