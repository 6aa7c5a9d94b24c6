/* SPDX-License-Identifier: Apache-2.0
 *
 * key_control - the asks about keys on the control socket (prog/control.h): what
 * the server answers, and how a command asks.
 */
#ifndef SUT_PROG_KEY_CONTROL_H
#define SUT_PROG_KEY_CONTROL_H

#include "base/diag.h"
#include "base/err.h"
#include "prog/control.h"
#include "prog/key_wire.h"

/* Types on that socket; 1 is control.c's own. */
enum { SUT_ASK_KEY_LIST = 2, SUT_ASK_KEY_ROTATE = 3, SUT_ASK_KEY_STATUS = 4 };

/* The server's side; `a` is borrowed. */
struct sut_control_keys sut_key_control(struct sut_key_admin *a);

/*
 * The command's side, asked of the server that runs on this data folder:
 * NOT_FOUND when none does.  *reterr_diag says what is wrong.
 */
SUT_ERR sut_key_ask_list(sut_str data_dir, struct sut_key_list *ret, struct sut_diag *reterr_diag);
/* BUSY, with the server's sentence, when it refuses. */
SUT_ERR sut_key_ask_rotate(sut_str data_dir, enum sut_key_kind kind, struct sut_diag *reterr_diag);
SUT_ERR sut_key_ask_status(sut_str data_dir, enum sut_key_kind kind, struct sut_key_status *ret,
                           struct sut_diag *reterr_diag);

#endif
