/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "crypto/random.h"
#include "crypto/remote_key.h"
#include "net/tcp.h"

static const char SUITES_2026[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char SUITES_GCM128[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
static const char SUITES_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/* RFC 7301: a length and the name. */
static const unsigned char ALPN[] = "\x08http/1.1";

struct sut_tls_ctx {
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    unsigned refs; /* its owner and its connections, all of one thread */
};

struct sut_tls {
    struct sut_filter filter; /* first */
    struct sut_tls_ctx *ctx;
    SSL *ssl;
    struct sut_wire *wire;
    sut_str in; /* ciphertext of the call that runs */
    bool is_ready;
    bool is_closed;
    bool has_ended;
};

static int bio_read(BIO *b, char *to, int n)
{
    struct sut_tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    if (t->in.n == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    const size_t take = t->in.n < (size_t) n ? t->in.n : (size_t) n;
    memcpy(to, t->in.p, take);
    t->in = sut_str_sub(t->in, take, t->in.n);
    return (int) take;
}

/* Output gathers in the loop's buffer, so that one call of ours is one write. */
static int bio_write(BIO *b, const char *p, int n)
{
    struct sut_tls *t = BIO_get_data(b);
    struct sut_buf *out = sut_wire_out(t->wire);
    BIO_clear_retry_flags(b);
    if (n <= 0)
        return 0;
    sut_buf_add(out, p, (size_t) n);
    return out->overflowed ? -1 : n;
}

static long bio_ctrl(BIO *b, int cmd, long n, void *p)
{
    (void) b;
    (void) n;
    (void) p;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static int choose_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    (void) ssl;
    (void) arg;
    unsigned char *found = NULL;
    const int rc = SSL_select_next_proto(&found, ret_n, ALPN, sizeof(ALPN) - 1, in, in_n);
    *ret = found;
    return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Never ask a terminal for a passphrase: a key that has one is refused. */
static int no_passphrase(char *p, int n, int is_write, void *arg)
{
    (void) p;
    (void) n;
    (void) is_write;
    (void) arg;
    return -1;
}

static void free_bio(BIO **b)
{
    BIO_free(*b);
}

static void free_x509(X509 **x)
{
    X509_free(*x);
}

static void free_key(EVP_PKEY **k)
{
    EVP_PKEY_free(*k);
}

/* libctx NULL: the default one. */
static SUT_ERR use_chain(SSL_CTX *ssl, OSSL_LIB_CTX *libctx, sut_str pem)
{
    ENSURE(pem.n > 0 && pem.n <= INT_MAX, INVALID);
    DEFER(free_bio) BIO *b = BIO_new_mem_buf(pem.p, (int) pem.n);
    DEFER(free_x509) X509 *leaf = X509_new_ex(libctx, NULL);
    ENSURE(b != NULL && leaf != NULL, NOMEM);
    ENSURE(PEM_read_bio_X509(b, &leaf, no_passphrase, NULL) != NULL, INVALID);
    ENSURE(SSL_CTX_use_certificate(ssl, leaf) == 1, INVALID);
    for (;;) {
        X509 *next = PEM_read_bio_X509(b, NULL, no_passphrase, NULL);
        if (next == NULL)
            break;
        if (SSL_CTX_add0_chain_cert(ssl, next) != 1) {
            X509_free(next);
            FAIL(INVALID);
        }
    }
    /* The text ends with "no start line"; anything else is a broken certificate in the chain. */
    ENSURE(ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE, INVALID);
    return SUT_OK;
}

static SUT_ERR use_key(SSL_CTX *ssl, sut_str pem)
{
    ENSURE(pem.n > 0 && pem.n <= INT_MAX, INVALID);
    DEFER(free_bio) BIO *b = BIO_new_mem_buf(pem.p, (int) pem.n);
    ENSURE(b != NULL, NOMEM);
    DEFER(free_key) EVP_PKEY *key = PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL);
    ENSURE(key != NULL && SSL_CTX_use_PrivateKey(ssl, key) == 1, INVALID);
    ENSURE(SSL_CTX_check_private_key(ssl) == 1, INVALID);
    return SUT_OK;
}

/* One whose private half is elsewhere. */
static SUT_ERR use_remote_key(SSL_CTX *ssl, struct sut_remote_keys *remote,
                              struct sut_diag *reterr_diag)
{
    DEFER(free_key) EVP_PKEY *key = NULL;
    const sut_err e = sut_remote_key_of(remote, SSL_CTX_get0_certificate(ssl), &key);
    if (e.code == SUT_E_INVALID)
        sut_diag_set(reterr_diag, "the TLS certificate's key is neither RSA of 2048 to 8192 bits "
                                  "nor ECDSA on P-256, P-384 or P-521");
    else if (e.code == SUT_E_NOT_FOUND)
        sut_diag_set(reterr_diag, "the TLS key does not belong to the certificate");
    else if (sut_failed(e))
        sut_diag_set(reterr_diag, "the TLS key does not sign: %s", sut_err_info(e.code)->name);
    TRY(e);
    ENSURE(SSL_CTX_use_PrivateKey(ssl, key) == 1, SYSTEM);
    return SUT_OK;
}

static SUT_ERR set_policy(SSL_CTX *ssl, const struct sut_tls_settings *s)
{
    const char *suites = NULL;
    switch (s->policy) {
    case SUT_TLS_2026:
        suites = SUITES_2026;
        break;
    case SUT_TLS_2026_GCM128:
        suites = SUITES_GCM128;
        break;
    }
    ENSURE(suites != NULL, INVALID);
    ENSURE(SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1, SYSTEM);
    ENSURE(SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1, SYSTEM);
    ENSURE(SSL_CTX_set_cipher_list(ssl, suites) == 1, SYSTEM);
    ENSURE(SSL_CTX_set_ciphersuites(ssl, SUITES_13) == 1, SYSTEM);
    char groups[] = "X25519:P-256:P-384"; /* the macro casts const away */
    ENSURE(SSL_CTX_set1_groups_list(ssl, groups) == 1, SYSTEM);
    /* All that a remote key can sign with, in the server's order, and no more. */
    char signatures[] = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:"
                        "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                        "RSA+SHA256:RSA+SHA384:RSA+SHA512";
    ENSURE(SSL_CTX_set1_sigalgs_list(ssl, signatures) == 1, SYSTEM);
    SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_NO_COMPRESSION | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ssl, (long) (s->session_s == 0 ? SUT_TLS_SESSION_S : s->session_s));
    static const unsigned char context[] = "sutler";
    ENSURE(SSL_CTX_set_session_id_context(ssl, context, sizeof(context) - 1) == 1, SYSTEM);
    SSL_CTX_set_alpn_select_cb(ssl, choose_alpn, NULL);
    return SUT_OK;
}

static SUT_ERR fill(struct sut_tls_ctx *c, const struct sut_tls_settings *s,
                    struct sut_diag *reterr_diag)
{
    OSSL_LIB_CTX *libctx = s->remote == NULL ? NULL : sut_remote_keys_libctx(s->remote);
    c->ssl = SSL_CTX_new_ex(libctx, NULL, TLS_server_method());
    c->bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sutler chain");
    ENSURE(c->ssl != NULL && c->bio != NULL, NOMEM);
    BIO_meth_set_read(c->bio, bio_read);
    BIO_meth_set_write(c->bio, bio_write);
    BIO_meth_set_ctrl(c->bio, bio_ctrl);
    BIO_meth_set_create(c->bio, bio_create);
    TRY(set_policy(c->ssl, s));
    sut_err e = use_chain(c->ssl, libctx, s->cert_pem);
    if (sut_failed(e)) {
        sut_diag_set(reterr_diag, "the TLS certificate can't be read as PEM");
        return e;
    }
    if (s->remote != NULL)
        return use_remote_key(c->ssl, s->remote, reterr_diag);
    e = use_key(c->ssl, s->key_pem);
    if (sut_failed(e))
        sut_diag_set(reterr_diag,
                     "the TLS key can't be read as PEM, or does not belong to the certificate");
    return e;
}

SUT_ERR sut_tls_ctx_create(const struct sut_tls_settings *s, struct sut_tls_ctx **ret,
                           struct sut_diag *reterr_diag)
{
    DEFER(sut_tls_ctx_free) struct sut_tls_ctx *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    c->refs = 1;
    const sut_err e = fill(c, s, reterr_diag);
    ERR_clear_error();
    TRY(e);
    *ret = STEAL(c);
    return SUT_OK;
}

void sut_tls_ctx_free(struct sut_tls_ctx **pc)
{
    struct sut_tls_ctx *c = *pc;
    *pc = NULL;
    if (c == NULL || --c->refs > 0)
        return;
    SSL_CTX_free(c->ssl);
    BIO_meth_free(c->bio);
    sut_mem_free(c);
}

SUT_ERR sut_tls_ticket_key_make(uint8_t ret[SUT_TLS_TICKET_KEY_BYTES])
{
    return sut_random_fill(&sut_random_system, ret, SUT_TLS_TICKET_KEY_BYTES);
}

void sut_tls_ctx_set_ticket_key(struct sut_tls_ctx *c, const uint8_t key[SUT_TLS_TICKET_KEY_BYTES])
{
    uint8_t copy[SUT_TLS_TICKET_KEY_BYTES];
    memcpy(copy, key, sizeof(copy));
    SUT_BUG_IF(SSL_CTX_set_tlsext_ticket_keys(c->ssl, copy, (long) sizeof(copy)) != 1);
    explicit_bzero(copy, sizeof(copy));
}

void sut_tls_ctx_inherit(struct sut_tls_ctx *c, struct sut_tls_ctx *from)
{
    uint8_t key[SUT_TLS_TICKET_KEY_BYTES];
    SUT_BUG_IF(SSL_CTX_get_tlsext_ticket_keys(from->ssl, key, (long) sizeof(key)) != 1);
    sut_tls_ctx_set_ticket_key(c, key);
    explicit_bzero(key, sizeof(key));
}

static struct sut_tls *of(struct sut_filter *f)
{
    return (struct sut_tls *) f;
}

/* Hand down what OpenSSL wrote. */
static SUT_ERR flush(struct sut_tls *t)
{
    struct sut_buf *out = sut_wire_out(t->wire);
    sut_err e = sut_buf_check(out);
    if (!sut_failed(e) && out->n > 0) {
        const sut_str part = sut_buf_str(out);
        e = sut_filter_down_write(&t->filter, &part, 1);
    }
    enum { KEEP = 64 * 1024 };
    if (out->cap > KEEP)
        sut_buf_done(out);
    sut_buf_reset(out);
    return e;
}

static void end(struct sut_tls *t, enum sut_net_end why)
{
    if (t->is_closed || t->has_ended)
        return;
    t->has_ended = true;
    t->in = (sut_str){ 0 };
    sut_filter_up_end(&t->filter, why);
}

/* After a call of OpenSSL that returned no success: what it means. */
static void judge(struct sut_tls *t, int rc)
{
    const int what = SSL_get_error(t->ssl, rc);
    if (what == SSL_ERROR_WANT_READ) {
        if (sut_failed(flush(t)))
            end(t, SUT_NET_END_RESET);
        return;
    }
    ERR_clear_error();
    /* An alert may be on its way; that it gets through is a courtesy. */
    sut_ignore(flush(t), "the connection ends anyway");
    end(t, what == SSL_ERROR_ZERO_RETURN ? SUT_NET_END_EOF : SUT_NET_END_REFUSED);
}

static bool shake_hands(struct sut_tls *t)
{
    const int rc = SSL_accept(t->ssl);
    if (rc != 1) {
        judge(t, rc);
        return false;
    }
    if (sut_failed(flush(t))) {
        end(t, SUT_NET_END_RESET);
        return false;
    }
    t->is_ready = true;
    sut_filter_up_ready(&t->filter);
    return true;
}

static void tls_on_bytes(struct sut_filter *f, sut_str bytes)
{
    struct sut_tls *t = of(f);
    if (t->has_ended)
        return;
    t->in = bytes;
    ERR_clear_error();
    if (!t->is_ready && !shake_hands(t))
        return;
    size_t room;
    char *plain = sut_wire_scratch(t->wire, &room);
    while (!t->is_closed && !t->has_ended) {
        size_t n = 0;
        const int rc = SSL_read_ex(t->ssl, plain, room, &n);
        if (rc != 1) {
            judge(t, rc);
            return;
        }
        sut_filter_up_bytes(f, sut_str_of(plain, n));
    }
}

static void tls_on_ready(struct sut_filter *f)
{
    /* tcp's news; ours is the end of the handshake. */
    (void) f;
}

static void tls_on_end(struct sut_filter *f, enum sut_net_end why)
{
    end(of(f), why);
}

static SUT_ERR seal(struct sut_tls *t, sut_str s)
{
    while (s.n > 0) {
        size_t done = 0;
        ERR_clear_error();
        if (SSL_write_ex(t->ssl, s.p, s.n, &done) != 1) {
            ERR_clear_error();
            FAIL(SYSTEM);
        }
        s = sut_str_sub(s, done, s.n);
    }
    return SUT_OK;
}

static SUT_ERR tls_write(struct sut_filter *f, const sut_str *parts, size_t n)
{
    struct sut_tls *t = of(f);
    ENSURE(t->is_ready && !t->is_closed, SYSTEM);
    for (size_t i = 0; i < n; i++) {
        const sut_err e = seal(t, parts[i]);
        if (sut_failed(e)) {
            sut_buf_reset(sut_wire_out(t->wire));
            return e;
        }
    }
    return flush(t);
}

static void tls_shut(struct sut_filter *f)
{
    struct sut_tls *t = of(f);
    if (!t->is_closed && t->is_ready) {
        ERR_clear_error();
        SSL_shutdown(t->ssl);
        ERR_clear_error();
        sut_ignore(flush(t), "close_notify is a courtesy on an end that HTTP has told already");
    }
    sut_filter_down_shut(f);
}

static void tls_close(struct sut_filter *f)
{
    of(f)->is_closed = true;
    sut_filter_down_close(f);
}

static const struct sut_filter_ops tls_ops = {
    .name = "tls",
    .on_ready = tls_on_ready,
    .on_bytes = tls_on_bytes,
    .on_end = tls_on_end,
    .write = tls_write,
    .shut = tls_shut,
    .close = tls_close,
};

SUT_ERR sut_tls_create(struct sut_tls_ctx *c, struct sut_wire *w, struct sut_tls **ret)
{
    DEFER(sut_tls_free) struct sut_tls *t = sut_mem_zalloc(1, sizeof(*t));
    ENSURE(t != NULL, NOMEM);
    t->filter.ops = &tls_ops;
    t->wire = w;
    t->ctx = c;
    c->refs++;
    t->ssl = SSL_new(c->ssl);
    ENSURE(t->ssl != NULL, NOMEM);
    BIO *b = BIO_new(c->bio);
    ENSURE(b != NULL, NOMEM);
    BIO_set_data(b, t);
    SSL_set_bio(t->ssl, b, b);
    SSL_set_accept_state(t->ssl);
    *ret = STEAL(t);
    return SUT_OK;
}

void sut_tls_free(struct sut_tls **t)
{
    if (*t == NULL)
        return;
    SSL_free((*t)->ssl);
    sut_tls_ctx_free(&(*t)->ctx);
    sut_mem_free(*t);
    *t = NULL;
}

struct sut_filter *sut_tls_filter(struct sut_tls *t)
{
    return &t->filter;
}
