/* SPDX-License-Identifier: Apache-2.0 */
/* Only the older API gives SHA-256's block function. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/pbkdf2.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/hmac.h"

enum { OUTPUT_MAX = 4096 };

/*
 * Four words at a time: the block function reads its input 16 bytes wide, and
 * a wide read of narrow stores waits for all of them to reach the cache.
 */
typedef uint32_t words4 __attribute__((vector_size(16)));

/* The words of a state as the bytes of a message: SHA-256 is big-endian. */
static inline words4 to_bytes(words4 w)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (w << 24) | ((w << 8) & 0x00ff0000) | ((w >> 8) & 0x0000ff00) | (w >> 24);
#else
    return w;
#endif
}

static inline void state_to_block(const SHA256_CTX *c, unsigned char *block)
{
    words4 w[2];
    memcpy(w, c->h, sizeof(w));
    w[0] = to_bytes(w[0]);
    w[1] = to_bytes(w[1]);
    memcpy(block, w, sizeof(w));
}

/*
 * U_1 xor ... xor U_rounds, when U_1 is given.  Both halves of an HMAC hash one
 * block here, 32 bytes after a padded key of 64: the padding is the same.
 */
static void run_rounds(const struct sut_hmac_key *k, uint32_t rounds,
                       unsigned char u[SUT_SHA256_SIZE])
{
    SHA256_CTX c;
    unsigned char block[SUT_SHA256_BLOCK] __attribute__((aligned(16))) = { 0 };
    words4 sum[2];
    words4 now[2];

    memset(&c, 0, sizeof(c));
    memcpy(block, u, SUT_SHA256_SIZE);
    block[SUT_SHA256_SIZE] = 0x80;
    block[SUT_SHA256_BLOCK - 2] = (SUT_SHA256_BLOCK + SUT_SHA256_SIZE) * 8 / 256;
    memcpy(sum, u, sizeof(sum));
    for (uint32_t i = 1; i < rounds; i++) {
        memcpy(c.h, k->inner, sizeof(c.h));
        SHA256_Transform(&c, block);
        state_to_block(&c, block);
        memcpy(c.h, k->outer, sizeof(c.h));
        SHA256_Transform(&c, block);
        state_to_block(&c, block);
        memcpy(now, block, sizeof(now));
        sum[0] ^= now[0];
        sum[1] ^= now[1];
    }
    memcpy(u, sum, sizeof(sum));

    sut_wipe(&c, sizeof(c));
    sut_wipe(block, sizeof(block));
    sut_wipe(sum, sizeof(sum));
    sut_wipe(now, sizeof(now));
}

SUT_ERR sut_pbkdf2(sut_str password, sut_str salt, uint32_t rounds, void *ret, size_t n)
{
    ENSURE(rounds > 0 && n > 0 && n <= OUTPUT_MAX, INVALID);
    struct sut_hmac_key k;
    unsigned char u[SUT_HMAC_SIZE];
    sut_hmac_key_init(&k, password);
    for (size_t at = 0; at < n; at += sizeof(u)) {
        const uint32_t i = (uint32_t) (at / sizeof(u)) + 1;
        const char number[4] = { (char) (i >> 24), (char) (i >> 16), (char) (i >> 8), (char) i };
        const sut_str parts[] = { salt, sut_str_of(number, sizeof(number)) };
        sut_hmac_parts(&k, parts, 2, u);
        run_rounds(&k, rounds, u);
        memcpy((char *) ret + at, u, n - at < sizeof(u) ? n - at : sizeof(u));
    }
    sut_wipe(&k, sizeof(k));
    sut_wipe(u, sizeof(u));
    return SUT_OK;
}
