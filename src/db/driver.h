/* SPDX-License-Identifier: Apache-2.0
 *
 * driver - what a database must offer to stand behind db.h; for files of this
 * folder alone.
 *
 * A driver is a const struct of functions over structs that begin with the
 * shared part below.  db.c keeps the statement cache, counts, and sees that a
 * spoiled transaction is refused; a driver only speaks to its library.  Every
 * function runs on the thread that has the connection.
 */
#ifndef SUT_DB_DRIVER_H
#define SUT_DB_DRIVER_H

#include "db/db.h"
#include "db/statements.h"

enum sut_db_verb {
    SUT_DB_BEGIN,
    SUT_DB_COMMIT,
    SUT_DB_ROLLBACK,
    SUT_DB_SAVEPOINT,
    SUT_DB_RELEASE,
    SUT_DB_ROLLBACK_TO, /* and release */
};

struct sut_db_driver {
    enum sut_db_kind kind;
    sut_err (*open)(const struct sut_db_options *opt, struct sut_db **ret,
                    struct sut_diag *reterr_diag);
    void (*close)(struct sut_db *db);
    sut_err (*set_key)(struct sut_db *db, const struct sut_secret *key);
    sut_err (*connect)(struct sut_db *db, enum sut_db_mode mode, struct sut_db_conn **ret,
                       struct sut_diag *reterr_diag);
    /* All statements have been freed before. */
    void (*disconnect)(struct sut_db_conn *c);
    bool (*is_alive)(struct sut_db_conn *c);
    bool (*in_tx)(const struct sut_db_conn *c);

    /* Make a statement; it is cached until stmt_free(). */
    sut_err (*stmt_create)(struct sut_db_conn *c, const struct sut_sql *sql,
                           struct sut_db_stmt **ret);
    void (*stmt_free)(struct sut_db_stmt *s);
    /* Forget bindings, rows and faults. */
    void (*stmt_reset)(struct sut_db_stmt *s);
    void (*bind_i64)(struct sut_db_stmt *s, int n, int64_t v);
    void (*bind_text)(struct sut_db_stmt *s, int n, sut_str v);
    void (*bind_blob)(struct sut_db_stmt *s, int n, sut_str v);
    void (*bind_null)(struct sut_db_stmt *s, int n);
    sut_err (*step)(struct sut_db_stmt *s, bool *ret_row);
    int64_t (*col_i64)(struct sut_db_stmt *s, int i);
    sut_str (*col_text)(struct sut_db_stmt *s, int i);
    sut_str (*col_blob)(struct sut_db_stmt *s, int i);
    bool (*col_is_null)(struct sut_db_stmt *s, int i);

    sut_err (*script)(struct sut_db_conn *c, const char *script);
    sut_err (*transact)(struct sut_db_conn *c, enum sut_db_verb verb);
    sut_err (*lock)(struct sut_db_conn *c, int64_t key, unsigned wait_ms);
    const struct sut_sql *has_table; /* $1 = name, one row with a number */
    unsigned (*wal_pages)(const struct sut_db_conn *c);
    sut_err (*checkpoint)(struct sut_db_conn *c, enum sut_db_checkpoint how);
};

extern const struct sut_db_driver sut_db_sqlite_driver;
extern const struct sut_db_driver sut_db_postgres_driver;

/* The shared part, first in each driver's struct. */
struct sut_db {
    unsigned magic;
    const struct sut_db_driver *driver;
    void *context;
};

struct sut_db_conn {
    unsigned magic;
    const struct sut_db_driver *driver;
    void *context;
    void *job;
    bool is_on_loop;
    enum sut_db_mode mode;
    bool tx_open; /* between begin and commit or rollback, whatever the database thinks */
    bool spoiled; /* a statement failed in this transaction: nothing but a rollback may follow */
    uint64_t statements;
    struct sut_statements cache;
    char error[320];
};

enum { SUT_DB_PARAMS_MAX = 64 };

struct sut_db_stmt {
    struct sut_db_conn *conn;
    const struct sut_sql *sql;
    bool borrowed;
    bool started;
    bool finished;
    bool fault;   /* a bind went wrong: shows at step */
    bool has_nul; /* ... and this was it */
    int64_t changes;
};

/* Keep the driver's words, on one line. */
void sut_db__set_error(struct sut_db_conn *c, const char *what, const char *detail);
/* The same for an operator. */
void sut_db__explain(struct sut_diag *d, const char *what, const char *detail);

#endif
