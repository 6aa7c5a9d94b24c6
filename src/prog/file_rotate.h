/* SPDX-License-Identifier: Apache-2.0
 *
 * file_rotate - another key for the embedded store's file: `sutler key rotate file`.
 *
 * Joins the two halves: the store changes its file's key while it is used
 * (store/file_key.h), and the wrapped key in <data>/store.key follows it
 * (prog/file_key.h).  Between the two a <data>/store.key.next stands beside it.
 */
#ifndef SUT_PROG_FILE_ROTATE_H
#define SUT_PROG_FILE_ROTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "prog/boot.h"
#include "prog/file_key.h"
#include "store/file_key.h"

/* Told of after each step; false: give the change up, all is as before. */
typedef bool sut_file_rotate_progress(void *arg, uint64_t pages_done, uint64_t pages_total);

/*
 * Make a new key, change the file's, and let b->file.key be the new one.
 * Blocks for as long as a copy of the file takes; any thread but a loop's or
 * the pool's.  `progress` may be NULL.  *ret is filled in any case.  Errors as
 * sut_store_change_file_key(), and the keeper's; *reterr_diag is a sentence.
 */
SUT_ERR sut_file_key_rotate(struct sut_boot *b, sut_file_rotate_progress *progress, void *arg,
                            struct sut_file_key_outcome *ret, struct sut_diag *reterr_diag);

/* The same for tests, which may end the process at each point. */
typedef void sut_file_rotate_point(void *arg, enum sut_file_key_point at);
SUT_ERR sut_file_key_rotate_watched(struct sut_boot *b, sut_file_rotate_progress *progress,
                                    sut_file_rotate_point *point, void *arg,
                                    struct sut_file_key_outcome *ret, struct sut_diag *reterr_diag);

#endif
