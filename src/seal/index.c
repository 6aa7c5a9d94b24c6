/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal_int.h"

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "crypto/b64.h"

enum { INDEX_BYTES = 16, KEY_MIN = 16 };

static struct sut_hmac_key *macs_of(const struct sut_index_keys *k)
{
    return sut_secret_bytes(k->memory);
}

void sut_index_keys_free(struct sut_index_keys **k)
{
    if (*k == NULL)
        return;
    sut_secret_free(&(*k)->memory);
    sut_mem_freep(k);
}

static SUT_ERR keys_create(const struct sut_index_key *keys, size_t n, struct sut_index_keys **ret)
{
    DEFER(sut_index_keys_free) struct sut_index_keys *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    TRY(sut_secret_create(n * sizeof(struct sut_hmac_key), &k->memory));
    for (size_t i = 0; i < n; i++) {
        const sut_str key = sut_secret_str(keys[i].key);
        ENSURE(keys[i].version > 0 && key.n >= KEY_MIN, INVALID);
        for (size_t j = 0; j < i; j++)
            ENSURE(keys[j].version != keys[i].version, INVALID);
        k->versions[i] = keys[i].version;
        sut_hmac_key_init(&macs_of(k)[i], key);
    }
    k->n = n;
    *ret = STEAL(k);
    return SUT_OK;
}

SUT_ERR sut_seal_set_index_keys(struct sut_seal *s, const struct sut_index_key *keys, size_t n)
{
    ENSURE(n > 0 && n <= SUT_INDEX_VERSIONS_MAX, INVALID);
    struct sut_index_keys *k = NULL;
    TRY(keys_create(keys, n, &k));
    (void) pthread_rwlock_wrlock(&s->change);
    /* A reader may still be at the older ones: they go with the seal.  Changes are rare. */
    k->older = atomic_load_explicit(&s->index, memory_order_relaxed);
    atomic_store_explicit(&s->index, k, memory_order_release);
    (void) pthread_rwlock_unlock(&s->change);
    return SUT_OK;
}

/* base64url without padding (RFC 4648 5) of 16 bytes. */
static SUT_ERR write_text(const unsigned char *mac, char ret[SUT_INDEX_TEXT])
{
    char text[SUT_INDEX_TEXT];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    sut_b64_add(&b, mac, INDEX_BYTES, false);
    TRY(sut_buf_check(&b));
    for (size_t i = 0; i < SUT_INDEX_TEXT; i++)
        ret[i] = (char) (text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    return SUT_OK;
}

SUT_ERR sut_seal_index(struct sut_seal *s, const struct sut_seal_field *f, sut_str normalised,
                       struct sut_index *ret)
{
    const struct sut_index_keys *const keys = atomic_load_explicit(&s->index, memory_order_acquire);
    ENSURE(keys != NULL, UNAVAILABLE);
    /* Neither name holds a NUL, so that the three can't run into one another. */
    const sut_str parts[] = { sut_str_of(f->table, strlen(f->table) + 1),
                              sut_str_of(f->column, strlen(f->column) + 1), normalised };
    ret->n = keys->n;
    for (size_t i = 0; i < keys->n; i++) {
        unsigned char mac[SUT_HMAC_SIZE];
        sut_hmac_parts(&macs_of(keys)[i], parts, sizeof(parts) / sizeof(parts[0]), mac);
        ret->at[i].version = keys->versions[i];
        TRY(write_text(mac, ret->at[i].text));
    }
    return SUT_OK;
}
