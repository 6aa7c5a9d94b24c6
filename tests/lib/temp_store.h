/* SPDX-License-Identifier: Apache-2.0
 *
 * temp_store - a store of its own for a test program, embedded or PostgreSQL's.
 *
 * The embedded one lies in a fresh folder, under a fixed key; both are gone
 * after temp_store_free().  One thread makes and ends it.
 */
#ifndef TESTS_LIB_TEMP_STORE_H
#define TESTS_LIB_TEMP_STORE_H

#include <stdbool.h>

#include "store/store.h"

struct temp_store;

/* The key of the embedded file. */
#define TEMP_STORE_KEY "0123456789abcdef0123456789ABCDEF"

/* NULL when there is no such database here (a line on stderr says why). */
struct temp_store *temp_store_create(enum sut_db_kind kind);
/* The same, but nothing is made yet: temp_store_reopen() does. */
struct temp_store *temp_store_prepare(enum sut_db_kind kind);
void temp_store_free(struct temp_store **t);
struct sut_store *temp_store_of(const struct temp_store *t);
/* Who opens its keys (test_keeper.h), and what it was opened with. */
struct sut_keeper *temp_store_keeper(const struct temp_store *t);
struct sut_store_options *temp_store_options(struct temp_store *t);
/* Close it and open it again: nothing of what was cached is left. */
bool temp_store_reopen(struct temp_store *t);

/* The kind that a test program's argument names: "postgres", else the embedded one. */
enum sut_db_kind temp_store_kind(int argc, char **argv);

#endif
