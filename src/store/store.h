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
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "db/db.h"

struct sut_store;
struct sut_keeper;
struct sut_random;
struct sut_seal;

/*
 * How far a migration is.  what: "schema", which comes to number `done` of `all`,
 * or the name of a table, of whose rows `done` are sealed.
 */
typedef void sut_store_progress(void *ctx, const char *what, int64_t done, int64_t all);

struct sut_store_options {
    struct sut_db_options db; /* its context is the store's own */
    const struct sut_secret
        *next_key;      /* NULL, or the key of an unfinished change (store/file_key.h):
                           tried after db.key; borrowed likewise */
    unsigned readers;   /* connections for sut_store_lease(): 1 .. 64 */
    unsigned queue_max; /* writes that may wait; beyond: BUSY */
    bool migrate;       /* bring an older store up to date; else refuse it */
    /* Who opens the keys of persons, borrowed; NULL: no row of a person can be read or written. */
    struct sut_keeper *keeper;
    const struct sut_random *random; /* with a keeper: for nonces; borrowed */
    size_t data_keys_max;            /* open keys of persons at once; 0: 4,096 */
    sut_store_progress *progress;    /* may be NULL */
    void *progress_ctx;
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

/* Whether it is next_key that opened the file: finish the change; else throw that key away. */
bool sut_store_has_next_key(const struct sut_store *s);
/* True when a statement crosses a network: then nothing of it runs on a loop thread. */
bool sut_store_is_remote(const struct sut_store *s);
/* The schema's number in the store, and the one this program brings. */
int64_t sut_store_version(const struct sut_store *s);
int64_t sut_store_version_of_program(void);

/*
 * A closure of SQL, run on the writer's connection inside a transaction.  It
 * may run more than once: it writes its results into *arg anew each time and
 * touches no other memory that is shared.  An error undoes its changes alone.
 * STALE asks for another run, with the keys that were missing (store/personal.h).
 */
typedef SUT_ERR sut_store_job(struct sut_db_conn *c, void *arg);

/* Run the job and come back when it is durable (or failed).  Blocks: never on a loop thread. */
SUT_ERR sut_store_write(struct sut_store *s, sut_store_job *job, void *arg);
/* The same with a transaction to itself, for large jobs (imports, pruning). */
SUT_ERR sut_store_write_alone(struct sut_store *s, sut_store_job *job, void *arg);

/* Borrow a reading connection; waits for one (UNAVAILABLE when the server is gone). */
SUT_ERR sut_store_lease(struct sut_store *s, struct sut_db_conn **ret);
void sut_store_return(struct sut_store *s, struct sut_db_conn **c);
/*
 * A reading connection kept for one thread, a loop's: nobody else takes it.
 * Take it for a request and give it back at its end, so that the store may
 * close it for a moment; to take waits for that moment alone.  On it a read
 * that needs the keeper fails with STALE (store/personal.h).  The seat is
 * freed before the store is closed.
 */
struct sut_store_seat;
SUT_ERR sut_store_seat_create(struct sut_store *s, struct sut_store_seat **ret);
void sut_store_seat_free(struct sut_store_seat **seat);
SUT_ERR sut_store_seat_take(struct sut_store_seat *seat, struct sut_db_conn **ret);
void sut_store_seat_give(struct sut_store_seat *seat, struct sut_db_conn **c);

/*
 * Read the keys of indexes and persons from the keyring again: after a rotation
 * here, and now and then where other servers may rotate.  Nothing to do without
 * a keeper.
 */
SUT_ERR sut_store_reload_keys(struct sut_store *s);
/* The seal of this store's rows; NULL without a keeper. */
struct sut_seal *sut_store_seal(struct sut_store *s);

/* A trivial read, for the health check. */
SUT_ERR sut_store_ping(struct sut_store *s);

#endif
