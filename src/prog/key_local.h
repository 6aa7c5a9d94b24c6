/* SPDX-License-Identifier: Apache-2.0
 *
 * key_local - keys of a store on which no server runs: the command opens it
 * itself, with a keeper of its own.
 */
#ifndef SUT_PROG_KEY_LOCAL_H
#define SUT_PROG_KEY_LOCAL_H

#include "base/diag.h"
#include "config/config.h"
#include "prog/key_admin.h"

struct sut_key_local;

/* Open the store under its lock; `config` is borrowed until close. */
SUT_ERR sut_key_local_open(const struct sut_config *config, struct sut_key_local **ret,
                           struct sut_diag *reterr_diag);
/* Ends what runs; fits DEFER. */
void sut_key_local_close(struct sut_key_local **l);
/* Borrowed. */
struct sut_key_admin *sut_key_local_admin(struct sut_key_local *l);

#endif
