/* SPDX-License-Identifier: Apache-2.0 */
#include "api/entry.h"

#include <string.h>

#include "api/links.h"
#include "api/new_device.h"
#include "api/ticket.h"
#include "audit/audit.h"
#include "authn/hasher.h"
#include "config/config.h"
#include "crypto/sha256.h"
#include "guard/browser.h"
#include "guard/csrf.h"
#include "guard/guest.h"
#include "guard/visitor.h"
#include "store/cart.h"
#include "store/device.h"

/* Who is locked for good is told to come back tomorrow. */
enum { LOCK_TOLD_MAX_MS = 24 * 3600 * 1000 };

void api_entry_event(struct sut_req *r, enum sut_event_type type, int64_t user_id,
                     const char *reason)
{
    const struct sut_event_detail d = {
        .route = r->route->name,
        .request_id = r->x->request_id,
        .addr = r->client->text,
        .reason = reason,
        .user_id = user_id,
    };
    sut_event_raise(r->app->events, type, r->now, &d);
}

sut_str api_entry_addr(const struct sut_req *r)
{
    return sut_str_from(r->client->text);
}

static SUT_ERR mint(struct sut_req *r, enum sut_token_kind kind, int64_t user_id, int64_t session,
                    uint64_t nonce, sut_ms at, int64_t life_s, sut_str *ret)
{
    char *to = ARENA_ARRAY(r->arena, char, SUT_TOKEN_MINTED_MAX);
    ENSURE(to != NULL, NOMEM);
    struct sut_token t = {
        .kind = kind,
        .user_id = user_id,
        .session = session,
        .nonce = nonce,
        .iat_s = at.v / 1000,
        .exp_s = at.v / 1000 + life_s,
    };
    size_t n = 0;
    TRY(sut_token_mint(r->app->keyring, &r->app->token_policy, r->app->random, &t, to,
                       SUT_TOKEN_MINTED_MAX, &n));
    *ret = sut_str_of(to, n);
    return SUT_OK;
}

SUT_ERR api_entry_name(struct sut_req *r, int64_t session, struct sut_token *ret)
{
    *ret = (struct sut_token){ .session = session };
    return sut_token_name(r->app->random, ret);
}

sut_str api_entry_hash(const struct sut_token *t)
{
    return sut_str_of((const char *) t->jti_hash, sizeof(t->jti_hash));
}

/* The access token's number follows from the refresh token's: a pair can be made again. */
static uint64_t access_nonce(const struct sut_token *refresh)
{
    unsigned char digest[SUT_SHA256_SIZE];
    uint64_t numbers[2] = { (uint64_t) refresh->session, refresh->nonce };
    const sut_str parts[] = { SUT_STR("access"),
                              sut_str_of((const char *) numbers, sizeof(numbers)) };
    sut_sha256_parts(parts, 2, digest);
    memcpy(numbers, digest, sizeof(numbers));
    return numbers[0] == 0 ? 1 : numbers[0];
}

SUT_ERR api_entry_pair(struct sut_req *r, int64_t user_id, const struct sut_token *refresh,
                       struct api_pair *ret)
{
    return api_entry_pair_of(r, user_id, refresh, r->now, ret);
}

SUT_ERR api_entry_pair_of(struct sut_req *r, int64_t user_id, const struct sut_token *refresh,
                          sut_ms at, struct api_pair *ret)
{
    const struct sut_config *c = r->app->config;
    struct api_pair pair = {
        .access_life_s = c->tokens.access_life_s,
        .refresh_life_s = c->tokens.refresh_life_s,
    };
    TRY(mint(r, SUT_TOKEN_ACCESS, user_id, refresh->session, access_nonce(refresh), at,
             pair.access_life_s, &pair.access));
    TRY(mint(r, SUT_TOKEN_REFRESH, user_id, refresh->session, refresh->nonce, at,
             pair.refresh_life_s, &pair.refresh));
    if (sut_req_is_browser(r)) {
        const int64_t age_s = (r->now.v - at.v) / 1000;
        sut_req_give_refresh(r, pair.refresh, pair.refresh_life_s - age_s);
        pair.refresh = (sut_str){ 0 };
        TRY(sut_csrf_token_of_session(r, refresh->session, &pair.csrf));
    }
    *ret = pair;
    return SUT_OK;
}

sut_ms api_entry_refresh_ends(const struct sut_req *r)
{
    return (sut_ms){ .v = r->now.v + (int64_t) r->app->config->tokens.refresh_life_s * 1000 };
}

SUT_ERR api_entry_session(struct sut_req *r, const struct api_device *device,
                          struct sut_session_new *ret)
{
    const struct api_device none = { 0 };
    const struct api_device *d = device == NULL ? &none : device;
    *ret = (struct sut_session_new){
        .expires_at = api_entry_refresh_ends(r),
        .device_type = d->type,
        .os = d->os,
        .app_version = d->app_version,
        .user_agent = r->x->req->known[SUT_H_USER_AGENT],
        .ip = api_entry_addr(r),
        .is_browser = sut_req_is_browser(r),
    };
    return sut_random_id(r->app->random, &ret->id);
}

SUT_ERR api_entry_coarse_addr(struct sut_req *r, sut_str *ret)
{
    const struct sut_addr *a = r->client;
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, sizeof(a->text) + 8);
    if (sut_addr_is_ipv4(a)) {
        sut_buf_printf(&b, "%u.%u.%u.*", a->ip[12], a->ip[13], a->ip[14]);
    } else {
        for (unsigned i = 0; i < 6; i += 2)
            sut_buf_printf(&b, "%x:", (unsigned) (a->ip[i] << 8 | a->ip[i + 1]));
        sut_buf_char(&b, '*');
    }
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_entry_device(struct sut_req *r, sut_str *ret)
{
    const struct sut_device *d = NULL;
    *ret = (sut_str){ 0 };
    TRY(sut_req_sign_in_device(r, &d));
    if (r->sets_device)
        *ret = sut_str_of((const char *) d->hash, sizeof(d->hash));
    return SUT_OK;
}

SUT_ERR api_entry_take_cart(struct sut_req *r, struct sut_db_conn *c, int64_t person)
{
    struct sut_guest g;
    if (!sut_req_joining_guest(r, &g))
        return SUT_OK;
    sut_req_drop_guest(r);
    return sut_cart_merge(c, sut_guest_digest(&g), person, r->now);
}

/* What an entry changes, in one transaction. */
struct opening {
    struct sut_req *r;
    struct sut_arena *arena;
    const struct api_entry *entry;
    struct sut_session_new session;
    sut_str addr;
    sut_ms now;
    sut_str device; /* its hash; empty: devices are not told apart */
    struct api_new_device news;
    bool has_mail;
};

/* The device is one of this person's from now on; they are told when it was not before. */
static SUT_ERR see_device(struct sut_db_conn *c, const struct sut_person_account *p,
                          struct opening *o)
{
    bool is_new = false;
    bool is_first = false;
    o->has_mail = false;
    if (o->device.n == 0)
        return SUT_OK;
    TRY(sut_device_see(c, p->id, o->device, o->now, &is_new, &is_first));
    return api_new_device_queue(c, o->arena, &o->news, p, is_new, is_first, o->now, &o->has_mail);
}

/* Who has a second factor shows it, whatever they began with. */
static bool is_factor_due(const struct sut_person_account *p, const struct api_entry *e)
{
    return !e->takes_over && p->factors != 0 && (e->proofs & SUT_PROOF_FACTORS) == 0;
}

static SUT_ERR open_job(struct sut_db_conn *c, void *arg)
{
    struct opening *o = arg;
    const struct api_entry *e = o->entry;
    struct sut_person_account p;
    TRY(sut_person_account(c, o->arena, e->account->id, &p));
    /* Between the proof and now the account may have been disabled or its password changed. */
    ENSURE(p.is_active && sut_secret_eq(p.password, e->account->password), DENIED);
    ENSURE(!is_factor_due(&p, e), DENIED);
    if (e->also != NULL)
        TRY(e->also(c, e->also_arg));
    if (e->new_hash.n > 0) {
        TRY(sut_person_set_password(c, p.id, p.password, e->new_hash, 0, o->now));
        TRY(sut_audit_write_id(c, SUT_ACTION_USER_PASSWORD_REHASH, p.id, "user", p.id, o->addr,
                               o->now));
    }
    TRY(sut_person_set_last_login(c, p.id, o->now));
    TRY(see_device(c, &p, o));
    TRY(sut_session_insert(c, &o->session, o->now));
    TRY(api_entry_take_cart(o->r, c, p.id));
    return sut_audit_write_id(c, SUT_ACTION_USER_LOGIN, p.id, "user", p.id, o->addr, o->now);
}

/* An operator's lock holds for every way in. */
static bool is_locked_by_operator(const struct sut_req *r, const struct sut_person_account *p,
                                  struct api_account *ret)
{
    const int64_t left_ms = p->locked_until.v - r->now.v;
    if (left_ms <= 0)
        return false;
    ret->outcome = API_LOCKED;
    ret->retry_after_s =
        left_ms < LOCK_TOLD_MAX_MS ? (left_ms + 999) / 1000 : LOCK_TOLD_MAX_MS / 1000;
    return true;
}

SUT_ERR api_entry_open(struct sut_req *r, const struct api_entry *entry, struct api_account *ret)
{
    struct opening o = {
        .r = r,
        .arena = r->arena,
        .entry = entry,
        .addr = api_entry_addr(r),
        .now = r->now,
    };
    struct sut_token refresh;
    if (is_locked_by_operator(r, entry->account, ret))
        return SUT_OK;
    if (is_factor_due(entry->account, entry))
        return api_ticket_issue(r, entry, ret);
    TRY(api_entry_session(r, entry->device, &o.session));
    TRY(api_entry_name(r, o.session.id, &refresh));
    o.session.user_id = entry->account->id;
    o.session.proofs = entry->proofs;
    o.session.refresh_hash = api_entry_hash(&refresh);
    TRY(api_entry_device(r, &o.device));
    TRY(api_new_device_of(r, entry->device, &o.news));
    TRY(sut_store_write(r->app->store, open_job, &o));
    if (o.has_mail)
        api_mail_wake(r);
    ret->outcome = API_DONE;
    return api_entry_pair(r, entry->account->id, &refresh, &ret->pair);
}
