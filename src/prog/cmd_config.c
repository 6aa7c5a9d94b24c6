/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "os/fd.h"
#include "prog/command.h"
#include "prog/options.h"

enum { OUT_MAX = 1024 * 1024 };

static const char usage[] =
    "usage: sutler config show [--json] [options]   the settings in force, and where each is from\n"
    "       sutler config check [options]           all that is wrong with them; 1 when anything "
    "is\n"
    "       sutler config sample                    a file with every setting\n"
    "       sutler config man                       sutler.conf(5), for mandoc\n"
    "\n"
    "  --config FILE           read this file\n"
    "  --preset NAME           modestwear, nsgg or default\n"
    "  --data DIR, --keys DIR, --listen ADDR:PORT, --listen-tls ADDR:PORT,\n"
    "  --demo, --insecure-dev  as `sutler serve` would start with them\n"
    "\n"
    "Secrets are masked.\n";

/* Write what was made, or say why not. */
static int print(sut_err e, struct sut_buf *out)
{
    if (!sut_failed(e))
        e = sut_fd_write_full(STDOUT_FILENO, sut_buf_str(out));
    if (sut_failed(e))
        (void) fprintf(stderr, "sutler: can't print: %s\n", sut_err_info(e.code)->name);
    sut_buf_done(out);
    return sut_failed(e) ? SUT_EXIT_FAILED : SUT_EXIT_OK;
}

static int show(const struct sut_options *o)
{
    struct sut_config *c DEFER(sut_config_free) = sut_options_config(o, false);
    if (c == NULL)
        return SUT_EXIT_FAILED;
    struct sut_buf out;
    sut_buf_init(&out, OUT_MAX);
    return print(o->json ? sut_config_show_json(c, &out) : sut_config_show(c, &out), &out);
}

static int check(const struct sut_options *o)
{
    struct sut_config *c DEFER(sut_config_free) = sut_options_config(o, false);
    if (c == NULL)
        return SUT_EXIT_FAILED;
    (void) printf("the settings are good\n");
    return SUT_EXIT_OK;
}

static int run(int argc, char **argv)
{
    struct sut_options o;
    const int exit = sut_options_parse(&sut_cmd_config, argc, argv, &o);
    if (exit != SUT_EXIT_OK || o.help)
        return exit;
    if (o.n_rest != 1)
        return sut_command_usage(&sut_cmd_config, "say one of show, check, sample, man");

    struct sut_buf out;
    sut_buf_init(&out, OUT_MAX);
    if (strcmp(o.rest[0], "show") == 0)
        return show(&o);
    if (strcmp(o.rest[0], "check") == 0)
        return check(&o);
    if (strcmp(o.rest[0], "sample") == 0)
        return print(sut_config_sample(&out), &out);
    if (strcmp(o.rest[0], "man") == 0)
        return print(sut_config_manual(&out), &out);
    return sut_command_usage(&sut_cmd_config, "`%s` is not show, check, sample or man", o.rest[0]);
}

const struct sut_command sut_cmd_config = {
    .name = "config",
    .summary = "show or check the settings, print a sample",
    .usage = usage,
    .run = run,
};
