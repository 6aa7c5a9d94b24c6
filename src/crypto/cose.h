/* SPDX-License-Identifier: Apache-2.0
 *
 * cose - public keys of authenticators, out of the numbers that a COSE_Key gives (RFC
 * 9052 7, RFC 9053 2 and 7, RFC 8230 4), the signatures that they check, and the certificates of
 * authenticators (WebAuthn level 2, 8.2.1).
 *
 * A key knows its one algorithm: ES256 on P-256 (signatures in DER, as WebAuthn 6.5.5
 * has it), EdDSA with Ed25519, RS256 with 2048 to 4096 bits.  Made once and then only read: any
 * thread, at the same time.
 */
#ifndef SUT_CRYPTO_COSE_H
#define SUT_CRYPTO_COSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* The numbers of the IANA's registry of COSE algorithms. */
enum sut_cose_alg {
    SUT_COSE_ES256 = -7,
    SUT_COSE_EDDSA = -8,
    SUT_COSE_RS256 = -257,
};

enum { SUT_COSE_SIGNATURE_MAX = 512, SUT_AAGUID = 16 };

struct sut_cose_key;

/* Of a point on P-256; INVALID when it is not on the curve or not 32 bytes each. */
SUT_ERR sut_cose_create_es256(sut_str x, sut_str y, struct sut_cose_key **ret);
/* Of the 32 bytes of a point on Ed25519; INVALID. */
SUT_ERR sut_cose_create_eddsa(sut_str x, struct sut_cose_key **ret);
/* Of a modulus and an exponent; INVALID as sut_jwk_create_rsa(). */
SUT_ERR sut_cose_create_rs256(sut_str n, sut_str e, struct sut_cose_key **ret);
void sut_cose_free(struct sut_cose_key **k);

enum sut_cose_alg sut_cose_alg_of(const struct sut_cose_key *k);
/* Whether the signature is the key's over msg. */
bool sut_cose_verify(const struct sut_cose_key *k, sut_str msg, sut_str signature);

/*
 * Whether a certificate (DER, nothing after it) is as WebAuthn 8.2.1 wants it, of the authenticator
 * model `aaguid` if it names one, and the signature over msg is its key's under `alg`.
 * INVALID: the certificate is not so; DENIED: the signature is not.  Who issued it is not asked,
 * nor when it holds: authenticators' certificates outlive their dates.
 */
SUT_ERR sut_cose_certified(sut_str der, int64_t alg, const unsigned char aaguid[SUT_AAGUID],
                           sut_str msg, sut_str signature);

#endif
