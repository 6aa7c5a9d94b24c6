/* SPDX-License-Identifier: Apache-2.0 */
#include "temp_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "crypto/random.h"
#include "pg.h"
#include "test_keeper.h"

struct temp_store {
    char dir[64];
    char path[128];
    struct sut_secret *key;
    struct pg *pg;
    struct sut_keeper *keeper;
    struct sut_store *store;
    struct sut_store_options opt;
};

enum sut_db_kind temp_store_kind(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "postgres") == 0 ? SUT_DB_POSTGRES : SUT_DB_SQLITE;
}

static void remove_folder(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return;
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[512];
        (void) snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            (void) unlink(path);
    }
    (void) closedir(d);
    (void) rmdir(dir);
}

static bool embedded(struct temp_store *t, struct sut_store_options *opt)
{
    (void) snprintf(t->dir, sizeof(t->dir), "/tmp/sutler-test-XXXXXX");
    if (mkdtemp(t->dir) == NULL) {
        t->dir[0] = '\0';
        return false;
    }
    (void) snprintf(t->path, sizeof(t->path), "%s/store.db", t->dir);
    if (sut_failed(sut_secret_dup(SUT_STR(TEMP_STORE_KEY), &t->key)))
        return false;
    opt->db.path = t->path;
    opt->db.key = t->key;
    return true;
}

static bool remote(struct temp_store *t, struct sut_store_options *opt)
{
    t->pg = pg_create();
    if (t->pg == NULL)
        return false;
    opt->db.dsn = pg_dsn(t->pg);
    opt->db.connect_timeout_s = 10;
    opt->db.statement_timeout_ms = 30000;
    return true;
}

struct temp_store *temp_store_prepare(enum sut_db_kind kind)
{
    struct temp_store *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->keeper = test_keeper_start();
    t->opt = (struct sut_store_options){
        .db = { .kind = kind },
        .readers = 4,
        .queue_max = 256,
        .migrate = true,
        .keeper = t->keeper,
        .random = &sut_random_system,
    };
    if (!(kind == SUT_DB_POSTGRES ? remote(t, &t->opt) : embedded(t, &t->opt)))
        temp_store_free(&t);
    return t;
}

bool temp_store_reopen(struct temp_store *t)
{
    struct sut_diag diag = { 0 };
    sut_store_close(&t->store);
    if (!sut_failed(sut_store_open(&t->opt, &t->store, &diag)))
        return true;
    (void) fprintf(stderr, "# no store: %s %s\n", diag.text, diag.hint);
    return false;
}

struct temp_store *temp_store_create(enum sut_db_kind kind)
{
    struct temp_store *t = temp_store_prepare(kind);
    if (t != NULL && !temp_store_reopen(t))
        temp_store_free(&t);
    return t;
}

void temp_store_free(struct temp_store **t)
{
    if (*t == NULL)
        return;
    sut_store_close(&(*t)->store);
    test_keeper_stop(&(*t)->keeper);
    sut_secret_free(&(*t)->key);
    pg_free(&(*t)->pg);
    if ((*t)->dir[0] != '\0')
        remove_folder((*t)->dir);
    free(*t);
    *t = NULL;
}

struct sut_store *temp_store_of(const struct temp_store *t)
{
    return t->store;
}

struct sut_keeper *temp_store_keeper(const struct temp_store *t)
{
    return t->keeper;
}

struct sut_store_options *temp_store_options(struct temp_store *t)
{
    return &t->opt;
}
