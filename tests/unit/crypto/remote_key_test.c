/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/remote_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "test_cert.h"

/* The other side: the keys that it has, and how it misbehaves. */
enum manner { HONEST, FAILS, GARBAGE, TOO_LONG, TOO_SHORT, EMPTY, LIES_ABOUT_LENGTH };

struct other_side {
    struct sut_tls_key *keys[4];
    size_t n;
    enum manner manner;
    _Atomic unsigned calls;
};

static sut_err sign(void *ctx, const unsigned char id[SUT_REMOTE_KEY_ID],
                    enum sut_remote_scheme scheme, sut_str digest,
                    unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n)
{
    struct other_side *o = ctx;
    atomic_fetch_add(&o->calls, 1);
    for (size_t i = 0; i < o->n; i++) {
        if (memcmp(sut_tls_key_id(o->keys[i]), id, SUT_REMOTE_KEY_ID) != 0)
            continue;
        if (o->manner == FAILS)
            FAIL(UNAVAILABLE);
        TRY(sut_tls_key_sign(o->keys[i], scheme, digest, ret, ret_n));
        if (o->manner == GARBAGE)
            ret[*ret_n / 2] ^= 1;
        if (o->manner == TOO_LONG)
            *ret_n = SUT_REMOTE_SIGNATURE_MAX;
        if (o->manner == TOO_SHORT)
            *ret_n -= 1;
        if (o->manner == EMPTY)
            *ret_n = 0;
        if (o->manner == LIES_ABOUT_LENGTH)
            *ret_n = SIZE_MAX;
        return SUT_OK;
    }
    FAIL(NOT_FOUND);
}

struct world {
    struct test_cert cert;
    X509 *x;
    struct other_side other;
    struct sut_remote_signer signer;
    struct sut_remote_keys *keys;
};

static X509 *read_cert(const struct test_cert *c)
{
    BIO *b = BIO_new_mem_buf(c->cert_pem, (int) c->cert_n);
    X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
    BIO_free(b);
    return x;
}

static void world_init(struct world *w, const char *kind)
{
    *w = (struct world){ 0 };
    assert_true(test_cert_make(kind, 1, &w->cert));
    w->x = read_cert(&w->cert);
    assert_non_null(w->x);
    assert_false(sut_failed(sut_tls_key_load(test_cert_private(&w->cert), &w->other.keys[0])));
    w->other.n = 1;
    w->signer = (struct sut_remote_signer){ .sign = sign, .ctx = &w->other };
    assert_false(sut_failed(sut_remote_keys_create(&w->signer, &w->keys)));
}

static void world_done(struct world *w)
{
    X509_free(w->x);
    sut_remote_keys_free(&w->keys);
    assert_null(w->keys);
    sut_remote_keys_free(&w->keys);
    for (size_t i = 0; i < w->other.n; i++)
        sut_tls_key_free(&w->other.keys[i]);
    test_cert_done(&w->cert);
}

static const char *const kinds[] = { "rsa2048", "rsa3072", "P-256", "P-384", "P-521" };
static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
static const char text[] = "what a handshake would have said";

/* As libssl does it; the signature's length, 0 when it was refused. */
static size_t sign_text(struct world *w, EVP_PKEY *key, const char *digest, bool is_pss,
                        unsigned char to[SUT_REMOTE_SIGNATURE_MAX])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pc = NULL;
    size_t n = 0;
    bool is_ok = EVP_DigestSignInit_ex(c, &pc, digest, sut_remote_keys_libctx(w->keys), NULL, key,
                                       NULL) == 1;
    if (is_ok && is_pss)
        is_ok = EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_DIGEST) == 1;
    is_ok = is_ok && EVP_DigestSign(c, NULL, &n, (const unsigned char *) text, sizeof(text)) == 1 &&
            n <= SUT_REMOTE_SIGNATURE_MAX &&
            EVP_DigestSign(c, to, &n, (const unsigned char *) text, sizeof(text)) == 1;
    EVP_MD_CTX_free(c);
    ERR_clear_error();
    return is_ok ? n : 0;
}

static bool verifies(struct world *w, const char *digest, bool is_pss, const unsigned char *sig,
                     size_t n)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pc = NULL;
    bool is_ok =
        EVP_DigestVerifyInit_ex(c, &pc, digest, NULL, NULL, X509_get0_pubkey(w->x), NULL) == 1;
    if (is_ok && is_pss)
        is_ok = EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_DIGEST) == 1;
    is_ok = is_ok && EVP_DigestVerify(c, sig, n, (const unsigned char *) text, sizeof(text)) == 1;
    EVP_MD_CTX_free(c);
    ERR_clear_error();
    return is_ok;
}

static void every_kind_signs_with_every_scheme(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct world w;
        world_init(&w, kinds[i]);
        EVP_PKEY *key = NULL;
        assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &key)));
        const bool is_rsa = strncmp(kinds[i], "rsa", 3) == 0;
        for (size_t d = 0; d < 3; d++) {
            for (int pss = 0; pss <= (is_rsa ? 1 : 0); pss++) {
                unsigned char sig[SUT_REMOTE_SIGNATURE_MAX];
                const unsigned before = atomic_load(&w.other.calls);
                const size_t n = sign_text(&w, key, digests[d], pss == 1, sig);
                assert_true(n > 0);
                assert_int_equal(atomic_load(&w.other.calls), before + 1);
                assert_true(verifies(&w, digests[d], pss == 1, sig, n));
                sig[n / 2] ^= 1;
                assert_false(verifies(&w, digests[d], pss == 1, sig, n));
            }
        }
        EVP_PKEY_free(key);
        world_done(&w);
    }
}

static void the_key_answers_as_its_certificate_does(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct world w;
        world_init(&w, kinds[i]);
        EVP_PKEY *key = NULL;
        assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &key)));
        EVP_PKEY *pub = X509_get0_pubkey(w.x);
        assert_int_equal(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(pub));
        assert_int_equal(EVP_PKEY_get_security_bits(key), EVP_PKEY_get_security_bits(pub));
        assert_int_equal(EVP_PKEY_get_size(key), EVP_PKEY_get_size(pub));
        assert_int_equal(EVP_PKEY_get_id(key), EVP_PKEY_get_id(pub));
        assert_int_equal(EVP_PKEY_eq(pub, key), 1);
        assert_int_equal(EVP_PKEY_eq(key, pub), 1);
        assert_int_equal(X509_check_private_key(w.x, key), 1);
        struct test_cert other;
        assert_true(test_cert_make(kinds[i], 2, &other));
        X509 *x = read_cert(&other);
        assert_int_not_equal(X509_check_private_key(x, key), 1);
        ERR_clear_error();
        X509_free(x);
        test_cert_done(&other);
        EVP_PKEY_free(key);
        world_done(&w);
    }
}

static void the_private_half_can_not_be_exported(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct world w;
        world_init(&w, kinds[i]);
        EVP_PKEY *key = NULL;
        assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &key)));
        OSSL_PARAM *params = NULL;
        assert_int_not_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 1);
        assert_null(params);
        BIO *b = BIO_new(BIO_s_mem());
        assert_int_not_equal(PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), 1);
        BIO_free(b);
        ERR_clear_error();
        EVP_PKEY_free(key);
        world_done(&w);
    }
}

static void what_no_handshake_asks_for_is_not_signed(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "rsa2048");
    EVP_PKEY *key = NULL;
    unsigned char sig[SUT_REMOTE_SIGNATURE_MAX];
    assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &key)));
    static const char *const others[] = { "SHA1", "MD5", "SHA224", "SHA3-256", "no digest" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(sign_text(&w, key, others[i], false, sig), 0);

    /* PSS with another salt than the digest's length, or with none told; raw RSA. */
    for (int turn = 0; turn < 3; turn++) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        EVP_PKEY_CTX *pc = NULL;
        size_t n = sizeof(sig);
        assert_int_equal(EVP_DigestSignInit_ex(c, &pc, "SHA256", sut_remote_keys_libctx(w.keys),
                                               NULL, key, NULL),
                         1);
        if (turn < 2)
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING), 1);
        else
            assert_int_not_equal(EVP_PKEY_CTX_set_rsa_padding(pc, RSA_NO_PADDING), 1);
        if (turn == 1)
            assert_int_not_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_MAX), 1);
        const unsigned before = atomic_load(&w.other.calls);
        assert_int_not_equal(EVP_DigestSign(c, sig, &n, (const unsigned char *) text, sizeof(text)),
                             1);
        assert_int_equal(atomic_load(&w.other.calls), before);
        EVP_MD_CTX_free(c);
    }
    ERR_clear_error();
    EVP_PKEY_free(key);
    world_done(&w);
}

static void updates_and_copies_sign_the_same_text(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    EVP_PKEY *key = NULL;
    assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &key)));
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(
        EVP_DigestSignInit_ex(c, NULL, "SHA256", sut_remote_keys_libctx(w.keys), NULL, key, NULL),
        1);
    assert_int_equal(EVP_DigestSignUpdate(c, text, 5), 1);
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    assert_int_equal(EVP_MD_CTX_copy_ex(copy, c), 1);
    EVP_MD_CTX *both[] = { c, copy };
    for (size_t i = 0; i < 2; i++) {
        unsigned char sig[SUT_REMOTE_SIGNATURE_MAX];
        size_t n = sizeof(sig);
        assert_int_equal(EVP_DigestSignUpdate(both[i], text + 5, sizeof(text) - 5), 1);
        assert_int_equal(EVP_DigestSignFinal(both[i], sig, &n), 1);
        assert_true(verifies(&w, "SHA256", false, sig, n));
        EVP_MD_CTX_free(both[i]);
    }
    EVP_PKEY_free(key);
    world_done(&w);
}

static void a_key_that_the_signer_does_not_have_is_found_at_once(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    struct test_cert other;
    assert_true(test_cert_make("P-256", 2, &other));
    X509 *x = read_cert(&other);
    EVP_PKEY *key = NULL;
    assert_int_equal(sut_remote_key_of(w.keys, x, &key).code, SUT_E_NOT_FOUND);
    assert_null(key);
    X509_free(x);
    test_cert_done(&other);
    world_done(&w);
}

static void a_signer_that_answers_wrongly_is_found_at_once(void **state)
{
    (void) state;
    static const struct {
        enum manner manner;
        enum sut_ecode code;
    } rows[] = {
        { FAILS, SUT_E_UNAVAILABLE }, { GARBAGE, SUT_E_CORRUPT },
        { TOO_LONG, SUT_E_CORRUPT },  { TOO_SHORT, SUT_E_CORRUPT },
        { EMPTY, SUT_E_CORRUPT },     { LIES_ABOUT_LENGTH, SUT_E_CORRUPT },
    };
    for (int k = 0; k < 2; k++) {
        struct world w;
        world_init(&w, k == 0 ? "rsa2048" : "P-384");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            EVP_PKEY *key = NULL;
            w.other.manner = rows[i].manner;
            assert_int_equal(sut_remote_key_of(w.keys, w.x, &key).code, rows[i].code);
            assert_null(key);
        }
        world_done(&w);
    }
}

static void a_signer_that_fails_later_is_no_signature(void **state)
{
    (void) state;
    for (int k = 0; k < 2; k++) {
        struct world w;
        world_init(&w, k == 0 ? "rsa2048" : "P-521");
        EVP_PKEY *key = NULL;
        unsigned char sig[SUT_REMOTE_SIGNATURE_MAX];
        assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &key)));
        static const enum manner bad[] = { FAILS, TOO_LONG, EMPTY, LIES_ABOUT_LENGTH };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            w.other.manner = bad[i];
            assert_int_equal(sign_text(&w, key, "SHA256", false, sig), 0);
        }
        w.other.manner = HONEST;
        assert_true(sign_text(&w, key, "SHA256", false, sig) > 0);
        EVP_PKEY_free(key);
        world_done(&w);
    }
}

static void other_kinds_of_keys_are_refused(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    static const char *const bad[] = { "rsa1024", "rsa-pss2048", "secp256k1", "ed25519" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct test_cert c;
        struct sut_tls_key *k = NULL;
        EVP_PKEY *key = NULL;
        const char *why = NULL;
        assert_true(test_cert_make(bad[i], 1, &c));
        assert_int_equal(sut_tls_key_load(test_cert_private(&c), &k).code, SUT_E_INVALID);
        assert_null(k);
        X509 *x = read_cert(&c);
        assert_int_equal(sut_remote_key_of(w.keys, x, &key).code, SUT_E_INVALID);
        assert_null(key);
        X509_free(x);
        assert_int_equal(sut_tls_pair_check(test_cert_chain(&c), test_cert_private(&c), &why).code,
                         SUT_E_INVALID);
        assert_non_null(strstr(why, "key"));
        test_cert_done(&c);
    }
    world_done(&w);
}

static void what_is_no_key_is_refused(void **state)
{
    (void) state;
    struct test_cert c;
    assert_true(test_cert_make("P-256", 1, &c));
    struct sut_tls_key *k = NULL;
    const sut_str bad[] = { SUT_STR(""), SUT_STR("no key"), test_cert_chain(&c),
                            sut_str_sub(test_cert_private(&c), 0, c.key_n / 2) };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sut_tls_key_load(bad[i], &k).code, SUT_E_INVALID);

    /* One with a passphrase: nobody is asked for it. */
    EVP_PKEY *key = test_cert_key("P-256");
    BIO *b = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(b, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL), 1);
    size_t n = 0;
    char *pem = test_cert_text(b, &n);
    assert_int_equal(sut_tls_key_load(sut_str_of(pem, n), &k).code, SUT_E_INVALID);
    assert_null(k);
    OPENSSL_free(pem);
    EVP_PKEY_free(key);
    test_cert_done(&c);
}

static void schemes_that_are_not_the_keys_are_refused(void **state)
{
    (void) state;
    for (int r = 0; r < 2; r++) {
        struct world w;
        world_init(&w, r == 0 ? "rsa2048" : "P-256");
        struct sut_tls_key *k = w.other.keys[0];
        static const size_t sizes[] = { 32, 48, 64 };
        char digest[65] = { 0 };
        unsigned char sig[SUT_REMOTE_SIGNATURE_MAX];
        size_t n = 0;
        for (unsigned s = 0; s <= 12; s++) {
            const bool is_rsa = s <= 6;
            const bool is_scheme = s >= 1 && s <= 9;
            for (size_t len = 0; len <= 65; len++) {
                const bool fits = is_scheme && is_rsa == (r == 0) && len == sizes[(s - 1) % 3];
                const sut_err e = sut_tls_key_sign(k, (enum sut_remote_scheme) s,
                                                   sut_str_of(digest, len), sig, &n);
                assert_int_equal(e.code, fits ? SUT_E_OK : SUT_E_INVALID);
            }
        }
        world_done(&w);
    }
}

static void a_key_has_one_name_however_it_is_written(void **state)
{
    (void) state;
    EVP_PKEY *key = test_cert_key("P-256");
    unsigned char first[SUT_REMOTE_KEY_ID];
    static const char *const forms[] = { "uncompressed", "compressed" };
    for (size_t i = 0; i < 2; i++) {
        struct test_cert c;
        assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "point-format", forms[i]), 1);
        assert_true(test_cert_over(key, 1, &c));
        struct world w = { 0 };
        assert_false(sut_failed(sut_tls_key_load(test_cert_private(&c), &w.other.keys[0])));
        w.other.n = 1;
        if (i == 0)
            memcpy(first, sut_tls_key_id(w.other.keys[0]), sizeof(first));
        assert_memory_equal(sut_tls_key_id(w.other.keys[0]), first, sizeof(first));
        w.signer = (struct sut_remote_signer){ .sign = sign, .ctx = &w.other };
        assert_false(sut_failed(sut_remote_keys_create(&w.signer, &w.keys)));
        w.x = read_cert(&c);
        EVP_PKEY *remote = NULL;
        assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &remote)));
        EVP_PKEY_free(remote);
        world_done(&w);
        test_cert_done(&c);
    }
    EVP_PKEY_free(key);
}

static void a_pair_is_judged_before_it_is_used(void **state)
{
    (void) state;
    struct test_cert one;
    struct test_cert two;
    const char *why = NULL;
    assert_true(test_cert_make("P-256", 1, &one));
    assert_true(test_cert_make("P-256", 2, &two));
    assert_false(
        sut_failed(sut_tls_pair_check(test_cert_chain(&one), test_cert_private(&one), &why)));
    assert_null(why);
    assert_int_equal(sut_tls_pair_check(test_cert_chain(&one), test_cert_private(&two), &why).code,
                     SUT_E_INVALID);
    assert_non_null(strstr(why, "belong"));
    assert_int_equal(sut_tls_pair_check(SUT_STR("x"), test_cert_private(&two), &why).code,
                     SUT_E_INVALID);
    assert_non_null(strstr(why, "certificate"));
    assert_int_equal(sut_tls_pair_check(test_cert_chain(&one), SUT_STR(""), NULL).code,
                     SUT_E_INVALID);
    test_cert_done(&one);
    test_cert_done(&two);
}

enum { THREADS = 8, ROUNDS = 40 };

struct team {
    struct world *w;
    EVP_PKEY *key;
    _Atomic unsigned good;
};

static void *sign_often(void *arg)
{
    struct team *t = arg;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned char sig[SUT_REMOTE_SIGNATURE_MAX];
        const size_t n = sign_text(t->w, t->key, digests[i % 3], false, sig);
        if (n > 0 && verifies(t->w, digests[i % 3], false, sig, n))
            atomic_fetch_add(&t->good, 1);
        EVP_PKEY *again = NULL;
        if (i % 8 == 0 && !sut_failed(sut_remote_key_of(t->w->keys, t->w->x, &again)))
            EVP_PKEY_free(again);
    }
    return NULL;
}

static void many_threads_sign_at_once(void **state)
{
    (void) state;
    for (int k = 0; k < 2; k++) {
        struct world w;
        world_init(&w, k == 0 ? "rsa2048" : "P-256");
        struct team t = { .w = &w };
        assert_false(sut_failed(sut_remote_key_of(w.keys, w.x, &t.key)));
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, sign_often, &t), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(atomic_load(&t.good), THREADS * ROUNDS);
        EVP_PKEY_free(t.key);
        world_done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_signs_with_every_scheme),
        cmocka_unit_test(the_key_answers_as_its_certificate_does),
        cmocka_unit_test(the_private_half_can_not_be_exported),
        cmocka_unit_test(what_no_handshake_asks_for_is_not_signed),
        cmocka_unit_test(updates_and_copies_sign_the_same_text),
        cmocka_unit_test(a_key_that_the_signer_does_not_have_is_found_at_once),
        cmocka_unit_test(a_signer_that_answers_wrongly_is_found_at_once),
        cmocka_unit_test(a_signer_that_fails_later_is_no_signature),
        cmocka_unit_test(other_kinds_of_keys_are_refused),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(schemes_that_are_not_the_keys_are_refused),
        cmocka_unit_test(a_key_has_one_name_however_it_is_written),
        cmocka_unit_test(a_pair_is_judged_before_it_is_used),
        cmocka_unit_test(many_threads_sign_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
