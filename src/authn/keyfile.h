/* SPDX-License-Identifier: Apache-2.0
 *
 * keyfile - the keys that lie in files: the master key, and the embedded
 * store's own under it.
 *
 * The master key (32 random bytes) wraps all others.  It is read from
 * <keys>/master.key (0600, in a folder of 0700, both of the user who runs the
 * program; 64 hexadecimal characters or 32 raw bytes) or given as text.  The
 * folder of keys is never inside the folder of data.  A file is made whole or
 * not at all; of two that start together both use the file of the first.
 * Start-up's thread; the secrets belong to the caller.
 */
#ifndef SUT_AUTHN_KEYFILE_H
#define SUT_AUTHN_KEYFILE_H

#include <stdbool.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/random.h"

enum { SUT_MASTER_SIZE = 32 };

/*
 * The master key.  `hex` (may be NULL or empty) is the value of
 * SUTLER_MASTER_KEY, 64 characters, and comes first.  Without it the file is
 * read, or made when it is missing and may_create is set, its folder too.
 * INVALID: the text, or a file that is short, not plain, another user's or
 * open to others.  NOT_FOUND: missing, and may_create is not set.  SYSTEM.
 * *reterr_diag always says which and what to do.
 */
SUT_ERR sut_master_load_or_create(const char *keys_dir, const char *hex, bool may_create,
                                  const struct sut_random *rnd, struct sut_secret **ret,
                                  struct sut_diag *reterr_diag);

/*
 * The key of the embedded store's file: 32 bytes, kept in <data>/store.key
 * wrapped by the master key.  CORRUPT when it was wrapped by another one; else
 * as sut_master_load_or_create().
 */
SUT_ERR sut_store_key_load_or_create(const char *data_dir, const struct sut_secret *master,
                                     bool may_create, const struct sut_random *rnd,
                                     struct sut_secret **ret, struct sut_diag *reterr_diag);

/* 32 bytes that follow from the master key and the purpose (HMAC-SHA256), for what is never rotated
 * alone. */
void sut_master_derive(const struct sut_secret *master, sut_str purpose, unsigned char ret[32]);

#endif
