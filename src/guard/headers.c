/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/headers.h"

#include "base/mem.h"
#include "config/config.h"

enum kind { KIND_PRIVATE, KIND_CACHEABLE, KIND_PAGE, KIND_PICTURE, KINDS };
enum { FIELDS_MAX = 16, MEMORY_MAX = 64 * 1024 };

struct sut_headers {
    const struct sut_config *config;
    struct sut_arena *arena;
    struct sut_header_block block[KINDS][2]; /* by kind, and whether TLS carries it */
    sut_str max_age;
};

/* What the pages need and nothing more: their own files, and the API beside them. */
static const sut_str page_csp =
    SUT_STR_INIT("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                 "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
static const sut_str allowed_methods = SUT_STR_INIT("GET, POST, PUT, PATCH, DELETE, OPTIONS");
static const sut_str allowed_headers =
    SUT_STR_INIT("authorization, content-type, x-csrftoken, idempotency-key");
static const sut_str allowed_headers_of_browsers =
    SUT_STR_INIT("authorization, content-type, x-csrftoken, idempotency-key, x-sutler-client");
static const sut_str exposed_headers = SUT_STR_INIT(
    "x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, retry-after, x-request-id, etag");
static const sut_str nothing_allowed =
    SUT_STR_INIT("accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), "
                 "microphone=(), payment=(), usb=()");

struct field_list {
    struct sut_header *list;
    size_t n;
};

static void add(struct field_list *l, sut_str name, sut_str value)
{
    if (value.n == 0)
        return;
    SUT_BUG_IF(l->n == FIELDS_MAX);
    l->list[l->n++] = (struct sut_header){ .name = name, .value = value };
}

static sut_str hsts_text(struct sut_arena *a, const struct sut_config *c)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 128);
    sut_buf_lit(&b, "max-age=");
    sut_buf_u64(&b, c->security.hsts_max_age_s);
    if (c->security.hsts_subdomains)
        sut_buf_lit(&b, "; includeSubDomains");
    if (c->security.hsts_preload)
        sut_buf_lit(&b, "; preload");
    return sut_buf_str(&b);
}

static SUT_ERR make_block(struct sut_headers *h, enum kind kind, bool is_tls)
{
    const struct sut_config *c = h->config;
    struct field_list l = { .list = ARENA_ARRAY(h->arena, struct sut_header, FIELDS_MAX) };
    ENSURE(l.list != NULL, NOMEM);
    if (is_tls)
        add(&l, SUT_STR("Strict-Transport-Security"), hsts_text(h->arena, c));
    add(&l, SUT_STR("Content-Security-Policy"), kind == KIND_PAGE ? page_csp : c->headers.csp);
    add(&l, SUT_STR("X-XSS-Protection"), c->headers.xss_protection);
    add(&l, SUT_STR("X-Frame-Options"), SUT_STR("DENY"));
    add(&l, SUT_STR("X-Content-Type-Options"), SUT_STR("nosniff"));
    add(&l, SUT_STR("Referrer-Policy"), SUT_STR("no-referrer"));
    add(&l, SUT_STR("Permissions-Policy"), nothing_allowed);
    add(&l, SUT_STR("Cross-Origin-Opener-Policy"), SUT_STR("same-origin"));
    /* A front end is another site, and its pages show pictures; without the address, which is
     * signed, nobody gets one. */
    add(&l, SUT_STR("Cross-Origin-Resource-Policy"),
        kind == KIND_PICTURE ? SUT_STR("cross-origin") : SUT_STR("same-origin"));
    /* Of a picture its handler says it: until its address ends. */
    if (kind != KIND_PICTURE)
        add(&l, SUT_STR("Cache-Control"),
            kind == KIND_PRIVATE ? SUT_STR("no-store") : SUT_STR("no-cache"));
    add(&l, SUT_STR("Vary"), SUT_STR("Origin"));

    struct sut_buf text;
    sut_buf_init_arena(&text, h->arena, MEMORY_MAX / 8);
    for (size_t i = 0; i < l.n; i++) {
        sut_buf_str_add(&text, l.list[i].name);
        sut_buf_lit(&text, ": ");
        sut_buf_str_add(&text, l.list[i].value);
        sut_buf_lit(&text, "\r\n");
    }
    TRY(sut_buf_check(&text));
    h->block[kind][is_tls] =
        (struct sut_header_block){ .list = l.list, .n = l.n, .h1_text = sut_buf_str(&text) };
    return SUT_OK;
}

SUT_ERR sut_headers_create(const struct sut_config *config, struct sut_headers **ret)
{
    DEFER(sut_headers_free) struct sut_headers *h = sut_mem_zalloc(1, sizeof(*h));
    ENSURE(h != NULL, NOMEM);
    h->config = config;
    TRY(sut_arena_create(MEMORY_MAX, &h->arena));
    for (enum kind k = KIND_PRIVATE; k < KINDS; k++) {
        TRY(make_block(h, k, false));
        TRY(make_block(h, k, true));
    }
    struct sut_buf age;
    sut_buf_init_arena(&age, h->arena, 24);
    sut_buf_u64(&age, config->cors.max_age_s);
    TRY(sut_buf_check(&age));
    h->max_age = sut_buf_str(&age);
    *ret = STEAL(h);
    return SUT_OK;
}

void sut_headers_free(struct sut_headers **h)
{
    if (*h == NULL)
        return;
    sut_arena_free(&(*h)->arena);
    sut_mem_free(*h);
    *h = NULL;
}

bool sut_headers_origin_ok(const struct sut_headers *h, sut_str origin)
{
    const struct sut_config_list *l = &h->config->cors.origins;
    for (size_t i = 0; i < l->n; i++)
        if (sut_str_eq(l->items[i], origin))
            return true;
    return false;
}

/* What a script of an allowed origin may see; nothing for any other. */
static void grant(const struct sut_headers *h, struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    if (q->known_n[SUT_H_ORIGIN] != 1 || !sut_headers_origin_ok(h, q->known[SUT_H_ORIGIN]))
        return;
    struct sut_http_response *res = &r->x->res;
    sut_response_header(res, SUT_STR("Access-Control-Allow-Origin"), q->known[SUT_H_ORIGIN]);
    if (h->config->cors.credentials)
        sut_response_header(res, SUT_STR("Access-Control-Allow-Credentials"), SUT_STR("true"));
    sut_response_header(res, SUT_STR("Access-Control-Expose-Headers"), exposed_headers);
}

static sut_str number(struct sut_req *r, int64_t v)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, 24);
    sut_buf_i64(&b, v);
    return sut_buf_str(&b);
}

void sut_headers_apply(const struct sut_headers *h, struct sut_req *r)
{
    struct sut_http_response *res = &r->x->res;
    const unsigned flags = r->route == NULL ? 0 : r->route->flags;
    const bool is_good = res->status < 400;
    enum kind kind = KIND_PRIVATE;
    if ((flags & SUT_ROUTE_PAGE) != 0 && is_good)
        kind = KIND_PAGE;
    else if ((flags & SUT_ROUTE_PICTURE) != 0 && is_good)
        kind = KIND_PICTURE;
    else if ((flags & SUT_ROUTE_CACHEABLE) != 0 && is_good)
        kind = KIND_CACHEABLE;
    res->fixed = &h->block[kind][r->is_secure];
    sut_response_header(res, SUT_STR("X-Request-Id"), sut_str_of(r->x->request_id, 32));
    if (r->rate.counted) {
        sut_response_header(res, SUT_STR("X-RateLimit-Limit"), number(r, (int64_t) r->rate.limit));
        sut_response_header(res, SUT_STR("X-RateLimit-Remaining"),
                            number(r, (int64_t) r->rate.remaining));
        sut_response_header(res, SUT_STR("X-RateLimit-Reset"), number(r, r->rate.reset_s));
    }
    grant(h, r);
}

static bool is_allowed_method(sut_str m)
{
    static const char *const names[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sut_str_is(m, names[i]))
            return true;
    return false;
}

/*
 * Browser mode is for front ends whose cookies are taken.  Nothing is granted that was not asked
 * for, so all other preflights get the list as it always was.
 */
static bool asks_for_browser_mode(const struct sut_headers *h, const struct sut_http_request *q)
{
    const sut_str list = q->known[SUT_H_ACCESS_CONTROL_REQUEST_HEADERS];
    if (!h->config->cors.credentials)
        return false;
    for (size_t at = 0; at < list.n;) {
        const size_t comma = sut_str_find(list, at, ',');
        if (sut_str_eq_nocase(sut_str_trim(sut_str_sub(list, at, comma)),
                              SUT_STR("x-sutler-client")))
            return true;
        at = comma + 1;
    }
    return false;
}

void sut_headers_preflight(const struct sut_headers *h, struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    if (q->known_n[SUT_H_ORIGIN] != 1 || !sut_headers_origin_ok(h, q->known[SUT_H_ORIGIN]) ||
        !is_allowed_method(q->known[SUT_H_ACCESS_CONTROL_REQUEST_METHOD]))
        return;
    struct sut_http_response *res = &r->x->res;
    sut_response_header(res, SUT_STR("Access-Control-Allow-Methods"), allowed_methods);
    sut_response_header(res, SUT_STR("Access-Control-Allow-Headers"),
                        asks_for_browser_mode(h, q) ? allowed_headers_of_browsers
                                                    : allowed_headers);
    sut_response_header(res, SUT_STR("Access-Control-Max-Age"), h->max_age);
}
