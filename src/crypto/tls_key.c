/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/sha256.h"
#include "crypto/tls_key_int.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = SUT_REMOTE_SIGNATURE_MAX * 8, GROUP_NAME_MAX = 64 };

/* To prepare one costs as much as half a signature, and none may be in two threads' hands. */
struct prepared {
    EVP_PKEY_CTX *ctx;
    const struct sut_tls__scheme *scheme;
    struct prepared *next;
};

struct sut_tls_key {
    EVP_PKEY *key;
    unsigned char id[SUT_REMOTE_KEY_ID];
    pthread_mutex_t mutex;
    struct prepared *free; /* under the mutex */
};

static void free_bio(BIO **b)
{
    BIO_free(*b);
}

static void free_x509(X509 **x)
{
    X509_free(*x);
}

/* --- what both sides know --- */

const struct sut_tls__scheme *sut_tls__scheme(unsigned scheme)
{
    static const struct sut_tls__scheme schemes[] = {
        [SUT_REMOTE_RSA_PKCS1_SHA256] = { true, false, "SHA2-256", 32 },
        [SUT_REMOTE_RSA_PKCS1_SHA384] = { true, false, "SHA2-384", 48 },
        [SUT_REMOTE_RSA_PKCS1_SHA512] = { true, false, "SHA2-512", 64 },
        [SUT_REMOTE_RSA_PSS_SHA256] = { true, true, "SHA2-256", 32 },
        [SUT_REMOTE_RSA_PSS_SHA384] = { true, true, "SHA2-384", 48 },
        [SUT_REMOTE_RSA_PSS_SHA512] = { true, true, "SHA2-512", 64 },
        [SUT_REMOTE_ECDSA_SHA256] = { false, false, "SHA2-256", 32 },
        [SUT_REMOTE_ECDSA_SHA384] = { false, false, "SHA2-384", 48 },
        [SUT_REMOTE_ECDSA_SHA512] = { false, false, "SHA2-512", 64 },
    };
    const size_t n = sizeof(schemes) / sizeof(schemes[0]);
    return scheme == 0 || scheme >= n ? NULL : &schemes[scheme];
}

SUT_ERR sut_tls__check_kind(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        const int bits = EVP_PKEY_get_bits(key);
        ENSURE(bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX, INVALID);
        return SUT_OK;
    }
    ENSURE(EVP_PKEY_is_a(key, "EC"), INVALID);
    char group[GROUP_NAME_MAX];
    size_t n = 0;
    ENSURE(EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1, INVALID);
    static const char *const groups[] = { SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1 };
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        if (strcmp(group, groups[i]) == 0)
            return SUT_OK;
    FAIL(INVALID);
}

SUT_ERR sut_tls__id_of(const EVP_PKEY *key, unsigned char ret[SUT_REMOTE_KEY_ID])
{
    /* A copy: the form of points is a property of the key, and this one is not ours. */
    DEFER(sut_tls__free_key) EVP_PKEY *own = NULL;
    if (EVP_PKEY_is_a(key, "EC")) {
        OSSL_PARAM *params = NULL;
        ENSURE(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params) == 1, INVALID);
        DEFER(sut_tls__free_pkey_ctx)
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", "provider=default");
        const bool is_made = c != NULL && EVP_PKEY_fromdata_init(c) == 1 &&
                             EVP_PKEY_fromdata(c, &own, EVP_PKEY_PUBLIC_KEY, params) == 1;
        OSSL_PARAM_free(params);
        ENSURE(is_made, NOMEM);
        ENSURE(EVP_PKEY_set_utf8_string_param(own, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                              "uncompressed") == 1,
               SYSTEM);
    }
    unsigned char *der = NULL;
    const int n = i2d_PUBKEY(own != NULL ? own : key, &der);
    ENSURE(n > 0, INVALID);
    unsigned char digest[SUT_SHA256_SIZE];
    sut_sha256(sut_str_of((const char *) der, (size_t) n), digest);
    OPENSSL_free(der);
    memcpy(ret, digest, SUT_REMOTE_KEY_ID);
    return SUT_OK;
}

SUT_ERR sut_tls__set_scheme(EVP_PKEY_CTX *c, const struct sut_tls__scheme *s)
{
    char digest[16];
    const size_t n = strlen(s->digest);
    SUT_BUG_IF(n >= sizeof(digest));
    memcpy(digest, s->digest, n + 1);
    /* In this order: OpenSSL checks a padding against the digest that it knows. */
    int pad = s->is_pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    int salt = RSA_PSS_SALTLEN_DIGEST;
    OSSL_PARAM params[4] = { OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, digest,
                                                              n) };
    size_t n_params = 1;
    if (s->is_rsa)
        params[n_params++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PAD_MODE, &pad);
    if (s->is_pss)
        params[n_params++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt);
    params[n_params] = OSSL_PARAM_construct_end();
    ENSURE(EVP_PKEY_CTX_set_params(c, params) == 1, INVALID);
    return SUT_OK;
}

int sut_tls__no_passphrase(char *p, int n, int is_write, void *arg)
{
    (void) p;
    (void) n;
    (void) is_write;
    (void) arg;
    return -1;
}

/* --- the key that signs --- */

static void prepared_free(struct prepared **p)
{
    if (*p == NULL)
        return;
    EVP_PKEY_CTX_free((*p)->ctx);
    sut_mem_free(*p);
    *p = NULL;
}

static SUT_ERR read_key(sut_str pem, EVP_PKEY **ret)
{
    ENSURE(pem.n > 0 && pem.n <= INT_MAX, INVALID);
    DEFER(free_bio) BIO *b = BIO_new_mem_buf(pem.p, (int) pem.n);
    ENSURE(b != NULL, NOMEM);
    DEFER(sut_tls__free_key)
    EVP_PKEY *key = PEM_read_bio_PrivateKey(b, NULL, sut_tls__no_passphrase, NULL);
    ENSURE(key != NULL, INVALID);
    TRY(sut_tls__check_kind(key));
    *ret = STEAL(key);
    return SUT_OK;
}

SUT_ERR sut_tls_key_load(sut_str pem, struct sut_tls_key **ret)
{
    DEFER(sut_tls_key_free) struct sut_tls_key *k = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    SUT_BUG_IF(pthread_mutex_init(&k->mutex, NULL) != 0);
    sut_err e = read_key(pem, &k->key);
    if (!sut_failed(e))
        e = sut_tls__id_of(k->key, k->id);
    ERR_clear_error();
    TRY(e);
    *ret = STEAL(k);
    return SUT_OK;
}

void sut_tls_key_free(struct sut_tls_key **k)
{
    if (*k == NULL)
        return;
    while ((*k)->free != NULL) {
        struct prepared *p = (*k)->free;
        (*k)->free = p->next;
        prepared_free(&p);
    }
    EVP_PKEY_free((*k)->key);
    (void) pthread_mutex_destroy(&(*k)->mutex);
    sut_mem_free(*k);
    *k = NULL;
}

const unsigned char *sut_tls_key_id(const struct sut_tls_key *k)
{
    return k->id;
}

static SUT_ERR prepare(EVP_PKEY *key, const struct sut_tls__scheme *s, struct prepared **ret)
{
    DEFER(prepared_free) struct prepared *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    p->scheme = s;
    p->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    ENSURE(p->ctx != NULL && EVP_PKEY_sign_init(p->ctx) == 1, NOMEM);
    TRY(sut_tls__set_scheme(p->ctx, s));
    *ret = STEAL(p);
    return SUT_OK;
}

/* NULL: there is none. */
static struct prepared *take_prepared(struct sut_tls_key *k, const struct sut_tls__scheme *s)
{
    struct prepared **list = &k->free;
    (void) pthread_mutex_lock(&k->mutex);
    while (*list != NULL && (*list)->scheme != s)
        list = &(*list)->next;
    struct prepared *found = *list;
    if (found != NULL)
        *list = found->next;
    (void) pthread_mutex_unlock(&k->mutex);
    return found;
}

/* There are at most as many as were in use at once. */
static void give_prepared(struct sut_tls_key *k, struct prepared *p)
{
    (void) pthread_mutex_lock(&k->mutex);
    p->next = k->free;
    k->free = p;
    (void) pthread_mutex_unlock(&k->mutex);
}

static SUT_ERR sign(struct sut_tls_key *k, const struct sut_tls__scheme *s, sut_str digest,
                    unsigned char *to, size_t *ret_n)
{
    DEFER(prepared_free) struct prepared *p = take_prepared(k, s);
    if (p == NULL)
        TRY(prepare(k->key, s, &p));
    size_t n = SUT_REMOTE_SIGNATURE_MAX;
    ENSURE(EVP_PKEY_sign(p->ctx, to, &n, (const unsigned char *) digest.p, digest.n) == 1, SYSTEM);
    give_prepared(k, STEAL(p));
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_tls_key_sign(struct sut_tls_key *k, enum sut_remote_scheme scheme, sut_str digest,
                         unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n)
{
    const struct sut_tls__scheme *s = sut_tls__scheme(scheme);
    ENSURE(s != NULL && s->digest_n == digest.n, INVALID);
    ENSURE(s->is_rsa == (EVP_PKEY_is_a(k->key, "RSA") == 1), INVALID);
    const sut_err e = sign(k, s, digest, ret, ret_n);
    ERR_clear_error();
    return e;
}

/* --- key and certificate --- */

static SUT_ERR pair_check(sut_str cert_pem, sut_str key_pem, const char **reterr_why)
{
    *reterr_why = "the TLS certificate cannot be read as PEM";
    ENSURE(cert_pem.n > 0 && cert_pem.n <= INT_MAX, INVALID);
    DEFER(free_bio) BIO *b = BIO_new_mem_buf(cert_pem.p, (int) cert_pem.n);
    ENSURE(b != NULL, NOMEM);
    DEFER(free_x509) X509 *cert = PEM_read_bio_X509(b, NULL, sut_tls__no_passphrase, NULL);
    ENSURE(cert != NULL && X509_get0_pubkey(cert) != NULL, INVALID);
    *reterr_why = "the TLS key cannot be read as PEM, or is neither RSA of 2048 to 8192 bits nor "
                  "ECDSA on P-256, P-384 or P-521";
    DEFER(sut_tls__free_key) EVP_PKEY *key = NULL;
    TRY(read_key(key_pem, &key));
    *reterr_why = "the TLS key does not belong to the certificate";
    ENSURE(X509_check_private_key(cert, key) == 1, INVALID);
    *reterr_why = NULL;
    return SUT_OK;
}

SUT_ERR sut_tls_pair_check(sut_str cert_pem, sut_str key_pem, const char **reterr_why)
{
    const char *why = NULL;
    const sut_err e = pair_check(cert_pem, key_pem, &why);
    ERR_clear_error();
    if (sut_failed(e) && reterr_why != NULL)
        *reterr_why = why;
    return e;
}
