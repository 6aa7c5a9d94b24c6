/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_key - a private key for TLS that lives in another process.
 *
 * An OpenSSL provider of our own, in a library context of its own: its keys are
 * public keys (RSA, or ECDSA on P-256, P-384, P-521) with a way to have digests
 * signed.  OpenSSL hashes here; what goes to the signer is the scheme and the
 * digest.  RFC 8446 4.2.3, OpenSSL provider-signature(7).
 *
 * The context belongs to its creator and outlives all SSL_CTX made in it; keys
 * may be used by any thread.
 */
#ifndef SUT_CRYPTO_REMOTE_KEY_H
#define SUT_CRYPTO_REMOTE_KEY_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { SUT_REMOTE_KEY_ID = 16, SUT_REMOTE_SIGNATURE_MAX = 1024 };

/* The numbers are those of enum sut_tls_scheme (ipc/keeper.h); prog asserts it. */
enum sut_remote_scheme {
    SUT_REMOTE_RSA_PKCS1_SHA256 = 1,
    SUT_REMOTE_RSA_PKCS1_SHA384,
    SUT_REMOTE_RSA_PKCS1_SHA512,
    SUT_REMOTE_RSA_PSS_SHA256,
    SUT_REMOTE_RSA_PSS_SHA384,
    SUT_REMOTE_RSA_PSS_SHA512,
    SUT_REMOTE_ECDSA_SHA256,
    SUT_REMOTE_ECDSA_SHA384,
    SUT_REMOTE_ECDSA_SHA512,
};

/* Signs digests; prog wires it to the keeper.  Any thread; blocks. */
struct sut_remote_signer {
    SUT_ERR(*sign)
    (void *ctx, const unsigned char key_id[SUT_REMOTE_KEY_ID], enum sut_remote_scheme scheme,
     sut_str digest, unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n);
    void *ctx;
};

struct sut_remote_keys;

/* Load the provider beside OpenSSL's default one; the signer is borrowed. */
SUT_ERR sut_remote_keys_create(const struct sut_remote_signer *signer,
                               struct sut_remote_keys **ret);
void sut_remote_keys_free(struct sut_remote_keys **k);
/* For SSL_CTX_new_ex(). */
OSSL_LIB_CTX *sut_remote_keys_libctx(struct sut_remote_keys *k);
/*
 * The private key that belongs to this certificate, for
 * SSL_CTX_use_PrivateKey(); free with EVP_PKEY_free().  It signs once and checks
 * the answer, so that a key that the signer does not have is found here.
 * INVALID for another kind of key; NOT_FOUND when the signer has no such key;
 * CORRUPT for an answer that the certificate does not verify; what else the
 * signer failed with.
 */
SUT_ERR sut_remote_key_of(struct sut_remote_keys *k, X509 *cert, EVP_PKEY **ret);

/* --- the other side: a key that signs what comes from there --- */

struct sut_tls_key;

/*
 * Read a private key (PEM, not encrypted).  INVALID: no key, or not RSA of 2048
 * to 8192 bits or ECDSA on P-256, P-384 or P-521.
 */
SUT_ERR sut_tls_key_load(sut_str pem, struct sut_tls_key **ret);
void sut_tls_key_free(struct sut_tls_key **k);
/* The first bytes of SHA-256 over its public key (SPKI, DER). */
const unsigned char *sut_tls_key_id(const struct sut_tls_key *k);
/* INVALID: a scheme that is not the key's, or a digest of another length.  Any thread. */
SUT_ERR sut_tls_key_sign(struct sut_tls_key *k, enum sut_remote_scheme scheme, sut_str digest,
                         unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n);
/*
 * Whether key and certificate (of the chain, the first) can be read and belong
 * together: asked before a new pair takes the place of an old one.  INVALID; then
 * *reterr_why (may be NULL) is a constant sentence that says which of it is wrong.
 */
SUT_ERR sut_tls_pair_check(sut_str cert_pem, sut_str key_pem, const char **reterr_why);

#endif
