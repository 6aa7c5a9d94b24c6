/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_payments - `sutler payments reconcile`: the shop's payments beside the providers', at the
 * running server, whose courier can ask them.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/scan.h"
#include "codec/json_out.h"
#include "prog/control.h"
#include "prog/options.h"
#include "prog/payments_wire.h"

enum {
    PAGE_MEMORY = 256 * 1024,
    LINES_MEMORY = 16 * 1024 * 1024,
    DAYS = 7, /* where nobody says */
    WIDTH_NUMBER = 10,
    WIDTH_WORD = 16,
};
static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

static const char payments_usage[] =
    "usage: sutler payments reconcile [--days N] [--apply]\n"
    "with [--data DIR] [--keys DIR] [--config FILE] [--json]\n\n"
    "`reconcile` asks Stripe and Paystack for each payment of the last N days (7) and prints\n"
    "what differs from the shop's own books: the payment, its order, what the shop has and\n"
    "what the provider has.  Nothing is changed without --apply: with it what was missed is\n"
    "taken as if the provider's event had come, so an order is paid, or money that fits no\n"
    "order given back.  Exit code 1 when anything differs, 2 for a wrong line.\n"
    "The server must run: it alone reaches the providers.\n";

/* A command line, read. */
struct payments_line {
    struct sut_options options;
    struct sut_reconcile_ask ask;
    int64_t days;
    bool is_applied;
};

static int find_verb(struct payments_line *line)
{
    const struct sut_options *const o = &line->options;
    if (o->n_rest == 0)
        return sut_command_usage(&sut_cmd_payments, "what to do is missing");
    if (strcmp(o->rest[0], "reconcile") != 0)
        return sut_command_usage(&sut_cmd_payments, "%s is nothing to do with payments",
                                 o->rest[0]);
    if (o->n_rest > 1)
        return sut_command_usage(&sut_cmd_payments, "%s is not expected here", o->rest[1]);
    return SUT_EXIT_OK;
}

static int read_days(struct payments_line *line, const char *text)
{
    if (text != NULL &&
        !sut_failed(sut_parse_i64(sut_str_from(text), 1, SUT_RECONCILE_DAYS_MAX, &line->days)))
        return SUT_EXIT_OK;
    return sut_command_usage(&sut_cmd_payments, "--days wants a number from 1 to %d",
                             SUT_RECONCILE_DAYS_MAX);
}

static int read_line(int argc, char **argv, struct payments_line *line)
{
    DEFER(sut_mem_freep) char **rest = sut_mem_zalloc((size_t) argc + 1, sizeof(*rest));
    int n = 0;
    int code = SUT_EXIT_OK;
    if (rest == NULL)
        return sut_command_fail(&(struct sut_diag){ .text = "no memory" });
    for (int i = 0; i < argc && code == SUT_EXIT_OK; i++) {
        if (strcmp(argv[i], "--apply") == 0)
            line->is_applied = true;
        else if (strcmp(argv[i], "--days") == 0)
            code = read_days(line, ++i < argc ? argv[i] : NULL);
        else if (strncmp(argv[i], "--days=", strlen("--days=")) == 0)
            code = read_days(line, argv[i] + strlen("--days="));
        else
            rest[n++] = argv[i];
    }
    if (code == SUT_EXIT_OK)
        code = sut_options_parse(&sut_cmd_payments, n, rest, &line->options);
    return code != SUT_EXIT_OK || line->options.help ? code : find_verb(line);
}

/* --- asking --- */

static SUT_ERR ask_server(const struct sut_config *config, struct sut_arena *a,
                          const struct sut_reconcile_ask *ask, struct sut_payments_page *ret,
                          struct sut_diag *d)
{
    struct sut_buf fields;
    struct sut_buf reply;
    sut_buf_init_arena(&fields, a, SUT_PAYMENTS_ASK_MAX);
    sut_buf_init_arena(&reply, a, SUT_PAYMENTS_ANSWER_MAX);
    sut_payments_ask_put(&fields, ask);
    TRY(sut_buf_check(&fields));
    const sut_err e =
        sut_control_call(config->server.data, SUT_ASK_PAYMENTS, sut_buf_str(&fields), &reply, d);
    if (e.code == SUT_E_NOT_FOUND) {
        sut_diag_set(d, "no server runs on this data folder: it alone can ask the providers");
        sut_diag_hint(d, "start it with `sutler serve`");
    }
    TRY(e);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
    return sut_payments_page_get(&r, a, ret);
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

static void add_number(struct sut_buf *b, int64_t v)
{
    char digits[24];
    struct sut_buf n = { .p = digits, .cap = sizeof(digits), .max = sizeof(digits) };
    if (v > 0)
        sut_buf_i64(&n, v);
    else
        sut_buf_char(&n, '-');
    add_cell(b, sut_buf_str(&n), WIDTH_NUMBER);
}

static void add_row(struct sut_buf *b, const struct sut_payments_row *row)
{
    add_number(b, row->payment);
    add_number(b, row->order);
    add_cell(b, row->provider, WIDTH_WORD);
    add_cell(b, row->ours, WIDTH_WORD);
    add_cell(b, row->theirs, WIDTH_WORD);
    sut_buf_str_add(b, row->done.n > 0 ? row->done : SUT_STR("-"));
    sut_buf_char(b, '\n');
}

static void add_header(struct sut_buf *b)
{
    add_cell(b, SUT_STR("PAYMENT"), WIDTH_NUMBER);
    add_cell(b, SUT_STR("ORDER"), WIDTH_NUMBER);
    add_cell(b, SUT_STR("PROVIDER"), WIDTH_WORD);
    add_cell(b, SUT_STR("HERE"), WIDTH_WORD);
    add_cell(b, SUT_STR("THERE"), WIDTH_WORD);
    sut_buf_lit(b, "DONE\n");
}

static void put_word(struct sut_jw *w, const char *key, sut_str v)
{
    sut_jw_key(w, key);
    if (v.n > 0)
        sut_jw_str(w, v);
    else
        sut_jw_null(w);
}

static void put_number(struct sut_jw *w, const char *key, int64_t v)
{
    sut_jw_key(w, key);
    if (v > 0)
        sut_jw_i64(w, v);
    else
        sut_jw_null(w);
}

static void put_row(struct sut_jw *w, const struct sut_payments_row *row)
{
    sut_jw_obj(w);
    put_number(w, "payment", row->payment);
    put_number(w, "order", row->order);
    put_word(w, "provider", row->provider);
    put_word(w, "ours", row->ours);
    put_word(w, "theirs", row->theirs);
    put_word(w, "done", row->done);
    sut_jw_obj_end(w);
}

struct report {
    struct sut_buf text;
    struct sut_jw json;
    size_t n;
    uint64_t compared;
};

static void begin_report(struct report *r, bool is_json)
{
    *r = (struct report){ .n = 0 };
    sut_buf_init(&r->text, LINES_MEMORY);
    r->json = sut_jw_of(&r->text);
    if (!is_json)
        return;
    sut_jw_obj(&r->json);
    sut_jw_key(&r->json, "differences");
    sut_jw_arr(&r->json);
}

static void add_page(struct report *r, bool is_json, const struct sut_payments_page *page)
{
    for (size_t i = 0; i < page->n; i++) {
        if (is_json) {
            put_row(&r->json, &page->rows[i]);
        } else {
            if (r->n == 0)
                add_header(&r->text);
            add_row(&r->text, &page->rows[i]);
        }
        r->n++;
    }
    r->compared += page->compared;
}

static bool end_report(struct report *r, bool is_json)
{
    struct sut_buf *const b = &r->text;
    if (is_json) {
        sut_jw_arr_end(&r->json);
        sut_jw_key(&r->json, "compared");
        sut_jw_i64(&r->json, (int64_t) r->compared);
        sut_jw_obj_end(&r->json);
        sut_buf_char(b, '\n');
    } else {
        sut_buf_u64(b, r->compared);
        sut_buf_lit(b, " compared, ");
        sut_buf_u64(b, r->n);
        sut_buf_z(b, r->n == 1 ? " differs\n" : " differ\n");
    }
    return !sut_failed(sut_buf_check(b)) && fwrite(b->p, 1, b->n, stdout) == b->n &&
           fflush(stdout) == 0;
}

/* Page after page; the cursor of one is needed for the next, so it is kept apart. */
static SUT_ERR collect(const struct sut_config *config, struct payments_line *line,
                       struct report *r, struct sut_diag *d)
{
    char cursor[SUT_RECONCILE_CURSOR_MAX];
    while (line->ask.stage != SUT_RECONCILE_END) {
        DEFER(sut_arena_free) struct sut_arena *a = NULL;
        struct sut_payments_page page;
        TRY(sut_arena_create(PAGE_MEMORY, &a));
        TRY(ask_server(config, a, &line->ask, &page, d));
        if (page.refused.n > 0) {
            sut_diag_set(d, "%.*s", SUT_STR_ARG(page.refused));
            FAIL(UNAVAILABLE);
        }
        add_page(r, line->options.json, &page);
        line->ask = page.next;
        if (page.next.cursor.n > 0)
            memcpy(cursor, page.next.cursor.p, page.next.cursor.n);
        line->ask.cursor.p = cursor;
    }
    return SUT_OK;
}

static int carry_out(const struct sut_config *config, struct payments_line *line)
{
    struct report r;
    struct sut_diag d = { 0 };
    line->ask.since.v = sut_clock_now(&sut_clock_system).v - line->days * day_ms;
    line->ask.is_applied = line->is_applied;
    begin_report(&r, line->options.json);
    const sut_err e = collect(config, line, &r, &d);
    if (sut_failed(e) && d.text[0] == '\0')
        sut_diag_set(&d, "%s", sut_err_info(e.code)->text);
    if (!sut_failed(e) && !end_report(&r, line->options.json))
        sut_diag_set(&d, "the answer can't be printed");
    const size_t n = r.n;
    sut_buf_done(&r.text);
    if (d.text[0] != '\0')
        return sut_command_fail(&d);
    return n > 0 ? SUT_EXIT_FAILED : SUT_EXIT_OK;
}

static int run_payments(int argc, char **argv)
{
    struct payments_line line = { .days = DAYS };
    const int code = read_line(argc, argv, &line);
    if (code != SUT_EXIT_OK || line.options.help)
        return code;
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&line.options, true);
    return config == NULL ? SUT_EXIT_FAILED : carry_out(config, &line);
}

const struct sut_command sut_cmd_payments = {
    .name = "payments",
    .summary = "payments beside the providers' books: reconcile",
    .usage = payments_usage,
    .run = run_payments,
};
