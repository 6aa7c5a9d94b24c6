/* SPDX-License-Identifier: Apache-2.0
 *
 * Another key for the file of a store that is in use: nothing is lost, nobody
 * fails, and wherever it ends, one of the two keys opens what is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "dropvfs.h"
#include "folder.h"
#include "store/file_key.h"

#define OLD_KEY "0123456789abcdef0123456789abcdef"
#define NEW_KEY "fedcba9876543210fedcba9876543210"
#define CANARY  "canary.person@example.org"

enum { ROWS = 12000, THREADS = 8, POINTS = 8, OTHER_BYTES = 31 };

#define OK(expr_)                                                                                  \
    do {                                                                                           \
        const sut_err ok_ = (expr_);                                                               \
        if (sut_failed(ok_))                                                                       \
            fail_msg("%s at %s:%d (%s:%d, %d)", sut_err_info(ok_.code)->name, __FILE__, __LINE__,  \
                     ok_.at->file, ok_.at->line, ok_.sys);                                         \
    } while (0)

struct place {
    struct folder folder;
    char path[128];
    struct sut_secret *old_key;
    struct sut_secret *new_key;
    struct sut_store_options opt;
};

static enum sut_db_cipher cipher; /* of the group that runs */

static struct sut_secret *secret(const char *text)
{
    struct sut_secret *s = NULL;
    OK(sut_secret_dup(sut_str_from(text), &s));
    return s;
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_true(folder_init(&p->folder));
    (void) snprintf(p->path, sizeof(p->path), "%s", folder_path(&p->folder, "shop.db"));
    p->old_key = secret(OLD_KEY);
    p->new_key = secret(NEW_KEY);
    p->opt = (struct sut_store_options){
        .db = { .kind = SUT_DB_SQLITE, .path = p->path, .cipher = cipher, .key = p->old_key },
        .readers = 4,
        .queue_max = 64,
        .migrate = true,
    };
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    sut_secret_free(&p->old_key);
    sut_secret_free(&p->new_key);
    folder_done(&p->folder);
    free(p);
    return 0;
}

static struct sut_store *open_with(const struct sut_store_options *opt)
{
    struct sut_store *s = NULL;
    struct sut_diag diag = { .text = "" };
    if (sut_failed(sut_store_open(opt, &s, &diag)))
        fail_msg("%s %s", diag.text, diag.hint);
    return s;
}

static sut_err make_table(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "CREATE TABLE tally (id INTEGER PRIMARY KEY, v TEXT NOT NULL)");
}

static SUT_ERR put_row(struct sut_db_conn *c, int64_t id)
{
    static const struct sut_sql sql = { "put", "INSERT INTO tally (id, v) VALUES ($1, $2)" };
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_text(s, 2,
                     SUT_STR(CANARY " 0123456789012345678901234567890123456789012345678901234567890"
                                    "1234567890123456789012345678901234567890123456789012345678"));
    bool row = false;
    return sut_db_step(s, &row);
}

static sut_err put(struct sut_db_conn *c, void *arg)
{
    return put_row(c, *(const int64_t *) arg);
}

static sut_err fill(struct sut_db_conn *c, void *arg)
{
    for (int64_t i = 0; i < *(const int64_t *) arg; i++)
        TRY(put_row(c, i));
    return SUT_OK;
}

static void make_rows(struct sut_store *s, int64_t n)
{
    OK(sut_store_write(s, make_table, NULL));
    OK(sut_store_write_alone(s, fill, &n));
}

static SUT_ERR number(struct sut_db_conn *c, const struct sut_sql *sql, int64_t *ret)
{
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    bool row = false;
    TRY(sut_db_prepare(c, sql, &s));
    TRY(sut_db_step(s, &row));
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static const struct sut_sql count_rows = { "count", "SELECT count(*) FROM tally" };

static SUT_ERR count(struct sut_store *s, int64_t *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    const sut_err err = number(c, &count_rows, ret);
    sut_store_return(s, &c);
    return err;
}

static int64_t rows_in(struct sut_store *s)
{
    int64_t n = 0;
    OK(count(s, &n));
    return n;
}

/* The order of all ids and texts, and SQLite's own look at the file. */
static void assert_whole(struct sut_store *s)
{
    static const struct sut_sql check = { "check", "PRAGMA integrity_check" };
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(s, &c));
    {
        struct sut_db_stmt *q DEFER(sut_db_end) = NULL;
        bool row = false;
        OK(sut_db_prepare(c, &check, &q));
        OK(sut_db_step(q, &row));
        assert_true(sut_str_is(sut_db_col_text(q, 0), "ok"));
    }
    sut_store_return(s, &c);
}

static bool is_there(struct place *p, const char *name)
{
    return access(folder_path(&p->folder, name), F_OK) == 0;
}

static void assert_no_traces(struct place *p)
{
    assert_false(is_there(p, "shop.db.next"));
    assert_false(is_there(p, "shop.db.next-wal"));
    assert_false(is_there(p, "shop.db.next-shm"));
    assert_false(is_there(p, "shop.db.next-journal"));
}

/* What the hooks of a change do and see. */
struct hooks {
    struct place *place;
    struct sut_store *store;
    unsigned adopted;
    unsigned steps;
    uint64_t pages;
    bool gives_up;
    bool adopt_fails;
    enum sut_file_key_point dies_at;
    unsigned dies_after; /* so many times there */
    bool dies;
    bool put_failed;
    unsigned put_done;
};

static sut_err adopt(void *arg)
{
    struct hooks *h = arg;
    h->adopted++;
    ENSURE(!h->adopt_fails, SYSTEM);
    return SUT_OK;
}

static bool progress(void *arg, uint64_t done, uint64_t total)
{
    struct hooks *h = arg;
    h->steps++;
    h->pages = total;
    return done <= total && !(h->gives_up && h->steps > 3);
}

static void die(void *arg, enum sut_file_key_point at)
{
    struct hooks *h = arg;
    if (h->dies && at == h->dies_at && h->dies_after-- == 0)
        _exit(77);
}

static struct sut_file_key_change change_to(const struct sut_secret *key, struct hooks *h)
{
    return (struct sut_file_key_change){
        .key = key, .adopt = adopt, .progress = progress, .point = die, .arg = h
    };
}

static void the_file_has_its_new_key_and_the_same_rows(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    assert_true(out.is_changed);
    assert_int_equal(h.adopted, 1);
    assert_true(h.steps > 1);
    assert_int_equal(out.pages, h.pages);
    print_message("# %llu pages, stopped for %llu us\n", (unsigned long long) out.pages,
                  (unsigned long long) out.stopped_us);
    assert_no_traces(p);
    assert_int_equal(rows_in(s), ROWS);
    int64_t id = ROWS;
    OK(sut_store_write(s, put, &id));
    assert_whole(s);
    sut_store_close(&s);

    struct sut_diag why = { .text = "" };
    assert_int_equal(sut_store_open(&p->opt, &s, &why).code, SUT_E_CORRUPT);
    assert_non_null(strstr(why.text, "key"));
    p->opt.db.key = p->new_key;
    s = open_with(&p->opt);
    assert_false(sut_store_has_next_key(s));
    assert_int_equal(rows_in(s), ROWS + 1);
    assert_whole(s);
    sut_store_close(&s);
}

static void the_new_file_is_for_its_owner_alone_and_shows_no_text(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    const mode_t before = umask(0);
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    (void) umask(before);
    struct stat st;
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    size_t n = 0;
    char *bytes = folder_read(p->path, &n);
    assert_non_null(bytes);
    assert_null(memmem(bytes, n, "canary", 6));
    free(bytes);
    sut_store_close(&s);
}

/* The copy, while it is made, is as shut as the store. */
static void look_at_copy(void *arg, enum sut_file_key_point at)
{
    struct hooks *h = arg;
    if (at != SUT_FILE_KEY_READY && at != SUT_FILE_KEY_COPIED)
        return;
    size_t n = 0;
    char *bytes = folder_read(folder_path(&h->place->folder, "shop.db.next"), &n);
    assert_non_null(bytes);
    assert_true(n > 4096);
    assert_null(memmem(bytes, n, "canary", 6));
    assert_null(memmem(bytes, n, "CREATE TABLE", 12));
    free(bytes);
    struct stat st;
    assert_int_equal(stat(h->place->folder.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(is_there(h->place, "shop.db.next-journal"));
    h->put_done++;
}

static void the_copy_is_never_in_the_clear(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    struct hooks h = { .place = p };
    struct sut_file_key_change ask = change_to(p->new_key, &h);
    ask.point = look_at_copy;
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    assert_int_equal(h.put_done, 2);
    sut_store_close(&s);
}

/* A row more, and one of the old ones is another: before and behind what is copied already. */
static sut_err put_and_touch(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql touch = { "touch", "UPDATE tally SET v = 'touched' WHERE id = $1" };
    const int64_t id = *(const int64_t *) arg;
    TRY(put_row(c, id));
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, &touch, &s));
    sut_db_bind_i64(s, 1, (id - ROWS) * 97 % ROWS);
    bool row = false;
    return sut_db_step(s, &row);
}

static bool write_between(void *arg, uint64_t done, uint64_t total)
{
    struct hooks *h = arg;
    (void) done;
    (void) total;
    for (int i = 0; i < 3; i++) {
        int64_t id = ROWS + h->put_done;
        if (sut_failed(sut_store_write(h->store, put_and_touch, &id)))
            h->put_failed = true;
        h->put_done++;
    }
    return true;
}

static int64_t number_in(struct sut_store *s, const struct sut_sql *sql)
{
    struct sut_db_conn *c = NULL;
    int64_t n = -1;
    OK(sut_store_lease(s, &c));
    OK(number(c, sql, &n));
    sut_store_return(s, &c);
    return n;
}

static void what_is_written_between_the_steps_is_in_the_copy(void **state)
{
    static const struct sut_sql touched = { "touched",
                                            "SELECT count(*) FROM tally WHERE v = 'touched'" };
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    struct hooks h = { .place = p, .store = s };
    struct sut_file_key_change ask = change_to(p->new_key, &h);
    ask.progress = write_between;
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    assert_false(h.put_failed);
    assert_true(h.put_done > 6);
    assert_int_equal(rows_in(s), ROWS + h.put_done);
    assert_int_equal(number_in(s, &touched), h.put_done);
    assert_whole(s);
    sut_store_close(&s);
    p->opt.db.key = p->new_key;
    s = open_with(&p->opt);
    assert_int_equal(rows_in(s), ROWS + h.put_done);
    assert_whole(s);
    sut_store_close(&s);
}

/* A job that changes much, more than the cache holds, and is undone. */
static sut_err change_all_and_fail(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "all", "UPDATE tally SET v = v || v || 'never seen'" };
    (void) arg;
    TRY(sut_db_exec(c, &sql));
    FAIL(NOT_FOUND);
}

static bool undo_between(void *arg, uint64_t done, uint64_t total)
{
    struct hooks *h = arg;
    (void) done;
    (void) total;
    if (h->put_done++ == 2)
        h->put_failed =
            sut_store_write_alone(h->store, change_all_and_fail, NULL).code != SUT_E_NOT_FOUND;
    return true;
}

static void what_was_undone_is_not_in_the_copy(void **state)
{
    static const struct sut_sql seen = { "seen",
                                         "SELECT count(*) FROM tally WHERE v LIKE '%never seen'" };
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS * 2);
    struct hooks h = { .place = p, .store = s };
    struct sut_file_key_change ask = change_to(p->new_key, &h);
    ask.progress = undo_between;
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    assert_false(h.put_failed);
    assert_int_equal(number_in(s, &seen), 0);
    assert_int_equal(rows_in(s), ROWS * 2);
    assert_whole(s);
    sut_store_close(&s);
}

/* Threads that write and read all the time. */
struct worker {
    pthread_t thread;
    struct sut_store *store;
    atomic_bool *stop;
    int64_t first;
    int64_t written;
    atomic_uint reads;
    unsigned failed;
    uint64_t longest_us;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct sut_store_seat *seat = NULL;
    const bool has_seat = w->first % 2 == 0;
    if (has_seat && sut_failed(sut_store_seat_create(w->store, &seat)))
        w->failed++;
    while (!atomic_load(w->stop)) {
        int64_t id = w->first + w->written * THREADS;
        const uint64_t from = sut_monotonic_ns();
        if (sut_failed(sut_store_write(w->store, put, &id)))
            w->failed++;
        else
            w->written++;
        struct sut_db_conn *c = NULL;
        int64_t n = 0;
        if (has_seat) {
            static const struct sut_sql mine = { "mine",
                                                 "SELECT count(*) FROM tally WHERE id < 99" };
            if (sut_failed(sut_store_seat_take(seat, &c)) || sut_failed(number(c, &mine, &n)) ||
                n != 99)
                w->failed++;
            sut_store_seat_give(seat, &c);
        } else if (sut_failed(count(w->store, &n)) || n < ROWS + w->written) {
            w->failed++;
        }
        const uint64_t us = (sut_monotonic_ns() - from) / 1000;
        w->longest_us = us > w->longest_us ? us : w->longest_us;
        atomic_fetch_add(&w->reads, 1);
    }
    sut_store_seat_free(&seat);
    return NULL;
}

static void those_who_read_and_write_lose_nothing(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    atomic_bool stop = false;
    struct worker w[THREADS] = { 0 };
    for (int i = 0; i < THREADS; i++) {
        w[i].store = s;
        w[i].stop = &stop;
        w[i].first = ROWS + i;
        assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    }
    struct hooks h = { .place = p };
    for (int round = 0; round < 4; round++) {
        const struct sut_file_key_change ask =
            change_to(round % 2 == 0 ? p->new_key : p->old_key, &h);
        struct sut_file_key_outcome out;
        struct sut_diag diag = { .text = "" };
        const sut_err err = sut_store_change_file_key(s, &ask, &out, &diag);
        if (sut_failed(err))
            fail_msg("%s %s", sut_err_info(err.code)->name, diag.text);
        print_message("# %llu pages; stopped %llu us at try %u\n", (unsigned long long) out.pages,
                      (unsigned long long) out.stopped_us, out.stops_tried);
        (void) usleep(20000);
    }
    /* A busy machine may have let one of them do nothing yet. */
    for (int i = 0; i < THREADS; i++)
        for (int k = 0; k < 30000 && atomic_load(&w[i].reads) == 0; k++)
            (void) usleep(1000);
    atomic_store(&stop, true);
    int64_t written = 0;
    uint64_t longest = 0;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(w[i].thread, NULL), 0);
        assert_int_equal(w[i].failed, 0);
        assert_true(atomic_load(&w[i].reads) > 0);
        written += w[i].written;
        longest = w[i].longest_us > longest ? w[i].longest_us : longest;
    }
    print_message("# %lld writes, the longest took %llu us\n", (long long) written,
                  (unsigned long long) longest);
    assert_int_equal(rows_in(s), ROWS + written);
    assert_whole(s);
    sut_store_close(&s);
    s = open_with(&p->opt);
    assert_int_equal(rows_in(s), ROWS + written);
    assert_whole(s);
    sut_store_close(&s);
}

/* In a child: open, write on, change, and end at the point. */
static _Noreturn void die_at(const struct place *p, enum sut_file_key_point at, unsigned after)
{
    struct sut_store_options opt = p->opt;
    struct sut_store *s = NULL;
    struct sut_diag diag = { .text = "" };
    struct sut_secret *old_key = NULL; /* a secret does not come through a fork */
    struct sut_secret *new_key = NULL;
    if (sut_failed(sut_secret_dup(SUT_STR(OLD_KEY), &old_key)) ||
        sut_failed(sut_secret_dup(SUT_STR(NEW_KEY), &new_key)))
        _exit(2);
    opt.db.key = old_key;
    opt.db.vfs = "drop";
    if (!sut_testvfs_register("drop") || sut_failed(sut_store_open(&opt, &s, &diag)))
        _exit(3);
    int64_t id = ROWS;
    if (sut_failed(sut_store_write(s, put, &id)))
        _exit(4);
    struct hooks h = { .dies = true, .dies_at = at, .dies_after = after };
    const struct sut_file_key_change ask = change_to(new_key, &h);
    struct sut_file_key_outcome out;
    (void) sut_failed(sut_store_change_file_key(s, &ask, &out, &diag));
    _exit(5);
}

static void an_end_at_any_point_leaves_a_store_that_opens(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    sut_store_close(&s);
    size_t n = 0;
    char *bytes = folder_read(p->path, &n);
    assert_non_null(bytes);
    for (int at = 0; at < POINTS; at++) {
        (void) fflush(NULL);
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            die_at(p, (enum sut_file_key_point) at, at == SUT_FILE_KEY_COPYING ? 2 : 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 77)
            fail_msg("at %d: the child's status is %x", at, (unsigned) status);

        p->opt.db.key = p->old_key;
        p->opt.next_key = p->new_key;
        s = open_with(&p->opt);
        assert_int_equal(sut_store_has_next_key(s), at >= SUT_FILE_KEY_RENAMED);
        assert_int_equal(rows_in(s), ROWS + 1);
        assert_whole(s);
        assert_no_traces(p);
        sut_store_close(&s);
        /* As at the start, for the next. */
        const int fd = open(p->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, n), (ssize_t) n);
        (void) close(fd);
    }
    free(bytes);
}

static void a_damaged_file_opens_with_neither_key_and_stays(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, 10);
    sut_store_close(&s);
    struct sut_secret *third = secret("third key: 0123456789abcdef01234");
    p->opt.db.key = p->new_key;
    p->opt.next_key = third;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(sut_store_open(&p->opt, &s, &diag).code, SUT_E_CORRUPT);
    assert_non_null(strstr(diag.text, "can't be read"));
    p->opt.next_key = p->old_key;
    s = open_with(&p->opt);
    assert_true(sut_store_has_next_key(s));
    assert_int_equal(rows_in(s), 10);
    sut_store_close(&s);
    sut_secret_free(&third);
}

static void a_change_that_is_given_up_changes_nothing(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    struct hooks h = { .place = p, .gives_up = true };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(sut_store_change_file_key(s, &ask, &out, &diag).code, SUT_E_UNAVAILABLE);
    assert_false(out.is_changed);
    assert_int_equal(h.adopted, 0);
    assert_no_traces(p);
    assert_non_null(strstr(diag.text, "given up"));
    int64_t id = ROWS;
    OK(sut_store_write(s, put, &id));
    sut_store_close(&s);
    s = open_with(&p->opt);
    assert_int_equal(rows_in(s), ROWS + 1);
    sut_store_close(&s);
}

static void a_hook_that_fails_leaves_the_new_file_in_use(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, 100);
    struct hooks h = { .place = p, .adopt_fails = true };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(sut_store_change_file_key(s, &ask, &out, &diag).code, SUT_E_SYSTEM);
    assert_true(out.is_changed);
    assert_non_null(strstr(diag.text, "store.key"));
    int64_t id = 100;
    OK(sut_store_write(s, put, &id));
    sut_store_close(&s);
    p->opt.next_key = p->new_key;
    s = open_with(&p->opt);
    assert_true(sut_store_has_next_key(s));
    assert_int_equal(rows_in(s), 101);
    sut_store_close(&s);
}

/* A second change from within the first. */
static bool change_between(void *arg, uint64_t done, uint64_t total)
{
    struct hooks *h = arg;
    (void) done;
    (void) total;
    const struct sut_file_key_change ask = change_to(h->place->old_key, h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    if (sut_store_change_file_key(h->store, &ask, &out, &diag).code != SUT_E_BUSY ||
        strstr(diag.text, "under way") == NULL || out.is_changed)
        h->put_failed = true;
    h->put_done++;
    return true;
}

static void two_at_once_are_one_and_a_refusal(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    struct hooks h = { .place = p, .store = s };
    struct sut_file_key_change ask = change_to(p->new_key, &h);
    ask.progress = change_between;
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    assert_false(h.put_failed);
    assert_true(h.put_done > 0);
    sut_store_close(&s);
}

static atomic_bool is_kept;

/* One that keeps a connection for a while is waited for. */
static void *keep(void *arg)
{
    struct sut_store *s = arg;
    struct sut_db_conn *c = NULL;
    if (sut_failed(sut_store_lease(s, &c)))
        return s;
    atomic_store(&is_kept, true);
    (void) usleep(2000 * 1000);
    int64_t n = 0;
    const bool failed = sut_failed(number(c, &count_rows, &n)) || n != 100;
    sut_store_return(s, &c);
    return failed ? s : NULL;
}

static void a_long_lease_is_waited_for(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, 100);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, keep, s), 0);
    for (int i = 0; i < 30000 && !atomic_load(&is_kept); i++)
        (void) usleep(1000);
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    assert_true(out.stops_tried > 1);
    void *failed = NULL;
    assert_int_equal(pthread_join(t, &failed), 0);
    assert_null(failed);
    sut_store_close(&s);
}

static void a_lease_that_never_ends_ends_the_change(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, 100);
    struct sut_db_conn *c = NULL;
    OK(sut_store_lease(s, &c));
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(sut_store_change_file_key(s, &ask, &out, &diag).code, SUT_E_BUSY);
    assert_false(out.is_changed);
    assert_non_null(strstr(diag.text, "connections"));
    assert_no_traces(p);
    int64_t n = 0;
    OK(number(c, &count_rows, &n));
    assert_int_equal(n, 100);
    sut_store_return(s, &c);
    sut_store_close(&s);
    s = open_with(&p->opt);
    assert_int_equal(rows_in(s), 100);
    sut_store_close(&s);
}

static void a_full_disk_leaves_all_as_it_was(void **state)
{
    struct place *p = *state;
    assert_true(sut_testvfs_register("drop"));
    p->opt.db.vfs = "drop";
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    const int64_t total = sut_testvfs_total();
    for (int i = 0; i < 4; i++) {
        sut_testvfs_set_budget(total + i * 100 * 1024);
        struct hooks h = { .place = p };
        const struct sut_file_key_change ask = change_to(p->new_key, &h);
        struct sut_file_key_outcome out;
        struct sut_diag diag = { .text = "" };
        const sut_err err = sut_store_change_file_key(s, &ask, &out, &diag);
        sut_testvfs_set_budget(-1);
        if (err.code != SUT_E_FULL)
            fail_msg("%s: %s", sut_err_info(err.code)->name, diag.text);
        assert_false(out.is_changed);
        assert_non_null(strstr(diag.text, "no space"));
        assert_int_equal(h.adopted, 0);
        assert_no_traces(p);
        assert_int_equal(rows_in(s), ROWS + i);
        int64_t id = ROWS + i;
        OK(sut_store_write(s, put, &id));
    }
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    sut_store_close(&s);
    p->opt.db.key = p->new_key;
    s = open_with(&p->opt);
    assert_int_equal(rows_in(s), ROWS + 4);
    assert_whole(s);
    sut_store_close(&s);
}

/* A limit of the process on the size of files: SQLite knows it as an I/O error. */
static void a_limit_on_files_is_a_full_disk(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, ROWS);
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit few = { .rlim_cur = 128 * 1024, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    const sut_err err = sut_store_change_file_key(s, &ask, &out, &diag);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(err.code, SUT_E_FULL);
    assert_no_traces(p);
    assert_int_equal(rows_in(s), ROWS);
    sut_store_close(&s);
}

static void a_key_of_another_length_is_refused(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    struct sut_secret *small = NULL;
    OK(sut_secret_create(OTHER_BYTES, &small));
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(small, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(sut_store_change_file_key(s, &ask, &out, &diag).code, SUT_E_INVALID);
    assert_non_null(strstr(diag.text, "32 bytes"));
    sut_secret_free(&small);
    sut_store_close(&s);
}

static void a_copy_that_can_not_be_made_is_told(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, 10);
    assert_int_equal(mkdir(folder_path(&p->folder, "shop.db.next"), 0700), 0);
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    struct sut_diag diag = { .text = "" };
    const sut_err err = sut_store_change_file_key(s, &ask, &out, &diag);
    assert_int_equal(err.code, SUT_E_SYSTEM);
    assert_non_null(strstr(diag.text, "copied"));
    assert_non_null(strstr(diag.place, "shop.db.next"));
    assert_int_equal(rows_in(s), 10);
    sut_store_close(&s);
}

/* Somebody beside the store has the file open: its log stays, and must not meet the new file. */
static void a_log_that_stays_ends_the_change(void **state)
{
    struct place *p = *state;
    struct sut_store *s = open_with(&p->opt);
    make_rows(s, 100);
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    int64_t n = 0;
    struct sut_diag diag = { .text = "" };
    OK(sut_db_open(&p->opt.db, &db, &diag));
    OK(sut_db_connect(db, SUT_DB_READ, &c));
    OK(number(c, &count_rows, &n));
    struct hooks h = { .place = p };
    const struct sut_file_key_change ask = change_to(p->new_key, &h);
    struct sut_file_key_outcome out;
    assert_int_equal(sut_store_change_file_key(s, &ask, &out, &diag).code, SUT_E_SYSTEM);
    assert_false(out.is_changed);
    assert_non_null(strstr(diag.text, "log"));
    assert_no_traces(p);
    assert_int_equal(h.adopted, 0);
    sut_db_disconnect(&c);
    sut_db_close(&db);
    int64_t id = 100;
    OK(sut_store_write(s, put, &id));
    assert_int_equal(rows_in(s), 101);
    OK(sut_store_change_file_key(s, &ask, &out, &diag));
    assert_int_equal(rows_in(s), 101);
    sut_store_close(&s);
}

int main(void)
{
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN);
#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_file_has_its_new_key_and_the_same_rows),
        T(the_new_file_is_for_its_owner_alone_and_shows_no_text),
        T(the_copy_is_never_in_the_clear),
        T(what_is_written_between_the_steps_is_in_the_copy),
        T(what_was_undone_is_not_in_the_copy),
        T(those_who_read_and_write_lose_nothing),
        T(an_end_at_any_point_leaves_a_store_that_opens),
        T(a_damaged_file_opens_with_neither_key_and_stays),
        T(a_change_that_is_given_up_changes_nothing),
        T(a_hook_that_fails_leaves_the_new_file_in_use),
        T(two_at_once_are_one_and_a_refusal),
        T(a_long_lease_is_waited_for),
        T(a_lease_that_never_ends_ends_the_change),
        T(a_full_disk_leaves_all_as_it_was),
        T(a_limit_on_files_is_a_full_disk),
        T(a_key_of_another_length_is_refused),
        T(a_copy_that_can_not_be_made_is_told),
        T(a_log_that_stays_ends_the_change),
    };
    cipher = SUT_DB_AEGIS256;
    int failed = cmocka_run_group_tests_name("aegis-256", tests, NULL, NULL);
    cipher = SUT_DB_SQLCIPHER;
    failed += cmocka_run_group_tests_name("sqlcipher", tests, NULL, NULL);
    return failed;
}
