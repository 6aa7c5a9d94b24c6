/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_mail - `sutler mail …`: the mails of the shop, at the running server or, when
 * none runs, in the store itself.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/scan.h"
#include "codec/json_out.h"
#include "codec/time.h"
#include "mail/message.h"
#include "prog/control.h"
#include "prog/mail_local.h"
#include "prog/mail_wire.h"
#include "prog/options.h"

enum {
    ANSWER_MEMORY = 8 * 1024 * 1024,
    WIDTH_ID = 8,
    WIDTH_WHAT = 18,
    WIDTH_STATE = 10,
    WIDTH_TRIES = 7,
    WIDTH_PERSON = 8,
    WIDTH_LOG = 19,
};

static const char mail_usage[] =
    "usage: sutler mail list\n"
    "       sutler mail show ID [--raw]\n"
    "each with [--data DIR] [--keys DIR] [--config FILE] [--json]\n\n"
    "`list` shows what waits, what went out and what was given up, the newest first:\n"
    "the mail's number and template, how often it was tried, when it was queued, when\n"
    "it was done or is due, why it did not go, and whom it is for, as id and as what\n"
    "stands for the person in the log.  What is over is kept for a week.\n"
    "`show` prints a mail that waits, as it would go now; --raw every byte of it.\n"
    "What a mail said is gone once it was sent: its links open accounts.  In\n"
    "development mails lie in the folder mail/ of the data folder and can be shown.\n";

/* A command line, read. */
struct mail_line {
    struct sut_options options;
    struct sut_mail_ask ask;
    bool is_raw;
};

static int find_verb(struct mail_line *line)
{
    const struct sut_options *const o = &line->options;
    const char *const verb = o->n_rest > 0 ? o->rest[0] : "";
    const size_t n = strcmp(verb, "show") == 0 ? 2 : 1;
    if (o->n_rest == 0)
        return sut_command_usage(&sut_cmd_mail, "what to do is missing");
    if (strcmp(verb, "list") != 0 && strcmp(verb, "show") != 0)
        return sut_command_usage(&sut_cmd_mail, "%s is nothing to do with mails", verb);
    if (o->n_rest < n)
        return sut_command_usage(&sut_cmd_mail, "show wants the number of a mail");
    if (o->n_rest > n)
        return sut_command_usage(&sut_cmd_mail, "%s is not expected here", o->rest[n]);
    if (n == 1) {
        line->ask.verb = SUT_MAIL_LIST;
        return line->is_raw ? sut_command_usage(&sut_cmd_mail, "--raw is not an option of list")
                            : SUT_EXIT_OK;
    }
    line->ask.verb = SUT_MAIL_SHOW;
    if (sut_failed(sut_parse_i64(sut_str_from(o->rest[1]), 1, INT64_MAX, &line->ask.id)))
        return sut_command_usage(&sut_cmd_mail, "%s is no number of a mail", o->rest[1]);
    if (line->is_raw && o->json)
        return sut_command_usage(&sut_cmd_mail, "--raw and --json are two answers");
    return SUT_EXIT_OK;
}

static int read_line(int argc, char **argv, struct mail_line *line)
{
    DEFER(sut_mem_freep) char **rest = sut_mem_zalloc((size_t) argc + 1, sizeof(*rest));
    int n = 0;
    if (rest == NULL)
        return sut_command_fail(&(struct sut_diag){ .text = "no memory" });
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--raw") == 0)
            line->is_raw = true;
        else
            rest[n++] = argv[i];
    }
    const int code = sut_options_parse(&sut_cmd_mail, n, rest, &line->options);
    return code != SUT_EXIT_OK || line->options.help ? code : find_verb(line);
}

/* --- asking --- */

/* NOT_FOUND: no server runs. */
static SUT_ERR ask_server(const struct sut_config *config, struct sut_arena *a,
                          const struct sut_mail_ask *ask, struct sut_mail_shown *ret,
                          struct sut_diag *d)
{
    struct sut_buf fields;
    struct sut_buf reply;
    sut_buf_init_arena(&fields, a, SUT_MAIL_ASK_MAX);
    sut_buf_init_arena(&reply, a, SUT_MAIL_ANSWER_MAX);
    sut_mail_ask_put(&fields, ask);
    TRY(sut_buf_check(&fields));
    TRY(sut_control_call(config->server.data, SUT_ASK_MAIL, sut_buf_str(&fields), &reply, d));
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
    return sut_mail_shown_get(&r, a, ret);
}

static SUT_ERR ask_someone(const struct sut_config *config, struct sut_mail_local **local,
                           struct sut_arena *a, const struct sut_mail_ask *ask,
                           struct sut_mail_shown *ret, struct sut_diag *d)
{
    if (*local == NULL) {
        const sut_err e = ask_server(config, a, ask, ret, d);
        if (e.code != SUT_E_NOT_FOUND)
            return e;
        TRY(sut_mail_local_open(config, local, d));
    }
    return sut_mail_local_ask(*local, a, ask, ret, d);
}

/* --- printing --- */

static void add_cell(struct sut_buf *b, sut_str s, size_t width)
{
    sut_buf_str_add(b, s);
    for (size_t n = s.n; n < width; n++)
        sut_buf_char(b, ' ');
    if (s.n >= width)
        sut_buf_char(b, ' ');
}

static void add_number(struct sut_buf *b, int64_t v, size_t width)
{
    char digits[24];
    struct sut_buf n = { .p = digits, .cap = sizeof(digits), .max = sizeof(digits) };
    sut_buf_i64(&n, v);
    add_cell(b, sut_buf_str(&n), width);
}

static void add_table_row(struct sut_buf *b, const struct sut_mail_row *m)
{
    add_number(b, m->id, WIDTH_ID);
    add_cell(b, m->what, WIDTH_WHAT);
    add_cell(b, m->state, WIDTH_STATE);
    add_number(b, (int64_t) m->tries, WIDTH_TRIES);
    sut_time_iso(b, m->created_at);
    sut_buf_lit(b, "  ");
    sut_time_iso(b, m->done_at.v > 0 ? m->done_at : m->due_at);
    sut_buf_lit(b, "  ");
    if (m->person > 0)
        add_number(b, m->person, WIDTH_PERSON);
    else
        add_cell(b, SUT_STR("-"), WIDTH_PERSON);
    add_cell(b, m->pseudonym.n > 0 ? m->pseudonym : SUT_STR("-"), WIDTH_LOG);
    sut_buf_str_add(b, m->why.n > 0 ? m->why : SUT_STR("-"));
    sut_buf_char(b, '\n');
}

static void add_header(struct sut_buf *b)
{
    add_cell(b, SUT_STR("ID"), WIDTH_ID);
    add_cell(b, SUT_STR("MAIL"), WIDTH_WHAT);
    add_cell(b, SUT_STR("STATE"), WIDTH_STATE);
    add_cell(b, SUT_STR("TRIES"), WIDTH_TRIES);
    sut_buf_lit(b, "QUEUED                DONE OR DUE           ");
    add_cell(b, SUT_STR("PERSON"), WIDTH_PERSON);
    add_cell(b, SUT_STR("IN THE LOG"), WIDTH_LOG);
    sut_buf_lit(b, "WHY\n");
}

static void put_time(struct sut_jw *w, const char *key, sut_ms t)
{
    sut_jw_key(w, key);
    if (t.v > 0)
        sut_jw_time(w, t);
    else
        sut_jw_null(w);
}

static void put_text(struct sut_jw *w, const char *key, sut_str s)
{
    sut_jw_key(w, key);
    if (s.n > 0)
        sut_jw_str(w, s);
    else
        sut_jw_null(w);
}

/* `message` is NULL in a list. */
static void add_json(struct sut_buf *b, const struct sut_mail_row *m, const sut_str *message)
{
    struct sut_jw w = sut_jw_of(b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "id");
    sut_jw_i64(&w, m->id);
    put_text(&w, "template", m->what);
    put_text(&w, "state", m->state);
    sut_jw_key(&w, "tries");
    sut_jw_i64(&w, (int64_t) m->tries);
    put_time(&w, "queued", m->created_at);
    put_time(&w, "due", m->done_at.v > 0 ? (sut_ms){ 0 } : m->due_at);
    put_time(&w, "done", m->done_at);
    put_text(&w, "why", m->why);
    sut_jw_key(&w, "person");
    if (m->person > 0)
        sut_jw_i64(&w, m->person);
    else
        sut_jw_null(&w);
    put_text(&w, "pseudonym", m->pseudonym);
    if (message != NULL)
        put_text(&w, "message", *message);
    sut_jw_obj_end(&w);
}

static void add_page(struct sut_buf *b, const struct mail_line *line,
                     const struct sut_mail_shown *answer)
{
    if (line->ask.offset == 0 && !line->options.json && answer->n_rows > 0)
        add_header(b);
    for (size_t i = 0; i < answer->n_rows; i++) {
        if (!line->options.json) {
            add_table_row(b, &answer->rows[i]);
            continue;
        }
        sut_buf_z(b, line->ask.offset + i > 0 ? ",\n " : "[");
        add_json(b, &answer->rows[i], NULL);
    }
    if (answer->has_more)
        return;
    const bool is_empty = line->ask.offset + answer->n_rows == 0;
    if (line->options.json)
        sut_buf_z(b, is_empty ? "[]\n" : "]\n");
    else if (is_empty)
        sut_buf_lit(b, "no mails\n");
}

static void add_mail(struct sut_buf *b, const struct mail_line *line,
                     const struct sut_mail_shown *answer)
{
    if (line->options.json) {
        add_json(b, &answer->rows[0], &answer->message);
        sut_buf_char(b, '\n');
    } else if (line->is_raw) {
        sut_buf_str_add(b, answer->message);
    } else {
        sut_message_text(answer->message, b);
    }
}

static bool print(const struct mail_line *line, const struct sut_mail_shown *answer)
{
    struct sut_buf b;
    sut_buf_init(&b, ANSWER_MEMORY);
    if (line->ask.verb == SUT_MAIL_LIST)
        add_page(&b, line, answer);
    else if (answer->n_rows > 0)
        add_mail(&b, line, answer);
    const bool ok =
        !sut_failed(sut_buf_check(&b)) && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    sut_buf_done(&b);
    return ok;
}

/* Ask, and for a list again until its end, and print. */
static int carry_out(const struct sut_config *config, struct mail_line *line)
{
    DEFER(sut_mail_local_close) struct sut_mail_local *local = NULL;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_mail_shown answer = { .has_more = true };
    while (answer.has_more) {
        struct sut_diag d = { 0 };
        sut_arena_free(&a);
        sut_err e = sut_arena_create(ANSWER_MEMORY, &a);
        if (!sut_failed(e)) {
            sut_arena_set_flags(a, SUT_ARENA_SECRET);
            e = ask_someone(config, &local, a, &line->ask, &answer, &d);
        }
        if (!sut_failed(e) && answer.refused.n > 0)
            sut_diag_set(&d, "%.*s", SUT_STR_ARG(answer.refused));
        if (sut_failed(e) && d.text[0] == '\0')
            sut_diag_set(&d, "%s", sut_err_info(e.code)->text);
        if (d.text[0] != '\0')
            return sut_command_fail(&d);
        if (!print(line, &answer))
            return sut_command_fail(&(struct sut_diag){ .text = "the answer can't be printed" });
        line->ask.offset += answer.n_rows;
    }
    return SUT_EXIT_OK;
}

static int run_mail(int argc, char **argv)
{
    struct mail_line line = { .is_raw = false };
    const int code = read_line(argc, argv, &line);
    if (code != SUT_EXIT_OK || line.options.help)
        return code;
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&line.options, true);
    return config == NULL ? SUT_EXIT_FAILED : carry_out(config, &line);
}

const struct sut_command sut_cmd_mail = {
    .name = "mail",
    .summary = "mails of the shop: list, show",
    .usage = mail_usage,
    .run = run_mail,
};
