/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/secret.h"

static const sut_ms march = { .v = 1772366400000 }; /* 2026-03-01T12:00:00Z */

static void is_for_its_names_and_fits_its_key(void **state)
{
    (void) state;
    static const char *const names[] = { "localhost", "127.0.0.1", "::1", "shop.example" };
    struct sut_buf cert;
    struct sut_buf key;
    sut_buf_init(&cert, 8192);
    sut_buf_init(&key, 8192);
    assert_false(sut_failed(sut_cert_make(names, 4, march, 90, &cert, &key)));

    BIO *cb = BIO_new_mem_buf(cert.p, (int) cert.n);
    BIO *kb = BIO_new_mem_buf(key.p, (int) key.n);
    X509 *x = PEM_read_bio_X509(cb, NULL, NULL, NULL);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(kb, NULL, NULL, NULL);
    assert_non_null(x);
    assert_non_null(k);
    assert_int_equal(X509_check_private_key(x, k), 1);
    assert_int_equal(X509_verify(x, k), 1);
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "shop.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "other.example", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "127.0.0.2", 0), 0);
    assert_int_equal(X509_check_ca(x), 0);
    time_t at = (time_t) (march.v / 1000);
    assert_true(X509_cmp_time(X509_get0_notBefore(x), &at) < 0);
    at += 89 * 86400;
    assert_true(X509_cmp_time(X509_get0_notAfter(x), &at) > 0);
    at += 2 * 86400;
    assert_true(X509_cmp_time(X509_get0_notAfter(x), &at) < 0);
    X509_free(x);
    EVP_PKEY_free(k);
    BIO_free(cb);
    BIO_free(kb);
    sut_buf_done(&cert);
    sut_buf_done(&key);
}

static void tells_the_dates_of_the_first_certificate(void **state)
{
    (void) state;
    static const char *const names[] = { "localhost" };
    sut_ms from = { -1 };
    sut_ms until = { -1 };
    struct sut_buf cert;
    struct sut_buf key;
    sut_buf_init(&cert, 8192);
    sut_buf_init(&key, 8192);
    assert_false(sut_failed(sut_cert_make(names, 1, march, 90, &cert, &key)));
    assert_int_equal(sut_cert_dates(sut_buf_str(&key), &from, &until).code, SUT_E_INVALID);
    assert_int_equal(sut_cert_dates(SUT_STR(""), &from, &until).code, SUT_E_INVALID);
    assert_int_equal(from.v, -1);
    assert_false(sut_failed(sut_cert_dates(sut_buf_str(&cert), &from, &until)));
    assert_int_equal(from.v, march.v - INT64_C(86400000));
    assert_int_equal(until.v, march.v + 90 * INT64_C(86400000));
    sut_wipe(key.p, key.cap);
    sut_buf_done(&cert);
    sut_buf_done(&key);
}

static void refuses_names_that_are_none(void **state)
{
    (void) state;
    static const char *const bad[] = { "", "a,DNS:evil.example", "a b", "a\nb", "host:80", "a/b" };
    struct sut_buf out;
    sut_buf_init(&out, 8192);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sut_cert_make(&bad[i], 1, march, 1, &out, &out).code, SUT_E_INVALID);
    static const char *const good[] = { "localhost" };
    assert_int_equal(sut_cert_make(good, 0, march, 1, &out, &out).code, SUT_E_INVALID);
    assert_int_equal(sut_cert_make(good, 1, march, 0, &out, &out).code, SUT_E_INVALID);
    assert_int_equal(sut_cert_make(good, 1, march, SUT_CERT_DAYS_MAX + 1, &out, &out).code,
                     SUT_E_INVALID);
    assert_int_equal(out.n, 0);
    sut_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_for_its_names_and_fits_its_key),
        cmocka_unit_test(tells_the_dates_of_the_first_certificate),
        cmocka_unit_test(refuses_names_that_are_none),
    };
    return cmocka_run_group_tests_name("cert", tests, NULL, NULL);
}
