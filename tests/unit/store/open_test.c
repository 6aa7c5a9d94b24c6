/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the embedded store: what is made, what is refused, in which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "base/mem.h"
#include "dropvfs.h"
#include "folder.h"
#include "store/migrate.h"
#include "store/store.h"

enum { NOBODY = 65534 };

struct place {
    struct folder folder;
    struct sut_secret *key;
    struct sut_store_options opt;
    struct sut_diag diag;
    char path[128];
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_true(folder_init(&p->folder));
    (void) snprintf(p->path, sizeof(p->path), "%s", folder_path(&p->folder, "shop.db"));
    assert_false(sut_failed(sut_secret_dup(SUT_STR("0123456789abcdef0123456789abcdef"), &p->key)));
    p->opt = (struct sut_store_options){
        .db = { .kind = SUT_DB_SQLITE, .path = p->path, .key = p->key },
        .readers = 2,
        .queue_max = 16,
        .migrate = true,
    };
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    sut_testvfs_set_budget(-1);
    sut_secret_free(&p->key);
    folder_done(&p->folder);
    free(p);
    return 0;
}

static void must_open(struct place *p, struct sut_store **ret)
{
    const sut_err err = sut_store_open(&p->opt, ret, &p->diag);
    if (sut_failed(err))
        fail_msg("%s", p->diag.text);
}

static void refused(struct place *p, enum sut_ecode code, const char *words)
{
    struct sut_store *s = NULL;
    assert_int_equal(sut_store_open(&p->opt, &s, &p->diag).code, code);
    assert_null(s);
    if (strstr(p->diag.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", p->diag.text, words);
}

static void a_new_store_is_made_and_opens_again(void **state)
{
    struct place *p = *state;
    for (int i = 0; i < 2; i++) {
        struct sut_store *s = NULL;
        must_open(p, &s);
        assert_int_equal(sut_store_version(s), sut_store_version_of_program());
        assert_true(sut_store_version(s) >= 1);
        assert_false(sut_store_is_remote(s));
        assert_false(sut_failed(sut_store_ping(s)));
        sut_store_close(&s);
        p->opt.migrate = false;
    }
}

static void only_known_files_lie_in_the_folder(void **state)
{
    struct place *p = *state;
    struct sut_store *s = NULL;
    must_open(p, &s);
    assert_false(sut_failed(sut_store_ping(s)));
    DIR *d = opendir(p->folder.dir);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        static const char *const known[] = { ".",           "..",          "shop.db",
                                             "shop.db-wal", "shop.db-shm", "lock" };
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found = found || strcmp(e->d_name, known[i]) == 0;
        if (!found)
            fail_msg("what is %s?", e->d_name);
    }
    (void) closedir(d);
    sut_store_close(&s);
}

static void two_can_not_have_it_open(void **state)
{
    struct place *p = *state;
    struct sut_store *s = NULL;
    must_open(p, &s);
    refused(p, SUT_E_BUSY, "another sutler has this store open");
    assert_false(sut_failed(sut_store_ping(s)));
    sut_store_close(&s);
    must_open(p, &s);
    sut_store_close(&s);
}

static sut_err make_newer(struct sut_db_conn *c, void *arg)
{
    (void) arg;
    return sut_db_script(c, "INSERT INTO store_migration (number, name) VALUES (4711, 'later')");
}

static void a_newer_store_is_refused_with_both_numbers(void **state)
{
    struct place *p = *state;
    struct sut_store *s = NULL;
    must_open(p, &s);
    assert_false(sut_failed(sut_store_write(s, make_newer, NULL)));
    sut_store_close(&s);
    size_t n_before = 0;
    size_t n_after = 0;
    char *before = folder_read(p->path, &n_before);
    char words[64];
    refused(p, SUT_E_INVALID, "4711");
    (void) snprintf(words, sizeof(words), "up to %lld", (long long) sut_store_version_of_program());
    refused(p, SUT_E_INVALID, words);
    char *after = folder_read(p->path, &n_after);
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_after);
    free(before);
    free(after);
}

static void an_older_store_is_refused_unless_it_may_be_changed(void **state)
{
    struct place *p = *state;
    p->opt.migrate = false;
    refused(p, SUT_E_INVALID, "is at schema 0, this program needs");
    assert_non_null(strstr(p->diag.hint, "sutler migrate"));
    p->opt.migrate = true;
    struct sut_store *s = NULL;
    must_open(p, &s);
    sut_store_close(&s);
}

static void another_key_is_refused_in_clear_words(void **state)
{
    struct place *p = *state;
    struct sut_store *s = NULL;
    must_open(p, &s);
    sut_store_close(&s);
    struct sut_secret *other = NULL;
    assert_false(sut_failed(sut_secret_dup(SUT_STR("another key of thirty-two bytes!"), &other)));
    p->opt.db.key = other;
    refused(p, SUT_E_CORRUPT, "its key is another one");
    p->opt.db.key = p->key;
    must_open(p, &s);
    sut_store_close(&s);
    sut_secret_free(&other);
}

static void a_read_only_folder_is_refused_in_clear_words(void **state)
{
    struct place *p = *state;
    assert_int_equal(chmod(p->folder.dir, 0555), 0);
    const bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(NOBODY), 0);
    struct sut_store *s = NULL;
    const sut_err err = sut_store_open(&p->opt, &s, &p->diag);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(p->folder.dir, 0700), 0);
    assert_int_equal(err.code, SUT_E_SYSTEM);
    assert_non_null(strstr(p->diag.text, "can't write to the data folder: Permission denied"));
    assert_non_null(strstr(p->diag.place, p->folder.dir));
}

static void a_full_disk_at_the_first_start_is_told_and_got_over(void **state)
{
    struct place *p = *state;
    assert_true(sut_testvfs_register("drop"));
    p->opt.db.vfs = "drop";
    static const int64_t budgets[] = { 0, 4096, 20000, 60000 };
    for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
        struct sut_store *s = NULL;
        sut_testvfs_set_budget(budgets[i]);
        const sut_err err = sut_store_open(&p->opt, &s, &p->diag);
        if (err.code != SUT_E_FULL)
            fail_msg("%lld bytes: %s (%s)", (long long) budgets[i], sut_err_info(err.code)->name,
                     p->diag.text);
        assert_true(p->diag.text[0] != '\0');
    }
    sut_testvfs_set_budget(-1);
    struct sut_store *s = NULL;
    must_open(p, &s);
    assert_int_equal(sut_store_version(s), sut_store_version_of_program());
    sut_store_close(&s);
}

static const struct sut_migration steps[] = {
    { 1, "one", "CREATE TABLE a (id INTEGER PRIMARY KEY);", "", NULL },
    { 2, "two", "CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO a VALUES (1);", "", NULL },
    { 3, "bad", "CREATE TABLE c (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (1);", "",
      NULL },
};

static void a_migration_that_fails_leaves_the_number_before_it(void **state)
{
    struct place *p = *state;
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    const struct sut_migrate_env env = { 0 };
    int64_t version = -1;
    bool there = true;
    assert_false(sut_failed(sut_db_open(&p->opt.db, &db, &p->diag)));
    assert_false(sut_failed(sut_db_connect(db, SUT_DB_WRITE, &c)));
    assert_false(sut_failed(sut_migrate_run(c, &env, steps, 1, true, &version, &p->diag)));
    assert_int_equal(version, 1);
    assert_true(sut_failed(sut_migrate_run(c, &env, steps, 3, true, &version, &p->diag)));
    assert_non_null(strstr(p->diag.text, "number 3 (bad)"));
    assert_false(sut_failed(sut_migrate_version(c, &version)));
    assert_int_equal(version, 2);
    assert_false(sut_failed(sut_db_has_table(c, "b", &there)));
    assert_true(there);
    assert_false(sut_failed(sut_db_has_table(c, "c", &there)));
    assert_false(there);
    sut_db_disconnect(&c);
    sut_db_close(&db);
}

static void the_programs_migrations_are_numbered_without_a_gap(void **state)
{
    (void) state;
    for (size_t i = 0; i < sut_store_migrations_n; i++) {
        assert_int_equal(sut_store_migrations[i].number, (int64_t) i + 1);
        assert_null(strstr(sut_store_migrations[i].sqlite, "{{"));
        assert_null(strstr(sut_store_migrations[i].postgres, "{{"));
    }
}

static void each_allocation_may_fail(void **state)
{
    struct place *p = *state;
    for (unsigned long n = 1;; n++) {
        struct sut_store *s = NULL;
        sut_mem_fault_nth(n);
        const sut_err err = sut_store_open(&p->opt, &s, &p->diag);
        const bool hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        if (sut_failed(err)) {
            assert_int_equal(err.code, SUT_E_NOMEM);
            assert_null(s);
        }
        sut_store_close(&s);
        if (!hit)
            break;
        assert_true(n < 1000);
    }
}

int main(void)
{
#define T(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_new_store_is_made_and_opens_again),
        T(only_known_files_lie_in_the_folder),
        T(two_can_not_have_it_open),
        T(a_newer_store_is_refused_with_both_numbers),
        T(an_older_store_is_refused_unless_it_may_be_changed),
        T(another_key_is_refused_in_clear_words),
        T(a_read_only_folder_is_refused_in_clear_words),
        T(a_full_disk_at_the_first_start_is_told_and_got_over),
        T(a_migration_that_fails_leaves_the_number_before_it),
        T(the_programs_migrations_are_numbered_without_a_gap),
        T(each_allocation_may_fail),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
