/* SPDX-License-Identifier: Apache-2.0 */
#include "dropvfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 4096, PATH_BYTES = 1024 };

/* A file as this process sees it. */
struct content {
    struct content *next;
    char path[PATH_BYTES];
    unsigned refs;
    int64_t size;
    int64_t valid;          /* bytes at the front of the real file that still count */
    unsigned char **blocks; /* what was written and not synced; NULL: look into the real file */
    size_t blocks_n;
};

struct drop_file {
    sqlite3_file super;
    struct content *content; /* NULL: a file that is not kept back */
    sqlite3_file *real;      /* in the same allocation, behind this struct */
};

/* The disk. */
static struct {
    pthread_mutex_t lock;
    struct content *contents;
    int64_t total;
    int64_t budget;
    bool ignores_syncs;
    sqlite3_vfs vfs;
    sqlite3_vfs *unix_vfs;
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .budget = -1 };

static struct drop_file *file_of(sqlite3_file *f)
{
    return (struct drop_file *) (void *) f;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return file_of(f)->real;
}

static void set_size(struct content *c, int64_t size)
{
    disk.total += size - c->size;
    c->size = size;
}

static void drop_blocks(struct content *c, size_t from)
{
    for (size_t i = from; i < c->blocks_n; i++) {
        free(c->blocks[i]);
        c->blocks[i] = NULL;
    }
}

/* Bytes of the real file, zeros where it has none that count. */
static int read_real(const struct content *c, sqlite3_file *real, unsigned char *to, int64_t at,
                     size_t n)
{
    memset(to, 0, n);
    if (at >= c->valid)
        return SQLITE_OK;
    const int64_t rest = c->valid - at;
    const size_t take = (int64_t) n < rest ? n : (size_t) rest;
    const int rc = real->pMethods->xRead(real, to, (int) take, at);
    return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
}

static size_t part_of_block(int64_t at, size_t n)
{
    const size_t left = BLOCK - (size_t) (at % BLOCK);
    return n < left ? n : left;
}

static int read_locked(struct drop_file *f, unsigned char *to, size_t n, int64_t at)
{
    const struct content *c = f->content;
    int rc = SQLITE_OK;
    if (at + (int64_t) n > c->size) {
        const size_t there = at < c->size ? (size_t) (c->size - at) : 0;
        memset(to + there, 0, n - there);
        n = there;
        rc = SQLITE_IOERR_SHORT_READ;
    }
    while (n > 0) {
        const size_t part = part_of_block(at, n);
        const size_t i = (size_t) (at / BLOCK);
        if (i < c->blocks_n && c->blocks[i] != NULL) {
            memcpy(to, c->blocks[i] + at % BLOCK, part);
        } else {
            const int real_rc = read_real(c, f->real, to, at, part);
            if (real_rc != SQLITE_OK)
                return real_rc;
        }
        to += part;
        at += (int64_t) part;
        n -= part;
    }
    return rc;
}

static int make_block(struct drop_file *f, size_t i)
{
    struct content *c = f->content;
    if (i >= c->blocks_n) {
        const size_t n = (i + 1) * 2;
        unsigned char **blocks = realloc(c->blocks, n * sizeof(*blocks));
        if (blocks == NULL)
            return SQLITE_NOMEM;
        memset(blocks + c->blocks_n, 0, (n - c->blocks_n) * sizeof(*blocks));
        c->blocks = blocks;
        c->blocks_n = n;
    }
    if (c->blocks[i] != NULL)
        return SQLITE_OK;
    c->blocks[i] = malloc(BLOCK);
    if (c->blocks[i] == NULL)
        return SQLITE_NOMEM;
    return read_real(c, f->real, c->blocks[i], (int64_t) i * BLOCK, BLOCK);
}

static int write_locked(struct drop_file *f, const unsigned char *from, size_t n, int64_t at)
{
    const int64_t end = at + (int64_t) n;
    if (end > f->content->size) {
        if (disk.budget >= 0 && disk.total + end - f->content->size > disk.budget)
            return SQLITE_FULL;
        set_size(f->content, end);
    }
    while (n > 0) {
        const size_t part = part_of_block(at, n);
        const int rc = make_block(f, (size_t) (at / BLOCK));
        if (rc != SQLITE_OK)
            return rc;
        memcpy(f->content->blocks[at / BLOCK] + at % BLOCK, from, part);
        from += part;
        at += (int64_t) part;
        n -= part;
    }
    return SQLITE_OK;
}

static void truncate_locked(struct content *c, int64_t size)
{
    const size_t whole = (size_t) ((size + BLOCK - 1) / BLOCK);
    drop_blocks(c, whole);
    const size_t last = (size_t) (size / BLOCK);
    if (size % BLOCK != 0 && last < c->blocks_n && c->blocks[last] != NULL)
        memset(c->blocks[last] + size % BLOCK, 0, (size_t) (BLOCK - size % BLOCK));
    if (c->valid > size)
        c->valid = size;
    set_size(c, size);
}

static int sync_locked(struct drop_file *f, int flags)
{
    struct content *c = f->content;
    sqlite3_file *real = f->real;
    if (disk.ignores_syncs)
        return SQLITE_OK;
    int rc = real->pMethods->xTruncate(real, c->valid);
    for (size_t i = 0; i < c->blocks_n && rc == SQLITE_OK; i++) {
        const int64_t at = (int64_t) i * BLOCK;
        if (c->blocks[i] == NULL || at >= c->size)
            continue;
        const int64_t n = c->size - at < BLOCK ? c->size - at : BLOCK;
        rc = real->pMethods->xWrite(real, c->blocks[i], (int) n, at);
    }
    if (rc == SQLITE_OK)
        rc = real->pMethods->xTruncate(real, c->size);
    if (rc == SQLITE_OK)
        rc = real->pMethods->xSync(real, flags);
    if (rc == SQLITE_OK) {
        drop_blocks(c, 0);
        c->valid = c->size;
    }
    return rc;
}

static void forget(struct content *c)
{
    struct content **at = &disk.contents;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    set_size(c, 0);
    drop_blocks(c, 0);
    free(c->blocks);
    free(c);
}

static bool has_unsynced(const struct content *c)
{
    for (size_t i = 0; i < c->blocks_n; i++) {
        if (c->blocks[i] != NULL)
            return true;
    }
    return c->valid != c->size;
}

static int file_close(sqlite3_file *f)
{
    struct content *c = file_of(f)->content;
    pthread_mutex_lock(&disk.lock);
    if (c != NULL && --c->refs == 0 && !has_unsynced(c))
        forget(c);
    pthread_mutex_unlock(&disk.lock);
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    if (file_of(f)->content == NULL)
        return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
    pthread_mutex_lock(&disk.lock);
    const int rc = read_locked(file_of(f), to, (size_t) n, at);
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    if (file_of(f)->content == NULL)
        return real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
    pthread_mutex_lock(&disk.lock);
    const int rc = write_locked(file_of(f), from, (size_t) n, at);
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if (file_of(f)->content == NULL)
        return real_of(f)->pMethods->xTruncate(real_of(f), size);
    pthread_mutex_lock(&disk.lock);
    truncate_locked(file_of(f)->content, size);
    pthread_mutex_unlock(&disk.lock);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *f, int flags)
{
    if (file_of(f)->content == NULL)
        return real_of(f)->pMethods->xSync(real_of(f), flags);
    pthread_mutex_lock(&disk.lock);
    const int rc = sync_locked(file_of(f), flags);
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    if (file_of(f)->content == NULL)
        return real_of(f)->pMethods->xFileSize(real_of(f), ret);
    pthread_mutex_lock(&disk.lock);
    *ret = file_of(f)->content->size;
    pthread_mutex_unlock(&disk.lock);
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_is_reserved(sqlite3_file *f, int *ret)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    /* Hints to make the real file larger would write past the books kept here. */
    if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
        return SQLITE_OK;
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static int shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int shm_unmap(sqlite3_file *f, int remove)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static int fetch(sqlite3_file *f, sqlite3_int64 at, int n, void **ret)
{
    (void) f;
    (void) at;
    (void) n;
    *ret = NULL; /* no memory map: read instead */
    return SQLITE_OK;
}

static int unfetch(sqlite3_file *f, sqlite3_int64 at, void *p)
{
    (void) f;
    (void) at;
    (void) p;
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 3,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
    .xFetch = fetch,
    .xUnfetch = unfetch,
};

/* The content of this path, begun from the real file when nobody has it open. */
static struct content *hold(const char *path, sqlite3_file *real)
{
    struct content *c = disk.contents;
    while (c != NULL && strcmp(c->path, path) != 0)
        c = c->next;
    if (c == NULL) {
        sqlite3_int64 size = 0;
        if (strlen(path) >= PATH_BYTES || real->pMethods->xFileSize(real, &size) != SQLITE_OK)
            return NULL;
        c = calloc(1, sizeof(*c));
        if (c == NULL)
            return NULL;
        memcpy(c->path, path, strlen(path) + 1);
        c->valid = size;
        set_size(c, size);
        c->next = disk.contents;
        disk.contents = c;
    }
    c->refs++;
    return c;
}

static int vfs_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    (void) v;
    struct drop_file *f = file_of(file);
    *f = (struct drop_file){ .real = (sqlite3_file *) (void *) (f + 1) };
    const int rc = disk.unix_vfs->xOpen(disk.unix_vfs, name, f->real, flags, ret_flags);
    if (rc != SQLITE_OK)
        return rc;
    f->super.pMethods = &methods;
    const int kept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
    if (name == NULL || (flags & kept) == 0)
        return SQLITE_OK;
    pthread_mutex_lock(&disk.lock);
    f->content = hold(name, f->real);
    pthread_mutex_unlock(&disk.lock);
    return f->content != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
    (void) v;
    pthread_mutex_lock(&disk.lock);
    for (struct content *c = disk.contents; c != NULL; c = c->next) {
        if (strcmp(c->path, name) != 0)
            continue;
        if (c->refs == 0) {
            forget(c);
        } else {
            truncate_locked(c, 0);
        }
        break;
    }
    pthread_mutex_unlock(&disk.lock);
    return disk.unix_vfs->xDelete(disk.unix_vfs, name, sync_dir);
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
    (void) v;
    return disk.unix_vfs->xAccess(disk.unix_vfs, name, flags, ret);
}

static int vfs_path(sqlite3_vfs *v, const char *name, int n, char *ret)
{
    (void) v;
    return disk.unix_vfs->xFullPathname(disk.unix_vfs, name, n, ret);
}

static int vfs_random(sqlite3_vfs *v, int n, char *ret)
{
    (void) v;
    return disk.unix_vfs->xRandomness(disk.unix_vfs, n, ret);
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
    (void) v;
    return disk.unix_vfs->xSleep(disk.unix_vfs, us);
}

static int vfs_time(sqlite3_vfs *v, double *ret)
{
    (void) v;
    return disk.unix_vfs->xCurrentTime(disk.unix_vfs, ret);
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *ret)
{
    (void) v;
    return disk.unix_vfs->xGetLastError(disk.unix_vfs, n, ret);
}

static int vfs_time_ms(sqlite3_vfs *v, sqlite3_int64 *ret)
{
    (void) v;
    return disk.unix_vfs->xCurrentTimeInt64(disk.unix_vfs, ret);
}

bool sut_testvfs_register(const char *name)
{
    if (sqlite3_initialize() != SQLITE_OK)
        return false;
    if (sqlite3_vfs_find(name) != NULL)
        return true;
    disk.unix_vfs = sqlite3_vfs_find("unix");
    if (disk.unix_vfs == NULL)
        return false;
    disk.vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int) sizeof(struct drop_file) + disk.unix_vfs->szOsFile,
        .mxPathname = disk.unix_vfs->mxPathname,
        .zName = name,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_ms,
    };
    return sqlite3_vfs_register(&disk.vfs, 0) == SQLITE_OK;
}

void sut_testvfs_set_budget(int64_t bytes)
{
    pthread_mutex_lock(&disk.lock);
    disk.budget = bytes;
    pthread_mutex_unlock(&disk.lock);
}

int64_t sut_testvfs_total(void)
{
    pthread_mutex_lock(&disk.lock);
    const int64_t total = disk.total;
    pthread_mutex_unlock(&disk.lock);
    return total;
}

void sut_testvfs_ignore_syncs(bool ignore)
{
    pthread_mutex_lock(&disk.lock);
    disk.ignores_syncs = ignore;
    pthread_mutex_unlock(&disk.lock);
}
