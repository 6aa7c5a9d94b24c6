/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "base/mem.h"

enum {
    EXPONENT_MIN = 65537,
    DER_MAX = 80, /* of two integers of 33 bytes in a sequence: 72 */
};

struct sut_jwk {
    enum sut_jwk_alg alg;
    size_t signature_n;
    EVP_PKEY *key;
};

static void bn_freep(BIGNUM **b)
{
    BN_free(*b);
}

static void builder_freep(OSSL_PARAM_BLD **b)
{
    OSSL_PARAM_BLD_free(*b);
}

static void params_freep(OSSL_PARAM **p)
{
    OSSL_PARAM_free(*p);
}

static void key_ctx_freep(EVP_PKEY_CTX **c)
{
    EVP_PKEY_CTX_free(*c);
}

static void ctx_freep(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

static void ecdsa_freep(ECDSA_SIG **s)
{
    ECDSA_SIG_free(*s);
}

void sut_jwk_free(struct sut_jwk **k)
{
    if (*k == NULL)
        return;
    EVP_PKEY_free((*k)->key);
    sut_mem_freep(k);
}

static const unsigned char *bytes(sut_str s)
{
    return (const unsigned char *) s.p;
}

/* An owned key of the builder's numbers; INVALID when OpenSSL finds none in them. */
static SUT_ERR make(OSSL_PARAM_BLD *builder, const char *type, struct sut_jwk **ret)
{
    DEFER(sut_jwk_free) struct sut_jwk *k = sut_mem_zalloc(1, sizeof(*k));
    DEFER(params_freep) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    DEFER(key_ctx_freep) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    ENSURE(k != NULL && params != NULL && c != NULL, NOMEM);
    const bool is_made = EVP_PKEY_fromdata_init(c) == 1 &&
                         EVP_PKEY_fromdata(c, &k->key, EVP_PKEY_PUBLIC_KEY, params) == 1;
    DEFER(key_ctx_freep)
    EVP_PKEY_CTX *check = is_made ? EVP_PKEY_CTX_new_from_pkey(NULL, k->key, NULL) : NULL;
    const bool is_good = check != NULL && EVP_PKEY_public_check_quick(check) == 1;
    ERR_clear_error();
    ENSURE(is_good, INVALID);
    *ret = STEAL(k);
    return SUT_OK;
}

static bool is_number(sut_str s, size_t max)
{
    return s.n > 0 && s.n <= max && s.p[0] != '\0' && (s.p[s.n - 1] & 1) != 0;
}

SUT_ERR sut_jwk_create_rsa(sut_str n, sut_str e, struct sut_jwk **ret)
{
    ENSURE(is_number(n, SUT_JWK_RSA_MAX) && is_number(e, SUT_JWK_EXPONENT_MAX), INVALID);
    DEFER(builder_freep) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    DEFER(bn_freep) BIGNUM *modulus = BN_bin2bn(bytes(n), (int) n.n, NULL);
    DEFER(bn_freep) BIGNUM *exponent = BN_bin2bn(bytes(e), (int) e.n, NULL);
    ENSURE(b != NULL && modulus != NULL && exponent != NULL, NOMEM);
    ENSURE(BN_num_bits(modulus) >= SUT_JWK_RSA_BITS_MIN && BN_get_word(exponent) >= EXPONENT_MIN,
           INVALID);
    ENSURE(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
               OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, exponent) == 1,
           NOMEM);
    TRY(make(b, "RSA", ret));
    (*ret)->alg = SUT_JWK_RS256;
    (*ret)->signature_n = n.n;
    return SUT_OK;
}

SUT_ERR sut_jwk_create_p256(sut_str x, sut_str y, struct sut_jwk **ret)
{
    unsigned char point[1 + 2 * SUT_JWK_P256] = { 4 }; /* uncompressed: SEC 1, 2.3.3 */
    ENSURE(x.n == SUT_JWK_P256 && y.n == SUT_JWK_P256, INVALID);
    memcpy(point + 1, x.p, SUT_JWK_P256);
    memcpy(point + 1 + SUT_JWK_P256, y.p, SUT_JWK_P256);
    DEFER(builder_freep) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    ENSURE(b != NULL, NOMEM);
    ENSURE(OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
               OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) ==
                   1,
           NOMEM);
    TRY(make(b, "EC", ret));
    (*ret)->alg = SUT_JWK_ES256;
    (*ret)->signature_n = SUT_JWK_ES256_SIGNATURE;
    return SUT_OK;
}

enum sut_jwk_alg sut_jwk_alg(const struct sut_jwk *k)
{
    return k->alg;
}

const char *sut_jwk_alg_name(enum sut_jwk_alg alg)
{
    return alg == SUT_JWK_RS256 ? "RS256" : "ES256";
}

/* r and s as OpenSSL wants them: a sequence of two integers in DER; 0 when they can't be. */
static size_t der_of(sut_str signature, unsigned char to[DER_MAX])
{
    DEFER(ecdsa_freep) ECDSA_SIG *s = ECDSA_SIG_new();
    DEFER(bn_freep) BIGNUM *r = BN_bin2bn(bytes(signature), SUT_JWK_P256, NULL);
    DEFER(bn_freep)
    BIGNUM *v = BN_bin2bn(bytes(signature) + SUT_JWK_P256, SUT_JWK_P256, NULL);
    if (s == NULL || r == NULL || v == NULL || ECDSA_SIG_set0(s, r, v) != 1)
        return 0;
    /* They are the signature's now. */
    (void) STEAL(r);
    (void) STEAL(v);
    const int n = i2d_ECDSA_SIG(s, NULL);
    if (n <= 0 || n > DER_MAX)
        return 0;
    unsigned char *end = to;
    return i2d_ECDSA_SIG(s, &end) == n ? (size_t) n : 0;
}

static bool verify(const struct sut_jwk *k, sut_str msg, sut_str signature)
{
    DEFER(ctx_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
    /* PKCS #1 v1.5 is what an RSA key does here unless it is told otherwise. */
    const bool is_good = c != NULL &&
                         EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, k->key) == 1 &&
                         EVP_DigestVerify(c, bytes(signature), signature.n, bytes(msg), msg.n) == 1;
    /* What a refused one leaves behind is nobody's. */
    ERR_clear_error();
    return is_good;
}

bool sut_jwk_verify(const struct sut_jwk *k, sut_str msg, sut_str signature)
{
    unsigned char der[DER_MAX];
    if (signature.n != k->signature_n)
        return false;
    if (k->alg == SUT_JWK_ES256) {
        signature = sut_str_of((const char *) der, der_of(signature, der));
        if (signature.n == 0)
            return false;
    }
    return verify(k, msg, signature);
}

bool sut_jwk_verify_der(const struct sut_jwk *k, sut_str msg, sut_str signature)
{
    const bool has_size =
        k->alg == SUT_JWK_ES256 ? signature.n <= DER_MAX : signature.n == k->signature_n;
    return has_size && verify(k, msg, signature);
}
