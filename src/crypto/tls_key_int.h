/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_key_int - what both sides of a remote TLS key know of keys: which kinds
 * there are, their names and their schemes.  For crypto alone.
 */
#ifndef SUT_CRYPTO_TLS_KEY_INT_H
#define SUT_CRYPTO_TLS_KEY_INT_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "crypto/remote_key.h"

struct sut_tls__scheme {
    bool is_rsa;
    bool is_pss;
    const char *digest; /* by OpenSSL's name */
    size_t digest_n;
};
/* NULL for a number that is no scheme. */
const struct sut_tls__scheme *sut_tls__scheme(unsigned scheme);

/* INVALID: a kind of key that we do not take (see sut_tls_key_load()). */
SUT_ERR sut_tls__check_kind(const EVP_PKEY *key);
/* The key's name; points are taken in the uncompressed form whatever the file had. */
SUT_ERR sut_tls__id_of(const EVP_PKEY *key, unsigned char ret[SUT_REMOTE_KEY_ID]);

/* For SUT_SIGN and SUT_VERIFY: padding and digest of the scheme.  libctx NULL: the default one. */
SUT_ERR sut_tls__set_scheme(EVP_PKEY_CTX *c, const struct sut_tls__scheme *s);

/* PEM_read_bio_*()'s callback: a key with a passphrase is refused, no terminal is asked. */
int sut_tls__no_passphrase(char *p, int n, int is_write, void *arg);

static inline void sut_tls__free_key(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static inline void sut_tls__free_pkey_ctx(EVP_PKEY_CTX **c)
{
    EVP_PKEY_CTX_free(*c);
}

#endif
