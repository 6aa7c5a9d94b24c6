/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

static void key_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static void ctx_freep(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

SUT_ERR sut_ed25519_sign(const unsigned char seed[SUT_ED25519_SEED], sut_str msg,
                         unsigned char ret[SUT_ED25519_SIGNATURE],
                         unsigned char ret_public[SUT_ED25519_PUBLIC])
{
    size_t n = SUT_ED25519_SIGNATURE;
    size_t n_public = SUT_ED25519_PUBLIC;
    DEFER(key_freep)
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SUT_ED25519_SEED);
    DEFER(ctx_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
    ENSURE(key != NULL && c != NULL, SYSTEM);
    ENSURE(EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1, SYSTEM);
    ENSURE(EVP_DigestSign(c, ret, &n, (const unsigned char *) msg.p, msg.n) == 1, SYSTEM);
    ENSURE(n == SUT_ED25519_SIGNATURE, SYSTEM);
    if (ret_public == NULL)
        return SUT_OK;
    ENSURE(EVP_PKEY_get_raw_public_key(key, ret_public, &n_public) == 1, SYSTEM);
    ENSURE(n_public == SUT_ED25519_PUBLIC, SYSTEM);
    return SUT_OK;
}

bool sut_ed25519_verify(const unsigned char public_key[SUT_ED25519_PUBLIC], sut_str msg,
                        const unsigned char signature[SUT_ED25519_SIGNATURE])
{
    DEFER(key_freep)
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SUT_ED25519_PUBLIC);
    DEFER(ctx_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
    const bool is_good = key != NULL && c != NULL &&
                         EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
                         EVP_DigestVerify(c, signature, SUT_ED25519_SIGNATURE,
                                          (const unsigned char *) msg.p, msg.n) == 1;
    /* What a refused one leaves behind is nobody's. */
    ERR_clear_error();
    return is_good;
}
