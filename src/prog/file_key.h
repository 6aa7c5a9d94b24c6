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

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "ipc/keeper.h"

/* Owned by the caller, who begins it with zeroes and ends it with sut_file_keys_done(). */
struct sut_file_keys {
    struct sut_secret *key;   /* in use */
    _Atomic uint32_t version; /* any thread may look */
    struct sut_secret *next;  /* NULL: none */
    uint32_t next_version;
    bool is_next_due;     /* store.key.next holds `key`: it is to take store.key's place */
    atomic_bool is_taken; /* a change is under way (prog/file_rotate.h) */
};

/*
 * Read both files; with may_make, make the first when it is missing.  Errors:
 * NOT_FOUND (missing), INVALID (open to others, no such line), CORRUPT (another
 * master key's, or damaged), the keeper's, SYSTEM.  A store.key.next that is of
 * no use counts as none: the store says whether it would have been needed.
 */
SUT_ERR sut_file_keys_open(const char *data_dir, struct sut_keeper *keeper, bool may_make,
                           struct sut_file_keys *ret, struct sut_diag *reterr_diag);
void sut_file_keys_done(struct sut_file_keys *k);

/*
 * The store is open, with k->next if is_next: bring the files in line, after
 * which k->key is the one in use and there is no next.
 */
SUT_ERR sut_file_keys_settle(const char *data_dir, struct sut_file_keys *k, bool is_next,
                             struct sut_diag *reterr_diag);

/* Make k->next, of the next version, and its file, durable; an older one of that name goes. */
SUT_ERR sut_file_keys_make_next(const char *data_dir, struct sut_keeper *keeper,
                                struct sut_file_keys *k, struct sut_diag *reterr_diag);
/* Put store.key.next in the place of store.key, durable; k is left alone.  SYSTEM.  Any thread. */
SUT_ERR sut_file_keys_adopt(const char *data_dir);

/* Wrap what the files hold by the newest master key; *ret_changed says whether anything was. */
SUT_ERR sut_file_keys_rewrap(const char *data_dir, struct sut_keeper *keeper, bool *ret_changed,
                             struct sut_diag *reterr_diag);

#endif
