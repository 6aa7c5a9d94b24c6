/* SPDX-License-Identifier: Apache-2.0
 *
 * due_int - rows that are worked off when they are due, by whichever server comes first: for
 * the tables of this layer alone.
 *
 * Who claims a row has it for a while, after which it is due again: what a server had in hand
 * when it died another takes then.  Of two that try at once one gets it.
 */
#ifndef SUT_STORE_DUE_INT_H
#define SUT_STORE_DUE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "db/db.h"

/* What a table is asked. */
struct sut_due {
    const struct sut_sql *list;  /* $1: now; the ids of what is due, the first first */
    const struct sut_sql *claim; /* $1: id, $2: now, $3: until; a row, if it was still due */
    const struct sut_sql *next;  /* when the first is due */
};

/* In a transaction: claim up to n of what is due; *ret has room for n. */
SUT_ERR sut_due__claim(struct sut_db_conn *c, const struct sut_due *of, size_t n, int64_t claim_ms,
                       sut_ms now, int64_t *ret, size_t *ret_n);
/* The same of ids that were found before: those stay in `ids` that nobody else took. */
SUT_ERR sut_due__claim_ids(struct sut_db_conn *c, const struct sut_sql *claim, int64_t claim_ms,
                           sut_ms now, int64_t *ids, size_t *n);
/* 0: nothing waits. */
SUT_ERR sut_due__next(struct sut_db_conn *c, const struct sut_due *of, sut_ms *ret);

#endif
