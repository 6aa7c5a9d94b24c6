/* SPDX-License-Identifier: Apache-2.0
 *
 * dump_store - every table of an embedded store, every column as it lies there.
 *
 * usage: dump_store DATA-FOLDER KEYS-FOLDER
 *
 * What a thief has who got the folders of data and keys and opened the file with
 * them: no personal field may be in it.  No server may have the store open.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "crypto/random.h"
#include "db/db.h"
#include "keeper/master.h"
#include "prog/file_key.h"
#include "test_keeper.h"

enum { ARENA_MAX = 16 << 20, SQL_MAX = 8192, PATH_BYTES = 4096, TABLES_MAX = 128 };

static void check(sut_err e, const char *what)
{
    if (!sut_failed(e))
        return;
    (void) fprintf(stderr, "dump_store: %s: %s\n", what, sut_err_info(e.code)->name);
    exit(1);
}

static struct sut_sql *statement(struct sut_arena *a, struct sut_buf *text)
{
    struct sut_sql *sql = ARENA_NEW(a, struct sut_sql);
    check(sut_buf_check(text), "statement");
    *sql = (struct sut_sql){ .name = "dump", .text = text->p };
    return sql;
}

/* "SELECT CAST(a AS BLOB), … FROM table": *ret_n columns. */
static struct sut_sql *select_all(struct sut_db_conn *c, struct sut_arena *a, sut_str table,
                                  int *ret_n)
{
    static const struct sut_sql columns = { "dump_columns",
                                            "SELECT name FROM pragma_table_info($1)" };
    struct sut_db_stmt *s = NULL;
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SQL_MAX);
    sut_buf_lit(&b, "SELECT ");
    check(sut_db_prepare(c, &columns, &s), "columns");
    sut_db_bind_text(s, 1, table);
    *ret_n = 0;
    for (bool has_row = true;; ++*ret_n) {
        check(sut_db_step(s, &has_row), "columns");
        if (!has_row)
            break;
        sut_buf_z(&b, *ret_n > 0 ? ", CAST(" : "CAST(");
        sut_buf_str_add(&b, sut_db_col_text(s, 0));
        sut_buf_lit(&b, " AS BLOB)");
    }
    sut_db_end(&s);
    sut_buf_lit(&b, " FROM ");
    sut_buf_str_add(&b, table);
    sut_buf_char(&b, '\0');
    return statement(a, &b);
}

static void dump_table(struct sut_db_conn *c, struct sut_arena *a, sut_str table)
{
    int n = 0;
    const struct sut_sql *sql = select_all(c, a, table, &n);
    struct sut_db_stmt *s = NULL;
    check(sut_db_prepare(c, sql, &s), "table");
    for (bool has_row = true;;) {
        check(sut_db_step(s, &has_row), "table");
        if (!has_row)
            break;
        (void) printf("%.*s", SUT_STR_ARG(table));
        for (int i = 0; i < n; i++) {
            const sut_str v = sut_db_col_blob(s, i);
            (void) putchar('\t');
            (void) fwrite(v.p, 1, v.n, stdout);
        }
        (void) putchar('\n');
    }
    sut_db_end(&s);
}

static void dump(struct sut_db_conn *c, struct sut_arena *a)
{
    static const struct sut_sql tables = { "dump_tables",
                                           "SELECT name FROM sqlite_schema WHERE type = 'table'" };
    struct sut_db_stmt *s = NULL;
    sut_str names[TABLES_MAX];
    size_t n = 0;
    check(sut_db_prepare(c, &tables, &s), "tables");
    for (bool has_row = true; n < TABLES_MAX;) {
        check(sut_db_step(s, &has_row), "tables");
        if (!has_row)
            break;
        names[n++] = sut_str_dup(a, sut_db_col_text(s, 0));
    }
    sut_db_end(&s);
    for (size_t i = 0; i < n; i++)
        dump_table(c, a, names[i]);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void) fprintf(stderr, "usage: dump_store DATA-FOLDER KEYS-FOLDER\n");
        return 2;
    }
    struct sut_diag diag = { 0 };
    struct sut_master master = { 0 };
    const struct sut_master_options o = { .keys_dir = argv[2], .random = &sut_random_system };
    check(sut_master_open(&o, &master, &diag), diag.text);
    struct sut_keeper *keeper = test_keeper_start_with(&master);
    struct sut_file_keys keys = { 0 };
    check(sut_file_keys_open(argv[1], keeper, false, &keys, &diag), diag.text);

    char path[PATH_BYTES];
    (void) snprintf(path, sizeof(path), "%s/sutler.db", argv[1]);
    const struct sut_db_options db_options = { .kind = SUT_DB_SQLITE,
                                               .path = path,
                                               .key = keys.key };
    struct sut_db *db = NULL;
    struct sut_db_conn *c = NULL;
    struct sut_arena *a = NULL;
    check(sut_arena_create(ARENA_MAX, &a), "memory");
    check(sut_db_open(&db_options, &db, &diag), diag.text);
    check(sut_db_connect(db, SUT_DB_READ, &c), "connect");
    dump(c, a);
    sut_db_disconnect(&c);
    sut_db_close(&db);
    sut_arena_free(&a);
    sut_file_keys_done(&keys);
    test_keeper_stop(&keeper);
    sut_master_done(&master);
    return 0;
}
