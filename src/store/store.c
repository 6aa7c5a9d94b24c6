/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "ipc/keeper.h"
#include "store/connpool.h"
#include "store/migrate.h"
#include "store/people_int.h"
#include "store/reseal_int.h"
#include "store/store_int.h"
#include "store/writer.h"

enum {
    STORE_MAGIC = 0x5DB05703,
    /* Longer than who has a connection may wait for the keeper: who comes after fares no worse. */
    LEASE_WAIT_MS = SUT_KEEPER_PATIENCE_MS + 2000,
    STALE_TRIES = 24, /* of a write that lacks keys: each brings some */
    TRIES = 16,       /* of a write that meets another on PostgreSQL */
    TRIES_FREE = 2,   /* after these, a write of this process that met another goes alone */
    BACKOFF_US = 500, /* doubled each time, up to BACKOFF_MAX_US, and spread */
    BACKOFF_MAX_US = 32000,
    NS_PER_US = 1000,
    PATH_BYTES = 4096,
};

/* One process has an embedded store; the lock ends with it, however it ends. */
static SUT_ERR lock_folder(const char *path, int *ret_fd, struct sut_diag *reterr_diag)
{
    char file[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    const size_t dir_n = slash == NULL ? 0 : (size_t) (slash - path) + 1;
    ENSURE(dir_n + sizeof("lock") <= sizeof(file), TOO_LARGE);
    memcpy(file, path, dir_n);
    memcpy(file + dir_n, "lock", sizeof("lock"));

    const int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        const int sys = errno;
        char why[128];
        sut_diag_set(reterr_diag, "can't write to the data folder: %s",
                     strerror_r(sys, why, sizeof(why)));
        sut_diag_place(reterr_diag, "%s", file);
        errno = sys;
        if (sys == ENOSPC || sys == EDQUOT)
            FAIL_SYS(FULL);
        FAIL_SYS(SYSTEM);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        sut_diag_set(reterr_diag, "another sutler has this store open");
        sut_diag_place(reterr_diag, "%s", file);
        (void) close(fd);
        FAIL(BUSY);
    }
    *ret_fd = fd;
    return SUT_OK;
}

static SUT_ERR bring_up(struct sut_store *s, const struct sut_store_options *opt,
                        struct sut_diag *reterr_diag)
{
    struct sut_db_conn *c DEFER(sut_db_disconnect) = NULL;
    TRY(sut_db_connect(s->db, SUT_DB_WRITE, &c));
    const struct sut_migrate_env env = {
        .people = s->people,
        .progress = opt->progress,
        .progress_ctx = opt->progress_ctx,
    };
    TRY(sut_migrate_run(c, &env, sut_store_migrations, sut_store_migrations_n, opt->migrate,
                        &s->version, reterr_diag));
    return s->people == NULL ? SUT_OK : sut_people_start(s->people, c, reterr_diag);
}

static SUT_ERR open_file(struct sut_store *s, const struct sut_store_options *opt,
                         struct sut_diag *reterr_diag)
{
    const size_t n = strlen(opt->db.path) + 1;
    s->path = sut_mem_alloc(n);
    ENSURE(s->path != NULL, NOMEM);
    memcpy(s->path, opt->db.path, n);
    TRY(sut_store__open_file(opt, &s->db, &s->has_next_key, reterr_diag));
    s->file_key = s->has_next_key ? opt->next_key : opt->db.key;
    return SUT_OK;
}

static SUT_ERR open_parts(struct sut_store *s, struct sut_store_options *opt,
                          struct sut_diag *reterr_diag)
{
    const bool remote = opt->db.kind == SUT_DB_POSTGRES;
    TRY(sut_people_create(s, opt, &s->people));
    opt->db.context = s->people;
    if (s->people != NULL)
        TRY(sut_reseal_plan_create(&s->reseal));
    if (!remote)
        TRY(lock_folder(opt->db.path, &s->lock_fd, reterr_diag));
    if (remote)
        TRY(sut_db_open(&opt->db, &s->db, reterr_diag));
    else
        TRY(open_file(s, opt, reterr_diag));
    TRY(bring_up(s, opt, reterr_diag));
    TRY(sut_connpool_create(s->db, SUT_DB_READ, opt->readers, &s->readers));
    if (remote)
        return sut_connpool_create(s->db, SUT_DB_WRITE, opt->readers, &s->writers);
    return sut_writer_start(s->db, opt->queue_max, &s->writer);
}

SUT_ERR sut_store_open(const struct sut_store_options *opt, struct sut_store **ret,
                       struct sut_diag *reterr_diag)
{
    struct sut_diag unused;
    struct sut_diag *diag = reterr_diag != NULL ? reterr_diag : &unused;
    *diag = (struct sut_diag){ .text = "" };

    struct sut_store *s DEFER(sut_store_close) = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    s->magic = STORE_MAGIC;
    s->lock_fd = -1;
    /* Those that go alone would wait for ever behind those that come and go. */
    pthread_rwlockattr_t attr;
    (void) pthread_rwlockattr_init(&attr);
    (void) pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    (void) pthread_rwlock_init(&s->turn, &attr);
    (void) pthread_rwlockattr_destroy(&attr);
    (void) pthread_mutex_init(&s->seats_lock, NULL);
    struct sut_store_options with_context = *opt;
    const sut_err err = open_parts(s, &with_context, diag);
    if (sut_failed(err)) {
        if (diag->text[0] == '\0')
            sut_diag_set(diag, "the store can't be opened (%s)", sut_err_info(err.code)->name);
        return err;
    }
    *ret = STEAL(s);
    return SUT_OK;
}

void sut_store_close(struct sut_store **ps)
{
    struct sut_store *s = *ps;
    if (s == NULL)
        return;
    SUT_BUG_IF(s->magic != STORE_MAGIC);
    SUT_BUG_IF(s->seats != NULL);
    s->magic = 0;
    sut_connpool_free(&s->readers);
    sut_connpool_free(&s->writers);
    sut_writer_stop(&s->writer);
    sut_db_close(&s->db);
    sut_people_free(&s->people);
    sut_reseal_plan_free(&s->reseal);
    if (s->lock_fd >= 0)
        (void) close(s->lock_fd);
    (void) pthread_rwlock_destroy(&s->turn);
    (void) pthread_mutex_destroy(&s->seats_lock);
    sut_mem_free(s->path);
    sut_mem_free(s);
    *ps = NULL;
}

bool sut_store_is_remote(const struct sut_store *s)
{
    return sut_db_kind(s->db) == SUT_DB_POSTGRES;
}

int64_t sut_store_version(const struct sut_store *s)
{
    return s->version;
}

int64_t sut_store_version_of_program(void)
{
    return sut_store_migrations_n == 0 ? 0
                                       : sut_store_migrations[sut_store_migrations_n - 1].number;
}

/* Two writes that met sleep for different times, or they would meet again. */
static void back_off(unsigned try_n)
{
    uint64_t us = (uint64_t) BACKOFF_US << (try_n < 6 ? try_n : 6);
    if (us > BACKOFF_MAX_US)
        us = BACKOFF_MAX_US;
    const uint64_t noise = sut_monotonic_ns() * UINT64_C(0x9E3779B97F4A7C15) >> 40;
    const uint64_t spread = us / 2 + noise % us;
    const struct timespec t = { .tv_sec = 0, .tv_nsec = (long) (spread * NS_PER_US) };
    (void) nanosleep(&t, NULL);
}

/*
 * One try.  *ret_may_again: nothing of it can have been kept, and another try
 * may go better.  After COMMIT was sent and no answer came, nobody knows.
 */
static SUT_ERR try_write(struct sut_db_conn *c, sut_store_job *job, void *arg, struct sut_wanted *w,
                         bool *ret_may_again)
{
    *ret_may_again = true;
    TRY(sut_db_tx_begin(c));
    sut_wanted_begin(w);
    sut_db_set_job(c, w);
    const sut_err err = job(c, arg);
    sut_db_set_job(c, NULL);
    if (sut_failed(err)) {
        sut_db_tx_rollback(c);
        return err;
    }
    const sut_err end = sut_db_tx_commit(c);
    *ret_may_again = end.code == SUT_E_CONFLICT;
    return end;
}

/* What became of a write on PostgreSQL, and whether another try makes sense. */
struct attempt {
    bool may_again;
    bool is_lost; /* the connection */
};

static SUT_ERR attempt_write(struct sut_store *s, sut_store_job *job, void *arg,
                             struct sut_wanted *w, struct attempt *ret)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_connpool_take(s->writers, LEASE_WAIT_MS, &c));
    const sut_err err = try_write(c, job, arg, w, &ret->may_again);
    ret->is_lost = !sut_db_is_alive(c);
    sut_connpool_give(s->writers, &c);
    return err;
}

/* With `alone` no other write of this process runs beside it. */
static SUT_ERR attempt_in_turn(struct sut_store *s, sut_store_job *job, void *arg,
                               struct sut_wanted *w, bool alone, struct attempt *ret)
{
    if (alone)
        (void) pthread_rwlock_wrlock(&s->turn);
    else
        (void) pthread_rwlock_rdlock(&s->turn);
    const sut_err err = attempt_write(s, job, arg, w, ret);
    (void) pthread_rwlock_unlock(&s->turn);
    return err;
}

/* Writes that keep meeting each other would starve: alone, each meets other servers' only. */
static SUT_ERR write_by_itself(struct sut_store *s, sut_store_job *job, void *arg,
                               struct sut_wanted *w)
{
    struct attempt a = { 0 };
    sut_err err = SUT_OK;
    for (unsigned n = TRIES_FREE; n < TRIES; n++) {
        err = attempt_in_turn(s, job, arg, w, true, &a);
        if (err.code != SUT_E_CONFLICT || !a.may_again)
            break;
        back_off(n - TRIES_FREE);
    }
    return err;
}

static SUT_ERR write_remote(struct sut_store *s, sut_store_job *job, void *arg,
                            struct sut_wanted *w)
{
    bool reconnected = false;
    for (unsigned n = 0; n < TRIES_FREE;) {
        struct attempt a = { 0 };
        const sut_err err = attempt_in_turn(s, job, arg, w, false, &a);
        if (sut_failed(err) && a.is_lost && a.may_again && !reconnected) {
            reconnected = true;
            continue;
        }
        if (err.code != SUT_E_CONFLICT || !a.may_again)
            return err;
        back_off(n++);
    }
    return write_by_itself(s, job, arg, w);
}

static SUT_ERR write_once(struct sut_store *s, sut_store_job *job, void *arg, bool alone,
                          struct sut_wanted *w)
{
    if (s->writer == NULL)
        return write_remote(s, job, arg, w);
    sut_wanted_begin(w);
    return sut_writer_run_for(s->writer, job, arg, alone, w);
}

/* Run the job; what it lacks of keys is brought here, where waiting is no harm. */
static SUT_ERR write_with_keys(struct sut_store *s, sut_store_job *job, void *arg, bool alone)
{
    struct sut_wanted w DEFER(sut_wanted_done) = { .keys = NULL };
    for (unsigned n = 0;; n++) {
        const sut_err e = write_once(s, job, arg, alone, &w);
        if (e.code != SUT_E_STALE || n == STALE_TRIES)
            return e;
        TRY(sut_wanted_fill(&w, s->people));
    }
}

SUT_ERR sut_store_write(struct sut_store *s, sut_store_job *job, void *arg)
{
    return write_with_keys(s, job, arg, false);
}

SUT_ERR sut_store_write_alone(struct sut_store *s, sut_store_job *job, void *arg)
{
    return write_with_keys(s, job, arg, true);
}

SUT_ERR sut_store_lease(struct sut_store *s, struct sut_db_conn **ret)
{
    return sut_connpool_take(s->readers, LEASE_WAIT_MS, ret);
}

void sut_store_return(struct sut_store *s, struct sut_db_conn **c)
{
    sut_connpool_give(s->readers, c);
}

SUT_ERR sut_store_seat_create(struct sut_store *s, struct sut_store_seat **ret)
{
    struct sut_store_seat *seat = sut_mem_zalloc(1, sizeof(*seat));
    ENSURE(seat != NULL, NOMEM);
    const sut_err err = sut_connpool_create(s->db, SUT_DB_READ, 1, &seat->pool);
    if (sut_failed(err)) {
        sut_mem_free(seat);
        return err;
    }
    seat->store = s;
    pthread_mutex_lock(&s->seats_lock);
    seat->next = s->seats;
    s->seats = seat;
    pthread_mutex_unlock(&s->seats_lock);
    *ret = seat;
    return SUT_OK;
}

void sut_store_seat_free(struct sut_store_seat **pseat)
{
    struct sut_store_seat *seat = *pseat;
    if (seat == NULL)
        return;
    pthread_mutex_lock(&seat->store->seats_lock);
    struct sut_store_seat **at = &seat->store->seats;
    while (*at != seat)
        at = &(*at)->next;
    *at = seat->next;
    pthread_mutex_unlock(&seat->store->seats_lock);
    sut_connpool_free(&seat->pool);
    sut_mem_free(seat);
    *pseat = NULL;
}

SUT_ERR sut_store_seat_take(struct sut_store_seat *seat, struct sut_db_conn **ret)
{
    TRY(sut_connpool_take(seat->pool, LEASE_WAIT_MS, ret));
    sut_db_set_on_loop(*ret, true);
    return SUT_OK;
}

void sut_store_seat_give(struct sut_store_seat *seat, struct sut_db_conn **c)
{
    sut_connpool_give(seat->pool, c);
}

bool sut_store_has_next_key(const struct sut_store *s)
{
    return s->has_next_key;
}

static SUT_ERR ping(struct sut_db_conn *c)
{
    static const struct sut_sql sql = { "store_ping", "SELECT MAX(number) FROM store_migration" };
    return sut_db_exec(c, &sql);
}

SUT_ERR sut_store_ping(struct sut_store *s)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    const sut_err err = ping(c);
    sut_store_return(s, &c);
    return err;
}
