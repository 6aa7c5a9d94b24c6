/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of the embedded store: who is told what, when jobs share a
 * transaction, a disk and its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "dropvfs.h"
#include "folder.h"
#include "store/store.h"
#include "store/writer.h"

enum { CLIENTS = 24 };

struct place {
    struct folder folder;
    struct sut_secret *key;
    struct sut_db *db;
    struct sut_db_conn *reader;
    struct sut_writer *writer;
    char path[128];
};

static int open_place(void **state, unsigned queue_max)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_true(folder_init(&p->folder));
    assert_true(sut_testvfs_register("drop"));
    (void) snprintf(p->path, sizeof(p->path), "%s", folder_path(&p->folder, "shop.db"));
    assert_false(sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdef"), &p->key)));
    const struct sut_db_options opt = {
        .kind = SUT_DB_SQLITE, .path = p->path, .key = p->key, .vfs = "drop"
    };
    assert_false(sut_failed(sut_db_open(&opt, &p->db, NULL)));
    struct sut_db_conn *c = NULL;
    assert_false(sut_failed(sut_db_connect(p->db, SUT_DB_WRITE, &c)));
    assert_false(
        sut_failed(sut_db_script(c, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)")));
    sut_db_disconnect(&c);
    assert_false(sut_failed(sut_writer_start(p->db, queue_max, &p->writer)));
    assert_false(sut_failed(sut_db_connect(p->db, SUT_DB_READ, &p->reader)));
    *state = p;
    return 0;
}

static int set_up(void **state)
{
    return open_place(state, 1000);
}

static int set_up_narrow(void **state)
{
    return open_place(state, 3);
}

static int tear_down(void **state)
{
    struct place *p = *state;
    sut_testvfs_set_budget(-1);
    sut_db_disconnect(&p->reader);
    sut_writer_stop(&p->writer);
    sut_db_close(&p->db);
    sut_secret_free(&p->key);
    folder_done(&p->folder);
    free(p);
    return 0;
}

static SUT_ERR put(struct sut_db_conn *c, int64_t id, sut_str v)
{
    static const struct sut_sql sql = { "put", "INSERT INTO t (id, v) VALUES ($1, $2)" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_text(s, 2, v);
    bool row = false;
    return sut_db_step(s, &row);
}

static int64_t count(struct sut_db_conn *c)
{
    static const struct sut_sql sql = { "count", "SELECT COUNT(*) FROM t" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    assert_false(sut_failed(sut_db_prepare(c, &sql, &s)));
    bool row = false;
    assert_false(sut_failed(sut_db_step(s, &row)));
    return sut_db_col_i64(s, 0);
}

/* One writing thread of a test. */
struct client {
    pthread_t thread;
    struct sut_writer *writer;
    sut_store_job *job;
    int64_t id;
    bool alone;
    int rows; /* `fat` writes so many */
    sut_err err;
};

static sut_err put_one(struct sut_db_conn *c, void *arg)
{
    const struct client *me = arg;
    return put(c, me->id, SUT_STR("one"));
}

/* Two rows; then the job is refused by its own rule when the id is odd. */
static sut_err put_two_odd_fail(struct sut_db_conn *c, void *arg)
{
    const struct client *me = arg;
    TRY(put(c, me->id, SUT_STR("first")));
    TRY(put(c, me->id + 1000, SUT_STR("second")));
    ENSURE(me->id % 2 == 0, DENIED);
    return SUT_OK;
}

static sut_err fat(struct sut_db_conn *c, void *arg)
{
    static char text[2000];
    const struct client *me = arg;
    if (text[0] == '\0')
        memset(text, 'x', sizeof(text));
    for (int i = 0; i < me->rows; i++)
        TRY(put(c, me->id + i, sut_str_of(text, sizeof(text))));
    return SUT_OK;
}

static atomic_bool gate_open;
static atomic_bool gate_reached;

/* Keeps the writer's thread until the test opens the gate. */
static sut_err hold(struct sut_db_conn *c, void *arg)
{
    (void) c;
    (void) arg;
    atomic_store(&gate_reached, true);
    while (!atomic_load(&gate_open))
        (void) usleep(200);
    return SUT_OK;
}

static void *run_client(void *arg)
{
    struct client *me = arg;
    me->err = sut_writer_run(me->writer, me->job, me, me->alone);
    return NULL;
}

static void start_client(struct client *me, struct place *p, sut_store_job *job, int64_t id)
{
    me->writer = p->writer;
    me->job = job;
    me->id = id;
    assert_int_equal(pthread_create(&me->thread, NULL, run_client, me), 0);
}

/* Hold the writer, so that what comes now waits together. */
static void shut_gate(struct client *me, struct place *p)
{
    atomic_store(&gate_open, false);
    atomic_store(&gate_reached, false);
    *me = (struct client){ .alone = true };
    start_client(me, p, hold, 0);
    while (!atomic_load(&gate_reached))
        (void) usleep(200);
}

/* Until so many are in the queue. */
static void wait_for_waiting(struct place *p, unsigned n)
{
    for (int i = 0; i < 30000 && sut_writer_waiting(p->writer) < n; i++)
        (void) usleep(1000);
    assert_int_equal(sut_writer_waiting(p->writer), n);
}

/* When so many others are in the queue. */
static void open_gate(struct client *me, struct place *p, unsigned n)
{
    wait_for_waiting(p, n);
    atomic_store(&gate_open, true);
    assert_int_equal(pthread_join(me->thread, NULL), 0);
}

static void what_was_acknowledged_is_there(void **state)
{
    struct place *p = *state;
    struct client me = { .id = 1 };
    assert_false(sut_failed(sut_writer_run(p->writer, put_one, &me, false)));
    assert_int_equal(count(p->reader), 1);
    me.id = 2;
    assert_false(sut_failed(sut_writer_run(p->writer, put_one, &me, true)));
    assert_int_equal(count(p->reader), 2);
}

static void a_job_that_fails_is_undone_alone(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[CLIENTS] = { 0 };
    shut_gate(&gate, p);
    for (int64_t i = 0; i < CLIENTS; i++)
        start_client(&c[i], p, put_two_odd_fail, i);
    open_gate(&gate, p, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        assert_int_equal(c[i].err.code, i % 2 == 0 ? SUT_E_OK : SUT_E_DENIED);
    }
    assert_int_equal(count(p->reader), CLIENTS);
}

static void of_many_equal_rows_one_wins(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[CLIENTS] = { 0 };
    shut_gate(&gate, p);
    for (int i = 0; i < CLIENTS; i++)
        start_client(&c[i], p, put_one, 7);
    open_gate(&gate, p, CLIENTS);
    int won = 0;
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        won += c[i].err.code == SUT_E_OK;
        assert_true(c[i].err.code == SUT_E_OK || c[i].err.code == SUT_E_EXISTS);
    }
    assert_int_equal(won, 1);
    assert_int_equal(count(p->reader), 1);
}

static void a_full_queue_is_busy(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[3] = { 0 };
    shut_gate(&gate, p);
    for (int64_t i = 0; i < 3; i++)
        start_client(&c[i], p, put_one, i);
    wait_for_waiting(p, 3);
    struct client late = { .id = 99 };
    assert_int_equal(sut_writer_run(p->writer, put_one, &late, false).code, SUT_E_BUSY);
    open_gate(&gate, p, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        assert_int_equal(c[i].err.code, SUT_E_OK);
    }
    assert_false(sut_failed(sut_writer_run(p->writer, put_one, &late, false)));
    assert_int_equal(count(p->reader), 4);
}

static void a_disk_full_at_commit_fails_the_whole_batch_and_tells_each(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[CLIENTS] = { 0 };
    shut_gate(&gate, p);
    for (int64_t i = 0; i < CLIENTS; i++)
        start_client(&c[i], p, put_one, i);
    wait_for_waiting(p, CLIENTS);
    sut_testvfs_set_budget(sut_testvfs_total() + 100);
    open_gate(&gate, p, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        assert_int_equal(c[i].err.code, SUT_E_FULL);
    }
    assert_int_equal(count(p->reader), 0);
    struct client late = { .id = 99 };
    assert_int_equal(sut_writer_run(p->writer, put_one, &late, false).code, SUT_E_FULL);

    sut_testvfs_set_budget(-1);
    assert_false(sut_failed(sut_writer_run(p->writer, put_one, &late, false)));
    assert_int_equal(count(p->reader), 1);
}

static void a_job_too_large_for_the_disk_takes_no_other_with_it(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[CLIENTS] = { 0 };
    shut_gate(&gate, p);
    /* Larger than the writer's page cache, so that it meets the end of the disk by itself. */
    for (int64_t i = 0; i < CLIENTS; i++) {
        c[i].rows = i == 5 ? 6000 : 1;
        start_client(&c[i], p, fat, i * 10000);
        wait_for_waiting(p, (unsigned) i + 1);
    }
    sut_testvfs_set_budget(sut_testvfs_total() + 3 * 1024 * 1024);
    open_gate(&gate, p, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        assert_int_equal(c[i].err.code, i == 5 ? SUT_E_FULL : SUT_E_OK);
    }
    assert_int_equal(count(p->reader), CLIENTS - 1);
}

static void a_large_job_runs_alone(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[3] = { { .rows = 1 }, { .rows = 2000, .alone = true }, { .rows = 1 } };
    shut_gate(&gate, p);
    for (int64_t i = 0; i < 3; i++) {
        start_client(&c[i], p, fat, i * 10000);
        wait_for_waiting(p, (unsigned) i + 1);
    }
    open_gate(&gate, p, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        assert_int_equal(c[i].err.code, SUT_E_OK);
    }
    assert_int_equal(count(p->reader), 2002);
}

static sut_err swallow(struct sut_db_conn *c, void *arg)
{
    const struct client *me = arg;
    TRY(put(c, me->id, SUT_STR("a")));
    sut_ignore(put(c, me->id, SUT_STR("b")), "on purpose: the job forgets that it failed");
    return SUT_OK;
}

static void a_job_that_hides_its_failure_fails(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[2] = { 0 };
    shut_gate(&gate, p);
    start_client(&c[0], p, swallow, 1);
    start_client(&c[1], p, put_one, 2);
    open_gate(&gate, p, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
    assert_int_equal(c[0].err.code, SUT_E_SYSTEM);
    assert_int_equal(c[1].err.code, SUT_E_OK);
    assert_int_equal(sut_writer_run(p->writer, swallow, &c[0], false).code, SUT_E_SYSTEM);
    assert_int_equal(count(p->reader), 1);
}

static void stopping_finishes_what_waits(void **state)
{
    struct place *p = *state;
    struct client gate;
    struct client c[CLIENTS] = { 0 };
    shut_gate(&gate, p);
    for (int64_t i = 0; i < CLIENTS; i++)
        start_client(&c[i], p, put_one, i);
    open_gate(&gate, p, CLIENTS);
    sut_writer_stop(&p->writer);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        assert_true(c[i].err.code == SUT_E_OK);
    }
    assert_int_equal(count(p->reader), CLIENTS);
}

static void the_log_does_not_grow_without_end(void **state)
{
    struct place *p = *state;
    char log[160];
    struct client me = { .rows = 200 };
    for (int64_t i = 0; i < 120; i++) {
        me.id = i * 1000;
        assert_false(sut_failed(sut_writer_run(p->writer, fat, &me, false)));
    }
    (void) snprintf(log, sizeof(log), "%s-wal", p->path);
    struct stat st;
    assert_int_equal(stat(log, &st), 0);
    /* 120 times 200 rows of 2000 bytes are about 50 MB of pages. */
    assert_true(st.st_size < 40 * 1024 * 1024);
    assert_int_equal(count(p->reader), 120 * 200);
}

int main(void)
{
#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_was_acknowledged_is_there),
        T(a_job_that_fails_is_undone_alone),
        T(of_many_equal_rows_one_wins),
        cmocka_unit_test_setup_teardown(a_full_queue_is_busy, set_up_narrow, tear_down),
        T(a_disk_full_at_commit_fails_the_whole_batch_and_tells_each),
        T(a_job_too_large_for_the_disk_takes_no_other_with_it),
        T(a_large_job_runs_alone),
        T(a_job_that_hides_its_failure_fails),
        T(stopping_finishes_what_waits),
        T(the_log_does_not_grow_without_end),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
