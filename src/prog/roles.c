/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/roles.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "prog/command.h"

struct role {
    const char *name;
    const char *title; /* of the process: at most 15 characters */
    int (*run)(int argc, char **argv);
};

static const struct role roles[] = {
    { "keeper", "sutler-keeper", sut_role_keeper },
    { "courier", "sutler-courier", sut_role_courier },
    { "darkroom", "sutler-darkroom", sut_role_darkroom },
    { "worker", "sutler-worker", sut_role_worker },
};

int sut_role_main(const char *name, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(name, roles[i].name) != 0)
            continue;
        /* What ps shows: it is started by a name of /proc. */
        (void) prctl(PR_SET_NAME, roles[i].title, 0, 0, 0);
        return roles[i].run(argc, argv);
    }
    (void) fprintf(stderr, "sutler: there is no role %s\n", name);
    return SUT_EXIT_USAGE;
}
