/* SPDX-License-Identifier: Apache-2.0
 *
 * hmac - HMAC-SHA256 (RFC 2104, FIPS 198-1) with the key's work done once.
 *
 * struct sut_hmac_key holds the two SHA-256 states after the padded key, so a
 * message of a token's size costs four or five compressions.  It is as secret
 * as the key: keep it in a struct sut_secret or wipe it with sut_wipe().
 * A key may be shared by threads once it is made.  Nothing here can fail.
 */
#ifndef SUT_CRYPTO_HMAC_H
#define SUT_CRYPTO_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/sha256.h"

enum { SUT_HMAC_SIZE = SUT_SHA256_SIZE };

struct sut_hmac_key {
    uint32_t inner[8];
    uint32_t outer[8];
};

/* Do the key's work; a key of any length, one above 64 bytes is hashed first (RFC 2104 2). */
void sut_hmac_key_init(struct sut_hmac_key *k, sut_str key);

/* The MAC of a message. */
void sut_hmac(const struct sut_hmac_key *k, sut_str msg, unsigned char ret[SUT_HMAC_SIZE]);
/* The MAC of n slices put together; without a separator, so their lengths must be plain. */
void sut_hmac_parts(const struct sut_hmac_key *k, const sut_str *parts, size_t n,
                    unsigned char ret[SUT_HMAC_SIZE]);
/* Whether mac is the whole MAC of msg, compared in constant time; a short mac never is. */
bool sut_hmac_verify(const struct sut_hmac_key *k, sut_str msg, sut_str mac);
/* One message under a key that is used once. */
void sut_hmac_once(sut_str key, sut_str msg, unsigned char ret[SUT_HMAC_SIZE]);

/* --- HMAC-SHA1, for the one-time codes of RFC 6238 alone --- */

enum { SUT_HMAC_SHA1_SIZE = 20 };

/* NOMEM when OpenSSL has no memory for it. */
SUT_ERR sut_hmac_sha1(sut_str key, sut_str msg, unsigned char ret[SUT_HMAC_SHA1_SIZE]);

/* --- HMAC-SHA512, for the webhooks of a provider that signs so --- */

enum { SUT_HMAC_SHA512_SIZE = 64 };

/* NOMEM when OpenSSL has no memory for it. */
SUT_ERR sut_hmac_sha512(sut_str key, sut_str msg, unsigned char ret[SUT_HMAC_SHA512_SIZE]);

#endif
