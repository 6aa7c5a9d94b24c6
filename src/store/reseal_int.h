/* SPDX-License-Identifier: Apache-2.0
 *
 * reseal_int - the statements of a re-sealing, made of store/personal.def.
 *
 * A statement is known by its address for as long as its connection lives, so
 * they are made once, at the store's opening, and live as long as it does.
 */
#ifndef SUT_STORE_RESEAL_INT_H
#define SUT_STORE_RESEAL_INT_H

#include <stdint.h>

#include "base/err.h"
#include "db/db.h"
#include "store/personal.h"
#include "store/reseal.h"
#include "store/store.h"

enum { SUT_RESEAL_TABLES_MAX = 16, SUT_RESEAL_COLUMNS_MAX = 16, SUT_RESEAL_TEXT = 2048 };

/* A statement made of the program's own words. */
struct sut_reseal_sql {
    struct sut_sql sql;
    char name[48];
    char *text; /* most need a tenth of SUT_RESEAL_TEXT */
};

/* A table that has personal fields. */
struct sut_reseal_table {
    const char *name;
    const char *owner;
    enum sut_personal fields[SUT_RESEAL_COLUMNS_MAX];
    size_t n_fields;
    struct sut_reseal_sql read;   /* $1 < id <= $2, at most $3 */
    struct sut_reseal_sql update; /* $1 … the fields, then the new version, the id, the old one */
    struct sut_reseal_sql count;
};

struct sut_reseal_plan {
    struct sut_reseal_table tables[SUT_RESEAL_TABLES_MAX];
    size_t n_tables;
    struct sut_reseal_sql drop;        /* superseded data keys of persons $1 < id <= $2 */
    struct sut_reseal_sql drop_nobody; /* of person 0 */
};

/* TOO_LARGE when a statement or a table does not fit: the tests would tell. */
SUT_ERR sut_reseal_plan_create(struct sut_reseal_plan **ret);
void sut_reseal_plan_free(struct sut_reseal_plan **p);

/* STALE when the work is to end. */
SUT_ERR sut_reseal__tell(struct sut_reseal *r, uint64_t done, uint64_t total);
/*
 * Write, and on the embedded store rest half as long as that took: the writer's core
 * is the customers' first, and nobody waits for this.
 */
SUT_ERR sut_reseal__write(struct sut_store *s, sut_store_job *job, void *arg);
/* The number that a statement gives, on a reading connection; 0 when it gives none. */
SUT_ERR sut_reseal__number(struct sut_store *s, const struct sut_sql *sql, const int64_t *args,
                           int n, int64_t *ret);

#endif
