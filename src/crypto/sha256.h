/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256 - SHA-256 (FIPS 180-4) of what is at hand.  Can't fail; any thread.
 */
#ifndef SUT_CRYPTO_SHA256_H
#define SUT_CRYPTO_SHA256_H

#include <stddef.h>

#include "base/str.h"

enum { SUT_SHA256_SIZE = 32, SUT_SHA256_BLOCK = 64 };

/* The digest of s. */
void sut_sha256(sut_str s, unsigned char ret[SUT_SHA256_SIZE]);
/* The digest of n slices put together. */
void sut_sha256_parts(const sut_str *parts, size_t n, unsigned char ret[SUT_SHA256_SIZE]);

#endif
