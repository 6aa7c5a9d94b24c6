/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/role_signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

SUT_ERR sut_role_signals(int *ret_fd)
{
    sigset_t set;
    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGTERM);
    (void) sigaddset(&set, SIGINT);
    (void) sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        FAIL(SYSTEM);
    (void) sigdelset(&set, SIGINT);
    (void) sigdelset(&set, SIGHUP);
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (*ret_fd < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}
