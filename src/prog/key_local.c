/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/key_local.h"

#include "base/mem.h"
#include "prog/own_keeper.h"

struct sut_key_local {
    const struct sut_config *config;
    struct sut_own_keeper *keeper;
    struct sut_boot boot;
    struct sut_key_admin *admin;
};

/* What a supervisor would do. */
static SUT_ERR ask(void *ctx, enum sut_word word, struct sut_diag *reterr_diag)
{
    struct sut_key_local *const l = ctx;
    if (word == SUT_WORD_ASK_TLS) {
        sut_diag_set(reterr_diag, "no server runs on this data folder");
        sut_diag_hint(reterr_diag, "it reads certificate and key when it starts");
        FAIL(INVALID);
    }
    return sut_own_keeper_renew(l->keeper, l->config, word, reterr_diag);
}

SUT_ERR sut_key_local_open(const struct sut_config *config, struct sut_key_local **ret,
                           struct sut_diag *reterr_diag)
{
    DEFER(sut_key_local_close) struct sut_key_local *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    l->config = config;
    TRY(sut_own_keeper_start(config, 0, &l->keeper, reterr_diag));
    TRY(sut_boot_open(config, 0, sut_own_keeper_of(l->keeper), &l->boot, reterr_diag));
    const struct sut_key_admin_options o = {
        .boot = &l->boot,
        .clock = &sut_clock_system,
        .ask = ask,
        .ctx = l,
        /* Other servers may use a remote store, even if none runs here. */
        .announce_ms = SUT_KEY_ANNOUNCE_MS,
    };
    TRY(sut_key_admin_create(&o, &l->admin));
    *ret = STEAL(l);
    return SUT_OK;
}

void sut_key_local_close(struct sut_key_local **l)
{
    if (*l == NULL)
        return;
    sut_key_admin_free(&(*l)->admin);
    sut_boot_done(&(*l)->boot);
    sut_own_keeper_stop(&(*l)->keeper);
    sut_mem_freep(l);
}

struct sut_key_admin *sut_key_local_admin(struct sut_key_local *l)
{
    return l->admin;
}
