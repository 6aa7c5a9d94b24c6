/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/pool.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

static const unsigned POOL_MAGIC = 0x900150aaU;

enum { STACK_BYTES = 256 * 1024, IDLE_MS = 10000, THREADS_MAX = 1024, NAME_MAX_BYTES = 16 };

struct sut_pool {
    unsigned magic;
    char name[NAME_MAX_BYTES];
    struct sut_pool_options o;
    pthread_mutex_t lock;
    pthread_cond_t ended; /* a thread left */
    struct sut_job *first;
    struct sut_job *last;
    struct idler *idle; /* the one that went idle last stands first */
    unsigned n_idle;
    struct sut_pool_counts counts;
    bool ending;
};

/* A thread that waits, on its own stack: each has its own condition, so that the warmest is woken.
 */
struct idler {
    struct idler *next;
    struct idler **at; /* what points to this one; NULL: was picked */
    pthread_cond_t wake;
};

static void idle_push(struct sut_pool *p, struct idler *me)
{
    me->next = p->idle;
    me->at = &p->idle;
    if (me->next != NULL)
        me->next->at = &me->next;
    p->idle = me;
    p->n_idle++;
}

static void idle_drop(struct sut_pool *p, struct idler *me)
{
    *me->at = me->next;
    if (me->next != NULL)
        me->next->at = me->at;
    me->at = NULL;
    p->n_idle--;
}

static void wake_one(struct sut_pool *p)
{
    struct idler *who = p->idle;
    if (who != NULL) {
        idle_drop(p, who);
        pthread_cond_signal(&who->wake);
    }
}

/* With the lock held: false when this thread should end. */
static bool wait_for_work(struct sut_pool *p, struct idler *me)
{
    const uint64_t until_ns = sut_monotonic_in(p->o.idle_ms);
    idle_push(p, me);
    while (me->at != NULL && !p->ending) {
        if (!sut_cond_wait_until(&me->wake, &p->lock, until_ns))
            break;
    }
    const bool was_picked = me->at == NULL;
    if (!was_picked)
        idle_drop(p, me);
    return was_picked || p->first != NULL;
}

static void run_first(struct sut_pool *p)
{
    struct sut_job *j = p->first;
    p->first = j->next;
    if (p->first == NULL)
        p->last = NULL;
    p->counts.waiting--;
    p->counts.running++;
    pthread_mutex_unlock(&p->lock);
    const bool is_late = j->deadline_ns != 0 && sut_monotonic_ns() > j->deadline_ns;
    j->run(j, is_late); /* j may be gone after this */
    pthread_mutex_lock(&p->lock);
    p->counts.running--;
    p->counts.done++;
    p->counts.late += is_late;
}

static void *thread_main(void *arg)
{
    struct sut_pool *p = arg;
    pthread_setname_np(pthread_self(), p->name);
    if (p->o.nice > 0) {
        /* On Linux a nice value belongs to the thread.  Lowering one's own rank can't be refused.
         */
        const int was = getpriority(PRIO_PROCESS, 0);
        setpriority(PRIO_PROCESS, 0, was + p->o.nice);
    }
    struct idler me = { .next = NULL };
    sut_cond_init(&me.wake);
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->first != NULL)
            run_first(p);
        if (p->ending || !wait_for_work(p, &me))
            break;
    }
    p->counts.threads--;
    pthread_cond_broadcast(&p->ended);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&me.wake);
    return NULL;
}

/* With the lock held. */
static SUT_ERR start_thread(struct sut_pool *p)
{
    pthread_t t;
    TRY(sut_thread_start(p->o.stack_bytes, thread_main, p, &t));
    (void) pthread_detach(t);
    p->counts.threads++;
    return SUT_OK;
}

SUT_ERR sut_pool_create(const struct sut_pool_options *o, struct sut_pool **ret)
{
    ENSURE(o->threads_max >= 1 && o->threads_max <= THREADS_MAX, INVALID);
    ENSURE(o->nice >= 0 && o->nice <= 19, INVALID);
    ENSURE(o->stack_bytes == 0 || o->stack_bytes >= (size_t) PTHREAD_STACK_MIN, INVALID);
    struct sut_pool *p = sut_mem_zalloc(1, sizeof(*p));
    ENSURE(p != NULL, NOMEM);
    p->magic = POOL_MAGIC;
    p->o = *o;
    p->o.stack_bytes = o->stack_bytes == 0 ? STACK_BYTES : o->stack_bytes;
    p->o.idle_ms = o->idle_ms == 0 ? IDLE_MS : o->idle_ms;
    snprintf(p->name, sizeof(p->name), "%s", o->name == NULL ? "pool" : o->name);
    SUT_BUG_IF(pthread_mutex_init(&p->lock, NULL) != 0);
    sut_cond_init(&p->ended);
    *ret = p;
    return SUT_OK;
}

void sut_pool_free(struct sut_pool **pp)
{
    struct sut_pool *p = *pp;
    if (p == NULL)
        return;
    SUT_BUG_IF(p->magic != POOL_MAGIC);
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    while (p->idle != NULL)
        wake_one(p);
    while (p->counts.threads > 0)
        pthread_cond_wait(&p->ended, &p->lock);
    SUT_BUG_IF(p->first != NULL);
    pthread_mutex_unlock(&p->lock);
    pthread_cond_destroy(&p->ended);
    pthread_mutex_destroy(&p->lock);
    p->magic = 0;
    sut_mem_free(p);
    *pp = NULL;
}

/* With the lock held. */
static SUT_ERR admit(struct sut_pool *p)
{
    /* What threads will take at once is not waiting. */
    const unsigned free_threads = p->o.threads_max - p->counts.running;
    ENSURE(!p->ending && p->counts.waiting < p->o.queue_max + free_threads, BUSY);
    const bool wants_thread = p->counts.waiting + 1 > p->n_idle;
    if (!wants_thread || p->counts.threads == p->o.threads_max)
        return SUT_OK;
    const sut_err e = start_thread(p);
    /* Without a single thread nobody would ever run the job; else it only waits longer. */
    return p->counts.threads == 0 ? e : SUT_OK;
}

SUT_ERR sut_pool_give(struct sut_pool *p, struct sut_job *j)
{
    SUT_BUG_IF(p->magic != POOL_MAGIC);
    pthread_mutex_lock(&p->lock);
    const sut_err e = admit(p);
    if (sut_failed(e)) {
        p->counts.refused++;
    } else {
        j->next = NULL;
        if (p->last == NULL)
            p->first = j;
        else
            p->last->next = j;
        p->last = j;
        p->counts.waiting++;
        wake_one(p);
    }
    pthread_mutex_unlock(&p->lock);
    return e;
}

struct sut_pool_counts sut_pool_count(struct sut_pool *p)
{
    pthread_mutex_lock(&p->lock);
    const struct sut_pool_counts c = p->counts;
    pthread_mutex_unlock(&p->lock);
    return c;
}
