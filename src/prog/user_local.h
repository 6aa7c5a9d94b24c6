/* SPDX-License-Identifier: Apache-2.0
 *
 * user_local - account work in the store itself, when no server runs on it.
 */
#ifndef SUT_PROG_USER_LOCAL_H
#define SUT_PROG_USER_LOCAL_H

#include "base/diag.h"
#include "config/config.h"
#include "prog/user_admin.h"

struct sut_user_local;

/* Open the store under its lock, with its keys; `config` is borrowed until close. */
SUT_ERR sut_user_local_open(const struct sut_config *config, struct sut_user_local **ret,
                            struct sut_diag *reterr_diag);
void sut_user_local_close(struct sut_user_local **l);

/* As sut_user_admin_do(). */
SUT_ERR sut_user_local_ask(struct sut_user_local *l, struct sut_arena *a,
                           const struct sut_user_ask *ask, struct sut_user_answer *ret,
                           struct sut_diag *reterr_diag);

#endif
