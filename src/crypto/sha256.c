/* SPDX-License-Identifier: Apache-2.0 */
/* The one-shot functions of OpenSSL 3 fetch and allocate at each call; these do not. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/sha256.h"

#include <openssl/sha.h>

#include "base/secret.h"

void sut_sha256(sut_str s, unsigned char ret[SUT_SHA256_SIZE])
{
    sut_sha256_parts(&s, 1, ret);
}

void sut_sha256_parts(const sut_str *parts, size_t n, unsigned char ret[SUT_SHA256_SIZE])
{
    SHA256_CTX c;
    (void) SHA256_Init(&c);
    for (size_t i = 0; i < n; i++)
        (void) SHA256_Update(&c, parts[i].p, parts[i].n);
    (void) SHA256_Final(ret, &c);
    sut_wipe(&c, sizeof(c));
}
