/* SPDX-License-Identifier: Apache-2.0
 *
 * own_keeper - a keeper for a command that opens the store itself, while no
 * server runs: the same process that a server has, asked by one client.
 *
 * The caller owns it; end it after the store is closed.
 */
#ifndef SUT_PROG_OWN_KEEPER_H
#define SUT_PROG_OWN_KEEPER_H

#include "base/diag.h"
#include "base/err.h"
#include "config/config.h"
#include "ipc/keeper.h"
#include "prog/words.h"

struct sut_own_keeper;

/*
 * Look at the folders (sut_boot_folders()), start a keeper and connect to it.
 * flags: enum sut_boot_flag; with SUT_BOOT_CREATE it makes a master key where none
 * can have been.  What the keeper says itself stands on stderr already: then the
 * diag's text is SUT_COMMAND_TOLD.
 */
SUT_ERR sut_own_keeper_start(const struct sut_config *c, unsigned flags,
                             struct sut_own_keeper **ret, struct sut_diag *reterr_diag);
/*
 * Start it again for a change of the master key, as a supervisor would:
 * SUT_WORD_ASK_MASTER_NEXT or SUT_WORD_ASK_MASTER_ADOPT.  The client stays the same one; nobody
 * else may be in a call.
 */
SUT_ERR sut_own_keeper_renew(struct sut_own_keeper *k, const struct sut_config *c,
                             enum sut_word word, struct sut_diag *reterr_diag);
/* Borrowed. */
struct sut_keeper *sut_own_keeper_of(struct sut_own_keeper *k);
/* Nobody may be in a call; fits DEFER. */
void sut_own_keeper_stop(struct sut_own_keeper **k);

#endif
