/* SPDX-License-Identifier: Apache-2.0
 *
 * private - files of keys: the user's own, closed to all others, plain, small.
 *
 * Stricter than os/dir.h: no symbolic link, nobody else's file, not even root's.
 * What an operator can mend is told in the diag with the path in it.
 */
#ifndef SUT_OS_PRIVATE_H
#define SUT_OS_PRIVATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"

enum { SUT_PRIVATE_PATH_MAX = 4096 };

/*
 * Look at the folder of the files (made, 0700, with may_create; its parent must
 * exist).  NOT_FOUND without a word in the diag; INVALID: another's, or open to
 * others; SYSTEM.
 */
SUT_ERR sut_private_folder(const char *path, bool may_create, struct sut_diag *reterr_diag);

/*
 * Append the file to out, whose maximum is the file's: TOO_LARGE past it.
 * *ret_changed (may be NULL): when it was last written.  NOT_FOUND without a word
 * in the diag; INVALID: another's, open to others, no plain file; SYSTEM.
 */
SUT_ERR sut_private_read(const char *path, struct sut_buf *out, sut_ms *ret_changed,
                         struct sut_diag *reterr_diag);

/* Make it, 0600, whole or not at all; of two that do both find the file of the first. */
SUT_ERR sut_private_make(const char *path, sut_str content, struct sut_diag *reterr_diag);

/* "<folder>/<name>"; INVALID when it is too long, with a word about `what`. */
SUT_ERR sut_private_path(const char *folder, const char *name, const char *what,
                         char ret[SUT_PRIVATE_PATH_MAX], struct sut_diag *reterr_diag);

#endif
