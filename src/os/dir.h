/* SPDX-License-Identifier: Apache-2.0
 *
 * dir - private folders and files: made 0700 and 0600, refused when others can reach them.
 *
 * Failures that an operator can mend are told in the diag (NULL is allowed).
 */
#ifndef SUT_OS_DIR_H
#define SUT_OS_DIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sut_buf;
struct sut_diag;

/*
 * Make the folder with mode 0700 (its parent must exist) or accept one that is
 * ours with no rights for group and others.  DENIED when it is somebody
 * else's, open to others, or no folder; SYSTEM.  *ret_made (may be NULL) says
 * whether it is new.
 */
SUT_ERR sut_dir_make_private(const char *path, bool *ret_made, struct sut_diag *reterr_diag);

/*
 * Hold `path` (made when missing, 0600) for this process alone: BUSY when
 * another holds it.  Closing *ret_fd, or the end of the process, lets go.
 */
SUT_ERR sut_dir_lock(const char *path, int *ret_fd, struct sut_diag *reterr_diag);

/* Append a whole file, at most `max` bytes, to b.  NOT_FOUND, TOO_LARGE, SYSTEM. */
SUT_ERR sut_dir_read_file(const char *path, size_t max, struct sut_buf *b);
/* The same for a secret: DENIED unless it is ours (or root's) with no rights for group and others.
 */
SUT_ERR sut_dir_read_private(const char *path, size_t max, struct sut_buf *b,
                             struct sut_diag *reterr_diag);
/*
 * Write a new file, 0600, that is there whole or not at all, also after a
 * power cut: a temporary name, fsync, link, fsync of the folder.  EXISTS when
 * the name is taken.
 */
SUT_ERR sut_dir_write_new(const char *path, sut_str content);
/* The same, but takes the place of an older file. */
SUT_ERR sut_dir_replace(const char *path, sut_str content);
/* The same by a temporary name of the caller's, so that who looks for what a crash left knows it.
 */
SUT_ERR sut_dir_replace_by(const char *path, const char *temp, sut_str content);
/* Bring a folder's names to the disk: what was renamed or removed there stays so.  SYSTEM. */
SUT_ERR sut_dir_sync(const char *path);

#endif
