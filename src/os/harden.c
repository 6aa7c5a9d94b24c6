/* SPDX-License-Identifier: Apache-2.0 */
#include "os/harden.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

SUT_ERR sut_harden_process(void)
{
    const struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        FAIL_SYS(SYSTEM);
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        FAIL_SYS(SYSTEM);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        FAIL_SYS(SYSTEM);
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

void sut_harden_wipe_environ(void)
{
    if (environ == NULL)
        return;
    for (char **e = environ; *e != NULL; e++) {
        explicit_bzero(*e, strlen(*e));
        *e = NULL;
    }
}
