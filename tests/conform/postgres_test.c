/* SPDX-License-Identifier: Apache-2.0
 *
 * What only a server over a network can do: refuse, go away, come back, hang,
 * and be shared.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/store.h"

enum { NS_PER_MS = 1000000, OPENERS = 4 };

static struct fixture fixture;

static uint64_t ms_since(uint64_t from_ns)
{
    return (sut_monotonic_ns() - from_ns) / NS_PER_MS;
}

static struct sut_store_options options(const char *dsn)
{
    return (struct sut_store_options){
        .db = { .kind = SUT_DB_POSTGRES,
                .dsn = dsn,
                .connect_timeout_s = 2,
                .statement_timeout_ms = 500 },
        .readers = 6,
        .queue_max = 64,
        .migrate = true,
    };
}

static struct sut_store *open_store(void)
{
    const struct sut_store_options opt = options(pg_dsn(fixture.pg));
    struct sut_store *s = NULL;
    struct sut_diag diag = { .text = "" };
    if (sut_failed(sut_store_open(&opt, &s, &diag)))
        fail_msg("%s", diag.text);
    return s;
}

static void refused(const char *dsn, enum sut_ecode code, const char *words)
{
    const struct sut_store_options opt = options(dsn);
    struct sut_store *s = NULL;
    struct sut_diag diag = { .text = "" };
    const uint64_t from = sut_monotonic_ns();
    assert_int_equal(sut_store_open(&opt, &s, &diag).code, code);
    assert_true(ms_since(from) < 4000);
    if (strstr(diag.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", diag.text, words);
    assert_null(strstr(diag.text, "canary"));
    assert_null(strstr(diag.hint, "canary"));
    assert_null(strchr(diag.text, '\n'));
}

static void a_server_that_is_not_there_is_told(void **state)
{
    (void) state;
    refused("postgresql://sutler:canary-secret@127.0.0.1:1/sutler", SUT_E_UNAVAILABLE, "refused");
    refused("host=/nonexistent user=sutler password=canary-secret", SUT_E_UNAVAILABLE,
            "can't reach the PostgreSQL server");
}

static void a_wrong_password_is_told_without_it(void **state)
{
    (void) state;
    char dsn[256];
    (void) snprintf(dsn, sizeof(dsn), "%s password=canary-wrong", pg_dsn(fixture.pg));
    refused(dsn, SUT_E_UNAVAILABLE, "password authentication failed");
}

static void an_address_that_can_not_be_read_is_told_without_the_password(void **state)
{
    (void) state;
    refused("postgresql://sutler:canary-secret@127.0.0.1:port:1/sutler?x=%", SUT_E_INVALID,
            "can't be read");
    refused("postgres//sutler:canary-secret@127.0.0.1/sutler", SUT_E_INVALID, "can't be read");
    refused("colour=canary-blue", SUT_E_INVALID, "can't be read");
}

static void a_server_that_does_not_encrypt_is_refused_when_asked_to(void **state)
{
    (void) state;
    char dsn[256];
    (void) snprintf(dsn, sizeof(dsn), "%s?sslmode=verify-full", pg_dsn_tcp(fixture.pg));
    refused(dsn, SUT_E_UNAVAILABLE, "can't reach the PostgreSQL server");
}

static sut_err make_table(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "CREATE TABLE IF NOT EXISTS gone (id BIGINT PRIMARY KEY);"
                            "DELETE FROM gone");
}

static sut_err put(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "gone_put", "INSERT INTO gone (id) VALUES ($1)" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, *(const int64_t *) arg);
    bool row = false;
    return sut_db_step(s, &row);
}

static int64_t rows(struct sut_store *store)
{
    static const struct sut_sql sql = { "gone_count", "SELECT COUNT(*) FROM gone" };
    struct sut_db_conn *c = NULL;
    assert_ok(sut_store_lease(store, &c));
    struct sut_db_stmt *s = NULL;
    assert_ok(sut_db_prepare(c, &sql, &s));
    bool row = false;
    assert_ok(sut_db_step(s, &row));
    const int64_t n = sut_db_col_i64(s, 0);
    sut_db_end(&s);
    sut_store_return(store, &c);
    return n;
}

static void a_server_that_goes_and_comes_back_loses_nothing(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    assert_ok(sut_store_write_alone(s, make_table, NULL));
    int64_t id = 1;
    assert_ok(sut_store_write(s, put, &id));
    assert_int_equal(rows(s), 1);

    assert_true(pg_stop(fixture.pg));
    for (int i = 0; i < 20; i++) {
        const uint64_t from = sut_monotonic_ns();
        id = 2;
        assert_code(UNAVAILABLE, sut_store_write(s, put, &id));
        assert_code(UNAVAILABLE, sut_store_ping(s));
        assert_true(ms_since(from) < 1000);
        (void) usleep(20000);
    }
    assert_true(pg_start(fixture.pg));
    (void) usleep(600000);
    assert_ok(sut_store_ping(s));
    id = 3;
    assert_ok(sut_store_write(s, put, &id));
    assert_int_equal(rows(s), 2);
    sut_store_close(&s);
}

static void a_restart_between_two_requests_is_not_noticed(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    assert_ok(sut_store_write_alone(s, make_table, NULL));
    assert_int_equal(rows(s), 0);
    assert_true(pg_stop(fixture.pg));
    assert_true(pg_start(fixture.pg));
    int64_t id = 1;
    assert_ok(sut_store_write(s, put, &id));
    assert_int_equal(rows(s), 1);
    sut_store_close(&s);
}

static void a_server_that_hangs_costs_its_time_out_and_no_more(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    assert_ok(sut_store_write_alone(s, make_table, NULL));
    pg_freeze(fixture.pg, true);
    const uint64_t from = sut_monotonic_ns();
    int64_t id = 1;
    const sut_err err = sut_store_write(s, put, &id);
    const uint64_t took = ms_since(from);
    pg_freeze(fixture.pg, false);
    assert_int_equal(err.code, SUT_E_UNAVAILABLE);
    assert_true(took < 6000);
    (void) usleep(700000);
    id = 2;
    assert_ok(sut_store_write(s, put, &id));
    sut_store_close(&s);
}

static void a_statement_that_takes_too_long_is_stopped(void **state)
{
    (void) state;
    static const struct sut_sql slow = { "slow", "SELECT pg_sleep(20)" };
    struct sut_store *s = open_store();
    struct sut_db_conn *c = NULL;
    assert_ok(sut_store_lease(s, &c));
    const uint64_t from = sut_monotonic_ns();
    assert_code(UNAVAILABLE, sut_db_exec(c, &slow));
    assert_true(ms_since(from) < 2000);
    assert_true(sut_db_is_alive(c));
    sut_store_return(s, &c);
    sut_store_close(&s);
}

static void two_that_would_break_each_others_rule_conflict(void **state)
{
    (void) state;
    static const struct sut_sql count = { "skew_count", "SELECT COUNT(*) FROM gone" };
    struct sut_store *s = open_store();
    struct sut_db *db = NULL;
    struct sut_db_conn *c[2] = { NULL, NULL };
    const struct sut_store_options opt = options(pg_dsn(fixture.pg));
    assert_ok(sut_store_write_alone(s, make_table, NULL));
    assert_ok(sut_db_open(&opt.db, &db, NULL));
    for (int i = 0; i < 2; i++) {
        assert_ok(sut_db_connect(db, SUT_DB_WRITE, &c[i]));
        assert_ok(sut_db_tx_begin(c[i]));
        assert_ok(sut_db_exec(c[i], &count));
    }
    int64_t id = 1;
    assert_ok(put(c[0], &id));
    id = 2;
    sut_err second = put(c[1], &id);
    assert_ok(sut_db_tx_commit(c[0]));
    if (!sut_failed(second))
        second = sut_db_tx_commit(c[1]);
    assert_int_equal(second.code, SUT_E_CONFLICT);
    assert_true(sut_db_is_alive(c[1]));
    for (int i = 0; i < 2; i++) {
        sut_db_tx_rollback(c[i]);
        sut_db_disconnect(&c[i]);
    }
    sut_db_close(&db);
    sut_store_close(&s);
}

static sut_err put_but_lose_the_connection_once(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql cut = { "cut", "SELECT pg_terminate_backend(pg_backend_pid())" };
    int *runs = arg;
    int64_t id = 77;
    TRY(put(c, &id));
    if (++*runs == 1)
        TRY(sut_db_exec(c, &cut));
    return SUT_OK;
}

static void a_connection_lost_before_the_commit_is_made_anew(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    assert_ok(sut_store_write_alone(s, make_table, NULL));
    int runs = 0;
    assert_ok(sut_store_write(s, put_but_lose_the_connection_once, &runs));
    assert_int_equal(runs, 2);
    assert_int_equal(rows(s), 1);
    sut_store_close(&s);
}

static sut_err make_trap(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "CREATE TABLE trap (id BIGINT);"
                            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
                            " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $f$;"
                            "CREATE CONSTRAINT TRIGGER cut_at_commit AFTER INSERT ON trap"
                            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()");
}

static sut_err fall_into_trap(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "trap_put", "INSERT INTO trap (id) VALUES (1)" };
    ++*(int *) arg;
    return sut_db_exec(c, &sql);
}

/* Nobody knows whether it was kept: running it again might do it twice. */
static void a_connection_lost_at_the_commit_is_not_tried_again(void **state)
{
    (void) state;
    struct sut_store *s = open_store();
    assert_ok(sut_store_write_alone(s, make_trap, NULL));
    int runs = 0;
    assert_code(UNAVAILABLE, sut_store_write(s, fall_into_trap, &runs));
    assert_int_equal(runs, 1);
    assert_ok(sut_store_ping(s));
    sut_store_close(&s);
}

static void *open_and_close(void *arg)
{
    (void) arg;
    const struct sut_store_options opt = options(pg_dsn(fixture.pg));
    struct sut_store *s = NULL;
    struct sut_diag diag = { .text = "" };
    if (sut_failed(sut_store_open(&opt, &s, &diag))) {
        (void) fprintf(stderr, "# %s\n", diag.text);
        return &fixture;
    }
    sut_store_close(&s);
    return NULL;
}

static void several_servers_that_start_at_once_migrate_once(void **state)
{
    (void) state;
    const struct sut_store_options opt = options(pg_dsn(fixture.pg));
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    assert_ok(sut_db_open(&opt.db, &db, NULL));
    assert_ok(sut_db_connect(db, SUT_DB_WRITE, &c));
    assert_ok(sut_db_script(c, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
    sut_db_disconnect(&c);
    sut_db_close(&db);
    pthread_t t[OPENERS];
    for (int i = 0; i < OPENERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, open_and_close, NULL), 0);
    for (int i = 0; i < OPENERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(t[i], &failed), 0);
        assert_null(failed);
    }
}

static void a_lock_is_held_by_one(void **state)
{
    (void) state;
    const struct sut_store_options opt = options(pg_dsn(fixture.pg));
    struct sut_db *db = NULL;
    struct sut_db_conn *a = NULL;
    struct sut_db_conn *b = NULL;
    assert_ok(sut_db_open(&opt.db, &db, NULL));
    assert_ok(sut_db_connect(db, SUT_DB_WRITE, &a));
    assert_ok(sut_db_connect(db, SUT_DB_WRITE, &b));
    assert_ok(sut_db_lock(a, 4711, 0));
    assert_code(BUSY, sut_db_lock(b, 4711, 100));
    assert_ok(sut_db_lock(b, 4712, 0));
    sut_db_disconnect(&a);
    assert_ok(sut_db_lock(b, 4711, 2000));
    sut_db_disconnect(&b);
    sut_db_close(&db);
}

int main(int argc, char **argv)
{
    (void) argc;
    char name[] = "postgres";
    char *args[] = { argv[0], name, NULL };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_servers_that_start_at_once_migrate_once),
        cmocka_unit_test(a_server_that_is_not_there_is_told),
        cmocka_unit_test(a_wrong_password_is_told_without_it),
        cmocka_unit_test(an_address_that_can_not_be_read_is_told_without_the_password),
        cmocka_unit_test(a_server_that_does_not_encrypt_is_refused_when_asked_to),
        cmocka_unit_test(a_server_that_goes_and_comes_back_loses_nothing),
        cmocka_unit_test(a_restart_between_two_requests_is_not_noticed),
        cmocka_unit_test(a_server_that_hangs_costs_its_time_out_and_no_more),
        cmocka_unit_test(a_statement_that_takes_too_long_is_stopped),
        cmocka_unit_test(two_that_would_break_each_others_rule_conflict),
        cmocka_unit_test(a_connection_lost_before_the_commit_is_made_anew),
        cmocka_unit_test(a_connection_lost_at_the_commit_is_not_tried_again),
        cmocka_unit_test(a_lock_is_held_by_one),
    };
    if (!fixture_init(&fixture, 2, args))
        return fixture_done(&fixture, 0);
    return fixture_done(&fixture, cmocka_run_group_tests(tests, NULL, NULL));
}
