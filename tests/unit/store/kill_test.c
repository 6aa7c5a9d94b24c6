/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that is killed, on a disk that drops what was not synced: nothing
 * that was acknowledged is lost, and the file is whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>

#include "dropvfs.h"
#include "folder.h"
#include "store/store.h"

#define KEY "0123456789abcdef0123456789abcdef"

enum { ROUNDS = 20, THREADS = 8, ROWS_MAX = 200000 };

struct place {
    struct folder folder;
    struct sut_secret *key;
    struct sut_store_options opt;
    char path[128];
    unsigned char *acknowledged; /* by id */
    int64_t next;                /* the next round's first id */
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->acknowledged = calloc(1, ROWS_MAX);
    assert_non_null(p->acknowledged);
    assert_true(folder_init(&p->folder));
    (void) snprintf(p->path, sizeof(p->path), "%s", folder_path(&p->folder, "shop.db"));
    assert_false(sut_failed(sut_secret_dup(SUT_STR(KEY), &p->key)));
    p->opt = (struct sut_store_options){
        .db = { .kind = SUT_DB_SQLITE, .path = p->path, .key = p->key },
        .readers = 1,
        .queue_max = 64,
        .migrate = true,
    };
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    sut_secret_free(&p->key);
    folder_done(&p->folder);
    free(p->acknowledged);
    free(p);
    return 0;
}

static sut_err make_table(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "CREATE TABLE kill_test (id INTEGER PRIMARY KEY, v TEXT NOT NULL)");
}

static sut_err put(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "put", "INSERT INTO kill_test (id, v) VALUES ($1, $2)" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, *(const int64_t *) arg);
    sut_db_bind_text(s, 2, SUT_STR("a row that must not be lost once it was acknowledged"));
    bool row = false;
    return sut_db_step(s, &row);
}

/* In the child. */
struct writer {
    struct sut_store *store;
    int64_t first;
    int ack;
};

static void *write_on(void *arg)
{
    const struct writer *w = arg;
    for (int64_t id = w->first; id < ROWS_MAX; id += THREADS) {
        int64_t mine = id;
        if (sut_failed(sut_store_write(w->store, put, &mine)))
            _exit(3);
        if (write(w->ack, &mine, sizeof(mine)) != (ssize_t) sizeof(mine))
            _exit(4);
    }
    return NULL;
}

static _Noreturn void child(const struct place *p, int ack, bool broken_disk)
{
    struct sut_store_options opt = p->opt;
    struct sut_store *s = NULL;
    opt.db.vfs = "drop";
    /* A secret does not come through a fork. */
    struct sut_secret *key = NULL;
    if (sut_failed(sut_secret_dup(SUT_STR(KEY), &key)))
        _exit(6);
    opt.db.key = key;
    struct sut_diag diag = { .text = "" };
    if (!sut_testvfs_register("drop") || sut_failed(sut_store_open(&opt, &s, &diag))) {
        (void) fprintf(stderr, "# %s\n", diag.text);
        _exit(2);
    }
    sut_testvfs_ignore_syncs(broken_disk);
    static struct writer w[THREADS];
    static pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct writer){ .store = s, .first = p->next + i, .ack = ack };
        if (pthread_create(&t[i], NULL, write_on, &w[i]) != 0)
            _exit(5);
    }
    for (;;)
        (void) pause();
}

/* Let it write for a while, kill it, note what it acknowledged. */
static void write_and_kill(struct place *p, unsigned ms, bool broken_disk)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void) fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) close(ends[0]);
        child(p, ends[1], broken_disk);
    }
    (void) close(ends[1]);
    int64_t id = 0;
    int64_t last = p->next;
    bool killed = false;
    while (read(ends[0], &id, sizeof(id)) == (ssize_t) sizeof(id)) {
        assert_true(id >= 0 && id < ROWS_MAX);
        p->acknowledged[id] = 1;
        last = id > last ? id : last;
        if (!killed) {
            (void) usleep(ms * 1000);
            assert_int_equal(kill(pid, SIGKILL), 0);
            killed = true;
        }
    }
    (void) close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!killed)
        fail_msg("the writing process ended by itself: status %x", (unsigned) status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    /* What was under way when it died may be there or not: never use its number again. */
    p->next = last + (int64_t) THREADS * 64;
}

/* How many acknowledged rows are missing; the file must be whole. */
static int64_t lost_rows(struct place *p)
{
    static const struct sut_sql sql = { "ids", "SELECT id FROM kill_test ORDER BY id" };
    static const struct sut_sql check = { "check", "PRAGMA integrity_check" };
    struct sut_store *store = NULL;
    struct sut_db_conn *c = NULL;
    struct sut_diag diag = { .text = "" };
    if (sut_failed(sut_store_open(&p->opt, &store, &diag)))
        fail_msg("%s", diag.text);
    assert_false(sut_failed(sut_store_lease(store, &c)));
    int64_t lost = 0;
    {
        struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
        bool row = false;
        assert_false(sut_failed(sut_db_prepare(c, &check, &s)));
        assert_false(sut_failed(sut_db_step(s, &row)));
        assert_true(sut_str_is(sut_db_col_text(s, 0), "ok"));
    }
    struct sut_db_stmt *s = NULL;
    assert_false(sut_failed(sut_db_prepare(c, &sql, &s)));
    int64_t at = 0;
    for (;;) {
        bool row = false;
        assert_false(sut_failed(sut_db_step(s, &row)));
        const int64_t id = row ? sut_db_col_i64(s, 0) : ROWS_MAX;
        for (; at < id; at++)
            lost += p->acknowledged[at];
        at = id + 1;
        if (!row)
            break;
    }
    sut_db_end(&s);
    sut_store_return(store, &c);
    sut_store_close(&store);
    return lost;
}

static void make(struct place *p)
{
    struct sut_store *s = NULL;
    assert_false(sut_failed(sut_store_open(&p->opt, &s, NULL)));
    assert_false(sut_failed(sut_store_write(s, make_table, NULL)));
    sut_store_close(&s);
}

static void no_acknowledged_write_is_lost(void **state)
{
    struct place *p = *state;
    make(p);
    for (unsigned i = 0; i < ROUNDS; i++) {
        write_and_kill(p, i * 3, false);
        const int64_t lost = lost_rows(p);
        if (lost != 0)
            fail_msg("round %u: %lld acknowledged rows are gone", i, (long long) lost);
    }
}

static void a_disk_that_lies_is_found_out(void **state)
{
    struct place *p = *state;
    make(p);
    write_and_kill(p, 20, true);
    assert_true(lost_rows(p) > 0);
}

int main(void)
{
    (void) signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_acknowledged_write_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_lies_is_found_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
