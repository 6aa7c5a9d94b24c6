/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/library.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sodium.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

enum { LOCKED = 128 * 1024, LOCKED_LEAST = 32 };

static void *take(size_t n, const char *file, int line)
{
    (void) file;
    (void) line;
    return sut_mem_alloc(n);
}

static void wipe_and_free(void *p, const char *file, int line)
{
    (void) file;
    (void) line;
    if (p != NULL)
        sut_wipe(p, malloc_usable_size(p));
    sut_mem_free(p);
}

static void *take_more(void *p, size_t n, const char *file, int line)
{
    void *const larger = sut_mem_alloc(n);
    if (larger == NULL || p == NULL)
        return larger;
    const size_t before = malloc_usable_size(p);
    memcpy(larger, p, before < n ? before : n);
    wipe_and_free(p, file, line);
    return larger;
}

bool sut_crypto_wipe_freed(void)
{
    return CRYPTO_set_mem_functions(take, take_more, wipe_and_free) == 1;
}

bool sut_crypto_lock_keys(void)
{
    return CRYPTO_secure_malloc_init(LOCKED, LOCKED_LEAST) == 1;
}

SUT_ERR sut_crypto_init(void)
{
    /* Its errors' names, which nobody asks for, are a thousand small allocations. */
    ENSURE(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL) == 1, SYSTEM);
    ENSURE(OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1, SYSTEM);
    unsigned char some[16];
    ENSURE(RAND_bytes(some, sizeof(some)) == 1, SYSTEM);
    /* The first fetch brings the providers up. */
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    ENSURE(md != NULL, SYSTEM);
    EVP_MD_free(md);
    ENSURE(sodium_init() >= 0, SYSTEM);
    return SUT_OK;
}
