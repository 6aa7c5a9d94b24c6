/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/csrf.h"

#include "base/secret.h"
#include "codec/b64url.h"
#include "config/config.h"
#include "guard/browser.h"
#include "guard/cookie.h"
#include "guard/headers.h"
#include "guard/reply.h"
#include "guard/step_int.h"
#include "guard/visitor.h"

/* --- what a token is bound to --- */

struct subject {
    const char *kind;
    int64_t session;
    sut_str rest;
};

/* The session that the refresh cookie names; 0: no good one came. */
static SUT_ERR session_of_cookie(struct sut_req *r, sut_str cookie, int64_t *ret)
{
    struct sut_token t;
    enum sut_token_fault fault = SUT_TOKEN_FINE;
    *ret = 0;
    if (cookie.n == 0)
        return SUT_OK;
    const sut_err e = sut_token_verify(r->app->keyring, &r->app->token_policy, SUT_TOKEN_REFRESH,
                                       cookie, r->now, r->arena, &t, &fault);
    if (sut_failed(e) && e.code != SUT_E_TOKEN)
        return e;
    if (!sut_failed(e) && !t.is_foreign)
        *ret = t.session;
    return SUT_OK;
}

static SUT_ERR subject_of(struct sut_req *r, struct subject *ret)
{
    const struct sut_device *d = NULL;
    *ret = (struct subject){ .kind = "session" };
    TRY(session_of_cookie(r, sut_req_cookie(r, SUT_COOKIE_REFRESH), &ret->session));
    if (ret->session != 0)
        return SUT_OK;
    ret->kind = "cart";
    ret->rest = sut_req_cookie(r, SUT_COOKIE_CART);
    if (ret->rest.n > 0)
        return SUT_OK;
    d = sut_req_device(r);
    ret->kind = d->is_known ? "device" : "nobody";
    ret->rest = d->is_known ? sut_str_of((const char *) d->hash, sizeof(d->hash)) : SUT_STR("");
    return SUT_OK;
}

/* The token under one key of the ring: its own, derived from that which signs. */
static void mac(const struct sut_signing_key *k, const struct subject *s, struct sut_buf *out)
{
    unsigned char bytes[SUT_HMAC_SIZE];
    struct sut_hmac_key own;
    sut_hmac(&k->mac, SUT_STR("sutler csrf key 1\n"), bytes);
    sut_hmac_key_init(&own, sut_str_of((const char *) bytes, sizeof(bytes)));
    const sut_str parts[] = {
        sut_str_from(s->kind),
        SUT_STR("\n"),
        sut_str_of((const char *) &s->session, sizeof(s->session)),
        s->rest,
    };
    sut_hmac_parts(&own, parts, sizeof(parts) / sizeof(parts[0]), bytes);
    sut_b64url_encode(out, sut_str_of((const char *) bytes, sizeof(bytes)));
    sut_wipe(&own, sizeof(own));
}

static SUT_ERR token_of(struct sut_req *r, const struct subject *s, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, SUT_CSRF_TEXT);
    mac(&sut_keyring_look(r->app->keyring)->current, s, &b);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR sut_csrf_token(struct sut_req *r, sut_str *ret)
{
    struct subject s;
    TRY(subject_of(r, &s));
    return token_of(r, &s, ret);
}

SUT_ERR sut_csrf_token_of_session(struct sut_req *r, int64_t session, sut_str *ret)
{
    const struct subject s = { .kind = "session", .session = session };
    return token_of(r, &s, ret);
}

static bool is_made_with(const struct sut_signing_key *k, const struct subject *s, sut_str came)
{
    char text[SUT_CSRF_TEXT + 1];
    struct sut_buf own = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    mac(k, s, &own);
    return sut_secret_eq(sut_buf_str(&own), came);
}

/* A key that was rotated away signs nothing new, but its tokens are good as long as its others. */
static bool is_token_of(const struct sut_req *r, const struct subject *s)
{
    const struct sut_http_request *q = r->x->req;
    const struct sut_signing_keys *keys = sut_keyring_look(r->app->keyring);
    const sut_str came = q->known[SUT_H_X_CSRFTOKEN];
    if (q->known_n[SUT_H_X_CSRFTOKEN] != 1 || came.n != SUT_CSRF_TEXT)
        return false;
    bool is_good = is_made_with(&keys->current, s, came);
    for (size_t i = 0; i < keys->n_others && !is_good; i++)
        is_good = is_made_with(&keys->others[i], s, came);
    return is_good;
}

/* --- origins --- */

/* "https://shop.example" of a URL, as a browser writes it: in lower case, no usual port. */
static sut_str origin_of_url(sut_str url, char *to, size_t cap)
{
    const size_t host = sut_str_find(url, 0, ':') + 3;
    const size_t end = sut_str_find(url, host, '/');
    const sut_str usual = sut_str_starts(url, SUT_STR("https")) ? SUT_STR(":443") : SUT_STR(":80");
    sut_str o = sut_str_sub(url, 0, end);
    if (o.n > usual.n && sut_str_eq(sut_str_sub(o, o.n - usual.n, o.n), usual))
        o = sut_str_sub(o, 0, o.n - usual.n);
    if (o.n > cap)
        return SUT_STR("");
    for (size_t i = 0; i < o.n; i++)
        to[i] = o.p[i] >= 'A' && o.p[i] <= 'Z' ? (char) (o.p[i] - 'A' + 'a') : o.p[i];
    return sut_str_of(to, o.n);
}

/* The Host that it came to, which the step host has let through. */
static bool is_own_host(const struct sut_req *r, sut_str origin)
{
    const sut_str scheme = r->is_secure ? SUT_STR("https://") : SUT_STR("http://");
    return sut_str_starts(origin, scheme) &&
           sut_str_eq(sut_str_sub(origin, scheme.n, origin.n), r->x->req->authority);
}

bool sut_csrf_origin_ok(const struct sut_req *r)
{
    char own[512];
    const struct sut_http_request *q = r->x->req;
    const sut_str origin = q->known[SUT_H_ORIGIN];
    if (q->known_n[SUT_H_ORIGIN] != 1 || origin.n == 0)
        return false;
    const sut_str public_url = r->app->config->server.public_url;
    if (public_url.n > 0 && sut_str_eq(origin, origin_of_url(public_url, own, sizeof(own))))
        return true;
    const bool is_dev = r->app->plain_loopback_ok || public_url.n == 0;
    if (is_dev && is_own_host(r, origin))
        return true;
    return sut_headers_origin_ok(r->app->headers, origin);
}

/* --- the step --- */

void sut_csrf_refuse(struct sut_req *r, const char *why)
{
    sut_guard__event(r, SUT_EVENT_PERMISSION_DENIED);
    sut_reply_refuse(r, 403, "permission_denied", why);
}

static enum sut_verdict refuse(struct sut_req *r, const char *why)
{
    sut_csrf_refuse(r, why);
    return SUT_ANSWERED;
}

/* The cookie that this request would act on; false: on none. */
static bool acts_on(const struct sut_req *r, enum sut_cookie_name *ret)
{
    const unsigned flags = r->route->flags;
    if ((flags & SUT_ROUTE_COOKIE_REFRESH) != 0 && sut_req_refresh_token(r).n == 0) {
        *ret = SUT_COOKIE_REFRESH;
        return true;
    }
    *ret = SUT_COOKIE_CART;
    return (flags & SUT_ROUTE_COOKIE_CART) != 0 && r->auth.state != SUT_AUTH_USER;
}

static bool changes_something(const struct sut_req *r)
{
    return r->x->req->method != SUT_GET && r->x->req->method != SUT_HEAD;
}

/* C8 */
enum sut_verdict sut_guard__csrf(struct sut_req *r)
{
    enum sut_cookie_name name;
    sut_str cookie = { 0 };
    struct subject s;
    if (!changes_something(r))
        return SUT_NEXT;
    const bool has_origin = r->x->req->known_n[SUT_H_ORIGIN] > 0;
    if (sut_req_is_browser(r) && has_origin && !sut_csrf_origin_ok(r))
        return refuse(r, "CSRF check failed: this origin is not allowed.");
    if (!acts_on(r, &name))
        return SUT_NEXT;
    const bool is_cart = name == SUT_COOKIE_CART;
    const bool is_foreign = (has_origin || !is_cart) && !sut_csrf_origin_ok(r);
    switch (sut_req_cookie_look(r, name, &cookie)) {
    case SUT_COOKIE_ABSENT:
        if (!is_cart || !is_foreign)
            return SUT_NEXT;
        break;
    case SUT_COOKIE_DOUBTFUL:
        return refuse(r, "CSRF check failed: which of two cookies is ours can't be told.");
    case SUT_COOKIE_CAME:
        break;
    }
    if (is_foreign)
        return refuse(r, "CSRF check failed: this origin is not allowed.");
    /* A guest's cart is no account: an Origin of ours, which no other page can send, is enough. */
    if (is_cart && has_origin)
        return SUT_NEXT;
    const sut_err e = subject_of(r, &s);
    if (sut_failed(e)) {
        sut_reply_error(r, e);
        return SUT_ANSWERED;
    }
    /* A refresh cookie that is none of ours, or too old, opens nothing: it is told so. */
    const bool opens = name != SUT_COOKIE_REFRESH || s.session != 0;
    if (opens && !is_token_of(r, &s))
        return refuse(r, "CSRF check failed: X-CSRFToken is missing or not this session's.");
    if (name == SUT_COOKIE_REFRESH)
        r->refresh.came = cookie;
    return SUT_NEXT;
}
