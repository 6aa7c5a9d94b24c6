/* SPDX-License-Identifier: Apache-2.0
 *
 * store_fixture - an empty store of the test's own for each test, with a reading
 * connection and an arena; main() says in `kind` which database it is.
 */
#ifndef SUT_TESTS_STORE_FIXTURE_H
#define SUT_TESTS_STORE_FIXTURE_H

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"
#include "store/store.h"
#include "temp_store.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

struct fixture {
    enum sut_db_kind kind;
    struct temp_store *temp;
    struct sut_store *store;
    struct sut_arena *arena;
    struct sut_db_conn *reader;
};

static const sut_ms now = { INT64_C(1770000000000) };

/* Skips the test where there is no such database. */
static inline struct fixture *fixture_of(void **state)
{
    struct fixture *f = *state;
    if (f->temp == NULL)
        skip();
    return f;
}

static inline int open_store(void **state)
{
    struct fixture *f = *state;
    f->temp = temp_store_create(f->kind);
    if (f->temp == NULL)
        return f->kind == SUT_DB_SQLITE ? -1 : 0;
    f->store = temp_store_of(f->temp);
    OK(sut_arena_create(32 << 20, &f->arena));
    OK(sut_store_lease(f->store, &f->reader));
    return 0;
}

static inline int close_store(void **state)
{
    struct fixture *f = *state;
    if (f->reader != NULL)
        sut_store_return(f->store, &f->reader);
    sut_arena_free(&f->arena);
    temp_store_free(&f->temp);
    return 0;
}

#endif
