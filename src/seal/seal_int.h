/* SPDX-License-Identifier: Apache-2.0
 *
 * seal_int - the inside of struct sut_seal, for the files of this folder.
 */
#ifndef SUT_SEAL_SEAL_INT_H
#define SUT_SEAL_SEAL_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/hmac.h"
#include "seal/keycache.h"
#include "seal/seal.h"

/* Keys of indexes as they were set at one time; never changed, older ones hang behind. */
struct sut_index_keys {
    size_t n;
    uint32_t versions[SUT_INDEX_VERSIONS_MAX];
    struct sut_secret *memory; /* n struct sut_hmac_key */
    struct sut_index_keys *older;
};

struct sut_seal {
    unsigned magic;
    struct sut_keeper *keeper;
    const struct sut_random *rnd;
    struct sut_keycache *cache;
    _Atomic(struct sut_index_keys *) index;
    _Atomic uint64_t opened;
    pthread_rwlock_t change; /* over keks, and one change of the index keys at a time */
    size_t keks_n;
    struct sut_kek keks[SUT_KEKS_MAX];
};

void sut_index_keys_free(struct sut_index_keys **k);

#endif
