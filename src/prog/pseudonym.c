/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/pseudonym.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/scan.h"
#include "base/secret.h"
#include "crypto/hmac.h"
#include "log/log.h"
#include "store/keyring_row.h"
#include "store/keys.h"

_Static_assert((int) SUT_PSEUDONYM_TEXT == 1 + 2 * (int) SUT_LOG_PSEUDONYM, "as the log writes it");

struct sut_pseudonyms {
    pthread_mutex_t lock;    /* the keys are used and replaced with it held */
    struct sut_secret *keys; /* struct sut_hmac_key each, the current one first; NULL: none yet */
    size_t n;
};

SUT_ERR sut_pseudonyms_create(struct sut_pseudonyms **ret)
{
    struct sut_pseudonyms *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        sut_mem_free(p);
        FAIL(NOMEM);
    }
    *ret = p;
    return SUT_OK;
}

void sut_pseudonyms_free(struct sut_pseudonyms **p)
{
    if (*p == NULL)
        return;
    sut_log_pseudonyms(NULL, NULL);
    sut_secret_free(&(*p)->keys);
    (void) pthread_mutex_destroy(&(*p)->lock);
    sut_mem_freep(p);
}

/* The number in eight bytes, behind a word that says what the MAC is for. */
static void make(void *ctx, int64_t person, unsigned char ret[SUT_LOG_PSEUDONYM])
{
    char text[6 + sizeof(person)] = { 'p', 'e', 'r', 's', 'o', 'n' };
    unsigned char mac[SUT_HMAC_SIZE];
    for (size_t i = 0; i < sizeof(person); i++)
        text[6 + i] = (char) ((uint64_t) person >> (8 * i) & 0xff);
    sut_hmac(ctx, sut_str_of(text, sizeof(text)), mac);
    memcpy(ret, mac, SUT_LOG_PSEUDONYM);
}

SUT_ERR sut_pseudonyms_set(struct sut_pseudonyms *p, const sut_str *keys, size_t n)
{
    struct sut_secret *fresh = NULL;
    ENSURE(n > 0, INVALID);
    TRY(sut_secret_create(n * sizeof(struct sut_hmac_key), &fresh));
    struct sut_hmac_key *made = sut_secret_bytes(fresh);
    for (size_t i = 0; i < n; i++)
        sut_hmac_key_init(&made[i], keys[i]);
    (void) pthread_mutex_lock(&p->lock);
    /* When this returns the log has left the old keys. */
    sut_log_pseudonyms(make, made);
    struct sut_secret *old = p->keys;
    p->keys = fresh;
    p->n = n;
    (void) pthread_mutex_unlock(&p->lock);
    sut_secret_free(&old);
    return SUT_OK;
}

SUT_ERR sut_pseudonyms_load(struct sut_pseudonyms *p, struct sut_store *store,
                            struct sut_keeper *keeper)
{
    struct sut_keyring_row rows[SUT_KEYRING_VERSIONS_MAX];
    struct sut_secret *open[SUT_KEYRING_VERSIONS_MAX] = { NULL };
    sut_str keys[SUT_KEYRING_VERSIONS_MAX];
    size_t n_rows = 0;
    size_t n = 0;
    TRY(sut_keys_load(store, SUT_KEY_PSEUDONYM, rows, SUT_KEYRING_VERSIONS_MAX, &n_rows));
    sut_err e = SUT_OK;
    for (size_t i = 0; i < n_rows && !sut_failed(e); i++) {
        if (rows[i].state == SUT_KEYRING_NEXT)
            continue;
        e = sut_keeper_unwrap(keeper, SUT_KEY_PSEUDONYM, rows[i].version,
                              sut_str_of(rows[i].wrapped, rows[i].wrapped_n), &open[n]);
        if (!sut_failed(e)) {
            keys[n] = sut_secret_str(open[n]);
            n++;
        }
    }
    if (!sut_failed(e))
        e = n == 0 ? (sut_err){ .code = SUT_E_NOT_FOUND } : sut_pseudonyms_set(p, keys, n);
    for (size_t i = 0; i < n; i++)
        sut_secret_free(&open[i]);
    return e;
}

/* The eight bytes that the text stands for. */
static bool read_text(sut_str text, unsigned char ret[SUT_LOG_PSEUDONYM])
{
    if (text.n != SUT_PSEUDONYM_TEXT || text.p[0] != 'p')
        return false;
    return !sut_failed(sut_parse_hex(sut_str_sub(text, 1, text.n), ret, SUT_LOG_PSEUDONYM));
}

bool sut_pseudonym_is(sut_str text)
{
    unsigned char bytes[SUT_LOG_PSEUDONYM];
    return read_text(text, bytes);
}

bool sut_pseudonyms_of(struct sut_pseudonyms *p, int64_t person, char ret[SUT_PSEUDONYM_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[SUT_LOG_PSEUDONYM] = { 0 };
    (void) pthread_mutex_lock(&p->lock);
    const bool has_key = p->keys != NULL;
    if (has_key)
        make(sut_secret_bytes(p->keys), person, bytes);
    (void) pthread_mutex_unlock(&p->lock);
    ret[0] = 'p';
    for (size_t i = 0; i < SUT_LOG_PSEUDONYM; i++) {
        ret[1 + 2 * i] = hex[bytes[i] >> 4];
        ret[2 + 2 * i] = hex[bytes[i] & 15];
    }
    return has_key;
}

size_t sut_pseudonyms_match(struct sut_pseudonyms *p, sut_str pseudonym, const int64_t *people,
                            size_t n)
{
    unsigned char wanted[SUT_LOG_PSEUDONYM];
    unsigned char bytes[SUT_LOG_PSEUDONYM];
    size_t found = n;
    if (!read_text(pseudonym, wanted))
        return n;
    (void) pthread_mutex_lock(&p->lock);
    for (size_t k = 0; k < p->n && found == n; k++) {
        struct sut_hmac_key *key = (struct sut_hmac_key *) sut_secret_bytes(p->keys) + k;
        for (size_t i = 0; i < n && found == n; i++) {
            make(key, people[i], bytes);
            if (memcmp(bytes, wanted, sizeof(bytes)) == 0)
                found = i;
        }
    }
    (void) pthread_mutex_unlock(&p->lock);
    return found;
}
