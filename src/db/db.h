/* SPDX-License-Identifier: Apache-2.0
 *
 * db - one small interface over the embedded and the remote database.
 *
 * struct sut_db is shared by all threads; a struct sut_db_conn belongs to one
 * thread at a time; a struct sut_db_stmt is borrowed from its connection until
 * sut_db_end().  SQL is written once for both drivers: parameters are $1 … $n,
 * types BIGINT, TEXT and BLOB alone, text compares by bytes.
 *
 * Errors: EXISTS (a unique row is there already), CONFLICT (serialization
 * failure, deadlock or busy: run the transaction again), FULL (no space),
 * UNAVAILABLE (the server is gone), CORRUPT (a page or the key is wrong),
 * SYSTEM (all else; the driver's text goes to the connection's diag).
 */
#ifndef SUT_DB_DB_H
#define SUT_DB_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

struct sut_db;
struct sut_db_conn;
struct sut_db_stmt;

/* A statement: a static constant whose address is its identity; prepared once a connection. */
struct sut_sql {
    const char *name; /* "session_rotate": for logs and the server's statement list */
    const char *text;
};

enum sut_db_kind { SUT_DB_SQLITE, SUT_DB_POSTGRES };
enum sut_db_mode { SUT_DB_READ, SUT_DB_WRITE };
enum sut_db_cipher { SUT_DB_AEGIS256, SUT_DB_SQLCIPHER };

struct sut_db_options {
    enum sut_db_kind kind;
    const char *path;              /* sqlite: the file */
    enum sut_db_cipher cipher;     /* sqlite */
    const struct sut_secret *key;  /* sqlite: 32 bytes; borrowed until sut_db_close() */
    const char *vfs;               /* sqlite: NULL, or the name of a registered test VFS */
    const char *dsn;               /* postgres: URI or keywords; holds a password, never logged */
    unsigned connect_timeout_s;    /* postgres */
    unsigned statement_timeout_ms; /* postgres */
    void *context;                 /* what sut_db_context() of each connection gives */
};

/* Check the options and make a first connection to see that they work.  *reterr_diag says why not.
 */
SUT_ERR sut_db_open(const struct sut_db_options *opt, struct sut_db **ret,
                    struct sut_diag *reterr_diag);
/* Every connection must have been freed before. */
void sut_db_close(struct sut_db **db);
enum sut_db_kind sut_db_kind(const struct sut_db *db);
/*
 * Connections made from now on use `key` (sqlite: 32 bytes, borrowed in the place of the first;
 * else INVALID).  There is no connection, and nobody makes one meanwhile.
 */
SUT_ERR sut_db_set_key(struct sut_db *db, const struct sut_secret *key);

/* One connection, for one thread at a time; UNAVAILABLE when the server is not there. */
SUT_ERR sut_db_connect(struct sut_db *db, enum sut_db_mode mode, struct sut_db_conn **ret);
void sut_db_disconnect(struct sut_db_conn **c);
enum sut_db_kind sut_db_conn_kind(const struct sut_db_conn *c);
/* False when the connection must be thrown away (the server is gone). */
bool sut_db_is_alive(struct sut_db_conn *c);
/* Statements run on this connection so far: what a request costs is the difference. */
uint64_t sut_db_statements(const struct sut_db_conn *c);
/* The driver's own words for the last failure: for the log, never for a client. */
const char *sut_db_last_error(const struct sut_db_conn *c);

/* What the database was opened with. */
void *sut_db_context(const struct sut_db_conn *c);
/* Whose work runs on this connection now: a note of the caller's, NULL at first. */
void sut_db_set_job(struct sut_db_conn *c, void *job);
void *sut_db_job(const struct sut_db_conn *c);

/* Whether it serves a loop's thread, which waits for nothing but the database; false at first. */
void sut_db_set_on_loop(struct sut_db_conn *c, bool v);
bool sut_db_is_on_loop(const struct sut_db_conn *c);

/* Borrow the prepared statement, ready to bind.  End it with sut_db_end() on every path (DEFER). */
SUT_ERR sut_db_prepare(struct sut_db_conn *c, const struct sut_sql *sql, struct sut_db_stmt **ret);
void sut_db_end(struct sut_db_stmt **s);

/*
 * Bind parameter $n (from 1).  Text and blobs are borrowed until sut_db_end().
 * A fault shows at step: INVALID for text with a NUL, which PostgreSQL can't
 * keep; SYSTEM for a number that is not in the statement.
 */
void sut_db_bind_i64(struct sut_db_stmt *s, int n, int64_t v);
void sut_db_bind_text(struct sut_db_stmt *s, int n, sut_str v);
void sut_db_bind_blob(struct sut_db_stmt *s, int n, sut_str v);
void sut_db_bind_null(struct sut_db_stmt *s, int n);

/* Run to the next row: *ret_row says whether there is one. */
SUT_ERR sut_db_step(struct sut_db_stmt *s, bool *ret_row);
/* Column i (from 0) of the current row, asked for by its own type; NULL is 0 or {NULL, 0}.
 * Slices live until the next step or end. */
int64_t sut_db_col_i64(struct sut_db_stmt *s, int i);
sut_str sut_db_col_text(struct sut_db_stmt *s, int i);
sut_str sut_db_col_blob(struct sut_db_stmt *s, int i);
bool sut_db_col_is_null(struct sut_db_stmt *s, int i);
/* Rows changed by this statement, after the last step. */
int64_t sut_db_changes(struct sut_db_stmt *s);

/* Run a statement without parameters or rows of interest. */
SUT_ERR sut_db_exec(struct sut_db_conn *c, const struct sut_sql *sql);
/* Run several statements from the program's own constants (migrations); never from input. */
SUT_ERR sut_db_script(struct sut_db_conn *c, const char *script);

/*
 * Transactions; a WRITE connection begins IMMEDIATE (sqlite) or SERIALIZABLE (postgres),
 * a READ one sees one snapshot.  A statement that fails inside one spoils it:
 * until the savepoint around it, or all, is rolled back, everything else is
 * refused with SYSTEM, on both drivers alike.  What may fail and be got over
 * (EXISTS) stands in a savepoint of its own, or says ON CONFLICT.
 */
SUT_ERR sut_db_tx_begin(struct sut_db_conn *c);
SUT_ERR sut_db_tx_commit(struct sut_db_conn *c);
void sut_db_tx_rollback(struct sut_db_conn *c);
/* A savepoint inside a transaction; they nest by order. */
SUT_ERR sut_db_savepoint(struct sut_db_conn *c);
SUT_ERR sut_db_savepoint_release(struct sut_db_conn *c);
void sut_db_savepoint_rollback(struct sut_db_conn *c);
/* False when the database has rolled the whole transaction back by itself (full disk, I/O error).
 */
bool sut_db_in_tx(const struct sut_db_conn *c);

/* Hold the lock `key` until this connection ends (postgres; nothing to do on sqlite, whose
 * file one process has).  BUSY when another holds it longer than wait_ms. */
SUT_ERR sut_db_lock(struct sut_db_conn *c, int64_t key, unsigned wait_ms);
/* Whether a table of that name (lower case) is there. */
SUT_ERR sut_db_has_table(struct sut_db_conn *c, const char *name, bool *ret);
/* Pages in the write-ahead log after this connection's last commit; 0 on postgres. */
unsigned sut_db_wal_pages(const struct sut_db_conn *c);
/*
 * Move pages out of the write-ahead log into the file; nothing to do on postgres.
 * PASSIVE waits for nobody; TRUNCATE keeps writers out for a moment and leaves
 * the log empty.  CONFLICT when others are in the way.
 */
enum sut_db_checkpoint { SUT_DB_PASSIVE, SUT_DB_TRUNCATE };
SUT_ERR sut_db_checkpoint(struct sut_db_conn *c, enum sut_db_checkpoint how);

#endif
