/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_user - `sutler user …`: people's accounts, at the running server or, when
 * none runs, in the store itself.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/scan.h"
#include "base/secret.h"
#include "prog/control.h"
#include "prog/options.h"
#include "prog/tty.h"
#include "prog/user_local.h"
#include "prog/user_print.h"

enum { ANSWER_MEMORY = 4 * 1024 * 1024 };

static const char user_usage[] =
    "usage: sutler user add EMAIL [--first-name TEXT] [--last-name TEXT] [--phone NUMBER]\n"
    "                             [--role ROLE] [--group NAME] [--verified]\n"
    "       sutler user list [TEXT]\n"
    "       sutler user show WHO\n"
    "       sutler user role WHO [ROLE] [--group NAME] [--no-group NAME]\n"
    "       sutler user disable WHO\n"
    "       sutler user enable WHO\n"
    "       sutler user revoke WHO\n"
    "       sutler user lock WHO [--for TIME]\n"
    "       sutler user unlock WHO\n"
    "       sutler user mfa-reset WHO\n"
    "each with [--data DIR] [--keys DIR] [--config FILE] [--json]\n\n"
    "WHO is an email address or an id; for `show` also what stands for a person in the\n"
    "log (p and 16 digits).  ROLE is customer, staff or superuser.\n"
    "The password of a new account is asked for at the terminal, or read from\n"
    "standard input, never given as a word of the command.  `list TEXT` finds who\n"
    "has exactly that address, user name, phone number or name.  `disable` and\n"
    "`revoke` end all sessions at once, also in the server that runs.  `lock` lets\n"
    "nobody sign in to the account for TIME (90s, 30m, 2h, 7d), or until `unlock`; that\n"
    "also lifts the lock that wrong passwords led to.  `mfa-reset` takes away all second\n"
    "factors and recovery codes of who has lost them, ends all sessions, and mails\n"
    "the person.\n";

/* Words that no other command has. */
enum word {
    WORD_FIRST_NAME,
    WORD_LAST_NAME,
    WORD_PHONE,
    WORD_ROLE,
    WORD_GROUP,
    WORD_NO_GROUP,
    WORD_VERIFIED,
    WORD_FOR,
    WORDS,
};

static const char *const words[WORDS] = {
    [WORD_FIRST_NAME] = "--first-name", [WORD_LAST_NAME] = "--last-name",
    [WORD_PHONE] = "--phone",           [WORD_ROLE] = "--role",
    [WORD_GROUP] = "--group",           [WORD_NO_GROUP] = "--no-group",
    [WORD_VERIFIED] = "--verified",     [WORD_FOR] = "--for",
};

/* What each verb takes. */
static const struct verb {
    const char *name;
    enum sut_user_verb verb;
    size_t least; /* words behind the verb */
    size_t most;
    unsigned words; /* a bit each */
} verbs[] = {
    { "add", SUT_USER_ADD, 1, 1,
      1U << WORD_FIRST_NAME | 1U << WORD_LAST_NAME | 1U << WORD_PHONE | 1U << WORD_ROLE |
          1U << WORD_GROUP | 1U << WORD_VERIFIED },
    { "list", SUT_USER_LIST, 0, 1, 0 },
    { "show", SUT_USER_SHOW, 1, 1, 0 },
    { "role", SUT_USER_ROLE, 1, 2, 1U << WORD_ROLE | 1U << WORD_GROUP | 1U << WORD_NO_GROUP },
    { "disable", SUT_USER_DISABLE, 1, 1, 0 },
    { "enable", SUT_USER_ENABLE, 1, 1, 0 },
    { "revoke", SUT_USER_REVOKE, 1, 1, 0 },
    { "lock", SUT_USER_LOCK, 1, 1, 1U << WORD_FOR },
    { "unlock", SUT_USER_UNLOCK, 1, 1, 0 },
    { "mfa-reset", SUT_USER_MFA_RESET, 1, 1, 0 },
};

/* A command line, read. */
struct user_line {
    struct sut_options options;
    const struct verb *verb;
    const char *given[WORDS]; /* NULL: not there */
    struct sut_user_ask ask;
};

/* Take our own words out of argv; what is left goes to sut_options_parse(). */
static int take_words(int argc, char **argv, struct user_line *line, char **rest, int *ret_n)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        size_t w = 0;
        size_t len = 0;
        for (; w < WORDS; w++) {
            len = strlen(words[w]);
            if (strncmp(argv[i], words[w], len) == 0 &&
                (argv[i][len] == '\0' || (argv[i][len] == '=' && w != WORD_VERIFIED)))
                break;
        }
        if (w == WORDS) {
            rest[n++] = argv[i];
            continue;
        }
        if (line->given[w] != NULL)
            return sut_command_usage(&sut_cmd_user, "%s stands there twice", words[w]);
        if (w == WORD_VERIFIED) {
            line->given[w] = "";
        } else if (argv[i][len] == '=') {
            line->given[w] = argv[i] + len + 1;
        } else {
            if (i + 1 == argc)
                return sut_command_usage(&sut_cmd_user, "%s wants a value", words[w]);
            line->given[w] = argv[++i];
        }
    }
    rest[n] = NULL;
    *ret_n = n;
    return SUT_EXIT_OK;
}

static int find_verb(struct user_line *line)
{
    const struct sut_options *o = &line->options;
    if (o->n_rest == 0)
        return sut_command_usage(&sut_cmd_user, "what to do is missing");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].name, o->rest[0]) == 0)
            line->verb = &verbs[i];
    if (line->verb == NULL)
        return sut_command_usage(&sut_cmd_user, "%s is nothing to do with users", o->rest[0]);
    if (o->n_rest - 1 < line->verb->least)
        return sut_command_usage(&sut_cmd_user, "%s wants to know whom", line->verb->name);
    if (o->n_rest - 1 > line->verb->most)
        return sut_command_usage(&sut_cmd_user, "%s is not expected here",
                                 o->rest[line->verb->most + 1]);
    for (size_t w = 0; w < WORDS; w++)
        if (line->given[w] != NULL && (line->verb->words & 1U << w) == 0)
            return sut_command_usage(&sut_cmd_user, "%s is not an option of %s", words[w],
                                     line->verb->name);
    return SUT_EXIT_OK;
}

static int read_role(const char *text, struct sut_user_ask *ask)
{
    for (unsigned r = 0; r < SUT_USER_ROLES; r++) {
        if (strcmp(text, sut_user_role_name((enum sut_user_role) r)) != 0)
            continue;
        ask->has_role = true;
        ask->role = (enum sut_user_role) r;
        return SUT_EXIT_OK;
    }
    return sut_command_usage(&sut_cmd_user, "%s is no role: customer, staff or superuser", text);
}

/* "2h" */
static int read_time(const char *text, struct sut_user_ask *ask)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    struct sut_scan c = sut_scan_of(sut_str_from(text));
    uint64_t n = 0;
    if (!sut_failed(sut_scan_u64(&c, SUT_USER_LOCK_MAX_S, &n)) && n > 0)
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (sut_scan_char(&c, units[i].unit) && sut_scan_at_end(&c) &&
                n <= SUT_USER_LOCK_MAX_S / units[i].seconds) {
                ask->lock_s = n * units[i].seconds;
                return SUT_EXIT_OK;
            }
    return sut_command_usage(&sut_cmd_user, "%s is no time: 90s, 30m, 2h, at most 366d", text);
}

static int fill_ask(struct user_line *line)
{
    const struct sut_options *o = &line->options;
    struct sut_user_ask *ask = &line->ask;
    const sut_str first = sut_str_from(o->n_rest > 1 ? o->rest[1] : NULL);
    const char *role = line->given[WORD_ROLE];

    ask->verb = line->verb->verb;
    if (ask->verb == SUT_USER_ADD)
        ask->email = first;
    else if (ask->verb == SUT_USER_LIST)
        ask->search = first;
    else
        ask->who = first;
    ask->first_name = sut_str_from(line->given[WORD_FIRST_NAME]);
    ask->last_name = sut_str_from(line->given[WORD_LAST_NAME]);
    ask->phone = sut_str_from(line->given[WORD_PHONE]);
    ask->join = sut_str_from(line->given[WORD_GROUP]);
    ask->leave = sut_str_from(line->given[WORD_NO_GROUP]);
    ask->is_verified = line->given[WORD_VERIFIED] != NULL;
    if (ask->verb == SUT_USER_ROLE && o->n_rest > 2) {
        if (role != NULL)
            return sut_command_usage(&sut_cmd_user, "the role stands there twice");
        role = o->rest[2];
    }
    if (role != NULL && read_role(role, ask) != SUT_EXIT_OK)
        return SUT_EXIT_USAGE;
    if (line->given[WORD_FOR] != NULL && read_time(line->given[WORD_FOR], ask) != SUT_EXIT_OK)
        return SUT_EXIT_USAGE;
    if (ask->verb == SUT_USER_ROLE && !ask->has_role && ask->join.n == 0 && ask->leave.n == 0)
        return sut_command_usage(&sut_cmd_user, "role wants a role or a group");

    const sut_str texts[] = { first,      ask->first_name, ask->last_name,
                              ask->phone, ask->join,       ask->leave };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].n > SUT_USER_TEXT_MAX)
            return sut_command_usage(&sut_cmd_user, "a text is longer than %d bytes",
                                     SUT_USER_TEXT_MAX);
    return SUT_EXIT_OK;
}

static int read_line(int argc, char **argv, struct user_line *line)
{
    DEFER(sut_mem_freep) char **rest = sut_mem_zalloc((size_t) argc + 1, sizeof(*rest));
    int n = 0;
    if (rest == NULL)
        return sut_command_fail(&(struct sut_diag){ .text = "no memory" });
    int code = take_words(argc, argv, line, rest, &n);
    if (code == SUT_EXIT_OK)
        code = sut_options_parse(&sut_cmd_user, n, rest, &line->options);
    if (code != SUT_EXIT_OK || line->options.help)
        return code;
    code = find_verb(line);
    return code == SUT_EXIT_OK ? fill_ask(line) : code;
}

/* One ask: by the server when one runs, else in the store, which stays open for the next. */
static SUT_ERR ask_someone(const struct sut_config *config, struct sut_user_local **local,
                           struct sut_arena *a, const struct sut_user_ask *ask,
                           struct sut_user_answer *ret, struct sut_diag *d)
{
    if (*local == NULL) {
        const sut_err e = sut_control_ask(config->server.data, a, ask, ret, d);
        if (e.code != SUT_E_NOT_FOUND)
            return e;
        TRY(sut_user_local_open(config, local, d));
    }
    return sut_user_local_ask(*local, a, ask, ret, d);
}

/* Ask, and for a list again until its end, and print. */
static int carry_out(const struct sut_config *config, struct user_line *line)
{
    DEFER(sut_user_local_close) struct sut_user_local *local = NULL;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_user_printer printer;
    struct sut_user_answer answer = { .has_more = true };
    struct sut_diag d = { 0 };

    sut_user_printer_init(&printer, line->options.json, line->ask.verb == SUT_USER_LIST);
    while (answer.has_more) {
        sut_arena_free(&a);
        sut_err e = sut_arena_create(ANSWER_MEMORY, &a);
        if (!sut_failed(e))
            e = ask_someone(config, &local, a, &line->ask, &answer, &d);
        if (!sut_failed(e) && answer.refused.n > 0)
            sut_diag_set(&d, "%.*s", SUT_STR_ARG(answer.refused));
        if (sut_failed(e) && d.text[0] == '\0')
            sut_diag_set(&d, "%s", sut_err_info(e.code)->text);
        if (d.text[0] != '\0')
            return sut_command_fail(&d);
        if (sut_failed(sut_user_printer_rows(&printer, answer.rows, answer.n_rows)))
            return sut_command_fail(&(struct sut_diag){ .text = "the rows can't be printed" });
        line->ask.offset += answer.n_rows;
    }
    return sut_user_printer_end(&printer) ? SUT_EXIT_OK : sut_command_unprinted();
}

static int run_user(int argc, char **argv)
{
    struct user_line line = { 0 };
    struct sut_diag d = { 0 };
    const int code = read_line(argc, argv, &line);
    if (code != SUT_EXIT_OK || line.options.help)
        return code;
    DEFER(sut_config_free) struct sut_config *config = sut_options_config(&line.options, true);
    if (config == NULL)
        return SUT_EXIT_FAILED;

    struct sut_buf password;
    sut_buf_init(&password, SUT_USER_PASSWORD_MAX);
    int done = SUT_EXIT_FAILED;
    if (line.ask.verb == SUT_USER_ADD && sut_failed(sut_tty_new_password(&password, &d))) {
        done = sut_command_fail(&d);
    } else {
        line.ask.password = sut_buf_str(&password);
        done = carry_out(config, &line);
    }
    if (password.p != NULL)
        sut_wipe(password.p, password.cap);
    sut_buf_done(&password);
    return done;
}

const struct sut_command sut_cmd_user = {
    .name = "user",
    .summary = "people's accounts: add, list, show, role, disable, enable, revoke, lock, unlock, "
               "mfa-reset",
    .usage = user_usage,
    .run = run_user,
};
