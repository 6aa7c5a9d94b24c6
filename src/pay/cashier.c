/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/cashier.h"

#include "base/mem.h"
#include "pay/cashier_int.h"

enum { ARENA_MAX = 16 * 1024 * 1024 /* an event of the longest, and what it is read into */ };

static SUT_ERR fetch(void *ctx, const struct sut_errand *e, struct sut_buf *body,
                     struct sut_errand_answer *ret)
{
    struct sut_cashier *const k = ctx;
    const struct sut_pay *const p = k->o.pay;
    ENSURE(p->fetch != NULL || p->courier != NULL, NOT_FOUND);
    sut_background_set_out(k->thread, true);
    const sut_err r = p->fetch != NULL ? p->fetch(p->fetch_ctx, e, body, ret)
                                       : sut_courier_fetch(p->courier, e, body, ret);
    sut_background_set_out(k->thread, false);
    return r;
}

static int64_t one_round(void *arg)
{
    struct sut_cashier *k = arg;
    sut_ms next = { 0 };
    sut_cashier_turn(k, &next);
    return next.v - sut_clock_now(k->o.clock).v;
}

static void free_cashier(struct sut_cashier **k)
{
    if (*k == NULL)
        return;
    sut_background_free(&(*k)->thread);
    sut_arena_free(&(*k)->arena);
    sut_mem_freep(k);
}

SUT_ERR sut_cashier_create(const struct sut_cashier_options *opt, struct sut_cashier **ret)
{
    DEFER(free_cashier) struct sut_cashier *k = sut_mem_zalloc(1, sizeof(*k));
    const struct sut_background_options b = { .round = one_round,
                                              .ctx = k,
                                              .sleep_max_ms = SUT_CASHIER_POLL_MS };
    ENSURE(k != NULL, NOMEM);
    k->o = *opt;
    k->pay = *opt->pay;
    k->pay.fetch = fetch;
    k->pay.fetch_ctx = k;
    TRY(sut_background_create(&b, &k->thread));
    TRY(sut_arena_create(ARENA_MAX, &k->arena));
    sut_arena_set_flags(k->arena, SUT_ARENA_SECRET);
    *ret = STEAL(k);
    return SUT_OK;
}

SUT_ERR sut_cashier_start(const struct sut_cashier_options *opt, struct sut_cashier **ret)
{
    DEFER(free_cashier) struct sut_cashier *k = NULL;
    TRY(sut_cashier_create(opt, &k));
    TRY(sut_background_start(k->thread));
    *ret = STEAL(k);
    return SUT_OK;
}

void sut_cashier_wake(struct sut_cashier *k)
{
    if (k != NULL)
        sut_background_wake(k->thread);
}

bool sut_cashier_stop_within(struct sut_cashier **k, unsigned ms)
{
    if (*k == NULL)
        return true;
    if (!sut_background_stop_within((*k)->thread, ms)) {
        *k = NULL;
        return false;
    }
    free_cashier(k);
    return true;
}
