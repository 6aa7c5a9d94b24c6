/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sweeper.h"

#include "base/background.h"
#include "base/mem.h"

struct sut_sweeper {
    struct sut_sweeper_options o;
    bool recovers; /* in the next round; the thread's alone */
    struct sut_background *thread;
};

static bool is_over(void *ctx)
{
    struct sut_sweeper *s = ctx;
    return sut_background_is_stopping(s->thread);
}

static void set_out(void *ctx, bool is_out)
{
    struct sut_sweeper *s = ctx;
    sut_background_set_out(s->thread, is_out);
}

static int64_t one_round(void *arg)
{
    struct sut_sweeper *s = arg;
    const struct sut_media_watch w = { .ctx = s, .is_over = is_over, .set_out = set_out };
    const sut_ms now = sut_clock_now(s->o.clock);
    const sut_err e =
        s->recovers ? sut_media_recover(s->o.media, &w, now) : sut_media_sweep(s->o.media, &w, now);
    if (sut_failed(e) && s->o.tell != NULL)
        s->o.tell(s->o.tell_ctx, e);
    /* Once: what waits after it is this process's own. */
    s->recovers = false;
    return sut_failed(e) ? SUT_SWEEPER_TROUBLE_MS : SUT_SWEEPER_EVERY_MS;
}

SUT_ERR sut_sweeper_start(const struct sut_sweeper_options *o, struct sut_sweeper **ret)
{
    DEFER(sut_sweeper_stop) struct sut_sweeper *s = sut_mem_zalloc(1, sizeof(*s));
    const struct sut_background_options b = { .round = one_round,
                                              .ctx = s,
                                              .sleep_max_ms = SUT_SWEEPER_EVERY_MS };
    ENSURE(s != NULL, NOMEM);
    s->o = *o;
    s->recovers = o->recovers;
    TRY(sut_background_create(&b, &s->thread));
    TRY(sut_background_start(s->thread));
    *ret = STEAL(s);
    return SUT_OK;
}

void sut_sweeper_wake(struct sut_sweeper *s)
{
    if (s != NULL)
        sut_background_wake(s->thread);
}

void sut_sweeper_stop(struct sut_sweeper **s)
{
    if (*s == NULL)
        return;
    sut_background_free(&(*s)->thread);
    sut_mem_freep(s);
}

bool sut_sweeper_stop_within(struct sut_sweeper **s, unsigned ms)
{
    if (*s == NULL)
        return true;
    if (!sut_background_stop_within((*s)->thread, ms)) {
        *s = NULL;
        return false;
    }
    sut_sweeper_stop(s);
    return true;
}
