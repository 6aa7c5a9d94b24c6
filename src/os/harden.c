/* SPDX-License-Identifier: Apache-2.0 */
#include "os/harden.h"

#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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

SUT_ERR sut_harden_drop_capabilities(void)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        FAIL_SYS(SYSTEM);
    /* The bounding set is what root's exec would get; to others it gives nothing. */
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
            FAIL_SYS(SYSTEM);
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (syscall(SYS_capset, &head, none) < 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

void sut_harden_raise_locked(uint64_t bytes)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_MEMLOCK, &lim) < 0 || lim.rlim_cur >= bytes)
        return;
    const struct rlimit own = { bytes, lim.rlim_max < bytes ? bytes : lim.rlim_max };
    /* Root's word counts; others get what they are allowed. */
    if (setrlimit(RLIMIT_MEMLOCK, &own) < 0) {
        lim.rlim_cur = lim.rlim_max;
        (void) setrlimit(RLIMIT_MEMLOCK, &lim);
    }
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
