/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "db/driver.h"

enum { MOST = 1024 };

static struct sut_sql texts[MOST + 1];
static struct sut_db_stmt stmts[MOST + 1];

static int number_them(void **state)
{
    (void) state;
    for (size_t i = 0; i < MOST + 1; i++) {
        texts[i] = (struct sut_sql){ "x", "SELECT 1" };
        stmts[i] = (struct sut_db_stmt){ .sql = &texts[i] };
    }
    return 0;
}

static void mark(struct sut_db_stmt *s)
{
    s->changes++;
}

static void an_empty_table_finds_nothing(void **state)
{
    (void) state;
    struct sut_statements t = { 0 };
    assert_null(sut_statements_find(&t, &texts[0]));
    sut_statements_done(&t, mark);
}

static void each_is_found_by_its_address_and_ended_once(void **state)
{
    (void) state;
    struct sut_statements t = { 0 };
    for (size_t i = 0; i < MOST; i++) {
        assert_null(sut_statements_find(&t, &texts[i]));
        assert_false(sut_failed(sut_statements_add(&t, &stmts[i])));
        assert_ptr_equal(sut_statements_find(&t, &texts[i]), &stmts[i]);
    }
    for (size_t i = 0; i < MOST; i++)
        assert_ptr_equal(sut_statements_find(&t, &texts[i]), &stmts[i]);
    assert_null(sut_statements_find(&t, &texts[MOST]));
    sut_statements_done(&t, mark);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(stmts[i].changes, 1);
    assert_int_equal(t.n, 0);
}

static void past_its_maximum_it_takes_no_more(void **state)
{
    (void) state;
    struct sut_statements t = { 0 };
    for (size_t i = 0; i < MOST; i++)
        assert_false(sut_failed(sut_statements_add(&t, &stmts[i])));
    assert_int_equal(sut_statements_add(&t, &stmts[MOST]).code, SUT_E_TOO_LARGE);
    assert_ptr_equal(sut_statements_find(&t, &texts[3]), &stmts[3]);
    sut_statements_done(&t, mark);
}

static void without_memory_it_stays_as_it_was(void **state)
{
    (void) state;
    struct sut_statements t = { 0 };
    size_t added = 0;
    int refused = 0;
    while (added < MOST) {
        sut_mem_fault_nth(1);
        const sut_err err = sut_statements_add(&t, &stmts[added]);
        sut_mem_fault_nth(0);
        if (sut_failed(err)) {
            assert_int_equal(err.code, SUT_E_NOMEM);
            assert_int_equal(t.n, added);
            assert_false(sut_failed(sut_statements_add(&t, &stmts[added])));
            refused++;
        }
        added++;
    }
    assert_true(refused >= 5);
    for (size_t i = 0; i < MOST; i++)
        assert_ptr_equal(sut_statements_find(&t, &texts[i]), &stmts[i]);
    sut_statements_done(&t, mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_table_finds_nothing, number_them),
        cmocka_unit_test_setup(each_is_found_by_its_address_and_ended_once, number_them),
        cmocka_unit_test_setup(past_its_maximum_it_takes_no_more, number_them),
        cmocka_unit_test_setup(without_memory_it_stays_as_it_was, number_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
