/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture - the store under test: the first argument says which, "sqlite" or
 * "postgres".  A program runs every test against that one.
 */
#ifndef TESTS_CONFORM_FIXTURE_H
#define TESTS_CONFORM_FIXTURE_H

#include <stddef.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/db.h"
#include "pg.h"

struct fixture {
    struct sut_db_options opt;
    struct sut_secret *key;
    struct pg *pg; /* NULL on sqlite */
    char dir[64];
    char path[96];
};

/* True when tests can run; prints TAP's word for skipping all when they can't. */
bool fixture_init(struct fixture *f, int argc, char **argv);
/* Remove everything; hands rc through. */
int fixture_done(struct fixture *f, int rc);

#define assert_ok(expr_)                                                                           \
    do {                                                                                           \
        const sut_err ok_ = (expr_);                                                               \
        if (sut_failed(ok_))                                                                       \
            fail_msg("%s: %s born at %s:%d", #expr_, sut_err_info(ok_.code)->name, ok_.at->file,   \
                     ok_.at->line);                                                                \
    } while (0)
#define assert_code(code_, expr_)                                                                  \
    do {                                                                                           \
        const sut_err got_ = (expr_);                                                              \
        if (got_.code != SUT_E_##code_)                                                            \
            fail_msg("%s: %s and not " #code_, #expr_, sut_err_info(got_.code)->name);             \
    } while (0)

#endif
