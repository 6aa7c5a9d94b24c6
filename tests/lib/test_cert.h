/* SPDX-License-Identifier: Apache-2.0
 *
 * test_cert - certificates of any kind, signed by themselves, for tests.
 */
#ifndef SUT_TESTS_TEST_CERT_H
#define SUT_TESTS_TEST_CERT_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct test_cert {
    char *cert_pem; /* of OpenSSL */
    char *key_pem;
    size_t cert_n;
    size_t key_n;
};

/* "rsa2048", "rsa-pss2048", "P-256", "ed25519" ... */
static inline EVP_PKEY *test_cert_key(const char *kind)
{
    EVP_PKEY *key = NULL;
    if (strncmp(kind, "rsa-pss", 7) == 0) {
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
        if (EVP_PKEY_keygen_init(c) == 1)
            (void) EVP_PKEY_keygen(c, &key);
        EVP_PKEY_CTX_free(c);
        return key;
    }
    if (strncmp(kind, "rsa", 3) == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) strtoul(kind + 3, NULL, 10));
    if (strcmp(kind, "ed25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
}

static inline char *test_cert_text(BIO *b, size_t *ret_n)
{
    char *at = NULL;
    const long n = BIO_get_mem_data(b, &at);
    char *copy = OPENSSL_memdup(at, (size_t) n);
    *ret_n = (size_t) n;
    BIO_free(b);
    return copy;
}

/* A certificate for localhost over this key, with this serial number. */
static inline bool test_cert_over(EVP_PKEY *key, long serial, struct test_cert *ret)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 30L * 86400);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *) "localhost", -1,
                               -1, 0);
    X509_set_issuer_name(x, name);
    const EVP_MD *md = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
    bool is_ok = X509_sign(x, key, md) > 0;
    BIO *c = BIO_new(BIO_s_mem());
    BIO *k = BIO_new(BIO_s_mem());
    is_ok = is_ok && PEM_write_bio_X509(c, x) == 1 &&
            PEM_write_bio_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1;
    ret->cert_pem = test_cert_text(c, &ret->cert_n);
    ret->key_pem = test_cert_text(k, &ret->key_n);
    X509_free(x);
    return is_ok;
}

static inline bool test_cert_make(const char *kind, long serial, struct test_cert *ret)
{
    EVP_PKEY *key = test_cert_key(kind);
    const bool is_ok = key != NULL && test_cert_over(key, serial, ret);
    EVP_PKEY_free(key);
    return is_ok;
}

static inline void test_cert_done(struct test_cert *c)
{
    OPENSSL_free(c->cert_pem);
    OPENSSL_free(c->key_pem);
    *c = (struct test_cert){ 0 };
}

static inline sut_str test_cert_chain(const struct test_cert *c)
{
    return sut_str_of(c->cert_pem, c->cert_n);
}

static inline sut_str test_cert_private(const struct test_cert *c)
{
    return sut_str_of(c->key_pem, c->key_n);
}

#endif
