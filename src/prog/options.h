/* SPDX-License-Identifier: Apache-2.0
 *
 * options - the words that several commands share, and the settings they lead to.
 *
 * `--name value` and `--name=value` are the same.  What the command does not
 * take is a usage error.  Everything is borrowed from argv.
 */
#ifndef SUT_PROG_OPTIONS_H
#define SUT_PROG_OPTIONS_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/err.h"
#include "config/config.h"
#include "prog/command.h"

enum {
    SUT_OPTIONS_ARGS_MAX = 16,
    SUT_OPTIONS_REST_MAX = 32,
};

struct sut_options {
    const char *file; /* --config */
    struct sut_config_arg args[SUT_OPTIONS_ARGS_MAX];
    size_t n_args;
    bool demo;
    bool insecure_dev;
    bool json;
    bool help;
    const char *rest[SUT_OPTIONS_REST_MAX]; /* what is no option, in order */
    size_t n_rest;
};

/*
 * Take --config, --data, --keys, --preset, --listen, --listen-tls, --demo,
 * --insecure-dev, --json and --help; all that does not begin with '-' goes to
 * `rest`.  Gives SUT_EXIT_OK, or SUT_EXIT_USAGE with the message printed.
 */
int sut_options_parse(const struct sut_command *cmd, int argc, char **argv,
                      struct sut_options *ret);

/*
 * Load the settings that these options mean, out of the environment and `.env`
 * too.  Problems are printed to stderr, one a line, warnings as well unless
 * is_quiet.  Gives NULL when they are not usable.
 */
struct sut_config *sut_options_config(const struct sut_options *o, bool is_quiet);

#endif
