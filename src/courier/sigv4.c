/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/sigv4.h"

#include <string.h>
#include <time.h>

#include "base/scan.h"
#include "base/secret.h"
#include "codec/url.h"
#include "crypto/hmac.h"

static const char algorithm[] = "AWS4-HMAC-SHA256";

void sut_sigv4_time(sut_ms now, char ret[SUT_SIGV4_TIME + 1])
{
    struct tm tm = { 0 };
    const time_t s = (time_t) (now.v / 1000);
    ret[0] = '\0';
    if (gmtime_r(&s, &tm) != NULL)
        (void) strftime(ret, SUT_SIGV4_TIME + 1, "%Y%m%dT%H%M%SZ", &tm);
}

/* --- the path --- */

void sut_sigv4_put_path(struct sut_buf *b, sut_str path)
{
    for (size_t at = 0; at < path.n;) {
        const size_t slash = sut_str_find(path, at, '/');
        sut_url_encode(b, sut_str_sub(path, at, slash));
        if (slash < path.n)
            sut_buf_char(b, '/');
        at = slash + 1;
    }
}

/* Take the last segment away, and with it the slash before. */
static void climb(struct sut_buf *b)
{
    while (b->n > 0 && b->p[b->n - 1] != '/')
        b->n--;
    b->n -= b->n > 0 ? 1 : 0;
}

static SUT_ERR put_collapsed(struct sut_buf *b, sut_str path)
{
    struct sut_buf made;
    bool is_folder = true;
    sut_buf_init(&made, SUT_SIGV4_TEXT_MAX);
    for (size_t at = 0; at <= path.n;) {
        const size_t slash = sut_str_find(path, at, '/');
        const sut_str segment = sut_str_sub(path, at, slash);
        is_folder = segment.n == 0 || sut_str_is(segment, ".") || sut_str_is(segment, "..");
        if (sut_str_is(segment, ".."))
            climb(&made);
        if (!is_folder) {
            sut_buf_char(&made, '/');
            sut_buf_str_add(&made, segment);
        }
        at = slash + 1;
    }
    if (is_folder)
        sut_buf_char(&made, '/');
    const sut_err e = sut_buf_check(&made);
    if (!sut_failed(e))
        sut_sigv4_put_path(b, sut_buf_str(&made));
    sut_buf_done(&made);
    return e;
}

/* --- headers --- */

static int compare_nocase(sut_str a, sut_str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        const int d =
            (unsigned char) sut_ascii_lower(a.p[i]) - (unsigned char) sut_ascii_lower(b.p[i]);
        if (d != 0)
            return d;
    }
    return a.n < b.n ? -1 : a.n > b.n ? 1 : 0;
}

/* Their order by name; those of one name stay as they came. */
static void sort_headers(const struct sut_sigv4 *s, size_t order[SUT_SIGV4_PAIRS_MAX])
{
    for (size_t i = 0; i < s->n_headers; i++) {
        size_t at = i;
        while (at > 0 && compare_nocase(s->headers[order[at - 1]].name, s->headers[i].name) > 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

static void put_lower(struct sut_buf *b, sut_str s)
{
    for (size_t i = 0; i < s.n; i++)
        sut_buf_char(b, sut_ascii_lower(s.p[i]));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Blanks in a row are one. */
static void put_value(struct sut_buf *b, sut_str value)
{
    value = sut_str_trim(value);
    for (size_t i = 0; i < value.n; i++)
        if (!is_blank(value.p[i]))
            sut_buf_char(b, value.p[i]);
        else if (!is_blank(value.p[i - 1]))
            sut_buf_char(b, ' ');
}

/* Whether the header before, in that order, has the same name. */
static bool is_same(const struct sut_sigv4 *s, const size_t *order, size_t i)
{
    return i > 0 && sut_str_eq_nocase(s->headers[order[i - 1]].name, s->headers[order[i]].name);
}

static void put_headers(const struct sut_sigv4 *s, struct sut_buf *b)
{
    size_t order[SUT_SIGV4_PAIRS_MAX];
    sort_headers(s, order);
    for (size_t i = 0; i < s->n_headers; i++) {
        if (is_same(s, order, i)) {
            sut_buf_char(b, ',');
        } else {
            if (i > 0)
                sut_buf_char(b, '\n');
            put_lower(b, s->headers[order[i]].name);
            sut_buf_char(b, ':');
        }
        put_value(b, s->headers[order[i]].value);
    }
    sut_buf_lit(b, "\n\n");
}

static void put_names(const struct sut_sigv4 *s, struct sut_buf *b)
{
    size_t order[SUT_SIGV4_PAIRS_MAX];
    sort_headers(s, order);
    for (size_t i = 0; i < s->n_headers; i++) {
        if (is_same(s, order, i))
            continue;
        if (i > 0)
            sut_buf_char(b, ';');
        put_lower(b, s->headers[order[i]].name);
    }
}

/* --- the query --- */

static void put_scope(const struct sut_sigv4 *s, struct sut_buf *b)
{
    sut_buf_add(b, s->time, 8);
    sut_buf_char(b, '/');
    sut_buf_str_add(b, s->region);
    sut_buf_char(b, '/');
    sut_buf_str_add(b, s->service);
    sut_buf_lit(b, "/aws4_request");
}

/* "name=value", escaped, each ended by a line feed, which stands in none. */
static void put_parameter(struct sut_buf *b, sut_str name, sut_str value)
{
    sut_url_encode(b, name);
    sut_buf_char(b, '=');
    sut_url_encode(b, value);
    sut_buf_char(b, '\n');
}

/* What the query form adds. */
static SUT_ERR put_own_parameters(const struct sut_sigv4 *s, struct sut_buf *b)
{
    char text[2048];
    struct sut_buf t = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    put_parameter(b, SUT_STR("X-Amz-Algorithm"), sut_str_from(algorithm));
    sut_buf_str_add(&t, s->access_key);
    sut_buf_char(&t, '/');
    put_scope(s, &t);
    put_parameter(b, SUT_STR("X-Amz-Credential"), sut_buf_str(&t));
    TRY(sut_buf_check(&t));
    put_parameter(b, SUT_STR("X-Amz-Date"), sut_str_from(s->time));
    sut_buf_reset(&t);
    sut_buf_u64(&t, s->expires_s);
    put_parameter(b, SUT_STR("X-Amz-Expires"), sut_buf_str(&t));
    sut_buf_reset(&t);
    put_names(s, &t);
    put_parameter(b, SUT_STR("X-Amz-SignedHeaders"), sut_buf_str(&t));
    return sut_buf_check(&t);
}

/* By the escaped name, then by the escaped value. */
static int compare_parameters(sut_str a, sut_str b)
{
    const size_t at_a = sut_str_find(a, 0, '=');
    const size_t at_b = sut_str_find(b, 0, '=');
    const int by_name = sut_str_cmp(sut_str_sub(a, 0, at_a), sut_str_sub(b, 0, at_b));
    return by_name != 0 ? by_name
                        : sut_str_cmp(sut_str_sub(a, at_a, a.n), sut_str_sub(b, at_b, b.n));
}

static void put_sorted(struct sut_buf *b, sut_str lines)
{
    enum { MOST = SUT_SIGV4_PAIRS_MAX + 5 };
    sut_str sorted[MOST];
    size_t n = 0;
    struct sut_scan c = sut_scan_of(lines);
    while (!sut_scan_at_end(&c) && n < MOST) {
        const sut_str one = sut_scan_until(&c, '\n');
        (void) sut_scan_char(&c, '\n');
        size_t at = n++;
        for (; at > 0 && compare_parameters(sorted[at - 1], one) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = one;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sut_buf_char(b, '&');
        sut_buf_str_add(b, sorted[i]);
    }
}

static SUT_ERR put_query(const struct sut_sigv4 *s, struct sut_buf *b)
{
    struct sut_buf lines;
    sut_err e = SUT_OK;
    sut_buf_init(&lines, SUT_SIGV4_TEXT_MAX);
    for (size_t i = 0; i < s->n_query; i++)
        put_parameter(&lines, s->query[i].name, s->query[i].value);
    if (s->expires_s > 0)
        e = put_own_parameters(s, &lines);
    if (!sut_failed(e))
        e = sut_buf_check(&lines);
    if (!sut_failed(e))
        put_sorted(b, sut_buf_str(&lines));
    sut_buf_done(&lines);
    return e;
}

/* --- the steps --- */

SUT_ERR sut_sigv4_canonical(const struct sut_sigv4 *s, struct sut_buf *ret)
{
    ENSURE(s->n_headers <= SUT_SIGV4_PAIRS_MAX && s->n_query <= SUT_SIGV4_PAIRS_MAX, TOO_LARGE);
    ENSURE(strlen(s->time) == SUT_SIGV4_TIME, INVALID);
    sut_buf_str_add(ret, s->method);
    sut_buf_char(ret, '\n');
    if (s->is_collapsed)
        TRY(put_collapsed(ret, s->path));
    else
        sut_sigv4_put_path(ret, s->path);
    sut_buf_char(ret, '\n');
    TRY(put_query(s, ret));
    sut_buf_char(ret, '\n');
    put_headers(s, ret);
    put_names(s, ret);
    sut_buf_char(ret, '\n');
    sut_buf_str_add(ret, s->body_digest);
    return sut_buf_check(ret);
}

SUT_ERR sut_sigv4_to_sign(const struct sut_sigv4 *s, struct sut_buf *ret)
{
    unsigned char digest[SUT_SHA256_SIZE];
    struct sut_buf canonical;
    sut_buf_init(&canonical, SUT_SIGV4_TEXT_MAX);
    const sut_err e = sut_sigv4_canonical(s, &canonical);
    if (!sut_failed(e))
        sut_sha256(sut_buf_str(&canonical), digest);
    sut_buf_done(&canonical);
    TRY(e);
    sut_buf_z(ret, algorithm);
    sut_buf_char(ret, '\n');
    sut_buf_z(ret, s->time);
    sut_buf_char(ret, '\n');
    put_scope(s, ret);
    sut_buf_char(ret, '\n');
    sut_buf_hex(ret, digest, sizeof(digest));
    return sut_buf_check(ret);
}

/* The key of a day, a region and a service. */
static SUT_ERR make_key(const struct sut_sigv4 *s, unsigned char ret[SUT_HMAC_SIZE])
{
    char first[256];
    struct sut_buf b = { .p = first, .cap = sizeof(first), .max = sizeof(first) };
    sut_buf_lit(&b, "AWS4");
    sut_buf_str_add(&b, s->secret_key);
    sut_err e = sut_buf_check(&b);
    if (!sut_failed(e)) {
        const sut_str key = sut_str_of((const char *) ret, SUT_HMAC_SIZE);
        sut_hmac_once(sut_buf_str(&b), sut_str_of(s->time, 8), ret);
        sut_hmac_once(key, s->region, ret);
        sut_hmac_once(key, s->service, ret);
        sut_hmac_once(key, SUT_STR("aws4_request"), ret);
    }
    sut_wipe(first, sizeof(first));
    return e;
}

SUT_ERR sut_sigv4_signature(const struct sut_sigv4 *s, char ret[SUT_SIGV4_SIGNATURE + 1])
{
    unsigned char key[SUT_HMAC_SIZE];
    unsigned char mac[SUT_HMAC_SIZE];
    char text[1024];
    struct sut_buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    struct sut_buf out = { .p = ret, .cap = SUT_SIGV4_SIGNATURE, .max = SUT_SIGV4_SIGNATURE };
    TRY(sut_sigv4_to_sign(s, &b));
    TRY(make_key(s, key));
    sut_hmac_once(sut_str_of((const char *) key, sizeof(key)), sut_buf_str(&b), mac);
    sut_wipe(key, sizeof(key));
    sut_buf_hex(&out, mac, sizeof(mac));
    ret[SUT_SIGV4_SIGNATURE] = '\0';
    return SUT_OK;
}

SUT_ERR sut_sigv4_authorization(const struct sut_sigv4 *s, struct sut_buf *ret)
{
    char signature[SUT_SIGV4_SIGNATURE + 1];
    TRY(sut_sigv4_signature(s, signature));
    sut_buf_z(ret, algorithm);
    sut_buf_lit(ret, " Credential=");
    sut_buf_str_add(ret, s->access_key);
    sut_buf_char(ret, '/');
    put_scope(s, ret);
    sut_buf_lit(ret, ", SignedHeaders=");
    put_names(s, ret);
    sut_buf_lit(ret, ", Signature=");
    sut_buf_z(ret, signature);
    return sut_buf_check(ret);
}

SUT_ERR sut_sigv4_query(const struct sut_sigv4 *s, struct sut_buf *ret)
{
    char signature[SUT_SIGV4_SIGNATURE + 1];
    ENSURE(s->expires_s > 0, INVALID);
    TRY(sut_sigv4_signature(s, signature));
    TRY(put_query(s, ret));
    sut_buf_lit(ret, "&X-Amz-Signature=");
    sut_buf_z(ret, signature);
    return sut_buf_check(ret);
}
