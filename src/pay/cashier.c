/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/cashier.h"

#include <errno.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "pay/cashier_int.h"

enum { ARENA_MAX = 16 * 1024 * 1024 /* an event of the longest, and what it is read into */ };

bool sut_cashier__is_stopping(struct sut_cashier *k)
{
    (void) pthread_mutex_lock(&k->lock);
    const bool v = k->is_stopping;
    (void) pthread_mutex_unlock(&k->lock);
    return v;
}

/* Does not come back when the process has stopped waiting for it. */
static void set_out(struct sut_cashier *k, bool is_out)
{
    (void) pthread_mutex_lock(&k->lock);
    k->is_out = is_out;
    const bool is_left = k->is_left;
    (void) pthread_cond_broadcast(&k->changed);
    (void) pthread_mutex_unlock(&k->lock);
    /* The process is ending, and the store may be closed: nothing is touched any more. */
    while (is_left)
        (void) pause();
}

static SUT_ERR fetch(void *ctx, const struct sut_errand *e, struct sut_buf *body,
                     struct sut_errand_answer *ret)
{
    struct sut_cashier *const k = ctx;
    const struct sut_pay *const p = k->o.pay;
    ENSURE(p->fetch != NULL || p->courier != NULL, NOT_FOUND);
    set_out(k, true);
    const sut_err r = p->fetch != NULL ? p->fetch(p->fetch_ctx, e, body, ret)
                                       : sut_courier_fetch(p->courier, e, body, ret);
    set_out(k, false);
    return r;
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

/* Until something is left, it is to stop, or so many ms have passed; false: it is to stop. */
static bool wait_for_work(struct sut_cashier *k, int64_t ms)
{
    const struct timespec until = in_ms(ms);
    (void) pthread_mutex_lock(&k->lock);
    while (!k->is_woken && !k->is_stopping &&
           pthread_cond_timedwait(&k->changed, &k->lock, &until) == 0)
        ;
    k->is_woken = false;
    const bool goes_on = !k->is_stopping;
    (void) pthread_mutex_unlock(&k->lock);
    return goes_on;
}

static void *run(void *arg)
{
    struct sut_cashier *k = arg;
    int64_t ms = 0;
    while (wait_for_work(k, ms)) {
        sut_ms next = { 0 };
        sut_cashier_turn(k, &next);
        ms = next.v - sut_clock_now(k->o.clock).v;
        ms = ms < 0 ? 0 : ms;
        ms = ms > SUT_CASHIER_POLL_MS ? SUT_CASHIER_POLL_MS : ms;
    }
    (void) pthread_mutex_lock(&k->lock);
    k->has_ended = true;
    (void) pthread_cond_broadcast(&k->changed);
    (void) pthread_mutex_unlock(&k->lock);
    return NULL;
}

static void free_cashier(struct sut_cashier **k)
{
    if (*k == NULL)
        return;
    (void) pthread_cond_destroy(&(*k)->changed);
    (void) pthread_mutex_destroy(&(*k)->lock);
    sut_arena_free(&(*k)->arena);
    sut_mem_freep(k);
}

SUT_ERR sut_cashier_create(const struct sut_cashier_options *opt, struct sut_cashier **ret)
{
    DEFER(free_cashier) struct sut_cashier *k = sut_mem_zalloc(1, sizeof(*k));
    pthread_condattr_t attr;
    ENSURE(k != NULL, NOMEM);
    k->o = *opt;
    k->pay = *opt->pay;
    k->pay.fetch = fetch;
    k->pay.fetch_ctx = k;
    (void) pthread_mutex_init(&k->lock, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&k->changed, &attr);
    (void) pthread_condattr_destroy(&attr);
    TRY(sut_arena_create(ARENA_MAX, &k->arena));
    sut_arena_set_flags(k->arena, SUT_ARENA_SECRET);
    *ret = STEAL(k);
    return SUT_OK;
}

SUT_ERR sut_cashier_start(const struct sut_cashier_options *opt, struct sut_cashier **ret)
{
    DEFER(free_cashier) struct sut_cashier *k = NULL;
    TRY(sut_cashier_create(opt, &k));
    const int rc = pthread_create(&k->thread, NULL, run, k);
    if (rc != 0) {
        errno = rc;
        FAIL_SYS(SYSTEM);
    }
    k->has_thread = true;
    *ret = STEAL(k);
    return SUT_OK;
}

void sut_cashier_wake(struct sut_cashier *k)
{
    if (k == NULL)
        return;
    (void) pthread_mutex_lock(&k->lock);
    k->is_woken = true;
    (void) pthread_cond_broadcast(&k->changed);
    (void) pthread_mutex_unlock(&k->lock);
}

/* Whether the thread has ended, or is to be left alone where it is. */
static bool wait_for_end(struct sut_cashier *k, unsigned ms)
{
    const struct timespec until = in_ms(ms);
    bool is_late = false;
    (void) pthread_mutex_lock(&k->lock);
    k->is_stopping = true;
    (void) pthread_cond_broadcast(&k->changed);
    while (!k->has_ended && !(is_late && k->is_out)) {
        if (is_late)
            (void) pthread_cond_wait(&k->changed, &k->lock);
        else
            is_late = pthread_cond_timedwait(&k->changed, &k->lock, &until) == ETIMEDOUT;
    }
    k->is_left = !k->has_ended;
    const bool has_ended = k->has_ended;
    (void) pthread_mutex_unlock(&k->lock);
    return has_ended;
}

bool sut_cashier_stop_within(struct sut_cashier **k, unsigned ms)
{
    if (*k == NULL)
        return true;
    if ((*k)->has_thread && !wait_for_end(*k, ms)) {
        *k = NULL;
        return false;
    }
    if ((*k)->has_thread)
        (void) pthread_join((*k)->thread, NULL);
    free_cashier(k);
    return true;
}
