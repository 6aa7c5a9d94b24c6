/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/mail_local.h"

#include "base/mem.h"
#include "prog/boot.h"
#include "prog/mailing.h"
#include "prog/own_keeper.h"

struct sut_mail_local {
    struct sut_own_keeper *keeper;
    struct sut_boot boot;
    struct sut_mail_admin admin;
    char dir[PATH_MAX];
};

SUT_ERR sut_mail_local_open(const struct sut_config *config, struct sut_mail_local **ret,
                            struct sut_diag *reterr_diag)
{
    DEFER(sut_mail_local_close) struct sut_mail_local *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    TRY(sut_own_keeper_start(config, 0, &l->keeper, reterr_diag));
    TRY(sut_boot_open(config, 0, sut_own_keeper_of(l->keeper), &l->boot, reterr_diag));
    l->admin = (struct sut_mail_admin){
        .store = l->boot.store,
        .pseudonyms = l->boot.pseudonyms,
        .sender = sut_mailing_sender(config),
        .maildir = sut_mailing_dir(config, l->dir),
        .clock = &sut_clock_system,
    };
    *ret = STEAL(l);
    return SUT_OK;
}

void sut_mail_local_close(struct sut_mail_local **l)
{
    if (*l == NULL)
        return;
    sut_boot_done(&(*l)->boot);
    sut_own_keeper_stop(&(*l)->keeper);
    sut_mem_freep(l);
}

SUT_ERR sut_mail_local_ask(struct sut_mail_local *l, struct sut_arena *a,
                           const struct sut_mail_ask *ask, struct sut_mail_shown *ret,
                           struct sut_diag *reterr_diag)
{
    const sut_err e = sut_mail_admin_do(&l->admin, a, ask, ret);
    if (sut_failed(e))
        sut_diag_set(reterr_diag, "the store refused: %s (%s:%d)", sut_err_info(e.code)->name,
                     e.at == NULL ? "?" : e.at->file, e.at == NULL ? 0 : e.at->line);
    return e;
}
