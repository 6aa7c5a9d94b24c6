/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/user_local.h"

#include "base/mem.h"
#include "prog/boot.h"
#include "prog/counter_home.h"
#include "prog/hashing.h"
#include "prog/own_keeper.h"

struct sut_user_local {
    struct sut_own_keeper *keeper;
    struct sut_boot boot;
    struct sut_hasher *hasher;
    const struct sut_config *config;
    struct sut_counter_rows counter_rows;
    struct sut_counters *counters; /* opened by the first UNLOCK */
    struct sut_user_admin admin;
};

SUT_ERR sut_user_local_open(const struct sut_config *config, struct sut_user_local **ret,
                            struct sut_diag *reterr_diag)
{
    DEFER(sut_user_local_close) struct sut_user_local *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    TRY(sut_own_keeper_start(config, 0, &l->keeper, reterr_diag));
    TRY(sut_boot_open(config, 0, sut_own_keeper_of(l->keeper), &l->boot, reterr_diag));
    TRY(sut_hashing_start(config, 1, &sut_random_system, &l->hasher));
    l->config = config;
    l->admin = (struct sut_user_admin){
        .password_policy = sut_hashing_rules(config),
        .store = l->boot.store,
        .hasher = l->hasher,
        .pseudonyms = l->boot.pseudonyms,
        .random = &sut_random_system,
        .clock = &sut_clock_system,
    };
    *ret = STEAL(l);
    return SUT_OK;
}

void sut_user_local_close(struct sut_user_local **l)
{
    if (*l == NULL)
        return;
    sut_counters_free(&(*l)->counters);
    if ((*l)->hasher != NULL)
        sut_hasher_stop(&(*l)->hasher);
    sut_boot_done(&(*l)->boot);
    sut_own_keeper_stop(&(*l)->keeper);
    sut_mem_freep(l);
}

/* What the counters forget, they forget in the store, too. */
static SUT_ERR carry_out(struct sut_user_local *l, struct sut_arena *a,
                         const struct sut_user_ask *ask, struct sut_user_answer *ret)
{
    if (ask->verb == SUT_USER_UNLOCK && l->counters == NULL) {
        TRY(sut_counter_rows_open(l->config, &l->boot, &l->counter_rows, &l->counters));
        l->admin.counters = l->counters;
    }
    TRY(sut_user_admin_do(&l->admin, a, ask, ret));
    return l->counters == NULL ? SUT_OK : sut_counters_checkpoint(l->counters);
}

SUT_ERR sut_user_local_ask(struct sut_user_local *l, struct sut_arena *a,
                           const struct sut_user_ask *ask, struct sut_user_answer *ret,
                           struct sut_diag *reterr_diag)
{
    const sut_err e = carry_out(l, a, ask, ret);
    if (sut_failed(e))
        sut_diag_set(reterr_diag, "the store refused: %s (%s:%d)", sut_err_info(e.code)->name,
                     e.at == NULL ? "?" : e.at->file, e.at == NULL ? 0 : e.at->line);
    return e;
}
