/* SPDX-License-Identifier: Apache-2.0 */
#include "api/account.h"

#include <string.h>

#include "api/entry.h"
#include "api/links.h"
#include "api/password.h"
#include "api/verification.h"
#include "audit/audit.h"
#include "audit/events.h"
#include "authn/hasher.h"
#include "authn/password_rules.h"
#include "authn/sessions.h"
#include "config/config.h"
#include "guard/guard.h"
#include "log/log.h"
#include "shop/person.h"

struct joining {
    struct sut_req *r;
    sut_str email;
    bool wants_session;
};

/* The mail that asks whether the address is theirs goes out with the account. */
static SUT_ERR joined(void *ctx, struct sut_db_conn *c, struct sut_arena *a, int64_t id)
{
    const struct joining *j = ctx;
    if (j->wants_session)
        TRY(api_entry_take_cart(j->r, c, id));
    return api_verification_queue(j->r, c, a, id, j->email);
}

SUT_ERR api_account_sign_up(struct sut_req *r, const struct api_sign_up *form,
                            struct api_account *ret)
{
    *ret = (struct api_account){ .outcome = API_DONE };
    struct sut_db_conn *conn = NULL;
    bool is_taken = false;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_person_email_taken(conn, r->arena, form->email, &is_taken));
    sut_req_conn_end(r);
    if (is_taken) {
        ret->outcome = API_TAKEN;
        return SUT_OK;
    }
    sut_str username = { 0 };
    TRY(sut_person_username_of(r->arena, form->email, &username));
    const struct sut_person_row whose = {
        .username = username,
        .email = form->email,
        .first_name = form->first_name,
        .last_name = form->last_name,
    };
    TRY(api_password_judge(r, &whose, form->password, ret));
    if (ret->outcome != API_DONE)
        return SUT_OK;
    struct sut_pwhash_text hash;
    TRY(sut_hasher_hash(r->app->hasher, form->password, &hash, &r->retry_after_s));

    struct sut_session_new session;
    TRY(api_entry_session(r, NULL, &session));
    session.proofs = SUT_PROOF_PASSWORD;
    struct joining joining = {
        .r = r,
        .email = form->email,
        .wants_session = form->wants_session,
    };
    sut_str device = { 0 };
    if (form->wants_session)
        TRY(api_entry_device(r, &device));
    const struct sut_person_register reg = {
        .email = form->email,
        .first_name = form->first_name,
        .last_name = form->last_name,
        .phone = form->phone,
        .password = sut_str_of(hash.p, hash.n),
        .addr = api_entry_addr(r),
        .session = form->wants_session ? &session : NULL,
        .device = device,
        .joined = joined,
        .joined_ctx = &joining,
    };
    struct sut_token refresh;
    TRY(api_entry_name(r, session.id, &refresh));
    session.refresh_hash = api_entry_hash(&refresh);
    const sut_err e = sut_person_register(r->app->store, r->arena, &reg, r->now, &ret->person);
    if (e.code == SUT_E_EXISTS) {
        ret->outcome = API_TAKEN;
        return SUT_OK;
    }
    TRY(e);
    api_mail_wake(r);
    return form->wants_session ? api_entry_pair(r, ret->person.id, &refresh, &ret->pair) : SUT_OK;
}

/* A person's sealed fields do not open any more: an operator must hear of it. */
static void note_lost(int64_t user_id)
{
    sut_log(SUT_LOG_ERROR, "sealed_field_lost", LOG_PERSON("user", user_id));
}

SUT_ERR api_account_self(struct sut_req *r, struct sut_person_row *ret)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_person_by_id(conn, r->arena, r->auth.user_id, ret);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && !ret->is_active))
        FAIL(TOKEN);
    if (e.code == SUT_E_CORRUPT)
        note_lost(r->auth.user_id);
    return e;
}

SUT_ERR api_account_change(struct sut_req *r, const struct sut_person_change *change,
                           struct sut_person_row *ret)
{
    const sut_err e = sut_person_update(r->app->store, r->arena, r->auth.user_id, change,
                                        api_entry_addr(r), r->now, ret);
    if (e.code == SUT_E_NOT_FOUND)
        FAIL(TOKEN);
    if (e.code == SUT_E_CORRUPT)
        note_lost(r->auth.user_id);
    return e;
}

sut_str api_account_join(struct sut_req *r, const struct api_account *a)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, 4096);
    for (size_t i = 0; i < a->n_messages; i++) {
        if (i > 0)
            sut_buf_lit(&b, ", ");
        sut_buf_str_add(&b, a->messages[i]);
    }
    return sut_buf_str(&b);
}
