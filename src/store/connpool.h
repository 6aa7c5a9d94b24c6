/* SPDX-License-Identifier: Apache-2.0
 *
 * connpool - connections of one mode that threads borrow in turn.
 *
 * Connections are made when they are first needed, at most `max`; one that is
 * dead when it comes back, or was cut while it lay idle, is dropped.  Any
 * thread.
 */
#ifndef SUT_STORE_CONNPOOL_H
#define SUT_STORE_CONNPOOL_H

#include "base/err.h"
#include "db/db.h"

struct sut_connpool;

/* `db` is borrowed until sut_connpool_free().  max: 1 .. 64, else INVALID. */
SUT_ERR sut_connpool_create(struct sut_db *db, enum sut_db_mode mode, unsigned max,
                            struct sut_connpool **ret);
/* All connections must be back. */
void sut_connpool_free(struct sut_connpool **p);

/* Borrow a connection; waits up to wait_ms when all are out: BUSY.  UNAVAILABLE: no server. */
SUT_ERR sut_connpool_take(struct sut_connpool *p, unsigned wait_ms, struct sut_db_conn **ret);
/* Give it back, outside any transaction; *c becomes NULL. */
void sut_connpool_give(struct sut_connpool *p, struct sut_db_conn **c);

/*
 * Let nobody take a connection, wait up to wait_ms until all are back, and end
 * them: BUSY when one stays out, and then all is as before.  After success
 * those who take wait for sut_connpool_release().  One thread at a time.
 */
SUT_ERR sut_connpool_hold(struct sut_connpool *p, unsigned wait_ms);
void sut_connpool_release(struct sut_connpool *p);

#endif
