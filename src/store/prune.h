/* SPDX-License-Identifier: Apache-2.0
 *
 * prune - rows that have outlived their time, dropped some hundred a transaction so
 * that customers write in between.
 *
 * Of the store alone.  It blocks; any thread.
 */
#ifndef SUT_STORE_PRUNE_H
#define SUT_STORE_PRUNE_H

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "db/db.h"
#include "store/store.h"

/*
 * Each job runs all `n` statements, $1 is `before`, and each of them drops a bounded number of
 * rows; it ends when a job changes nothing, or after 20: what is left waits for the next call.
 */
SUT_ERR sut_store__prune(struct sut_store *s, const struct sut_sql *const *sql, size_t n,
                         sut_ms before);

#endif
