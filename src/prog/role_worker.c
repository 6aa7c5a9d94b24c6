/* SPDX-License-Identifier: Apache-2.0
 *
 * role_worker - TLS, HTTP, the API, the domain and the store: the process that
 * answers the network.
 */
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/fragments.h"
#include "api/portraits.h"
#include "audit/events.h"
#include "authn/google.h"
#include "authn/hasher.h"
#include "authn/sessions.h"
#include "base/scan.h"
#include "counters/counters.h"
#include "crypto/cert.h"
#include "guard/headers.h"
#include "ipc/darkroom.h"
#include "log/log.h"
#include "mail/postman.h"
#include "net/listen.h"
#include "os/fd.h"
#include "os/harden.h"
#include "pay/cashier.h"
#include "prog/command.h"
#include "prog/demo_people.h"
#include "prog/key_control.h"
#include "prog/mailing.h"
#include "prog/picturing.h"
#include "prog/role_settings.h"
#include "prog/roles.h"
#include "prog/sandboxes.h"
#include "prog/worker_int.h"
#include "shop/demo.h"
#include "shop/views.h"

enum {
    NS_PER_MS = 1000000,
    POSTMAN_STOP_MS = 5000, /* for a mail server that takes its time */
    CASHIER_STOP_MS = 2000, /* for a provider that does */
    OWN_FDS = 256,
};

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

/* What a setting of 0 threads means. */
static unsigned cores(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 1)
        return 1;
    return n > 64 ? 64 : (unsigned) n;
}

/* "https://127.0.0.1:8443" of the i-th listener. */
static SUT_ERR url_of(const struct sut_worker *w, size_t i, char *to, size_t n)
{
    struct sut_addr addr;
    TRY(sut_listen_addr(SUT_ROLE_FD_LISTEN + (int) i, &addr));
    const bool is_v6 = !sut_addr_is_ipv4(&addr);
    (void) snprintf(to, n, "%s://%s%s%s:%u", i >= w->n_plain ? "https" : "http", is_v6 ? "[" : "",
                    addr.text, is_v6 ? "]" : "", addr.port);
    return SUT_OK;
}

/* Without a public URL in the settings links lead to the first listener. */
static SUT_ERR choose_public_url(struct sut_worker *w)
{
    if (w->config->server.public_url.n > 0)
        return SUT_OK;
    TRY(url_of(w, 0, w->public_url, sizeof(w->public_url)));
    w->config->server.public_url = sut_str_from(w->public_url);
    return SUT_OK;
}

/* The key stays with the keeper. */
static struct sut_tls_settings tls_settings(const struct sut_worker *w, const struct sut_buf *cert)
{
    const struct sut_config *c = w->config;
    return (struct sut_tls_settings){
        .policy = c->tls.policy == SUT_TLS_POLICY_2026_AES128 ? SUT_TLS_2026_GCM128 : SUT_TLS_2026,
        .session_s = c->tls.session_life_s,
        .cert_pem = sut_buf_str(cert),
        .remote = w->remote_keys,
    };
}

/* A certificate whose dates can't be told is used all the same: the list leaves it out. */
static void note_certificate(struct sut_worker *w, const struct sut_buf *cert)
{
    sut_ms from = { 0 };
    sut_ms until = { 0 };
    sut_ignore(sut_cert_dates(sut_buf_str(cert), &from, &until), "the list leaves it out");
    atomic_store(&w->cert_from_ms, from.v);
    atomic_store(&w->cert_until_ms, until.v);
}

static SUT_ERR start_server(struct sut_worker *w, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = w->config;
    struct sut_server_options o;
    sut_server_defaults(&o);
    o.loops = c->server.loops == 0 ? w->cores : c->server.loops;
    o.pool.threads_max = c->server.pool;
    /* A core stays free of what computes long: else who reads waits until one is taken from it. */
    o.slow.threads_max = w->cores > 1 ? w->cores - 1 : 1;
    o.limits.connections = w->connections_max;
    o.limits.connections_per_address = c->limits.connections_per_address;
    o.limits.arena_bytes = c->limits.request_memory_bytes;
    /* A picture is the longest answer. */
    o.limits.response_bytes = SUT_PICTURE_OUT_MAX + 64 * 1024;
    o.limits.h1.line_max = c->limits.request_line_bytes;
    o.limits.h1.fields_max = c->limits.headers_bytes;
    o.limits.h1.fields_n_max = c->limits.headers_count;
    o.timeouts.head_ms = c->limits.header_timeout_ms;
    o.timeouts.body_ms = c->limits.body_timeout_ms;
    o.timeouts.stall_ms = c->limits.write_timeout_ms;
    o.timeouts.idle_ms = c->limits.idle_timeout_ms;
    if (c->proxy.protocol == SUT_PROXY_V2) {
        o.is_proxy = sut_guard_is_proxy;
        o.proxy_ctx = c;
    }
    struct sut_tls_settings tls;
    DEFER(sut_buf_done) struct sut_buf cert = { .p = NULL };
    if (w->n_tls > 0) {
        ENSURE(sut_worker_line_take_cert(w->line, &cert), UNAVAILABLE);
        TRY(sut_remote_keys_create(&w->signer, &w->remote_keys));
        tls = tls_settings(w, &cert);
        note_certificate(w, &cert);
        o.tls = &tls;
    }
    struct sut_server_listener listeners[SUT_ROLE_LISTEN_MAX];
    const size_t n = w->n_plain + w->n_tls;
    for (size_t i = 0; i < n; i++) {
        struct sut_addr addr;
        listeners[i] = (struct sut_server_listener){
            .fd = SUT_ROLE_FD_LISTEN + (int) i,
            .flags = i >= w->n_plain ? SUT_LISTENER_TLS : 0,
        };
        TRY(sut_listen_addr(listeners[i].fd, &addr));
        if (sut_addr_is_loopback(&addr))
            listeners[i].flags |= SUT_LISTENER_LOOPBACK;
    }
    /* The server asks it for as long as it runs. */
    w->service = sut_guard_service(&w->app);
    return sut_server_start(&o, &w->service, listeners, n, &w->server, reterr_diag);
}

static SUT_ERR fill_demo(struct sut_worker *w)
{
    struct sut_demo_result filled;
    TRY(sut_demo_fill(w->boot.store, sut_clock_now(&sut_clock_system), &filled));
    return sut_demo_people_add(&w->app);
}

static void say_ready(const struct sut_worker *w)
{
    char url[96];
    for (size_t i = 0; i < w->n_plain + w->n_tls; i++)
        if (!sut_failed(url_of(w, i, url, sizeof(url))))
            (void) printf("ready %s\n", url);
    if (w->config->demo && !sut_failed(url_of(w, 0, url, sizeof(url))))
        sut_demo_people_print(url);
    (void) fflush(stdout);
    if (sut_failed(sut_worker_line_ready(w->line)))
        sut_log_write(SUT_LOG_WARN, "supervisor_gone", NULL, 0);
}

static SUT_ERR ask_supervisor(void *ctx, enum sut_word ask, struct sut_diag *reterr_diag)
{
    const struct sut_worker *const w = ctx;
    return sut_worker_line_ask(w->line, ask, reterr_diag);
}

/* Each change of the certificate is counted by its dates alone: its key's version is always 1. */
static bool describe_certificate(void *ctx, struct sut_key_row *ret)
{
    const struct sut_worker *const w = ctx;
    const int64_t from_ms = atomic_load(&w->cert_from_ms);
    const int64_t life_ms = atomic_load(&w->cert_until_ms) - from_ms;
    if (from_ms == 0 || life_ms <= 0)
        return false;
    *ret = (struct sut_key_row){
        .purpose = "tls",
        .version = 1,
        .state = "current",
        .made_at = { from_ms },
        .greatest_days = (int) (life_ms / day_ms),
    };
    return true;
}

static SUT_ERR make_key_admin(struct sut_worker *w)
{
    const struct sut_key_admin_options o = {
        .boot = &w->boot,
        .clock = &sut_clock_system,
        .ask = ask_supervisor,
        .reload = sut_worker__reload_keys,
        .tls = describe_certificate,
        .ctx = w,
        .announce_ms = SUT_KEY_ANNOUNCE_MS,
        .is_server = true,
    };
    return sut_key_admin_create(&o, &w->keys);
}

/* A certificate that came after the first; a bad one changes nothing. */
static void renew_certificate(struct sut_worker *w)
{
    struct sut_diag diag = { 0 };
    DEFER(sut_buf_done) struct sut_buf cert = { .p = NULL };
    if (!sut_worker_line_take_cert(w->line, &cert))
        return;
    const struct sut_tls_settings tls = tls_settings(w, &cert);
    const sut_err e = sut_server_set_tls(w->server, &tls, &diag);
    if (sut_failed(e)) {
        sut_log(SUT_LOG_ERROR, "certificate_refused", LOG_ERR(e));
        if (diag.text[0] == '\0')
            sut_diag_set(&diag, "the certificate can't be used (%s)", sut_err_info(e.code)->name);
    } else {
        note_certificate(w, &cert);
        sut_log(SUT_LOG_INFO, "certificate_renewed", LOG_Z("for", "new connections"));
    }
    sut_worker_line_cert_done(w->line, sut_failed(e) ? diag.text : NULL);
}

/* Wait for TERM; the supervisor's end counts as one. */
static void serve_until_told(struct sut_worker *w, int signal_fd)
{
    uint64_t next_ns = sut_monotonic_ns();
    for (unsigned turn = 1;;) {
        const uint64_t now = sut_monotonic_ns();
        if (now >= next_ns) {
            sut_worker__watch(w, turn++);
            next_ns = sut_monotonic_ns() + SUT_WORKER_WATCH_MS * (uint64_t) NS_PER_MS;
            continue;
        }
        struct pollfd p[2] = { { .fd = signal_fd, .events = POLLIN },
                               { .fd = sut_worker_line_fd(w->line), .events = POLLIN } };
        (void) poll(p, 2, (int) ((next_ns - now) / NS_PER_MS) + 1);
        struct signalfd_siginfo info;
        if (p[0].revents != 0 && read(signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info) &&
            info.ssi_signo != SIGHUP)
            return;
        if (p[1].revents != 0) {
            if (sut_worker_line_is_over(w->line))
                return;
            renew_certificate(w);
        }
    }
}

static void worker_done(struct sut_worker *w)
{
    sut_worker_line_end_asks(w->line);
    sut_control_stop(&w->control);
    sut_key_admin_free(&w->keys);
    sut_server_stop(&w->server);
    sut_demo_pictures_stop(&w->demo_pictures);
    api_portraits_stop(&w->app.portraits);
    const bool is_in = sut_cashier_stop_within(&w->app.cashier, CASHIER_STOP_MS);
    const bool is_home = sut_postman_stop_within(&w->app.postman, POSTMAN_STOP_MS);
    if (w->counters_started)
        sut_ignore(sut_counters_stop(w->app.counters), "logged by the counters' home");
    sut_counters_free(&w->app.counters);
    sut_google_free(&w->app.google);
    sut_secret_free(&w->device_key);
    sut_hasher_stop(&w->app.hasher);
    if (w->app.views != NULL)
        sut_ignore(sut_views_write(w->app.views, w->boot.store), "some looks are forgotten");
    sut_views_free(&w->app.views);
    sut_fragments_free(&w->app.fragments);
    const bool is_swept = sut_picturing_stop(&w->app);
    sut_sessions_free(&w->app.sessions);
    sut_events_free(&w->app.events);
    sut_headers_free(&w->headers);
    sut_router_free(&w->router);
    sut_bytes_unref(&w->app.openapi);
    sut_remote_keys_free(&w->remote_keys);
    sut_boot_done(&w->boot);
    /* Who still waits for a mail server, a provider or an object store holds the line to the
     * courier. */
    if (is_home && is_in && is_swept)
        sut_worker_line_close(&w->line);
    sut_db_reach_done(&w->reach);
    sut_fd_close(&w->control_fd);
    sut_config_free(&w->config);
}

/* Names of a remote store are looked up while that can still be done. */
static SUT_ERR reach_store(struct sut_worker *w, struct sut_diag *reterr_diag)
{
    struct sut_secret **url = &w->config->store.url;
    struct sut_secret *text = NULL;
    const sut_str given = sut_secret_str(*url);
    TRY(sut_secret_create(given.n + 1, &text));
    memcpy(sut_secret_bytes(text), given.p, given.n);
    const sut_err e = sut_db_reach_find(sut_secret_str(text).p, true, &w->reach, reterr_diag);
    sut_secret_free(&text);
    TRY(e);
    sut_secret_free(url);
    *url = STEAL(w->reach.dsn);
    return SUT_OK;
}

/*
 * A descriptor a connection, and some for the store, pictures, the loops and what the supervisor
 * brings: where the system gives fewer, fewer connections are taken.
 */
static void raise_descriptors(struct sut_worker *w)
{
    const uint64_t wanted = w->config->limits.connections;
    uint64_t fds = 0;
    w->connections_max = w->config->limits.connections;
    if (sut_failed(sut_fd_raise_limit(wanted + OWN_FDS, &fds)) || fds >= wanted + OWN_FDS)
        return;
    w->connections_max = (unsigned) (fds > 2 * OWN_FDS ? fds - OWN_FDS : fds / 2);
    sut_log(SUT_LOG_WARN, "connections_fewer", LOG_INT("at_most", w->connections_max),
            LOG_INT("descriptors", (int64_t) fds));
}

/*
 * All that opens files or sockets of the system, then the walls.  From here on there is
 * the store's folder, or its ports.
 */
static SUT_ERR shut_in(struct sut_worker *w, struct sut_diag *reterr_diag)
{
    const bool is_remote = w->config->store.kind != SUT_STORE_EMBEDDED;
    w->cores = cores();
    TRY(choose_public_url(w));
    raise_descriptors(w);
    TRY(sut_control_listen(w->config->server.data, &w->control_fd, reterr_diag));
    if (is_remote)
        TRY(reach_store(w, reterr_diag));
    return sut_sandbox_worker(w->config, is_remote ? &w->reach : NULL, reterr_diag);
}

static SUT_ERR worker_start(struct sut_worker *w, struct sut_diag *reterr_diag)
{
    TRY(shut_in(w, reterr_diag));
    /* Who waits for a picture has a thread of the pool: most are for what is quick. */
    const unsigned pictures_max = w->config->server.pool / 3 + 1;
    TRY(sut_worker_line_open(SUT_ROLE_FD_SUPERVISOR, w->n_tls > 0, pictures_max, &w->line,
                             reterr_diag));
    sut_handshakes_init(&w->handshakes, sut_worker_line_keeper(w->line));
    w->signer = sut_handshakes_signer(&w->handshakes);
    TRY(sut_boot_open(w->config, SUT_BOOT_CREATE | SUT_BOOT_MIGRATE,
                      sut_worker_line_keeper(w->line), &w->boot, reterr_diag));
    TRY(sut_worker__make_app(w, reterr_diag));
    /* What is free is clean again, before buffers lie there that are rarely filled. */
    (void) malloc_trim(0);
    if (w->config->insecure_dev) {
        const struct sut_event_detail detail = { .reason = "--insecure-dev" };
        sut_event_raise(w->app.events, SUT_EVENT_CONFIG_WEAK, sut_clock_now(w->app.clock), &detail);
    }
    if (w->config->demo)
        TRY(fill_demo(w));
    TRY(sut_mailing_start(&w->app, &w->app.postman));
    TRY(sut_paying_start(&w->paying, &w->app, &w->app.cashier));
    TRY(api_portraits_start(&w->app, &w->app.portraits));
    TRY(make_key_admin(w));
    const struct sut_control_keys keys = sut_key_control(w->keys);
    TRY(sut_control_start(&w->app, w->boot.pseudonyms, &keys, &w->control_fd, &w->control,
                          reterr_diag));
    if (w->config->demo && w->config->shop.demo_pictures)
        TRY(sut_demo_pictures_start(&w->app, &w->demo_pictures));
    return start_server(w, reterr_diag);
}

static size_t count_arg(int argc, char **argv, const char *name)
{
    const size_t n = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, n) == 0) {
            uint64_t v = 0;
            sut_ignore(sut_parse_u64(sut_str_from(argv[i] + n), SUT_ROLE_LISTEN_MAX, &v),
                       "the supervisor counts; none is none");
            return (size_t) v;
        }
    return 0;
}

int sut_role_worker(int argc, char **argv)
{
    struct sut_worker w = {
        .n_plain = count_arg(argc, argv, "--plain="),
        .n_tls = count_arg(argc, argv, "--tls="),
        .control_fd = -1,
    };
    struct sut_diag diag = { 0 };
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGHUP);
    (void) pthread_sigmask(SIG_BLOCK, &set, NULL);
    DEFER(sut_fd_close) int signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (signal_fd < 0 || sut_failed(sut_harden_process()) ||
        sut_failed(sut_role_settings(&w.config))) {
        (void) fprintf(stderr, "sutler: a worker is started by `sutler serve` alone\n");
        return SUT_EXIT_FAILED;
    }
    sut_harden_wipe_environ();
    /* Many threads, small requests: an allocator's arena for each would cost more than it brings.
     */
    (void) mallopt(M_ARENA_MAX, 2);
    sut_log_init((enum sut_log_level) w.config->log.level,
                 (enum sut_log_format) w.config->log.format, 2, "worker");
    const sut_err e = worker_start(&w, &diag);
    if (sut_failed(e)) {
        if (diag.text[0] == '\0')
            sut_diag_set(&diag, "the worker can't start: %s (%s:%d)", sut_err_info(e.code)->name,
                         e.at == NULL ? "?" : e.at->file, e.at == NULL ? 0 : e.at->line);
        worker_done(&w);
        return sut_command_fail(&diag);
    }
    say_ready(&w);
    (void) malloc_trim(0);
    serve_until_told(&w, signal_fd);
    worker_done(&w);
    return SUT_EXIT_OK;
}
