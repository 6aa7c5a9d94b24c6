/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/library.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sodium.h>

SUT_ERR sut_crypto_init(void)
{
    ENSURE(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) ==
               1,
           SYSTEM);
    unsigned char some[16];
    ENSURE(RAND_bytes(some, sizeof(some)) == 1, SYSTEM);
    /* The first fetch brings the providers up. */
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    ENSURE(md != NULL, SYSTEM);
    EVP_MD_free(md);
    ENSURE(sodium_init() >= 0, SYSTEM);
    return SUT_OK;
}
