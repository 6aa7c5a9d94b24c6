/* SPDX-License-Identifier: Apache-2.0 */
#include "api/passkey.h"

#include "api/account.h"
#include "api/factor_change.h"
#include "api/links.h"
#include "api/passkey_form.h"
#include "api/passkey_site.h"
#include "audit/audit.h"
#include "codec/b64url.h"
#include "codec/json_out.h"
#include "config/config.h"
#include "mail/mail.h"

enum { OPTIONS_MAX = 64 * 1024, DISPLAY_MAX = 2048 };

static const char what[] = "a passkey"; /* as mails tell of it */

/* What all changes work on; a job may run again, and makes its results anew. */
struct change {
    struct api_factor_change of;
    int64_t id;
    sut_str name;
    sut_str rp_id;
    const struct sut_person_row *who;
    const struct sut_webauthn_credential *made;
    sut_str handle;
    struct api_passkey_made *ret;
    struct sut_passkey_row *row;
    enum api_passkey_outcome outcome;
    sut_str json;
};

/* --- what an authenticator is asked to make --- */

/* The same for all passkeys of a person; a new one is kept with the challenge. */
static SUT_ERR handle_of(struct sut_req *r, const struct sut_passkey_row *rows, size_t n,
                         sut_str *ret)
{
    unsigned char bytes[SUT_USER_HANDLE];
    if (n > 0) {
        *ret = api_passkey_b64(r, rows[0].user_handle);
    } else {
        TRY(sut_random_fill(r->app->random, bytes, sizeof(bytes)));
        *ret = api_passkey_b64(r, sut_str_of((const char *) bytes, sizeof(bytes)));
    }
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

/* What goes with a challenge is JSON: one text. */
static SUT_ERR quote(struct sut_req *r, sut_str text, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, text.n + 2);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_str(&w, text);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* The handle that went with it. */
static SUT_ERR unquote(struct sut_req *r, sut_str data, sut_str *ret)
{
    char *to = ARENA_ARRAY(r->arena, char, SUT_USER_HANDLE);
    size_t n = 0;
    ENSURE(to != NULL, NOMEM);
    ENSURE(data.n > 2, CORRUPT);
    const sut_str text = sut_str_sub(data, 1, data.n - 1);
    ENSURE(!sut_failed(sut_b64url_decode(text, to, SUT_USER_HANDLE, &n)) && n == SUT_USER_HANDLE,
           CORRUPT);
    *ret = sut_str_of(to, n);
    return SUT_OK;
}

static sut_str display_name(struct sut_req *r, const struct sut_person_row *p)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, DISPLAY_MAX);
    sut_buf_str_add(&b, p->first_name);
    if (p->first_name.n > 0 && p->last_name.n > 0)
        sut_buf_char(&b, ' ');
    sut_buf_str_add(&b, p->last_name);
    return b.n > 0 && !sut_failed(sut_buf_check(&b)) ? sut_buf_str(&b) : p->email;
}

static void write_names(struct sut_jw *w, const struct change *ch, sut_str handle)
{
    sut_jw_key(w, "rp");
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_str(w, ch->rp_id);
    sut_jw_key(w, "name");
    sut_jw_str(w, ch->of.r->app->config->shop.name);
    sut_jw_obj_end(w);
    sut_jw_key(w, "user");
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_str(w, handle);
    sut_jw_key(w, "name");
    sut_jw_str(w, ch->who->email);
    sut_jw_key(w, "displayName");
    sut_jw_str(w, display_name(ch->of.r, ch->who));
    sut_jw_obj_end(w);
}

static void write_algorithms(struct sut_jw *w)
{
    static const enum sut_cose_alg algs[] = { SUT_COSE_ES256, SUT_COSE_EDDSA, SUT_COSE_RS256 };
    sut_jw_key(w, "pubKeyCredParams");
    sut_jw_arr(w);
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        sut_jw_obj(w);
        sut_jw_key(w, "type");
        sut_jw_z(w, "public-key");
        sut_jw_key(w, "alg");
        sut_jw_i64(w, algs[i]);
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
}

static void write_wishes(struct sut_jw *w)
{
    sut_jw_key(w, "authenticatorSelection");
    sut_jw_obj(w);
    /* One that can sign in alone when the authenticator can; an old key is a second factor. */
    sut_jw_key(w, "residentKey");
    sut_jw_z(w, "preferred");
    sut_jw_key(w, "requireResidentKey");
    sut_jw_bool(w, false);
    sut_jw_key(w, "userVerification");
    sut_jw_z(w, "preferred");
    sut_jw_obj_end(w);
    sut_jw_key(w, "attestation");
    sut_jw_z(w, "none");
}

static SUT_ERR begin_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    struct sut_req *r = ch->of.r;
    struct sut_passkey_row *rows = NULL;
    size_t n = 0;
    sut_str handle = { 0 };
    sut_str data = { 0 };
    sut_str challenge = { 0 };
    struct sut_buf b;
    api_factor_change_begin(&ch->of);
    TRY(sut_passkey_list(c, r->arena, r->auth.user_id, &rows, &n));
    ch->outcome = n < SUT_PASSKEYS_MAX ? API_PASSKEY_DONE : API_PASSKEY_FULL;
    if (ch->outcome != API_PASSKEY_DONE)
        return SUT_OK;
    TRY(handle_of(r, rows, n, &handle));
    TRY(quote(r, handle, &data));
    TRY(api_passkey_challenge(c, r, SUT_LINK_PASSKEY_REGISTER, r->auth.user_id, data, &challenge));
    sut_buf_init_arena(&b, r->arena, OPTIONS_MAX);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    write_names(&w, ch, handle);
    sut_jw_key(&w, "challenge");
    sut_jw_str(&w, challenge);
    write_algorithms(&w);
    sut_jw_key(&w, "timeout");
    sut_jw_i64(&w, INT64_C(1000) * API_PASSKEY_LIFE_S);
    sut_jw_key(&w, "excludeCredentials");
    api_passkey_write_list(&w, r, rows, n);
    write_wishes(&w);
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    ch->json = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_passkey_register_begin(struct sut_req *r, enum api_passkey_outcome *ret,
                                   sut_str *ret_json)
{
    struct sut_webauthn_site site;
    struct sut_person_row who;
    struct change ch = { .of = { .r = r, .what = what }, .who = &who };
    TRY(api_passkey_site(r, &site));
    ch.rp_id = site.rp_id;
    TRY(api_account_self(r, &who));
    TRY(api_factor_change_run(&ch.of, begin_job, &ch));
    *ret = ch.outcome;
    *ret_json = ch.json;
    return SUT_OK;
}

/* --- what it made --- */

static SUT_ERR add_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    struct sut_req *r = ch->of.r;
    const struct sut_token *t = &r->auth.token;
    struct sut_person_account p;
    api_factor_change_begin(&ch->of);
    TRY(sut_person_account(c, r->arena, r->auth.user_id, &p));
    struct sut_passkey_row row = {
        .person = p.id,
        .credential = ch->made->id,
        .user_handle = ch->handle,
        .public_key = ch->made->public_key,
        .sign_count = ch->made->sign_count,
        .flags = ch->made->flags,
        .name = ch->name,
        .created_at = r->now,
    };
    TRY(sut_passkey_add(c, &row, r->now, &row.id));
    ch->ret->has_codes = p.factors == 0;
    if (ch->ret->has_codes)
        TRY(api_recovery_put(c, r, &ch->ret->codes));
    /* This session has shown the factor that it just got. */
    TRY(sut_session_prove(c, t->session, t->user_id, SUT_PROOF_PASSKEY, r->now));
    TRY(api_factor_change_note(c, &ch->of, SUT_ACTION_USER_FACTOR_ADD));
    ch->ret->row = row;
    return api_factor_change_mail(c, &ch->of, SUT_MAIL_FACTOR_ADDED);
}

static SUT_ERR add(struct change *ch, const struct api_passkey_asked *asked)
{
    TRY(unquote(ch->of.r, asked->row.data, &ch->handle));
    TRY(api_recovery_make(ch->of.r, &ch->ret->codes));
    const sut_err e = api_factor_change_run(&ch->of, add_job, ch);
    if (e.code != SUT_E_EXISTS && e.code != SUT_E_TOO_LARGE)
        return e;
    ch->ret->outcome = e.code == SUT_E_EXISTS ? API_PASSKEY_TAKEN : API_PASSKEY_FULL;
    return SUT_OK;
}

/* DENIED: it is no good. */
static SUT_ERR judge(struct sut_req *r, const struct sut_json *credential,
                     struct api_passkey_asked *asked, struct sut_webauthn_credential *ret)
{
    static const enum sut_link_purpose purposes[] = { SUT_LINK_PASSKEY_REGISTER };
    struct sut_webauthn_site site;
    struct sut_webauthn_registration in;
    enum sut_webauthn_fault fault = SUT_WEBAUTHN_FINE;
    TRY(api_passkey_site(r, &site));
    TRY(api_passkey_read_registration(r, credential, &in));
    TRY(api_passkey_take(r, in.client_data, purposes, 1, asked));
    ENSURE(asked->row.person == r->auth.user_id, DENIED);
    const sut_err e = sut_webauthn_register(r->arena, &site, api_passkey_challenge_of(asked), false,
                                            &in, ret, &fault);
    if (e.code == SUT_E_DENIED)
        api_entry_event(r, SUT_EVENT_INPUT_SUSPICIOUS, r->auth.user_id,
                        sut_webauthn_fault_word(fault));
    return e;
}

SUT_ERR api_passkey_register_finish(struct sut_req *r, const struct sut_json *credential,
                                    sut_str name, struct api_passkey_made *ret)
{
    struct api_passkey_asked asked;
    struct sut_webauthn_credential made;
    struct change ch = { .of = { .r = r, .what = what }, .name = name, .made = &made, .ret = ret };
    ret->outcome = API_PASSKEY_DONE;
    const sut_err e = judge(r, credential, &asked, &made);
    if (e.code == SUT_E_DENIED) {
        ret->outcome = API_PASSKEY_BAD;
        return SUT_OK;
    }
    TRY(e);
    TRY(add(&ch, &asked));
    if (ret->outcome == API_PASSKEY_DONE)
        api_mail_wake(r);
    return SUT_OK;
}

/* --- the list --- */

SUT_ERR api_passkey_list(struct sut_req *r, struct sut_passkey_row **ret, size_t *ret_n)
{
    struct sut_db_conn *conn = NULL;
    TRY(sut_req_conn(r, &conn));
    const sut_err e = sut_passkey_list(conn, r->arena, r->auth.user_id, ret, ret_n);
    sut_req_conn_end(r);
    return e;
}

static SUT_ERR rename_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    struct sut_req *r = ch->of.r;
    struct sut_passkey_row *rows = NULL;
    size_t n = 0;
    api_factor_change_begin(&ch->of);
    TRY(sut_passkey_rename(c, r->auth.user_id, ch->id, ch->name));
    TRY(sut_passkey_list(c, r->arena, r->auth.user_id, &rows, &n));
    for (size_t i = 0; i < n; i++)
        if (rows[i].id == ch->id)
            *ch->row = rows[i];
    return api_factor_change_note(c, &ch->of, SUT_ACTION_USER_FACTOR_RENAME);
}

SUT_ERR api_passkey_rename(struct sut_req *r, int64_t id, sut_str name, struct sut_passkey_row *ret)
{
    struct change ch = { .of = { .r = r, .what = what }, .id = id, .name = name, .row = ret };
    return api_factor_change_run(&ch.of, rename_job, &ch);
}

static SUT_ERR remove_job(struct sut_db_conn *c, void *arg)
{
    struct change *ch = arg;
    api_factor_change_begin(&ch->of);
    TRY(sut_passkey_remove(c, ch->of.r->auth.user_id, ch->id, ch->of.r->now));
    TRY(api_factor_change_note(c, &ch->of, SUT_ACTION_USER_FACTOR_REMOVE));
    return api_factor_change_mail(c, &ch->of, SUT_MAIL_FACTOR_REMOVED);
}

SUT_ERR api_passkey_remove(struct sut_req *r, int64_t id)
{
    struct change ch = { .of = { .r = r, .what = what }, .id = id };
    TRY(api_factor_change_run(&ch.of, remove_job, &ch));
    api_mail_wake(r);
    return SUT_OK;
}
