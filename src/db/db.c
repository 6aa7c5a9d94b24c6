/* SPDX-License-Identifier: Apache-2.0 */
#include "db/db.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "db/driver.h"

enum { DB_MAGIC = 0x5DB0DB01, CONN_MAGIC = 0x5DB0C011 };

static const struct sut_db_driver *const drivers[] = {
    [SUT_DB_SQLITE] = &sut_db_sqlite_driver,
    [SUT_DB_POSTGRES] = &sut_db_postgres_driver,
};

/* libpq ends its messages with a newline and puts some on several lines. */
static void flatten(char *z)
{
    size_t n = strlen(z);
    while (n > 0 && (z[n - 1] == '\n' || z[n - 1] == ' '))
        z[--n] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (z[i] == '\n' || z[i] == '\t' || z[i] == '\r')
            z[i] = ' ';
    }
}

void sut_db__set_error(struct sut_db_conn *c, const char *what, const char *detail)
{
    (void) snprintf(c->error, sizeof(c->error), "%s: %s", what, detail == NULL ? "" : detail);
    flatten(c->error);
}

void sut_db__explain(struct sut_diag *d, const char *what, const char *detail)
{
    if (d == NULL)
        return;
    sut_diag_set(d, "%s: %s", what, detail == NULL ? "" : detail);
    flatten(d->text);
}

SUT_ERR sut_db_open(const struct sut_db_options *opt, struct sut_db **ret,
                    struct sut_diag *reterr_diag)
{
    const struct sut_db_driver *driver = drivers[opt->kind];
    struct sut_db *db = NULL;
    TRY(driver->open(opt, &db, reterr_diag));
    db->magic = DB_MAGIC;
    db->driver = driver;
    db->context = opt->context;

    struct sut_db_conn *c = NULL;
    const sut_err err = driver->connect(db, SUT_DB_WRITE, &c, reterr_diag);
    if (sut_failed(err)) {
        driver->close(db);
        return err;
    }
    driver->disconnect(c);
    *ret = db;
    return SUT_OK;
}

void sut_db_close(struct sut_db **db)
{
    if (*db == NULL)
        return;
    SUT_BUG_IF((*db)->magic != DB_MAGIC);
    (*db)->magic = 0;
    (*db)->driver->close(*db);
    *db = NULL;
}

enum sut_db_kind sut_db_kind(const struct sut_db *db)
{
    return db->driver->kind;
}

SUT_ERR sut_db_set_key(struct sut_db *db, const struct sut_secret *key)
{
    ENSURE(db->driver->set_key != NULL, INVALID);
    return db->driver->set_key(db, key);
}

SUT_ERR sut_db_connect(struct sut_db *db, enum sut_db_mode mode, struct sut_db_conn **ret)
{
    SUT_BUG_IF(db->magic != DB_MAGIC);
    struct sut_db_conn *c = NULL;
    TRY(db->driver->connect(db, mode, &c, NULL));
    c->magic = CONN_MAGIC;
    c->driver = db->driver;
    c->context = db->context;
    c->mode = mode;
    *ret = c;
    return SUT_OK;
}

void sut_db_disconnect(struct sut_db_conn **c)
{
    if (*c == NULL)
        return;
    SUT_BUG_IF((*c)->magic != CONN_MAGIC);
    (*c)->magic = 0;
    sut_statements_done(&(*c)->cache, (*c)->driver->stmt_free);
    (*c)->driver->disconnect(*c);
    *c = NULL;
}

enum sut_db_kind sut_db_conn_kind(const struct sut_db_conn *c)
{
    return c->driver->kind;
}

void *sut_db_context(const struct sut_db_conn *c)
{
    return c->context;
}

void sut_db_set_job(struct sut_db_conn *c, void *job)
{
    c->job = job;
}

void *sut_db_job(const struct sut_db_conn *c)
{
    return c->job;
}

void sut_db_set_on_loop(struct sut_db_conn *c, bool v)
{
    c->is_on_loop = v;
}

bool sut_db_is_on_loop(const struct sut_db_conn *c)
{
    return c->is_on_loop;
}

bool sut_db_is_alive(struct sut_db_conn *c)
{
    return c->driver->is_alive(c);
}

uint64_t sut_db_statements(const struct sut_db_conn *c)
{
    return c->statements;
}

const char *sut_db_last_error(const struct sut_db_conn *c)
{
    return c->error;
}

static SUT_ERR check_unspoiled(struct sut_db_conn *c)
{
    if (!c->spoiled)
        return SUT_OK;
    sut_db__set_error(c, "transaction", "a statement failed in it and nothing was rolled back");
    FAIL(SYSTEM);
}

/* Remember that a statement failed in a transaction; hand the error on. */
static sut_err spoil(struct sut_db_conn *c, sut_err err)
{
    if (sut_failed(err) && c->tx_open)
        c->spoiled = true;
    return err;
}

SUT_ERR sut_db_prepare(struct sut_db_conn *c, const struct sut_sql *sql, struct sut_db_stmt **ret)
{
    SUT_BUG_IF(c->magic != CONN_MAGIC);
    TRY(check_unspoiled(c));
    struct sut_db_stmt *s = sut_statements_find(&c->cache, sql);
    if (s == NULL) {
        TRY(spoil(c, c->driver->stmt_create(c, sql, &s)));
        s->conn = c;
        s->sql = sql;
        const sut_err err = sut_statements_add(&c->cache, s);
        if (sut_failed(err)) {
            c->driver->stmt_free(s);
            return err;
        }
    }
    /* Two users of one statement at a time would mix their rows. */
    SUT_BUG_IF(s->borrowed);
    s->borrowed = true;
    s->started = false;
    s->finished = false;
    s->fault = false;
    s->has_nul = false;
    s->changes = 0;
    *ret = s;
    return SUT_OK;
}

void sut_db_end(struct sut_db_stmt **s)
{
    if (*s == NULL)
        return;
    (*s)->conn->driver->stmt_reset(*s);
    (*s)->borrowed = false;
    *s = NULL;
}

static bool can_bind(struct sut_db_stmt *s, int n)
{
    if (n < 1 || n > SUT_DB_PARAMS_MAX || s->started) {
        s->fault = true;
        return false;
    }
    return true;
}

void sut_db_bind_i64(struct sut_db_stmt *s, int n, int64_t v)
{
    if (can_bind(s, n))
        s->conn->driver->bind_i64(s, n, v);
}

void sut_db_bind_text(struct sut_db_stmt *s, int n, sut_str v)
{
    if (!can_bind(s, n))
        return;
    /* PostgreSQL's text can't hold one, so no text does. */
    if (v.n > 0 && memchr(v.p, 0, v.n) != NULL) {
        s->fault = true;
        s->has_nul = true;
        return;
    }
    s->conn->driver->bind_text(s, n, v);
}

void sut_db_bind_blob(struct sut_db_stmt *s, int n, sut_str v)
{
    if (can_bind(s, n))
        s->conn->driver->bind_blob(s, n, v);
}

void sut_db_bind_null(struct sut_db_stmt *s, int n)
{
    if (can_bind(s, n))
        s->conn->driver->bind_null(s, n);
}

SUT_ERR sut_db_step(struct sut_db_stmt *s, bool *ret_row)
{
    struct sut_db_conn *c = s->conn;
    if (!s->started) {
        TRY(check_unspoiled(c));
        if (s->fault) {
            sut_db__set_error(c, s->sql->name, "a parameter could not be bound");
            c->spoiled = c->tx_open;
            ENSURE(!s->has_nul, INVALID);
            FAIL(SYSTEM);
        }
        c->statements++;
    }
    if (s->finished) {
        *ret_row = false;
        return SUT_OK;
    }
    const sut_err err = c->driver->step(s, ret_row);
    s->started = true;
    /* One step more would begin the statement anew. */
    s->finished = sut_failed(err) || !*ret_row;
    return spoil(c, err);
}

int64_t sut_db_col_i64(struct sut_db_stmt *s, int i)
{
    return s->conn->driver->col_i64(s, i);
}

sut_str sut_db_col_text(struct sut_db_stmt *s, int i)
{
    return s->conn->driver->col_text(s, i);
}

sut_str sut_db_col_blob(struct sut_db_stmt *s, int i)
{
    return s->conn->driver->col_blob(s, i);
}

bool sut_db_col_is_null(struct sut_db_stmt *s, int i)
{
    return s->conn->driver->col_is_null(s, i);
}

int64_t sut_db_changes(struct sut_db_stmt *s)
{
    return s->changes;
}

SUT_ERR sut_db_exec(struct sut_db_conn *c, const struct sut_sql *sql)
{
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    bool row = true;
    while (row)
        TRY(sut_db_step(s, &row));
    return SUT_OK;
}

SUT_ERR sut_db_script(struct sut_db_conn *c, const char *script)
{
    TRY(check_unspoiled(c));
    c->statements++;
    return spoil(c, c->driver->script(c, script));
}

SUT_ERR sut_db_tx_begin(struct sut_db_conn *c)
{
    SUT_BUG_IF(c->magic != CONN_MAGIC);
    SUT_BUG_IF(c->driver->in_tx(c));
    c->spoiled = false;
    TRY(c->driver->transact(c, SUT_DB_BEGIN));
    c->tx_open = true;
    return SUT_OK;
}

SUT_ERR sut_db_tx_commit(struct sut_db_conn *c)
{
    sut_err err = check_unspoiled(c);
    if (!sut_failed(err) && !c->driver->in_tx(c)) {
        sut_db__set_error(c, "commit", "the database has rolled the transaction back");
        static const struct sut_esite site = { __FILE__, __func__, __LINE__ };
        err = (sut_err){ .at = &site, .sys = 0, .code = SUT_E_SYSTEM };
    }
    if (!sut_failed(err))
        err = c->driver->transact(c, SUT_DB_COMMIT);
    if (sut_failed(err))
        sut_db_tx_rollback(c);
    c->tx_open = false;
    return err;
}

void sut_db_tx_rollback(struct sut_db_conn *c)
{
    c->spoiled = false;
    c->tx_open = false;
    if (c->driver->in_tx(c))
        sut_ignore(c->driver->transact(c, SUT_DB_ROLLBACK), "a driver that can't is not alive");
}

SUT_ERR sut_db_savepoint(struct sut_db_conn *c)
{
    TRY(check_unspoiled(c));
    return spoil(c, c->driver->transact(c, SUT_DB_SAVEPOINT));
}

SUT_ERR sut_db_savepoint_release(struct sut_db_conn *c)
{
    TRY(check_unspoiled(c));
    return spoil(c, c->driver->transact(c, SUT_DB_RELEASE));
}

void sut_db_savepoint_rollback(struct sut_db_conn *c)
{
    /* When the database has dropped the whole transaction, it stays spoiled until its end. */
    if (!c->driver->in_tx(c))
        return;
    c->spoiled = sut_failed(c->driver->transact(c, SUT_DB_ROLLBACK_TO));
}

bool sut_db_in_tx(const struct sut_db_conn *c)
{
    return c->driver->in_tx(c);
}

SUT_ERR sut_db_lock(struct sut_db_conn *c, int64_t key, unsigned wait_ms)
{
    return c->driver->lock(c, key, wait_ms);
}

SUT_ERR sut_db_has_table(struct sut_db_conn *c, const char *name, bool *ret)
{
    struct sut_db_stmt *s DEFER(sut_db_end) = NULL;
    TRY(sut_db_prepare(c, c->driver->has_table, &s));
    sut_db_bind_text(s, 1, sut_str_from(name));
    bool row = false;
    TRY(sut_db_step(s, &row));
    *ret = row;
    return SUT_OK;
}

unsigned sut_db_wal_pages(const struct sut_db_conn *c)
{
    return c->driver->wal_pages(c);
}

SUT_ERR sut_db_checkpoint(struct sut_db_conn *c, enum sut_db_checkpoint how)
{
    return c->driver->checkpoint(c, how);
}
