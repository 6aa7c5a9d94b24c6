/* SPDX-License-Identifier: Apache-2.0
 *
 * writer - the one thread that writes to the embedded store.
 *
 * Jobs that wait together share a transaction, each within a savepoint of its
 * own, and one sync of the log; nobody is told of success before that sync has
 * come back.  A second thread moves the log's pages into the file.  Any thread
 * may hand in a job, and waits for it; the queue has a maximum.
 */
#ifndef SUT_STORE_WRITER_H
#define SUT_STORE_WRITER_H

#include <stdbool.h>

#include "base/err.h"
#include "db/db.h"
#include "store/store.h"

struct sut_writer;

/* Connect twice and start both threads.  `db` is borrowed until sut_writer_stop(). */
SUT_ERR sut_writer_start(struct sut_db *db, unsigned queue_max, struct sut_writer **ret);
/* Finish what waits, empty the log into the file, end the threads.  No new jobs may come. */
void sut_writer_stop(struct sut_writer **w);

/*
 * Run the job and come back when it is durable or has failed: the job's own
 * error, FULL (of the whole batch when the disk is full at its commit), BUSY
 * when the queue is.  `alone`: no other job shares its transaction.
 */
SUT_ERR sut_writer_run(struct sut_writer *w, sut_store_job *job, void *arg, bool alone);
/* The same; `note` is what sut_db_job() gives while the job runs. */
SUT_ERR sut_writer_run_for(struct sut_writer *w, sut_store_job *job, void *arg, bool alone,
                           void *note);

/* How many jobs wait for their turn; for tests. */
unsigned sut_writer_waiting(struct sut_writer *w);

/* Run the job on the writer's own connection in its turn, but outside any transaction. */
SUT_ERR sut_writer_between(struct sut_writer *w, sut_store_job *job, void *arg);

/*
 * Let the writer stand still: in its turn `last` runs as above, both
 * connections end, which empties and removes the log, `swap` runs on the
 * writer's thread, and the connections are made anew.  Jobs handed in
 * meanwhile wait.  When `last` fails, no more happens.  Its error, or swap's.
 */
struct sut_writer_stop {
    sut_store_job *last;
    SUT_ERR (*swap)(void *arg);
    void *arg; /* of both */
};
SUT_ERR sut_writer_stand(struct sut_writer *w, const struct sut_writer_stop *stop);

/*
 * What must be well before the writer makes its connections again: without it
 * every job fails with its error, and the next one asks again.  Call it from
 * within `swap`; NULL: nothing.
 */
void sut_writer_wants(struct sut_writer *w, SUT_ERR (*ready)(void *arg), void *arg);

#endif
