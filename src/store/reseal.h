/* SPDX-License-Identifier: Apache-2.0
 *
 * reseal - every row of every person under a new key, while the store is used.
 *
 * Two changes are made of these parts, each in batches that may end anywhere
 * and are taken up again by a second call:
 *
 * Data keys: sut_reseal_make_keys() gives each person a new data key under the
 * current KEK; sut_reseal_rows() seals what stands under an older key anew;
 * sut_reseal_drop_keys() deletes data keys that nothing is sealed under;
 * sut_reseal_forget_kek() forgets a KEK that wraps nothing.
 * Whoever writes meanwhile seals under the person's newest key, so each pass
 * leaves less; *ret_left says what is left.
 *
 * Blind indexes: sut_reseal_index() indexes what stands under an older index key
 * anew; sut_reseal_forget_index() forgets one that nothing is indexed under.
 *
 * Which tables and columns that is, store/personal.def says.  A row that does
 * not open (its key or a value of it was altered) stays as it is and is counted
 * as lost, and the key that it names stays with it.
 *
 * One thread at a time over a store, also over all servers of one; it blocks for
 * seconds: never a loop thread.  The store has a keeper.
 */
#ifndef SUT_STORE_RESEAL_H
#define SUT_STORE_RESEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "ipc/keeper.h"
#include "store/store.h"

struct sut_reseal {
    struct sut_store *store;
    struct sut_keeper *keeper;
    const struct sut_clock *clock;
    /* NULL, or told of each batch; false ends the work with STALE: what is done stays done. */
    bool (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
    uint64_t lost; /* rows that did not open, so far */
};

/* *ret_made: data keys that are new. */
SUT_ERR sut_reseal_make_keys(struct sut_reseal *r, uint64_t *ret_made);
/* One pass over all tables; *ret_done: rows that were sealed anew. */
SUT_ERR sut_reseal_rows(struct sut_reseal *r, uint64_t *ret_done);
/* *ret_left: superseded data keys that a row still names. */
SUT_ERR sut_reseal_drop_keys(struct sut_reseal *r, uint64_t *ret_left);
/* BUSY when it still wraps a data key. */
SUT_ERR sut_reseal_forget_kek(struct sut_reseal *r, uint32_t version);

/* One pass; *ret_done: rows that were indexed anew. */
SUT_ERR sut_reseal_index(struct sut_reseal *r, uint64_t *ret_done);
/* BUSY when something is still indexed under it. */
SUT_ERR sut_reseal_forget_index(struct sut_reseal *r, uint32_t version);

#endif
