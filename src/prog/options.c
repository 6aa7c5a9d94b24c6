/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* An option with a value, and the setting that it is. */
struct valued {
    const char *option;
    const char *setting; /* NULL: --config */
};

static const struct valued valued[] = {
    { "--config", NULL },
    { "--data", "server.data" },
    { "--keys", "server.keys" },
    { "--preset", "server.preset" },
    { "--listen", "server.listen" },
    { "--listen-tls", "server.listen_tls" },
};

int sut_command_usage(const struct sut_command *cmd, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void) fprintf(stderr, "sutler %s: ", cmd->name);
    (void) vfprintf(stderr, fmt, ap);
    (void) fprintf(stderr, "\nTry: sutler %s --help\n", cmd->name);
    va_end(ap);
    return SUT_EXIT_USAGE;
}

int sut_command_fail(const struct sut_diag *diag)
{
    /* What a child has said itself is not said twice. */
    if (strcmp(diag->text, SUT_COMMAND_TOLD) == 0)
        return SUT_EXIT_FAILED;
    (void) fprintf(stderr, "sutler: %s%s%s\n", diag->place, diag->place[0] != '\0' ? ": " : "",
                   diag->text[0] != '\0' ? diag->text : "failed");
    if (diag->hint[0] != '\0')
        (void) fprintf(stderr, "sutler: hint: %s\n", diag->hint);
    return SUT_EXIT_FAILED;
}

int sut_command_unprinted(void)
{
    return sut_command_fail(&(struct sut_diag){ .text = "the answer can't be printed" });
}

/* The value behind `--name=` or in the next word; NULL when it is not this option. */
static const char *value_of(const char *option, int argc, char **argv, int *i, bool *ret_lacks)
{
    const size_t n = strlen(option);
    *ret_lacks = false;
    if (strncmp(argv[*i], option, n) != 0)
        return NULL;
    if (argv[*i][n] == '=')
        return argv[*i] + n + 1;
    if (argv[*i][n] != '\0')
        return NULL;
    if (*i + 1 >= argc) {
        *ret_lacks = true;
        return NULL;
    }
    return argv[++*i];
}

static bool take_flag(const char *word, struct sut_options *o)
{
    if (strcmp(word, "--demo") == 0)
        o->demo = true;
    else if (strcmp(word, "--insecure-dev") == 0)
        o->insecure_dev = true;
    else if (strcmp(word, "--json") == 0)
        o->json = true;
    else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        o->help = true;
    else
        return false;
    return true;
}

int sut_options_parse(const struct sut_command *cmd, int argc, char **argv, struct sut_options *ret)
{
    struct sut_options o = { 0 };
    for (int i = 1; i < argc; i++) {
        if (take_flag(argv[i], &o))
            continue;
        if (argv[i][0] != '-') {
            if (o.n_rest == SUT_OPTIONS_REST_MAX)
                return sut_command_usage(cmd, "too many words");
            o.rest[o.n_rest++] = argv[i];
            continue;
        }
        bool is_known = false;
        for (size_t k = 0; k < sizeof(valued) / sizeof(valued[0]) && !is_known; k++) {
            bool lacks = false;
            const char *v = value_of(valued[k].option, argc, argv, &i, &lacks);
            if (lacks)
                return sut_command_usage(cmd, "%s wants a value", valued[k].option);
            if (v == NULL)
                continue;
            is_known = true;
            if (valued[k].setting == NULL)
                o.file = v;
            else if (o.n_args < SUT_OPTIONS_ARGS_MAX)
                o.args[o.n_args++] =
                    (struct sut_config_arg){ .name = valued[k].setting, .value = v };
            else
                return sut_command_usage(cmd, "too many options");
        }
        if (!is_known)
            return sut_command_usage(cmd, "%s is not an option here", argv[i]);
    }
    if (o.help) {
        (void) printf("%s", cmd->usage);
        (void) fflush(stdout);
    }
    *ret = o;
    return SUT_EXIT_OK;
}

static void print_problem(const char *kind, const struct sut_diag *d)
{
    (void) fprintf(stderr, "sutler: %s%s%s%s%s%s\n", kind, d->place,
                   d->place[0] != '\0' ? ": " : "", d->text, d->hint[0] != '\0' ? " — " : "",
                   d->hint);
}

struct sut_config *sut_options_config(const struct sut_options *o, bool is_quiet)
{
    struct sut_config *config = NULL;
    struct sut_config_report report = { 0 };
    const struct sut_config_source src = {
        .file = o->file,
        .dotenv = ".env",
        .env = (const char *const *) environ,
        .args = o->args,
        .n_args = o->n_args,
        .demo = o->demo,
        .insecure_dev = o->insecure_dev,
    };
    const sut_err e = sut_config_load(&src, &config, &report);
    for (size_t i = 0; i < report.n; i++)
        print_problem("", &report.problems[i]);
    for (size_t i = 0; i < report.n_warnings && !is_quiet; i++)
        print_problem("warning: ", &report.warnings[i]);
    if (sut_failed(e) && report.n == 0)
        (void) fprintf(stderr, "sutler: the settings can't be read: %s\n",
                       sut_err_info(e.code)->text);
    sut_config_report_done(&report);
    return sut_failed(e) ? NULL : config;
}
