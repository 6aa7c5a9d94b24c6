/* SPDX-License-Identifier: Apache-2.0
 *
 * pool - connections of one mode that threads borrow in turn.
 *
 * Connections are made when they are first needed, at most `max`; one that is
 * dead when it comes back, or was cut while it lay idle, is dropped.  Any
 * thread.
 */
#ifndef SUT_STORE_POOL_H
#define SUT_STORE_POOL_H

#include "base/err.h"
#include "db/db.h"

struct sut_pool;

/* `db` is borrowed until sut_pool_free().  max: 1 .. 64, else INVALID. */
SUT_ERR sut_pool_create(struct sut_db *db, enum sut_db_mode mode, unsigned max,
                        struct sut_pool **ret);
/* All connections must be back. */
void sut_pool_free(struct sut_pool **p);

/* Borrow a connection; waits up to wait_ms when all are out: BUSY.  UNAVAILABLE: no server. */
SUT_ERR sut_pool_take(struct sut_pool *p, unsigned wait_ms, struct sut_db_conn **ret);
/* Give it back, outside any transaction; *c becomes NULL. */
void sut_pool_give(struct sut_pool *p, struct sut_db_conn **c);

#endif
