/* SPDX-License-Identifier: Apache-2.0 */
/* Only the older API lets a SHA-256 state be kept and started from again. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/secret.h"

_Static_assert(sizeof(((SHA256_CTX *) 0)->h) == sizeof(((struct sut_hmac_key *) 0)->inner),
               "a state is eight words");

static void state_after(const unsigned char block[SUT_SHA256_BLOCK], uint32_t ret[8])
{
    SHA256_CTX c;
    (void) SHA256_Init(&c);
    SHA256_Transform(&c, block);
    memcpy(ret, c.h, sizeof(c.h));
    sut_wipe(&c, sizeof(c));
}

static void start_from(SHA256_CTX *c, const uint32_t state[8])
{
    (void) SHA256_Init(c);
    memcpy(c->h, state, sizeof(c->h));
    c->Nl = SUT_SHA256_BLOCK * 8; /* the padded key went through already */
}

void sut_hmac_key_init(struct sut_hmac_key *k, sut_str key)
{
    unsigned char block[SUT_SHA256_BLOCK] = { 0 };
    if (key.n > sizeof(block))
        sut_sha256(key, block);
    else if (key.n > 0)
        memcpy(block, key.p, key.n);

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36;
    state_after(block, k->inner);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36 ^ 0x5c;
    state_after(block, k->outer);
    sut_wipe(block, sizeof(block));
}

void sut_hmac(const struct sut_hmac_key *k, sut_str msg, unsigned char ret[SUT_HMAC_SIZE])
{
    sut_hmac_parts(k, &msg, 1, ret);
}

void sut_hmac_parts(const struct sut_hmac_key *k, const sut_str *parts, size_t n,
                    unsigned char ret[SUT_HMAC_SIZE])
{
    SHA256_CTX c;
    start_from(&c, k->inner);
    for (size_t i = 0; i < n; i++)
        (void) SHA256_Update(&c, parts[i].p, parts[i].n);
    (void) SHA256_Final(ret, &c);
    start_from(&c, k->outer);
    (void) SHA256_Update(&c, ret, SUT_HMAC_SIZE);
    (void) SHA256_Final(ret, &c);
    sut_wipe(&c, sizeof(c));
}

bool sut_hmac_verify(const struct sut_hmac_key *k, sut_str msg, sut_str mac)
{
    unsigned char own[SUT_HMAC_SIZE];
    sut_hmac(k, msg, own);
    const bool same = sut_secret_eq(sut_str_of((const char *) own, sizeof(own)), mac);
    sut_wipe(own, sizeof(own));
    return same;
}

void sut_hmac_once(sut_str key, sut_str msg, unsigned char ret[SUT_HMAC_SIZE])
{
    struct sut_hmac_key k;
    sut_hmac_key_init(&k, key);
    sut_hmac(&k, msg, ret);
    sut_wipe(&k, sizeof(k));
}

SUT_ERR sut_hmac_sha1(sut_str key, sut_str msg, unsigned char ret[SUT_HMAC_SHA1_SIZE])
{
    unsigned n = 0;
    ENSURE(key.n <= INT32_MAX, TOO_LARGE);
    const unsigned char *const p = (const unsigned char *) msg.p;
    ENSURE(HMAC(EVP_sha1(), key.p, (int) key.n, p, msg.n, ret, &n) != NULL, NOMEM);
    ENSURE(n == SUT_HMAC_SHA1_SIZE, SYSTEM);
    return SUT_OK;
}

SUT_ERR sut_hmac_sha512(sut_str key, sut_str msg, unsigned char ret[SUT_HMAC_SHA512_SIZE])
{
    unsigned n = 0;
    ENSURE(key.n <= INT32_MAX, TOO_LARGE);
    const unsigned char *const p = (const unsigned char *) msg.p;
    ENSURE(HMAC(EVP_sha512(), key.p, (int) key.n, p, msg.n, ret, &n) != NULL, NOMEM);
    ENSURE(n == SUT_HMAC_SHA512_SIZE, SYSTEM);
    return SUT_OK;
}
