/* SPDX-License-Identifier: Apache-2.0 */
#include "store/file_key.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/copy.h"
#include "store/store_int.h"

enum {
    STEP_PAGES = 64,     /* a millisecond or two of the writer's time */
    SYNC_PAGES = 1024,   /* 4 MiB: so that no sync, here or at the end, has much to do */
    HOLD_MS = 60,        /* for one try to have every reading connection back */
    PAUSE_MS = 25,       /* between two: those who waited get their turn */
    PATIENCE_MS = 8000,  /* for all tries together */
    LOG_PAGES_MOVE = 64, /* a log longer than this is emptied before the stop */
    NS_PER_MS = 1000 * 1000,
    NS_PER_US = 1000,
    PATH_BYTES = 4096,
};

/* What SQLite keeps beside a file. */
static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

struct change {
    struct sut_store *store;
    const struct sut_file_key_change *ask;
    struct sut_file_key_outcome *out;
    struct sut_diag *diag;
    char path[PATH_BYTES]; /* of the copy */
    struct sut_db_copy *copy;
    struct sut_db_copy_seen seen;
    int old_fd; /* of the file that is replaced, ... */
    int log_fd; /* ... and of its log, or -1 */
    bool is_error_told;
};

static SUT_ERR path_of(const char *path, const char *suffix, char to[PATH_BYTES])
{
    const int n = snprintf(to, PATH_BYTES, "%s%s", path, suffix);
    ENSURE(n > 0 && n < PATH_BYTES, TOO_LARGE);
    return SUT_OK;
}

static SUT_ERR sync_folder(const char *path)
{
    char folder[PATH_BYTES];
    TRY(path_of(path, "", folder));
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        memcpy(folder, ".", sizeof("."));
    else
        slash[slash == folder ? 1 : 0] = '\0';
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        FAIL_SYS(SYSTEM);
    const int rc = fsync(fd);
    const int sys = errno;
    (void) close(fd);
    errno = sys;
    if (rc != 0)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static void remove_all(const char *path)
{
    char file[PATH_BYTES];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (!sut_failed(path_of(path, suffixes[i], file)))
            (void) unlink(file);
}

SUT_ERR sut_store__open_file(const struct sut_store_options *opt, struct sut_db **ret,
                             bool *ret_has_next, struct sut_diag *reterr_diag)
{
    bool has_next = false;
    sut_err err = sut_db_open(&opt->db, ret, reterr_diag);
    if (err.code == SUT_E_CORRUPT && opt->next_key != NULL) {
        struct sut_db_options next = opt->db;
        struct sut_diag unused = { .text = "" };
        next.key = opt->next_key;
        has_next = !sut_failed(sut_db_open(&next, ret, &unused));
        if (has_next)
            err = sync_folder(opt->db.path); /* what is acknowledged from here on has this file */
    }
    if (sut_failed(err)) {
        if (has_next)
            sut_db_close(ret);
        return err;
    }
    if (has_next)
        *reterr_diag = (struct sut_diag){ .text = "" };
    char copy[PATH_BYTES];
    TRY(path_of(opt->db.path, ".next", copy));
    remove_all(copy);
    *ret_has_next = has_next;
    return SUT_OK;
}

static void reach(const struct change *c, enum sut_file_key_point at)
{
    if (c->ask->point != NULL)
        c->ask->point(c->ask->arg, at);
}

/* A sentence for the error, unless there is one; `words` are the library's, or empty. */
static sut_err explain(struct change *c, sut_err err, const char *words)
{
    static const char what[] = "the store's file could not be copied";
    if (!sut_failed(err) || c->diag->text[0] != '\0')
        return err;
    char why[128];
    if (err.code == SUT_E_FULL) {
        sut_diag_set(c->diag, "%s: no space is left on the disk", what);
        sut_diag_hint(c->diag, "the copy needs as much space as the store's file has");
    } else if (words[0] == '\0' && err.sys != 0) {
        sut_diag_set(c->diag, "%s: %s", what, strerror_r(err.sys, why, sizeof(why)));
    } else {
        sut_diag_set(c->diag, "%s: %s", what,
                     words[0] != '\0' ? words : sut_err_info(err.code)->name);
    }
    sut_diag_place(c->diag, "%s", c->path);
    return err;
}

/* Jobs of the writer's thread. */

static sut_err begin_copy(struct sut_db_conn *conn, void *arg)
{
    struct change *c = arg;
    const sut_err err = sut_db_copy_begin(conn, c->path, c->ask->key, &c->copy);
    return explain(c, err, err.sys == 0 ? sut_db_last_error(conn) : "");
}

static sut_err step_copy(struct sut_db_conn *conn, void *arg)
{
    struct change *c = arg;
    (void) conn;
    return sut_db_copy_step(c->copy, STEP_PAGES, &c->seen);
}

static sut_err empty_log(struct sut_db_conn *conn, void *arg)
{
    (void) arg;
    if (sut_db_wal_pages(conn) > LOG_PAGES_MOVE)
        sut_ignore(sut_db_checkpoint(conn, SUT_DB_PASSIVE), "the stop does what is left");
    return SUT_OK;
}

static sut_err drop_copy(struct sut_db_conn *conn, void *arg)
{
    struct change *c = arg;
    (void) conn;
    sut_db_copy_free(&c->copy);
    return SUT_OK;
}

static sut_err end_copy(struct sut_db_conn *conn, void *arg)
{
    struct change *c = arg;
    (void) conn;
    TRY(explain(c, sut_db_copy_end(c->copy), sut_db_copy_error(c->copy)));
    c->out->pages = c->seen.total;
    reach(c, SUT_FILE_KEY_COPIED);
    return SUT_OK;
}

static SUT_ERR folder_ready(void *arg)
{
    struct sut_store *s = arg;
    if (!s->is_folder_due)
        return SUT_OK;
    TRY(sync_folder(s->path));
    s->is_folder_due = false;
    return SUT_OK;
}

/* The log of the old file beside the new one would be taken for that one's. */
static SUT_ERR require_no_log(struct change *c)
{
    char log[PATH_BYTES];
    TRY(path_of(c->store->path, "-wal", log));
    if (access(log, F_OK) != 0 && errno == ENOENT)
        return SUT_OK;
    sut_diag_set(c->diag, "the store's log could not be emptied into its file");
    sut_diag_place(c->diag, "%s", log);
    FAIL(SYSTEM);
}

/* Between the last connection to the old file and the first to the new one. */
static sut_err swap(void *arg)
{
    struct change *c = arg;
    struct sut_store *s = c->store;
    TRY(require_no_log(c));
    reach(c, SUT_FILE_KEY_CLOSED);
    TRY(sut_db_set_key(s->db, c->ask->key));
    sut_writer_wants(s->writer, folder_ready, s);
    if (rename(c->path, s->path) != 0) {
        const int sys = errno;
        char why[128];
        sut_diag_set(c->diag, "the copy could not take the place of the store's file: %s",
                     strerror_r(sys, why, sizeof(why)));
        errno = sys;
        FAIL_SYS(SYSTEM);
    }
    c->out->is_changed = true;
    reach(c, SUT_FILE_KEY_RENAMED);
    s->is_folder_due = true;
    const sut_err synced = folder_ready(s);
    if (sut_failed(synced)) {
        sut_diag_set(c->diag,
                     "the data folder could not be synced: no write is taken until it can");
        return synced;
    }
    reach(c, SUT_FILE_KEY_SYNCED);
    const sut_err adopted = c->ask->adopt(c->ask->arg);
    if (sut_failed(adopted) && c->diag->text[0] == '\0') {
        sut_diag_set(c->diag, "the store's file has its new key, but store.key could not be "
                              "replaced");
        sut_diag_hint(c->diag, "store.key.next holds it: the next start puts it in place");
    }
    if (!sut_failed(adopted))
        reach(c, SUT_FILE_KEY_ADOPTED);
    return adopted;
}

/* The old key again, when the new one is not in use. */
static sut_err swap_or_stay(void *arg)
{
    struct change *c = arg;
    const struct sut_secret *old = c->store->file_key;
    const sut_err err = swap(c);
    c->store->file_key = c->out->is_changed ? c->ask->key : old;
    sut_ignore(sut_db_set_key(c->store->db, c->store->file_key), "it has the right length");
    return err;
}

/* The rest on the caller's thread. */

/* Copy until no more is left than one step, and that on disk. */
static SUT_ERR catch_up(struct change *c)
{
    uint64_t synced = c->seen.done;
    do {
        TRY(sut_writer_between(c->store->writer, step_copy, c));
        if (c->ask->progress != NULL)
            ENSURE(c->ask->progress(c->ask->arg, c->seen.done, c->seen.total), UNAVAILABLE);
        reach(c, SUT_FILE_KEY_COPYING);
        if (c->seen.done >= synced + SYNC_PAGES) {
            synced = c->seen.done;
            TRY(sut_db_copy_sync(c->copy));
        }
    } while (c->seen.total - c->seen.done > STEP_PAGES);
    TRY(sut_db_copy_sync(c->copy));
    /* What the log has been emptied into so far is synced here and not on the writer's time. */
    (void) fdatasync(c->old_fd);
    TRY(sut_writer_between(c->store->writer, empty_log, c));
    (void) fdatasync(c->old_fd);
    return SUT_OK;
}

static void release(struct sut_store *s, const struct sut_store_seat *until)
{
    for (struct sut_store_seat *seat = s->seats; seat != until; seat = seat->next)
        sut_connpool_release(seat->pool);
    sut_connpool_release(s->readers);
}

/* All reading connections, or none. */
static SUT_ERR hold(struct sut_store *s)
{
    TRY(sut_connpool_hold(s->readers, HOLD_MS));
    for (struct sut_store_seat *seat = s->seats; seat != NULL; seat = seat->next) {
        const sut_err err = sut_connpool_hold(seat->pool, HOLD_MS);
        if (sut_failed(err)) {
            release(s, seat);
            return err;
        }
    }
    return SUT_OK;
}

/* One try to stop the world; BUSY: somebody keeps a connection. */
static SUT_ERR try_stop(struct change *c)
{
    struct sut_store *s = c->store;
    const struct sut_writer_stop stop = { .last = end_copy, .swap = swap_or_stay, .arg = c };
    c->out->stops_tried++;
    pthread_mutex_lock(&s->seats_lock); /* no seat begins within the stop */
    const uint64_t from = sut_monotonic_ns();
    sut_err err = hold(s);
    if (!sut_failed(err)) {
        err = sut_writer_stand(s->writer, &stop);
        release(s, NULL);
        c->out->stopped_us = (sut_monotonic_ns() - from) / NS_PER_US;
    }
    pthread_mutex_unlock(&s->seats_lock);
    return err;
}

static SUT_ERR run(struct change *c)
{
    TRY(sut_writer_between(c->store->writer, begin_copy, c));
    reach(c, SUT_FILE_KEY_BEGUN);
    TRY(catch_up(c));
    reach(c, SUT_FILE_KEY_READY);

    static const struct timespec pause = { .tv_nsec = PAUSE_MS * NS_PER_MS };
    const uint64_t until = sut_monotonic_ns() + (uint64_t) PATIENCE_MS * NS_PER_MS;
    for (;;) {
        const sut_err err = try_stop(c);
        if (err.code != SUT_E_BUSY || c->out->is_changed)
            return err;
        if (sut_monotonic_ns() > until) {
            sut_diag_set(c->diag,
                         "long requests kept their connections to the store for %d seconds",
                         PATIENCE_MS / 1000);
            sut_diag_hint(c->diag, "run the command again when there is less to do");
            return err;
        }
        (void) nanosleep(&pause, NULL);
        TRY(catch_up(c));
    }
}

static SUT_ERR change(struct change *c)
{
    char log[PATH_BYTES];
    TRY(path_of(c->store->path, ".next", c->path));
    TRY(path_of(c->store->path, "-wal", log));
    /* Held until all is over: the blocks of a large file take a while to be freed. */
    c->old_fd = open(c->store->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (c->old_fd < 0)
        FAIL_SYS(SYSTEM);
    c->log_fd = open(log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    sut_err err = run(c);
    if (err.code == SUT_E_UNAVAILABLE)
        sut_diag_set(c->diag, "the change of the file's key was given up");
    err = explain(c, err, c->copy == NULL ? "" : sut_db_copy_error(c->copy));
    if (c->copy != NULL)
        sut_ignore(sut_writer_between(c->store->writer, drop_copy, c), "freed below");
    if (!c->out->is_changed)
        remove_all(c->path);
    (void) close(c->old_fd);
    if (c->log_fd >= 0)
        (void) close(c->log_fd);
    return err;
}

SUT_ERR sut_store_change_file_key(struct sut_store *s, const struct sut_file_key_change *ask,
                                  struct sut_file_key_outcome *ret, struct sut_diag *reterr_diag)
{
    *ret = (struct sut_file_key_outcome){ .is_changed = false };
    if (s->writer == NULL) {
        sut_diag_set(reterr_diag, "a store on PostgreSQL has no file with a key of its own");
        FAIL(INVALID);
    }
    if (sut_secret_str(ask->key).n != SUT_FILE_KEY_BYTES) {
        sut_diag_set(reterr_diag, "the key of a file has %d bytes", SUT_FILE_KEY_BYTES);
        FAIL(INVALID);
    }
    if (atomic_exchange(&s->is_changing, true)) {
        sut_diag_set(reterr_diag, "a change of the file's key is under way");
        FAIL(BUSY);
    }
    struct change c = { .store = s, .ask = ask, .out = ret, .diag = reterr_diag };
    const sut_err err = change(&c);
    atomic_store(&s->is_changing, false);
    return err;
}
