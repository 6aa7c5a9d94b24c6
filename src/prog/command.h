/* SPDX-License-Identifier: Apache-2.0
 *
 * command - one word of the command line: `sutler serve`, `sutler user` …
 *
 * Each command is a constant in a file of its own (cmd_<name>.c); help and the
 * man page's list are made of them.  run() gets argv[0] = the command's name
 * and returns the exit code: 0 ok, 1 refused or failed, 2 usage.
 */
#ifndef SUT_PROG_COMMAND_H
#define SUT_PROG_COMMAND_H

struct sut_command {
    const char *name;
    const char *summary; /* one line, for the list of commands */
    const char *usage;   /* the whole help text of the command */
    int (*run)(int argc, char **argv);
};

enum { SUT_EXIT_OK = 0, SUT_EXIT_FAILED = 1, SUT_EXIT_USAGE = 2 };

extern const struct sut_command sut_cmd_serve;
extern const struct sut_command sut_cmd_init;
extern const struct sut_command sut_cmd_migrate;
extern const struct sut_command sut_cmd_config;
extern const struct sut_command sut_cmd_routes;
extern const struct sut_command sut_cmd_openapi;
extern const struct sut_command sut_cmd_user;
extern const struct sut_command sut_cmd_key;
extern const struct sut_command sut_cmd_mail;
extern const struct sut_command sut_cmd_product;
extern const struct sut_command sut_cmd_order;
extern const struct sut_command sut_cmd_payments;

struct sut_diag;

/* Print the command's usage to stderr behind one line of what is wrong; gives SUT_EXIT_USAGE. */
int sut_command_usage(const struct sut_command *cmd, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The text of a failure whose own words a child has put on stderr already. */
#define SUT_COMMAND_TOLD "the keeper of the keys could not start, and has said why"
/* Say that the answer could not be written, on stderr; gives SUT_EXIT_FAILED. */
int sut_command_unprinted(void);
/* Print "sutler: <place>: <text>" and the hint to stderr, unless it has been told; gives
 * SUT_EXIT_FAILED. */
int sut_command_fail(const struct sut_diag *diag);

#endif
