/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of an object store that speaks S3's protocol: by their names, in the one bucket of the
 * settings, path-style, signed.  A request says which file and nothing else.
 */
#include <string.h>

#include "courier/errand.h"
#include "courier/sigv4.h"
#include "crypto/sha256.h"

enum { HEADERS_MAX = 8 };

/* What is put together for one request. */
struct signing {
    struct sut_sigv4_pair headers[HEADERS_MAX];
    size_t n;
    char digest[2 * SUT_SHA256_SIZE + 1];
    char path[SUT_ERRAND_URL_MAX];
    char value[1024];
};

/* Of "https://host:port/path": what stands behind the scheme, parted at the slash. */
static void split_endpoint(sut_str endpoint, sut_str *ret_host, sut_str *ret_path)
{
    const char *const at =
        endpoint.n == 0 ? NULL : (const char *) memmem(endpoint.p, endpoint.n, "://", 3);
    const sut_str rest = at == NULL
                             ? SUT_STR("")
                             : sut_str_sub(endpoint, (size_t) (at - endpoint.p) + 3, endpoint.n);
    const size_t slash = sut_str_find(rest, 0, '/');
    *ret_host = sut_str_sub(rest, 0, slash);
    *ret_path = sut_str_sub(rest, slash, rest.n);
}

static void put_path(const struct sut_errand_run *r, struct sut_buf *b)
{
    sut_buf_char(b, '/');
    sut_buf_str_add(b, r->all->settings->s3.bucket);
    if (r->request.path.n > 0) {
        sut_buf_char(b, '/');
        sut_buf_str_add(b, r->request.path);
    }
}

SUT_ERR sut_errand__object_url(struct sut_errand_run *r, sut_str *ret)
{
    const struct sut_carrier_s3 *const s = &r->all->settings->s3;
    ENSURE(s->endpoint.n > 0 && s->secret_key != NULL, NOT_FOUND);
    sut_buf_str_add(&r->out, s->endpoint);
    put_path(r, &r->out);
    if (r->request.purpose == SUT_ERRAND_S3_ACL)
        sut_buf_lit(&r->out, "?acl=");
    *ret = sut_buf_str(&r->out);
    return sut_buf_check(&r->out);
}

static const char *method_of(const struct sut_errand_run *r)
{
    if (r->request.purpose == SUT_ERRAND_S3_PUT)
        return "PUT";
    return r->request.purpose == SUT_ERRAND_S3_DELETE ? "DELETE" : "GET";
}

static void add(struct signing *g, const char *name, sut_str value)
{
    SUT_BUG_IF(g->n == HEADERS_MAX);
    g->headers[g->n++] = (struct sut_sigv4_pair){ sut_str_from(name), value };
}

static void add_headers(const struct sut_errand_run *r, struct signing *g, sut_str host,
                        const char *time)
{
    const struct sut_carrier_s3 *const s = &r->all->settings->s3;
    add(g, "Host", host);
    add(g, "x-amz-date", sut_str_from(time));
    add(g, "x-amz-content-sha256", sut_str_from(g->digest));
    if (r->request.purpose != SUT_ERRAND_S3_PUT)
        return;
    add(g, "Content-Type", r->request.type);
    if (s->is_private)
        add(g, "x-amz-acl", SUT_STR("private"));
    if (s->is_encrypted)
        add(g, "x-amz-server-side-encryption", SUT_STR("AES256"));
}

static SUT_ERR send_headers(struct sut_errand_run *r, struct signing *g, const struct sut_sigv4 *s)
{
    char name[64];
    struct sut_buf b = { .p = g->value, .cap = sizeof(g->value), .max = sizeof(g->value) };
    for (size_t i = 0; i < g->n; i++) {
        struct sut_buf n = { .p = name, .cap = sizeof(name), .max = sizeof(name) };
        sut_buf_str_add(&n, g->headers[i].name);
        sut_buf_lit(&n, ": ");
        sut_buf_char(&n, '\0');
        TRY(sut_buf_check(&n));
        TRY(sut_errand__add_value(r, name, g->headers[i].value));
    }
    TRY(sut_sigv4_authorization(s, &b));
    return sut_errand__add_value(r, "Authorization: ", sut_buf_str(&b));
}

/* All that goes out of it is signed. */
static SUT_ERR sign(struct sut_errand_run *r)
{
    const struct sut_carrier_s3 *const at = &r->all->settings->s3;
    static const struct sut_sigv4_pair acl = { SUT_STR_INIT("acl"), { 0 } };
    struct signing g = { .n = 0 };
    unsigned char digest[SUT_SHA256_SIZE];
    sut_str host = { 0 };
    sut_str base = { 0 };
    struct sut_buf hex = { .p = g.digest, .cap = sizeof(g.digest), .max = sizeof(g.digest) };
    struct sut_buf path = { .p = g.path, .cap = sizeof(g.path), .max = sizeof(g.path) };
    sut_sha256(r->request.text, digest);
    sut_buf_hex(&hex, digest, sizeof(digest));
    split_endpoint(at->endpoint, &host, &base);
    sut_buf_str_add(&path, base);
    put_path(r, &path);
    TRY(sut_buf_check(&path));
    struct sut_sigv4 s = {
        .access_key = at->access_key,
        .secret_key = sut_secret_str(at->secret_key),
        .region = at->region,
        .service = SUT_STR("s3"),
        .method = sut_str_from(method_of(r)),
        .path = sut_buf_str(&path),
        .query = &acl,
        .n_query = r->request.purpose == SUT_ERRAND_S3_ACL ? 1 : 0,
        .body_digest = sut_str_from(g.digest),
    };
    sut_sigv4_time(sut_clock_now(&sut_clock_system), s.time);
    add_headers(r, &g, host, s.time);
    s.headers = g.headers;
    s.n_headers = g.n;
    return send_headers(r, &g, &s);
}

SUT_ERR sut_errand__object_options(struct sut_errand_run *r)
{
    TRY(sign(r));
    if (r->request.purpose == SUT_ERRAND_S3_PUT)
        TRY(sut_errand__set_body(r, r->request.text));
    else
        SUT_ERRAND_SET(r, CURLOPT_HTTPGET, 1L);
    SUT_ERRAND_SET(r, CURLOPT_CUSTOMREQUEST, method_of(r));
    return SUT_OK;
}
