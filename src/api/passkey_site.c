/* SPDX-License-Identifier: Apache-2.0 */
#include "api/passkey_site.h"

#include "api/links.h"
#include "codec/b64url.h"
#include "codec/json_out.h"
#include "config/config.h"
#include "crypto/sha256.h"
#include "store/factor.h"

enum { URL_MAX = 512, OPTIONS_MAX = 64 * 1024, TIMEOUT_MS = API_PASSKEY_LIFE_S * 1000 };

/* --- the site --- */

/* Of "https://shop.example:8443/x": the parts that make the origin. */
struct place {
    sut_str scheme;
    sut_str host; /* in brackets when it is an IPv6 address */
    sut_str port;
};

static bool split(sut_str url, struct place *ret)
{
    const char *sep = url.n == 0 ? NULL : memmem(url.p, url.n, "://", 3);
    if (sep == NULL)
        return false;
    ret->scheme = sut_str_of(url.p, (size_t) (sep - url.p));
    const sut_str rest = sut_str_sub(url, ret->scheme.n + 3, url.n);
    const sut_str host = sut_str_sub(rest, 0, sut_str_find(rest, 0, '/'));
    const size_t from = sut_str_find(host, 0, ']');
    const size_t colon = sut_str_find(host, from < host.n ? from : 0, ':');
    ret->host = sut_str_sub(host, 0, colon);
    ret->port = sut_str_sub(host, colon + 1, host.n);
    return ret->host.n > 0;
}

static bool is_default_port(const struct place *p)
{
    return p->port.n == 0 || (sut_str_is(p->scheme, "https") && sut_str_is(p->port, "443")) ||
           (sut_str_is(p->scheme, "http") && sut_str_is(p->port, "80"));
}

/* An address is none's name: browsers take no RP ID of numbers. */
static bool is_number(sut_str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] != '.' && (host.p[i] < '0' || host.p[i] > '9'))
            return host.p[0] == '[';
    return true;
}

static bool is_within(sut_str host, sut_str rp_id)
{
    return sut_str_eq(host, rp_id) ||
           (host.n > rp_id.n && sut_str_ends(host, rp_id) && host.p[host.n - rp_id.n - 1] == '.');
}

static SUT_ERR lower(struct sut_req *r, sut_str s, sut_str *ret)
{
    char *to = ARENA_ARRAY(r->arena, char, s.n + 1);
    ENSURE(to != NULL, NOMEM);
    for (size_t i = 0; i < s.n; i++)
        to[i] = sut_ascii_lower(s.p[i]);
    *ret = sut_str_of(to, s.n);
    return SUT_OK;
}

/* As a browser writes it. */
static SUT_ERR origin_of(struct sut_req *r, const struct place *p, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, URL_MAX);
    sut_buf_str_add(&b, p->scheme);
    sut_buf_lit(&b, "://");
    sut_buf_str_add(&b, p->host);
    if (!is_default_port(p)) {
        sut_buf_char(&b, ':');
        sut_buf_str_add(&b, p->port);
    }
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_passkey_site(struct sut_req *r, struct sut_webauthn_site *ret)
{
    const struct sut_config *c = r->app->config;
    struct place own;
    sut_str url = { 0 };
    TRY(lower(r, c->server.public_url, &url));
    ENSURE(split(url, &own), UNAVAILABLE);
    *ret = (struct sut_webauthn_site){ .any_localhost = r->app->plain_loopback_ok };
    if (c->accounts.rp_id.n > 0)
        TRY(lower(r, c->accounts.rp_id, &ret->rp_id));
    else if (!is_number(own.host))
        ret->rp_id = own.host;
    else if (r->app->plain_loopback_ok)
        ret->rp_id = SUT_STR("localhost");
    ENSURE(ret->rp_id.n > 0, UNAVAILABLE);

    sut_str *origins = ARENA_ARRAY(r->arena, sut_str, c->cors.origins.n + 1);
    ENSURE(origins != NULL, NOMEM);
    if (is_within(own.host, ret->rp_id))
        TRY(origin_of(r, &own, &origins[ret->n_origins++]));
    for (size_t i = 0; i < c->cors.origins.n; i++) {
        struct place p;
        if (split(c->cors.origins.items[i], &p) && is_within(p.host, ret->rp_id))
            origins[ret->n_origins++] = c->cors.origins.items[i];
    }
    ret->origins = origins;
    return SUT_OK;
}

/* --- challenges --- */

sut_str api_passkey_b64(struct sut_req *r, sut_str bytes)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, bytes.n * 2 + 4);
    sut_b64url_encode(&b, bytes);
    return sut_failed(sut_buf_check(&b)) ? (sut_str){ 0 } : sut_buf_str(&b);
}

SUT_ERR api_passkey_challenge(struct sut_db_conn *c, struct sut_req *r,
                              enum sut_link_purpose purpose, int64_t person, sut_str data,
                              sut_str *ret)
{
    struct api_secret secret;
    TRY(api_secret_make(r, &secret));
    const struct sut_link_new l = {
        .purpose = purpose,
        .person = person,
        .hash = api_secret_hash(secret.hash),
        .data = data,
        .expires_at = { r->now.v + INT64_C(1000) * API_PASSKEY_LIFE_S },
    };
    TRY(sut_link_token_add(c, &l, r->now));
    *ret = secret.text;
    return SUT_OK;
}

struct taking {
    struct sut_arena *arena;
    struct sut_mark mark;
    const enum sut_link_purpose *purposes;
    size_t n;
    sut_str hash;
    sut_ms now;
    struct sut_link_row row;
};

static SUT_ERR take_job(struct sut_db_conn *c, void *arg)
{
    struct taking *t = arg;
    sut_arena_rewind(t->arena, t->mark);
    for (size_t i = 0; i < t->n; i++) {
        const sut_err e = sut_link_token_use(c, t->arena, t->purposes[i], t->hash, t->now, &t->row);
        if (e.code != SUT_E_NOT_FOUND)
            return e;
    }
    FAIL(NOT_FOUND);
}

SUT_ERR api_passkey_take(struct sut_req *r, sut_str client_data,
                         const enum sut_link_purpose *purposes, size_t n,
                         struct api_passkey_asked *ret)
{
    unsigned char hash[SUT_SHA256_SIZE];
    ENSURE(sut_webauthn_challenge_of(r->arena, client_data, ret->challenge), DENIED);
    sut_sha256(api_passkey_challenge_of(ret), hash);
    struct taking t = {
        .arena = r->arena,
        .purposes = purposes,
        .n = n,
        .hash = sut_str_of((const char *) hash, sizeof(hash)),
        .now = r->now,
    };
    sut_req_conn_end(r);
    t.mark = sut_arena_mark(r->arena);
    const sut_err e = sut_store_write(r->app->store, take_job, &t);
    ENSURE(e.code != SUT_E_NOT_FOUND, DENIED);
    TRY(e);
    ret->row = t.row;
    return SUT_OK;
}

/* --- options --- */

void api_passkey_write_list(struct sut_jw *w, struct sut_req *r, const struct sut_passkey_row *rows,
                            size_t n)
{
    sut_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        sut_jw_obj(w);
        sut_jw_key(w, "type");
        sut_jw_z(w, "public-key");
        sut_jw_key(w, "id");
        sut_jw_str(w, api_passkey_b64(r, rows[i].credential));
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
}

SUT_ERR api_passkey_ask(struct sut_db_conn *c, struct sut_req *r, enum sut_link_purpose purpose,
                        int64_t person, sut_str *ret_json)
{
    struct sut_webauthn_site site;
    struct sut_passkey_row *rows = NULL;
    size_t n = 0;
    sut_str challenge = { 0 };
    struct sut_buf b;
    TRY(api_passkey_site(r, &site));
    if (person != 0)
        TRY(sut_passkey_list(c, r->arena, person, &rows, &n));
    TRY(api_passkey_challenge(c, r, purpose, person, SUT_STR(""), &challenge));
    sut_buf_init_arena(&b, r->arena, OPTIONS_MAX);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "challenge");
    sut_jw_str(&w, challenge);
    sut_jw_key(&w, "timeout");
    sut_jw_i64(&w, TIMEOUT_MS);
    sut_jw_key(&w, "rpId");
    sut_jw_str(&w, site.rp_id);
    sut_jw_key(&w, "allowCredentials");
    api_passkey_write_list(&w, r, rows, n);
    /* Beside a password a touch is enough; alone it is not. */
    sut_jw_key(&w, "userVerification");
    sut_jw_z(&w, person == 0 ? "required" : "preferred");
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    *ret_json = sut_buf_str(&b);
    return SUT_OK;
}
