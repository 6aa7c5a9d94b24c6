/* SPDX-License-Identifier: Apache-2.0
 *
 * statements - the prepared statements of one connection, found by the address
 * of their struct sut_sql.
 *
 * init'ed in the connection's storage; grows up to 1,024 entries, which is far
 * more than the program has statements.  Owns the table alone: the statements
 * are freed by the driver.  One thread at a time.
 */
#ifndef SUT_DB_STATEMENTS_H
#define SUT_DB_STATEMENTS_H

#include <stddef.h>

#include "base/err.h"

struct sut_db_stmt;
struct sut_sql;

struct sut_statements {
    struct sut_db_stmt **slots; /* open addressing; a power of two, at most half full */
    size_t cap;
    size_t n;
};

/* The statement of this text, or NULL. */
struct sut_db_stmt *sut_statements_find(const struct sut_statements *t, const struct sut_sql *sql);
/* Add one that is not there.  NOMEM; TOO_LARGE past the maximum. */
SUT_ERR sut_statements_add(struct sut_statements *t, struct sut_db_stmt *s);
/* Call fn for each, then give the table back. */
void sut_statements_done(struct sut_statements *t, void (*fn)(struct sut_db_stmt *s));

#endif
