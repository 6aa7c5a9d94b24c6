/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum {
    NAMES_MAX = 32,
    NAME_CHARS = 253, /* RFC 1035: of a host name */
    SERIAL_BYTES = 16,
    DAY_S = 24 * 60 * 60,
    CN_MAX = 64, /* RFC 5280 A.1: ub-common-name */
    BUNDLE_MAX = 8192,
};

static void cert_freep(X509 **x)
{
    X509_free(*x);
}

static void key_freep(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

static void bio_freep(BIO **b)
{
    (void) BIO_free(*b);
}

static void extension_freep(X509_EXTENSION **e)
{
    X509_EXTENSION_free(*e);
}

static bool is_address(const char *name)
{
    unsigned char raw[16];
    return inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1;
}

static bool is_plain_name(const char *name)
{
    const size_t n = strlen(name);
    if (n == 0 || n > NAME_CHARS)
        return false;
    /* The list of names below is text with a grammar of its own. */
    for (size_t i = 0; i < n; i++) {
        const char c = sut_ascii_lower(name[i]);
        const bool is_ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                           c == '-' || c == ':' || c == '*' || c == '_';
        if (!is_ok)
            return false;
    }
    return is_address(name) || strchr(name, ':') == NULL;
}

static SUT_ERR add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
    DEFER(extension_freep) X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    ENSURE(e != NULL, SYSTEM);
    ENSURE(X509_add_ext(x, e, -1) == 1, NOMEM);
    return SUT_OK;
}

static SUT_ERR add_names(X509 *x, const char *const *names, size_t n)
{
    DEFER(sut_buf_done) struct sut_buf list;
    sut_buf_init(&list, NAMES_MAX * (NAME_CHARS + 8));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sut_buf_char(&list, ',');
        sut_buf_z(&list, is_address(names[i]) ? "IP:" : "DNS:");
        sut_buf_z(&list, names[i]);
    }
    sut_buf_char(&list, '\0');
    TRY(sut_buf_check(&list));
    return add_extension(x, NID_subject_alt_name, list.p);
}

/* A number that no other certificate has (RFC 5280 4.1.2.2: positive, at most 20 octets). */
static SUT_ERR set_serial(X509 *x)
{
    unsigned char raw[SERIAL_BYTES];
    ENSURE(RAND_bytes(raw, sizeof(raw)) == 1, SYSTEM);
    raw[0] = (unsigned char) ((raw[0] & 0x7f) | 0x40);
    BIGNUM *bn = BN_bin2bn(raw, sizeof(raw), NULL);
    ENSURE(bn != NULL, NOMEM);
    const bool is_set = BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
    BN_free(bn);
    ENSURE(is_set, NOMEM);
    return SUT_OK;
}

static SUT_ERR fill(X509 *x, EVP_PKEY *key, const char *const *names, size_t n, int64_t now_s,
                    unsigned days)
{
    TRY(set_serial(x));
    ENSURE(X509_set_version(x, X509_VERSION_3) == 1, NOMEM);
    ENSURE(ASN1_TIME_set(X509_getm_notBefore(x), now_s - DAY_S) != NULL, NOMEM);
    ENSURE(ASN1_TIME_set(X509_getm_notAfter(x), now_s + (int64_t) days * DAY_S) != NULL, NOMEM);
    ENSURE(X509_set_pubkey(x, key) == 1, NOMEM);

    X509_NAME *const subject = X509_get_subject_name(x);
    const size_t len = strlen(names[0]);
    ENSURE(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *) names[0],
                                      len < CN_MAX ? (int) len : CN_MAX, -1, 0) == 1,
           NOMEM);
    ENSURE(X509_set_issuer_name(x, subject) == 1, NOMEM);
    TRY(add_names(x, names, n));
    TRY(add_extension(x, NID_basic_constraints, "critical,CA:FALSE"));
    TRY(add_extension(x, NID_key_usage, "critical,digitalSignature"));
    TRY(add_extension(x, NID_ext_key_usage, "serverAuth"));
    TRY(add_extension(x, NID_subject_key_identifier, "hash"));
    ENSURE(X509_sign(x, key, EVP_sha256()) > 0, SYSTEM);
    return SUT_OK;
}

static SUT_ERR copy_out(BIO *bio, struct sut_buf *out)
{
    char *p = NULL;
    const long n = BIO_get_mem_data(bio, &p);
    ENSURE(n > 0 && n <= BUNDLE_MAX, SYSTEM);
    sut_buf_add(out, p, (size_t) n);
    return sut_buf_check(out);
}

SUT_ERR sut_cert_make(const char *const *names, size_t n, sut_ms now, unsigned days,
                      struct sut_buf *out_cert, struct sut_buf *out_key)
{
    ENSURE(n > 0 && n <= NAMES_MAX && days > 0 && days <= SUT_CERT_DAYS_MAX, INVALID);
    for (size_t i = 0; i < n; i++)
        ENSURE(is_plain_name(names[i]), INVALID);

    DEFER(key_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
    ENSURE(key != NULL, SYSTEM);
    DEFER(cert_freep) X509 *x = X509_new();
    ENSURE(x != NULL, NOMEM);
    TRY(fill(x, key, names, n, now.v / 1000, days));

    DEFER(bio_freep) BIO *cert_pem = BIO_new(BIO_s_mem());
    /* Wiped when it is freed. */
    DEFER(bio_freep) BIO *key_pem = BIO_new(BIO_s_secmem());
    ENSURE(cert_pem != NULL && key_pem != NULL, NOMEM);
    ENSURE(PEM_write_bio_X509(cert_pem, x) == 1, NOMEM);
    ENSURE(PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1, NOMEM);
    TRY(copy_out(cert_pem, out_cert));
    return copy_out(key_pem, out_key);
}

static void time_freep(ASN1_TIME **t)
{
    ASN1_TIME_free(*t);
}

static SUT_ERR since_epoch(const ASN1_TIME *t, sut_ms *ret)
{
    int days = 0;
    int seconds = 0;
    DEFER(time_freep) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    ENSURE(epoch != NULL, NOMEM);
    ENSURE(ASN1_TIME_diff(&days, &seconds, epoch, t) == 1, INVALID);
    ret->v = ((int64_t) days * DAY_S + seconds) * 1000;
    return SUT_OK;
}

SUT_ERR sut_cert_dates(sut_str pem, sut_ms *ret_from, sut_ms *ret_until)
{
    ENSURE(pem.n > 0 && pem.n <= INT_MAX, INVALID);
    DEFER(bio_freep) BIO *b = BIO_new_mem_buf(pem.p, (int) pem.n);
    ENSURE(b != NULL, NOMEM);
    DEFER(cert_freep) X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    ENSURE(x != NULL, INVALID);
    sut_ms from = { 0 };
    sut_ms until = { 0 };
    TRY(since_epoch(X509_get0_notBefore(x), &from));
    TRY(since_epoch(X509_get0_notAfter(x), &until));
    *ret_from = from;
    *ret_until = until;
    return SUT_OK;
}
