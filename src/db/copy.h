/* SPDX-License-Identifier: Apache-2.0
 *
 * copy - a copy of the embedded database in another file, under another key,
 * made in steps while the database is written to.
 *
 * It reads through the connection that writes: what that one commits to pages
 * that are copied already goes into the copy as well.  A commit by another
 * connection lets the copy begin again, which is right but slow.  Begin, step,
 * end and free belong to the thread that has the connection, between two
 * transactions; sut_db_copy_sync() may run beside all else, on one other thread.
 *
 * The file is made (0600; an older one of that name is removed) and is gone
 * again after sut_db_copy_free(), unless the copy was ended well.  At no moment
 * does a page stand in it unencrypted.
 *
 * Errors: INVALID (no embedded database; a key that is not 32 bytes), FULL,
 * SYSTEM (*reterr_diag of the step says what the library said), CORRUPT.  After
 * an error nothing but sut_db_copy_free() may follow; the database is as it was.
 */
#ifndef SUT_DB_COPY_H
#define SUT_DB_COPY_H

#include "db/db.h"

struct sut_db_copy;

struct sut_db_copy_seen {
    uint64_t done;  /* pages */
    uint64_t total; /* may grow */
};

/* Make the file, empty, and tie it to the connection; `key` is used here and not kept. */
SUT_ERR sut_db_copy_begin(struct sut_db_conn *c, const char *path, const struct sut_secret *key,
                          struct sut_db_copy **ret);
/* Copy up to n pages more, but never the last: that is sut_db_copy_end()'s. */
SUT_ERR sut_db_copy_step(struct sut_db_copy *k, unsigned n, struct sut_db_copy_seen *ret);
/* Bring what was written so far to the disk. */
SUT_ERR sut_db_copy_sync(struct sut_db_copy *k);
/* Copy the rest and sync: the file is now complete, closed, and equal to the database. */
SUT_ERR sut_db_copy_end(struct sut_db_copy *k);
/* What the library said about the last failure, for an operator. */
const char *sut_db_copy_error(const struct sut_db_copy *k);
void sut_db_copy_free(struct sut_db_copy **k);

#endif
