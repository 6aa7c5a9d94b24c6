/* SPDX-License-Identifier: Apache-2.0
 *
 * wrap - a key kept under another key.
 *
 * Format 2: the byte 2 · the master key's id (8 bytes) · an AES-256-GCM text whose
 * associated data are format, id, purpose and version.  So a wrapped key opens
 * for its own purpose and version alone, and says which master key opens it.
 *
 * Format 1, made before there were ids and versions: the byte 1 and a text bound
 * to the purpose alone.  It still opens, for any version.
 *
 * Any thread.
 */
#ifndef SUT_CRYPTO_WRAP_H
#define SUT_CRYPTO_WRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "crypto/aead.h"
#include "crypto/random.h"

enum {
    SUT_WRAP_KEY_MAX = 4096,   /* bytes of a key that is wrapped */
    SUT_WRAP_PURPOSE_MAX = 64, /* bytes of a purpose */
    SUT_WRAP_ID = 8,
    SUT_WRAP_OVERHEAD = 1 + SUT_WRAP_ID + SUT_AEAD_OVERHEAD, /* of format 2 */
};

/* A master key made ready; as secret as the key: end it with sut_wrap_key_done(). */
struct sut_wrap_key {
    unsigned char id[SUT_WRAP_ID]; /* follows from the key, and tells nothing of it */
    struct sut_aead_key aead;
};

/* INVALID for a key of another length than 32. */
SUT_ERR sut_wrap_key_init(struct sut_wrap_key *k, sut_str master);
void sut_wrap_key_done(struct sut_wrap_key *k);

/* Append `key`, wrapped (format 2), to out.  Errors as sut_aead_seal(). */
SUT_ERR sut_wrap_key_wrap(const struct sut_random *rnd, const struct sut_wrap_key *k,
                          sut_str purpose, uint32_t version, sut_str key, struct sut_buf *out);
/*
 * Append the key again, of either format; wipe it.  CORRUPT: another master key,
 * purpose or version, or damage.
 */
SUT_ERR sut_wrap_key_unwrap(const struct sut_wrap_key *k, sut_str purpose, uint32_t version,
                            sut_str wrapped, struct sut_buf *out);
/* Whether it is of format 2 and names this master key. */
bool sut_wrap_key_is_of(const struct sut_wrap_key *k, sut_str wrapped);

/* Format 1, for tests of what older stores hold.  Errors as sut_aead_seal(). */
SUT_ERR sut_wrap(const struct sut_random *rnd, sut_str master, sut_str purpose, sut_str key,
                 struct sut_buf *out);

#endif
