/* SPDX-License-Identifier: Apache-2.0
 *
 * role_worker - TLS, HTTP, the API, the domain and the store: the process that
 * answers the network.
 */
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/fragments.h"
#include "api/ops/openapi.h"
#include "api/routes.h"
#include "audit/events.h"
#include "authn/asking.h"
#include "authn/google.h"
#include "authn/hasher.h"
#include "authn/sessions.h"
#include "base/scan.h"
#include "config/config.h"
#include "counters/counters.h"
#include "crypto/cert.h"
#include "crypto/hmac.h"
#include "crypto/remote_key.h"
#include "db/reach.h"
#include "guard/guard.h"
#include "guard/headers.h"
#include "guard/sharing.h"
#include "log/log.h"
#include "mail/postman.h"
#include "net/listen.h"
#include "os/fd.h"
#include "os/harden.h"
#include "prog/boot.h"
#include "prog/command.h"
#include "prog/control.h"
#include "prog/counter_home.h"
#include "prog/demo_people.h"
#include "prog/handshake.h"
#include "prog/hashing.h"
#include "prog/key_admin.h"
#include "prog/key_control.h"
#include "prog/mailing.h"
#include "prog/role_settings.h"
#include "prog/roles.h"
#include "prog/sandboxes.h"
#include "prog/worker_line.h"
#include "seal/seal.h"
#include "serve/server.h"
#include "shop/demo.h"
#include "store/audit_row.h"
#include "store/device.h"
#include "store/keys.h"
#include "store/link_token.h"
#include "store/outbox.h"
#include "store/session.h"

enum {
    DOCUMENT_MAX = 4 * 1024 * 1024,
    NS_PER_MS = 1000000,
    WATCH_MS = 250,
    POSTMAN_STOP_MS = 5000,              /* for a mail server that takes its time */
    PRUNE_EVERY = 240,                   /* watches: once a minute */
    LOOK_EVERY = 4,                      /* at the keyring: within SUT_KEY_ANNOUNCE_MS, twice */
    LINK_LIFE_MS = 7 * 24 * 3600 * 1000, /* the longest that a link in a mail is good */
    KEY_IDLE_MS = 15 * 60 * 1000, /* a person's open key that nobody used for so long is wiped */
};

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

struct worker {
    struct sut_config *config;
    struct sut_boot boot;
    struct sut_app app;
    struct sut_router *router;
    struct sut_headers *headers;
    struct sut_service service;
    struct sut_server *server;
    struct sut_control *control;
    struct sut_counter_rows counter_rows;
    struct sut_secret *device_key; /* a struct sut_hmac_key */
    struct sut_sharing sharing;
    struct sut_asking asking;
    struct sut_worker_line *line;
    struct sut_key_admin *keys;
    unsigned char keyring_seen[SUT_KEYS_STAMP]; /* a remote store's keyring, when last looked at */
    struct sut_handshakes handshakes;
    struct sut_remote_signer signer; /* of handshakes: the keeper */
    struct sut_remote_keys *remote_keys;
    /* Of the certificate in use; 0: there is none.  `key list` reads them in another thread. */
    _Atomic int64_t cert_from_ms;
    _Atomic int64_t cert_until_ms;
    struct sut_db_reach reach; /* of a remote store */
    int control_fd;
    unsigned cores;
    size_t n_plain;
    size_t n_tls;
    char public_url[96]; /* when the settings have none */
    bool counters_started;
};

/* What a setting of 0 threads means. */
static unsigned cores(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 1)
        return 1;
    return n > 64 ? 64 : (unsigned) n;
}

static SUT_ERR make_counters(struct worker *w)
{
    TRY(sut_counter_rows_open(w->config, &w->boot, &w->counter_rows, &w->app.counters));
    TRY(sut_counters_start(w->app.counters));
    w->counters_started = true;
    return SUT_OK;
}

/* It stays for the cookie's year: a device that came back would be a stranger otherwise. */
static SUT_ERR make_device_key(struct worker *w)
{
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    TRY(sut_keys_current(w->boot.store, w->boot.keeper, SUT_KEY_DEVICE, &key, NULL));
    TRY(sut_secret_create(sizeof(struct sut_hmac_key), &w->device_key));
    sut_hmac_key_init(sut_secret_bytes(w->device_key), sut_secret_str(key));
    w->app.device_key = sut_secret_bytes(w->device_key);
    return SUT_OK;
}

static SUT_ERR make_openapi(struct worker *w)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    TRY(sut_arena_create(DOCUMENT_MAX, &a));
    struct sut_buf out;
    sut_buf_init(&out, DOCUMENT_MAX);
    /* Relative, unless the settings say where the shop is: right on each of our listeners. */
    const char *url = w->public_url[0] != '\0' ? "/" : w->config->server.public_url.p;
    sut_err e = api_openapi_write(a, &out, api_tables, api_tables_n, url);
    if (!sut_failed(e))
        e = sut_bytes_create(sut_buf_str(&out), &w->app.openapi);
    sut_buf_done(&out);
    return e;
}

/* Google's keys are fetched when somebody first signs in. */
static SUT_ERR make_providers(struct worker *w)
{
    const struct sut_google_options o = {
        .client_ids = w->config->google.client_id,
        .issuers = w->config->google.issuers,
        .fetch = sut_google_fetch_keys,
        .fetch_ctx = w->app.courier,
        .steady = &sut_jwks_steady,
    };
    w->app.asking = &w->asking;
    return o.client_ids.n == 0 ? SUT_OK : sut_google_create(&o, &w->app.google);
}

/* All that requests need, in the order in which the parts lean on each other. */
static SUT_ERR make_app(struct worker *w, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = w->config;
    TRY(sut_guard_check_routes(api_tables, api_tables_n, reterr_diag));
    w->app.config = c;
    w->app.clock = &sut_clock_system;
    w->app.random = &sut_random_system;
    w->app.store = w->boot.store;
    w->app.keyring = w->boot.keyring;
    w->app.courier = sut_config_goes_out(c) ? sut_worker_line_courier(w->line) : NULL;
    TRY(make_providers(w));
    /* With a shop's own key its links are those of the Django shop before it. */
    w->app.links = c->security.secret_key == NULL ? w->boot.links : w->boot.keyring;
    w->app.media = w->boot.media;
    w->app.plain_loopback_ok = c->demo || c->insecure_dev;
    if (c->proxy.trusted.n == 0 && !c->insecure_dev)
        w->app.sharing = &w->sharing;
    TRY(api_router_create(&w->router));
    w->app.router = w->router;
    TRY(sut_headers_create(c, &w->headers));
    w->app.headers = w->headers;
    TRY(sut_events_create(&w->app.events));
    w->app.token_policy = (struct sut_token_policy){
        .iss = c->tokens.issuer,
        .aud = c->tokens.audience,
        .takes_foreign = c->tokens.accept_foreign,
    };
    w->app.password_policy = sut_hashing_rules(c);
    TRY(sut_hashing_start(c, c->hashing.threads == 0 ? w->cores : c->hashing.threads,
                          &sut_random_system, &w->app.hasher));
    TRY(make_counters(w));
    TRY(make_device_key(w));
    const struct sut_sessions_options so = {
        .access_life_ms = (int64_t) c->tokens.access_life_s * 1000,
        .accept_foreign = c->tokens.accept_foreign,
    };
    TRY(sut_sessions_create(&so, &w->app.sessions));
    TRY(sut_sessions_load(w->app.sessions, w->boot.store, sut_clock_now(w->app.clock)));
    struct sut_fragments_options fo = { 0 };
    TRY(sut_random_fill(&sut_random_system, &fo.seed, sizeof(fo.seed)));
    TRY(sut_fragments_create(&fo, &w->app.fragments));
    return make_openapi(w);
}

/* "https://127.0.0.1:8443" of the i-th listener. */
static SUT_ERR url_of(const struct worker *w, size_t i, char *to, size_t n)
{
    struct sut_addr addr;
    TRY(sut_listen_addr(SUT_ROLE_FD_LISTEN + (int) i, &addr));
    const bool is_v6 = !sut_addr_is_ipv4(&addr);
    (void) snprintf(to, n, "%s://%s%s%s:%u", i >= w->n_plain ? "https" : "http", is_v6 ? "[" : "",
                    addr.text, is_v6 ? "]" : "", addr.port);
    return SUT_OK;
}

/* Without a public URL in the settings links lead to the first listener. */
static SUT_ERR choose_public_url(struct worker *w)
{
    if (w->config->server.public_url.n > 0)
        return SUT_OK;
    TRY(url_of(w, 0, w->public_url, sizeof(w->public_url)));
    w->config->server.public_url = sut_str_from(w->public_url);
    return SUT_OK;
}

/* The key stays with the keeper. */
static struct sut_tls_settings tls_settings(const struct worker *w, const struct sut_buf *cert)
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
static void note_certificate(struct worker *w, const struct sut_buf *cert)
{
    sut_ms from = { 0 };
    sut_ms until = { 0 };
    sut_ignore(sut_cert_dates(sut_buf_str(cert), &from, &until), "the list leaves it out");
    atomic_store(&w->cert_from_ms, from.v);
    atomic_store(&w->cert_until_ms, until.v);
}

static SUT_ERR start_server(struct worker *w, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = w->config;
    struct sut_server_options o;
    sut_server_defaults(&o);
    o.loops = c->server.loops == 0 ? w->cores : c->server.loops;
    o.pool.threads_max = c->server.pool;
    o.limits.connections = c->limits.connections;
    o.limits.connections_per_address = c->limits.connections_per_address;
    o.limits.arena_bytes = c->limits.request_memory_bytes;
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

static SUT_ERR fill_demo(struct worker *w)
{
    struct sut_demo_result filled;
    TRY(sut_demo_fill(w->boot.store, sut_clock_now(&sut_clock_system), &filled));
    return sut_demo_people_add(&w->app);
}

static void say_ready(const struct worker *w)
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

static void watch_catalogue(struct worker *w)
{
    struct sut_db_conn *conn = NULL;
    if (sut_failed(sut_store_lease(w->boot.store, &conn)))
        return;
    sut_ignore(sut_fragments_watch_tick(w->app.fragments, conn), "the next turn asks again");
    sut_store_return(w->boot.store, &conn);
}

/* All that is made of the keyring, as it is now. */
static SUT_ERR reload_keys(void *ctx)
{
    struct worker *const w = ctx;
    TRY(sut_store_reload_keys(w->boot.store));
    TRY(sut_keyring_reload(w->boot.keyring));
    TRY(sut_keyring_reload(w->boot.links));
    TRY(sut_keyring_reload(w->boot.media));
    return sut_pseudonyms_load(w->boot.pseudonyms, w->boot.store, w->boot.keeper);
}

/* Another server may have rotated a key. */
static void watch_keyring(struct worker *w)
{
    static const char later[] = "the keys of before still hold, and the next look asks again";
    unsigned char seen[SUT_KEYS_STAMP];
    const sut_err e = sut_keys_stamp(w->boot.store, seen);
    if (sut_failed(e) || memcmp(seen, w->keyring_seen, sizeof(seen)) == 0) {
        sut_ignore(e, later);
        return;
    }
    const sut_err loaded = reload_keys(w);
    if (sut_failed(loaded))
        sut_ignore(loaded, later);
    else
        memcpy(w->keyring_seen, seen, sizeof(seen));
}

/* Keys that signed only what has expired. */
static void forget_expired(struct worker *w, sut_ms now)
{
    const struct sut_config *const c = w->config;
    const int64_t life_s = c->tokens.refresh_life_s > c->tokens.access_life_s
                               ? c->tokens.refresh_life_s
                               : c->tokens.access_life_s;
    /* Another server may have signed with the older key for a moment still. */
    const int64_t late_s = sut_store_is_remote(w->boot.store) ? SUT_TOKEN_SKEW_S : 0;
    static const char later[] = "the next minute forgets them";
    sut_ignore(sut_keyring_forget_expired(w->boot.keyring, now, (life_s + late_s) * INT64_C(1000)),
               later);
    sut_ignore(sut_keyring_forget_expired(w->boot.links, now, LINK_LIFE_MS), later);
}

static SUT_ERR ask_supervisor(void *ctx, enum sut_word ask, struct sut_diag *reterr_diag)
{
    const struct worker *const w = ctx;
    return sut_worker_line_ask(w->line, ask, reterr_diag);
}

/* Each change of the certificate is counted by its dates alone: its key's version is always 1. */
static bool describe_certificate(void *ctx, struct sut_key_row *ret)
{
    const struct worker *const w = ctx;
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

static SUT_ERR make_key_admin(struct worker *w)
{
    const struct sut_key_admin_options o = {
        .boot = &w->boot,
        .clock = &sut_clock_system,
        .ask = ask_supervisor,
        .reload = reload_keys,
        .tls = describe_certificate,
        .ctx = w,
        .announce_ms = SUT_KEY_ANNOUNCE_MS,
        .is_server = true,
    };
    return sut_key_admin_create(&o, &w->keys);
}

/* What another server over the same store has changed, and what has outlived its life. */
static void watch(struct worker *w, unsigned turn)
{
    const sut_ms now = sut_clock_now(&sut_clock_system);
    if (sut_store_is_remote(w->boot.store)) {
        watch_catalogue(w);
        sut_ignore(sut_sessions_load(w->app.sessions, w->boot.store, now),
                   "it refuses until it knows");
        if (turn % LOOK_EVERY == 0 || sut_keyring_is_due(w->boot.keyring) ||
            sut_keyring_is_due(w->boot.links))
            watch_keyring(w);
    }
    sut_worker_line_refill(w->line);
    sut_events_flush(w->app.events, now);
    if (turn % PRUNE_EVERY == 0) {
        sut_sessions_prune(w->app.sessions, now);
        sut_ignore(sut_session_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_device_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_link_token_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_outbox_prune(w->boot.store, now), "the next minute prunes again");
        sut_ignore(sut_audit_row_prune(w->boot.store, now), "the next minute prunes again");
        forget_expired(w, now);
        sut_seal_sweep(sut_store_seal(w->boot.store), KEY_IDLE_MS);
        /* What a flood of connections took goes back to the system. */
        (void) malloc_trim(0);
    }
}

/* A certificate that came after the first; a bad one changes nothing. */
static void renew_certificate(struct worker *w)
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
static void serve_until_told(struct worker *w, int signal_fd)
{
    uint64_t next_ns = sut_monotonic_ns();
    for (unsigned turn = 1;;) {
        const uint64_t now = sut_monotonic_ns();
        if (now >= next_ns) {
            watch(w, turn++);
            next_ns = sut_monotonic_ns() + WATCH_MS * (uint64_t) NS_PER_MS;
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

static void worker_done(struct worker *w)
{
    sut_control_stop(&w->control);
    sut_key_admin_free(&w->keys);
    sut_server_stop(&w->server);
    const bool is_home = sut_postman_stop_within(&w->app.postman, POSTMAN_STOP_MS);
    if (w->counters_started)
        sut_ignore(sut_counters_stop(w->app.counters), "logged by the counters' home");
    sut_counters_free(&w->app.counters);
    sut_google_free(&w->app.google);
    sut_secret_free(&w->device_key);
    sut_hasher_stop(&w->app.hasher);
    sut_fragments_free(&w->app.fragments);
    sut_sessions_free(&w->app.sessions);
    sut_events_free(&w->app.events);
    sut_headers_free(&w->headers);
    sut_router_free(&w->router);
    sut_bytes_unref(&w->app.openapi);
    sut_remote_keys_free(&w->remote_keys);
    sut_boot_done(&w->boot);
    /* Who still waits for a mail server holds the line to the courier. */
    if (is_home)
        sut_worker_line_close(&w->line);
    sut_db_reach_done(&w->reach);
    sut_fd_close(&w->control_fd);
    sut_config_free(&w->config);
}

/* Names of a remote store are looked up while that can still be done. */
static SUT_ERR reach_store(struct worker *w, struct sut_diag *reterr_diag)
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
 * All that opens files or sockets of the system, then the walls.  From here on there is
 * the store's folder, or its ports.
 */
static SUT_ERR shut_in(struct worker *w, struct sut_diag *reterr_diag)
{
    const bool is_remote = w->config->store.kind != SUT_STORE_EMBEDDED;
    w->cores = cores();
    TRY(choose_public_url(w));
    uint64_t fds = 0;
    /* A descriptor a connection, and some for the store, the loops and the log. */
    sut_ignore(sut_fd_raise_limit((uint64_t) w->config->limits.connections + 256, &fds),
               "fewer connections are accepted then");
    TRY(sut_control_listen(w->config->server.data, &w->control_fd, reterr_diag));
    if (is_remote)
        TRY(reach_store(w, reterr_diag));
    return sut_sandbox_worker(w->config, is_remote ? &w->reach : NULL, reterr_diag);
}

static SUT_ERR worker_start(struct worker *w, struct sut_diag *reterr_diag)
{
    TRY(shut_in(w, reterr_diag));
    TRY(sut_worker_line_open(SUT_ROLE_FD_SUPERVISOR, w->n_tls > 0, &w->line, reterr_diag));
    sut_handshakes_init(&w->handshakes, sut_worker_line_keeper(w->line));
    w->signer = sut_handshakes_signer(&w->handshakes);
    TRY(sut_boot_open(w->config, SUT_BOOT_CREATE | SUT_BOOT_MIGRATE,
                      sut_worker_line_keeper(w->line), &w->boot, reterr_diag));
    TRY(make_app(w, reterr_diag));
    /* What is free is clean again, before buffers lie there that are rarely filled. */
    (void) malloc_trim(0);
    if (w->config->insecure_dev) {
        const struct sut_event_detail detail = { .reason = "--insecure-dev" };
        sut_event_raise(w->app.events, SUT_EVENT_CONFIG_WEAK, sut_clock_now(w->app.clock), &detail);
    }
    if (w->config->demo)
        TRY(fill_demo(w));
    TRY(sut_mailing_start(&w->app, &w->app.postman));
    TRY(make_key_admin(w));
    const struct sut_control_keys keys = sut_key_control(w->keys);
    TRY(sut_control_start(&w->app, w->boot.pseudonyms, &keys, &w->control_fd, &w->control,
                          reterr_diag));
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
    struct worker w = {
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
