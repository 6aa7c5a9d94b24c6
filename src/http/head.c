/* SPDX-License-Identifier: Apache-2.0 */
#include "http/head.h"

#include <arpa/inet.h>

#include "base/scan.h"

enum { PORT_MAX = 65535, HOST_NAME_MAX = 253, HOST_IPV6_MAX = 45 };

/* clang-format off */
const unsigned char sut_head_token[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`', ['|'] = '|',
    ['~'] = '~',
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',
    ['7'] = '7', ['8'] = '8', ['9'] = '9',
    ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g',
    ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n',
    ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u',
    ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
    ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g',
    ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n',
    ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',
    ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
};
/* clang-format on */

/* Shortest first, so that the search ends early. */
static const struct {
    sut_str name;
    enum sut_hname known;
} known_fields[] = {
    { SUT_STR_INIT("host"), SUT_H_HOST },
    { SUT_STR_INIT("expect"), SUT_H_EXPECT },
    { SUT_STR_INIT("cookie"), SUT_H_COOKIE },
    { SUT_STR_INIT("origin"), SUT_H_ORIGIN },
    { SUT_STR_INIT("accept"), SUT_H_ACCEPT },
    { SUT_STR_INIT("connection"), SUT_H_CONNECTION },
    { SUT_STR_INIT("user-agent"), SUT_H_USER_AGENT },
    { SUT_STR_INIT("x-csrftoken"), SUT_H_X_CSRFTOKEN },
    { SUT_STR_INIT("content-type"), SUT_H_CONTENT_TYPE },
    { SUT_STR_INIT("authorization"), SUT_H_AUTHORIZATION },
    { SUT_STR_INIT("if-none-match"), SUT_H_IF_NONE_MATCH },
    { SUT_STR_INIT("content-length"), SUT_H_CONTENT_LENGTH },
    { SUT_STR_INIT("x-forwarded-for"), SUT_H_X_FORWARDED_FOR },
    { SUT_STR_INIT("idempotency-key"), SUT_H_IDEMPOTENCY_KEY },
    { SUT_STR_INIT("x-sutler-client"), SUT_H_X_SUTLER_CLIENT },
    { SUT_STR_INIT("content-encoding"), SUT_H_CONTENT_ENCODING },
    { SUT_STR_INIT("transfer-encoding"), SUT_H_TRANSFER_ENCODING },
    { SUT_STR_INIT("x-forwarded-proto"), SUT_H_X_FORWARDED_PROTO },
    { SUT_STR_INIT("access-control-request-method"), SUT_H_ACCESS_CONTROL_REQUEST_METHOD },
    { SUT_STR_INIT("access-control-request-headers"), SUT_H_ACCESS_CONTROL_REQUEST_HEADERS },
};
_Static_assert(sizeof(known_fields) / sizeof(known_fields[0]) == SUT_H_COUNT - 1, "one row each");

enum sut_hname sut_head_known(sut_str name)
{
    for (size_t i = 0; i < SUT_H_COUNT - 1 && known_fields[i].name.n <= name.n; i++) {
        const sut_str want = known_fields[i].name;
        if (want.n == name.n && want.p[0] == name.p[0] && memcmp(want.p, name.p, name.n) == 0)
            return known_fields[i].known;
    }
    return SUT_H_OTHER;
}

static bool is_token(sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (sut_head_token[(unsigned char) s.p[i]] == 0)
            return false;
    return s.n > 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (sut_ascii_lower(c) >= 'a' && sut_ascii_lower(c) <= 'z');
}

static bool is_ipv6(sut_str s)
{
    char z[HOST_IPV6_MAX + 1];
    struct in6_addr addr;
    if (s.n == 0 || s.n > HOST_IPV6_MAX)
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    return inet_pton(AF_INET6, z, &addr) == 1;
}

static bool is_host_name(sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '.' && s.p[i] != '_')
            return false;
    return s.n > 0 && s.n <= HOST_NAME_MAX;
}

bool sut_head_is_host(sut_str host)
{
    const bool bracket = host.n > 0 && host.p[0] == '[';
    const size_t name_end = bracket ? sut_str_find(host, 0, ']') : sut_str_find(host, 0, ':');
    if (bracket && (name_end == host.n || !is_ipv6(sut_str_sub(host, 1, name_end))))
        return false;
    if (!bracket && !is_host_name(sut_str_sub(host, 0, name_end)))
        return false;

    const sut_str rest = sut_str_sub(host, name_end + (bracket ? 1 : 0), host.n);
    uint64_t port = 0;
    if (rest.n == 0)
        return true;
    return rest.p[0] == ':' && rest.n <= sizeof("65535") &&
           !sut_failed(sut_parse_u64(sut_str_sub(rest, 1, rest.n), PORT_MAX, &port));
}

static const struct {
    sut_str name;
    enum sut_method method;
} method_names[] = {
    { SUT_STR_INIT("GET"), SUT_GET },         { SUT_STR_INIT("POST"), SUT_POST },
    { SUT_STR_INIT("HEAD"), SUT_HEAD },       { SUT_STR_INIT("PUT"), SUT_PUT },
    { SUT_STR_INIT("PATCH"), SUT_PATCH },     { SUT_STR_INIT("DELETE"), SUT_DELETE },
    { SUT_STR_INIT("OPTIONS"), SUT_OPTIONS }, { SUT_STR_INIT("TRACE"), SUT_METHOD_OTHER },
};

static struct sut_refusal read_method(sut_str m, struct sut_http_request *req)
{
    req->method_text = m;
    req->method = SUT_METHOD_OTHER;
    for (size_t i = 0; i < sizeof(method_names) / sizeof(method_names[0]); i++) {
        if (sut_str_eq(method_names[i].name, m)) {
            req->method = method_names[i].method;
            return sut_refuse(0, NULL);
        }
    }
    /* Its only target is an authority, and that is no resource of ours. */
    if (sut_str_is(m, "CONNECT"))
        return sut_refuse(400, "CONNECT");
    return sut_refuse(501, "unknown method");
}

static void split_query(struct sut_http_request *req, sut_str path)
{
    const size_t q = sut_str_find(path, 0, '?');
    req->path = sut_str_sub(path, 0, q);
    if (q < path.n)
        req->query = (sut_str){ .p = path.p + q + 1, .n = path.n - q - 1 };
    if (req->path.n == 0)
        req->path = SUT_STR("/");
}

/* "http://host:port/path": the authority stands in the target itself. */
static struct sut_refusal read_absolute(sut_str t, struct sut_http_request *req)
{
    const sut_str http = SUT_STR("http://");
    const sut_str https = SUT_STR("https://");
    size_t from = 0;
    if (sut_str_eq_nocase(sut_str_sub(t, 0, http.n), http))
        from = http.n;
    else if (sut_str_eq_nocase(sut_str_sub(t, 0, https.n), https))
        from = https.n;
    else
        return sut_refuse(400, "neither a path nor an http address in the request line");

    size_t end = from;
    while (end < t.n && t.p[end] != '/' && t.p[end] != '?')
        end++;
    req->authority = sut_str_sub(t, from, end);
    if (!sut_head_is_host(req->authority))
        return sut_refuse(400, "bad authority in the request line");
    split_query(req, sut_str_sub(t, end, t.n));
    return sut_refuse(0, NULL);
}

static struct sut_refusal read_target(sut_str t, struct sut_http_request *req)
{
    req->target = t;
    for (size_t i = 0; i < t.n; i++)
        if (t.p[i] <= ' ' || t.p[i] > '~' || t.p[i] == '#')
            return sut_refuse(400, "byte in the request line that no target has");

    if (t.n > 0 && t.p[0] == '/') {
        split_query(req, t);
        return sut_refuse(0, NULL);
    }
    if (sut_str_is(t, "*") && req->method == SUT_OPTIONS) {
        req->path = t;
        return sut_refuse(0, NULL);
    }
    return read_absolute(t, req);
}

struct sut_refusal sut_head_line(sut_str line, struct sut_http_request *req)
{
    const size_t sp1 = sut_str_find(line, 0, ' ');
    const size_t sp2 = sut_str_find(line, sp1 + 1 < line.n ? sp1 + 1 : line.n, ' ');
    const sut_str method = sut_str_sub(line, 0, sp1);
    const sut_str target = sut_str_sub(line, sp1 + 1, sp2);
    const sut_str v = sut_str_sub(line, sp2 + 1, line.n);

    if (!is_token(method) || target.n == 0)
        return sut_refuse(400, "no request line");
    for (size_t i = 0; i < method.n; i++)
        if (method.p[i] >= 'a' && method.p[i] <= 'z')
            return sut_refuse(400, "method in lower case");
    if (v.n != sizeof("HTTP/1.1") - 1 || memcmp(v.p, "HTTP/", 5) != 0 || !is_digit(v.p[5]) ||
        v.p[6] != '.' || !is_digit(v.p[7]))
        return sut_refuse(400, "no HTTP version in the request line");
    if (v.p[5] != '1' || v.p[7] > '1')
        return sut_refuse(505, "HTTP version");
    req->minor = (unsigned) (v.p[7] - '0');

    const struct sut_refusal r = read_method(method, req);
    return r.status != 0 ? r : read_target(target, req);
}

/* The next element of a comma-separated list, trimmed; false at its end. */
static bool next_element(sut_str *rest, sut_str *ret)
{
    if (rest->p == NULL)
        return false;
    const size_t comma = sut_str_find(*rest, 0, ',');
    *ret = sut_str_trim(sut_str_sub(*rest, 0, comma));
    *rest = comma < rest->n ? sut_str_of(rest->p + comma + 1, rest->n - comma - 1)
                            : (sut_str){ .p = NULL, .n = 0 };
    return true;
}

/* Anything but one "chunked" is refused; which way depends on whether it could be a coding. */
static struct sut_refusal judge_coding(const struct sut_http_request *req)
{
    const unsigned n = req->known_n[SUT_H_TRANSFER_ENCODING];
    if (n == 0)
        return sut_refuse(0, NULL);
    if (req->known_n[SUT_H_CONTENT_LENGTH] > 0)
        return sut_refuse(400, "both Content-Length and Transfer-Encoding");
    if (req->minor == 0)
        return sut_refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (n > 1)
        return sut_refuse(400, "more than one Transfer-Encoding");

    sut_str rest = req->known[SUT_H_TRANSFER_ENCODING];
    if (sut_str_eq_nocase(rest, SUT_STR("chunked")))
        return sut_refuse(0, NULL);
    bool is_unknown = false;
    for (sut_str e; next_element(&rest, &e);) {
        if (!is_token(e))
            return sut_refuse(400, "bad Transfer-Encoding");
        is_unknown |= !sut_str_eq_nocase(e, SUT_STR("chunked"));
    }
    return is_unknown ? sut_refuse(501, "unknown transfer coding")
                      : sut_refuse(400, "chunked more than once");
}

static struct sut_refusal judge_length(struct sut_http_request *req)
{
    const unsigned n = req->known_n[SUT_H_CONTENT_LENGTH];
    if (n > 1)
        return sut_refuse(400, "more than one Content-Length");
    if (n == 0) {
        req->has_body = req->known_n[SUT_H_TRANSFER_ENCODING] > 0;
        return sut_refuse(0, NULL);
    }
    uint64_t length = 0;
    if (sut_failed(sut_parse_u64(req->known[SUT_H_CONTENT_LENGTH], INT64_MAX, &length)))
        return sut_refuse(400, "bad Content-Length");
    req->has_length = true;
    req->length = (size_t) length;
    req->has_body = length > 0;
    return sut_refuse(0, NULL);
}

static struct sut_refusal judge_host(struct sut_http_request *req)
{
    const sut_str host = req->known[SUT_H_HOST];
    if (req->known_n[SUT_H_HOST] != 1)
        return sut_refuse(400, req->known_n[SUT_H_HOST] == 0 ? "no Host" : "more than one Host");
    if (!sut_head_is_host(host))
        return sut_refuse(400, "bad Host");
    if (req->authority.n > 0 && !sut_str_eq_nocase(req->authority, host))
        return sut_refuse(400, "Host differs from the request line");
    req->authority = host;
    return sut_refuse(0, NULL);
}

static struct sut_refusal judge_expect(struct sut_http_request *req)
{
    if (req->known_n[SUT_H_EXPECT] == 0)
        return sut_refuse(0, NULL);
    if (req->known_n[SUT_H_EXPECT] > 1 ||
        !sut_str_eq_nocase(req->known[SUT_H_EXPECT], SUT_STR("100-continue")))
        return sut_refuse(417, "unknown expectation");
    req->expects_continue = req->minor > 0 && req->has_body;
    return sut_refuse(0, NULL);
}

/* HTTP/1.0 is never kept: its keep-alive was an extension, and proxies got it wrong. */
static bool is_kept(const struct sut_http_request *req)
{
    if (req->minor == 0)
        return false;
    if (req->known_n[SUT_H_CONNECTION] == 0)
        return true;
    for (size_t i = 0; i < req->n_headers; i++) {
        if (req->headers[i].known != SUT_H_CONNECTION)
            continue;
        sut_str rest = req->headers[i].value;
        for (sut_str e; next_element(&rest, &e);)
            if (sut_str_eq_nocase(e, SUT_STR("close")))
                return false;
    }
    return true;
}

struct sut_refusal sut_head_fields(struct sut_http_request *req)
{
    struct sut_refusal r = judge_coding(req);
    if (r.status == 0)
        r = judge_length(req);
    if (r.status == 0)
        r = judge_host(req);
    if (r.status == 0)
        r = judge_expect(req);
    req->keep_alive = r.status == 0 && is_kept(req);
    return r;
}
