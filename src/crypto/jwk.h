/* SPDX-License-Identifier: Apache-2.0
 *
 * jwk - public keys of others, out of the numbers that a JSON Web Key gives (RFC
 * 7517, RFC 7518 6.2 and 6.3), and the signatures that they check.
 *
 * A key knows its one algorithm: RSA keys check RS256 (PKCS #1 v1.5 with SHA-256,
 * RFC 7518 3.3), keys on P-256 check ES256 (r and s of 32 bytes each, RFC 7518 3.4).
 * The numbers are big-endian without their base64url.  A key is made once and then
 * only read: any thread, at the same time.
 */
#ifndef SUT_CRYPTO_JWK_H
#define SUT_CRYPTO_JWK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum {
    SUT_JWK_RSA_BITS_MIN = 2048,
    SUT_JWK_RSA_BITS_MAX = 4096,
    SUT_JWK_RSA_MAX = SUT_JWK_RSA_BITS_MAX / 8, /* bytes of a modulus, and of a signature */
    SUT_JWK_EXPONENT_MAX = 4,                   /* bytes */
    SUT_JWK_P256 = 32,                          /* bytes of a coordinate */
    SUT_JWK_ES256_SIGNATURE = 64,
};

enum sut_jwk_alg { SUT_JWK_RS256, SUT_JWK_ES256 };

struct sut_jwk;

/*
 * A key of the modulus n and the exponent e.  INVALID: a size out of bounds, an even
 * number, an exponent below 65537, or a byte more than the number needs.
 */
SUT_ERR sut_jwk_create_rsa(sut_str n, sut_str e, struct sut_jwk **ret);
/* A key of the point x, y on P-256; INVALID when it is not on the curve or not 32 bytes each. */
SUT_ERR sut_jwk_create_p256(sut_str x, sut_str y, struct sut_jwk **ret);
void sut_jwk_free(struct sut_jwk **k);

enum sut_jwk_alg sut_jwk_alg(const struct sut_jwk *k);
/* "RS256" */
const char *sut_jwk_alg_name(enum sut_jwk_alg alg);

/* Whether the signature is the key's over msg; one of another length than its own never is. */
bool sut_jwk_verify(const struct sut_jwk *k, sut_str msg, sut_str signature);
/* The same for ES256 as authenticators and certificates write it, r and s in DER; RS256 as above.
 */
bool sut_jwk_verify_der(const struct sut_jwk *k, sut_str msg, sut_str signature);

#endif
