/* SPDX-License-Identifier: Apache-2.0
 *
 * counter_row - what is counted (rates), kept over a restart: opaque rows by
 * kind and key.
 *
 * The functions run on the caller's connection: load on any, save and prune
 * inside a write job.  Keys are digests and data is the counters' own; nothing
 * here says whose they are.
 */
#ifndef SUT_STORE_COUNTER_ROW_H
#define SUT_STORE_COUNTER_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db.h"

struct sut_counter_row {
    int64_t kind;
    sut_str key;
    sut_str data;
    sut_ms expires_at;
};

/*
 * Call each() for the rows that have not expired, those that last longest last; its slices are good
 * during the call alone.  Of more than `max` those of the highest kinds, then those that last
 * longest: who floods the rates makes more rows than memory may hold.
 */
SUT_ERR sut_counter_row_load(struct sut_db_conn *c, sut_ms now, int64_t max,
                             void (*each)(void *arg, const struct sut_counter_row *row), void *arg);
/* Insert the row, or replace the one with this kind and key. */
SUT_ERR sut_counter_row_save(struct sut_db_conn *c, const struct sut_counter_row *row);
/*
 * Drop at most SUT_COUNTER_ROW_PRUNE rows that have expired, the oldest first: small steps, often,
 * yet more than one save brings.
 */
enum { SUT_COUNTER_ROW_PRUNE = 1100 };
SUT_ERR sut_counter_row_prune(struct sut_db_conn *c, sut_ms now);

#endif
