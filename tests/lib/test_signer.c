/* SPDX-License-Identifier: Apache-2.0 */
#include "test_signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/b64url.h"

enum { NUMBER_MAX = 1024, COORDINATE = 32 };

struct test_signer {
    EVP_PKEY *key;
    int is_rsa;
};

static void must(int is_so, const char *what)
{
    if (is_so)
        return;
    (void) fprintf(stderr, "test_signer: %s\n", what);
    abort();
}

static struct test_signer *of(EVP_PKEY *key, int is_rsa)
{
    struct test_signer *s = sut_mem_zalloc(1, sizeof(*s));
    must(s != NULL && key != NULL, "no key");
    s->key = key;
    s->is_rsa = is_rsa;
    return s;
}

struct test_signer *test_signer_rsa(unsigned bits)
{
    return of(EVP_RSA_gen(bits), 1);
}

struct test_signer *test_signer_p256(void)
{
    return of(EVP_EC_gen("P-256"), 0);
}

void test_signer_free(struct test_signer **s)
{
    if (*s == NULL)
        return;
    EVP_PKEY_free((*s)->key);
    sut_mem_freep(s);
}

static void add_number(const struct test_signer *s, const char *name, const char *param,
                       size_t width, struct sut_buf *out)
{
    unsigned char bytes[NUMBER_MAX];
    BIGNUM *n = NULL;
    must(EVP_PKEY_get_bn_param(s->key, param, &n) == 1, param);
    const size_t size = width == 0 ? (size_t) BN_num_bytes(n) : width;
    must(size <= sizeof(bytes) && BN_bn2binpad(n, bytes, (int) size) == (int) size, param);
    BN_free(n);
    sut_buf_printf(out, ",\"%s\":\"", name);
    sut_b64url_encode(out, sut_str_of((const char *) bytes, size));
    sut_buf_lit(out, "\"");
}

void test_signer_jwk(const struct test_signer *s, const char *more, struct sut_buf *out)
{
    if (s->is_rsa) {
        sut_buf_lit(out, "{\"kty\":\"RSA\"");
        add_number(s, "n", OSSL_PKEY_PARAM_RSA_N, 0, out);
        add_number(s, "e", OSSL_PKEY_PARAM_RSA_E, 0, out);
    } else {
        sut_buf_lit(out, "{\"kty\":\"EC\",\"crv\":\"P-256\"");
        add_number(s, "x", OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE, out);
        add_number(s, "y", OSSL_PKEY_PARAM_EC_PUB_Y, COORDINATE, out);
    }
    if (*more != '\0')
        sut_buf_lit(out, ",");
    sut_buf_z(out, more);
    sut_buf_lit(out, "}");
}

/* DER to r and s side by side. */
static size_t flatten(unsigned char *sig, size_t n)
{
    const unsigned char *p = sig;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long) n);
    must(s != NULL, "no signature");
    must(BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, COORDINATE) == COORDINATE &&
             BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + COORDINATE, COORDINATE) == COORDINATE,
         "r and s");
    ECDSA_SIG_free(s);
    return 2 * COORDINATE;
}

void test_signer_sign(const struct test_signer *s, sut_str header, sut_str claims,
                      struct sut_buf *out)
{
    unsigned char sig[NUMBER_MAX];
    size_t n = sizeof(sig);
    const size_t from = out->n;
    sut_b64url_encode(out, header);
    sut_buf_lit(out, ".");
    sut_b64url_encode(out, claims);
    must(!sut_failed(sut_buf_check(out)), "no room");
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    must(c != NULL && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, s->key) == 1 &&
             EVP_DigestSign(c, sig, &n, (const unsigned char *) out->p + from, out->n - from) == 1,
         "no signature");
    EVP_MD_CTX_free(c);
    if (!s->is_rsa)
        n = flatten(sig, n);
    sut_buf_lit(out, ".");
    sut_b64url_encode(out, sut_str_of((const char *) sig, n));
    must(!sut_failed(sut_buf_check(out)), "no room");
}
