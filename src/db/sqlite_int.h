/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlite_int - what the files over SQLite share, for this folder alone.
 */
#ifndef SUT_DB_SQLITE_INT_H
#define SUT_DB_SQLITE_INT_H

#include <sqlite3.h>

#include "db/driver.h"

enum { SUT_DB__KEY_BYTES = 32 };

/* One struct of this driver for each of the shared ones, which comes first. */
struct sqlite_db {
    struct sut_db super;
    char *path;
    const char *vfs;
    enum sut_db_cipher cipher;
    const struct sut_secret *key;
};

struct sqlite_conn {
    struct sut_db_conn super;
    const struct sqlite_db *db;
    sqlite3 *h;
    unsigned wal_pages;
};

static inline struct sqlite_conn *sut_db__sqlite_conn(struct sut_db_conn *c)
{
    return (struct sqlite_conn *) c;
}

/* SQLite's result as ours; errno is that of the system call behind an I/O error. */
SUT_ERR sut_db__sqlite_outcome(sqlite3 *h, int rc);
/* Open `path` by the store's VFS and cipher, with `key`.  *ret is to be closed in any case. */
int sut_db__sqlite_open(const struct sqlite_db *d, const char *path, const struct sut_secret *key,
                        sqlite3 **ret);

#endif
