/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/postman.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "mail/maildir.h"
#include "mail/postman_int.h"

enum { ARENA_MAX = 8 * 1024 * 1024 /* a batch of the longest payloads, and one message */ };

bool sut_postman__is_stopping(struct sut_postman *p)
{
    (void) pthread_mutex_lock(&p->lock);
    const bool v = p->is_stopping;
    (void) pthread_mutex_unlock(&p->lock);
    return v;
}

void sut_postman__set_out(struct sut_postman *p, bool is_out)
{
    (void) pthread_mutex_lock(&p->lock);
    p->is_out = is_out;
    const bool is_left = p->is_left;
    (void) pthread_cond_broadcast(&p->changed);
    (void) pthread_mutex_unlock(&p->lock);
    /* The process is ending, and the store may be closed: nothing is touched any more. */
    while (is_left)
        (void) pause();
}

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

/* Until something is queued, it is to stop, or so many ms have passed; false: it is to stop. */
static bool wait_for_work(struct sut_postman *p, int64_t ms)
{
    const struct timespec until = in_ms(ms);
    (void) pthread_mutex_lock(&p->lock);
    while (!p->is_woken && !p->is_stopping &&
           pthread_cond_timedwait(&p->changed, &p->lock, &until) == 0)
        ;
    p->is_woken = false;
    const bool goes_on = !p->is_stopping;
    (void) pthread_mutex_unlock(&p->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct sut_postman *p = arg;
    int64_t ms = 0;
    while (wait_for_work(p, ms)) {
        sut_ms next = { 0 };
        sut_postman_turn(p, &next);
        ms = next.v - sut_clock_now(p->o.clock).v;
        ms = ms < 0 ? 0 : ms;
        ms = ms > SUT_POSTMAN_POLL_MS ? SUT_POSTMAN_POLL_MS : ms;
    }
    (void) pthread_mutex_lock(&p->lock);
    p->has_ended = true;
    (void) pthread_cond_broadcast(&p->changed);
    (void) pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void free_postman(struct sut_postman **p)
{
    if (*p == NULL)
        return;
    (void) pthread_cond_destroy(&(*p)->changed);
    (void) pthread_mutex_destroy(&(*p)->lock);
    sut_arena_free(&(*p)->arena);
    sut_mem_freep(p);
}

SUT_ERR sut_postman_create(const struct sut_postman_options *opt, struct sut_postman **ret)
{
    ENSURE(opt->maildir.n < PATH_MAX, INVALID);
    DEFER(free_postman) struct sut_postman *p = sut_mem_zalloc(1, sizeof(*p));
    pthread_condattr_t attr;
    ENSURE(p != NULL, NOMEM);
    p->o = *opt;
    if (opt->maildir.n > 0)
        memcpy(p->dir, opt->maildir.p, opt->maildir.n);
    p->o.maildir.p = p->dir;
    (void) pthread_mutex_init(&p->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&p->changed, &attr);
    (void) pthread_condattr_destroy(&attr);
    TRY(sut_arena_create(ARENA_MAX, &p->arena));
    sut_arena_set_flags(p->arena, SUT_ARENA_SECRET);
    if (opt->courier == NULL && opt->maildir.n > 0)
        TRY(sut_maildir_create(opt->maildir));
    *ret = STEAL(p);
    return SUT_OK;
}

SUT_ERR sut_postman_start(const struct sut_postman_options *opt, struct sut_postman **ret)
{
    DEFER(free_postman) struct sut_postman *p = NULL;
    TRY(sut_postman_create(opt, &p));
    const int rc = pthread_create(&p->thread, NULL, run, p);
    if (rc != 0) {
        errno = rc;
        FAIL_SYS(SYSTEM);
    }
    p->has_thread = true;
    *ret = STEAL(p);
    return SUT_OK;
}

void sut_postman_wake(struct sut_postman *p)
{
    if (p == NULL)
        return;
    (void) pthread_mutex_lock(&p->lock);
    p->is_woken = true;
    (void) pthread_cond_broadcast(&p->changed);
    (void) pthread_mutex_unlock(&p->lock);
}

/* Whether the thread has ended, or is to be left alone where it is. */
static bool wait_for_end(struct sut_postman *p, unsigned ms)
{
    const struct timespec until = in_ms(ms);
    bool is_late = false;
    (void) pthread_mutex_lock(&p->lock);
    p->is_stopping = true;
    (void) pthread_cond_broadcast(&p->changed);
    while (!p->has_ended && !(is_late && p->is_out)) {
        if (is_late)
            (void) pthread_cond_wait(&p->changed, &p->lock);
        else
            is_late = pthread_cond_timedwait(&p->changed, &p->lock, &until) == ETIMEDOUT;
    }
    p->is_left = !p->has_ended;
    const bool has_ended = p->has_ended;
    (void) pthread_mutex_unlock(&p->lock);
    return has_ended;
}

bool sut_postman_stop_within(struct sut_postman **p, unsigned ms)
{
    if (*p == NULL)
        return true;
    if ((*p)->has_thread && !wait_for_end(*p, ms)) {
        *p = NULL;
        return false;
    }
    if ((*p)->has_thread)
        (void) pthread_join((*p)->thread, NULL);
    free_postman(p);
    return true;
}

void sut_postman_stop(struct sut_postman **p)
{
    (void) sut_postman_stop_within(p, UINT_MAX);
}
