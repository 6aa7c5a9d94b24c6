/* SPDX-License-Identifier: Apache-2.0
 *
 * user - giving up root for good.
 *
 * Call before threads start: ids are set for the whole process by libc, but a
 * thread that runs meanwhile acts with the old ones.
 */
#ifndef SUT_OS_USER_H
#define SUT_OS_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct sut_user {
    uid_t uid;
    gid_t gid;
};

/* Whether this process has root's rights over users. */
bool sut_user_is_root(void);
/* Look a user up by name; NOT_FOUND. */
SUT_ERR sut_user_find(const char *name, struct sut_user *ret);
/*
 * Become u: no supplementary groups, all three group ids, all three user ids;
 * then verify, also that there is no way back.  DENIED when any of it does not
 * hold: the role must exit then.  INVALID for root.
 */
SUT_ERR sut_user_drop(const struct sut_user *u);

#endif
