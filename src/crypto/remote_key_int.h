/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_key_int - what the provider and its owner share.  For crypto alone.
 */
#ifndef SUT_CRYPTO_REMOTE_KEY_INT_H
#define SUT_CRYPTO_REMOTE_KEY_INT_H

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "crypto/remote_key.h"

#define SUT_REMOTE_PROVIDER "sutler"
#define SUT_REMOTE_OURS     "provider=" SUT_REMOTE_PROVIDER
#define SUT_REMOTE_DEFAULT  "provider=default"

/* Beside the parameters of a public key: its name (bytes) and a pointer to its struct
 * sut_remote_keys (as bytes). */
#define SUT_REMOTE_PARAM_KEY_ID "sutler-key-id"
#define SUT_REMOTE_PARAM_KEYS   "sutler-keys"

enum { SUT_REMOTE_DIGESTS = 3 };

struct sut_remote_keys {
    struct sut_remote_signer signer;
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *original;
    OSSL_PROVIDER *ours;
    EVP_MD *digests[SUT_REMOTE_DIGESTS]; /* SHA-256, 384, 512: as the schemes count */
};

/* For OSSL_PROVIDER_add_builtin(). */
int sut_remote__provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                              const OSSL_DISPATCH **out, void **ret_provctx);

#endif
