/* SPDX-License-Identifier: Apache-2.0
 *
 * ed25519 - signatures that anybody can check (RFC 8032, PureEdDSA).
 *
 * The private key is its seed of 32 random bytes.  Any thread.
 */
#ifndef SUT_CRYPTO_ED25519_H
#define SUT_CRYPTO_ED25519_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum { SUT_ED25519_SEED = 32, SUT_ED25519_PUBLIC = 32, SUT_ED25519_SIGNATURE = 64 };

/* Sign msg; ret_public may be NULL.  SYSTEM when OpenSSL fails. */
SUT_ERR sut_ed25519_sign(const unsigned char seed[SUT_ED25519_SEED], sut_str msg,
                         unsigned char ret[SUT_ED25519_SIGNATURE],
                         unsigned char ret_public[SUT_ED25519_PUBLIC]);
/* Whether the signature is the key's over msg. */
bool sut_ed25519_verify(const unsigned char public_key[SUT_ED25519_PUBLIC], sut_str msg,
                        const unsigned char signature[SUT_ED25519_SIGNATURE]);

#endif
