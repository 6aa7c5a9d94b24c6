/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate - bring a store's schema up to what the program needs.
 *
 * Migrations are numbered from 1 without a gap and only ever added.  Each script
 * runs in a transaction with the row that says so, so a store is always at a
 * whole number; a step of code is noted when all of it is done.  Start-up's thread alone; several
 * servers over one PostgreSQL wait for each other by a lock.
 */
#ifndef SUT_STORE_MIGRATE_H
#define SUT_STORE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/err.h"
#include "db/db.h"
#include "store/store.h"

struct sut_people;

/* What a step of code works with, and whom it tells. */
struct sut_migrate_env {
    struct sut_people *people;    /* NULL: no keys of persons can be had */
    sut_store_progress *progress; /* may be NULL */
    void *progress_ctx;
    bool is_new; /* the store was empty: there is nothing to change but the schema */
};

/*
 * A step that is no script.  It runs outside any transaction, begins its own,
 * and can be begun again after it was killed anywhere.
 */
typedef SUT_ERR sut_migrate_step(struct sut_db_conn *c, const struct sut_migrate_env *env,
                                 struct sut_diag *reterr_diag);

struct sut_migration {
    int64_t number;
    const char *name;
    const char *sqlite;
    const char *postgres;
    sut_migrate_step *step; /* NULL: the scripts */
};

/* Seal the rows that stand in the clear, in batches. */
sut_migrate_step sut_store_seal_rows;
/* Write the database anew, so that nothing is left of what was dropped. */
sut_migrate_step sut_store_wipe_plain;
/* Index the words of the products, in batches. */
sut_migrate_step sut_store_index_words;

/* The program's own, made out of src/store/schema by tools/embed-sql. */
extern const struct sut_migration sut_store_migrations[];
extern const size_t sut_store_migrations_n;

/* The number a store stands at; 0 when it is empty. */
SUT_ERR sut_migrate_version(struct sut_db_conn *c, int64_t *ret);

/*
 * Run what is missing of list[0 .. n).  A store that is newer than the list is
 * refused with INVALID, an older one too unless may_change; a migration that
 * fails leaves the store at the number before it.  *ret_version is what the
 * store stands at then.
 */
SUT_ERR sut_migrate_run(struct sut_db_conn *c, const struct sut_migrate_env *env,
                        const struct sut_migration *list, size_t n, bool may_change,
                        int64_t *ret_version, struct sut_diag *reterr_diag);

#endif
