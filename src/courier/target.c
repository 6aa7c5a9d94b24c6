/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/scan.h"
#include "base/secret.h"

enum {
    HTTPS_PORT = 443,
    TEXT_MAX = 16 * 1024, /* of a URL that was made here; out of data it is SUT_ERRAND_URL_MAX */
};

void sut_target_done(const struct sut_curl *curl, struct sut_target *t)
{
    if (t->url != NULL)
        curl->curl_url_cleanup(t->url);
    t->url = NULL;
}

/* A part of the URL, to be freed; NULL: it has none. */
static char *part(const struct sut_curl *curl, CURLU *url, CURLUPart which, unsigned flags)
{
    char *text = NULL;
    return curl->curl_url_get(url, which, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool has_part(const struct sut_curl *curl, CURLU *url, CURLUPart which)
{
    char *text = part(curl, url, which, 0);
    curl->curl_free(text);
    return text != NULL;
}

/* A name whose last label is a number is an address to some readers: to ours it must be one. */
static bool ends_in_number(const char *host)
{
    const char *const dot = strrchr(host, '.');
    const char *const label = dot == NULL ? host : dot + 1;
    return label[strspn(label, "0123456789")] == '\0' || strncmp(label, "0x", 2) == 0;
}

/* A name that DNS knows, or a number; nothing that another reader could take for something else. */
static SUT_ERR take_host(sut_str host, struct sut_target *t)
{
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        host = sut_str_sub(host, 1, host.n - 1);
        t->address.is_v6 = true;
    }
    ENSURE(host.n > 0 && host.n <= SUT_LOOKUP_NAME_MAX && host.p[host.n - 1] != '.', DENIED);
    for (size_t i = 0; i < host.n; i++) {
        const char c = host.p[i];
        const bool is_upper = c >= 'A' && c <= 'Z';
        const bool is_word = is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                             c == '-' || c == '_' || c == '.';
        ENSURE(is_word || (t->address.is_v6 && c == ':'), DENIED);
        t->host[i] = (char) (is_upper ? c - 'A' + 'a' : c);
    }
    t->host[host.n] = '\0';
    t->is_numeric = inet_pton(t->address.is_v6 ? AF_INET6 : AF_INET, t->host, t->address.ip) == 1;
    ENSURE(t->is_numeric || (!t->address.is_v6 && !ends_in_number(t->host)), DENIED);
    return SUT_OK;
}

static SUT_ERR take_port(const char *text, struct sut_target *t)
{
    uint64_t port = 0;
    const sut_err e = sut_parse_u64(sut_str_from(text), UINT16_MAX, &port);
    ENSURE(!sut_failed(e) && port > 0, DENIED);
    t->port = (uint16_t) port;
    return SUT_OK;
}

static SUT_ERR take_place(const char *host, const char *port, struct sut_target *t)
{
    ENSURE(host != NULL && port != NULL, DENIED);
    TRY(take_host(sut_str_from(host), t));
    return take_port(port, t);
}

static SUT_ERR take_parts(const struct sut_curl *curl, struct sut_target *t)
{
    ENSURE(!has_part(curl, t->url, CURLUPART_USER) && !has_part(curl, t->url, CURLUPART_PASSWORD) &&
               !has_part(curl, t->url, CURLUPART_OPTIONS) &&
               !has_part(curl, t->url, CURLUPART_ZONEID),
           DENIED);
    char *const host = part(curl, t->url, CURLUPART_HOST, 0);
    char *const port = part(curl, t->url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    const sut_err e = take_place(host, port, t);
    curl->curl_free(host);
    curl->curl_free(port);
    return e;
}

static SUT_ERR judge(const struct sut_curl *curl, enum sut_errand_where where, struct sut_target *t)
{
    char *const scheme = part(curl, t->url, CURLUPART_SCHEME, 0);
    const bool is_https = scheme != NULL && strcmp(scheme, "https") == 0;
    const bool is_http = scheme != NULL && strcmp(scheme, "http") == 0;
    curl->curl_free(scheme);
    ENSURE(is_https || (is_http && where == SUT_ERRAND_SETTINGS), DENIED);
    t->is_https = t->may_leave = is_https;
    TRY(take_parts(curl, t));
    if (where == SUT_ERRAND_DATA)
        ENSURE(t->port == HTTPS_PORT, DENIED);
    ENSURE(!t->is_numeric || sut_target_may_connect(t, where, &t->address), DENIED);
    return SUT_OK;
}

static SUT_ERR read_url(const struct sut_curl *curl, sut_str text, struct sut_target *t)
{
    struct sut_buf z;
    ENSURE(text.n <= TEXT_MAX && sut_errand_is_token(text), DENIED);
    t->url = curl->curl_url();
    ENSURE(t->url != NULL, NOMEM);
    sut_buf_init(&z, text.n + 1);
    /* At once, so that it never moves and leaves a copy behind: it may hold a provider's secret. */
    (void) sut_buf_room(&z, text.n + 1);
    sut_buf_str_add(&z, text);
    sut_buf_char(&z, '\0');
    CURLUcode code = CURLUE_OUT_OF_MEMORY;
    if (!sut_failed(sut_buf_check(&z)))
        code = curl->curl_url_set(t->url, CURLUPART_URL, z.p, CURLU_DISALLOW_USER);
    if (z.p != NULL)
        sut_wipe(z.p, z.cap);
    sut_buf_done(&z);
    ENSURE(code == CURLUE_OK, DENIED);
    return SUT_OK;
}

SUT_ERR sut_target_parse(const struct sut_curl *curl, sut_str text, enum sut_errand_where where,
                         struct sut_target *ret)
{
    *ret = (struct sut_target){ .url = NULL };
    ENSURE(where != SUT_ERRAND_DATA || sut_errand_is_url_text(text), DENIED);
    sut_err e = read_url(curl, text, ret);
    if (!sut_failed(e))
        e = judge(curl, where, ret);
    if (sut_failed(e))
        sut_target_done(curl, ret);
    return e;
}

static SUT_ERR no_host(void)
{
    FAIL(DENIED);
}

SUT_ERR sut_target_mail(const struct sut_curl *curl, const struct sut_mail_place *place,
                        sut_str helo, struct sut_target *ret)
{
    char z[SUT_ERRAND_URL_MAX + 1];
    const bool is_v6 = sut_str_find(place->host, 0, ':') < place->host.n;
    *ret =
        (struct sut_target){ .may_leave = place->use_ssl || place->use_tls || place->may_be_clear };
    const int n = snprintf(z, sizeof(z), "%s://%s%.*s%s:%u/%.*s", place->use_ssl ? "smtps" : "smtp",
                           is_v6 ? "[" : "", SUT_STR_ARG(place->host), is_v6 ? "]" : "",
                           place->port, SUT_STR_ARG(helo));
    ENSURE(n > 0 && (size_t) n < sizeof(z), DENIED);
    sut_err e = read_url(curl, sut_str_from(z), ret);
    if (!sut_failed(e))
        e = take_parts(curl, ret);
    /* What stands in the settings is a host, whole. */
    if (!sut_failed(e) && !sut_str_eq_nocase(place->host, sut_str_from(ret->host)))
        e = no_host();
    if (sut_failed(e))
        sut_target_done(curl, ret);
    return e;
}

bool sut_target_may_connect(const struct sut_target *t, enum sut_errand_where where,
                            const struct sut_address *a)
{
    if (where == SUT_ERRAND_DATA)
        return sut_address_is_public(a);
    /* Without TLS nothing leaves this machine. */
    return t->may_leave || sut_address_is_loopback(a);
}
