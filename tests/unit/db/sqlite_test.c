/* SPDX-License-Identifier: Apache-2.0
 *
 * What the embedded file promises: it is shut without its key, and a change to
 * it is seen.  (What both drivers promise stands in tests/conform.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "db/db.h"
#include "folder.h"

#define CANARY "canary.person@example.org"

enum { ROWS = 400, PAGE = 4096, NOBODY = 65534 };

struct place {
    struct folder folder;
    struct sut_db_options opt;
    struct sut_secret *key;
    char db[128];
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_true(folder_init(&p->folder));
    (void) snprintf(p->db, sizeof(p->db), "%s", folder_path(&p->folder, "shop.db"));
    assert_false(sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdef"), &p->key)));
    p->opt = (struct sut_db_options){ .kind = SUT_DB_SQLITE, .path = p->db, .key = p->key };
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    sut_secret_free(&p->key);
    folder_done(&p->folder);
    free(p);
    return 0;
}

static SUT_ERR fill(struct sut_db_conn *c)
{
    static const struct sut_sql put = { "put", "INSERT INTO t (id, v) VALUES ($1, $2)" };
    TRY(sut_db_tx_begin(c));
    TRY(sut_db_script(c, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)"));
    for (int64_t i = 1; i <= ROWS; i++) {
        struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
        TRY(sut_db_prepare(c, &put, &s));
        sut_db_bind_i64(s, 1, i);
        sut_db_bind_text(s, 2,
                         SUT_STR(CANARY " and some more so that the table takes many pages: "
                                        "0123456789012345678901234567890123456789"));
        bool row = false;
        TRY(sut_db_step(s, &row));
    }
    return sut_db_tx_commit(c);
}

/* Make the file with its rows; `close_log`: nothing stays in the log. */
static void make(struct place *p, bool close_log)
{
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    struct sut_diag diag;
    assert_false(sut_failed(sut_db_open(&p->opt, &db, &diag)));
    assert_false(sut_failed(sut_db_connect(db, SUT_DB_WRITE, &c)));
    assert_false(sut_failed(fill(c)));
    if (close_log) {
        assert_false(sut_failed(sut_db_checkpoint(c, SUT_DB_TRUNCATE)));
        sut_db_disconnect(&c);
        sut_db_close(&db);
        return;
    }
    /* As after a kill: the log stays.  Copy it away, let the end tidy up, put it back. */
    size_t n_db = 0;
    size_t n_log = 0;
    char log[160];
    (void) snprintf(log, sizeof(log), "%s-wal", p->db);
    char *db_bytes = folder_read(p->db, &n_db);
    char *log_bytes = folder_read(log, &n_log);
    assert_true(n_log > 0);
    sut_db_disconnect(&c);
    sut_db_close(&db);
    assert_true(folder_write(p->db, db_bytes, n_db));
    assert_true(folder_write(log, log_bytes, n_log));
    free(db_bytes);
    free(log_bytes);
}

/* Open and read every row: the first error, or NOT_FOUND when rows are missing or wrong. */
static SUT_ERR read_all(const struct sut_db_options *opt, struct sut_diag *diag)
{
    static const struct sut_sql get = { "get", "SELECT id, v FROM t ORDER BY id" };
    struct sut_db *db DEFER(sut_db_close) = NULL;
    struct sut_db_conn *c DEFER(sut_db_disconnect) = NULL;
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_open(opt, &db, diag));
    TRY(sut_db_connect(db, SUT_DB_READ, &c));
    TRY(sut_db_prepare(c, &get, &s));
    bool row = true;
    int64_t n = 0;
    for (;;) {
        TRY(sut_db_step(s, &row));
        if (!row)
            break;
        ENSURE(sut_db_col_i64(s, 0) == ++n, NOT_FOUND);
        ENSURE(sut_str_starts(sut_db_col_text(s, 1), SUT_STR(CANARY)), NOT_FOUND);
    }
    ENSURE(n == ROWS, NOT_FOUND);
    return SUT_OK;
}

static void check_shut(struct place *p)
{
    char path[160];
    make(p, false);
    assert_false(folder_has(p->db, CANARY));
    assert_false(folder_has(p->db, "CREATE TABLE"));
    assert_false(folder_has(p->db, "SQLite format 3"));
    (void) snprintf(path, sizeof(path), "%s-wal", p->db);
    assert_false(folder_has(path, CANARY));
    assert_false(folder_has(path, "CREATE TABLE"));
    struct sut_diag diag = { .text = "" };
    assert_false(sut_failed(read_all(&p->opt, &diag)));
    assert_false(folder_has(p->db, CANARY));
    assert_false(folder_has(p->db, "some more so that"));
}

static void the_file_and_its_log_show_nothing(void **state)
{
    check_shut(*state);
}

static void the_other_cipher_shows_nothing_either(void **state)
{
    struct place *p = *state;
    p->opt.cipher = SUT_DB_SQLCIPHER;
    check_shut(p);
}

static void only_the_owner_may_read_the_files(void **state)
{
    struct place *p = *state;
    struct stat st;
    char path[160];
    make(p, false);
    assert_int_equal(stat(p->db, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    assert_false(sut_failed(sut_db_open(&p->opt, &db, NULL)));
    assert_false(sut_failed(sut_db_connect(db, SUT_DB_READ, &c)));
    bool there = false;
    assert_false(sut_failed(sut_db_has_table(c, "t", &there)));
    assert_true(there);
    static const char *const ends[] = { "-wal", "-shm" };
    for (size_t i = 0; i < 2; i++) {
        (void) snprintf(path, sizeof(path), "%s%s", p->db, ends[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    sut_db_disconnect(&c);
    sut_db_close(&db);
}

static void another_key_is_refused_and_changes_nothing(void **state)
{
    struct place *p = *state;
    make(p, true);
    size_t n_before = 0;
    char *before = folder_read(p->db, &n_before);
    struct sut_secret *other = NULL;
    assert_false(sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdeF"), &other)));
    struct sut_db_options opt = p->opt;
    opt.key = other;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(read_all(&opt, &diag).code, SUT_E_CORRUPT);
    assert_non_null(strstr(diag.text, "key"));
    assert_null(strstr(diag.text, "0123456789"));
    size_t n_after = 0;
    char *after = folder_read(p->db, &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_after);
    free(before);
    free(after);
    sut_secret_free(&other);
    assert_false(sut_failed(read_all(&p->opt, &diag)));
}

static void another_cipher_is_refused(void **state)
{
    struct place *p = *state;
    make(p, true);
    struct sut_db_options opt = p->opt;
    opt.cipher = SUT_DB_SQLCIPHER;
    struct sut_diag diag = { .text = "" };
    assert_int_equal(read_all(&opt, &diag).code, SUT_E_CORRUPT);
}

static void a_file_in_the_clear_is_refused(void **state)
{
    struct place *p = *state;
    char page[PAGE] = "SQLite format 3";
    page[16] = 0x10; /* a page of 4096 bytes */
    page[18] = 1;
    page[19] = 1;
    assert_true(folder_write(p->db, page, sizeof(page)));
    struct sut_diag diag = { .text = "" };
    assert_int_equal(read_all(&p->opt, &diag).code, SUT_E_CORRUPT);
}

static void a_file_of_noise_is_refused(void **state)
{
    struct place *p = *state;
    char noise[3 * PAGE];
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char) (i * i * 31 + i);
    assert_true(folder_write(p->db, noise, sizeof(noise)));
    struct sut_diag diag = { .text = "" };
    assert_int_equal(read_all(&p->opt, &diag).code, SUT_E_CORRUPT);
}

static void check_flips(struct place *p)
{
    make(p, true);
    size_t n = 0;
    char *good = folder_read(p->db, &n);
    assert_true(n > (size_t) 8 * PAGE);
    struct sut_diag diag;
    for (size_t at = 0; at < n; at += at < 40 ? 1 : PAGE / 3 + 7) {
        assert_true(folder_flip(p->db, (off_t) at, (int) (at % 8)));
        const sut_err err = read_all(&p->opt, &diag);
        if (err.code != SUT_E_CORRUPT)
            fail_msg("a bit turned at %zu gave %s", at, sut_err_info(err.code)->name);
        assert_true(folder_write(p->db, good, n));
    }
    assert_false(sut_failed(read_all(&p->opt, &diag)));
    free(good);
}

static void a_flipped_bit_is_refused_wherever_it_is(void **state)
{
    check_flips(*state);
}

static void the_other_cipher_refuses_a_flipped_bit_too(void **state)
{
    struct place *p = *state;
    p->opt.cipher = SUT_DB_SQLCIPHER;
    check_flips(p);
}

static void a_page_put_in_anothers_place_is_refused(void **state)
{
    struct place *p = *state;
    make(p, true);
    size_t n = 0;
    char *bytes = folder_read(p->db, &n);
    memcpy(bytes + 4 * PAGE, bytes + 5 * PAGE, PAGE);
    assert_true(folder_write(p->db, bytes, n));
    struct sut_diag diag;
    assert_int_equal(read_all(&p->opt, &diag).code, SUT_E_CORRUPT);
    free(bytes);
}

static void a_key_of_another_length_is_refused(void **state)
{
    struct place *p = *state;
    struct sut_secret *shorter = NULL;
    assert_false(sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef"), &shorter)));
    struct sut_db_options opt = p->opt;
    opt.key = shorter;
    struct sut_diag diag = { .text = "" };
    struct sut_db *db = NULL;
    assert_int_equal(sut_db_open(&opt, &db, &diag).code, SUT_E_INVALID);
    opt.key = NULL;
    assert_int_equal(sut_db_open(&opt, &db, &diag).code, SUT_E_INVALID);
    sut_secret_free(&shorter);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct place *p = *state;
    struct sut_db_options opt = p->opt;
    opt.path = "/nonexistent/folder/shop.db";
    struct sut_diag diag = { .text = "", .place = "" };
    struct sut_db *db = NULL;
    assert_int_equal(sut_db_open(&opt, &db, &diag).code, SUT_E_SYSTEM);
    assert_non_null(strstr(diag.place, "/nonexistent/folder"));
    assert_non_null(strstr(diag.text, "No such file"));
}

static void a_read_only_file_is_refused(void **state)
{
    struct place *p = *state;
    make(p, true);
    assert_int_equal(chmod(p->db, 0444), 0);
    assert_int_equal(chmod(p->folder.dir, 0755), 0);
    const bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(NOBODY), 0);
    struct sut_diag diag = { .text = "" };
    struct sut_db *db = NULL;
    const sut_err err = sut_db_open(&p->opt, &db, &diag);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(err.code, SUT_E_SYSTEM);
    assert_non_null(strstr(diag.text, "Permission denied"));
}

static void a_link_in_the_files_place_is_not_followed(void **state)
{
    struct place *p = *state;
    make(p, true);
    char link_path[160];
    (void) snprintf(link_path, sizeof(link_path), "%s", folder_path(&p->folder, "link.db"));
    assert_int_equal(symlink(p->db, link_path), 0);
    struct sut_db_options opt = p->opt;
    opt.path = link_path;
    struct sut_db *db = NULL;
    assert_int_equal(sut_db_open(&opt, &db, NULL).code, SUT_E_SYSTEM);
}

/* The thread's own time: what else the machine and its disk do must not count. */
static uint64_t cpu_ns(void)
{
    struct timespec t = { 0 };
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (uint64_t) t.tv_sec * 1000000000 + (uint64_t) t.tv_nsec;
}

static void a_connection_costs_no_key_derivation(void **state)
{
    struct place *p = *state;
    struct sut_db *db = NULL;
    assert_false(sut_failed(sut_db_open(&p->opt, &db, NULL)));
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        struct sut_db_conn *c = NULL;
        const uint64_t from = cpu_ns();
        assert_false(sut_failed(sut_db_connect(db, SUT_DB_READ, &c)));
        const uint64_t took = cpu_ns() - from;
        best = took < best ? took : best;
        sut_db_disconnect(&c);
    }
    assert_true(best < 5000000);
    sut_db_close(&db);
}

int main(void)
{
#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_file_and_its_log_show_nothing),
        T(the_other_cipher_shows_nothing_either),
        T(only_the_owner_may_read_the_files),
        T(another_key_is_refused_and_changes_nothing),
        T(another_cipher_is_refused),
        T(a_file_in_the_clear_is_refused),
        T(a_file_of_noise_is_refused),
        T(a_flipped_bit_is_refused_wherever_it_is),
        T(the_other_cipher_refuses_a_flipped_bit_too),
        T(a_page_put_in_anothers_place_is_refused),
        T(a_key_of_another_length_is_refused),
        T(a_folder_that_is_not_there_is_named),
        T(a_read_only_file_is_refused),
        T(a_link_in_the_files_place_is_not_followed),
        T(a_connection_costs_no_key_derivation),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
