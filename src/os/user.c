/* SPDX-License-Identifier: Apache-2.0 */
#include "os/user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

bool sut_user_is_root(void)
{
    return geteuid() == 0;
}

SUT_ERR sut_user_find(const char *name, struct sut_user *ret)
{
    char text[4096];
    struct passwd row;
    struct passwd *found = NULL;
    const int rc = getpwnam_r(name, &row, text, sizeof(text), &found);
    if (rc != 0) {
        errno = rc;
        FAIL_SYS(SYSTEM);
    }
    ENSURE(found != NULL, NOT_FOUND);
    *ret = (struct sut_user){ .uid = found->pw_uid, .gid = found->pw_gid };
    return SUT_OK;
}

SUT_ERR sut_user_drop(const struct sut_user *u)
{
    ENSURE(u->uid != 0 && u->gid != 0, INVALID);
    if (setgroups(0, NULL) < 0)
        FAIL_SYS(DENIED);
    if (setresgid(u->gid, u->gid, u->gid) < 0)
        FAIL_SYS(DENIED);
    if (setresuid(u->uid, u->uid, u->uid) < 0)
        FAIL_SYS(DENIED);

    uid_t r, e, s;
    gid_t rg, eg, sg;
    if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0)
        FAIL_SYS(DENIED);
    ENSURE(r == u->uid && e == u->uid && s == u->uid, DENIED);
    ENSURE(rg == u->gid && eg == u->gid && sg == u->gid, DENIED);
    ENSURE(getgroups(0, NULL) == 0, DENIED);
    ENSURE(setuid(0) < 0 && seteuid(0) < 0 && setgid(0) < 0, DENIED);
    return SUT_OK;
}
