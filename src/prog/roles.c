/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/roles.h"

#include <stdio.h>
#include <string.h>

#include "prog/command.h"

struct role {
    const char *name;
    int (*run)(int argc, char **argv);
};

static const struct role roles[] = {
    { "worker", sut_role_worker },
};

int sut_role_main(const char *name, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (strcmp(name, roles[i].name) == 0)
            return roles[i].run(argc, argv);
    (void) fprintf(stderr, "sutler: there is no role %s\n", name);
    return SUT_EXIT_USAGE;
}
