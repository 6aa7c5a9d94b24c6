/* SPDX-License-Identifier: Apache-2.0
 *
 * file_key - where the key of the embedded store's file is kept: <data>/store.key.
 *
 * It lies there wrapped by the keeper (purpose FILE) with its version, one line:
 * "store-file 2 <base64url>".  A file of 61 bytes that begins with the byte 1 is
 * what was written before there were versions; it is version 1 and still read.
 *
 * While the key is changed (store/file_key.h) <data>/store.key.next stands beside
 * it.  A start that finds both gives both to the store and settles then, by the
 * one that opened the file: the next one takes the first one's place, or goes.
 * Both files are 0600, there whole or not at all, also after a power cut.
 *
 * One thread at a time.  *reterr_diag names the file and says what to do.
 */
#ifndef SUT_PROG_FILE_KEY_H
#define SUT_PROG_FILE_KEY_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "ipc/keeper.h"

/*
 * The key in store.key, made when it is missing and may_make is set.  Errors:
 * NOT_FOUND (missing), INVALID (open to others, no such line), CORRUPT (another
 * master key's, or damaged), the keeper's, SYSTEM.
 */
SUT_ERR sut_file_key_open(const char *data_dir, struct sut_keeper *keeper, bool may_make,
                          struct sut_secret **ret, struct sut_diag *reterr_diag);
/*
 * The key in store.key.next; *ret stays NULL when there is none.  One that is of
 * no use counts as none: the store says whether it would have been needed.
 */
SUT_ERR sut_file_key_open_next(const char *data_dir, struct sut_keeper *keeper,
                               struct sut_secret **ret, struct sut_diag *reterr_diag);

/* Make a key of the next version in store.key.next, durable; an older one of that name goes. */
SUT_ERR sut_file_key_make_next(const char *data_dir, struct sut_keeper *keeper,
                               struct sut_secret **ret, struct sut_diag *reterr_diag);
/* Put store.key.next in the place of store.key, durable.  NOT_FOUND; SYSTEM.  Any thread. */
SUT_ERR sut_file_key_adopt_next(const char *data_dir);
/* Remove store.key.next.  NOT_FOUND; SYSTEM. */
SUT_ERR sut_file_key_drop_next(const char *data_dir);

/* Wrap what the files hold by the newest master key; *ret_changed says whether anything was. */
SUT_ERR sut_file_key_rewrap(const char *data_dir, struct sut_keeper *keeper, bool *ret_changed,
                            struct sut_diag *reterr_diag);

#endif
