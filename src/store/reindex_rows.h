/* SPDX-License-Identifier: Apache-2.0
 *
 * reindex_rows - the walk over a table's rows that stand under another index key than
 * the current one: in batches whose data keys are opened together, each a few write
 * jobs, so that customers write in between.
 *
 * Of the store alone.  A row that somebody writes meanwhile is theirs: it has the new
 * key already.  Not for two threads at once over one struct sut_reseal.
 */
#ifndef SUT_STORE_REINDEX_ROWS_H
#define SUT_STORE_REINDEX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "db/db.h"
#include "store/reseal.h"

/* What became of a row. */
enum sut_reindexed {
    SUT_REINDEX_DONE,
    SUT_REINDEX_GONE, /* it went, or was written under the new key, since it was due */
    SUT_REINDEX_LOST, /* it does not open */
};

/* One row, in a write job that may run more than once; `a` is the job's. */
typedef SUT_ERR sut_reindex_row(struct sut_db_conn *c, struct sut_arena *a, uint32_t version,
                                int64_t id, enum sut_reindexed *ret);

struct sut_reindex_table {
    /* $1 not this version, $2 < id, at most $3: id, person, key_version, kek_version, wrapped */
    const struct sut_sql *due;
    const struct sut_sql *total; /* of those of another version than $1 */
    const struct sut_sql *used;  /* a row when any stands under version $1 */
    sut_reindex_row *row;
    size_t memory; /* of the rows of one job */
};

/* All rows that are due, under index key `version`; adds to *ret_done and to what is lost. */
SUT_ERR sut_reindex__rows(struct sut_reseal *r, const struct sut_reindex_table *t, uint32_t version,
                          uint64_t *ret_done);
/* Whether reading a row said that it is not to be written; any other error is the job's. */
bool sut_reindex__is_passed(sut_err read, enum sut_reindexed *ret);
/* In a write job: whether a row of the table stands under this index key. */
SUT_ERR sut_reindex__is_used(struct sut_db_conn *c, const struct sut_sql *used, uint32_t version,
                             bool *ret);

/* social_links. */
extern const struct sut_reindex_table sut_reindex__social;
/* payments. */
extern const struct sut_reindex_table sut_reindex__payments;

#endif
