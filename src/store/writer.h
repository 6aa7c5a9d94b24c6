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

#endif
