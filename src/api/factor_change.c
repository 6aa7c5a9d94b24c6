/* SPDX-License-Identifier: Apache-2.0 */
#include "api/factor_change.h"

SUT_ERR api_factor_change_run(struct api_factor_change *f, sut_store_job *job, void *arg)
{
    struct sut_req *r = f->r;
    f->addr = api_entry_addr(r);
    TRY(api_entry_coarse_addr(r, &f->coarse));
    sut_req_conn_end(r);
    f->mark = sut_arena_mark(r->arena);
    return sut_store_write(r->app->store, job, arg);
}

void api_factor_change_begin(const struct api_factor_change *f)
{
    sut_arena_rewind(f->r->arena, f->mark);
}

SUT_ERR api_factor_change_note(struct sut_db_conn *c, const struct api_factor_change *f,
                               enum sut_action action)
{
    const int64_t id = f->r->auth.user_id;
    return sut_audit_write_id(c, action, id, "user", id, f->addr, f->r->now);
}

SUT_ERR api_factor_change_mail(struct sut_db_conn *c, const struct api_factor_change *f,
                               enum sut_mail_kind kind)
{
    const struct sut_mail_words words = {
        .what = sut_str_from(f->what),
        .addr = f->coarse,
        .at = f->r->now,
    };
    return sut_mail_queue(c, f->r->arena, kind, f->r->auth.user_id, &words, SUT_STR(""), f->r->now);
}
