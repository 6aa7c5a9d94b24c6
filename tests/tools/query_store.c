/* SPDX-License-Identifier: Apache-2.0
 *
 * query_store - statements in an embedded store, for tests that look at rows or make them old.
 *
 * usage: query_store DATA-FOLDER KEYS-FOLDER STATEMENT...
 *
 * The first column of each row is printed, a line each; it must be a text.  All statements are one
 * transaction.  No server may have the store open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/random.h"
#include "db/db.h"
#include "keeper/master.h"
#include "prog/file_key.h"
#include "store/store.h"
#include "test_keeper.h"

enum { PATH_BYTES = 4096, FIRST = 3 };

static void check(sut_err e, const char *what)
{
    if (!sut_failed(e))
        return;
    (void) fprintf(stderr, "query_store: %s: %s\n", what, sut_err_info(e.code)->name);
    exit(1);
}

struct asking {
    struct sut_sql *sql;
    int n;
};

static SUT_ERR ask(struct sut_db_conn *c, const struct sut_sql *sql)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    for (;;) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            return SUT_OK;
        (void) printf("%.*s\n", SUT_STR_ARG(sut_db_col_text(s, 0)));
    }
}

static SUT_ERR ask_all(struct sut_db_conn *c, void *arg)
{
    const struct asking *const a = arg;
    for (int i = 0; i < a->n; i++)
        TRY(ask(c, &a->sql[i]));
    return SUT_OK;
}

int main(int argc, char **argv)
{
    if (argc <= FIRST) {
        (void) fprintf(stderr, "usage: query_store DATA-FOLDER KEYS-FOLDER STATEMENT...\n");
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
    const struct sut_store_options options = {
        .db = { .kind = SUT_DB_SQLITE, .path = path, .key = keys.key },
        .readers = 1,
        .queue_max = 16,
        .keeper = keeper,
        .random = &sut_random_system,
    };
    struct sut_store *store = NULL;
    check(sut_store_open(&options, &store, &diag), diag.text);
    struct asking a = { .n = argc - FIRST };
    a.sql = calloc((size_t) a.n, sizeof(*a.sql));
    if (a.sql == NULL)
        return 1;
    for (int i = 0; i < a.n; i++)
        a.sql[i] = (struct sut_sql){ .name = "asked", .text = argv[FIRST + i] };
    check(sut_store_write_alone(store, ask_all, &a), "the statements");
    sut_store_close(&store);
    free(a.sql);
    sut_file_keys_done(&keys);
    test_keeper_stop(&keeper);
    sut_master_done(&master);
    return 0;
}
