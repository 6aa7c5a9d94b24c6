/* SPDX-License-Identifier: Apache-2.0
 *
 * sutler - the program: a command of the list, or a role of a running server.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "codec/json.h"
#include "os/fd.h"
#include "prog/command.h"
#include "prog/roles.h"
#include "seal/seal.h"

static const struct sut_command *const commands[] = {
    &sut_cmd_serve,  &sut_cmd_init,     &sut_cmd_migrate, &sut_cmd_config,
    &sut_cmd_routes, &sut_cmd_openapi,  &sut_cmd_user,    &sut_cmd_key,
    &sut_cmd_mail,   &sut_cmd_payments, &sut_cmd_product, &sut_cmd_order,
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_help(FILE *to)
{
    (void) fprintf(to,
                   "sutler %s: a shop's backend in one program\n\n"
                   "usage: sutler COMMAND [OPTION ...]\n\ncommands:\n",
                   SUT_VERSION);
    for (size_t i = 0; i < COMMANDS; i++)
        (void) fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    (void) fprintf(to, "\nTry `sutler COMMAND --help`.  A first look: `sutler serve --demo`.\n");
}

int main(int argc, char **argv)
{
    sut_json_init();
    if (argc >= 2 && strncmp(argv[1], "--role=", 7) == 0)
        return sut_role_main(argv[1] + 7, argc, argv);
    if (sut_failed(sut_fd_open_standard()))
        return SUT_EXIT_FAILED;
    if (sut_seal_warning() != NULL)
        (void) fprintf(stderr, "sutler: %s\n", sut_seal_warning());
    if (argc < 2) {
        print_help(stderr);
        return SUT_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return SUT_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void) printf("sutler %s\n", SUT_VERSION);
        return SUT_EXIT_OK;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    (void) fprintf(stderr, "sutler: there is no command %s (try: sutler --help)\n", argv[1]);
    return SUT_EXIT_USAGE;
}
