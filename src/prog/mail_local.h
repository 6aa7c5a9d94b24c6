/* SPDX-License-Identifier: Apache-2.0
 *
 * mail_local - a look at the outbox in the store itself, when no server runs on it.
 */
#ifndef SUT_PROG_MAIL_LOCAL_H
#define SUT_PROG_MAIL_LOCAL_H

#include "base/diag.h"
#include "config/config.h"
#include "prog/mail_admin.h"

struct sut_mail_local;

/* Open the store under its lock, with its keys; `config` is borrowed until close. */
SUT_ERR sut_mail_local_open(const struct sut_config *config, struct sut_mail_local **ret,
                            struct sut_diag *reterr_diag);
void sut_mail_local_close(struct sut_mail_local **l);

/* As sut_mail_admin_do(). */
SUT_ERR sut_mail_local_ask(struct sut_mail_local *l, struct sut_arena *a,
                           const struct sut_mail_ask *ask, struct sut_mail_shown *ret,
                           struct sut_diag *reterr_diag);

#endif
