/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "os/fd.h"
#include "prog/command.h"


enum { OUT_MAX = 1024 * 1024, ARGS_MAX = 64 };

static const char usage[] =
    "usage: sutler config show [--json] [options]   the settings in force, and where each is from\n"
    "       sutler config check [options]           all that is wrong with them\n"
    "       sutler config sample                    a file with every setting\n"
    "       sutler config man                       sutler.conf(5), for mandoc\n"
    "\n"
    "  --config FILE        read this file\n"
    "  --preset NAME        modestwear, nsgg or default\n"
    "  --set SECTION.KEY=VALUE   as if it stood on the server's command line; may be repeated\n"
    "  --demo, --insecure-dev    as `sutler serve` would start with them\n";

static const struct sut_command *self(void);

struct options {
    struct sut_config_source src;
    struct sut_config_arg args[ARGS_MAX];
    char names[ARGS_MAX][64];
    bool is_json;
};

/* --set SECTION.KEY=VALUE */
static bool add_set(struct options *o, const char *text)
{
    const char *equals = strchr(text, '=');
    const size_t n = equals == NULL ? 0 : (size_t) (equals - text);
    if (n == 0 || n >= sizeof(o->names[0]) || o->src.n_args == ARGS_MAX)
        return false;
    char *name = o->names[o->src.n_args];
    memcpy(name, text, n);
    name[n] = '\0';
    o->args[o->src.n_args++] = (struct sut_config_arg){ name, equals + 1 };
    return true;
}

/* Take the options behind the verb; usage's exit code or SUT_EXIT_OK. */
static int take_options(int argc, char **argv, struct options *o)
{
    for (int i = 2; i < argc; i++) {
        const char *word = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(word, "--json") == 0) {
            o->is_json = true;
        } else if (strcmp(word, "--demo") == 0) {
            o->src.demo = true;
        } else if (strcmp(word, "--insecure-dev") == 0) {
            o->src.insecure_dev = true;
        } else if (strcmp(word, "--config") == 0 && value != NULL) {
            o->src.file = value;
            i++;
        } else if (strcmp(word, "--preset") == 0 && value != NULL && o->src.n_args < ARGS_MAX) {
            o->args[o->src.n_args++] = (struct sut_config_arg){ "server.preset", value };
            i++;
        } else if (strcmp(word, "--set") == 0 && value != NULL && add_set(o, value)) {
            i++;
        } else {
            return sut_command_usage(self(), "`%s` is not understood here", word);
        }
    }
    return SUT_EXIT_OK;
}

static void print_diag(const char *kind, const struct sut_diag *d)
{
    (void) fprintf(stderr, "%s%s%s%s\n", kind, d->place, d->place[0] == '\0' ? "" : ": ", d->text);
    if (d->hint[0] != '\0')
        (void) fprintf(stderr, "    %s\n", d->hint);
}

static int load(const struct options *o, struct sut_config **ret)
{
    struct sut_config_report report;
    const sut_err e = sut_config_load(&o->src, ret, &report);
    for (size_t i = 0; i < report.n_warnings; i++)
        print_diag("warning: ", &report.warnings[i]);
    for (size_t i = 0; i < report.n; i++)
        print_diag("", &report.problems[i]);
    if (sut_failed(e) && report.n == 0)
        (void) fprintf(stderr, "sutler: the settings can't be read: %s\n",
                       sut_err_info(e.code)->name);
    sut_config_report_done(&report);
    return sut_failed(e) ? SUT_EXIT_FAILED : SUT_EXIT_OK;
}

static int print(sut_err e, struct sut_buf *out)
{
    if (!sut_failed(e))
        e = sut_fd_write_full(STDOUT_FILENO, sut_buf_str(out));
    if (sut_failed(e))
        (void) fprintf(stderr, "sutler: can't print: %s\n", sut_err_info(e.code)->name);
    sut_buf_done(out);
    return sut_failed(e) ? SUT_EXIT_FAILED : SUT_EXIT_OK;
}

static int show(const struct options *o)
{
    struct sut_config *c DEFER(sut_config_free) = NULL;
    const int exit = load(o, &c);
    if (exit != SUT_EXIT_OK)
        return exit;
    struct sut_buf out;
    sut_buf_init(&out, OUT_MAX);
    return print(o->is_json ? sut_config_show_json(c, &out) : sut_config_show(c, &out), &out);
}

static int check(const struct options *o)
{
    struct sut_config *c DEFER(sut_config_free) = NULL;
    const int exit = load(o, &c);
    if (exit == SUT_EXIT_OK)
        (void) printf("the settings are good\n");
    return exit;
}

static int run(int argc, char **argv)
{
    struct options o = { .is_json = false };
    o.src.env = (const char *const *) environ;
    o.src.dotenv = ".env";
    o.src.args = o.args;
    if (argc < 2)
        return sut_command_usage(self(), "say what to do: show, check, sample or man");
    const int exit = take_options(argc, argv, &o);
    if (exit != SUT_EXIT_OK)
        return exit;

    struct sut_buf out;
    sut_buf_init(&out, OUT_MAX);
    if (strcmp(argv[1], "show") == 0)
        return show(&o);
    if (strcmp(argv[1], "check") == 0)
        return check(&o);
    if (strcmp(argv[1], "sample") == 0)
        return print(sut_config_sample(&out), &out);
    if (strcmp(argv[1], "man") == 0)
        return print(sut_config_manual(&out), &out);
    return sut_command_usage(self(), "`%s` is not show, check, sample or man", argv[1]);
}

const struct sut_command sut_cmd_config = {
    .name = "config",
    .summary = "show or check the settings, print a sample",
    .usage = usage,
    .run = run,
};

static const struct sut_command *self(void)
{
    return &sut_cmd_config;
}
