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

enum { KID_HEX = 8, HEADER_JSON_MAX = 128, MAGIC = 0x4e167 };

/* A generation of keys; the older ones hang behind it until the ring is freed. */
struct generation {
    struct sut_secret *memory; /* a struct sut_signing_keys */
    sut_ms made_at;
    struct generation *older;
};

struct sut_keyring {
    unsigned magic;
    _Atomic(struct generation *) now;
    pthread_mutex_t change;  /* one rotation or reload at a time */
    struct sut_store *store; /* NULL: the keys are the settings' */
    struct sut_keeper *keeper;
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
    to->is_set = true;
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
    if (pthread_mutex_init(&k->change, NULL) != 0) {
        sut_mem_free(k);
        FAIL(NOMEM);
    }
    *ret = k;
    return SUT_OK;
}

static void publish(struct sut_keyring *k, struct generation *g)
{
    g->older = atomic_load_explicit(&k->now, memory_order_relaxed);
    atomic_store_explicit(&k->now, g, memory_order_release);
}

static SUT_ERR fill(struct generation *g, const struct sut_key_text *current,
                    const struct sut_key_text *previous)
{
    struct sut_signing_keys *const keys = keys_of(g);
    TRY(set_key(&keys->current, current));
    if (previous == NULL)
        return SUT_OK;
    TRY(set_key(&keys->previous, previous));
    ENSURE(!sut_str_eq(sut_str_of(keys->current.kid, keys->current.kid_n),
                       sut_str_of(keys->previous.kid, keys->previous.kid_n)),
           INVALID);
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
    TRY(fill(g, current, previous));
    publish(k, STEAL(g));
    *ret = STEAL(k);
    return SUT_OK;
}

/* What a load needs of the store. */
struct rows {
    struct sut_keyring_row at[SUT_KEYRING_VERSIONS_MAX]; /* the current one first */
    size_t n;
};

static SUT_ERR load_rows(struct sut_store *store, struct rows *ret)
{
    return sut_keys_load(store, SUT_KEY_TOKEN, ret->at, SUT_KEYRING_VERSIONS_MAX, &ret->n);
}

static SUT_ERR unwrap_row(const struct sut_keyring *k, const struct sut_keyring_row *row,
                          struct sut_secret **ret)
{
    return sut_keeper_unwrap(k->keeper, SUT_KEY_TOKEN, row->version,
                             sut_str_of(row->wrapped, row->wrapped_n), ret);
}

static SUT_ERR load_generation(struct sut_keyring *k, const struct rows *rows)
{
    DEFER(generation_free) struct generation *g = NULL;
    DEFER(sut_secret_free) struct sut_secret *current = NULL;
    DEFER(sut_secret_free) struct sut_secret *previous = NULL;
    struct sut_key_text texts[2] = { 0 };
    TRY(generation_create(&g));
    TRY(unwrap_row(k, &rows->at[0], &current));
    texts[0].secret = sut_secret_str(current);
    const bool has_previous = rows->n > 1;
    if (has_previous) {
        TRY(unwrap_row(k, &rows->at[1], &previous));
        texts[1].secret = sut_secret_str(previous);
    }
    TRY(fill(g, &texts[0], has_previous ? &texts[1] : NULL));
    g->made_at = rows->at[0].created_at;
    publish(k, STEAL(g));
    return SUT_OK;
}

SUT_ERR sut_keyring_open(struct sut_store *store, struct sut_keeper *keeper, sut_ms now,
                         struct sut_keyring **ret, struct sut_diag *reterr_diag)
{
    DEFER(keyring_drop) struct sut_keyring *k = NULL;
    struct rows rows = { .n = 0 };
    TRY(ring_create(&k));
    k->store = store;
    k->keeper = keeper;
    sut_err e = sut_keys_first(store, keeper, SUT_KEY_TOKEN, now);
    if (!sut_failed(e))
        e = load_rows(store, &rows);
    if (sut_failed(e) || rows.n == 0) {
        sut_diag_set(reterr_diag, "the keys that sign tokens can't be read from the store");
        TRY(e);
        FAIL(CORRUPT);
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
    sut_mem_freep(k);
}

const struct sut_signing_keys *sut_keyring_look(const struct sut_keyring *k)
{
    return keys_of(atomic_load_explicit(&k->now, memory_order_acquire));
}

static SUT_ERR reload(struct sut_keyring *k)
{
    struct rows rows;
    TRY(load_rows(k->store, &rows));
    ENSURE(rows.n > 0, CORRUPT);
    return load_generation(k, &rows);
}

SUT_ERR sut_keyring_rotate(struct sut_keyring *k, sut_ms now)
{
    ENSURE(k->store != NULL, INVALID);
    (void) pthread_mutex_lock(&k->change);
    uint32_t version = 0;
    sut_err e = sut_keys_add_next(k->store, k->keeper, SUT_KEY_TOKEN, now, &version);
    if (!sut_failed(e))
        e = sut_keys_activate(k->store, SUT_KEY_TOKEN, version, now);
    if (!sut_failed(e))
        e = reload(k);
    (void) pthread_mutex_unlock(&k->change);
    return e;
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

sut_ms sut_keyring_made_at(const struct sut_keyring *k)
{
    return atomic_load_explicit(&k->now, memory_order_acquire)->made_at;
}
