/* SPDX-License-Identifier: Apache-2.0
 *
 * A store of the time before people were sealed: brought up to date, killed at
 * each step of it, and looked through for what was in the clear.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/audit_row.h"
#include "store/migrate.h"
#include "store/person.h"
#include "store/personal.h"
#include "store/session.h"
#include "temp_store.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

enum { PEOPLE = 450, SESSIONS = 420, ENTRIES = 410, KILLED = 9 };

static enum sut_db_kind kind;

static void script(struct sut_db_conn *c, const char *text)
{
    const sut_err e = sut_db_script(c, text);
    if (sut_failed(e))
        fail_msg("%s", sut_db_last_error(c));
}

static void add_people(struct sut_db_conn *c)
{
    char sql[1024];
    for (int i = 1; i <= PEOPLE; i++) {
        (void) snprintf(sql, sizeof(sql),
                        "INSERT INTO users (email, email_key, username, first_name, last_name,"
                        " first_name_key, last_name_key, phone, tax_number, password, is_active,"
                        " date_joined, created_at, modified_at) VALUES ('Marked%d@Example.com',"
                        " 'marked%d@example.com', 'marked%d', 'Markedfirst', 'Markedlast%d',"
                        " 'markedfirst', 'markedlast%d', %s, NULL, 'hash%d', 1, 5, 5, 5)",
                        i, i, i, i, i, i % 2 == 0 ? "'+972 55 0001'" : "NULL", i);
        script(c, sql);
    }
}

static void add_rows(struct sut_db_conn *c)
{
    char sql[512];
    for (int i = 1; i <= SESSIONS; i++) {
        (void) snprintf(sql, sizeof(sql),
                        "INSERT INTO sessions (id, user_id, refresh_hash, created_at,"
                        " refreshed_at, expires_at, os, user_agent, ip) VALUES (%d, %d, '%s', 1,"
                        " 1, 900000, NULL, %s, %s)",
                        1000 + i, i, "0123456789abcdef", i == 1 ? "NULL" : "'Markedagent/1'",
                        i == 1 ? "NULL" : "'203.0.113.77'");
        script(c, sql);
    }
    for (int i = 1; i <= ENTRIES; i++) {
        /* Some of nobody, and some of a person who is gone. */
        (void) snprintf(sql, sizeof(sql),
                        "INSERT INTO audit (user_id, action, resource, ip, at) VALUES"
                        " (%s, 'USER_LOGIN', 'user:1', '%s', %d)",
                        i % 3 == 0   ? "NULL"
                        : i % 3 == 1 ? "7"
                                     : "9000",
                        i % 5 == 0 ? "" : "203.0.113.78", i);
        script(c, sql);
    }
}

/* What the program of before left behind; NULL where there is no such database. */
static struct temp_store *old_store(void)
{
    struct temp_store *t = temp_store_prepare(kind);
    if (t == NULL)
        return NULL;
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    struct sut_diag diag = { 0 };
    const struct sut_migrate_env env = { .people = NULL };
    int64_t version = 0;
    OK(sut_db_open(&temp_store_options(t)->db, &db, &diag));
    OK(sut_db_connect(db, SUT_DB_WRITE, &c));
    OK(sut_migrate_run(c, &env, sut_store_migrations, 1, true, &version, &diag));
    OK(sut_db_tx_begin(c));
    add_people(c);
    add_rows(c);
    OK(sut_db_tx_commit(c));
    sut_db_disconnect(&c);
    sut_db_close(&db);
    return t;
}

static struct sut_person_row person(struct sut_db_conn *c, struct sut_arena *a, int n)
{
    struct sut_person_row p;
    char email[64];
    (void) snprintf(email, sizeof(email), "MARKED%d@example.com", n);
    OK(sut_person_by_email(c, a, sut_str_from(email), &p));
    (void) snprintf(email, sizeof(email), "Marked%d@Example.com", n);
    assert_true(sut_str_is(p.email, email));
    return p;
}

static int64_t number(struct sut_db_conn *c, const struct sut_sql *sql)
{
    struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(c, sql, &s));
    OK(sut_db_step(s, &has_row));
    const int64_t v = has_row ? sut_db_col_i64(s, 0) : -1;
    sut_db_end(&s);
    return v;
}

static void check_people(struct sut_db_conn *c, struct sut_arena *a)
{
    int64_t count = 0;
    size_t n = 0;
    struct sut_person_row *rows = NULL;
    OK(sut_person_count(c, &count));
    assert_int_equal(count, PEOPLE);
    const struct sut_person_row p = person(c, a, 4);
    assert_true(sut_str_is(p.username, "marked4") && sut_str_is(p.first_name, "Markedfirst"));
    assert_true(sut_str_is(p.last_name, "Markedlast4") && sut_str_is(p.phone, "+972 55 0001"));
    assert_true(sut_str_is(p.password, "hash4") && p.tax_number.p == NULL && p.is_active);
    assert_null(person(c, a, 5).phone.p);
    const struct sut_person_query by_words = { .search = SUT_STR("markedlast9 MARKEDFIRST"),
                                               .limit = 10 };
    OK(sut_person_list(c, a, &by_words, &rows, &n, &count));
    assert_true(n == 1 && sut_str_is(rows[0].username, "marked9"));
    const struct sut_person_query all = { .limit = 1000 };
    OK(sut_person_list(c, a, &all, &rows, &n, &count));
    assert_int_equal(n, PEOPLE);
    for (size_t i = 0; i < n; i++)
        assert_false(rows[i].is_lost);
}

static void check_rest(struct sut_db_conn *c, struct sut_arena *a)
{
    struct sut_audit_row *entries = NULL;
    size_t n = 0;
    int64_t count = 0;
    enum sut_session_state state;
    OK(sut_session_look(c, 1003, 3, SUT_STR("0123456789abcdef"), (sut_ms){ 5 }, &state));
    assert_int_equal(state, SUT_SESSION_LIVE);
    const struct sut_audit_query q = { .limit = 1000 };
    OK(sut_audit_row_list(c, a, &q, &entries, &n, &count));
    assert_int_equal(n, ENTRIES);
    for (size_t i = 0; i < n; i++)
        assert_true(sut_str_is(entries[i].ip, entries[i].id % 5 == 0 ? "" : "203.0.113.78"));
    static const struct sut_sql sealed = { "test_sealed",
                                           "SELECT COUNT(*) FROM sessions WHERE key_version = 1" };
    static const struct sut_sql steps = { "test_steps", "SELECT COUNT(*) FROM store_migration" };
    assert_int_equal(number(c, &sealed), SESSIONS - 1);
    assert_int_equal(number(c, &steps), (int64_t) sut_store_migrations_n);
}

static void check_store(struct temp_store *t)
{
    struct sut_arena *a = NULL;
    struct sut_db_conn *c = NULL;
    OK(sut_arena_create(64 << 20, &a));
    OK(sut_store_lease(temp_store_of(t), &c));
    check_people(c, a);
    check_rest(c, a);
    sut_store_return(temp_store_of(t), &c);
    sut_arena_free(&a);
}

static void an_old_store_is_sealed_and_reads_as_before(void **state)
{
    (void) state;
    struct temp_store *t = old_store();
    if (t == NULL)
        skip();
    assert_true(temp_store_reopen(t));
    check_store(t);
    assert_true(temp_store_reopen(t));
    check_store(t);
    temp_store_free(&t);
}

/* Ends the process at the n-th word of progress, as a kill would. */
static void die_at(void *ctx, const char *what, int64_t done, int64_t all)
{
    int *left = ctx;
    (void) what;
    (void) done;
    (void) all;
    if (--*left == 0)
        _exit(KILLED);
}

static void count_lines(void *ctx, const char *what, int64_t done, int64_t all)
{
    static const char *const whats[] = { "schema", "users", "sessions", "audit" };
    bool is_known = false;
    for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++)
        is_known = is_known || strcmp(what, whats[i]) == 0;
    assert_true(is_known && done > 0 && done <= all);
    ++*(int *) ctx;
}

/* Migrate in a process of its own that dies at line n; true when it came to the end. */
static bool migrate_until(struct temp_store *t, int n)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sut_store_options o = *temp_store_options(t);
        struct sut_store *s = NULL;
        struct sut_diag diag = { 0 };
        struct sut_secret *key = NULL;
        /* A secret is wiped in a child. */
        OK(sut_secret_dup(SUT_STR(TEMP_STORE_KEY), &key));
        o.db.key = key;
        o.progress = die_at;
        o.progress_ctx = &n;
        const sut_err e = sut_store_open(&o, &s, &diag);
        if (sut_failed(e))
            (void) fprintf(stderr, "# %s\n", diag.text);
        _exit(sut_failed(e) ? 1 : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 1);
    return WEXITSTATUS(status) == 0;
}

static void a_kill_at_each_step_costs_no_row(void **state)
{
    (void) state;
    struct temp_store *t = old_store();
    if (t == NULL)
        skip();
    /* Each try gets one line further than where the one before was killed. */
    unsigned deaths = 0;
    while (!migrate_until(t, 2))
        assert_true(++deaths < 40);
    assert_true(deaths >= 6);
    assert_true(temp_store_reopen(t));
    check_store(t);
    temp_store_free(&t);
}

static void progress_is_told_by_table_and_number(void **state)
{
    (void) state;
    struct temp_store *t = old_store();
    if (t == NULL)
        skip();
    int lines = 0;
    temp_store_options(t)->progress = count_lines;
    temp_store_options(t)->progress_ctx = &lines;
    assert_true(temp_store_reopen(t));
    assert_true(lines >= 8);
    temp_store_free(&t);
}

static void without_a_keeper_nothing_changes(void **state)
{
    (void) state;
    struct temp_store *t = old_store();
    if (t == NULL)
        skip();
    struct sut_store_options o = *temp_store_options(t);
    struct sut_store *s = NULL;
    struct sut_diag diag = { 0 };
    o.keeper = NULL;
    assert_int_equal(sut_store_open(&o, &s, &diag).code, SUT_E_UNAVAILABLE);
    assert_non_null(strstr(diag.text, "keeper"));
    assert_true(temp_store_reopen(t));
    check_store(t);
    temp_store_free(&t);
}

static void an_unwilling_program_refuses_an_old_store(void **state)
{
    (void) state;
    struct temp_store *t = old_store();
    if (t == NULL)
        skip();
    temp_store_options(t)->migrate = false;
    assert_false(temp_store_reopen(t));
    temp_store_free(&t);
}

int main(int argc, char **argv)
{
    kind = temp_store_kind(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_store_is_sealed_and_reads_as_before),
        cmocka_unit_test(a_kill_at_each_step_costs_no_row),
        cmocka_unit_test(progress_is_told_by_table_and_number),
        cmocka_unit_test(without_a_keeper_nothing_changes),
        cmocka_unit_test(an_unwilling_program_refuses_an_old_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
