/* SPDX-License-Identifier: Apache-2.0
 *
 * The published cases (aws-sigv4 of the corpora): canonical request, string to sign and signature,
 * by header and by query.
 */
#include "courier/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>

#include "../../lib/corpora.h"
#include "../../lib/corpus_json.h"
#include "base/mem.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)
#define CASES     "aws-sigv4/tests/aws-signing-test-suite/v4"

/* What a case's files say. */
struct one {
    const char *name;
    json_t *context;
    sut_str request; /* the whole of request.txt */
    char decoded[4096];
    size_t decoded_n;
    struct sut_sigv4_pair headers[SUT_SIGV4_PAIRS_MAX];
    size_t n_headers;
    struct sut_sigv4_pair query[SUT_SIGV4_PAIRS_MAX];
    size_t n_query;
    char digest[2 * SUT_SHA256_SIZE + 1];
    struct sut_sigv4 s;
};

static sut_str read_case(const char *name, const char *file)
{
    char at[256];
    char path[SUT_CORPORA_PATH_MAX];
    (void) snprintf(at, sizeof(at), CASES "/%s/%s", name, file);
    assert_true(corpora_path(at, path));
    return corpora_read(path);
}

/* The path and the query of a request line are escaped here and there. */
static sut_str unescape(struct one *c, sut_str s)
{
    char *const from = c->decoded + c->decoded_n;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned v = 0;
        assert_true(c->decoded_n + n < sizeof(c->decoded));
        if (s.p[i] == '%' && i + 2 < s.n) {
            for (int k = 1; k <= 2; k++) {
                const char d = s.p[i + (size_t) k];
                v = v * 16 + (unsigned) (d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
            }
            i += 2;
            from[n++] = (char) v;
        } else {
            from[n++] = s.p[i];
        }
    }
    c->decoded_n += n;
    return sut_str_of(from, n);
}

static void read_query(struct one *c, sut_str query)
{
    for (size_t at = 0; at < query.n;) {
        const size_t end = sut_str_find(query, at, '&');
        const sut_str pair = sut_str_sub(query, at, end);
        const size_t eq = sut_str_find(pair, 0, '=');
        c->query[c->n_query++] =
            (struct sut_sigv4_pair){ unescape(c, sut_str_sub(pair, 0, eq)),
                                     unescape(c, sut_str_sub(pair, eq + 1, pair.n)) };
        at = end + 1;
    }
}

/* "GET /path?query HTTP/1.1", headers, a line that begins with a blank goes on with the last. */
static sut_str read_request(struct one *c)
{
    const sut_str all = c->request;
    const size_t line_end = sut_str_find(all, 0, '\n');
    const sut_str line = sut_str_sub(all, 0, line_end);
    const size_t space = sut_str_find(line, 0, ' ');
    const sut_str target = sut_str_sub(line, space + 1, line.n - strlen(" HTTP/1.1"));
    const size_t mark = sut_str_find(target, 0, '?');
    c->s.method = sut_str_sub(line, 0, space);
    c->s.path = unescape(c, sut_str_sub(target, 0, mark));
    read_query(c, sut_str_sub(target, mark + 1, target.n));
    size_t at = line_end + 1;
    while (at < all.n && all.p[at] != '\n') {
        size_t end = sut_str_find(all, at, '\n');
        while (end + 1 < all.n && all.p[end + 1] == ' ')
            end = sut_str_find(all, end + 1, '\n');
        const sut_str header = sut_str_sub(all, at, end);
        const size_t colon = sut_str_find(header, 0, ':');
        c->headers[c->n_headers++] =
            (struct sut_sigv4_pair){ sut_str_sub(header, 0, colon),
                                     sut_str_sub(header, colon + 1, header.n) };
        at = end + 1;
    }
    return sut_str_sub(all, at + 1, all.n);
}

static sut_str text_of(const json_t *o, const char *key)
{
    const char *const z = json_string_value(json_object_get(o, key));
    return sut_str_from(z == NULL ? "" : z);
}

static void add_header(struct one *c, const char *name, sut_str value)
{
    c->headers[c->n_headers++] = (struct sut_sigv4_pair){ sut_str_from(name), value };
}

static void begin(struct one *c, const char *name, bool by_query)
{
    *c = (struct one){ .name = name };
    const sut_str context = read_case(name, "context.json");
    c->context = json_loadb(context.p, context.n, 0, NULL);
    sut_mem_free((void *) (uintptr_t) context.p);
    assert_non_null(c->context);
    c->request = read_case(name, "request.txt");
    const sut_str body = read_request(c);
    const json_t *const who = json_object_get(c->context, "credentials");
    unsigned char digest[SUT_SHA256_SIZE];
    sut_sha256(body, digest);
    struct sut_buf b = { .p = c->digest, .cap = sizeof(c->digest), .max = sizeof(c->digest) };
    sut_buf_hex(&b, digest, sizeof(digest));
    c->s.access_key = text_of(who, "access_key_id");
    c->s.secret_key = text_of(who, "secret_access_key");
    c->s.region = text_of(c->context, "region");
    c->s.service = text_of(c->context, "service");
    c->s.is_collapsed = json_is_true(json_object_get(c->context, "normalize"));
    c->s.body_digest = sut_str_from(c->digest);
    /* 2015-08-30T12:36:00Z */
    sut_sigv4_time((sut_ms){ INT64_C(1440938160000) }, c->s.time);
    const sut_str token = text_of(who, "token");
    const bool has_token =
        token.n > 0 && !json_is_true(json_object_get(c->context, "omit_session_token"));
    if (by_query) {
        c->s.expires_s =
            (uint32_t) json_integer_value(json_object_get(c->context, "expiration_in_seconds"));
        if (has_token)
            c->query[c->n_query++] =
                (struct sut_sigv4_pair){ SUT_STR("X-Amz-Security-Token"), token };
    } else {
        add_header(c, "X-Amz-Date", sut_str_from(c->s.time));
        if (has_token)
            add_header(c, "X-Amz-Security-Token", token);
        if (json_is_true(json_object_get(c->context, "sign_body")))
            add_header(c, "x-amz-content-sha256", sut_str_from(c->digest));
    }
    c->s.headers = c->headers;
    c->s.n_headers = c->n_headers;
    c->s.query = c->query;
    c->s.n_query = c->n_query;
}

static void expect(const struct one *c, const char *file, const struct sut_buf *made)
{
    const sut_str want = read_case(c->name, file);
    if (!sut_str_eq(sut_str_trim(want), sut_buf_str(made)))
        fail_msg("%s/%s:\n%.*s\n--- made:\n%.*s", c->name, file, SUT_STR_ARG(want),
                 SUT_STR_ARG(sut_buf_str(made)));
    sut_mem_free((void *) (uintptr_t) want.p);
}

static void check(const char *name, bool by_query)
{
    static struct one c;
    struct sut_buf b;
    char signature[SUT_SIGV4_SIGNATURE + 1];
    begin(&c, name, by_query);
    sut_buf_init(&b, SUT_SIGV4_TEXT_MAX);
    OK(sut_sigv4_canonical(&c.s, &b));
    expect(&c, by_query ? "query-canonical-request.txt" : "header-canonical-request.txt", &b);
    sut_buf_reset(&b);
    OK(sut_sigv4_to_sign(&c.s, &b));
    expect(&c, by_query ? "query-string-to-sign.txt" : "header-string-to-sign.txt", &b);
    sut_buf_reset(&b);
    OK(sut_sigv4_signature(&c.s, signature));
    sut_buf_z(&b, signature);
    expect(&c, by_query ? "query-signature.txt" : "header-signature.txt", &b);
    /* What goes out says the same. */
    sut_buf_reset(&b);
    OK(by_query ? sut_sigv4_query(&c.s, &b) : sut_sigv4_authorization(&c.s, &b));
    assert_true(sut_str_ends(sut_buf_str(&b), sut_str_from(signature)));
    const sut_str sent =
        read_case(name, by_query ? "query-signed-request.txt" : "header-signed-request.txt");
    if (!by_query)
        assert_non_null(memmem(sent.p, sent.n, b.p, b.n));
    assert_non_null(memmem(sent.p, sent.n, signature, SUT_SIGV4_SIGNATURE));
    sut_mem_free((void *) (uintptr_t) sent.p);
    sut_buf_done(&b);
    sut_mem_free((void *) (uintptr_t) c.request.p);
    json_decref(c.context);
}

static size_t check_all(bool by_query)
{
    char path[SUT_CORPORA_PATH_MAX];
    if (!corpora_path(CASES, path))
        skip();
    DIR *const d = opendir(path);
    size_t n = 0;
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        check(e->d_name, by_query);
        n++;
    }
    (void) closedir(d);
    return n;
}

static void the_38_published_cases_are_met_by_header(void **state)
{
    (void) state;
    assert_int_equal(check_all(false), 38);
}

static void the_38_published_cases_are_met_by_query(void **state)
{
    (void) state;
    assert_int_equal(check_all(true), 38);
}

/* The example of S3's own documentation: GET of an object, with a Range. */
static void the_example_of_s3_is_met(void **state)
{
    (void) state;
    const struct sut_sigv4_pair headers[] = {
        { SUT_STR("x-amz-date"), SUT_STR("20130524T000000Z") },
        { SUT_STR("Range"), SUT_STR("bytes=0-9") },
        { SUT_STR("Host"), SUT_STR("examplebucket.s3.amazonaws.com") },
        { SUT_STR("x-amz-content-sha256"),
          SUT_STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") },
    };
    struct sut_sigv4 s = {
        .access_key = SUT_STR("AKIAIOSFODNN7EXAMPLE"),
        .secret_key = SUT_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        .region = SUT_STR("us-east-1"),
        .service = SUT_STR("s3"),
        .time = "20130524T000000Z",
        .method = SUT_STR("GET"),
        .path = SUT_STR("/test.txt"),
        .headers = headers,
        .n_headers = 4,
        .body_digest = headers[3].value,
    };
    char signature[SUT_SIGV4_SIGNATURE + 1];
    OK(sut_sigv4_signature(&s, signature));
    assert_string_equal(signature,
                        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    /* Whatever is changed of it changes the signature. */
    char other[SUT_SIGV4_SIGNATURE + 1];
    struct sut_sigv4 t = s;
    t.path = SUT_STR("/test.txu");
    OK(sut_sigv4_signature(&t, other));
    assert_string_not_equal(signature, other);
    t = s;
    t.method = SUT_STR("PUT");
    OK(sut_sigv4_signature(&t, other));
    assert_string_not_equal(signature, other);
    t = s;
    t.region = SUT_STR("us-east-2");
    OK(sut_sigv4_signature(&t, other));
    assert_string_not_equal(signature, other);
    t = s;
    t.n_headers = 3;
    OK(sut_sigv4_signature(&t, other));
    assert_string_not_equal(signature, other);
}

static void what_can_not_be_signed_is_refused(void **state)
{
    (void) state;
    char signature[SUT_SIGV4_SIGNATURE + 1];
    struct sut_buf b;
    struct sut_sigv4 s = { .time = "2013", .method = SUT_STR("GET"), .path = SUT_STR("/") };
    assert_int_equal(sut_sigv4_signature(&s, signature).code, SUT_E_INVALID);
    sut_sigv4_time((sut_ms){ 0 }, s.time);
    assert_string_equal(s.time, "19700101T000000Z");
    s.n_headers = SUT_SIGV4_PAIRS_MAX + 1;
    assert_int_equal(sut_sigv4_signature(&s, signature).code, SUT_E_TOO_LARGE);
    s.n_headers = 0;
    sut_buf_init(&b, 100);
    assert_int_equal(sut_sigv4_query(&s, &b).code, SUT_E_INVALID);
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_38_published_cases_are_met_by_header),
        cmocka_unit_test(the_38_published_cases_are_met_by_query),
        cmocka_unit_test(the_example_of_s3_is_met),
        cmocka_unit_test(what_can_not_be_signed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
