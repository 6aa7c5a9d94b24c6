/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto/cose.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 4096, GROUP_NAME_MAX = 64, OCTET_STRING = 4 };

/* id-fido-gen-ce-aaguid: which model of authenticator a certificate is of. */
static const char aaguid_oid[] = "1.3.6.1.4.1.45724.1.1.4";

static void cert_freep(X509 **x)
{
    X509_free(*x);
}

static void ctx_freep(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
}

static void object_freep(ASN1_OBJECT **o)
{
    ASN1_OBJECT_free(*o);
}

/* The one value of an attribute of the subject; {NULL,0}: none, or several. */
static sut_str subject(const X509 *cert, int nid)
{
    const X509_NAME *name = X509_get_subject_name(cert);
    const int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
        return (sut_str){ 0 };
    const ASN1_STRING *v = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    return sut_str_of((const char *) ASN1_STRING_get0_data(v), (size_t) ASN1_STRING_length(v));
}

static bool has_subject(const X509 *cert)
{
    return subject(cert, NID_countryName).n == 2 && subject(cert, NID_organizationName).n > 0 &&
           sut_str_is(subject(cert, NID_organizationalUnitName), "Authenticator Attestation") &&
           subject(cert, NID_commonName).n > 0;
}

/* Its basic constraints are there and say that it is no authority. */
static bool is_no_authority(X509 *cert)
{
    int critical = 0;
    BASIC_CONSTRAINTS *b = X509_get_ext_d2i(cert, NID_basic_constraints, &critical, NULL);
    const bool is_so = b != NULL && b->ca == 0;
    BASIC_CONSTRAINTS_free(b);
    return is_so;
}

/* Either it names no model, or this one, not as critical: an octet string in the octet string. */
static bool is_of_model(const X509 *cert, const unsigned char aaguid[SUT_AAGUID])
{
    DEFER(object_freep) ASN1_OBJECT *oid = OBJ_txt2obj(aaguid_oid, 1);
    if (oid == NULL)
        return false;
    const int at = X509_get_ext_by_OBJ(cert, oid, -1);
    if (at < 0)
        return true;
    X509_EXTENSION *e = X509_get_ext(cert, at);
    const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(e);
    const unsigned char *p = ASN1_STRING_get0_data(v);
    const sut_str model = sut_str_of((const char *) aaguid, SUT_AAGUID);
    return X509_get_ext_by_OBJ(cert, oid, at) < 0 && X509_EXTENSION_get_critical(e) == 0 &&
           ASN1_STRING_length(v) == SUT_AAGUID + 2 && p[0] == OCTET_STRING && p[1] == SUT_AAGUID &&
           sut_str_eq(sut_str_of((const char *) p + 2, SUT_AAGUID), model);
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[GROUP_NAME_MAX];
    size_t n = 0;
    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

/* Whether the key signs by this algorithm. */
static bool fits(const EVP_PKEY *key, int64_t alg)
{
    if (alg == SUT_COSE_ES256)
        return is_p256(key);
    if (alg == SUT_COSE_EDDSA)
        return EVP_PKEY_is_a(key, "ED25519");
    return alg == SUT_COSE_RS256 && EVP_PKEY_is_a(key, "RSA") &&
           EVP_PKEY_get_bits(key) >= RSA_BITS_MIN && EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
}

static SUT_ERR check(sut_str der, int64_t alg, const unsigned char aaguid[SUT_AAGUID], sut_str msg,
                     sut_str signature)
{
    const unsigned char *p = (const unsigned char *) der.p;
    ENSURE(der.n > 0 && der.n <= LONG_MAX && signature.n <= SUT_COSE_SIGNATURE_MAX, INVALID);
    DEFER(cert_freep) X509 *cert = d2i_X509(NULL, &p, (long) der.n);
    ENSURE(cert != NULL && p == (const unsigned char *) der.p + der.n, INVALID);
    EVP_PKEY *key = X509_get0_pubkey(cert);
    ENSURE(X509_get_version(cert) == X509_VERSION_3 && has_subject(cert) && is_no_authority(cert) &&
               is_of_model(cert, aaguid) && key != NULL && fits(key, alg),
           INVALID);
    DEFER(ctx_freep) EVP_MD_CTX *c = EVP_MD_CTX_new();
    ENSURE(c != NULL, NOMEM);
    const EVP_MD *digest = alg == SUT_COSE_EDDSA ? NULL : EVP_sha256();
    ENSURE(EVP_DigestVerifyInit(c, NULL, digest, NULL, key) == 1 &&
               EVP_DigestVerify(c, (const unsigned char *) signature.p, signature.n,
                                (const unsigned char *) msg.p, msg.n) == 1,
           DENIED);
    return SUT_OK;
}

SUT_ERR sut_cose_certified(sut_str der, int64_t alg, const unsigned char aaguid[SUT_AAGUID],
                           sut_str msg, sut_str signature)
{
    const sut_err e = check(der, alg, aaguid, msg, signature);
    /* What a refused one leaves behind is nobody's. */
    ERR_clear_error();
    return e;
}
