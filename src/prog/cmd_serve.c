/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_serve - what comes before the supervisor's loop: settings, addresses, folders,
 * another user, its own sandbox.  It parses no byte from the network.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "audit/events.h"
#include "base/buf.h"
#include "crypto/library.h"
#include "db/reach.h"
#include "log/log.h"
#include "net/listen.h"
#include "os/dir.h"
#include "os/fd.h"
#include "os/harden.h"
#include "os/user.h"
#include "prog/boot.h"
#include "prog/options.h"
#include "prog/role_settings.h"
#include "prog/sandboxes.h"
#include "prog/supervisor.h"

enum {
    DSN_MAX = 16 * 1024,
    DEMO_PORT = 8000,
    DEMO_TLS_PORT = 8443,
    LOCKED_MAX = 64 * 1024 * 1024, /* memory for keys that is never swapped out, a role */
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
    "Signals: TERM and INT end it after the requests in flight; HUP reads certificate and key\n"
    "anew.\n"
    "Exit codes: 0 ended on demand, 1 could not start or a role failed for good, 2 usage.\n";

struct serving {
    struct sut_config *config;
    struct sut_supervisor_options o;
    struct sut_db_reach reach; /* remote store */
};

static SUT_ERR bind_all(struct serving *s, const struct sut_config_addrs *addrs, size_t *ret_n,
                        struct sut_diag *reterr_diag)
{
    for (size_t i = 0; i < addrs->n; i++) {
        const size_t at = s->o.n_plain + s->o.n_tls;
        if (at == SUT_ROLE_LISTEN_MAX) {
            sut_diag_set(reterr_diag, "at most %d addresses to listen on", SUT_ROLE_LISTEN_MAX);
            FAIL(INVALID);
        }
        TRY(sut_listen_open(addrs->items[i].host, addrs->items[i].port, &s->o.listen_fds[at],
                            reterr_diag));
        ++*ret_n;
    }
    return SUT_OK;
}

/* A demo listens with HTTPS too: beside the usual port on the usual one, else on any free one. */
static SUT_ERR bind_demo_tls(struct serving *s, struct sut_diag *reterr_diag)
{
    const struct sut_config_addrs *plain = &s->config->server.listen;
    if (!s->config->demo || s->o.n_tls > 0 || s->o.n_plain == SUT_ROLE_LISTEN_MAX)
        return SUT_OK;
    const bool is_usual = plain->n == 1 && plain->items[0].port == DEMO_PORT;
    TRY(sut_listen_open(SUT_STR("127.0.0.1"), is_usual ? DEMO_TLS_PORT : 0,
                        &s->o.listen_fds[s->o.n_plain], reterr_diag));
    s->o.n_tls = 1;
    return SUT_OK;
}

static SUT_ERR bind_addresses(struct serving *s, struct sut_diag *reterr_diag)
{
    TRY(bind_all(s, &s->config->server.listen, &s->o.n_plain, reterr_diag));
    TRY(bind_all(s, &s->config->server.listen_tls, &s->o.n_tls, reterr_diag));
    TRY(bind_demo_tls(s, reterr_diag));
    if (s->o.n_plain + s->o.n_tls == 0) {
        sut_diag_set(reterr_diag, "there is no address to listen on");
        sut_diag_hint(reterr_diag, "give --listen 127.0.0.1:8000 or server.listen");
        FAIL(INVALID);
    }
    return SUT_OK;
}

static SUT_ERR block_signals(struct serving *s)
{
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        FAIL_SYS(SYSTEM);
    s->o.signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (s->o.signal_fd < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

/* Root gives itself up; who is not root has nothing to give. */
static SUT_ERR become_user(const struct serving *s, struct sut_diag *reterr_diag)
{
    const sut_str name = s->config->server.user;
    if (name.n > 0 && sut_user_is_root()) {
        struct sut_user u;
        sut_err e = sut_user_find(name.p, &u);
        if (!sut_failed(e))
            e = sut_user_drop(&u);
        if (sut_failed(e)) {
            sut_diag_set(reterr_diag, "can't become the user %s (%s)", name.p,
                         sut_err_info(e.code)->name);
            sut_diag_hint(reterr_diag, "server.user names one of the system's users, not root");
            return e;
        }
    }
    return sut_harden_drop_capabilities();
}

/* Folders are looked at as the user who will use them. */
static SUT_ERR open_folders(struct serving *s, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = s->config;
    bool may_make_file_key = true;
    TRY(sut_boot_folders(c, SUT_BOOT_CREATE | SUT_BOOT_MIGRATE, reterr_diag));
    s->o.may_create = true;
    TRY(sut_boot_may_make(c, &s->o.may_create, &may_make_file_key));
    s->o.keys = c->server.keys.p;
    if (s->o.n_tls > 0)
        TRY(sut_certificate_find(c, &s->o.certificate, reterr_diag));
    /* Landlock knows what is there alone; it is made even when it will be refused. */
    if (c->security.master_key == NULL || (s->o.n_tls > 0 && s->o.certificate.is_own))
        TRY(sut_dir_make_private(c->server.keys.p, NULL, reterr_diag));
    return SUT_OK;
}

static SUT_ERR shut_in(struct serving *s, struct sut_diag *reterr_diag)
{
    const struct sut_config *c = s->config;
    const bool is_remote = c->store.kind != SUT_STORE_EMBEDDED;
    if (is_remote) {
        struct sut_buf dsn;
        sut_buf_init(&dsn, DSN_MAX);
        (void) sut_buf_room(&dsn, DSN_MAX);
        sut_buf_str_add(&dsn, sut_secret_str(c->store.url));
        sut_buf_char(&dsn, '\0');
        sut_err e = sut_buf_check(&dsn);
        if (!sut_failed(e))
            e = sut_db_reach_find(dsn.p, false, &s->reach, reterr_diag);
        if (dsn.p != NULL)
            sut_wipe(dsn.p, dsn.cap);
        sut_buf_done(&dsn);
        TRY(e);
    }
    return sut_sandbox_supervisor(c, s->o.n_tls > 0 ? &s->o.certificate : NULL,
                                  is_remote ? &s->reach : NULL, reterr_diag);
}

/* All that can fail before the first role is started. */
static SUT_ERR prepare(struct serving *s, struct sut_diag *reterr_diag)
{
    TRY(bind_addresses(s, reterr_diag));
    TRY(sut_harden_process());
    (void) sut_crypto_wipe_freed();
    sut_harden_raise_locked(LOCKED_MAX);
    TRY(become_user(s, reterr_diag));
    TRY(open_folders(s, reterr_diag));
    TRY(sut_role_settings_pack(s->config, SUT_CONFIG_FOR_KEEPER, &s->o.keeper_settings_fd));
    TRY(sut_role_settings_pack(s->config, SUT_CONFIG_FOR_WORKER, &s->o.worker_settings_fd));
    if (sut_config_goes_out(s->config))
        TRY(sut_role_settings_pack(s->config, SUT_CONFIG_FOR_COURIER, &s->o.courier_settings_fd));
    TRY(block_signals(s));
    TRY(sut_events_create(&s->o.events));
    sut_harden_wipe_environ();
    sut_log_init((enum sut_log_level) s->config->log.level,
                 (enum sut_log_format) s->config->log.format, 2, "supervisor");
    if (sut_user_is_root())
        sut_log(SUT_LOG_WARN, "runs_as_root", LOG_Z("better", "server.user"));
    return shut_in(s, reterr_diag);
}

static int serve(struct serving *s)
{
    struct sut_diag diag = { 0 };
    const sut_err e = prepare(s, &diag);
    if (sut_failed(e)) {
        if (diag.text[0] == '\0')
            sut_diag_set(&diag, "the shop can't be started: %s (%s:%d)", sut_err_info(e.code)->name,
                         e.at == NULL ? "?" : e.at->file, e.at == NULL ? 0 : e.at->line);
        return sut_command_fail(&diag);
    }
    char keys[SUT_CERTIFICATE_PATH_MAX];
    const int n = snprintf(keys, sizeof(keys), "%s", s->o.keys);
    if (n < 0 || (size_t) n >= sizeof(keys)) {
        sut_diag_set(&diag, "the path of the keys folder is too long");
        return sut_command_fail(&diag);
    }
    s->o.keys = keys;
    char clamd[SUT_CONFIG_CLAMD_PATH_MAX + 1];
    struct sut_config_clamd at;
    sut_config_clamd(s->config, &at);
    (void) snprintf(clamd, sizeof(clamd), "%.*s", SUT_STR_ARG(at.path));
    s->o.clamd = at.path.n > 0 ? clamd : NULL;
    /* From here on only the packed copies hold secrets. */
    sut_config_free(&s->config);
    return sut_supervisor_run(&s->o);
}

static int run(int argc, char **argv)
{
    struct sut_options o;
    const int usage_code = sut_options_parse(&sut_cmd_serve, argc, argv, &o);
    if (usage_code != SUT_EXIT_OK || o.help)
        return usage_code;
    if (o.n_rest > 0)
        return sut_command_usage(&sut_cmd_serve, "%s is not expected here", o.rest[0]);
    /* The program that runs, also when its file was replaced since: roles and supervisor agree. */
    struct serving s = { .o = { .binary = "/proc/self/exe",
                                .keeper_settings_fd = -1,
                                .worker_settings_fd = -1,
                                .courier_settings_fd = -1,
                                .signal_fd = -1 } };
    for (size_t i = 0; i < SUT_ROLE_LISTEN_MAX; i++)
        s.o.listen_fds[i] = -1;
    s.config = sut_options_config(&o, false);
    if (s.config == NULL)
        return SUT_EXIT_FAILED;
    const int code = serve(&s);
    sut_events_free(&s.o.events);
    sut_config_free(&s.config);
    sut_db_reach_done(&s.reach);
    for (size_t i = 0; i < SUT_ROLE_LISTEN_MAX; i++)
        sut_fd_close(&s.o.listen_fds[i]);
    sut_fd_close(&s.o.keeper_settings_fd);
    sut_fd_close(&s.o.worker_settings_fd);
    sut_fd_close(&s.o.courier_settings_fd);
    sut_fd_close(&s.o.signal_fd);
    return code;
}

const struct sut_command sut_cmd_serve = {
    .name = "serve",
    .summary = "run the shop",
    .usage = usage,
    .run = run,
};
