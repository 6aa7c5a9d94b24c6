/* SPDX-License-Identifier: Apache-2.0
 *
 * What store.h promises, asked of either store.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "store/store.h"

enum { THREADS = 12, TURNS = 25 };

static struct fixture fixture;
static struct sut_store_options opt;
static struct sut_store *store;

static sut_err make_tables(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "CREATE TABLE tally (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);"
                            "INSERT INTO tally (id, n) VALUES (1, 0);"
                            "INSERT INTO tally (id, n) VALUES (2, 0);"
                            "CREATE TABLE token (id BIGINT PRIMARY KEY, used BIGINT NOT NULL)");
}

static sut_err drop_tables(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "DROP TABLE tally; DROP TABLE token");
}

static int set_up(void **state)
{
    (void) state;
    assert_ok(sut_store_write_alone(store, make_tables, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    assert_ok(sut_store_write_alone(store, drop_tables, NULL));
    return 0;
}

static SUT_ERR bump(struct sut_db_conn *c, int64_t id, int64_t *ret)
{
    static const struct sut_sql sql = { "tally_bump",
                                        "UPDATE tally SET n = n + 1 WHERE id = $1 RETURNING n" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, id);
    bool row = false;
    TRY(sut_db_step(s, &row));
    ENSURE(row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static SUT_ERR tally_in(struct sut_db_conn *c, int64_t id, int64_t *ret)
{
    static const struct sut_sql sql = { "tally_get", "SELECT n FROM tally WHERE id = $1" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, id);
    bool row = false;
    TRY(sut_db_step(s, &row));
    ENSURE(row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static int64_t tally(int64_t id)
{
    struct sut_db_conn *c = NULL;
    int64_t n = -1;
    assert_ok(sut_store_lease(store, &c));
    assert_ok(tally_in(c, id, &n));
    sut_store_return(store, &c);
    assert_null(c);
    return n;
}

struct count {
    int64_t last;
    int runs;
};

static sut_err bump_one(struct sut_db_conn *c, void *arg)
{
    struct count *me = arg;
    me->runs++;
    return bump(c, 1, &me->last);
}

static void *bump_often(void *arg)
{
    struct count *me = arg;
    for (int i = 0; i < TURNS; i++) {
        if (sut_failed(sut_store_write(store, bump_one, me)))
            return arg;
    }
    return NULL;
}

static void of_many_writers_no_change_is_lost(void **state)
{
    (void) state;
    pthread_t t[THREADS];
    struct count counts[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, bump_often, &counts[i]), 0);
    int failed = 0;
    for (int i = 0; i < THREADS; i++) {
        void *ret = NULL;
        assert_int_equal(pthread_join(t[i], &ret), 0);
        failed += ret != NULL;
    }
    assert_int_equal(failed, 0);
    assert_int_equal(tally(1), THREADS * TURNS);
}

/* Read, then write by what was read: the pattern that a lost update would break. */
static sut_err use_once(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql get = { "token_get", "SELECT used FROM token WHERE id = 1" };
    static const struct sut_sql put = { "token_put", "INSERT INTO token (id, used) VALUES (1, 1)" };
    (void) arg;
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &get, &s));
    bool row = false;
    TRY(sut_db_step(s, &row));
    ENSURE(!row, DENIED);
    return sut_db_exec(c, &put);
}

static void *use_token(void *arg)
{
    sut_err *ret = arg;
    *ret = sut_store_write(store, use_once, NULL);
    return NULL;
}

static void of_many_that_use_a_token_one_wins(void **state)
{
    (void) state;
    pthread_t t[THREADS];
    sut_err errs[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, use_token, &errs[i]), 0);
    int won = 0;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        won += errs[i].code == SUT_E_OK;
        if (errs[i].code != SUT_E_OK && errs[i].code != SUT_E_DENIED &&
            errs[i].code != SUT_E_EXISTS)
            fail_msg("%s", sut_err_info(errs[i].code)->name);
    }
    assert_int_equal(won, 1);
}

static sut_err bump_then_refuse(struct sut_db_conn *c, void *arg)
{
    int64_t n = 0;
    TRY(bump(c, 1, &n));
    TRY(bump(c, 2, &n));
    TRY(bump(c, *(const int64_t *) arg, &n));
    return SUT_OK;
}

static void an_error_undoes_the_whole_job(void **state)
{
    (void) state;
    int64_t missing = 4711;
    assert_code(NOT_FOUND, sut_store_write(store, bump_then_refuse, &missing));
    assert_code(NOT_FOUND, sut_store_write_alone(store, bump_then_refuse, &missing));
    assert_int_equal(tally(1), 0);
    assert_int_equal(tally(2), 0);
    int64_t there = 2;
    assert_ok(sut_store_write(store, bump_then_refuse, &there));
    assert_int_equal(tally(1), 1);
    assert_int_equal(tally(2), 2);
}

static sut_err insert_again(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "tally_again", "INSERT INTO tally (id, n) VALUES (1, 5)" };
    (void) arg;
    return sut_db_exec(c, &sql);
}

static sut_err insert_again_and_get_over_it(struct sut_db_conn *c, void *arg)
{
    TRY(sut_db_savepoint(c));
    const sut_err err = insert_again(c, NULL);
    if (err.code == SUT_E_EXISTS) {
        sut_db_savepoint_rollback(c);
        return bump(c, 1, arg);
    }
    TRY(err);
    return sut_db_savepoint_release(c);
}

static void a_row_that_exists_is_told_and_can_be_got_over(void **state)
{
    (void) state;
    assert_code(EXISTS, sut_store_write(store, insert_again, NULL));
    int64_t n = 0;
    assert_ok(sut_store_write(store, insert_again_and_get_over_it, &n));
    assert_int_equal(n, 1);
    assert_int_equal(tally(1), 1);
}

static void a_borrowed_connection_reads_alone_and_is_given_back_clean(void **state)
{
    (void) state;
    int64_t n = 0;
    struct sut_db_conn *c = NULL;
    for (int i = 0; i < 3; i++) {
        assert_ok(sut_store_lease(store, &c));
        assert_code(SYSTEM, bump(c, 1, &n));
        assert_ok(sut_db_tx_begin(c));
        assert_ok(tally_in(c, 1, &n));
        assert_int_equal(n, 0);
        sut_store_return(store, &c); /* with its transaction still open */
    }
    struct count me = { 0 };
    assert_ok(sut_store_write(store, bump_one, &me));
    assert_int_equal(tally(1), 1);
}

static void a_reader_of_ones_own_sees_what_was_acknowledged(void **state)
{
    (void) state;
    struct sut_store_seat *seat = NULL;
    struct sut_db_conn *c = NULL;
    assert_ok(sut_store_seat_create(store, &seat));
    for (int64_t i = 1; i <= 20; i++) {
        struct count me = { 0 };
        int64_t n = 0;
        assert_ok(sut_store_seat_take(seat, &c));
        assert_ok(sut_store_write(store, bump_one, &me));
        assert_int_equal(me.last, i);
        assert_ok(tally_in(c, 1, &n));
        assert_int_equal(n, i);
        sut_store_seat_give(seat, &c);
    }
    sut_store_seat_free(&seat);
}

static void the_store_knows_its_number_and_answers(void **state)
{
    (void) state;
    assert_int_equal(sut_store_version(store), sut_store_version_of_program());
    assert_int_equal(sut_store_is_remote(store), fixture.pg != NULL);
    assert_ok(sut_store_ping(store));
}

static void what_was_written_is_there_after_a_new_start(void **state)
{
    (void) state;
    struct count me = { 0 };
    struct sut_diag diag;
    assert_ok(sut_store_write(store, bump_one, &me));
    sut_store_close(&store);
    assert_ok(sut_store_open(&opt, &store, &diag));
    assert_int_equal(tally(1), 1);
}

int main(int argc, char **argv)
{
#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(of_many_writers_no_change_is_lost),
        T(of_many_that_use_a_token_one_wins),
        T(an_error_undoes_the_whole_job),
        T(a_row_that_exists_is_told_and_can_be_got_over),
        T(a_borrowed_connection_reads_alone_and_is_given_back_clean),
        T(a_reader_of_ones_own_sees_what_was_acknowledged),
        T(the_store_knows_its_number_and_answers),
        T(what_was_written_is_there_after_a_new_start),
    };
#undef T
    if (!fixture_init(&fixture, argc, argv))
        return fixture_done(&fixture, 0);
    opt = (struct sut_store_options){
        .db = fixture.opt, .readers = 8, .queue_max = 256, .migrate = true
    };
    struct sut_diag diag = { .text = "" };
    if (sut_failed(sut_store_open(&opt, &store, &diag))) {
        (void) fprintf(stderr, "%s\n", diag.text);
        return fixture_done(&fixture, 1);
    }
    const int rc = cmocka_run_group_tests_name(argc > 1 ? argv[1] : "sqlite", tests, NULL, NULL);
    sut_store_close(&store);
    return fixture_done(&fixture, rc);
}
