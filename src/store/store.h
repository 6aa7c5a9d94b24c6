/* SPDX-License-Identifier: Apache-2.0
 *
 * store - where rows are kept: opens the database, migrates it, and runs reads
 * and durable writes.  Every SQL statement of the program stands in this layer.
 *
 * Any thread.  On the embedded store writes go through one writer thread that
 * joins those that wait into one transaction (a savepoint each) and one fsync;
 * on PostgreSQL a write is a transaction of its own, run again on a
 * serialization failure.
 */
#ifndef SUT_STORE_STORE_H
#define SUT_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "db/db.h"

struct sut_store;

struct sut_store_options {
    struct sut_db_options db;
    unsigned readers;   /* connections for sut_store_lease(): 1 .. 64 */
    unsigned queue_max; /* writes that may wait; beyond: BUSY */
    bool migrate;       /* bring an older store up to date; else refuse it */
};

/*
 * Open, check the version, migrate under a lock, start the writer.
 * A store of a newer program, of another key, read-only or full fails with a
 * sentence in *reterr_diag and nothing changed.
 */
SUT_ERR sut_store_open(const struct sut_store_options *opt, struct sut_store **ret,
                       struct sut_diag *reterr_diag);
/* Let what waits finish, checkpoint, close.  No lease may be out. */
void sut_store_close(struct sut_store **s);

/* True when a statement crosses a network: then nothing of it runs on a loop thread. */
bool sut_store_is_remote(const struct sut_store *s);
/* The schema's number in the store, and the one this program brings. */
int64_t sut_store_version(const struct sut_store *s);
int64_t sut_store_version_of_program(void);

/*
 * A closure of SQL, run on the writer's connection inside a transaction.  It
 * may run more than once: it writes its results into *arg anew each time and
 * touches no other memory that is shared.  An error undoes its changes alone.
 */
typedef SUT_ERR sut_store_job(struct sut_db_conn *c, void *arg);

/* Run the job and come back when it is durable (or failed).  Blocks: never on a loop thread. */
SUT_ERR sut_store_write(struct sut_store *s, sut_store_job *job, void *arg);
/* The same with a transaction to itself, for large jobs (imports, pruning). */
SUT_ERR sut_store_write_alone(struct sut_store *s, sut_store_job *job, void *arg);

/* Borrow a reading connection; waits for one (UNAVAILABLE when the server is gone). */
SUT_ERR sut_store_lease(struct sut_store *s, struct sut_db_conn **ret);
void sut_store_return(struct sut_store *s, struct sut_db_conn **c);
/* A reading connection of one's own, for a loop thread; end it with sut_db_disconnect(). */
SUT_ERR sut_store_reader(struct sut_store *s, struct sut_db_conn **ret);

/* A trivial read, for the health check. */
SUT_ERR sut_store_ping(struct sut_store *s);

#endif
