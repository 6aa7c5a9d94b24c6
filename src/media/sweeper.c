/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sweeper.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/mem.h"

struct sut_sweeper {
    struct sut_sweeper_options o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_woken;
    bool is_stopping;
};

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;
    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Until it is woken, or so many ms have passed; false: it is to stop. */
static bool wait_for_work(struct sut_sweeper *s, int64_t ms)
{
    const struct timespec until = in_ms(ms);
    (void) pthread_mutex_lock(&s->lock);
    while (!s->is_woken && !s->is_stopping &&
           pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0)
        ;
    s->is_woken = false;
    const bool goes_on = !s->is_stopping;
    (void) pthread_mutex_unlock(&s->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct sut_sweeper *s = arg;
    bool recovers = s->o.recovers;
    int64_t ms = 0;
    while (wait_for_work(s, ms)) {
        const sut_ms now = sut_clock_now(s->o.clock);
        const sut_err e =
            recovers ? sut_media_recover(s->o.media, now) : sut_media_sweep(s->o.media, now);
        if (sut_failed(e) && s->o.tell != NULL)
            s->o.tell(s->o.tell_ctx, e);
        /* Once: what waits after it is this process's own. */
        recovers = false;
        ms = sut_failed(e) ? SUT_SWEEPER_TROUBLE_MS : SUT_SWEEPER_EVERY_MS;
    }
    return NULL;
}

static void sweeper_free(struct sut_sweeper **s)
{
    if (*s == NULL)
        return;
    (void) pthread_cond_destroy(&(*s)->changed);
    (void) pthread_mutex_destroy(&(*s)->lock);
    sut_mem_freep(s);
}

SUT_ERR sut_sweeper_start(const struct sut_sweeper_options *o, struct sut_sweeper **ret)
{
    DEFER(sweeper_free) struct sut_sweeper *s = sut_mem_zalloc(1, sizeof(*s));
    pthread_condattr_t attr;
    ENSURE(s != NULL, NOMEM);
    s->o = *o;
    (void) pthread_mutex_init(&s->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&s->changed, &attr);
    (void) pthread_condattr_destroy(&attr);
    const int rc = pthread_create(&s->thread, NULL, run, s);
    if (rc != 0) {
        errno = rc;
        FAIL_SYS(SYSTEM);
    }
    *ret = STEAL(s);
    return SUT_OK;
}

void sut_sweeper_wake(struct sut_sweeper *s)
{
    if (s == NULL)
        return;
    (void) pthread_mutex_lock(&s->lock);
    s->is_woken = true;
    (void) pthread_cond_broadcast(&s->changed);
    (void) pthread_mutex_unlock(&s->lock);
}

void sut_sweeper_stop(struct sut_sweeper **s)
{
    if (*s == NULL)
        return;
    (void) pthread_mutex_lock(&(*s)->lock);
    (*s)->is_stopping = true;
    (void) pthread_cond_broadcast(&(*s)->changed);
    (void) pthread_mutex_unlock(&(*s)->lock);
    (void) pthread_join((*s)->thread, NULL);
    sweeper_free(s);
}
