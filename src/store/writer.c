/* SPDX-License-Identifier: Apache-2.0 */
#include "store/writer.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

enum {
    BATCH_MAX = 128,
    BATCH_NS = 5 * 1000 * 1000, /* work after which a batch takes no further job */
    STACK_BYTES = 512 * 1024,
    LOG_PAGES_MOVE = 1000, /* a log this long is moved into the file */
    MOVER_NICE = 10,
    LOG_PAGES_CUT = 4000,  /* this long, the writer moves the rest itself */
    LOG_PAGES_FULL = 6000, /* and this long all of it: 24 MB */
};

enum job_state { WAITING, DONE };

/* How a job runs: in a transaction with others, in one of its own, in none, or with all at rest. */
enum job_kind { SHARED, ALONE, BETWEEN, STAND };

/* On the stack of the thread that waits for it. */
struct job {
    struct job *next;
    sut_store_job *run;
    void *arg;
    void *note;
    enum job_kind kind;
    const struct sut_writer_stop *stop; /* STAND alone */
    sut_err err;
    atomic_uint state;
};

struct sut_writer {
    struct sut_db *db;
    struct sut_db_conn *conn;  /* the writer thread's; NULL: could not be made again */
    struct sut_db_conn *mover; /* the checkpoint thread's, while it moves */
    SUT_ERR (*ready)(void *arg);
    void *ready_arg;
    pthread_t thread;
    pthread_t mover_thread;

    pthread_mutex_t lock;
    pthread_cond_t has_work;
    struct job *first;
    struct job **last;
    unsigned waiting;
    unsigned queue_max;
    bool idle;
    bool stopping;

    pthread_mutex_t mover_lock;
    pthread_cond_t mover_wake;
    pthread_cond_t mover_rests;
    unsigned log_pages; /* under mover_lock */
    bool cut_due;       /* likewise */
    bool is_moving;     /* likewise */
    bool mover_stopping;
};

static const char later[] = "the log keeps what was not moved; the next turn tries again";

static void job_wait(struct job *j)
{
    while (atomic_load_explicit(&j->state, memory_order_acquire) == WAITING)
        (void) syscall(SYS_futex, &j->state, FUTEX_WAIT_PRIVATE, WAITING, NULL, NULL, 0);
}

/* The job is gone from here on: its stack may be used for something else already. */
static void job_finish(struct job *j, sut_err err)
{
    j->err = err;
    atomic_store_explicit(&j->state, DONE, memory_order_release);
    (void) syscall(SYS_futex, &j->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static sut_err run_job(struct sut_db_conn *c, struct job *j)
{
    sut_db_set_job(c, j->note);
    const sut_err err = j->run(c, j->arg);
    sut_db_set_job(c, NULL);
    return err;
}

/* Run one job within its savepoint.  An error undoes it alone, unless all is gone. */
static SUT_ERR run_in_savepoint(struct sut_db_conn *c, struct job *j)
{
    TRY(sut_db_savepoint(c));
    sut_err err = run_job(c, j);
    if (!sut_failed(err))
        err = sut_db_savepoint_release(c);
    if (sut_failed(err))
        sut_db_savepoint_rollback(c);
    return err;
}

/* A transaction for one job, for those that must not share or lost their place in a batch. */
static SUT_ERR run_alone(struct sut_db_conn *c, struct job *j)
{
    TRY(sut_db_tx_begin(c));
    const sut_err err = run_job(c, j);
    if (sut_failed(err)) {
        sut_db_tx_rollback(c);
        return err;
    }
    return sut_db_tx_commit(c);
}

static void finish_all(struct job **jobs, unsigned n, sut_err err)
{
    for (unsigned i = 0; i < n; i++) {
        /* A job that failed by itself keeps its own reason. */
        job_finish(jobs[i], sut_failed(jobs[i]->err) ? jobs[i]->err : err);
    }
}

/*
 * A full disk or an I/O error within jobs[at] has rolled the whole transaction
 * back: what the jobs before it did is gone.  Each of them gets a transaction
 * of its own, so that the one that can't be written takes no other with it.
 */
static void run_again(struct sut_writer *w, struct job **jobs, unsigned at)
{
    for (unsigned i = 0; i < at; i++) {
        if (!sut_failed(jobs[i]->err))
            jobs[i]->err = run_alone(w->conn, jobs[i]);
        job_finish(jobs[i], jobs[i]->err);
    }
    job_finish(jobs[at], jobs[at]->err);
}

static SUT_ERR connect_both(struct sut_writer *w)
{
    if (w->conn != NULL)
        return SUT_OK;
    if (w->ready != NULL)
        TRY(w->ready(w->ready_arg));
    struct sut_db_conn *c DEFER(sut_db_disconnect) = NULL;
    TRY(sut_db_connect(w->db, SUT_DB_WRITE, &c));
    TRY(sut_db_connect(w->db, SUT_DB_WRITE, &w->mover));
    w->conn = STEAL(c);
    return SUT_OK;
}

/* The mover sleeps, or waits for the lock that the caller now has. */
static void lock_resting_mover(struct sut_writer *w)
{
    pthread_mutex_lock(&w->mover_lock);
    while (w->is_moving)
        pthread_cond_wait(&w->mover_rests, &w->mover_lock);
}

/* The connections end last of all, so that SQLite empties the log and removes it. */
static sut_err stand(struct sut_writer *w, const struct sut_writer_stop *stop)
{
    TRY(stop->last(w->conn, stop->arg));
    lock_resting_mover(w);
    sut_db_disconnect(&w->mover);
    sut_db_disconnect(&w->conn);
    const sut_err err = stop->swap(stop->arg);
    w->log_pages = 0;
    sut_ignore(connect_both(w), "the next job tries again, and is told");
    pthread_mutex_unlock(&w->mover_lock);
    return err;
}

static sut_err run_one(struct sut_writer *w, struct job *j)
{
    switch (j->kind) {
    case BETWEEN:
        return j->run(w->conn, j->arg);
    case STAND:
        return stand(w, j->stop);
    case SHARED:
    case ALONE:
        break;
    }
    return run_alone(w->conn, j);
}

static bool wants_no_company(const struct job *j)
{
    return j->kind != SHARED;
}

/* Run jobs[0 .. n) in one transaction; returns how many were dealt with. */
static unsigned run_batch(struct sut_writer *w, struct job **jobs, unsigned n)
{
    const sut_err ready = connect_both(w);
    if (sut_failed(ready)) {
        finish_all(jobs, n, ready);
        return n;
    }
    struct sut_db_conn *c = w->conn;
    if (n == 1) {
        job_finish(jobs[0], run_one(w, jobs[0]));
        return 1;
    }
    const sut_err begun = sut_db_tx_begin(c);
    if (sut_failed(begun)) {
        finish_all(jobs, n, begun);
        return n;
    }
    const uint64_t until = sut_monotonic_ns() + BATCH_NS;
    unsigned done = 0;
    do {
        jobs[done]->err = run_in_savepoint(c, jobs[done]);
        if (!sut_db_in_tx(c)) {
            SUT_BUG_IF(!sut_failed(jobs[done]->err));
            sut_db_tx_rollback(c); /* tell the connection too that it is over */
            run_again(w, jobs, done);
            return done + 1;
        }
        done++;
    } while (done < n && sut_monotonic_ns() < until);
    finish_all(jobs, done, sut_db_tx_commit(c));
    return done;
}

/* Take the next jobs that may share a transaction off the queue; 0 when the writer is to end. */
static unsigned take(struct sut_writer *w, struct job **jobs)
{
    unsigned n = 0;
    pthread_mutex_lock(&w->lock);
    while (w->first == NULL && !w->stopping) {
        w->idle = true;
        pthread_cond_wait(&w->has_work, &w->lock);
        w->idle = false;
    }
    while (w->first != NULL && n < BATCH_MAX) {
        struct job *j = w->first;
        if (wants_no_company(j) && n > 0)
            break;
        w->first = j->next;
        w->waiting--;
        jobs[n++] = j;
        if (wants_no_company(j))
            break;
    }
    if (w->first == NULL)
        w->last = &w->first;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/*
 * The mover copies while writes go on, so under steady writes the log never is
 * all copied, and only then does SQLite begin it anew.  When it has become too
 * long, the writer copies the little that is left, between two batches; and all of it when
 * the mover, which ranks lower, does not get to it.
 */
static void mind_log(struct sut_writer *w)
{
    const unsigned pages = w->conn == NULL ? 0 : sut_db_wal_pages(w->conn);
    if (pages < LOG_PAGES_MOVE)
        return;
    pthread_mutex_lock(&w->mover_lock);
    while (pages > LOG_PAGES_FULL && w->is_moving)
        pthread_cond_wait(&w->mover_rests, &w->mover_lock);
    const bool cut = pages > LOG_PAGES_FULL || (w->cut_due && pages > LOG_PAGES_CUT);
    w->cut_due = false;
    if (!cut) {
        if (w->log_pages == 0)
            pthread_cond_signal(&w->mover_wake);
        w->log_pages = pages;
    }
    pthread_mutex_unlock(&w->mover_lock);
    if (cut)
        sut_ignore(sut_db_checkpoint(w->conn, SUT_DB_PASSIVE), later);
}

static void *write_loop(void *arg)
{
    struct sut_writer *w = arg;
    struct job *jobs[BATCH_MAX];
    unsigned n;
    while ((n = take(w, jobs)) > 0) {
        for (unsigned at = 0; at < n;)
            at += run_batch(w, jobs + at, n - at);
        mind_log(w);
    }
    return NULL;
}

static void *move_loop(void *arg)
{
    /* Moving pages takes milliseconds on end, for which nobody waits. */
    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), MOVER_NICE);
    struct sut_writer *w = arg;
    pthread_mutex_lock(&w->mover_lock);
    for (;;) {
        while (w->log_pages == 0 && !w->mover_stopping)
            pthread_cond_wait(&w->mover_wake, &w->mover_lock);
        if (w->mover_stopping)
            break;
        w->is_moving = true;
        struct sut_db_conn *c = w->mover;
        pthread_mutex_unlock(&w->mover_lock);
        if (c != NULL)
            sut_ignore(sut_db_checkpoint(c, SUT_DB_PASSIVE), later);
        pthread_mutex_lock(&w->mover_lock);
        w->is_moving = false;
        pthread_cond_broadcast(&w->mover_rests);
        w->log_pages = 0;
        w->cut_due = true;
    }
    pthread_mutex_unlock(&w->mover_lock);
    return NULL;
}

static void end_mover(struct sut_writer *w)
{
    pthread_mutex_lock(&w->mover_lock);
    w->mover_stopping = true;
    pthread_cond_signal(&w->mover_wake);
    pthread_mutex_unlock(&w->mover_lock);
    (void) pthread_join(w->mover_thread, NULL);
}

static void free_writer(struct sut_writer *w)
{
    sut_db_disconnect(&w->mover);
    sut_db_disconnect(&w->conn);
    (void) pthread_cond_destroy(&w->has_work);
    (void) pthread_cond_destroy(&w->mover_wake);
    (void) pthread_cond_destroy(&w->mover_rests);
    (void) pthread_mutex_destroy(&w->lock);
    (void) pthread_mutex_destroy(&w->mover_lock);
    sut_mem_free(w);
}

static SUT_ERR start(struct sut_writer *w)
{
    TRY(connect_both(w));
    TRY(sut_thread_start(STACK_BYTES, move_loop, w, &w->mover_thread));
    const sut_err err = sut_thread_start(STACK_BYTES, write_loop, w, &w->thread);
    if (sut_failed(err))
        end_mover(w);
    return err;
}

SUT_ERR sut_writer_start(struct sut_db *db, unsigned queue_max, struct sut_writer **ret)
{
    struct sut_writer *w = sut_mem_zalloc(1, sizeof(*w));
    ENSURE(w != NULL, NOMEM);
    w->db = db;
    w->queue_max = queue_max;
    w->last = &w->first;
    (void) pthread_mutex_init(&w->lock, NULL);
    (void) pthread_mutex_init(&w->mover_lock, NULL);
    (void) pthread_cond_init(&w->has_work, NULL);
    (void) pthread_cond_init(&w->mover_wake, NULL);
    (void) pthread_cond_init(&w->mover_rests, NULL);
    const sut_err err = start(w);
    if (sut_failed(err)) {
        free_writer(w);
        return err;
    }
    *ret = w;
    return SUT_OK;
}

void sut_writer_stop(struct sut_writer **pw)
{
    struct sut_writer *w = *pw;
    if (w == NULL)
        return;
    *pw = NULL;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->has_work);
    pthread_mutex_unlock(&w->lock);
    (void) pthread_join(w->thread, NULL);
    end_mover(w);
    if (w->mover != NULL)
        sut_ignore(sut_db_checkpoint(w->mover, SUT_DB_TRUNCATE),
                   "what stays in the log is read from there at the next start");
    free_writer(w);
}

/* Hand the job in and wait until it is done. */
static sut_err queue(struct sut_writer *w, struct job *j)
{
    atomic_init(&j->state, WAITING);

    pthread_mutex_lock(&w->lock);
    /* The store's own work is no more than one job at a time, and must be done however many wait.
     */
    const bool is_own = j->kind == BETWEEN || j->kind == STAND;
    if ((w->waiting >= w->queue_max && !is_own) || w->stopping) {
        pthread_mutex_unlock(&w->lock);
        FAIL(BUSY);
    }
    *w->last = j;
    w->last = &j->next;
    w->waiting++;
    if (w->idle) {
        w->idle = false; /* one signal is enough until it sleeps again */
        pthread_cond_signal(&w->has_work);
    }
    pthread_mutex_unlock(&w->lock);

    job_wait(j);
    return j->err;
}

unsigned sut_writer_waiting(struct sut_writer *w)
{
    pthread_mutex_lock(&w->lock);
    const unsigned n = w->waiting;
    pthread_mutex_unlock(&w->lock);
    return n;
}

SUT_ERR sut_writer_run(struct sut_writer *w, sut_store_job *job, void *arg, bool alone)
{
    return sut_writer_run_for(w, job, arg, alone, NULL);
}

SUT_ERR sut_writer_run_for(struct sut_writer *w, sut_store_job *job, void *arg, bool alone,
                           void *note)
{
    struct job j = {
        .run = job, .arg = arg, .note = note, .kind = alone ? ALONE : SHARED, .err = SUT_OK
    };
    return queue(w, &j);
}

SUT_ERR sut_writer_between(struct sut_writer *w, sut_store_job *job, void *arg)
{
    struct job j = { .run = job, .arg = arg, .kind = BETWEEN, .err = SUT_OK };
    return queue(w, &j);
}

SUT_ERR sut_writer_stand(struct sut_writer *w, const struct sut_writer_stop *stop)
{
    struct job j = { .stop = stop, .kind = STAND, .err = SUT_OK };
    return queue(w, &j);
}

void sut_writer_wants(struct sut_writer *w, SUT_ERR (*ready)(void *arg), void *arg)
{
    w->ready = ready;
    w->ready_arg = arg;
}
