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
};

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
