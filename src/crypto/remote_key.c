/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/remote_key.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/random.h"
#include "crypto/remote_key_int.h"
#include "crypto/tls_key_int.h"

/* Algorithms that both have are taken from OpenSSL's own, unless ours is asked for by name. */
#define PREFERENCE "?provider=default"

static const char *const digest_names[SUT_REMOTE_DIGESTS] = { "SHA2-256", "SHA2-384", "SHA2-512" };

static SUT_ERR load(struct sut_remote_keys *k)
{
    k->libctx = OSSL_LIB_CTX_new();
    ENSURE(k->libctx != NULL, NOMEM);
    ENSURE(OSSL_PROVIDER_add_builtin(k->libctx, SUT_REMOTE_PROVIDER, sut_remote__provider_init) ==
               1,
           SYSTEM);
    k->original = OSSL_PROVIDER_load(k->libctx, "default");
    k->ours = OSSL_PROVIDER_load(k->libctx, SUT_REMOTE_PROVIDER);
    ENSURE(k->original != NULL && k->ours != NULL, SYSTEM);
    ENSURE(EVP_set_default_properties(k->libctx, PREFERENCE) == 1, SYSTEM);
    for (unsigned i = 0; i < SUT_REMOTE_DIGESTS; i++) {
        k->digests[i] = EVP_MD_fetch(k->libctx, digest_names[i], SUT_REMOTE_DEFAULT);
        ENSURE(k->digests[i] != NULL, SYSTEM);
    }
    return SUT_OK;
}

SUT_ERR sut_remote_keys_create(const struct sut_remote_signer *signer, struct sut_remote_keys **ret)
{
    DEFER(sut_remote_keys_free) struct sut_remote_keys *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    k->signer = *signer;
    const sut_err e = load(k);
    ERR_clear_error();
    TRY(e);
    *ret = STEAL(k);
    return SUT_OK;
}

void sut_remote_keys_free(struct sut_remote_keys **pk)
{
    struct sut_remote_keys *k = *pk;
    if (k == NULL)
        return;
    for (unsigned i = 0; i < SUT_REMOTE_DIGESTS; i++)
        EVP_MD_free(k->digests[i]);
    if (k->ours != NULL)
        OSSL_PROVIDER_unload(k->ours);
    if (k->original != NULL)
        OSSL_PROVIDER_unload(k->original);
    OSSL_LIB_CTX_free(k->libctx);
    sut_mem_free(k);
    *pk = NULL;
}

OSSL_LIB_CTX *sut_remote_keys_libctx(struct sut_remote_keys *k)
{
    return k->libctx;
}

/* The scheme that a key of this kind is tried with. */
static enum sut_remote_scheme trial_scheme(const EVP_PKEY *pub)
{
    if (EVP_PKEY_is_a(pub, "RSA"))
        return SUT_REMOTE_RSA_PSS_SHA256;
    const int bits = EVP_PKEY_get_bits(pub);
    if (bits > 384)
        return SUT_REMOTE_ECDSA_SHA512;
    return bits > 256 ? SUT_REMOTE_ECDSA_SHA384 : SUT_REMOTE_ECDSA_SHA256;
}

/* Sign something that nobody could have prepared and see whether it fits. */
static SUT_ERR try_key(const struct sut_remote_keys *k, EVP_PKEY *pub,
                       const unsigned char id[SUT_REMOTE_KEY_ID])
{
    const enum sut_remote_scheme scheme = trial_scheme(pub);
    const struct sut_tls__scheme *s = sut_tls__scheme(scheme);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char signature[SUT_REMOTE_SIGNATURE_MAX];
    size_t n = 0;
    TRY(sut_random_fill(&sut_random_system, digest, s->digest_n));
    TRY(k->signer.sign(k->signer.ctx, id, scheme, sut_str_of((const char *) digest, s->digest_n),
                       signature, &n));
    ENSURE(n <= sizeof(signature), CORRUPT);
    DEFER(sut_tls__free_pkey_ctx)
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(k->libctx, pub, SUT_REMOTE_DEFAULT);
    ENSURE(c != NULL && EVP_PKEY_verify_init(c) == 1, NOMEM);
    TRY(sut_tls__set_scheme(c, s));
    ENSURE(EVP_PKEY_verify(c, signature, n, digest, s->digest_n) == 1, CORRUPT);
    return SUT_OK;
}

static SUT_ERR make_key(struct sut_remote_keys *k, EVP_PKEY *pub,
                        const unsigned char id[SUT_REMOTE_KEY_ID], EVP_PKEY **ret)
{
    unsigned char id_bytes[SUT_REMOTE_KEY_ID];
    memcpy(id_bytes, id, sizeof(id_bytes));
    struct sut_remote_keys *at = k;
    const OSSL_PARAM more[] = {
        OSSL_PARAM_construct_octet_string(SUT_REMOTE_PARAM_KEY_ID, id_bytes, sizeof(id_bytes)),
        OSSL_PARAM_construct_octet_string(SUT_REMOTE_PARAM_KEYS, (void *) &at, sizeof(void *)),
        OSSL_PARAM_construct_end(),
    };
    OSSL_PARAM *params = NULL;
    ENSURE(EVP_PKEY_todata(pub, EVP_PKEY_PUBLIC_KEY, &params) == 1, INVALID);
    OSSL_PARAM *all = OSSL_PARAM_merge(params, more);
    DEFER(sut_tls__free_pkey_ctx)
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(
        k->libctx, EVP_PKEY_is_a(pub, "RSA") ? "RSA" : "EC", SUT_REMOTE_OURS);
    EVP_PKEY *key = NULL;
    const bool is_made = all != NULL && c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
                         EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, all) == 1;
    OPENSSL_free(all);
    OSSL_PARAM_free(params);
    ENSURE(is_made, SYSTEM);
    *ret = key;
    return SUT_OK;
}

static SUT_ERR key_of(struct sut_remote_keys *k, X509 *cert, EVP_PKEY **ret)
{
    EVP_PKEY *pub = X509_get0_pubkey(cert);
    ENSURE(pub != NULL, INVALID);
    TRY(sut_tls__check_kind(pub));
    unsigned char id[SUT_REMOTE_KEY_ID];
    TRY(sut_tls__id_of(pub, id));
    TRY(try_key(k, pub, id));
    return make_key(k, pub, id, ret);
}

SUT_ERR sut_remote_key_of(struct sut_remote_keys *k, X509 *cert, EVP_PKEY **ret)
{
    const sut_err e = key_of(k, cert, ret);
    ERR_clear_error();
    return e;
}
