/* SPDX-License-Identifier: Apache-2.0
 *
 * tty - a password from the person at the terminal, or from standard input.
 *
 * The main thread of a command alone: for the length of the question the
 * terminal's echo is off and the signals that end a program are kept back.
 */
#ifndef SUT_PROG_TTY_H
#define SUT_PROG_TTY_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"

/*
 * Ask for a new password twice when standard input is a terminal; else read
 * its first line.  Appends to `ret` (whose owner wipes it), without the end of
 * the line.  INVALID with a sentence: empty, too long for `ret`, the two
 * differ, or the person gave up.
 */
SUT_ERR sut_tty_new_password(struct sut_buf *ret, struct sut_diag *reterr_diag);

#endif
