/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/postman.h"

#include <string.h>

#include "base/mem.h"
#include "mail/maildir.h"
#include "mail/postman_int.h"

enum { ARENA_MAX = 8 * 1024 * 1024 /* a batch of the longest payloads, and one message */ };

static int64_t one_round(void *arg)
{
    struct sut_postman *p = arg;
    sut_ms next = { 0 };
    sut_postman_turn(p, &next);
    return next.v - sut_clock_now(p->o.clock).v;
}

static void free_postman(struct sut_postman **p)
{
    if (*p == NULL)
        return;
    sut_background_free(&(*p)->thread);
    sut_arena_free(&(*p)->arena);
    sut_mem_freep(p);
}

SUT_ERR sut_postman_create(const struct sut_postman_options *opt, struct sut_postman **ret)
{
    ENSURE(opt->maildir.n < PATH_MAX, INVALID);
    DEFER(free_postman) struct sut_postman *p = sut_mem_zalloc(1, sizeof(*p));
    const struct sut_background_options b = { .round = one_round,
                                              .ctx = p,
                                              .sleep_max_ms = SUT_POSTMAN_POLL_MS };
    ENSURE(p != NULL, NOMEM);
    p->o = *opt;
    if (opt->maildir.n > 0)
        memcpy(p->dir, opt->maildir.p, opt->maildir.n);
    p->o.maildir.p = p->dir;
    TRY(sut_background_create(&b, &p->thread));
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
    TRY(sut_background_start(p->thread));
    *ret = STEAL(p);
    return SUT_OK;
}

void sut_postman_wake(struct sut_postman *p)
{
    if (p != NULL)
        sut_background_wake(p->thread);
}

bool sut_postman_stop_within(struct sut_postman **p, unsigned ms)
{
    if (*p == NULL)
        return true;
    if (!sut_background_stop_within((*p)->thread, ms)) {
        *p = NULL;
        return false;
    }
    free_postman(p);
    return true;
}

void sut_postman_stop(struct sut_postman **p)
{
    free_postman(p);
}
