/* SPDX-License-Identifier: Apache-2.0
 *
 * kdf - a key out of a passphrase (Argon2id, RFC 9106).
 *
 * As slow and as large as its parameters say; blocks for it.  Any thread.
 */
#ifndef SUT_CRYPTO_KDF_H
#define SUT_CRYPTO_KDF_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { SUT_KDF_KEY = 32, SUT_KDF_SALT = 16 };

struct sut_kdf {
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
    unsigned char salt[SUT_KDF_SALT];
};

/* NOMEM when the memory can't be had; INVALID for parameters out of Argon2's own limits. */
SUT_ERR sut_kdf_argon2id(const struct sut_kdf *p, sut_str passphrase,
                         unsigned char ret[SUT_KDF_KEY]);

#endif
