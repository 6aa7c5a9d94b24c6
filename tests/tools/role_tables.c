/* SPDX-License-Identifier: Apache-2.0
 *
 * role_tables - prints what each role may do, out of the tables that the program is
 * made of: what the keeper answers, which keys leave it, what is said on the lines,
 * which settings a role gets, and each sandbox.  The shipped program has no such words.
 *
 * It enters no sandbox: its own sut_sandbox_enter() prints what it is given.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/setting.h"
#include "db/reach.h"
#include "ipc/courier_wire.h"
#include "ipc/keeper.h"
#include "ipc/keeper_wire.h"
#include "keeper/permits.h"
#include "os/sandbox.h"
#include "prog/certificate.h"
#include "prog/sandboxes.h"
#include "prog/supervisor_int.h"
#include "prog/words.h"

enum { LINES_MAX = 1024, LINE_MAX_BYTES = 256, DB_PORT = 5432 };

static const char *box_name; /* "worker, embedded" */
static char lines[LINES_MAX][LINE_MAX_BYTES];
static size_t n_lines;

_Noreturn static void fail(const char *what)
{
    (void) fprintf(stderr, "role_tables: %s\n", what);
    exit(1);
}

/* --- messages --- */

static void print_asks(void)
{
    static const char *const names[] = {
        [SUT_KEEPER_ABOUT] = "ABOUT",         [SUT_KEEPER_UNWRAP] = "UNWRAP",
        [SUT_KEEPER_MAKE] = "MAKE",           [SUT_KEEPER_REWRAP] = "REWRAP",
        [SUT_KEEPER_OPEN_DATA] = "OPEN_DATA", [SUT_KEEPER_MAKE_DATA] = "MAKE_DATA",
        [SUT_KEEPER_TLS_SIGN] = "TLS_SIGN",   [SUT_KEEPER_CHECKPOINT] = "CHECKPOINT",
    };
    for (const struct sut_ipc_permit *p = sut_keyholder_permits; p->handle != NULL; p++) {
        const char *name = p->type < sizeof(names) / sizeof(names[0]) ? names[p->type] : NULL;
        printf("keeper answers %s in=%u out=%u per_second=%u burst=%u\n", name == NULL ? "?" : name,
               p->max, p->reply_max, p->per_second, p->burst);
    }
}

static void print_errands(void)
{
    static const char *const hows[] = { "mail", "get", "form", "call", "verify", "scan", "object" };
    for (int p = 0; p < SUT_ERRANDS; p++) {
        const enum sut_errand_purpose purpose = (enum sut_errand_purpose) p;
        const struct sut_errand_row *row = sut_errand_row(purpose);
        printf("courier does %s to=%s by=%s in=%u out=%u per_second=%u redirects=%u\n",
               sut_errand_word(purpose), row->where == SUT_ERRAND_DATA ? "data" : "settings",
               hows[row->what], sut_errand_ask_max(purpose), sut_errand_reply_max(purpose),
               row->per_second, row->redirects);
    }
}

static void print_purposes(void)
{
    for (int p = 0; p < SUT_KEY_PURPOSES; p++)
        printf("key %s %s\n", sut_key_purpose_word((enum sut_key_purpose) p),
               sut_key_purpose_leaves((enum sut_key_purpose) p) ? "leaves" : "stays");
}

static const char *word_name(unsigned type)
{
    switch ((enum sut_word) type) {
    case SUT_WORD_READY:
        return "READY";
    case SUT_WORD_PEERS:
        return "PEERS";
    case SUT_WORD_TLS_KEY:
        return "TLS_KEY";
    case SUT_WORD_TLS_OK:
        return "TLS_OK";
    case SUT_WORD_TLS_BAD:
        return "TLS_BAD";
    case SUT_WORD_KEEPER:
        return "KEEPER";
    case SUT_WORD_CERT:
        return "CERT";
    case SUT_WORD_DONE:
        return "DONE";
    case SUT_WORD_PING:
        return "PING";
    case SUT_WORD_HERE:
        return "HERE";
    case SUT_WORD_ASK_MASTER_NEXT:
        return "ASK_MASTER_NEXT";
    case SUT_WORD_ASK_MASTER_ADOPT:
        return "ASK_MASTER_ADOPT";
    case SUT_WORD_ASK_TLS:
        return "ASK_TLS";
    case SUT_WORD_FEW:
        return "FEW";
    case SUT_WORD_COURIER:
        return "COURIER";
    case SUT_WORD_REST:
        return "REST";
    case SUT_WORD_EMPTY:
        return "EMPTY";
    case SUT_WORD_FEW_COURIER:
        return "FEW_COURIER";
    case SUT_WORD_DARKROOM:
        return "DARKROOM";
    case SUT_WORD_ASK_CLAMD:
        return "ASK_CLAMD";
    case SUT_WORD_CLAMD:
        return "CLAMD";
    }
    return "?";
}

static void print_line(const char *role, const struct sut_line_permit *permits)
{
    for (const struct sut_line_permit *p = permits; p->type != 0; p++)
        printf("supervisor hears %s %s bytes=%u descriptors=%u\n", role, word_name(p->type), p->max,
               p->fds_max);
}

/* --- settings --- */

static void print_settings(void)
{
    size_t n = 0;
    const struct sut_setting *all = sut_setting__all(&n);
    for (size_t i = 0; i < n; i++) {
        const unsigned f = all[i].flags;
        if ((f & (SUT_SETTING_SECRET | SUT_SETTING_SECRET_IF_PASSWORD | SUT_SETTING_KEEPER |
                  SUT_SETTING_COURIER | SUT_SETTING_NO_WORKER)) != 0)
            printf("setting %s.%s%s%s%s%s\n", all[i].section, all[i].key,
                   (f & (SUT_SETTING_SECRET | SUT_SETTING_SECRET_IF_PASSWORD)) != 0 ? " secret"
                                                                                    : "",
                   (f & SUT_SETTING_NO_WORKER) == 0 ? " worker" : "",
                   (f & SUT_SETTING_KEEPER) != 0 ? " keeper" : "",
                   (f & SUT_SETTING_COURIER) != 0 ? " courier" : "");
    }
}

/* --- sandboxes --- */

__attribute__((format(printf, 1, 2))) static void line(const char *fmt, ...)
{
    va_list args;
    if (n_lines == LINES_MAX)
        fail("too many lines");
    va_start(args, fmt);
    const int n = vsnprintf(lines[n_lines++], LINE_MAX_BYTES, fmt, args);
    va_end(args);
    if (n < 0 || n >= LINE_MAX_BYTES)
        fail("a line is too long");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* In the order of the alphabet, each once: how the tables are put together shows no change. */
static void print_lines(void)
{
    qsort(lines, n_lines, sizeof(lines[0]), by_text);
    for (size_t i = 0; i < n_lines; i++)
        if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
            printf("%s: %s\n", box_name, lines[i]);
    n_lines = 0;
}

static void add_call(const struct sut_sandbox_call *c)
{
    char checks[128] = "";
    size_t at = 0;
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, c->number);
    for (size_t i = 0; i < SUT_SANDBOX_CHECKS; i++)
        if (c->checks[i].mask != 0)
            at += c->checks[i].value == SUT_SANDBOX_OWN_PID
                      ? (size_t) snprintf(checks + at, sizeof(checks) - at, " arg%u=own",
                                          c->checks[i].arg)
                      : (size_t) snprintf(checks + at, sizeof(checks) - at, " arg%u&%#llx=%#llx",
                                          c->checks[i].arg, (unsigned long long) c->checks[i].mask,
                                          (unsigned long long) c->checks[i].value);
    if (name == NULL || at >= sizeof(checks))
        fail("a call without a name, or too many checks");
    if (c->error != 0)
        line("call %s refused %s", name, strerrorname_np(c->error));
    else
        line("call %s%s", name, checks);
    free(name);
}

SUT_ERR sut_sandbox_enter(const struct sut_sandbox *s, int *ret_landlock,
                          struct sut_diag *reterr_diag)
{
    (void) reterr_diag;
    *ret_landlock = 1;
    for (size_t t = 0; t < s->n_calls; t++)
        for (const struct sut_sandbox_call *c = s->calls[t]; c->number != -1; c++)
            add_call(c);
    for (size_t i = 0; i < s->n_paths; i++)
        line("path %s %s%s%s", s->paths[i].path,
             (s->paths[i].rights & SUT_SANDBOX_READ) != 0 ? "r" : "",
             (s->paths[i].rights & SUT_SANDBOX_WRITE) != 0 ? "w" : "",
             (s->paths[i].rights & SUT_SANDBOX_EXEC) != 0 ? "x" : "");
    for (size_t i = 0; i < s->n_ports; i++)
        line("port %u", s->ports[i]);
    if (s->files_max != 0)
        line("descriptors %llu", (unsigned long long) s->files_max);
    if (s->memory_max != 0)
        line("memory %llu", (unsigned long long) s->memory_max);
    if (s->cpu_s_max != 0)
        line("seconds %llu", (unsigned long long) s->cpu_s_max);
    print_lines();
    return SUT_OK;
}

static struct sut_config *make_config(const char *database, const char *mail_host)
{
    const char *const env[] = { database, NULL };
    struct sut_config_arg args[] = {
        { "server.data", "/srv/shop/data" }, { "server.keys", "/srv/shop/keys" },
        { "hosts.allowed", "shop.example" }, { "server.public_url", "https://shop.example" },
        { "email.host", mail_host },         { "email.from", "shop@shop.example" },
    };
    const struct sut_config_source source = { .env = env,
                                              .args = args,
                                              .n_args = sizeof(args) / sizeof(args[0]) };
    struct sut_config_report report = { 0 };
    struct sut_config *c = NULL;
    if (sut_failed(sut_config_load(&source, &c, &report)))
        fail(report.n > 0 ? report.problems[0].text : "no settings");
    sut_config_report_done(&report);
    return c;
}

static void print_boxes(const char *store, const char *database)
{
    char name[64];
    struct sut_diag diag = { 0 };
    struct sut_config *c = make_config(database, "");
    const bool is_remote = c->store.kind == SUT_STORE_POSTGRES;
    static struct sut_db_reach reach = { .ports = { DB_PORT }, .n_ports = 1, .n_files = 1 };
    static const struct sut_certificate_files certificate = { .cert = "/etc/shop/tls.crt",
                                                              .key = "/etc/shop/tls.key",
                                                              .folder = "/etc/shop" };
    (void) snprintf(reach.files[0], sizeof(reach.files[0]), "/etc/shop/database-ca.crt");
    box_name = name;
    (void) snprintf(name, sizeof(name), "worker, %s", store);
    sut_err e = sut_sandbox_worker(c, is_remote ? &reach : NULL, &diag);
    if (!sut_failed(e)) {
        (void) snprintf(name, sizeof(name), "supervisor, %s", store);
        e = sut_sandbox_supervisor(c, &certificate, is_remote ? &reach : NULL, &diag);
    }
    if (sut_failed(e))
        fail("no sandbox");
    sut_config_free(&c);
}

/* Of a shop that sends mail: the courier, and the supervisor, whose walls it is within first. */
static void print_outward(void)
{
    struct sut_diag diag = { 0 };
    struct sut_config *c = make_config("DATABASE_URL=sqlite:", "mail.example");
    box_name = "courier";
    sut_err e = sut_sandbox_courier(c, &diag);
    if (!sut_failed(e)) {
        box_name = "supervisor, courier";
        e = sut_sandbox_supervisor(c, NULL, NULL, &diag);
    }
    if (sut_failed(e))
        fail("no sandbox");
    sut_config_free(&c);
}

int main(void)
{
    struct sut_diag diag = { 0 };
    print_asks();
    print_errands();
    print_purposes();
    print_line("keeper", sut_supervisor__keeper_permits);
    print_line("courier", sut_supervisor__courier_permits);
    print_line("worker", sut_supervisor__worker_permits);
    print_settings();
    box_name = "keeper";
    if (sut_failed(sut_sandbox_keeper(&diag)))
        fail("no sandbox");
    box_name = "darkroom";
    if (sut_failed(sut_sandbox_darkroom(&diag)))
        fail("no sandbox");
    print_outward();
    print_boxes("embedded", "DATABASE_URL=sqlite:");
    print_boxes("remote",
                "DATABASE_URL=postgres://shop:canary-password@db.example/shop?sslmode=verify-full");
    return ferror(stdout) != 0;
}
