/* SPDX-License-Identifier: Apache-2.0
 *
 * hello_server PORT LOOPS BYTES [CERT KEY [keeper]] - serve the same bytes to every
 * GET, for measuring what serve itself costs; with "keeper" the key is in another
 * process.  Ends when its standard input does.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/mem.h"
#include "base/scan.h"
#include "net/listen.h"
#include "os/dir.h"
#include "os/harden.h"
#include "serve/server.h"

#include "keeper_child.h"

enum { BYTES_MAX = 1 << 20 };

static bool on_head(void *app, struct sut_exchange *x, size_t *ret_body_max)
{
    (void) app;
    (void) x;
    *ret_body_max = 64 * 1024;
    return true;
}

static void fill_answer(struct sut_exchange *x, const struct sut_buf *body)
{
    x->res.status = 200;
    sut_response_header(&x->res, SUT_STR("Content-Type"), SUT_STR("text/plain"));
    sut_buf_add(&x->res.body, body->p, body->n);
}

static struct sut_buf *body_of_app(struct sut_exchange *x)
{
    return x->app_data;
}

static void on_pool(struct sut_exchange *x)
{
    fill_answer(x, body_of_app(x));
}

/* "/pool" answers from a pool thread, all else from the loop. */
static void on_request(void *app, struct sut_exchange *x)
{
    x->app_data = app;
    if (sut_str_is(x->req->path, "/pool")) {
        if (sut_failed(sut_exchange_offload(x, on_pool)))
            x->res.status = 503;
        return;
    }
    fill_answer(x, app);
}

static void on_refused(void *app, struct sut_exchange *x, int status, const char *why)
{
    (void) app;
    (void) why;
    x->res.status = status;
}

static void on_done(void *app, struct sut_exchange *x)
{
    (void) app;
    (void) x;
}

static SUT_ERR run(uint64_t port, uint64_t loops, uint64_t bytes, char **pem, bool has_keeper,
                   struct sut_diag *reterr_diag)
{
    DEFER(sut_buf_done) struct sut_buf body;
    sut_buf_init(&body, BYTES_MAX);
    for (uint64_t i = 0; i < bytes; i++)
        sut_buf_char(&body, (char) ('a' + i % 26));
    TRY(sut_buf_check(&body));

    DEFER(sut_buf_done) struct sut_buf cert;
    DEFER(sut_buf_done) struct sut_buf key;
    sut_buf_init(&cert, BYTES_MAX);
    sut_buf_init(&key, BYTES_MAX);
    struct sut_tls_settings tls = { .policy = SUT_TLS_2026 };
    struct sut_keeper *keeper = NULL;
    struct sut_remote_signer signer = { .sign = keeper_child_sign };
    struct sut_server_options o;
    sut_server_defaults(&o);
    o.loops = (unsigned) loops;
    struct sut_server_listener listener = { .flags = SUT_LISTENER_LOOPBACK };
    if (pem != NULL) {
        TRY(sut_dir_read_file(pem[0], BYTES_MAX, &cert));
        TRY(sut_dir_read_file(pem[1], BYTES_MAX, &key));
        tls.cert_pem = sut_buf_str(&cert);
        tls.key_pem = sut_buf_str(&key);
        if (has_keeper) {
            TRY(keeper_child_start(sut_buf_str(&key), &keeper));
            signer.ctx = keeper;
            TRY(sut_remote_keys_create(&signer, &tls.remote));
        }
        o.tls = &tls;
        listener.flags |= SUT_LISTENER_TLS;
    }
    TRY(sut_listen_open(SUT_STR("127.0.0.1"), (uint16_t) port, &listener.fd, reterr_diag));
    const struct sut_service service = { .app = &body,
                                         .on_head = on_head,
                                         .on_request = on_request,
                                         .on_refused = on_refused,
                                         .on_done = on_done };
    struct sut_server *s = NULL;
    TRY(sut_server_start(&o, &service, &listener, 1, &s, reterr_diag));
    char c;
    while (read(STDIN_FILENO, &c, 1) > 0)
        ;
    const struct sut_server_counts n = sut_server_count(s);
    printf("requests %llu accepted %llu turned_away %llu\n", (unsigned long long) n.requests,
           (unsigned long long) n.accepted, (unsigned long long) n.turned_away);
    sut_server_stop(&s);
    sut_remote_keys_free(&tls.remote);
    sut_keeper_free(&keeper);
    close(listener.fd);
    return SUT_OK;
}

int main(int argc, char **argv)
{
    uint64_t port = 0;
    uint64_t loops = 0;
    uint64_t bytes = 0;
    if (argc < 4 || sut_failed(sut_parse_u64(sut_str_from(argv[1]), 65535, &port)) ||
        sut_failed(sut_parse_u64(sut_str_from(argv[2]), 64, &loops)) ||
        sut_failed(sut_parse_u64(sut_str_from(argv[3]), BYTES_MAX, &bytes))) {
        fprintf(stderr, "usage: hello_server PORT LOOPS BYTES [CERT KEY [keeper]]\n");
        return 2;
    }
    sut_ignore(sut_harden_process(), "a tool for measuring");
    struct sut_diag diag = { .text = "" };
    const sut_err e = run(port, loops, bytes, argc >= 6 ? argv + 4 : NULL, argc >= 7, &diag);
    if (sut_failed(e))
        fprintf(stderr, "hello_server: %s %s %s\n", sut_err_info(e.code)->name, diag.place,
                diag.text);
    return sut_failed(e) ? 1 : 0;
}
