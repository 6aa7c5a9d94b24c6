/* SPDX-License-Identifier: Apache-2.0
 *
 * aead - AES-256-GCM (NIST SP 800-38D): seal bytes so that nobody reads or
 * changes them.
 *
 * A sealed text is nonce (12 bytes, random) · ciphertext · tag (16 bytes).
 * With random nonces a key seals at most 2^32 texts.  Any thread.
 */
#ifndef SUT_CRYPTO_AEAD_H
#define SUT_CRYPTO_AEAD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/random.h"

enum {
    SUT_AEAD_KEY = 32,
    SUT_AEAD_NONCE = 12,
    SUT_AEAD_TAG = 16,
    SUT_AEAD_OVERHEAD = SUT_AEAD_NONCE + SUT_AEAD_TAG,
    SUT_AEAD_KEY_STATE = 576,
};

/*
 * A key made ready once for several texts; as secret as the key: end it with
 * sut_aead_key_done(), which wipes it.  Shared by threads once it is made.
 */
struct sut_aead_key {
    _Alignas(16) unsigned char state[SUT_AEAD_KEY_STATE];
};
/* INVALID for a key of another length than SUT_AEAD_KEY. */
SUT_ERR sut_aead_key_init(struct sut_aead_key *k, sut_str key);
void sut_aead_key_done(struct sut_aead_key *k);

/* As sut_aead_seal() and sut_aead_open() below, with a key that is ready. */
SUT_ERR sut_aead_key_seal(const struct sut_random *rnd, const struct sut_aead_key *k, sut_str aad,
                          sut_str plain, struct sut_buf *out);
SUT_ERR sut_aead_key_open(const struct sut_aead_key *k, sut_str aad, sut_str sealed,
                          struct sut_buf *out);

/*
 * Append the sealed text to out; `aad` is bound to it and not stored.
 * INVALID for a key of another length, TOO_LARGE and NOMEM by the buffer, SYSTEM
 * when OpenSSL or the random source fails; then out is as it was.
 */
SUT_ERR sut_aead_seal(const struct sut_random *rnd, sut_str key, sut_str aad, sut_str plain,
                      struct sut_buf *out);

/*
 * Append the plain text to out.  CORRUPT when anything is not as it was sealed
 * (key, aad, a bit, the length); then nothing is appended and no unchecked
 * byte is left behind.
 */
SUT_ERR sut_aead_open(sut_str key, sut_str aad, sut_str sealed, struct sut_buf *out);

#endif
