/* SPDX-License-Identifier: Apache-2.0
 *
 * postgres - what the two files of this driver share; for them alone.
 *
 * The connection is non-blocking and every answer is awaited with a deadline,
 * so that a server that stops answering costs its time-out and no more.
 */
#ifndef SUT_DB_POSTGRES_H
#define SUT_DB_POSTGRES_H

#include <stdatomic.h>

#include "db/driver.h"
#include "db/pq.h"

struct sut_pg_db {
    struct sut_db super;
    struct sut_pq pq;
    struct sut_secret *dsn; /* NUL-terminated; holds a password */
    unsigned connect_timeout_ms;
    unsigned statement_timeout_ms;
    /* While the server is away one thread at a time tries to connect, and not too often. */
    atomic_bool is_down;
    atomic_bool is_trying;
    atomic_ullong again_ns;
};

struct sut_pg_conn {
    struct sut_db_conn super;
    const struct sut_pq *pq; /* the store's */
    PGconn *h;
    bool is_lost;
    unsigned wait_ms; /* for one answer: the server's own time-out and a little more */
    unsigned serial;  /* makes names of prepared statements unique */
};

/*
 * Wait for what was just sent (`sent` is libpq's 1 or 0) and take its result:
 * the first error's, else the last one's.  A failure's text goes to the
 * connection under `what`.
 */
sut_err sut_pg__await(struct sut_pg_conn *c, const char *what, int sent, unsigned wait_ms,
                      PGresult **ret);

sut_err sut_pg__stmt_create(struct sut_db_conn *c, const struct sut_sql *sql,
                            struct sut_db_stmt **ret);
void sut_pg__stmt_free(struct sut_db_stmt *s);
void sut_pg__stmt_reset(struct sut_db_stmt *s);
void sut_pg__bind_i64(struct sut_db_stmt *s, int n, int64_t v);
void sut_pg__bind_text(struct sut_db_stmt *s, int n, sut_str v);
void sut_pg__bind_blob(struct sut_db_stmt *s, int n, sut_str v);
void sut_pg__bind_null(struct sut_db_stmt *s, int n);
sut_err sut_pg__step(struct sut_db_stmt *s, bool *ret_row);
int64_t sut_pg__col_i64(struct sut_db_stmt *s, int i);
sut_str sut_pg__col_bytes(struct sut_db_stmt *s, int i);
bool sut_pg__col_is_null(struct sut_db_stmt *s, int i);

#endif
