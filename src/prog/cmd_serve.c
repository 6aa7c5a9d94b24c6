/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_serve - the supervisor: reads the settings, binds, starts the roles and
 * starts them again.  It parses no byte from the network.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "audit/events.h"
#include "base/buf.h"
#include "base/clock.h"
#include "log/log.h"
#include "net/listen.h"
#include "os/fd.h"
#include "os/harden.h"
#include "os/role.h"
#include "prog/options.h"
#include "prog/roles.h"

enum {
    SETTINGS_MAX = 256 * 1024,
    STOP_MS = 15 * 1000, /* a worker that is still there then is killed */
    BACKOFF_MAX_MS = 10000,
    DEMO_PORT = 8000,
    DEMO_TLS_PORT = 8443,
    STABLE_MS = 30 * 1000, /* a worker that lived so long may be started again at once */
};

static const char usage[] =
    "usage: sutler serve [OPTION ...]\n\n"
    "Run the shop.  A first start makes the store and its keys.\n\n"
    "  --demo                  fill an empty store with a catalogue and people, listen with\n"
    "                          HTTPS too, and print how to sign in\n"
    "  --data DIR              the store's folder (default: sutler-data)\n"
    "  --keys DIR              the keys' folder, never inside the store's (default: DIR.keys)\n"
    "  --listen ADDR:PORT      plain HTTP\n"
    "  --listen-tls ADDR:PORT  HTTPS\n"
    "  --config FILE           settings (see `sutler config sample`)\n"
    "  --preset NAME           modestwear, nsgg or default\n"
    "  --insecure-dev          development: weak secrets, plain HTTP on loopback\n\n"
    "Signals: TERM and INT end it after the requests in flight.\n"
    "Exit codes: 0 ended on demand, 1 could not start or a role failed for good, 2 usage.\n";

struct supervisor {
    struct sut_config *config;
    int settings_fd;
    int listen_fds[SUT_ROLE_LISTEN_MAX];
    size_t n_plain;
    size_t n_tls;
    int signal_fd;
    char binary[PATH_MAX];
    struct sut_events *events;
    struct sut_role worker;
    int line_fd; /* the worker's words: one byte when it is ready */
};

static SUT_ERR bind_all(struct supervisor *s, const struct sut_config_addrs *addrs, size_t *ret_n,
                        struct sut_diag *reterr_diag)
{
    for (size_t i = 0; i < addrs->n; i++) {
        const size_t at = s->n_plain + s->n_tls;
        if (at == SUT_ROLE_LISTEN_MAX) {
            sut_diag_set(reterr_diag, "at most %d addresses to listen on", SUT_ROLE_LISTEN_MAX);
            FAIL(INVALID);
        }
        TRY(sut_listen_open(addrs->items[i].host, addrs->items[i].port, &s->listen_fds[at],
                            reterr_diag));
        ++*ret_n;
    }
    return SUT_OK;
}

/* A demo listens with HTTPS too: beside the usual port on the usual one, else on any free one. */
static SUT_ERR bind_demo_tls(struct supervisor *s, struct sut_diag *reterr_diag)
{
    const struct sut_config_addrs *plain = &s->config->server.listen;
    if (!s->config->demo || s->n_tls > 0 || s->n_plain == SUT_ROLE_LISTEN_MAX)
        return SUT_OK;
    const bool is_usual = plain->n == 1 && plain->items[0].port == DEMO_PORT;
    TRY(sut_listen_open(SUT_STR("127.0.0.1"), is_usual ? DEMO_TLS_PORT : 0,
                        &s->listen_fds[s->n_plain], reterr_diag));
    s->n_tls = 1;
    return SUT_OK;
}

/* The settings go to the roles as bytes in memory that no path leads to. */
static SUT_ERR pack_settings(struct supervisor *s)
{
    struct sut_buf b;
    sut_buf_init(&b, SETTINGS_MAX);
    sut_err e = sut_config_pack(s->config, SUT_CONFIG_FOR_ALL, &b);
    if (!sut_failed(e)) {
        s->settings_fd = memfd_create("settings", MFD_CLOEXEC);
        if (s->settings_fd < 0)
            e = (sut_err){ .sys = errno, .code = SUT_E_SYSTEM };
        else
            e = sut_fd_write_full(s->settings_fd, sut_buf_str(&b));
    }
    if (b.p != NULL)
        sut_wipe(b.p, b.cap);
    sut_buf_done(&b);
    return e;
}

static SUT_ERR block_signals(struct supervisor *s)
{
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        FAIL_SYS(SYSTEM);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (s->signal_fd < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR start_worker(struct supervisor *s)
{
    struct sut_role_fd fds[SUT_ROLE_LISTEN_MAX + 4];
    size_t n = 0;
    int pair[2] = { -1, -1 };
    TRY(sut_fd_socketpair(pair));
    if (lseek(s->settings_fd, 0, SEEK_SET) < 0)
        FAIL_SYS(SYSTEM);
    fds[n++] = (struct sut_role_fd){ .fd = 1, .as = 1 };
    fds[n++] = (struct sut_role_fd){ .fd = 2, .as = 2 };
    fds[n++] = (struct sut_role_fd){ .fd = s->settings_fd, .as = SUT_ROLE_FD_SETTINGS };
    fds[n++] = (struct sut_role_fd){ .fd = pair[1], .as = SUT_ROLE_FD_SUPERVISOR };
    for (size_t i = 0; i < s->n_plain + s->n_tls; i++)
        fds[n++] =
            (struct sut_role_fd){ .fd = s->listen_fds[i], .as = SUT_ROLE_FD_LISTEN + (int) i };
    char plain[32];
    char tls[32];
    (void) snprintf(plain, sizeof(plain), "--plain=%zu", s->n_plain);
    (void) snprintf(tls, sizeof(tls), "--tls=%zu", s->n_tls);
    const char *const args[] = { plain, tls, NULL };
    const struct sut_role_spec spec = {
        .binary = s->binary,
        .name = "worker",
        .args = args,
        .fds = fds,
        .n_fds = n,
        .death_signal = SIGTERM,
    };
    const sut_err e = sut_role_spawn(&spec, &s->worker);
    sut_fd_close(&pair[1]);
    sut_fd_close(&s->line_fd);
    s->line_fd = sut_fd_take(&pair[0]);
    return e;
}

/* Whether the signal that came asks us to end. */
static bool is_told_to_stop(const struct supervisor *s)
{
    struct signalfd_siginfo info;
    return read(s->signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info) &&
           info.ssi_signo != SIGHUP;
}

/* Wait before the next start; true when told to stop meanwhile. */
static bool rest(const struct supervisor *s, unsigned ms)
{
    const uint64_t end_ns = sut_monotonic_ns() + (uint64_t) ms * 1000000;
    for (uint64_t now_ns = sut_monotonic_ns(); now_ns < end_ns; now_ns = sut_monotonic_ns()) {
        struct pollfd p = { .fd = s->signal_fd, .events = POLLIN };
        if (poll(&p, 1, (int) ((end_ns - now_ns) / 1000000) + 1) > 0 && is_told_to_stop(s))
            return true;
    }
    return false;
}

enum happening { ENDED, STOP, READY };

/* Wait for the next thing: a signal, the worker's first word, its end. */
static enum happening wait_next(struct supervisor *s, bool is_ready)
{
    for (;;) {
        struct pollfd p[3] = {
            { .fd = s->signal_fd, .events = POLLIN },
            { .fd = s->worker.pidfd, .events = POLLIN },
            { .fd = is_ready ? -1 : s->line_fd, .events = POLLIN },
        };
        if (poll(p, 3, -1) < 0 && errno != EINTR)
            return ENDED;
        if (p[0].revents != 0 && is_told_to_stop(s))
            return STOP;
        if (p[2].revents != 0) {
            char word = 0;
            if (read(s->line_fd, &word, 1) == 1)
                return READY;
        }
        if (p[1].revents != 0)
            return ENDED;
    }
}

static void stop_worker(struct supervisor *s)
{
    bool has_ended = false;
    struct sut_role_end end = { 0 };
    sut_ignore(sut_role_signal(&s->worker, SIGTERM), "it may have ended already");
    sut_ignore(sut_role_wait_ms(&s->worker, STOP_MS, &has_ended, &end), "it is killed below");
    if (!has_ended)
        sut_log(SUT_LOG_WARN, "worker_killed", LOG_INT("after_ms", STOP_MS));
    sut_role_done(&s->worker);
}

/* Start the worker, and again when it dies, until we are told to stop. */
static int supervise(struct supervisor *s)
{
    unsigned backoff_ms = 0;
    bool was_ready = false;
    for (;;) {
        const uint64_t started_ns = sut_monotonic_ns();
        const sut_err e = start_worker(s);
        if (sut_failed(e)) {
            sut_log(SUT_LOG_ERROR, "worker_not_started", LOG_ERR(e));
            return SUT_EXIT_FAILED;
        }
        enum happening h = wait_next(s, false);
        if (h == READY) {
            was_ready = true;
            h = wait_next(s, true);
        }
        if (h == STOP) {
            stop_worker(s);
            return SUT_EXIT_OK;
        }
        struct sut_role_end end = { 0 };
        sut_ignore(sut_role_wait(&s->worker, &end), "only its code is lost");
        /* What fails at the very first start fails again: its own words stand on stderr. */
        if (!was_ready)
            return end.is_signal ? SUT_EXIT_FAILED : end.code;
        sut_log(SUT_LOG_ERROR, "worker_ended", LOG_NAME("by", end.is_signal ? "signal" : "exit"),
                LOG_INT("code", end.code));
        const struct sut_event_detail detail = { .reason = "worker" };
        sut_event_raise(s->events, SUT_EVENT_ROLE_CRASHED, sut_clock_now(&sut_clock_system),
                        &detail);
        const uint64_t lived_ms = (sut_monotonic_ns() - started_ns) / 1000000;
        if (lived_ms > STABLE_MS)
            backoff_ms = 0;
        if (rest(s, backoff_ms))
            return SUT_EXIT_OK;
        backoff_ms = backoff_ms == 0 ? 100 : backoff_ms * 2;
        if (backoff_ms > BACKOFF_MAX_MS)
            backoff_ms = BACKOFF_MAX_MS;
    }
}

static int run_supervisor(struct supervisor *s)
{
    struct sut_diag diag = { 0 };
    const ssize_t n = readlink("/proc/self/exe", s->binary, sizeof(s->binary) - 1);
    if (n <= 0) {
        sut_diag_set(&diag, "the program's own path can't be read");
        return sut_command_fail(&diag);
    }
    s->binary[n] = '\0';
    if (sut_failed(bind_all(s, &s->config->server.listen, &s->n_plain, &diag)) ||
        sut_failed(bind_all(s, &s->config->server.listen_tls, &s->n_tls, &diag)) ||
        sut_failed(bind_demo_tls(s, &diag)))
        return sut_command_fail(&diag);
    if (s->n_plain + s->n_tls == 0) {
        sut_diag_set(&diag, "there is no address to listen on");
        sut_diag_hint(&diag, "give --listen 127.0.0.1:8000 or server.listen");
        return sut_command_fail(&diag);
    }
    if (sut_failed(sut_harden_process()) || sut_failed(pack_settings(s)) ||
        sut_failed(block_signals(s)) || sut_failed(sut_events_create(&s->events))) {
        sut_diag_set(&diag, "the process can't be hardened");
        return sut_command_fail(&diag);
    }
    sut_harden_wipe_environ();
    sut_log_init((enum sut_log_level) s->config->log.level,
                 (enum sut_log_format) s->config->log.format, 2, "supervisor");
    /* From here on only the packed copy holds secrets. */
    sut_config_free(&s->config);
    return supervise(s);
}

static int run(int argc, char **argv)
{
    struct sut_options o;
    const int usage_code = sut_options_parse(&sut_cmd_serve, argc, argv, &o);
    if (usage_code != SUT_EXIT_OK || o.help)
        return usage_code;
    if (o.n_rest > 0)
        return sut_command_usage(&sut_cmd_serve, "%s is not expected here", o.rest[0]);
    struct supervisor s = {
        .settings_fd = -1, .signal_fd = -1, .line_fd = -1, .worker = SUT_ROLE_NONE
    };
    for (size_t i = 0; i < SUT_ROLE_LISTEN_MAX; i++)
        s.listen_fds[i] = -1;
    s.config = sut_options_config(&o, false);
    if (s.config == NULL)
        return SUT_EXIT_FAILED;
    const int code = run_supervisor(&s);
    sut_role_done(&s.worker);
    sut_events_free(&s.events);
    sut_config_free(&s.config);
    for (size_t i = 0; i < SUT_ROLE_LISTEN_MAX; i++)
        sut_fd_close(&s.listen_fds[i]);
    sut_fd_close(&s.settings_fd);
    sut_fd_close(&s.signal_fd);
    sut_fd_close(&s.line_fd);
    return code;
}

const struct sut_command sut_cmd_serve = {
    .name = "serve",
    .summary = "run the shop",
    .usage = usage,
    .run = run,
};
