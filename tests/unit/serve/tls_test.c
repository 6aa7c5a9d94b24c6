/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "crypto/cert.h"
#include "net/tls.h"

static struct sut_buf cert;
static struct sut_buf key;
static struct sut_tls_settings settings;

static int make_cert(void **state)
{
    (void) state;
    static const char *const names[] = { "localhost", "127.0.0.1" };
    signal(SIGPIPE, SIG_IGN); /* of OpenSSL as a client whose server has left */
    sut_buf_init(&cert, 16 * 1024);
    sut_buf_init(&key, 16 * 1024);
    const sut_ms now = sut_clock_now(&sut_clock_system);
    if (sut_failed(sut_cert_make(names, 2, now, 30, &cert, &key)))
        return -1;
    settings = (struct sut_tls_settings){ .policy = SUT_TLS_2026,
                                          .cert_pem = sut_buf_str(&cert),
                                          .key_pem = sut_buf_str(&key) };
    return 0;
}

static int drop_cert(void **state)
{
    (void) state;
    sut_buf_done(&cert);
    sut_buf_done(&key);
    return 0;
}

static void start(struct app *a, enum sut_tls_policy policy)
{
    app_init(a);
    settings.policy = policy;
    a->options.tls = &settings;
    app_start(a, SUT_LISTENER_TLS);
}

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

/* What the client may speak; alpn is in wire form or NULL. */
struct wish {
    int least;
    int most;
    const char *suites; /* of TLS 1.2 */
    const char *alpn;
    SSL_SESSION *session;
};

static void client_init(struct client *c, const struct app *a, struct wish w)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(c->ctx);
    SSL_CTX_set_security_level(c->ctx, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(c->ctx, w.least), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(c->ctx, w.most), 1);
    if (w.suites != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(c->ctx, w.suites), 1);
    c->ssl = SSL_new(c->ctx);
    assert_non_null(c->ssl);
    if (w.alpn != NULL)
        assert_int_equal(
            SSL_set_alpn_protos(c->ssl, (const unsigned char *) w.alpn, (unsigned) strlen(w.alpn)),
            0);
    if (w.session != NULL)
        assert_int_equal(SSL_set_session(c->ssl, w.session), 1);
    c->fd = client_open(a);
    assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
}

static bool shake(struct client *c, const struct app *a, struct wish w)
{
    client_init(c, a, w);
    return SSL_connect(c->ssl) == 1;
}

static void client_done(struct client *c)
{
    /* Without a goodbye OpenSSL marks the session as not to be resumed. */
    if (SSL_is_init_finished(c->ssl))
        SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static const struct wish ANY = { .least = TLS1_2_VERSION, .most = TLS1_3_VERSION };

/* Read to the end; true when the peer said goodbye properly. */
static bool read_to_end(struct client *c, struct sut_buf *b)
{
    for (;;) {
        char piece[4096];
        const int n = SSL_read(c->ssl, piece, sizeof(piece));
        if (n <= 0)
            return SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN;
        sut_buf_add(b, piece, (size_t) n);
    }
}

static void get(struct client *c, const char *path, struct sut_buf *b)
{
    sut_buf_reset(b);
    sut_buf_printf(b, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(SSL_write(c->ssl, b->p, (int) b->n), (int) b->n);
    sut_buf_reset(b);
    assert_true(read_to_end(c, b));
}

static void both_versions_are_spoken_and_closed_with_a_goodbye(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    for (size_t i = 0; i < 2; i++) {
        struct client c;
        const struct wish w = { .least = versions[i], .most = versions[i], .alpn = "\x08http/1.1" };
        assert_true(shake(&c, &a, w));
        assert_int_equal(SSL_version(c.ssl), versions[i]);
        const unsigned char *alpn = NULL;
        unsigned n = 0;
        SSL_get0_alpn_selected(c.ssl, &alpn, &n);
        assert_int_equal(n, 8);
        assert_memory_equal(alpn, "http/1.1", 8);
        struct sut_buf b;
        sut_buf_init(&b, BIG_BYTES + 4096);
        get(&c, "/hello", &b);
        assert_true(sut_str_ends(sut_buf_str(&b), SUT_STR("hello")));
        sut_buf_done(&b);
        client_done(&c);
    }
    app_stop(&a);
}

static void a_large_answer_comes_whole_to_a_slow_reader(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    struct client c;
    assert_true(shake(&c, &a, ANY));
    static const char ask_big[] = "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_true(SSL_write(c.ssl, ask_big, sizeof(ask_big) - 1) > 0);
    pause_ms(100);
    struct sut_buf b;
    sut_buf_init(&b, BIG_BYTES + 4096);
    assert_true(read_to_end(&c, &b));
    assert_true(b.n > BIG_BYTES);
    sut_buf_done(&b);
    client_done(&c);
    app_stop(&a);
}

static void old_versions_are_refused(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };
    for (size_t i = 0; i < 2; i++) {
        struct client c;
        const struct wish w = { .least = old[i], .most = old[i], .suites = "ALL:@SECLEVEL=0" };
        assert_false(shake(&c, &a, w));
        client_done(&c);
    }
    assert_int_equal(atomic_load(&a.handled), 0);
    wait_for_count(&a, COUNT(tls_failed), 2);
    app_stop(&a);
}

static void suites_without_forward_secrecy_or_aead_are_refused(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    static const char *const bad[] = { "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256",
                                       "AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA384",
                                       "DHE-RSA-AES128-GCM-SHA256" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct client c;
        const struct wish w = { .least = TLS1_2_VERSION, .most = TLS1_2_VERSION, .suites = bad[i] };
        assert_false(shake(&c, &a, w));
        client_done(&c);
    }
    static const char *const good[] = { "ECDHE-ECDSA-AES128-GCM-SHA256",
                                        "ECDHE-ECDSA-AES256-GCM-SHA384",
                                        "ECDHE-ECDSA-CHACHA20-POLY1305" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct client c;
        const struct wish w = { .least = TLS1_2_VERSION,
                                .most = TLS1_2_VERSION,
                                .suites = good[i] };
        assert_true(shake(&c, &a, w));
        client_done(&c);
    }
    app_stop(&a);
}

static void the_narrow_policy_has_exactly_its_suites(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026_GCM128);
    struct client c;
    struct wish w = { .least = TLS1_2_VERSION, .most = TLS1_2_VERSION, .suites = "ALL" };
    assert_true(shake(&c, &a, w));
    assert_string_equal(SSL_get_cipher_name(c.ssl), "ECDHE-ECDSA-AES128-GCM-SHA256");
    client_done(&c);
    w.suites = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305";
    assert_false(shake(&c, &a, w));
    client_done(&c);
    app_stop(&a);
}

static void a_client_that_speaks_only_other_protocols_is_refused(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    struct client c;
    struct wish w = ANY;
    w.alpn = "\x02h2";
    assert_false(shake(&c, &a, w));
    client_done(&c);
    w.alpn = "\x02h2\x08http/1.1";
    assert_true(shake(&c, &a, w));
    client_done(&c);
    app_stop(&a);
}

static void a_client_comes_back_by_ticket_on_any_loop(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    settings.policy = SUT_TLS_2026;
    a.options.tls = &settings;
    a.options.loops = 2;
    app_start(&a, SUT_LISTENER_TLS);
    struct sut_buf b;
    sut_buf_init(&b, 64 * 1024);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct client c;
        struct wish w = { .least = version, .most = version };
        assert_true(shake(&c, &a, w));
        get(&c, "/hello", &b);
        SSL_SESSION *session = SSL_get1_session(c.ssl);
        assert_non_null(session);
        assert_true(SSL_SESSION_get_ticket_lifetime_hint(session) <= SUT_TLS_SESSION_S);
        client_done(&c);
        struct client many[6];
        w.session = session;
        for (int i = 0; i < 6; i++) {
            assert_true(shake(&many[i], &a, w));
            assert_int_equal(SSL_session_reused(many[i].ssl), 1);
        }
        for (int i = 0; i < 6; i++)
            client_done(&many[i]);
        SSL_SESSION_free(session);
    }
    sut_buf_done(&b);
    app_stop(&a);
}

static void renegotiation_is_refused(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    struct client c;
    const struct wish w = { .least = TLS1_2_VERSION, .most = TLS1_2_VERSION };
    assert_true(shake(&c, &a, w));
    SSL_renegotiate(c.ssl);
    assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
    client_done(&c);
    app_stop(&a);
}

static void plain_http_on_the_tls_port_is_closed_cleanly(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    const int fd = client_open(&a);
    client_send(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    char *got = client_read_all(fd, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "hello"), 0);
    /* An end, not a reset. */
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), 0);
    sut_mem_free(got);
    close(fd);
    assert_int_equal(atomic_load(&a.handled), 0);
    app_stop(&a);
}

static void a_handshake_that_stalls_is_ended(void **state)
{
    (void) state;
    struct app a;
    app_init(&a);
    settings.policy = SUT_TLS_2026;
    a.options.tls = &settings;
    a.options.timeouts.handshake_ms = 100;
    app_start(&a, SUT_LISTENER_TLS);
    const int fd = client_open(&a);
    client_send(fd, "\x16\x03\x01\x02");
    size_t n = 1;
    char *got = client_read_all(fd, PATIENCE_MS, &n);
    assert_int_equal(n, 0);
    wait_for_count(&a, COUNT(timeouts), 1);
    sut_mem_free(got);
    close(fd);
    app_stop(&a);
}

/* A relay that cuts the client's bytes into pieces of one, over a socket pair. */
static void up_by_bytes(struct sut_filter *f, sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        sut_filter_up_bytes(f, sut_str_of(s.p + i, 1));
}

static void one_byte_at_a_time_changes_nothing(void **state)
{
    (void) state;
    static const struct sut_filter_ops one_byte = { .name = "one byte", .on_bytes = up_by_bytes };
    struct app a;
    app_init(&a);
    settings.policy = SUT_TLS_2026;
    a.options.tls = &settings;
    a.options.between = &one_byte;
    app_start(&a, SUT_LISTENER_TLS);
    struct client c;
    assert_true(shake(&c, &a, ANY));
    struct sut_buf b;
    sut_buf_init(&b, 64 * 1024);
    get(&c, "/pool", &b);
    assert_true(sut_str_ends(sut_buf_str(&b), SUT_STR("from the pool")));
    sut_buf_done(&b);
    client_done(&c);
    app_stop(&a);
}

/* Random bytes in the middle of a connection end it and nothing else. */
static void garbage_after_the_handshake_ends_the_connection(void **state)
{
    (void) state;
    struct app a;
    start(&a, SUT_TLS_2026);
    struct client c;
    assert_true(shake(&c, &a, ANY));
    /* All at once: the server may hang up as soon as it has seen the record. */
    client_send(c.fd, "\x17\x03\x03\x01\x05"
                      "this is no record that anybody sealed, but it is as long as it says"
                      "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    (void) shutdown(c.fd, SHUT_WR);
    char *got = client_read_all(c.fd, PATIENCE_MS, NULL);
    assert_int_equal(count_of(got, "hello"), 0);
    sut_mem_free(got);
    client_done(&c);
    assert_int_equal(atomic_load(&a.handled), 0);
    app_stop(&a);
}

static void a_bad_certificate_or_key_is_told_at_start(void **state)
{
    (void) state;
    struct sut_tls_ctx *ctx = NULL;
    struct sut_diag diag = { .text = "" };
    struct sut_tls_settings s = settings;
    s.cert_pem = SUT_STR("not a certificate");
    assert_int_equal(sut_tls_ctx_create(&s, &ctx, &diag).code, SUT_E_INVALID);
    assert_non_null(strstr(diag.text, "certificate"));
    s = settings;
    s.key_pem = settings.cert_pem;
    assert_int_equal(sut_tls_ctx_create(&s, &ctx, &diag).code, SUT_E_INVALID);
    assert_non_null(strstr(diag.text, "key"));

    /* Another certificate's key. */
    struct sut_buf other_cert;
    struct sut_buf other_key;
    static const char *const names[] = { "other" };
    sut_buf_init(&other_cert, 16 * 1024);
    sut_buf_init(&other_key, 16 * 1024);
    assert_false(sut_failed(
        sut_cert_make(names, 1, sut_clock_now(&sut_clock_system), 30, &other_cert, &other_key)));
    s.key_pem = sut_buf_str(&other_key);
    assert_int_equal(sut_tls_ctx_create(&s, &ctx, &diag).code, SUT_E_INVALID);
    sut_buf_done(&other_cert);
    sut_buf_done(&other_key);
    assert_null(ctx);
    sut_tls_ctx_free(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_are_spoken_and_closed_with_a_goodbye),
        cmocka_unit_test(a_large_answer_comes_whole_to_a_slow_reader),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(suites_without_forward_secrecy_or_aead_are_refused),
        cmocka_unit_test(the_narrow_policy_has_exactly_its_suites),
        cmocka_unit_test(a_client_that_speaks_only_other_protocols_is_refused),
        cmocka_unit_test(a_client_comes_back_by_ticket_on_any_loop),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(plain_http_on_the_tls_port_is_closed_cleanly),
        cmocka_unit_test(a_handshake_that_stalls_is_ended),
        cmocka_unit_test(one_byte_at_a_time_changes_nothing),
        cmocka_unit_test(garbage_after_the_handshake_ends_the_connection),
        cmocka_unit_test(a_bad_certificate_or_key_is_told_at_start),
    };
    return cmocka_run_group_tests(tests, make_cert, drop_cert);
}
