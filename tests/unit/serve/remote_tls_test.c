/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "crypto/remote_key.h"
#include "net/tls.h"
#include "test_cert.h"

/* The process that has the keys, played by this one. */
enum { KEYS_MAX = 4 };

struct keeper {
    struct sut_tls_key *keys[KEYS_MAX];
    size_t n;
    _Atomic unsigned calls;
    _Atomic int delay_ms;  /* it is away for so long */
    _Atomic bool is_gone;  /* it does not come back */
    _Atomic bool is_wrong; /* what it signs does not fit */
};

static sut_err sign(void *ctx, const unsigned char id[SUT_REMOTE_KEY_ID],
                    enum sut_remote_scheme scheme, sut_str digest,
                    unsigned char ret[SUT_REMOTE_SIGNATURE_MAX], size_t *ret_n)
{
    struct keeper *k = ctx;
    atomic_fetch_add(&k->calls, 1);
    if (atomic_load(&k->delay_ms) > 0)
        pause_ms((unsigned) atomic_load(&k->delay_ms));
    if (atomic_load(&k->is_gone))
        FAIL(UNAVAILABLE);
    for (size_t i = 0; i < k->n; i++) {
        if (memcmp(sut_tls_key_id(k->keys[i]), id, SUT_REMOTE_KEY_ID) != 0)
            continue;
        TRY(sut_tls_key_sign(k->keys[i], scheme, digest, ret, ret_n));
        if (atomic_load(&k->is_wrong))
            ret[*ret_n - 1] ^= 1;
        return SUT_OK;
    }
    FAIL(NOT_FOUND);
}

struct world {
    struct keeper keeper;
    struct sut_remote_signer signer;
    struct sut_remote_keys *remote;
    struct test_cert certs[KEYS_MAX];
    struct sut_tls_settings settings;
    struct app app;
};

/* A key more for the keeper, with a certificate of this serial number. */
static void add_key(struct world *w, const char *kind, long serial)
{
    const size_t i = w->keeper.n;
    assert_true(test_cert_make(kind, serial, &w->certs[i]));
    assert_false(sut_failed(sut_tls_key_load(test_cert_private(&w->certs[i]), &w->keeper.keys[i])));
    w->keeper.n++;
}

static void world_init(struct world *w, const char *kind)
{
    *w = (struct world){ 0 };
    signal(SIGPIPE, SIG_IGN);
    add_key(w, kind, 1);
    w->signer = (struct sut_remote_signer){ .sign = sign, .ctx = &w->keeper };
    assert_false(sut_failed(sut_remote_keys_create(&w->signer, &w->remote)));
    w->settings = (struct sut_tls_settings){ .policy = SUT_TLS_2026,
                                             .cert_pem = test_cert_chain(&w->certs[0]),
                                             .remote = w->remote };
    app_init(&w->app);
    w->app.options.tls = &w->settings;
    w->app.options.loops = 2;
}

static void world_done(struct world *w)
{
    app_stop(&w->app);
    sut_remote_keys_free(&w->remote);
    for (size_t i = 0; i < w->keeper.n; i++) {
        sut_tls_key_free(&w->keeper.keys[i]);
        test_cert_done(&w->certs[i]);
    }
}

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static void client_init(struct client *c, const struct app *a, int version)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(c->ctx, version == 0 ? TLS1_2_VERSION : version);
    SSL_CTX_set_max_proto_version(c->ctx, version == 0 ? TLS1_3_VERSION : version);
    c->ssl = SSL_new(c->ctx);
    c->fd = client_open(a);
    assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
}

static void client_done(struct client *c)
{
    if (SSL_is_init_finished(c->ssl))
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

/* The serial number of the server's certificate; 0 when the handshake failed. */
static long shake(struct client *c, const struct app *a, int version)
{
    client_init(c, a, version);
    if (SSL_connect(c->ssl) != 1) {
        ERR_clear_error();
        return 0;
    }
    return ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(c->ssl)));
}

static bool asks_well(struct client *c)
{
    static const char text[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    char got[2048];
    if (SSL_write(c->ssl, text, sizeof(text) - 1) <= 0)
        return false;
    size_t n = 0;
    while (n < sizeof(got) - 1) {
        const int more = SSL_read(c->ssl, got + n, (int) (sizeof(got) - 1 - n));
        if (more <= 0)
            return false;
        n += (size_t) more;
        got[n] = '\0';
        if (strstr(got, "hello") != NULL)
            return true;
    }
    return false;
}

static void handshakes_of_both_versions_with_every_kind_of_key(void **state)
{
    (void) state;
    static const char *const kinds[] = { "rsa2048", "rsa3072", "P-256", "P-384", "P-521" };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct world w;
        world_init(&w, kinds[i]);
        app_start(&w.app, SUT_LISTENER_TLS);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct client c;
            const unsigned before = atomic_load(&w.keeper.calls);
            assert_int_equal(shake(&c, &w.app, version), 1);
            assert_int_equal(SSL_version(c.ssl), version);
            assert_int_equal(atomic_load(&w.keeper.calls), before + 1);
            assert_true(asks_well(&c));
            client_done(&c);
        }
        world_done(&w);
    }
}

/* What a client may be content with in TLS 1.2, and what the keeper is then asked for. */
static void every_signature_that_we_offer_is_made(void **state)
{
    (void) state;
    static struct {
        const char *kind;
        char wish[24]; /* OpenSSL takes it as not constant */
        bool fits;
    } rows[] = {
        { "rsa2048", "rsa_pss_rsae_sha256", true }, { "rsa2048", "rsa_pss_rsae_sha384", true },
        { "rsa2048", "rsa_pss_rsae_sha512", true }, { "rsa2048", "RSA+SHA256", true },
        { "rsa2048", "RSA+SHA384", true },          { "rsa2048", "RSA+SHA512", true },
        { "rsa2048", "RSA+SHA1", false },           { "rsa2048", "RSA+SHA224", false },
        { "P-256", "ECDSA+SHA256", true },          { "P-256", "ECDSA+SHA384", true },
        { "P-256", "ECDSA+SHA512", true },          { "P-256", "ECDSA+SHA1", false },
        { "P-256", "RSA+SHA256", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        struct client c;
        world_init(&w, rows[i].kind);
        app_start(&w.app, SUT_LISTENER_TLS);
        client_init(&c, &w.app, TLS1_2_VERSION);
        SSL_set_security_level(c.ssl, 0);
        assert_int_equal(SSL_set1_sigalgs_list(c.ssl, rows[i].wish), 1);
        assert_int_equal(SSL_connect(c.ssl) == 1, rows[i].fits);
        ERR_clear_error();
        client_done(&c);
        world_done(&w);
    }
}

static void a_keeper_that_is_away_for_a_moment_delays_and_breaks_nothing(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    app_start(&w.app, SUT_LISTENER_TLS);
    atomic_store(&w.keeper.delay_ms, 300);
    struct client c;
    assert_int_equal(shake(&c, &w.app, 0), 1);
    assert_true(asks_well(&c));
    client_done(&c);
    world_done(&w);
}

static void a_keeper_that_is_gone_fails_the_handshake_and_nothing_else(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "rsa2048");
    app_start(&w.app, SUT_LISTENER_TLS);
    struct client early;
    assert_int_equal(shake(&early, &w.app, 0), 1);
    atomic_store(&w.keeper.is_gone, true);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct client c;
        assert_int_equal(shake(&c, &w.app, version), 0);
        client_done(&c);
    }
    wait_for_count(&w.app, COUNT(tls_failed), 2);
    assert_true(asks_well(&early));
    client_done(&early);
    atomic_store(&w.keeper.is_gone, false);
    struct client c;
    assert_int_equal(shake(&c, &w.app, 0), 1);
    client_done(&c);
    world_done(&w);
}

static void a_keeper_that_signs_wrongly_deceives_no_client(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    app_start(&w.app, SUT_LISTENER_TLS);
    atomic_store(&w.keeper.is_wrong, true);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct client c;
        assert_int_equal(shake(&c, &w.app, version), 0);
        client_done(&c);
    }
    world_done(&w);
}

static void a_certificate_without_its_key_is_told(void **state)
{
    (void) state;
    struct world w;
    struct sut_tls_ctx *ctx = NULL;
    struct sut_diag diag = { .text = "" };
    world_init(&w, "P-256");
    struct test_cert other;
    assert_true(test_cert_make("P-256", 9, &other));
    struct sut_tls_settings s = w.settings;
    s.cert_pem = test_cert_chain(&other);
    assert_int_equal(sut_tls_ctx_create(&s, &ctx, &diag).code, SUT_E_NOT_FOUND);
    assert_non_null(strstr(diag.text, "belong"));
    test_cert_done(&other);

    assert_true(test_cert_make("ed25519", 9, &other));
    s.cert_pem = test_cert_chain(&other);
    assert_int_equal(sut_tls_ctx_create(&s, &ctx, &diag).code, SUT_E_INVALID);
    assert_non_null(strstr(diag.text, "neither RSA"));
    test_cert_done(&other);

    s.cert_pem = SUT_STR("no certificate");
    assert_int_equal(sut_tls_ctx_create(&s, &ctx, &diag).code, SUT_E_INVALID);
    assert_non_null(strstr(diag.text, "PEM"));

    s = w.settings;
    atomic_store(&w.keeper.is_gone, true);
    assert_int_equal(sut_tls_ctx_create(&s, &ctx, &diag).code, SUT_E_UNAVAILABLE);
    assert_non_null(strstr(diag.text, "sign"));
    atomic_store(&w.keeper.is_gone, false);
    assert_null(ctx);
    app_start(&w.app, SUT_LISTENER_TLS);
    world_done(&w);
}

/* --- another certificate while it runs --- */

static void a_new_certificate_is_for_new_connections(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    app_start(&w.app, SUT_LISTENER_TLS);
    struct client old[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(shake(&old[i], &w.app, 0), 1);
    add_key(&w, "rsa2048", 2);
    struct sut_tls_settings s = w.settings;
    s.cert_pem = test_cert_chain(&w.certs[1]);
    assert_false(sut_failed(sut_server_set_tls(w.app.server, &s, NULL)));
    for (int i = 0; i < 4; i++) {
        struct client c;
        assert_int_equal(shake(&c, &w.app, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION), 2);
        assert_true(asks_well(&c));
        client_done(&c);
        assert_true(asks_well(&old[i]));
    }
    for (int i = 0; i < 4; i++)
        client_done(&old[i]);
    world_done(&w);
}

static void a_bad_new_certificate_changes_nothing(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    app_start(&w.app, SUT_LISTENER_TLS);
    struct test_cert other;
    assert_true(test_cert_make("P-256", 9, &other));
    struct sut_tls_settings s = w.settings;
    struct sut_diag diag = { .text = "" };
    s.cert_pem = test_cert_chain(&other);
    assert_int_equal(sut_server_set_tls(w.app.server, &s, &diag).code, SUT_E_NOT_FOUND);
    assert_true(diag.text[0] != '\0');
    s.cert_pem = SUT_STR("");
    assert_int_equal(sut_server_set_tls(w.app.server, &s, &diag).code, SUT_E_INVALID);
    struct client c;
    assert_int_equal(shake(&c, &w.app, 0), 1);
    assert_true(asks_well(&c));
    client_done(&c);
    test_cert_done(&other);
    world_done(&w);
}

static void a_server_without_tls_takes_no_certificate(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    w.app.options.tls = NULL;
    app_start(&w.app, 0);
    struct sut_diag diag = { .text = "" };
    assert_int_equal(sut_server_set_tls(w.app.server, &w.settings, &diag).code, SUT_E_INVALID);
    assert_non_null(strstr(diag.text, "HTTPS"));
    world_done(&w);
}

static void tickets_outlive_a_new_certificate(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    app_start(&w.app, SUT_LISTENER_TLS);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct client c;
        assert_true(shake(&c, &w.app, version) > 0);
        assert_true(asks_well(&c));
        SSL_SESSION *session = SSL_get1_session(c.ssl);
        client_done(&c);
        if (w.keeper.n < 2)
            add_key(&w, "P-256", 2);
        struct sut_tls_settings s = w.settings;
        s.cert_pem = test_cert_chain(&w.certs[version == TLS1_2_VERSION ? 1 : 0]);
        assert_false(sut_failed(sut_server_set_tls(w.app.server, &s, NULL)));
        client_init(&c, &w.app, version);
        assert_int_equal(SSL_set_session(c.ssl, session), 1);
        assert_int_equal(SSL_connect(c.ssl), 1);
        assert_int_equal(SSL_session_reused(c.ssl), 1);
        assert_true(asks_well(&c));
        client_done(&c);
        SSL_SESSION_free(session);
    }
    world_done(&w);
}

/* A handshake that has begun under the old context ends under it. */
static void a_handshake_in_the_middle_keeps_its_certificate(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    app_start(&w.app, SUT_LISTENER_TLS);
    struct client c;
    client_init(&c, &w.app, TLS1_2_VERSION);
    /* The first bytes of a record, so that the server has the connection and waits for the rest. */
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(c.ssl, BIO_new(BIO_s_mem()), out);
    assert_int_equal(SSL_connect(c.ssl), -1);
    char *hello = NULL;
    const long n = BIO_get_mem_data(out, &hello);
    assert_true(n > 20);
    assert_int_equal(send(c.fd, hello, 20, MSG_NOSIGNAL), 20);
    while (sut_server_count(w.app.server).connections == 0)
        pause_ms(5);
    add_key(&w, "P-256", 2);
    struct sut_tls_settings s = w.settings;
    s.cert_pem = test_cert_chain(&w.certs[1]);
    assert_false(sut_failed(sut_server_set_tls(w.app.server, &s, NULL)));
    assert_int_equal(send(c.fd, hello + 20, (size_t) n - 20, MSG_NOSIGNAL), n - 20);
    assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
    assert_int_equal(SSL_connect(c.ssl), 1);
    assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(SSL_get0_peer_certificate(c.ssl))), 1);
    assert_true(asks_well(&c));
    client_done(&c);
    world_done(&w);
}

enum { CLIENTS = 16, SWAPS = 20 };

struct crowd {
    struct world *w;
    _Atomic bool is_over;
    _Atomic unsigned good;
    _Atomic unsigned bad;
};

static void *keep_shaking(void *arg)
{
    struct crowd *crowd = arg;
    unsigned turn = 0;
    while (!atomic_load(&crowd->is_over)) {
        struct client c;
        const int version = turn++ % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
        const bool is_good = shake(&c, &crowd->w->app, version) > 0 && asks_well(&c);
        atomic_fetch_add(is_good ? &crowd->good : &crowd->bad, 1);
        client_done(&c);
    }
    return NULL;
}

static void certificates_are_swapped_while_clients_come(void **state)
{
    (void) state;
    struct world w;
    world_init(&w, "P-256");
    app_start(&w.app, SUT_LISTENER_TLS);
    add_key(&w, "rsa2048", 2);
    struct crowd crowd = { .w = &w };
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_shaking, &crowd), 0);
    for (int i = 1; i <= SWAPS; i++) {
        struct sut_tls_settings s = w.settings;
        s.cert_pem = test_cert_chain(&w.certs[i % 2]);
        assert_false(sut_failed(sut_server_set_tls(w.app.server, &s, NULL)));
        struct client c;
        assert_int_equal(shake(&c, &w.app, 0), i % 2 + 1);
        client_done(&c);
    }
    atomic_store(&crowd.is_over, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.bad), 0);
    assert_true(atomic_load(&crowd.good) > 0);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_of_both_versions_with_every_kind_of_key),
        cmocka_unit_test(every_signature_that_we_offer_is_made),
        cmocka_unit_test(a_keeper_that_is_away_for_a_moment_delays_and_breaks_nothing),
        cmocka_unit_test(a_keeper_that_is_gone_fails_the_handshake_and_nothing_else),
        cmocka_unit_test(a_keeper_that_signs_wrongly_deceives_no_client),
        cmocka_unit_test(a_certificate_without_its_key_is_told),
        cmocka_unit_test(a_new_certificate_is_for_new_connections),
        cmocka_unit_test(a_bad_new_certificate_changes_nothing),
        cmocka_unit_test(a_server_without_tls_takes_no_certificate),
        cmocka_unit_test(tickets_outlive_a_new_certificate),
        cmocka_unit_test(a_handshake_in_the_middle_keeps_its_certificate),
        cmocka_unit_test(certificates_are_swapped_while_clients_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
