/* SPDX-License-Identifier: Apache-2.0 */
#include "media/sweeper.h"

#include "base/background.h"
#include "base/mem.h"

struct sut_sweeper {
    struct sut_sweeper_options o;
    bool recovers; /* in the next round; the thread's alone */
    struct sut_background *thread;
};

static int64_t one_round(void *arg)
{
    struct sut_sweeper *s = arg;
    const sut_ms now = sut_clock_now(s->o.clock);
    const sut_err e =
        s->recovers ? sut_media_recover(s->o.media, now) : sut_media_sweep(s->o.media, now);
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
