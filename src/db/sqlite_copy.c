/* SPDX-License-Identifier: Apache-2.0
 *
 * SQLite's backup interface copies page by page between two connections, each
 * of which has its own key; the library wants the same cipher and page size on
 * both sides and nothing more.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/copy.h"
#include "db/sqlite_int.h"

struct sut_db_copy {
    struct sut_db_conn *source;
    sqlite3 *h;
    sqlite3_backup *backup;
    int fd; /* of the file, for its sync */
    bool is_complete;
    char *path;
    char error[256];
};

/* By the VFS, which may keep books about its files. */
static int remove_file(const struct sut_db_copy *k)
{
    const char *name = sut_db__sqlite_conn(k->source)->db->vfs;
    sqlite3_vfs *v = sqlite3_vfs_find(name);
    return v == NULL ? SQLITE_ERROR : v->xDelete(v, k->path, 0);
}

static SUT_ERR make_new(const struct sut_db_copy *k, int *ret_fd)
{
    const int rc = remove_file(k);
    if (rc != SQLITE_OK && rc != SQLITE_IOERR_DELETE_NOENT)
        FAIL_SYS(SYSTEM);
    const int fd = open(k->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && (errno == ENOSPC || errno == EDQUOT))
        FAIL_SYS(FULL);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    *ret_fd = fd;
    return SUT_OK;
}

static SUT_ERR fail(struct sut_db_copy *k, int rc)
{
    const int sys = errno;
    (void) snprintf(k->error, sizeof(k->error), "%s", sqlite3_errstr(rc));
    /* The library knows a full disk; a limit or a quota only shows by errno. */
    if ((rc & 0xff) == SQLITE_IOERR && (sys == EDQUOT || sys == ENOSPC || sys == EFBIG)) {
        errno = sys;
        FAIL_SYS(FULL);
    }
    return sut_db__sqlite_outcome(k->h, rc);
}

static SUT_ERR set_up(struct sut_db_copy *k, const struct sut_secret *key)
{
    const struct sqlite_conn *c = sut_db__sqlite_conn(k->source);
    int rc = sut_db__sqlite_open(c->db, k->path, key, &k->h);
    /* No journal: a copy that fails is thrown away.  The cache is small, so that pages go to the
     * file while there is time, and not all at the end. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(k->h,
                          "PRAGMA journal_mode=OFF; PRAGMA synchronous=FULL;"
                          "PRAGMA mmap_size=0; PRAGMA cache_size=-1024;"
                          "PRAGMA temp_store=MEMORY; PRAGMA locking_mode=EXCLUSIVE;",
                          NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return fail(k, rc);
    k->backup = sqlite3_backup_init(k->h, "main", c->h, "main");
    if (k->backup == NULL)
        return fail(k, sqlite3_errcode(k->h));
    return SUT_OK;
}

SUT_ERR sut_db_copy_begin(struct sut_db_conn *c, const char *path, const struct sut_secret *key,
                          struct sut_db_copy **ret)
{
    ENSURE(sut_db_conn_kind(c) == SUT_DB_SQLITE, INVALID);
    ENSURE(sut_secret_str(key).n == SUT_DB__KEY_BYTES, INVALID);
    struct sut_db_copy *k DEFER(sut_db_copy_free) = sut_mem_zalloc(1, sizeof(*k));
    ENSURE(k != NULL, NOMEM);
    k->source = c;
    k->fd = -1;
    const size_t n = strlen(path) + 1;
    k->path = sut_mem_alloc(n);
    ENSURE(k->path != NULL, NOMEM);
    memcpy(k->path, path, n);
    TRY(make_new(k, &k->fd));
    const sut_err err = set_up(k, key);
    if (sut_failed(err)) {
        sut_db__set_error(c, "copy", k->error);
        return err;
    }
    *ret = STEAL(k);
    return SUT_OK;
}

SUT_ERR sut_db_copy_step(struct sut_db_copy *k, unsigned n, struct sut_db_copy_seen *ret)
{
    SUT_BUG_IF(k->backup == NULL || sut_db_in_tx(k->source));
    /* A step of none tells how many are left, and sees whether the copy is still sound. */
    errno = 0;
    int rc = sqlite3_backup_step(k->backup, 0);
    int left = sqlite3_backup_remaining(k->backup);
    if (rc == SQLITE_OK && n > 0 && left > 1) {
        rc = sqlite3_backup_step(k->backup, (unsigned) left - 1 < n ? left - 1 : (int) n);
        left = sqlite3_backup_remaining(k->backup);
    }
    if (rc != SQLITE_OK)
        return fail(k, rc);
    ret->total = (uint64_t) sqlite3_backup_pagecount(k->backup);
    ret->done = ret->total - (uint64_t) left;
    return SUT_OK;
}

SUT_ERR sut_db_copy_sync(struct sut_db_copy *k)
{
    if (fdatasync(k->fd) == 0)
        return SUT_OK;
    if (errno == ENOSPC || errno == EDQUOT)
        FAIL_SYS(FULL);
    FAIL_SYS(SYSTEM);
}

SUT_ERR sut_db_copy_end(struct sut_db_copy *k)
{
    SUT_BUG_IF(k->backup == NULL || sut_db_in_tx(k->source));
    errno = 0;
    const int rc = sqlite3_backup_step(k->backup, -1);
    if (rc != SQLITE_DONE)
        return fail(k, rc);
    (void) sqlite3_backup_finish(k->backup);
    k->backup = NULL;
    const int closed = sqlite3_close(k->h);
    if (closed != SQLITE_OK)
        return fail(k, closed);
    k->h = NULL;
    k->is_complete = true;
    return SUT_OK;
}

const char *sut_db_copy_error(const struct sut_db_copy *k)
{
    return k->error;
}

void sut_db_copy_free(struct sut_db_copy **pk)
{
    struct sut_db_copy *k = *pk;
    if (k == NULL)
        return;
    if (k->backup != NULL)
        (void) sqlite3_backup_finish(k->backup);
    (void) sqlite3_close(k->h);
    if (k->fd >= 0) {
        if (!k->is_complete)
            (void) remove_file(k);
        (void) close(k->fd);
    }
    sut_mem_free(k->path);
    sut_mem_free(k);
    *pk = NULL;
}
