/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver over SQLite3 Multiple Ciphers.  Every file is encrypted and
 * authenticated page by page; the key goes in as 32 raw bytes through the C
 * API, so that it stands in no statement's text and costs no derivation at
 * each connection.  Only the writer's connection writes: the others are set
 * to query_only.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/scan.h"
#include "db/sqlite_int.h"

enum {
    KEY_BYTES = SUT_DB__KEY_BYTES,
    AEGIS_256 = 4, /* the cipher's "algorithm" parameter */
    READER_BUSY_MS = 250,
    WRITER_BUSY_MS = 5000,
    RAW_PREFIX = 4, /* "raw:" */
    MARK_BYTES = 16,
    HEAD_BYTES = 24, /* of the first page, in the clear: the mark and the sizes of a page */
};

/* The file's first bytes, in the place of the salt that a derived key would need. */
static const char mark[MARK_BYTES + 1] = "Sutler store 1\r\n";

struct sqlite_stmt {
    struct sut_db_stmt super;
    sqlite3_stmt *h;
    unsigned char place[SUT_DB_PARAMS_MAX + 1]; /* $n -> SQLite's own number; 0: not in the text */
};

static struct sqlite_conn *conn_of(struct sut_db_conn *c)
{
    return sut_db__sqlite_conn(c);
}

static struct sqlite_stmt *stmt_of(struct sut_db_stmt *s)
{
    return (struct sqlite_stmt *) s;
}

static sqlite3 *handle_of(struct sut_db_stmt *s)
{
    return conn_of(s->conn)->h;
}

/* An I/O error says by errno whether it was for want of space, but not of the log's index. */
static SUT_ERR io_error(sqlite3 *h, int rc)
{
    errno = sqlite3_system_errno(h);
    if (errno == ENOSPC || errno == EDQUOT || rc == SQLITE_IOERR_SHMSIZE)
        FAIL_SYS(FULL);
    FAIL_SYS(SYSTEM);
}

sut_err sut_db__sqlite_outcome(sqlite3 *h, int rc)
{
    if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
        rc == SQLITE_CONSTRAINT_ROWID)
        FAIL(EXISTS);
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SUT_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        FAIL(CONFLICT);
    case SQLITE_FULL:
        FAIL(FULL);
    case SQLITE_IOERR:
        return io_error(h, rc);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        FAIL(CORRUPT);
    case SQLITE_NOMEM:
        FAIL(NOMEM);
    case SQLITE_TOOBIG:
        FAIL(TOO_LARGE);
    case SQLITE_INTERRUPT:
        FAIL(UNAVAILABLE);
    default:
        FAIL(SYSTEM);
    }
}

static sut_err report(struct sqlite_conn *c, const char *what, int rc)
{
    const sut_err err = sut_db__sqlite_outcome(c->h, rc);
    if (sut_failed(err))
        sut_db__set_error(&c->super, what, sqlite3_errmsg(c->h));
    return err;
}

static sut_err set_db_key(struct sut_db *db, const struct sut_secret *key)
{
    ENSURE(sut_secret_str(key).n == KEY_BYTES, INVALID);
    ((struct sqlite_db *) db)->key = key;
    return SUT_OK;
}

static void close_db(struct sut_db *db)
{
    struct sqlite_db *d = (struct sqlite_db *) db;
    sut_mem_free(d->path);
    sut_mem_free(d);
}

static sut_err open_db(const struct sut_db_options *opt, struct sut_db **ret,
                       struct sut_diag *reterr_diag)
{
    if (opt->path == NULL || opt->key == NULL || sut_secret_str(opt->key).n != KEY_BYTES) {
        sut_diag_set(reterr_diag, "the embedded store needs a path and a key of %d bytes",
                     (int) KEY_BYTES);
        FAIL(INVALID);
    }
    /* Built without automatic initialisation; calling it again costs nothing. */
    ENSURE(sqlite3_initialize() == SQLITE_OK, NOMEM);

    struct sqlite_db *d = sut_mem_zalloc(1, sizeof(*d));
    ENSURE(d != NULL, NOMEM);
    const size_t n = strlen(opt->path) + 1;
    d->path = sut_mem_alloc(n);
    if (d->path == NULL) {
        sut_mem_free(d);
        FAIL(NOMEM);
    }
    memcpy(d->path, opt->path, n);
    d->cipher = opt->cipher;
    d->key = opt->key;
    d->vfs = opt->vfs;
    *ret = &d->super;
    return SUT_OK;
}

/*
 * The cipher covers a page but for the first bytes of page 1.  What may stand
 * there is known, so that a change to them is seen as well.  An empty file has
 * none yet.
 */
static SUT_ERR check_head(const struct sqlite_db *d, int fd)
{
    unsigned char head[HEAD_BYTES];
    const ssize_t n = pread(fd, head, sizeof(head), 0);
    if (n < 0)
        FAIL_SYS(SYSTEM);
    if (n == 0)
        return SUT_OK;
    const unsigned char reserved = d->cipher == SUT_DB_AEGIS256 ? 64 : 80;
    const unsigned char version = head[MARK_BYTES + 2]; /* 2: with a log; 1: just made */
    const unsigned char want[HEAD_BYTES - MARK_BYTES] = {
        0x10, 0x00, version, version, reserved, 0x40, 0x20, 0x20,
    };
    ENSURE(n == HEAD_BYTES && (version == 1 || version == 2), CORRUPT);
    ENSURE(memcmp(head, mark, MARK_BYTES) == 0, CORRUPT);
    ENSURE(memcmp(head + MARK_BYTES, want, sizeof(want)) == 0, CORRUPT);
    return SUT_OK;
}

static SUT_ERR refuse_unreadable(struct sut_diag *reterr_diag)
{
    sut_diag_set(reterr_diag, "the store can't be read: its key is another one, or the file is "
                              "damaged");
    sut_diag_hint(reterr_diag, "start with the keys folder that belongs to this data folder, or "
                               "restore a backup");
    FAIL(CORRUPT);
}

/* SQLite would make the file readable by everybody; its log and index take over its mode. */
static SUT_ERR make_file(const struct sqlite_db *d, struct sut_diag *reterr_diag)
{
    const int fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        const sut_err err = check_head(d, fd);
        (void) close(fd);
        return err.code == SUT_E_CORRUPT ? refuse_unreadable(reterr_diag) : err;
    }
    const int sys = errno;
    char why[128];
    sut_db__explain(reterr_diag, "can't open the store's file for writing",
                    strerror_r(sys, why, sizeof(why)));
    if (reterr_diag != NULL)
        sut_diag_place(reterr_diag, "%s", d->path);
    errno = sys;
    if (sys == ENOSPC || sys == EDQUOT)
        FAIL_SYS(FULL);
    FAIL_SYS(SYSTEM);
}

/* "raw:", the key, the mark: the cipher takes the bytes as they are and derives nothing. */
static int set_key(sqlite3 *h, enum sut_db_cipher cipher, const struct sut_secret *key)
{
    if (cipher == SUT_DB_AEGIS256) {
        (void) sqlite3mc_config(h, "cipher", sqlite3mc_cipher_index("aegis"));
        if (sqlite3mc_config_cipher(h, "aegis", "algorithm", AEGIS_256) != AEGIS_256)
            return SQLITE_ERROR;
    } else {
        (void) sqlite3mc_config(h, "cipher", sqlite3mc_cipher_index("sqlcipher"));
    }
    char raw[RAW_PREFIX + KEY_BYTES + MARK_BYTES];
    memcpy(raw, "raw:", RAW_PREFIX);
    memcpy(raw + RAW_PREFIX, sut_secret_str(key).p, KEY_BYTES);
    memcpy(raw + RAW_PREFIX + KEY_BYTES, mark, MARK_BYTES);
    const int rc = sqlite3_key_v2(h, "main", raw, (int) sizeof(raw));
    sut_wipe(raw, sizeof(raw));
    return rc;
}

int sut_db__sqlite_open(const struct sqlite_db *d, const char *path, const struct sut_secret *key,
                        sqlite3 **ret)
{
    char vfs[64];
    if (d->vfs != NULL)
        (void) snprintf(vfs, sizeof(vfs), "multipleciphers-%s", d->vfs);
    const int rc =
        sqlite3_open_v2(path, ret,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                            SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
                        d->vfs != NULL ? vfs : NULL);
    return rc == SQLITE_OK ? set_key(*ret, d->cipher, key) : rc;
}

static int on_commit_to_wal(void *arg, sqlite3 *h, const char *name, int pages)
{
    (void) h;
    (void) name;
    ((struct sqlite_conn *) arg)->wal_pages = (unsigned) pages;
    return SQLITE_OK;
}

static int set_up(struct sqlite_conn *c, enum sut_db_mode mode)
{
    /* synchronous=FULL: a commit returns when the log is on disk.  No memory map: a page that
     * was not verified is never looked at, and an I/O error is an error, not a signal. */
    static const char common[] = "PRAGMA synchronous=FULL;"
                                 "PRAGMA foreign_keys=ON;"
                                 "PRAGMA trusted_schema=OFF;"
                                 "PRAGMA cell_size_check=ON;"
                                 "PRAGMA mmap_size=0;"
                                 "PRAGMA temp_store=MEMORY;";
    (void) sqlite3_extended_result_codes(c->h, 1);
    (void) sqlite3_busy_timeout(c->h, mode == SUT_DB_WRITE ? WRITER_BUSY_MS : READER_BUSY_MS);
    (void) sqlite3_db_config(c->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int rc = sqlite3_exec(c->h, common, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return rc;
    if (mode == SUT_DB_READ)
        return sqlite3_exec(c->h, "PRAGMA cache_size=-1024; PRAGMA query_only=ON;", NULL, NULL,
                            NULL);
    rc = sqlite3_exec(c->h, "PRAGMA cache_size=-4096; PRAGMA journal_mode=WAL;", NULL, NULL, NULL);
    /* This hook takes the place of the automatic checkpoint, which is thereby off. */
    (void) sqlite3_wal_hook(c->h, on_commit_to_wal, c);
    return rc;
}

static SUT_ERR refuse(struct sut_diag *reterr_diag, const char *what, sqlite3 *h, int rc)
{
    const sut_err e = sut_db__sqlite_outcome(h, rc);
    sut_db__explain(reterr_diag, what,
                    e.code == SUT_E_FULL ? "no space is left on its disk" : sqlite3_errmsg(h));
    return e;
}

/* The first page tells whether the key fits; nothing has been written before. */
static SUT_ERR try_key(sqlite3 *h, struct sut_diag *reterr_diag)
{
    const int rc = sqlite3_exec(h, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    if ((rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT)
        return refuse_unreadable(reterr_diag);
    if (rc == SQLITE_OK && sqlite3_db_readonly(h, "main") == 1) {
        sut_diag_set(reterr_diag, "the store's file is read-only");
        FAIL(SYSTEM);
    }
    return rc == SQLITE_OK ? SUT_OK : refuse(reterr_diag, "can't read the store", h, rc);
}

static void disconnect(struct sut_db_conn *c)
{
    /* NULL is fine; statements are gone, so it can't be busy. */
    (void) sqlite3_close(conn_of(c)->h);
    sut_mem_free(c);
}

static SUT_ERR open_handle(const struct sqlite_db *d, struct sqlite_conn *c, enum sut_db_mode mode,
                           struct sut_diag *reterr_diag)
{
    TRY(make_file(d, reterr_diag));
    int rc = sut_db__sqlite_open(d, d->path, d->key, &c->h);
    if (rc != SQLITE_OK)
        return refuse(reterr_diag, "can't open the store", c->h, rc);
    TRY(try_key(c->h, reterr_diag));
    rc = set_up(c, mode);
    return rc == SQLITE_OK ? SUT_OK : refuse(reterr_diag, "can't set the store up", c->h, rc);
}

static sut_err connect_db(struct sut_db *db, enum sut_db_mode mode, struct sut_db_conn **ret,
                          struct sut_diag *reterr_diag)
{
    struct sqlite_conn *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    c->db = (struct sqlite_db *) db;
    const sut_err err = open_handle(c->db, c, mode, reterr_diag);
    if (sut_failed(err)) {
        disconnect(&c->super);
        return err;
    }
    *ret = &c->super;
    return SUT_OK;
}

static bool is_alive(struct sut_db_conn *c)
{
    (void) c;
    return true;
}

static bool in_tx(const struct sut_db_conn *c)
{
    return sqlite3_get_autocommit(((const struct sqlite_conn *) c)->h) == 0;
}

static void stmt_free(struct sut_db_stmt *s)
{
    (void) sqlite3_finalize(stmt_of(s)->h);
    sut_mem_free(s);
}

/* Parameters are written $1 … $n; SQLite numbers them by their first appearance. */
static bool map_parameters(struct sqlite_stmt *s)
{
    const int count = sqlite3_bind_parameter_count(s->h);
    for (int i = 1; i <= count; i++) {
        const char *name = sqlite3_bind_parameter_name(s->h, i);
        uint64_t n = 0;
        if (name == NULL || name[0] != '$' ||
            sut_failed(sut_parse_u64(sut_str_from(name + 1), SUT_DB_PARAMS_MAX, &n)) || n == 0)
            return false;
        s->place[n] = (unsigned char) i;
    }
    return true;
}

static sut_err stmt_create(struct sut_db_conn *conn, const struct sut_sql *sql,
                           struct sut_db_stmt **ret)
{
    struct sqlite_conn *c = conn_of(conn);
    struct sqlite_stmt *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    const char *tail = NULL;
    const int rc = sqlite3_prepare_v3(c->h, sql->text, -1, SQLITE_PREPARE_PERSISTENT, &s->h, &tail);
    if (rc != SQLITE_OK) {
        sut_mem_free(s);
        return report(c, sql->name, rc);
    }
    if (s->h == NULL || !map_parameters(s)) {
        stmt_free(&s->super);
        sut_db__set_error(conn, sql->name, "not one statement with parameters $1 to $64");
        FAIL(SYSTEM);
    }
    *ret = &s->super;
    return SUT_OK;
}

static void stmt_reset(struct sut_db_stmt *s)
{
    (void) sqlite3_reset(stmt_of(s)->h);
    /* What was bound is borrowed: nothing may keep pointing at it. */
    (void) sqlite3_clear_bindings(stmt_of(s)->h);
}

static void bound(struct sut_db_stmt *s, int n, int rc)
{
    if (rc != SQLITE_OK || stmt_of(s)->place[n] == 0)
        s->fault = true;
}

static void bind_i64(struct sut_db_stmt *s, int n, int64_t v)
{
    bound(s, n, sqlite3_bind_int64(stmt_of(s)->h, stmt_of(s)->place[n], v));
}

static void bind_text(struct sut_db_stmt *s, int n, sut_str v)
{
    bound(s, n,
          sqlite3_bind_text64(stmt_of(s)->h, stmt_of(s)->place[n], v.n > 0 ? v.p : "", v.n,
                              SQLITE_STATIC, SQLITE_UTF8));
}

static void bind_blob(struct sut_db_stmt *s, int n, sut_str v)
{
    bound(s, n,
          sqlite3_bind_blob64(stmt_of(s)->h, stmt_of(s)->place[n], v.n > 0 ? v.p : "", v.n,
                              SQLITE_STATIC));
}

static void bind_null(struct sut_db_stmt *s, int n)
{
    bound(s, n, sqlite3_bind_null(stmt_of(s)->h, stmt_of(s)->place[n]));
}

static sut_err step(struct sut_db_stmt *s, bool *ret_row)
{
    const int rc = sqlite3_step(stmt_of(s)->h);
    if (rc == SQLITE_ROW) {
        *ret_row = true;
        return SUT_OK;
    }
    if (rc == SQLITE_DONE) {
        *ret_row = false;
        /* A statement that can't write leaves the count of the one before it standing. */
        s->changes = sqlite3_stmt_readonly(stmt_of(s)->h) ? 0 : sqlite3_changes64(handle_of(s));
        return SUT_OK;
    }
    return report(conn_of(s->conn), s->sql->name, rc);
}

static int64_t col_i64(struct sut_db_stmt *s, int i)
{
    return sqlite3_column_int64(stmt_of(s)->h, i);
}

static sut_str col_text(struct sut_db_stmt *s, int i)
{
    const unsigned char *p = sqlite3_column_text(stmt_of(s)->h, i);
    return sut_str_of((const char *) p,
                      p == NULL ? 0 : (size_t) sqlite3_column_bytes(stmt_of(s)->h, i));
}

static sut_str col_blob(struct sut_db_stmt *s, int i)
{
    const void *p = sqlite3_column_blob(stmt_of(s)->h, i);
    return sut_str_of(p, p == NULL ? 0 : (size_t) sqlite3_column_bytes(stmt_of(s)->h, i));
}

static bool col_is_null(struct sut_db_stmt *s, int i)
{
    return sqlite3_column_type(stmt_of(s)->h, i) == SQLITE_NULL;
}

static sut_err run_script(struct sut_db_conn *conn, const char *script)
{
    struct sqlite_conn *c = conn_of(conn);
    return report(c, "script", sqlite3_exec(c->h, script, NULL, NULL, NULL));
}

/* Run one of the verbs below, prepared once a connection. */
static SUT_ERR run_verb(struct sut_db_conn *conn, const struct sut_sql *sql)
{
    struct sut_db_stmt *s = sut_statements_find(&conn->cache, sql);
    if (s == NULL) {
        TRY(stmt_create(conn, sql, &s));
        s->conn = conn;
        s->sql = sql;
        const sut_err err = sut_statements_add(&conn->cache, s);
        if (sut_failed(err)) {
            stmt_free(s);
            return err;
        }
    }
    bool row = false;
    const sut_err err = step(s, &row);
    (void) sqlite3_reset(stmt_of(s)->h);
    return err;
}

static sut_err transact(struct sut_db_conn *c, enum sut_db_verb verb)
{
    static const struct sut_sql begin_read = { "begin", "BEGIN" };
    static const struct sut_sql begin_write = { "begin", "BEGIN IMMEDIATE" };
    static const struct sut_sql commit = { "commit", "COMMIT" };
    static const struct sut_sql rollback = { "rollback", "ROLLBACK" };
    static const struct sut_sql savepoint = { "savepoint", "SAVEPOINT s" };
    static const struct sut_sql release = { "release", "RELEASE s" };
    static const struct sut_sql rollback_to = { "rollback_to", "ROLLBACK TO s" };
    switch (verb) {
    case SUT_DB_BEGIN:
        return run_verb(c, c->mode == SUT_DB_WRITE ? &begin_write : &begin_read);
    case SUT_DB_COMMIT:
        return run_verb(c, &commit);
    case SUT_DB_ROLLBACK:
        return run_verb(c, &rollback);
    case SUT_DB_SAVEPOINT:
        return run_verb(c, &savepoint);
    case SUT_DB_RELEASE:
        return run_verb(c, &release);
    case SUT_DB_ROLLBACK_TO:
        TRY(run_verb(c, &rollback_to));
        return run_verb(c, &release);
    }
    FAIL(SYSTEM);
}

static sut_err lock(struct sut_db_conn *c, int64_t key, unsigned wait_ms)
{
    (void) c;
    (void) key;
    (void) wait_ms;
    return SUT_OK;
}

static const struct sut_sql has_table = {
    "has_table",
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1",
};

static unsigned wal_pages(const struct sut_db_conn *c)
{
    return ((const struct sqlite_conn *) c)->wal_pages;
}

static sut_err checkpoint(struct sut_db_conn *conn, enum sut_db_checkpoint how)
{
    static const int modes[] = {
        [SUT_DB_PASSIVE] = SQLITE_CHECKPOINT_PASSIVE,
        [SUT_DB_TRUNCATE] = SQLITE_CHECKPOINT_TRUNCATE,
    };
    struct sqlite_conn *c = conn_of(conn);
    return report(c, "checkpoint", sqlite3_wal_checkpoint_v2(c->h, "main", modes[how], NULL, NULL));
}

const struct sut_db_driver sut_db_sqlite_driver = {
    .kind = SUT_DB_SQLITE,
    .open = open_db,
    .close = close_db,
    .set_key = set_db_key,
    .connect = connect_db,
    .disconnect = disconnect,
    .is_alive = is_alive,
    .in_tx = in_tx,
    .stmt_create = stmt_create,
    .stmt_free = stmt_free,
    .stmt_reset = stmt_reset,
    .bind_i64 = bind_i64,
    .bind_text = bind_text,
    .bind_blob = bind_blob,
    .bind_null = bind_null,
    .step = step,
    .col_i64 = col_i64,
    .col_text = col_text,
    .col_blob = col_blob,
    .col_is_null = col_is_null,
    .script = run_script,
    .transact = transact,
    .lock = lock,
    .has_table = &has_table,
    .wal_pages = wal_pages,
    .checkpoint = checkpoint,
};
