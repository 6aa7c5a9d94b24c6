/* SPDX-License-Identifier: Apache-2.0 */
#include "api/ticket.h"

#include "api/links.h"
#include "api/passkey_site.h"
#include "audit/audit.h"
#include "codec/b64url.h"
#include "codec/json.h"
#include "codec/json_out.h"
#include "crypto/sha256.h"
#include "store/factor.h"

enum { DIGEST = 16, DIGEST_TEXT = 24 };

/* Of the password's hash: that it changed is all that is asked. */
static void digest_password(sut_str hash, char to[DIGEST_TEXT], sut_str *ret)
{
    unsigned char digest[SUT_SHA256_SIZE];
    struct sut_buf b = { .p = to, .cap = DIGEST_TEXT, .max = DIGEST_TEXT };
    const sut_str parts[] = { SUT_STR("ticket"), hash };
    sut_sha256_parts(parts, 2, digest);
    sut_b64url_encode(&b, sut_str_of((const char *) digest, DIGEST));
    *ret = sut_buf_str(&b);
}

static void put_text(struct sut_jw *w, const char *name, sut_str v)
{
    sut_jw_key(w, name);
    sut_jw_str(w, v);
}

static SUT_ERR write_data(struct sut_arena *a, const struct api_entry *e, sut_str password,
                          sut_str *ret)
{
    char digest[DIGEST_TEXT];
    sut_str text = { 0 };
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SUT_LINK_DATA_MAX);
    struct sut_jw w = sut_jw_of(&b);
    digest_password(password, digest, &text);
    sut_jw_obj(&w);
    sut_jw_key(&w, "proofs");
    sut_jw_i64(&w, e->proofs);
    put_text(&w, "password", text);
    if (e->device != NULL) {
        put_text(&w, "type", e->device->type);
        put_text(&w, "os", e->device->os);
        put_text(&w, "app_version", e->device->app_version);
    }
    if (e->link.provider != 0) {
        sut_jw_key(&w, "provider");
        sut_jw_i64(&w, e->link.provider);
        put_text(&w, "subject", e->link.subject);
        put_text(&w, "email", e->link.email);
    }
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* --- giving one out --- */

struct issue {
    struct sut_req *r;
    struct sut_mark mark; /* a job may run again: its memory begins here */
    const struct api_entry *entry;
    struct api_secret secret;
    int64_t factors;
    int64_t codes_left;
    sut_str options; /* for their passkeys; empty: none */
};

/* Beside a ticket, what their passkeys may sign in its place. */
static SUT_ERR ask_passkey(struct sut_db_conn *c, struct issue *i, int64_t person)
{
    i->options = (sut_str){ 0 };
    if ((i->factors & SUT_FACTOR_PASSKEY) == 0)
        return SUT_OK;
    const sut_err e = api_passkey_ask(c, i->r, SUT_LINK_PASSKEY_PROOF, person, &i->options);
    /* A shop that has lost its name still knows other factors. */
    return e.code == SUT_E_UNAVAILABLE ? SUT_OK : e;
}

static SUT_ERR issue_job(struct sut_db_conn *c, void *arg)
{
    struct issue *i = arg;
    const struct api_entry *e = i->entry;
    struct sut_arena *a = i->r->arena;
    const sut_ms now = i->r->now;
    struct sut_person_account p;
    sut_arena_rewind(a, i->mark);
    TRY(sut_person_account(c, a, e->account->id, &p));
    ENSURE(p.is_active && sut_secret_eq(p.password, e->account->password), DENIED);
    ENSURE(p.factors != 0, DENIED);
    if (e->also != NULL)
        TRY(e->also(c, e->also_arg));
    if (e->new_hash.n > 0) {
        TRY(sut_person_set_password(c, p.id, p.password, e->new_hash, 0, now));
        TRY(sut_audit_write_id(c, SUT_ACTION_USER_PASSWORD_REHASH, p.id, "user", p.id,
                               api_entry_addr(i->r), now));
    }
    struct sut_link_new l = {
        .purpose = SUT_LINK_TICKET,
        .person = p.id,
        .hash = api_secret_hash(i->secret.hash),
        .expires_at = { now.v + INT64_C(1000) * API_TICKET_LIFE_S },
    };
    TRY(write_data(a, e, e->new_hash.n > 0 ? e->new_hash : p.password, &l.data));
    TRY(sut_link_token_add(c, &l, now));
    i->factors = p.factors;
    TRY(ask_passkey(c, i, p.id));
    return sut_recovery_count(c, p.id, &i->codes_left);
}

SUT_ERR api_ticket_issue(struct sut_req *r, const struct api_entry *entry, struct api_account *ret)
{
    struct issue i = { .r = r, .entry = entry };
    TRY(api_secret_make(r, &i.secret));
    i.mark = sut_arena_mark(r->arena);
    TRY(sut_store_write(r->app->store, issue_job, &i));
    ret->outcome = API_FACTOR_DUE;
    ret->ticket = i.secret.text;
    ret->factors = i.factors;
    ret->passkey_options = i.options;
    ret->has_recovery = i.codes_left > 0;
    return SUT_OK;
}

/* --- taking one back --- */

static sut_str text_of(const struct sut_json *o, const char *name)
{
    const struct sut_json *v = sut_json_get(o, name);
    return v == NULL || v->type != SUT_JSON_STRING ? (sut_str){ 0 } : v->s;
}

static SUT_ERR read_data(struct sut_arena *a, sut_str data, struct api_ticket *ret,
                         sut_str *ret_password)
{
    const struct sut_json *o = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    ENSURE(data.p != NULL, CORRUPT);
    TRY(sut_json_parse(a, data, &o, &fault));
    const struct sut_json *proofs = sut_json_get(o, "proofs");
    ENSURE(proofs != NULL && proofs->type == SUT_JSON_INT, CORRUPT);
    ret->proofs = (unsigned) proofs->i;
    ret->device = (struct api_device){
        .type = text_of(o, "type"),
        .os = text_of(o, "os"),
        .app_version = text_of(o, "app_version"),
    };
    const struct sut_json *provider = sut_json_get(o, "provider");
    if (provider != NULL)
        ret->link = (struct api_link){
            .provider = provider->i,
            .subject = text_of(o, "subject"),
            .email = text_of(o, "email"),
        };
    *ret_password = text_of(o, "password");
    return SUT_OK;
}

/* Whether the account is as it was when the ticket was given out. */
static bool still_holds(const struct sut_person_account *p, sut_str password, sut_ms given_at)
{
    char digest[DIGEST_TEXT];
    sut_str now = { 0 };
    digest_password(p->password, digest, &now);
    return p->is_active && sut_secret_eq(now, password) && p->tokens_revoked_at.v < given_at.v;
}

static SUT_ERR look_up(struct sut_req *r, struct sut_db_conn *c, struct api_ticket *ret)
{
    struct sut_link_row row;
    sut_str password = { 0 };
    const sut_str hash = api_secret_hash(ret->hash);
    TRY(sut_link_token_find(c, r->arena, SUT_LINK_TICKET, hash, r->now, &row));
    TRY(read_data(r->arena, row.data, ret, &password));
    TRY(sut_person_account(c, r->arena, row.person, &ret->account));
    ENSURE(still_holds(&ret->account, password, row.created_at), NOT_FOUND);
    return SUT_OK;
}

SUT_ERR api_ticket_read(struct sut_req *r, sut_str text, struct api_ticket *ret)
{
    struct sut_db_conn *conn = NULL;
    *ret = (struct api_ticket){ 0 };
    ENSURE(api_secret_read(text, ret->hash), NOT_FOUND);
    TRY(sut_req_conn(r, &conn));
    const sut_err e = look_up(r, conn, ret);
    sut_req_conn_end(r);
    return e;
}

SUT_ERR api_ticket_holds(struct sut_db_conn *c, struct sut_arena *a, const struct api_ticket *t,
                         sut_ms now)
{
    struct sut_link_row row;
    return sut_link_token_find(c, a, SUT_LINK_TICKET, api_secret_hash(t->hash), now, &row);
}

SUT_ERR api_ticket_miss(struct sut_db_conn *c, struct sut_arena *a, const struct api_ticket *t,
                        sut_ms now)
{
    struct sut_link_row row;
    uint32_t left = 0;
    TRY(sut_link_token_find(c, a, SUT_LINK_TICKET, api_secret_hash(t->hash), now, &row));
    return sut_link_token_miss(c, row.id, API_TICKET_TRIES, &left);
}

SUT_ERR api_ticket_use(struct sut_db_conn *c, struct sut_arena *a, const struct api_ticket *t,
                       sut_ms now)
{
    struct sut_link_row row;
    return sut_link_token_use(c, a, SUT_LINK_TICKET, api_secret_hash(t->hash), now, &row);
}
