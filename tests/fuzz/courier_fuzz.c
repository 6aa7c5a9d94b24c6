/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a request to the courier: the first is the type, the rest its
 * fields; with the first bit of the type set the rest is a URL out of data.  What is
 * let through is within the table, and a URL leads by https to port 443 of a name or
 * of an address that libc, too, takes for a public one.
 */
#include <netdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "courier/request.h"
#include "courier/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int is_so)
{
    if (!is_so)
        abort();
}

static const struct sut_curl *curl(void)
{
    static struct sut_curl loaded;
    static bool is_loaded;
    struct sut_diag d = { 0 };
    if (!is_loaded)
        must(!sut_failed(sut_curl_load(&loaded, &d)));
    is_loaded = true;
    return &loaded;
}

/* libc's reading of a numeric address, which takes more spellings than ours. */
static void check_host(const struct sut_target *t)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICHOST };
    struct addrinfo *list = NULL;
    if (getaddrinfo(t->host, NULL, &hints, &list) != 0)
        return;
    struct sut_address a;
    must(!sut_failed(sut_address_of(list->ai_addr, &a)) && sut_address_is_public(&a));
    must(t->is_numeric && sut_address_eq(&a, &t->address));
    freeaddrinfo(list);
}

static void try_url(sut_str url)
{
    struct sut_target t;
    if (sut_failed(sut_target_parse(curl(), url, SUT_ERRAND_DATA, &t))) {
        must(t.url == NULL);
        return;
    }
    must(t.is_https && t.port == 443 && t.host[0] != '\0');
    for (const char *p = t.host; *p != '\0'; p++)
        must((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("-_.:", *p) != NULL);
    check_host(&t);
    sut_target_done(curl(), &t);
}

/* What is put behind a URL of the settings leads to its host, and below its path. */
static void try_path(const char *base, sut_str path)
{
    struct sut_target t;
    char *text = NULL;
    char url[4096];
    struct sut_buf b = { .p = url, .cap = sizeof(url), .max = sizeof(url) };
    sut_buf_z(&b, base);
    sut_buf_str_add(&b, path);
    must(!sut_failed(sut_buf_check(&b)));
    must(!sut_failed(sut_target_parse(curl(), sut_buf_str(&b), SUT_ERRAND_SETTINGS, &t)));
    must(strcmp(t.host, "api.example") == 0 && t.port == 443 && t.is_https);
    must(curl()->curl_url_get(t.url, CURLUPART_PATH, &text, 0) == CURLUE_OK);
    must(strncmp(text, "/base/", 6) == 0);
    curl()->curl_free(text);
    must(curl()->curl_url_get(t.url, CURLUPART_FRAGMENT, &text, 0) == CURLUE_NO_FRAGMENT);
    sut_target_done(curl(), &t);
}

static void try_request(uint16_t type, sut_str fields)
{
    struct sut_request q;
    if (sut_failed(sut_request_read(type, fields, &q)))
        return;
    const struct sut_errand_row *const row = sut_errand_row(q.purpose);
    must(sut_errand_type(q.purpose) == type && fields.n <= sut_errand_ask_max(q.purpose));
    must(q.timeout_ms > 0 && q.timeout_ms <= SUT_ERRAND_TIMEOUT_MAX_MS);
    must(row->where == SUT_ERRAND_DATA || q.url.n == 0);
    must(q.text.n <= row->out_max && q.message.n <= row->out_max);
    must((row->what == SUT_ERRAND_BY_MAIL) == (q.to.n > 0));
    for (size_t i = 0; i < q.to.n; i++)
        must(q.to.p[i] > ' ' && q.to.p[i] < 0x7f && strchr("<>", q.to.p[i]) == NULL);
    for (size_t i = 0; i < q.message.n; i++)
        must(q.message.p[i] != '\n' || (i > 0 && q.message.p[i - 1] == '\r'));
    for (size_t i = 0; i < q.signature.n; i++)
        must(q.signature.p[i] > ' ');
    for (size_t i = 0; i < q.key.n; i++)
        must(q.key.p[i] > ' ' && q.key.p[i] < 0x7f);
    if (row->where == SUT_ERRAND_DATA)
        try_url(q.url);
    if (row->what == SUT_ERRAND_BY_CALL)
        try_path("https://api.example/base", q.path);
    if (row->what == SUT_ERRAND_BY_OBJECT && q.path.n > 0)
        try_path("https://api.example/base/", q.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const sut_str rest = sut_str_of((const char *) data + 1, size - 1);
    if (data[0] >= 0x80)
        try_url(rest);
    else
        try_request(data[0], rest);
    return 0;
}
