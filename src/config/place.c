/* SPDX-License-Identifier: Apache-2.0 */
#include "config/place.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/arena.h"
#include "base/scan.h"

enum { HOST_MAX = 253, LABEL_MAX = 63, URL_MAX = 2000 };

/* A copy with NUL; NOMEM. */
static SUT_ERR dup(struct sut_arena *a, sut_str s, sut_str *ret)
{
    char *z = sut_str_z(a, s);
    ENSURE(z != NULL, NOMEM);
    *ret = sut_str_of(z, s.n);
    return SUT_OK;
}

static SUT_ERR dup_lower(struct sut_arena *a, sut_str s, sut_str *ret)
{
    char *z = sut_str_z(a, s);
    ENSURE(z != NULL, NOMEM);
    for (size_t i = 0; i < s.n; i++)
        z[i] = sut_ascii_lower(z[i]);
    *ret = sut_str_of(z, s.n);
    return SUT_OK;
}

/* A numeric address of either family into addr. */
static bool parse_ip(sut_str s, bool *ret_v6, unsigned char addr[16])
{
    char z[INET6_ADDRSTRLEN];
    if (s.n == 0 || s.n >= sizeof(z))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    *ret_v6 = memchr(z, ':', s.n) != NULL;
    return inet_pton(*ret_v6 ? AF_INET6 : AF_INET, z, addr) == 1;
}

static bool parse_port(sut_str s, uint16_t *ret)
{
    uint64_t v = 0;
    if (s.n == 0 || s.n > 5 || sut_failed(sut_parse_u64(s, 65535, &v)))
        return false;
    *ret = (uint16_t) v;
    return true;
}

SUT_ERR sut_place__addr(sut_str s, struct sut_arena *a, struct sut_config_addr *ret,
                        struct sut_diag *d)
{
    sut_str host = SUT_STR("0.0.0.0");
    sut_str port = s;
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon > 0) {
        port = sut_str_sub(s, colon, s.n);
        if (colon > 1)
            host = sut_str_sub(s, 0, colon - 1);
    }
    const bool has_brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (has_brackets)
        host = sut_str_sub(host, 1, host.n - 1);

    unsigned char ip[16];
    struct sut_config_addr got = { .is_v6 = false };
    if (colon == 0 || !parse_port(port, &got.port) || !parse_ip(host, &got.is_v6, ip) ||
        got.is_v6 != has_brackets) {
        sut_diag_set(d, "`%.*s` is no address to listen on", SUT_STR_ARG(s));
        sut_diag_hint(d, "write a numeric address and a port: 127.0.0.1:8000, [::1]:8000");
        FAIL(INVALID);
    }
    TRY(dup(a, host, &got.host));
    struct sut_buf text;
    sut_buf_init_arena(&text, a, 64);
    sut_buf_printf(&text, got.is_v6 ? "[%s]:%u" : "%s:%u", got.host.p, (unsigned) got.port);
    sut_buf_char(&text, '\0');
    TRY(sut_buf_check(&text));
    got.text = sut_str_of(text.p, text.n - 1);
    *ret = got;
    return SUT_OK;
}

/* Whether all bits behind the mask are 0. */
static bool is_masked(const unsigned char *addr, unsigned bits, unsigned width)
{
    for (unsigned i = bits; i < width; i++) {
        if ((addr[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    }
    return true;
}

SUT_ERR sut_place__net(sut_str s, struct sut_arena *a, struct sut_config_net *ret,
                       struct sut_diag *d)
{
    const size_t slash = sut_str_find(s, 0, '/');
    struct sut_config_net got = { .bits = 0 };
    bool ok = parse_ip(sut_str_sub(s, 0, slash), &got.is_v6, got.addr);
    const unsigned width = got.is_v6 ? 128 : 32;
    uint64_t bits = width;
    if (ok && slash < s.n)
        ok = !sut_failed(sut_parse_u64(sut_str_sub(s, slash + 1, s.n), width, &bits));
    if (!ok) {
        sut_diag_set(d, "`%.*s` is no address or network", SUT_STR_ARG(s));
        sut_diag_hint(d, "write 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32");
        FAIL(INVALID);
    }
    if (!is_masked(got.addr, (unsigned) bits, width)) {
        sut_diag_set(d, "`%.*s` has address bits behind its mask", SUT_STR_ARG(s));
        FAIL(INVALID);
    }
    got.bits = (uint8_t) bits;
    TRY(dup(a, s, &got.text));
    *ret = got;
    return SUT_OK;
}

static bool is_label_char(char c)
{
    const char l = sut_ascii_lower(c);
    return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_';
}

/* Labels of 1 to 63 letters, digits, hyphens and underscores, joined by dots (RFC 1123 2.1). */
static bool is_name(sut_str s)
{
    if (s.n == 0 || s.n > HOST_MAX)
        return false;
    for (size_t at = 0; at <= s.n;) {
        const size_t dot = sut_str_find(s, at, '.');
        if (dot == at || dot - at > LABEL_MAX || s.p[at] == '-' || s.p[dot - 1] == '-')
            return false;
        for (size_t i = at; i < dot; i++) {
            if (!is_label_char(s.p[i]))
                return false;
        }
        at = dot + 1;
    }
    return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(sut_str s)
{
    unsigned char ip[16];
    bool v6 = false;
    if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        return parse_ip(sut_str_sub(s, 1, s.n - 1), &v6, ip) && v6;
    return is_name(s);
}

SUT_ERR sut_place__host(sut_str s, struct sut_arena *a, sut_str *ret, struct sut_diag *d)
{
    const bool is_domain = s.n > 1 && s.p[0] == '.';
    if (!sut_str_is(s, "*") && !is_host(sut_str_sub(s, is_domain ? 1 : 0, s.n))) {
        sut_diag_set(d, "`%.*s` is no host name", SUT_STR_ARG(s));
        sut_diag_hint(d, "write names without scheme and port: shop.example, .example.com, [::1]");
        FAIL(INVALID);
    }
    return dup_lower(a, s, ret);
}

struct parts {
    bool is_https;
    sut_str host;
    sut_str port; /* empty: none given */
    sut_str path; /* from the first slash on */
};

/* scheme://host[:port][/path]; false when it is anything else. */
static bool split(sut_str s, struct parts *ret)
{
    *ret = (struct parts){ .is_https = false };
    size_t at = 0;
    if (s.n > 8 && sut_str_eq_nocase(sut_str_sub(s, 0, 8), SUT_STR("https://"))) {
        ret->is_https = true;
        at = 8;
    } else if (s.n > 7 && sut_str_eq_nocase(sut_str_sub(s, 0, 7), SUT_STR("http://"))) {
        at = 7;
    } else {
        return false;
    }
    const size_t slash = sut_str_find(s, at, '/');
    ret->path = sut_str_sub(s, slash, s.n);
    sut_str rest = sut_str_sub(s, at, slash);
    size_t end = rest.n > 0 && rest.p[0] == '[' ? sut_str_find(rest, 0, ']') : 0;
    end = sut_str_find(rest, end, ':');
    ret->host = sut_str_sub(rest, 0, end);
    if (end < rest.n) {
        ret->port = sut_str_sub(rest, end + 1, rest.n);
        uint16_t port = 0;
        if (!parse_port(ret->port, &port) || port == 0 || ret->port.p[0] == '0')
            return false;
    }
    return is_host(ret->host);
}

static bool is_default_port(const struct parts *p)
{
    return sut_str_is(p->port, p->is_https ? "443" : "80");
}

SUT_ERR sut_place__origin(sut_str s, struct sut_arena *a, sut_str *ret, struct sut_diag *d)
{
    struct parts p;
    bool ok = split(s, &p) && p.path.n == 0 && !is_default_port(&p);
    for (size_t i = 0; i < s.n && ok; i++)
        ok = sut_ascii_lower(s.p[i]) == s.p[i];
    if (!ok) {
        sut_diag_set(d, "`%.*s` is no origin as a browser names it", SUT_STR_ARG(s));
        sut_diag_hint(d, "write scheme and host in lower case, without path, slash or usual port: "
                         "https://shop.example; `*` is not possible");
        FAIL(INVALID);
    }
    return dup(a, s, ret);
}

SUT_ERR sut_place__url(sut_str s, struct sut_arena *a, sut_str *ret, struct sut_diag *d)
{
    struct parts p;
    bool ok = s.n <= URL_MAX && split(s, &p);
    for (size_t i = 0; ok && i < s.n; i++)
        ok = s.p[i] > ' ' && s.p[i] < 0x7f && strchr("?#@\\\"<>", s.p[i]) == NULL;
    if (!ok) {
        sut_diag_set(d, "`%.*s` is no http or https URL", SUT_STR_ARG(s));
        sut_diag_hint(d, "write https://shop.example, without user, query or fragment");
        FAIL(INVALID);
    }
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    return dup(a, s, ret);
}

uint16_t sut_place__port(sut_str url)
{
    struct parts p;
    uint16_t port = 0;
    if (!split(url, &p))
        return 0;
    if (p.port.n > 0 && parse_port(p.port, &port))
        return port;
    return p.is_https ? 443 : 80;
}

sut_str sut_place__password_of(sut_str url)
{
    const char *scheme = memmem(url.p, url.n, "://", 3);
    if (scheme == NULL)
        return (sut_str){ .p = NULL };
    const size_t from = (size_t) (scheme - url.p) + 3;
    /* The last @ ends the user: a password that holds one is masked whole. */
    size_t at = url.n;
    while (at > from && url.p[at - 1] != '@')
        at--;
    const size_t colon = sut_str_find(url, from, ':');
    if (at == from || colon + 1 >= at)
        return (sut_str){ .p = NULL };
    return sut_str_sub(url, colon + 1, at - 1);
}

bool sut_place__has_password(sut_str url)
{
    return memmem(url.p, url.n, "password=", 9) != NULL;
}

SUT_ERR sut_place__clamd(sut_str s, struct sut_config_clamd *ret)
{
    const sut_str prefix = SUT_STR("unix:");
    *ret = (struct sut_config_clamd){ .port = 0 };
    if (sut_str_starts(s, prefix)) {
        const sut_str path = sut_str_sub(s, prefix.n, s.n);
        ENSURE(path.n > 1 && path.n <= SUT_CONFIG_CLAMD_PATH_MAX && path.p[0] == '/', INVALID);
        ret->path = path;
        return SUT_OK;
    }
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    ENSURE(colon > 1, INVALID);
    const sut_str host = sut_str_sub(s, 0, colon - 1);
    uint16_t port = 0;
    ENSURE(is_host(host) && parse_port(sut_str_sub(s, colon, s.n), &port) && port > 0, INVALID);
    ret->host = host;
    ret->port = port;
    return SUT_OK;
}
