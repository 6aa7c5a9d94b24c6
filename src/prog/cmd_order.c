/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_order - `sutler order …`: the orders of the shop, at the running server or, when none runs,
 * in the store itself.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/scan.h"
#include "prog/boot.h"
#include "prog/control.h"
#include "prog/options.h"
#include "prog/order_print.h"
#include "prog/order_wire.h"
#include "prog/own_keeper.h"

enum { ANSWER_MEMORY = 8 * 1024 * 1024 };
#define LIMIT_MAX INT64_C(1000000000)

static const char order_usage[] =
    "usage: sutler order list [--status WORD] [--person ID] [--oldest] [--limit N]\n"
    "       sutler order show ID\n"
    "       sutler order status ID WORD\n"
    "each with [--data DIR] [--keys DIR] [--config FILE] [--json]\n\n"
    "`list` shows the orders, the newest first: number, status, how and whether they\n"
    "are paid, the sum, how many things, and whose they are, as id and as what stands\n"
    "for the person in the log.  `show` prints one with its lines, its history and the\n"
    "address.  `status` moves one on: pending, paid, shipped, delivered, in this order;\n"
    "a pending one, and a paid one within a day, may become cancelled.  The buyer is\n"
    "told by mail.  What is looked at or moved on leaves a line in the audit trail.\n";

/* A command line, read. */
struct order_line {
    struct sut_options options;
    struct sut_order_ask ask;
    int64_t limit; /* of a list in all; 0: none */
    const char *status;
    const char *person;
    const char *limit_text;
};

static bool status_of(const char *word, enum sut_order_status *ret)
{
    for (int s = SUT_ORDER_PENDING; s <= SUT_ORDER_CANCELLED; s++)
        if (strcmp(word, sut_order_status_word((enum sut_order_status) s)) == 0) {
            *ret = (enum sut_order_status) s;
            return true;
        }
    return false;
}

static int read_filters(struct order_line *line)
{
    if (line->status != NULL && !status_of(line->status, &line->ask.status))
        return sut_command_usage(&sut_cmd_order, "%s is no status of an order", line->status);
    if (line->person != NULL &&
        sut_failed(sut_parse_i64(sut_str_from(line->person), 1, INT64_MAX, &line->ask.person)))
        return sut_command_usage(&sut_cmd_order, "%s is no number of a person", line->person);
    if (line->limit_text != NULL &&
        sut_failed(sut_parse_i64(sut_str_from(line->limit_text), 1, LIMIT_MAX, &line->limit)))
        return sut_command_usage(&sut_cmd_order, "%s is no number of orders", line->limit_text);
    return SUT_EXIT_OK;
}

static bool has_filter(const struct order_line *line)
{
    return line->status != NULL || line->person != NULL || line->limit_text != NULL ||
           line->ask.is_oldest_first;
}

static int find_verb(struct order_line *line)
{
    static const struct {
        const char *word;
        enum sut_order_verb verb;
        size_t n;
    } verbs[] = {
        { "list", SUT_ORDERS_LIST, 1 },
        { "show", SUT_ORDERS_SHOW, 2 },
        { "status", SUT_ORDERS_STATUS, 3 },
    };
    const struct sut_options *const o = &line->options;
    size_t i = 0;
    if (o->n_rest == 0)
        return sut_command_usage(&sut_cmd_order, "what to do is missing");
    while (i < sizeof(verbs) / sizeof(verbs[0]) && strcmp(o->rest[0], verbs[i].word) != 0)
        i++;
    if (i == sizeof(verbs) / sizeof(verbs[0]))
        return sut_command_usage(&sut_cmd_order, "%s is nothing to do with orders", o->rest[0]);
    if (o->n_rest < verbs[i].n)
        return sut_command_usage(&sut_cmd_order, "%s wants %s", verbs[i].word,
                                 o->n_rest == 1 ? "the number of an order" : "a status");
    if (o->n_rest > verbs[i].n)
        return sut_command_usage(&sut_cmd_order, "%s is not expected here", o->rest[verbs[i].n]);
    line->ask.verb = verbs[i].verb;
    if (i == 0)
        return read_filters(line);
    if (has_filter(line))
        return sut_command_usage(&sut_cmd_order, "only list takes a filter");
    if (sut_failed(sut_parse_i64(sut_str_from(o->rest[1]), 1, INT64_MAX, &line->ask.id)))
        return sut_command_usage(&sut_cmd_order, "%s is no number of an order", o->rest[1]);
    if (line->ask.verb == SUT_ORDERS_STATUS && !status_of(o->rest[2], &line->ask.status))
        return sut_command_usage(&sut_cmd_order, "%s is no status of an order", o->rest[2]);
    return SUT_EXIT_OK;
}

/* An option of ours with its value, as --name VALUE or --name=VALUE; *i is moved on. */
static bool take_value(const char *name, int argc, char **argv, int *i, const char **ret)
{
    const size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return false;
    if (argv[*i][n] == '=') {
        *ret = argv[*i] + n + 1;
        return true;
    }
    if (argv[*i][n] != '\0')
        return false;
    *ret = *i + 1 < argc ? argv[++*i] : "";
    return true;
}

static int read_line(int argc, char **argv, struct order_line *line)
{
    DEFER(sut_mem_freep) char **rest = sut_mem_zalloc((size_t) argc + 1, sizeof(*rest));
    int n = 0;
    if (rest == NULL)
        return sut_command_fail(&(struct sut_diag){ .text = "no memory" });
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--oldest") == 0)
            line->ask.is_oldest_first = true;
        else if (!take_value("--status", argc, argv, &i, &line->status) &&
                 !take_value("--person", argc, argv, &i, &line->person) &&
                 !take_value("--limit", argc, argv, &i, &line->limit_text))
            rest[n++] = argv[i];
    }
    const int code = sut_options_parse(&sut_cmd_order, n, rest, &line->options);
    return code != SUT_EXIT_OK || line->options.help ? code : find_verb(line);
}

/* --- asking --- */

/* The store, when no server runs. */
struct own_store {
    struct sut_own_keeper *keeper;
    struct sut_boot boot;
};

static void close_own(struct own_store **s)
{
    if (*s == NULL)
        return;
    sut_boot_done(&(*s)->boot);
    sut_own_keeper_stop(&(*s)->keeper);
    sut_mem_freep(s);
}

static SUT_ERR open_own(const struct sut_config *config, struct own_store **ret, struct sut_diag *d)
{
    DEFER(close_own) struct own_store *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    TRY(sut_own_keeper_start(config, 0, &s->keeper, d));
    TRY(sut_boot_open(config, 0, sut_own_keeper_of(s->keeper), &s->boot, d));
    *ret = STEAL(s);
    return SUT_OK;
}

/* NOT_FOUND: no server runs. */
static SUT_ERR ask_server(const struct sut_config *config, struct sut_arena *a,
                          const struct sut_order_ask *ask, struct sut_order_shown *ret,
                          struct sut_diag *d)
{
    struct sut_buf fields;
    struct sut_buf reply;
    sut_buf_init_arena(&fields, a, SUT_ORDER_ASK_MAX);
    sut_buf_init_arena(&reply, a, SUT_ORDER_ANSWER_MAX);
    sut_order_ask_put(&fields, ask);
    TRY(sut_buf_check(&fields));
    TRY(sut_control_call(config->server.data, SUT_ASK_ORDER, sut_buf_str(&fields), &reply, d));
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&reply));
    return sut_order_shown_get(&r, a, ret);
}

static SUT_ERR ask_someone(const struct sut_config *config, struct own_store **own,
                           struct sut_arena *a, const struct sut_order_ask *ask,
                           struct sut_order_shown *ret, struct sut_diag *d)
{
    if (*own == NULL) {
        const sut_err e = ask_server(config, a, ask, ret, d);
        if (e.code != SUT_E_NOT_FOUND)
            return e;
        TRY(open_own(config, own, d));
    }
    const struct sut_order_admin admin = {
        .store = (*own)->boot.store,
        .pseudonyms = (*own)->boot.pseudonyms,
        .clock = &sut_clock_system,
    };
    return sut_order_admin_do(&admin, a, ask, ret);
}

static bool print(const struct order_line *line, const struct sut_order_shown *answer, bool is_last)
{
    struct sut_buf b;
    sut_buf_init(&b, ANSWER_MEMORY);
    if (line->ask.verb == SUT_ORDERS_LIST)
        sut_order_print_page(&b, answer, line->options.json, line->ask.offset == 0, is_last);
    else if (answer->n_rows > 0)
        sut_order_print_whole(&b, answer, line->options.json);
    const bool ok =
        !sut_failed(sut_buf_check(&b)) && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    sut_buf_done(&b);
    return ok;
}

/* How many the next page of a list has at most. */
static uint64_t page_size(const struct order_line *line)
{
    const uint64_t left = (uint64_t) line->limit - line->ask.offset;
    return line->limit == 0 || left > SUT_ORDERS_PAGE_MAX ? SUT_ORDERS_PAGE_MAX : left;
}

/* One ask, and what came printed; *ret_more: a list goes on. */
static int ask_once(const struct sut_config *config, struct own_store **own,
                    struct order_line *line, bool *ret_more)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_order_shown answer = { .n_rows = 0 };
    struct sut_diag d = { 0 };
    line->ask.limit = line->ask.verb == SUT_ORDERS_LIST ? page_size(line) : 0;
    sut_err e = sut_arena_create(ANSWER_MEMORY, &a);
    if (!sut_failed(e)) {
        sut_arena_set_flags(a, SUT_ARENA_SECRET);
        e = ask_someone(config, own, a, &line->ask, &answer, &d);
    }
    if (!sut_failed(e) && answer.refused.n > 0)
        sut_diag_set(&d, "%.*s", SUT_STR_ARG(answer.refused));
    if (sut_failed(e) && d.text[0] == '\0')
        sut_diag_set(&d, "%s", sut_err_info(e.code)->text);
    if (d.text[0] != '\0')
        return sut_command_fail(&d);
    const uint64_t shown = line->ask.offset + answer.n_rows;
    *ret_more = answer.has_more && (line->limit == 0 || shown < (uint64_t) line->limit);
    if (!print(line, &answer, !*ret_more))
        return sut_command_fail(&(struct sut_diag){ .text = "the answer can't be printed" });
    line->ask.offset = shown;
    return SUT_EXIT_OK;
}

static int run_order(int argc, char **argv)
{
    struct order_line line = { .limit = 0 };
    int code = read_line(argc, argv, &line);
    if (code != SUT_EXIT_OK || line.options.help)
        return code;
    DEFER(close_own) struct own_store *own = NULL;
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&line.options, true);
    if (config == NULL)
        return SUT_EXIT_FAILED;
    for (bool goes_on = true; goes_on && code == SUT_EXIT_OK;) {
        goes_on = false;
        code = ask_once(config, &own, &line, &goes_on);
    }
    return code;
}

const struct sut_command sut_cmd_order = {
    .name = "order",
    .summary = "orders of the shop: list, show, status",
    .usage = order_usage,
    .run = run_order,
};
