/* SPDX-License-Identifier: Apache-2.0
 *
 * product_import - products of a file put into the store, some at a time: by the server
 * for a command, or by the command itself when no server runs.
 *
 * All or nothing: one transaction that stays open until the end, on a thread of its own;
 * on the embedded store nobody else writes meanwhile, while reads go on.  Whoever falls
 * silent for SUT_IMPORT_PATIENCE_S loses it.  In parts: each batch is a transaction, and
 * what is wrong is left out.
 *
 * One at a time and one thread at a time, but free, which may come from any other.
 */
#ifndef SUT_PROG_PRODUCT_IMPORT_H
#define SUT_PROG_PRODUCT_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "prog/product_form.h"

struct sut_store;
struct sut_import;

enum { SUT_IMPORT_PATIENCE_S = 30, SUT_IMPORT_BATCH_MAX = 200, SUT_IMPORT_FAULTS_MAX = 100 };

struct sut_import_options {
    bool is_partial;
    bool is_dry; /* do all of it and keep nothing */
    bool makes_categories;
    bool is_zero_ok; /* the setting shop.price_rule */
};

struct sut_import_fault {
    uint64_t index; /* in its batch, from 0 */
    sut_str field;
    sut_str message;
};

struct sut_import_answer {
    bool is_again; /* others changed the same at the same time: begin anew, from the first row */
    uint64_t counts[SUT_PRODUCT_OUTCOMES]; /* of the batch; of all of them at the end */
    uint64_t failed;
    struct sut_import_fault
        *faults; /* of the first SUT_IMPORT_FAULTS_MAX of a batch's that failed */
    size_t n_faults;
    int64_t version; /* of the catalogue, when it was committed; else 0 */
};

/* The store and the clock are borrowed. */
SUT_ERR sut_import_begin(struct sut_store *store, const struct sut_clock *clock,
                         const struct sut_import_options *o, struct sut_import **ret);
/* Take up to SUT_IMPORT_BATCH_MAX objects' texts; the answer lies in the arena. */
SUT_ERR sut_import_rows(struct sut_import *i, struct sut_arena *a, const sut_str *objects, size_t n,
                        struct sut_import_answer *ret);
/*
 * Commit, unless something failed and all or nothing was asked for, or it was dry.
 * The counts are of the whole; `failed` says whether it was kept.
 */
SUT_ERR sut_import_end(struct sut_import *i, struct sut_import_answer *ret);
/* Without an end: nothing is kept but the batches of a partial one. */
void sut_import_free(struct sut_import **i);

#endif
