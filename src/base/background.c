/* SPDX-License-Identifier: Apache-2.0 */
#include "base/background.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

struct sut_background {
    struct sut_background_options o;
    pthread_t thread;
    bool has_thread; /* to be joined; its owner's */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_woken; /* under the lock, as those below */
    bool is_stopping;
    bool is_out;
    bool is_left; /* nobody waits for it any more */
    bool has_ended;
};

SUT_ERR sut_background_create(const struct sut_background_options *o, struct sut_background **ret)
{
    struct sut_background *b = sut_mem_zalloc(1, sizeof(*b));
    ENSURE(b != NULL, NOMEM);
    b->o = *o;
    (void) pthread_mutex_init(&b->lock, NULL);
    sut_cond_init(&b->changed);
    *ret = b;
    return SUT_OK;
}

/* Until it is woken, it is to stop, or so many ms have passed; false: it is to stop. */
static bool rest(struct sut_background *b, int64_t ms)
{
    if (ms > b->o.sleep_max_ms)
        ms = b->o.sleep_max_ms;
    const uint64_t until_ns = sut_monotonic_in(ms > 0 ? (uint64_t) ms : 0);
    (void) pthread_mutex_lock(&b->lock);
    while (!b->is_woken && !b->is_stopping && sut_cond_wait_until(&b->changed, &b->lock, until_ns))
        ;
    b->is_woken = false;
    const bool goes_on = !b->is_stopping;
    (void) pthread_mutex_unlock(&b->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct sut_background *const b = arg;
    int64_t ms = b->o.first_ms;
    while (rest(b, ms))
        ms = b->o.round(b->o.ctx);
    (void) pthread_mutex_lock(&b->lock);
    b->has_ended = true;
    (void) pthread_cond_broadcast(&b->changed);
    (void) pthread_mutex_unlock(&b->lock);
    return NULL;
}

SUT_ERR sut_background_start(struct sut_background *b)
{
    SUT_BUG_IF(b->has_thread || b->is_stopping);
    TRY(sut_thread_start(0, run, b, &b->thread));
    b->has_thread = true;
    return SUT_OK;
}

void sut_background_wake(struct sut_background *b)
{
    (void) pthread_mutex_lock(&b->lock);
    b->is_woken = true;
    (void) pthread_cond_broadcast(&b->changed);
    (void) pthread_mutex_unlock(&b->lock);
}

bool sut_background_is_stopping(struct sut_background *b)
{
    (void) pthread_mutex_lock(&b->lock);
    const bool v = b->is_stopping;
    (void) pthread_mutex_unlock(&b->lock);
    return v;
}

void sut_background_set_out(struct sut_background *b, bool is_out)
{
    (void) pthread_mutex_lock(&b->lock);
    b->is_out = is_out;
    (void) pthread_cond_broadcast(&b->changed);
    const bool is_left = b->is_left;
    (void) pthread_mutex_unlock(&b->lock);
    /* The process is ending, and the store may be closed: nothing is touched any more. */
    while (is_left)
        (void) pause();
}

/* Whether the thread has ended, or is to be left alone where it is. */
static bool wait_for_end(struct sut_background *b, uint64_t until_ns)
{
    bool is_late = false;
    (void) pthread_mutex_lock(&b->lock);
    b->is_stopping = true;
    (void) pthread_cond_broadcast(&b->changed);
    while (!b->has_ended && !(is_late && b->is_out)) {
        if (is_late)
            (void) pthread_cond_wait(&b->changed, &b->lock);
        else
            is_late = !sut_cond_wait_until(&b->changed, &b->lock, until_ns);
    }
    const bool has_ended = b->has_ended;
    b->is_left = !has_ended;
    (void) pthread_mutex_unlock(&b->lock);
    return has_ended;
}

static bool stop_until(struct sut_background *b, uint64_t until_ns)
{
    if (!b->has_thread)
        return true;
    if (!wait_for_end(b, until_ns))
        return false;
    (void) pthread_join(b->thread, NULL);
    b->has_thread = false;
    return true;
}

bool sut_background_stop_within(struct sut_background *b, unsigned ms)
{
    return stop_until(b, sut_monotonic_in(ms));
}

void sut_background_free(struct sut_background **b)
{
    if (*b == NULL)
        return;
    (void) stop_until(*b, UINT64_MAX);
    (void) pthread_cond_destroy(&(*b)->changed);
    (void) pthread_mutex_destroy(&(*b)->lock);
    sut_mem_freep(b);
}
