/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/step_int.h"

#include "config/config.h"
#include "guard/headers.h"
#include "guard/reply.h"

/* D2: plain HTTP never serves data, save on loopback in development. */
enum sut_verdict sut_guard__transport(struct sut_req *r)
{
    if (r->is_secure)
        return SUT_NEXT;
    if ((r->x->listener & SUT_LISTENER_LOOPBACK) != 0 && r->app->plain_loopback_ok)
        return SUT_NEXT;

    const struct sut_config *c = r->app->config;
    const bool is_read = r->x->req->method == SUT_GET || r->x->req->method == SUT_HEAD;
    const bool is_api = sut_str_starts(r->x->req->path, SUT_STR("/api/"));
    const bool may_redirect = is_read && !(c->http.plain == SUT_PLAIN_PAGES && is_api) &&
                              sut_str_starts(c->server.public_url, SUT_STR("https://"));
    if (!may_redirect) {
        sut_reply_refuse(r, 403, "permission_denied", "HTTPS is required.");
        return SUT_ANSWERED;
    }
    struct sut_buf to;
    sut_buf_init_arena(&to, r->arena, 16 * 1024);
    sut_buf_str_add(&to, c->server.public_url);
    sut_buf_str_add(&to, r->x->req->path);
    if (r->x->req->query.p != NULL) {
        sut_buf_char(&to, '?');
        sut_buf_str_add(&to, r->x->req->query);
    }
    sut_reply_empty(r, 308);
    sut_response_header(&r->x->res, SUT_STR("Location"), sut_buf_str(&to));
    return SUT_ANSWERED;
}

/* Host without its port; brackets stay on an IPv6 address. */
static sut_str host_name(sut_str authority)
{
    size_t end = authority.n;
    for (size_t i = authority.n; i > 0; i--) {
        const char c = authority.p[i - 1];
        if (c == ']')
            break;
        if (c == ':') {
            end = i - 1;
            break;
        }
    }
    return sut_str_sub(authority, 0, end);
}

static bool host_matches(sut_str host, sut_str pattern)
{
    if (sut_str_is(pattern, "*"))
        return true;
    if (pattern.n > 1 && pattern.p[0] == '.') {
        const sut_str base = sut_str_sub(pattern, 1, pattern.n);
        if (sut_str_eq_nocase(host, base))
            return true;
        return host.n > pattern.n &&
               sut_str_eq_nocase(sut_str_sub(host, host.n - pattern.n, host.n), pattern);
    }
    return sut_str_eq_nocase(host, pattern);
}

/* D5 */
enum sut_verdict sut_guard__host(struct sut_req *r)
{
    static const sut_str loopback[] = {
        SUT_STR_INIT("localhost"),
        SUT_STR_INIT("127.0.0.1"),
        SUT_STR_INIT("[::1]"),
    };
    const sut_str host = host_name(r->x->req->authority);
    const struct sut_config_list *allowed = &r->app->config->hosts.allowed;
    for (size_t i = 0; i < allowed->n; i++)
        if (host_matches(host, allowed->items[i]))
            return SUT_NEXT;
    const bool loopback_ok = allowed->n == 0 || (r->app->plain_loopback_ok &&
                                                 (r->x->listener & SUT_LISTENER_LOOPBACK) != 0);
    for (size_t i = 0; loopback_ok && i < sizeof(loopback) / sizeof(loopback[0]); i++)
        if (sut_str_eq_nocase(host, loopback[i]))
            return SUT_NEXT;
    sut_reply_refuse(r, 400, "invalid", "This host is not served here.");
    return SUT_ANSWERED;
}

/* C9: a preflight ends here; what other answers grant is set by sut_headers_apply(). */
enum sut_verdict sut_guard__cors(struct sut_req *r)
{
    const struct sut_http_request *q = r->x->req;
    if (q->method != SUT_OPTIONS || q->known_n[SUT_H_ORIGIN] == 0 ||
        q->known_n[SUT_H_ACCESS_CONTROL_REQUEST_METHOD] == 0)
        return SUT_NEXT;
    sut_reply_empty(r, 204);
    sut_headers_preflight(r->app->headers, r);
    return SUT_ANSWERED;
}

/* A path or method that no row has. */
enum sut_verdict sut_guard__route(struct sut_req *r)
{
    if (r->route != NULL)
        return SUT_NEXT;
    const struct sut_http_request *q = r->x->req;
    const bool is_read = q->method == SUT_GET || q->method == SUT_HEAD;
    if (r->match.outcome == SUT_ROUTE_SLASH && is_read) {
        struct sut_buf to;
        sut_buf_init_arena(&to, r->arena, 16 * 1024);
        sut_buf_str_add(&to, q->path);
        sut_buf_char(&to, '/');
        if (q->query.p != NULL) {
            sut_buf_char(&to, '?');
            sut_buf_str_add(&to, q->query);
        }
        sut_reply_empty(r, 308);
        sut_response_header(&r->x->res, SUT_STR("Location"), sut_buf_str(&to));
    } else if (r->match.outcome == SUT_ROUTE_METHOD) {
        struct sut_buf allow;
        sut_buf_init_arena(&allow, r->arena, 128);
        sut_route_allow(&allow, r->match.methods);
        if (q->method == SUT_OPTIONS) {
            sut_reply_empty(r, 204);
        } else {
            struct sut_buf b;
            sut_buf_init_arena(&b, r->arena, 256);
            sut_buf_lit(&b, "Method \"");
            sut_buf_str_add(&b, q->method_text);
            sut_buf_lit(&b, "\" not allowed.");
            sut_buf_char(&b, '\0');
            sut_reply_refuse(r, 405, "method_not_allowed",
                             b.overflowed ? "Method not allowed." : b.p);
        }
        sut_response_header(&r->x->res, SUT_STR("Allow"), sut_buf_str(&allow));
    } else {
        sut_reply_code(r, SUT_E_NOT_FOUND);
    }
    return SUT_ANSWERED;
}
