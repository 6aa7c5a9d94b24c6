/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_key - `sutler key …`: what keys there are, and new ones in their place; at
 * the running server or, when none runs, in the store itself.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fd.h"
#include "prog/key_control.h"
#include "prog/key_local.h"
#include "prog/key_print.h"
#include "prog/options.h"

enum { TEXT_MAX = 256 * 1024, POLL_MS = 150, NS_PER_MS = 1000000, SILENT_MAX = 40 };

static const char key_usage[] =
    "usage: sutler key list\n"
    "       sutler key rotate KIND\n"
    "each with [--data DIR] [--keys DIR] [--config FILE] [--json]\n\n"
    "KIND is one of\n"
    "  token   signs access and refresh tokens\n"
    "  link    signs links in mails\n"
    "  index   by what sealed fields are found: indexes every person anew\n"
    "  data    the keys of all persons: seals every row anew\n"
    "  media   seals pictures\n"
    "  file    encrypts the embedded store's file: copies it\n"
    "  master  wraps all other keys: wraps them anew\n"
    "  log     stands for a person in the log\n"
    "  audit   signs checkpoints of the audit\n"
    "  tls     reads certificate and key anew\n\n"
    "The shop goes on meanwhile.  A rotation that was cut short is finished by the\n"
    "same command; Ctrl-C leaves the work of a running server running.  `list` marks\n"
    "keys that are older than they should be, and shows no byte of any.\n";

/* Who is asked: a running server, or the store opened here. */
struct asked {
    const struct sut_config *config;
    struct sut_key_local *local; /* NULL: the server */
};

static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int sig)
{
    (void) sig;
    is_interrupted = 1;
}

static int fail(const struct sut_diag *d, sut_err e)
{
    struct sut_diag said = *d;
    if (said.text[0] == '\0')
        sut_diag_set(&said, "%s", sut_err_info(e.code)->text);
    return sut_command_fail(&said);
}

static bool print(struct sut_buf *b, FILE *to)
{
    return !sut_failed(sut_buf_check(b)) && fwrite(b->p, 1, b->n, to) == b->n && fflush(to) == 0;
}

/* --- list --- */

static SUT_ERR get_list(struct asked *who, struct sut_key_list *ret, struct sut_diag *d)
{
    const sut_err e = sut_key_ask_list(who->config->server.data, ret, d);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    TRY(sut_key_local_open(who->config, &who->local, d));
    return sut_key_admin_list(sut_key_local_admin(who->local), ret);
}

static int run_list(struct asked *who, bool is_json)
{
    struct sut_diag d = { .text = "" };
    DEFER(sut_mem_freep) struct sut_key_list *l = sut_mem_zalloc(1, sizeof(*l));
    if (l == NULL)
        return sut_command_fail(&(struct sut_diag){ .text = "no memory" });
    const sut_err e = get_list(who, l, &d);
    if (sut_failed(e))
        return fail(&d, e);
    struct sut_buf out;
    sut_buf_init(&out, TEXT_MAX);
    sut_key_print_list(&out, l, is_json, sut_clock_now(&sut_clock_system));
    const bool is_fine = print(&out, stdout);
    sut_buf_done(&out);
    return is_fine ? SUT_EXIT_OK : sut_command_unprinted();
}

/* --- rotate --- */

static SUT_ERR begin(struct asked *who, enum sut_key_kind kind, struct sut_diag *d)
{
    const sut_err e = sut_key_ask_rotate(who->config->server.data, kind, d);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    TRY(sut_key_local_open(who->config, &who->local, d));
    return sut_key_admin_start(sut_key_local_admin(who->local), kind, d);
}

static SUT_ERR look(struct asked *who, enum sut_key_kind kind, struct sut_key_status *ret,
                    struct sut_diag *d)
{
    if (who->local == NULL)
        return sut_key_ask_status(who->config->server.data, kind, ret, d);
    sut_key_admin_status(sut_key_local_admin(who->local), kind, ret);
    return SUT_OK;
}

/* A line that overwrites itself on a terminal; a line a phase elsewhere. */
struct shown {
    bool is_terminal;
    char phase[64];
};

static void show(struct shown *last, const struct sut_key_status *s)
{
    struct sut_buf b;
    const bool is_new = strcmp(last->phase, s->phase) != 0;
    if (!last->is_terminal && !is_new)
        return;
    (void) snprintf(last->phase, sizeof(last->phase), "%s", s->phase);
    sut_buf_init(&b, TEXT_MAX);
    if (last->is_terminal)
        sut_buf_lit(&b, "\r\033[K");
    sut_key_print_progress(&b, s);
    if (!last->is_terminal)
        sut_buf_char(&b, '\n');
    (void) print(&b, stderr);
    sut_buf_done(&b);
}

static void clear(const struct shown *last)
{
    if (last->is_terminal)
        (void) fputs("\r\033[K", stderr);
}

static int leave(struct asked *who, enum sut_key_kind kind)
{
    if (who->local == NULL)
        (void) fprintf(stderr, "sutler: the server goes on with it; `sutler key list` tells\n");
    else
        (void) fprintf(stderr, "sutler: ended; `sutler key rotate %s` goes on with it\n",
                       sut_key_kinds[kind].word);
    return SUT_EXIT_FAILED;
}

static int tell_end(const struct sut_key_status *s, bool is_json)
{
    struct sut_buf out;
    struct sut_diag d = { .text = "" };
    bool is_fine = true;
    sut_buf_init(&out, TEXT_MAX);
    if (!s->has_failed || is_json) {
        sut_key_print_end(&out, s, is_json);
        is_fine = print(&out, stdout);
    }
    sut_buf_done(&out);
    if (s->has_failed) {
        (void) snprintf(d.text, sizeof(d.text), "%s", s->text);
        (void) snprintf(d.hint, sizeof(d.hint), "%s", s->hint);
        return sut_command_fail(&d);
    }
    return is_fine ? SUT_EXIT_OK : sut_command_unprinted();
}

static int follow(struct asked *who, enum sut_key_kind kind, bool is_json)
{
    struct shown last = { .is_terminal = isatty(STDERR_FILENO) == 1 };
    struct sut_key_status s;
    for (unsigned silent = 0;;) {
        const struct timespec t = { .tv_nsec = (long) POLL_MS * NS_PER_MS };
        struct sut_diag d = { .text = "" };
        const sut_err e = look(who, kind, &s, &d);
        silent = sut_failed(e) ? silent + 1 : 0;
        /* A server that was started anew knows of no rotation. */
        if (silent == SILENT_MAX || (silent == 0 && !s.is_known)) {
            clear(&last);
            sut_diag_set(&d, "the server has ended in the middle of it; nothing is lost");
            sut_diag_hint(&d, "`sutler key rotate %s` goes on with it", sut_key_kinds[kind].word);
            return sut_command_fail(&d);
        }
        if (silent == 0 && !s.is_running) {
            clear(&last);
            return tell_end(&s, is_json);
        }
        if (silent == 0 && !is_json)
            show(&last, &s);
        (void) nanosleep(&t, NULL);
        if (is_interrupted != 0) {
            clear(&last);
            return leave(who, kind);
        }
    }
}

static int run_rotate(struct asked *who, enum sut_key_kind kind, bool is_json)
{
    struct sut_diag d = { .text = "" };
    const struct sigaction sa = { .sa_handler = note_interrupt };
    (void) sigaction(SIGINT, &sa, NULL);
    const sut_err e = begin(who, kind, &d);
    if (sut_failed(e))
        return fail(&d, e);
    return follow(who, kind, is_json);
}

static int find_kind(const struct sut_options *o, enum sut_key_kind *ret)
{
    char kinds[128];
    struct sut_buf b = { .p = kinds, .cap = sizeof(kinds) - 1, .max = sizeof(kinds) - 1 };
    for (unsigned k = 0; k < SUT_KINDS; k++)
        sut_buf_printf(&b, "%s%s",
                       k == 0               ? ""
                       : k + 1 == SUT_KINDS ? " or "
                                            : ", ",
                       sut_key_kinds[k].word);
    kinds[b.n] = '\0';
    if (o->n_rest < 2)
        return sut_command_usage(&sut_cmd_key, "rotate wants a kind: %s", kinds);
    if (o->n_rest > 2)
        return sut_command_usage(&sut_cmd_key, "%s is not expected here", o->rest[2]);
    if (!sut_key_kind_of(sut_str_from(o->rest[1]), ret))
        return sut_command_usage(&sut_cmd_key, "%s is no kind of key: %s", o->rest[1], kinds);
    return SUT_EXIT_OK;
}

static int run_key(int argc, char **argv)
{
    struct sut_options o;
    enum sut_key_kind kind = SUT_KINDS;
    int code = sut_options_parse(&sut_cmd_key, argc, argv, &o);
    if (code != SUT_EXIT_OK || o.help)
        return code;
    if (o.n_rest == 0)
        return sut_command_usage(&sut_cmd_key, "what to do is missing");
    const bool is_list = strcmp(o.rest[0], "list") == 0;
    if (!is_list && strcmp(o.rest[0], "rotate") != 0)
        return sut_command_usage(&sut_cmd_key, "%s is nothing to do with keys", o.rest[0]);
    if (is_list && o.n_rest > 1)
        return sut_command_usage(&sut_cmd_key, "%s is not expected here", o.rest[1]);
    if (!is_list && (code = find_kind(&o, &kind)) != SUT_EXIT_OK)
        return code;
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&o, true);
    if (config == NULL)
        return SUT_EXIT_FAILED;
    struct asked who = { .config = config };
    code = is_list ? run_list(&who, o.json) : run_rotate(&who, kind, o.json);
    sut_key_local_close(&who.local);
    return code;
}

const struct sut_command sut_cmd_key = {
    .name = "key",
    .summary = "keys: list them, rotate one kind",
    .usage = key_usage,
    .run = run_key,
};
