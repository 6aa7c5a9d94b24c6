/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "h1_reader.h"

#define HEAD(line_, fields_) line_ "\r\nHost: a\r\n" fields_ "\r\n"

static struct reader rd;

static int setup(void **state)
{
    (void) state;
    reader_init(&rd);
    return 0;
}

static int teardown(void **state)
{
    (void) state;
    reader_done(&rd);
    return 0;
}

/* Every cut of the same bytes gives the same verdict; status 0: complete. */
static void expect_n(const char *p, size_t n, int status)
{
    static const size_t pieces[] = { 0, 1, 2, 3, 7 };
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        reader_run(&rd, p, n, pieces[i], READER_BODY_MAX);
        if (rd.status != status || (status == 0 && rd.last != SUT_H1_COMPLETE))
            print_error("pieces of %zu: status %d (%s), event %d, for <%.*s>\n", pieces[i],
                        rd.status, rd.why == NULL ? "" : rd.why, (int) rd.last,
                        (int) (n > 200 ? 200 : n), p);
        assert_int_equal(rd.status, status);
        assert_int_equal(rd.last, status == 0 ? SUT_H1_COMPLETE : SUT_H1_REFUSED);
    }
}

static void expect(const char *z, int status)
{
    expect_n(z, strlen(z), status);
}

static void assert_str(sut_str s, const char *want)
{
    assert_int_equal(s.n, strlen(want));
    assert_memory_equal(s.p, want, s.n);
}

static void reads_a_plain_request(void **state)
{
    (void) state;
    static const char text[] = "GET /api/x/?page=2&q= HTTP/1.1\r\n"
                               "Host: shop.example:8080\r\n"
                               "User-Agent: \t curl/8 \t\r\n"
                               "X-Empty:\r\n"
                               "X-Twice: one\r\n"
                               "x-twice: two\r\n"
                               "X-Obs: \xc3\xa9\r\n"
                               "AUTHORIZATION:Bearer abc\r\n\r\n";
    expect(text, 0);
    const struct sut_http_request *q = rd.req;
    assert_int_equal(rd.used, sizeof(text) - 1);
    assert_int_equal(q->method, SUT_GET);
    assert_str(q->method_text, "GET");
    assert_str(q->target, "/api/x/?page=2&q=");
    assert_str(q->path, "/api/x/");
    assert_str(q->query, "page=2&q=");
    assert_str(q->authority, "shop.example:8080");
    assert_int_equal(q->n_headers, 7);
    assert_str(q->headers[0].name, "host");
    assert_str(q->headers[1].value, "curl/8");
    assert_str(q->headers[2].name, "x-empty");
    assert_str(q->headers[2].value, "");
    assert_str(q->headers[4].name, "x-twice");
    assert_str(q->headers[4].value, "two");
    assert_str(q->headers[5].value, "\xc3\xa9");
    assert_int_equal(q->headers[6].known, SUT_H_AUTHORIZATION);
    assert_str(q->known[SUT_H_AUTHORIZATION], "Bearer abc");
    assert_null(q->known[SUT_H_COOKIE].p);
    assert_int_equal(q->minor, 1);
    assert_true(q->keep_alive);
    assert_false(q->has_body);
    assert_int_equal(q->body.n, 0);
}

static void knows_every_field_that_it_names(void **state)
{
    (void) state;
    static const char *const names[] = {
        [SUT_H_HOST] = "Host",
        [SUT_H_AUTHORIZATION] = "Authorization",
        [SUT_H_CONTENT_TYPE] = "Content-Type",
        [SUT_H_CONTENT_LENGTH] = "Content-Length",
        [SUT_H_CONTENT_ENCODING] = "Content-Encoding",
        [SUT_H_TRANSFER_ENCODING] = "Transfer-Encoding",
        [SUT_H_CONNECTION] = "Connection",
        [SUT_H_EXPECT] = "Expect",
        [SUT_H_COOKIE] = "Cookie",
        [SUT_H_ORIGIN] = "Origin",
        [SUT_H_IF_NONE_MATCH] = "If-None-Match",
        [SUT_H_USER_AGENT] = "User-Agent",
        [SUT_H_ACCEPT] = "Accept",
        [SUT_H_X_FORWARDED_FOR] = "X-Forwarded-For",
        [SUT_H_X_FORWARDED_PROTO] = "X-Forwarded-Proto",
        [SUT_H_X_CSRFTOKEN] = "X-CSRFToken",
        [SUT_H_IDEMPOTENCY_KEY] = "Idempotency-Key",
        [SUT_H_ACCESS_CONTROL_REQUEST_METHOD] = "Access-Control-Request-Method",
        [SUT_H_ACCESS_CONTROL_REQUEST_HEADERS] = "Access-Control-Request-Headers",
        [SUT_H_X_SUTLER_CLIENT] = "X-Sutler-Client",
    };
    for (size_t k = SUT_H_OTHER + 1; k < SUT_H_COUNT; k++) {
        const char *value = k == SUT_H_CONTENT_LENGTH      ? "0"
                            : k == SUT_H_TRANSFER_ENCODING ? "chunked"
                            : k == SUT_H_EXPECT            ? "100-continue"
                                                           : "v";
        char text[256];
        const int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s%s: %s\r\n\r\n%s",
                               k == SUT_H_HOST ? "" : "Host: a\r\n", names[k], value,
                               k == SUT_H_TRANSFER_ENCODING ? "0\r\n\r\n" : "");
        expect_n(text, (size_t) n, 0);
        assert_int_equal(rd.req->known_n[k], 1);
        assert_str(rd.req->known[k], value);
        assert_int_equal(rd.req->headers[rd.req->n_headers - 1].known, k);
    }
}

static void counts_a_field_sent_twice_and_keeps_the_first(void **state)
{
    (void) state;
    expect(HEAD("GET / HTTP/1.1", "Cookie: a=1\r\nCookie: b=2\r\n"), 0);
    assert_int_equal(rd.req->known_n[SUT_H_COOKIE], 2);
    assert_str(rd.req->known[SUT_H_COOKIE], "a=1");
}

static void reads_bodies_of_both_shapes(void **state)
{
    (void) state;
    expect(HEAD("POST / HTTP/1.1", "Content-Length: 5\r\n") "hello", 0);
    assert_str(rd.req->body, "hello");
    assert_true(rd.req->has_body && rd.req->has_length);

    expect(HEAD("POST / HTTP/1.1",
                "Transfer-Encoding: Chunked\r\n") "3\r\nhel\r\n00002;x=\"y;z\"\r\nlo\r\n0\r\nX-"
                                                  "Trailer: gone\r\n\r\n",
           0);
    assert_str(rd.req->body, "hello");
    assert_true(rd.req->has_body && !rd.req->has_length);
    assert_int_equal(rd.req->n_headers, 2);

    expect(HEAD("POST / HTTP/1.1", "Content-Length: 0\r\n"), 0);
    assert_true(rd.req->has_length && !rd.req->has_body);
    expect(HEAD("PUT / HTTP/1.1", "Transfer-Encoding: chunked\r\n") "0\r\n\r\n", 0);
    assert_int_equal(rd.req->body.n, 0);
    /* A body that looks like a request stays a body. */
    expect(HEAD("GET / HTTP/1.1", "Content-Length: 18\r\n") "GET /x HTTP/1.1\r\n\r", 0);
    assert_int_equal(rd.req->body.n, 18);
}

/* SPEC: rfc9112 §9.3.2 "A server MAY process a sequence of pipelined requests in parallel if they
 * all have safe methods, but it MUST send the corresponding responses in the same order" */
static void leaves_the_next_request_alone(void **state)
{
    (void) state;
    static const char *const firsts[] = {
        HEAD("GET /1 HTTP/1.1", ""),
        HEAD("POST /1 HTTP/1.1", "Content-Length: 3\r\n") "abc",
        HEAD("POST /1 HTTP/1.1", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\n\r\n",
        HEAD("POST /1 HTTP/1.1", "Transfer-Encoding: chunked\r\n") "0\r\nA: b\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        char text[512];
        const int n = snprintf(text, sizeof(text), "%s%s", firsts[i], HEAD("GET /2 HTTP/1.1", ""));
        for (size_t piece = 0; piece < 3; piece++) {
            reader_run(&rd, text, (size_t) n, piece, READER_BODY_MAX);
            assert_int_equal(rd.last, SUT_H1_COMPLETE);
            assert_str(rd.req->target, "/1");
            assert_int_equal(rd.used, strlen(firsts[i]));
            reader_run(&rd, text + rd.used, (size_t) n - rd.used, piece, READER_BODY_MAX);
            assert_int_equal(rd.last, SUT_H1_COMPLETE);
            assert_str(rd.req->target, "/2");
        }
    }
}

static void tells_the_head_before_the_body(void **state)
{
    (void) state;
    static const char text[] = HEAD("POST / HTTP/1.1", "Content-Length: 5\r\n") "hello";
    struct sut_http_request *req = NULL;
    size_t used = 0;
    sut_arena_reset(rd.arena);
    assert_false(sut_failed(sut_h1_start(rd.h, rd.arena, &req)));
    assert_true(sut_h1_is_idle(rd.h));
    assert_int_equal(sut_h1_feed(rd.h, text, 1, &used), SUT_H1_NEED_MORE);
    assert_false(sut_h1_is_idle(rd.h));
    assert_int_equal(sut_h1_feed(rd.h, text + 1, sizeof(text) - 2, &used), SUT_H1_HEAD);
    assert_int_equal(used, sizeof(text) - 2 - 5);
    sut_h1_set_body_max(rd.h, 5);
    assert_int_equal(sut_h1_feed(rd.h, text, 0, &used), SUT_H1_NEED_MORE);
    assert_int_equal(sut_h1_feed(rd.h, "hello", 5, &used), SUT_H1_COMPLETE);
    assert_str(req->body, "hello");
}

/* SPEC: rfc9112 §8 "A server that receives an incomplete request message, usually due to a canceled
 * request or a triggered timeout exception, MAY send an error response prior to closing" */
static void never_takes_a_part_for_the_whole(void **state)
{
    (void) state;
    static const char *const texts[] = {
        HEAD("GET / HTTP/1.1", "Cookie: a\r\n"),
        HEAD("POST / HTTP/1.1", "Content-Length: 9\r\n") "123456789",
        HEAD("POST / HTTP/1.1",
             "Transfer-Encoding: chunked\r\n") "9;e\r\n123456789\r\n0\r\nT: u\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t n = 0; n < strlen(texts[i]); n++) {
            reader_run(&rd, texts[i], n, n % 3, READER_BODY_MAX);
            assert_int_equal(rd.last, SUT_H1_NEED_MORE);
        }
        expect(texts[i], 0);
    }
}

static void keeps_the_connection_as_asked(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        bool kept;
    } cases[] = {
        { HEAD("GET / HTTP/1.1", ""), true },
        { HEAD("GET / HTTP/1.1", "Connection: keep-alive\r\n"), true },
        { HEAD("GET / HTTP/1.1", "Connection: close\r\n"), false },
        { HEAD("GET / HTTP/1.1", "Connection: foo, CLOSE\r\n"), false },
        { HEAD("GET / HTTP/1.1", "Connection: foo\r\nConnection: close\r\n"), false },
        { HEAD("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n"), true },
        { HEAD("GET / HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), true },
        { HEAD("GET / HTTP/1.0", ""), false },
        { HEAD("GET / HTTP/1.0", "Connection: keep-alive\r\n"), false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect(cases[i].text, 0);
        assert_int_equal(rd.req->keep_alive, cases[i].kept);
    }
    /* A body behind an Upgrade that we do not take is still a body. */
    expect(
        HEAD("POST / HTTP/1.1", "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n") "ab",
        0);
    assert_str(rd.req->body, "ab");
}

/* SPEC: rfc9112 §3 "request-line = method SP request-target SP HTTP-version" */
static void refuses_what_is_no_request_line(void **state)
{
    (void) state;
    static const struct {
        const char *line;
        int status;
    } cases[] = {
        { "GET / HTTP/1.1", 0 },
        { "GET  / HTTP/1.1", 400 },
        { "GET /  HTTP/1.1", 400 },
        { "GET\t/ HTTP/1.1", 400 },
        { "GET /\tHTTP/1.1", 400 },
        { " GET / HTTP/1.1", 400 },
        { "GET / HTTP/1.1 ", 400 },
        { "\r\nGET / HTTP/1.1", 400 },
        { "\nGET / HTTP/1.1", 400 },
        { "\rGET / HTTP/1.1", 400 },
        { "GET / HTTP/1.1\r", 400 },
        { "", 400 },
        { "GET", 400 },
        { "GET /", 400 },
        { "GET / ", 400 },
        { "GET HTTP/1.1", 400 },
        { " / HTTP/1.1", 400 },
        { "GET / HTTP/0.9", 505 },
        { "GET / HTTP/1.2", 505 },
        { "GET / HTTP/2.0", 505 },
        { "GET / HTTP/3.0", 505 },
        { "PRI * HTTP/2.0", 505 },
        { "GET / HTTP/2", 400 },
        { "GET / HTTP/11", 400 },
        { "GET / HTTP/1.10", 400 },
        { "GET / HTTP/01.1", 400 },
        { "GET / HTTP/1.x", 400 },
        { "GET / HTTP/1,1", 400 },
        { "GET / http/1.1", 400 },
        { "GET / HTTPS/1.1", 400 },
        { "GET / ICE/1.0", 400 },
        { "SOURCE / ICE/1.0", 400 },
        { "SOURCE / HTTP/1.1", 501 },
        { "DESCRIBE / RTSP/1.0", 400 },
        { "DESCRIBE rtsp://a/ HTTP/1.1", 501 },
        { "get / HTTP/1.1", 400 },
        { "GeT / HTTP/1.1", 400 },
        { "G@T / HTTP/1.1", 400 },
        { "\"GET\" / HTTP/1.1", 400 },
        { "FOO / HTTP/1.1", 501 },
        { "GETT / HTTP/1.1", 501 },
        { "GE / HTTP/1.1", 501 },
        { "PROPFIND / HTTP/1.1", 501 },
        { "M-SEARCH * HTTP/1.1", 501 },
        { "TRACE / HTTP/1.1", 0 },
        { "CONNECT a:443 HTTP/1.1", 400 },
        { "CONNECT / HTTP/1.1", 400 },
        { "OPTIONS * HTTP/1.1", 0 },
        { "OPTIONS / HTTP/1.1", 0 },
        { "GET * HTTP/1.1", 400 },
        { "GET x HTTP/1.1", 400 },
        { "GET ?x HTTP/1.1", 400 },
        { "GET /# HTTP/1.1", 400 },
        { "GET /?a#b HTTP/1.1", 400 },
        { "GET /\xc3\xa9 HTTP/1.1", 400 },
        { "GET /\x7f HTTP/1.1", 400 },
        { "GET /\x01 HTTP/1.1", 400 },
        { "GET http://a/ HTTP/1.1", 0 },
        { "GET HTTPS://A/ HTTP/1.1", 0 },
        { "GET http://a HTTP/1.1", 0 },
        { "GET http://a?q HTTP/1.1", 0 },
        { "GET http://b/ HTTP/1.1", 400 },
        { "GET http://a:80/ HTTP/1.1", 400 },
        { "GET http://u@a/ HTTP/1.1", 400 },
        { "GET http://u:p@a/ HTTP/1.1", 400 },
        { "GET http:///x HTTP/1.1", 400 },
        { "GET http:/x HTTP/1.1", 400 },
        { "GET http://a/#f HTTP/1.1", 400 },
        { "GET ftp://a/ HTTP/1.1", 400 },
        { "GET file:///etc/passwd HTTP/1.1", 400 },
        { "GET a:80 HTTP/1.1", 400 },
        { "GET /a|b?{x}=`^\"<> HTTP/1.1", 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        const int n = snprintf(text, sizeof(text), "%s\r\nHost: a\r\n\r\n", cases[i].line);
        expect_n(text, (size_t) n, cases[i].status);
    }
    expect_n("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29, 400);
    /* TLS on the plain port is refused at its first byte. */
    expect_n("\x16\x03\x01", 3, 400);
    /* A line is judged before the fields come. */
    expect("GET /\r\n", 400);
    expect("FOO / HTTP/1.1\r\n", 501);
}

static void takes_path_and_query_out_of_every_form(void **state)
{
    (void) state;
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        { "/", "/", NULL },
        { "/?", "/", "" },
        { "/a//b/?x?y", "/a//b/", "x?y" },
        { "//a", "//a", NULL },
        { "http://a", "/", NULL },
        { "http://a?q=1", "/", "q=1" },
        { "http://a/b%2f?q", "/b%2f", "q" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128];
        const int n =
            snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].target);
        expect_n(text, (size_t) n, 0);
        assert_str(rd.req->target, cases[i].target);
        assert_str(rd.req->path, cases[i].path);
        assert_int_equal(rd.req->query.p != NULL, cases[i].query != NULL);
        if (cases[i].query != NULL)
            assert_str(rd.req->query, cases[i].query);
    }
}

/* SPEC: rfc9112 §5.1 "No whitespace is allowed between the field name and colon. ... A server MUST
 * reject, with a response status code of 400 (Bad Request), any received request message that
 * contains whitespace between a header field name and colon"
 * SPEC: rfc9112 §5.2 "A server that receives an obs-fold in a request message ... MUST either
 * reject the message by sending a 400 (Bad Request) ... or replace" SPEC: rfc9112 §2.2 "A recipient
 * of such a bare CR MUST consider that element to be invalid" */
static void refuses_malformed_fields(void **state)
{
    (void) state;
    static const char *const fields[] = {
        "X : y\r\n",
        "X\t: y\r\n",
        " X: y\r\n",
        "\tX: y\r\n",
        "X: y\r\n z\r\n",
        "X: y\r\n\tz\r\n",
        "X: y\r\n \r\n",
        "X:\r\n y\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Content-Length:\r\n 5\r\n",
        "X: y\n",
        "X: y\nZ: q\r\n",
        "X: y\rZ: q\r\n",
        "X: y\r\r\n",
        "X: \ry\r\n",
        "X\r: y\r\n",
        "X\n: y\r\n",
        ": y\r\n",
        ":\r\n",
        "X\r\n",
        "X y\r\n",
        "X(y): z\r\n",
        "X\"y: z\r\n",
        "X[y]: z\r\n",
        "X{y}: z\r\n",
        "X/y: z\r\n",
        "X@y: z\r\n",
        "X\xc3\xa9: z\r\n",
        "X\x01: z\r\n",
        "X: a\x01z\r\n",
        "X: a\x7fz\r\n",
        "X: a\x1bz\r\n",
        "X: a\x0bz\r\n",
        "Content-Length\x0b: 5\r\n",
        "\013Content-Length: 5\r\n",
        "X: y\r\n\nZ: q\r\n",
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char text[256];
        int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields[i]);
        expect_n(text, (size_t) n, 400);
        n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%sHost: a\r\n\r\n", fields[i]);
        expect_n(text, (size_t) n, 400);
    }
    expect_n("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 36, 400);
    expect_n("GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", 35, 400);
    expect("GET / HTTP/1.1\nHost: a\r\n\r\n", 400);
    expect("GET / HTTP/1.1\r\nHost: a\n\n", 400);
    expect("GET / HTTP/1.1\r\nHost: a\r\n\n", 400);
    expect("GET / HTTP/1.1\r\nHost: a\r\n\rX", 400);
    expect("GET / HTTP/1.1\r\n\r\n\r\nHost: a\r\n\r\n", 400);
    expect(HEAD("GET / HTTP/1.1", "!#$%&'*+-.^_`|~09azAZ: \"(),/:;<=>?@[\\]{}\xff\t\r\n"), 0);
}

/* SPEC: rfc9112 §3.2 "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
 * request message that lacks a Host header field and to any request message that contains more than
 * one Host header field line or a Host header field with an invalid field value." */
static void wants_exactly_one_good_host(void **state)
{
    (void) state;
    static const struct {
        const char *fields;
        int status;
    } cases[] = {
        { "", 400 },
        { "Host: a\r\n", 0 },
        { "host:a\r\n", 0 },
        { "Host: a\r\nHost: a\r\n", 400 },
        { "Host: a\r\nHost: b\r\n", 400 },
        { "Host:\r\n", 400 },
        { "Host: a b\r\n", 400 },
        { "Host: a, b\r\n", 400 },
        { "Host: a/b\r\n", 400 },
        { "Host: a?b\r\n", 400 },
        { "Host: u@a\r\n", 400 },
        { "Host: http://a\r\n", 400 },
        { "Host: a:80\r\n", 0 },
        { "Host: a:\r\n", 400 },
        { "Host: a:b\r\n", 400 },
        { "Host: a:65536\r\n", 400 },
        { "Host: a:000080\r\n", 400 },
        { "Host: a:-1\r\n", 400 },
        { "Host: :80\r\n", 400 },
        { "Host: a:80:80\r\n", 400 },
        { "Host: 127.0.0.1\r\n", 0 },
        { "Host: [::1]\r\n", 0 },
        { "Host: [::1]:8080\r\n", 0 },
        { "Host: [::1\r\n", 400 },
        { "Host: ::1\r\n", 400 },
        { "Host: [::1]x\r\n", 400 },
        { "Host: [a]\r\n", 400 },
        { "Host: []\r\n", 400 },
        { "Host: [fe80::1%25eth0]\r\n", 400 },
        { "Host: a%2eb\r\n", 400 },
        { "Host: \xc3\xa9.example\r\n", 400 },
        { "Host: xn--bcher-kva.example\r\n", 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned minor = 0; minor < 2; minor++) {
            char text[256];
            const int n =
                snprintf(text, sizeof(text), "GET / HTTP/1.%u\r\n%s\r\n", minor, cases[i].fields);
            expect_n(text, (size_t) n, cases[i].status);
        }
    }
    char text[512] = "GET / HTTP/1.1\r\nHost: ";
    memset(text + 22, 'a', 254);
    memcpy(text + 22 + 254, "\r\n\r\n", 5);
    expect(text, 400);
}

/* SPEC: rfc9112 §6.3 "If a message is received with both a Transfer-Encoding and a Content-Length
 * header field, the Transfer-Encoding overrides the Content-Length. Such a message might indicate
 * an attempt to perform request smuggling ... and ought to be handled as an error." SPEC: rfc9112
 * §6.1 "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header
 * field MUST treat the message as if the framing is faulty" SPEC: rfc9112 §6.1 "A server that
 * receives a request message with a transfer coding it does not understand SHOULD respond with 501
 * (Not Implemented)." */
static void refuses_every_doubt_about_the_length(void **state)
{
    (void) state;
    static const struct {
        const char *fields;
        int status;
    } cases[] = {
        { "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400 },
        { "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400 },
        { "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400 },
        { "Content-Length: 5\r\nContent-Length: 5\r\n", 400 },
        { "Content-Length: 5\r\nContent-Length: 6\r\n", 400 },
        { "Content-Length: 5, 5\r\n", 400 },
        { "Content-Length: 5,6\r\n", 400 },
        { "Content-Length: 5;\r\n", 400 },
        { "Content-Length: +5\r\n", 400 },
        { "Content-Length: -5\r\n", 400 },
        { "Content-Length: 0x5\r\n", 400 },
        { "Content-Length: 5 5\r\n", 400 },
        { "Content-Length: 5_0\r\n", 400 },
        { "Content-Length: 5.0\r\n", 400 },
        { "Content-Length: 1e1\r\n", 400 },
        { "Content-Length: \"5\"\r\n", 400 },
        { "Content-Length: five\r\n", 400 },
        { "Content-Length:\r\n", 400 },
        { "Content-Length: \xd9\xa5\r\n", 400 },
        { "Content-Length: 9223372036854775808\r\n", 400 },
        { "Content-Length: 18446744073709551616\r\n", 400 },
        { "Content-Length: 18446744073709551621\r\n", 400 },
        { "Content-Length: 99999999999999999999999999999\r\n", 400 },
        { "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400 },
        { "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400 },
        { "Transfer-Encoding: chunked, chunked\r\n", 400 },
        { "Transfer-Encoding: chunked, gzip\r\n", 400 },
        { "Transfer-Encoding: chunked,\r\n", 400 },
        { "Transfer-Encoding: ,chunked\r\n", 400 },
        { "Transfer-Encoding: chunked;q=1\r\n", 400 },
        { "Transfer-Encoding: \"chunked\"\r\n", 400 },
        { "Transfer-Encoding: 'chunked'\r\n", 501 },
        { "Transfer-Encoding:\r\n", 400 },
        { "Transfer-Encoding: chunked\x0b\r\n", 400 },
        { "Transfer-Encoding: \014chunked\r\n", 400 },
        { "Transfer-Encoding: chun ked\r\n", 400 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        const int n = snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n0\r\n\r\n",
                               cases[i].fields);
        expect_n(text, (size_t) n, cases[i].status);
    }
    expect("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    expect("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 0);
}

/* The reader may say 400 or 501 to a coding that it does not know, but never take it. */
static void takes_no_coding_but_chunked(void **state)
{
    (void) state;
    static const char *const codings[] = {
        "gzip",     "gzip, chunked", "br, gzip, chunked", "identity",
        "xchunked", "chunkedx",      "deflate",           "x"
    };
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        char text[256];
        const int n = snprintf(
            text, sizeof(text),
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %s\r\n\r\n0\r\n\r\n", codings[i]);
        expect_n(text, (size_t) n, 501);
    }
}

/* SPEC: rfc9112 §7.1 "chunk-size = 1*HEXDIG" ... "a recipient MUST anticipate potentially large
 * hexadecimal numerals and prevent parsing errors due to integer conversion overflows" */
static void refuses_malformed_chunks(void **state)
{
    (void) state;
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        { "5\r\nhello\r\n0\r\n\r\n", 0 },
        { "5;\r\nhello\r\n0\r\n\r\n", 400 },
        { "5;a\r\nhello\r\n0\r\n\r\n", 0 },
        { "5;a=b\r\nhello\r\n0;z\r\n\r\n", 0 },
        { "A\r\n0123456789\r\n0\r\n\r\n", 0 },
        { "a\r\n0123456789\r\n000\r\n\r\n", 0 },
        { "0x5\r\nhello\r\n0\r\n\r\n", 400 },
        { "+5\r\nhello\r\n0\r\n\r\n", 400 },
        { "-5\r\nhello\r\n0\r\n\r\n", 400 },
        { " 5\r\nhello\r\n0\r\n\r\n", 400 },
        { "5 \r\nhello\r\n0\r\n\r\n", 400 },
        { "5 ;a\r\nhello\r\n0\r\n\r\n", 400 },
        { "5\t\r\nhello\r\n0\r\n\r\n", 400 },
        { "5_0\r\nhello\r\n0\r\n\r\n", 400 },
        { "5,5\r\nhello\r\n0\r\n\r\n", 400 },
        { "\r\nhello\r\n0\r\n\r\n", 400 },
        { ";a\r\nhello\r\n0\r\n\r\n", 400 },
        { "g\r\nhello\r\n0\r\n\r\n", 400 },
        { "5\nhello\r\n0\r\n\r\n", 400 },
        { "5\rhello\r\n0\r\n\r\n", 400 },
        { "5\r\rhello\r\n0\r\n\r\n", 400 },
        { "5;a\nhello\r\n0\r\n\r\n", 400 },
        { "5;a\rb\r\nhello\r\n0\r\n\r\n", 400 },
        { "5;\x01\r\nhello\r\n0\r\n\r\n", 400 },
        { "5\r\nhello\n0\r\n\r\n", 400 },
        { "5\r\nhello\r0\r\n\r\n", 400 },
        { "5\r\nhelloX\r\n0\r\n\r\n", 400 },
        { "5\r\nhell\r\n0\r\n\r\n", 400 },
        { "5\r\nhello0\r\n\r\n", 400 },
        { "5\r\nhello\r\n0\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\n\n", 400 },
        { "5\r\nhello\r\n0\r\n\rx", 400 },
        { "10000000000000000\r\nhello\r\n0\r\n\r\n", 400 },
        { "10000000000000005\r\nhello\r\n0\r\n\r\n", 400 },
        { "00000000000000005\r\nhello\r\n0\r\n\r\n", 400 },
        { "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", 413 },
        { "fffffffffffffffb\r\nhello\r\n0\r\n\r\n", 413 },
        { "7fffffffffffffff\r\nhello\r\n0\r\n\r\n", 413 },
        { "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\ncontent-length: 5\r\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\nHost: b\r\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\nX : y\r\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\nX: y\n\r\n", 400 },
        { "5\r\nhello\r\n0\r\nX: y\r\n\r\n", 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        const int n = snprintf(text, sizeof(text),
                               "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s",
                               cases[i].body);
        expect_n(text, (size_t) n, cases[i].status);
    }
}

/* --- limits: one below passes, one above is refused --- */

static char big[256 * 1024];

static size_t fill(size_t at, char c, size_t n)
{
    memset(big + at, c, n);
    return at + n;
}

static size_t put(size_t at, const char *z)
{
    memcpy(big + at, z, strlen(z));
    return at + strlen(z);
}

static void limits_the_request_line(void **state)
{
    (void) state;
    for (size_t over = 0; over < 2; over++) {
        size_t n = put(0, "GET /");
        n = fill(n, 'a', 8192 - 14 + over);
        n = put(n, " HTTP/1.1\r\nHost: a\r\n\r\n");
        expect_n(big, n, over == 0 ? 0 : 414);
    }
    /* Without an end in sight, too. */
    expect_n(big, 8193, 414);
    reader_run(&rd, big, 8192, 0, 0);
    assert_int_equal(rd.last, SUT_H1_NEED_MORE);
}

static void limits_the_fields_in_bytes(void **state)
{
    (void) state;
    for (size_t over = 0; over < 2; over++) {
        size_t n = put(0, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        n = fill(n, 'a', 16384 - 9 - 3 - 2 + over);
        n = put(n, "\r\n\r\n");
        expect_n(big, n, over == 0 ? 0 : 431);
    }
    size_t n = put(0, "GET / HTTP/1.1\r\n");
    n = fill(n, 'a', 20000);
    expect_n(big, n, 431);
}

static void limits_the_number_of_fields(void **state)
{
    (void) state;
    for (size_t over = 0; over < 2; over++) {
        size_t n = put(0, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 0; i < 99 + over; i++)
            n = put(n, "X: y\r\n");
        n = put(n, "\r\n");
        expect_n(big, n, over == 0 ? 0 : 431);
    }
}

static void limits_a_body_with_a_length_before_it_comes(void **state)
{
    (void) state;
    expect("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413);
    expect("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", 413);
    size_t n = put(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n");
    n = fill(n, 'b', 65536);
    expect_n(big, n, 0);
    assert_int_equal(rd.req->body.n, 65536);
    /* A route that allows none. */
    reader_run(&rd, big, n, 0, 0);
    assert_int_equal(rd.status, 413);
}

static void limits_a_chunked_body(void **state)
{
    (void) state;
    for (size_t over = 0; over < 2; over++) {
        size_t n =
            put(0, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n");
        n = fill(n, 'b', 0x8000);
        n = put(n, over == 0 ? "\r\n8000\r\n" : "\r\n8001\r\n");
        n = fill(n, 'c', 0x8000 + over);
        n = put(n, "\r\n0\r\n\r\n");
        expect_n(big, n, over == 0 ? 0 : 413);
    }
}

static void limits_chunk_extensions_and_trailers(void **state)
{
    (void) state;
    for (size_t over = 0; over < 2; over++) {
        size_t n = put(0, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        n = put(n, "1;");
        n = fill(n, 'e', 2047);
        n = put(n, "\r\nx\r\n1;");
        n = fill(n, 'e', 2047 + over);
        n = put(n, "\r\nx\r\n0\r\n\r\n");
        expect_n(big, n, over == 0 ? 0 : 413);

        n = put(0, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ");
        n = fill(n, 't', 4091 + over);
        n = put(n, "\r\n\r\n");
        expect_n(big, n, over == 0 ? 0 : 431);
    }
}

/* SPEC: rfc9110 §10.1.1 "A server that receives an Expect field value containing a member other
 * than 100-continue MAY respond with a 417 (Expectation Failed) status code" */
static void knows_one_expectation(void **state)
{
    (void) state;
    expect(HEAD("POST / HTTP/1.1", "Expect: 100-Continue\r\nContent-Length: 1\r\n") "x", 0);
    assert_true(rd.req->expects_continue);
    expect(HEAD("GET / HTTP/1.1", "Expect: 100-continue\r\n"), 0);
    assert_false(rd.req->expects_continue);
    expect(HEAD("POST / HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n") "x", 0);
    assert_false(rd.req->expects_continue);
    expect(HEAD("POST / HTTP/1.1", "Expect: cake\r\nContent-Length: 1\r\n") "x", 417);
    expect(HEAD("POST / HTTP/1.1", "Expect: 100-continue, cake\r\nContent-Length: 1\r\n") "x", 417);
}

/* The very shapes by which front ends and back ends were made to disagree. */
static void refuses_the_known_smuggling_shapes(void **state)
{
    (void) state;
    static const char *const shapes[] = {
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\nG",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\n: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
        "cow\r\n\r\n",
        "POST / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: a\r\nDummy: x\rContent-Length: 23\r\n\r\nGET / HTTP/1.1\r\nX: "
        "y\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\rGET "
        "/ HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n2\r\r;a\r\n02\r\n41\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabXX0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\nx\r\n0\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\x0bTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        expect(shapes[i], 400);
}

static void copes_with_an_arena_that_is_too_small(void **state)
{
    (void) state;
    static const char text[] = HEAD("POST / HTTP/1.1", "Content-Length: 60000\r\n");
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_http_request *req = NULL;
    size_t used = 0;
    const char *why = NULL;
    assert_false(sut_failed(sut_arena_create(16 * 1024, &a)));
    assert_false(sut_failed(sut_h1_start(rd.h, a, &req)));
    assert_int_equal(sut_h1_feed(rd.h, text, sizeof(text) - 1, &used), SUT_H1_HEAD);
    sut_h1_set_body_max(rd.h, READER_BODY_MAX);
    assert_int_equal(sut_h1_feed(rd.h, text, 0, &used), SUT_H1_NEED_MORE);
    static const char part[30000];
    assert_int_equal(sut_h1_feed(rd.h, part, sizeof(part), &used), SUT_H1_REFUSED);
    assert_int_equal(sut_h1_refusal(rd.h, &why), 503);
    assert_int_equal(sut_h1_feed(rd.h, text, 1, &used), SUT_H1_REFUSED);
}

/* Else a head of 100 bytes would buy 64 KiB of our memory, on each connection. */
static void an_announced_length_takes_no_room_before_its_bytes(void **state)
{
    (void) state;
    static const char text[] = HEAD("POST / HTTP/1.1", "Content-Length: 60000\r\n");
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_http_request *req = NULL;
    size_t used = 0;
    assert_false(sut_failed(sut_arena_create(1 << 20, &a)));
    assert_false(sut_failed(sut_h1_start(rd.h, a, &req)));
    assert_int_equal(sut_h1_feed(rd.h, text, sizeof(text) - 1, &used), SUT_H1_HEAD);
    sut_h1_set_body_max(rd.h, READER_BODY_MAX);
    assert_int_equal(sut_h1_feed(rd.h, "{", 1, &used), SUT_H1_NEED_MORE);
    assert_true(sut_arena_held(a) <= 16 * 1024);
    for (unsigned i = 1; i < 60000; i++) {
        const char c = (char) ('a' + i % 26);
        const enum sut_h1_event e = sut_h1_feed(rd.h, &c, 1, &used);
        assert_int_equal(e, i == 59999 ? SUT_H1_COMPLETE : SUT_H1_NEED_MORE);
    }
    assert_int_equal(req->body.n, 60000);
    assert_true(req->body.p[0] == '{' && req->body.p[59999] == 'a' + 59999 % 26);
    assert_true(sut_arena_held(a) <= 4 * 60000);
}

static void copes_with_every_failing_allocation(void **state)
{
    (void) state;
    static const char text[] =
        HEAD("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n0\r\nA: b\r\n\r\n";
    for (unsigned long i = 1;; i++) {
        struct sut_h1 *h = NULL;
        struct sut_arena *a = NULL;
        struct sut_http_request *req = NULL;
        size_t used = 0;
        enum sut_h1_event e = SUT_H1_REFUSED;
        sut_mem_fault_nth(i);
        if (!sut_failed(sut_h1_create(&sut_h1_limits_default, &h)) &&
            !sut_failed(sut_arena_create(READER_ARENA, &a)) &&
            !sut_failed(sut_h1_start(h, a, &req))) {
            e = sut_h1_feed(h, text, sizeof(text) - 1, &used);
            if (e == SUT_H1_HEAD) {
                size_t more = 0;
                sut_h1_set_body_max(h, READER_BODY_MAX);
                e = sut_h1_feed(h, text + used, sizeof(text) - 1 - used, &more);
            }
        }
        const bool hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        sut_h1_free(&h);
        sut_arena_free(&a);
        assert_int_equal(e, hit ? SUT_H1_REFUSED : SUT_H1_COMPLETE);
        if (!hit)
            break;
    }
}

/* Every truncation, every flipped bit, every byte put in or taken out: no crash, and one verdict.
 */
static void survives_mutations_with_one_verdict(void **state)
{
    (void) state;
    static const char *const seeds[] = {
        HEAD("GET /api/x/?page=2 HTTP/1.1", "Cookie: a=b\r\nExpect: 100-continue\r\n"),
        HEAD("POST http://a/x HTTP/1.1", "Content-Length: 5\r\n") "hello",
        HEAD("POST / HTTP/1.1",
             "Transfer-Encoding: chunked\r\n") "3;a=b\r\nabc\r\n0\r\nA: b\r\n\r\n",
    };
    for (size_t s = 0; s < sizeof(seeds) / sizeof(seeds[0]); s++) {
        const size_t n = strlen(seeds[s]);
        for (size_t i = 0; i < n; i++) {
            for (unsigned m = 0; m < 10; m++) {
                char text[512];
                size_t len = n;
                memcpy(text, seeds[s], n);
                if (m < 8) {
                    text[i] = (char) (text[i] ^ (char) (1U << m));
                } else if (m == 8) {
                    memmove(text + i, text + i + 1, n - i - 1);
                    len--;
                } else {
                    memmove(text + i + 1, text + i, n - i);
                    len++;
                }
                reader_run(&rd, text, len, 0, READER_BODY_MAX);
                const int status = rd.status;
                const enum sut_h1_event last = rd.last;
                const size_t body = rd.req->body.n;
                const size_t used = rd.used;
                reader_run(&rd, text, len, 1, READER_BODY_MAX);
                assert_int_equal(rd.status, status);
                assert_int_equal(rd.last, last);
                assert_int_equal(rd.req->body.n, body);
                if (last == SUT_H1_COMPLETE)
                    assert_int_equal(rd.used, used);
            }
        }
    }
}

/* A line of the naughty strings is a value, or it is refused; nothing else. */
static void takes_naughty_strings_as_values_or_refuses_them(void **state)
{
    (void) state;
    const char *root = getenv("SUTLER_CORPORA");
    char path[1024];
    snprintf(path, sizeof(path), "%s/blns/blns.txt",
             root != NULL ? root : SUT_SOURCE_ROOT "/../shared/corpora");
    FILE *f = fopen(path, "re");
    if (f == NULL)
        skip();
    char line[4096];
    size_t taken = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        char text[8192];
        line[strcspn(line, "\n")] = '\0';
        const int n =
            snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: <%s>\r\n\r\n", line);
        bool is_bad = false;
        for (const char *c = line; *c != '\0'; c++)
            is_bad |= ((unsigned char) *c < ' ' && *c != '\t') || *c == 0x7f;
        expect_n(text, (size_t) n, is_bad ? 400 : 0);
        if (!is_bad) {
            const sut_str v = rd.req->headers[1].value;
            assert_int_equal(v.n, strlen(line) + 2);
            assert_memory_equal(v.p + 1, line, strlen(line));
            taken++;
        }
        /* In the line they must never crash it; most are refused. */
        const int m =
            snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", line, line);
        reader_run(&rd, text, (size_t) m, 0, 0);
    }
    fclose(f);
    assert_true(taken > 400);
}

/* A body beside the arena is read as any other, and takes nothing of the arena's limit. */
static void a_body_apart_is_the_same_body(void **state)
{
    enum { LONG = READER_BODY_MAX };
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n";
    static const char chunked[] = HEAD(
        "POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n") "4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n";
    (void) state;
    rd.keeps_apart = true;
    char *text = malloc(sizeof(head) - 1 + LONG);
    assert_non_null(text);
    memcpy(text, head, sizeof(head) - 1);
    for (size_t i = 0; i < LONG; i++)
        text[sizeof(head) - 1 + i] = (char) (i * 31);
    reader_run(&rd, text, sizeof(head) - 1 + LONG, 999, READER_BODY_MAX);
    assert_int_equal(rd.last, SUT_H1_COMPLETE);
    assert_int_equal(rd.req->body.n, LONG);
    assert_memory_equal(rd.req->body.p, text + sizeof(head) - 1, LONG);
    assert_true(sut_arena_held(rd.arena) < LONG);
    reader_run(&rd, text, sizeof(head) - 1 + LONG, 999, READER_BODY_MAX - 1);
    assert_int_equal(rd.status, 413);
    /* Cut short it is given back as well. */
    reader_run(&rd, text, sizeof(head) - 1 + LONG / 2, 0, READER_BODY_MAX);
    assert_int_equal(rd.last, SUT_H1_NEED_MORE);
    free(text);

    expect(chunked, 0);
    assert_str(rd.req->body, "abcdefg");
    reader_run(&rd, chunked, sizeof(chunked) - 1, 0, 6);
    assert_int_equal(rd.status, 413);
    reader_run(&rd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, 0, READER_BODY_MAX);
    assert_int_equal(rd.last, SUT_H1_COMPLETE);
    assert_int_equal(rd.req->body.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_plain_request),
        cmocka_unit_test(knows_every_field_that_it_names),
        cmocka_unit_test(counts_a_field_sent_twice_and_keeps_the_first),
        cmocka_unit_test(reads_bodies_of_both_shapes),
        cmocka_unit_test(leaves_the_next_request_alone),
        cmocka_unit_test(tells_the_head_before_the_body),
        cmocka_unit_test(never_takes_a_part_for_the_whole),
        cmocka_unit_test(keeps_the_connection_as_asked),
        cmocka_unit_test(refuses_what_is_no_request_line),
        cmocka_unit_test(takes_path_and_query_out_of_every_form),
        cmocka_unit_test(refuses_malformed_fields),
        cmocka_unit_test(wants_exactly_one_good_host),
        cmocka_unit_test(refuses_every_doubt_about_the_length),
        cmocka_unit_test(takes_no_coding_but_chunked),
        cmocka_unit_test(refuses_malformed_chunks),
        cmocka_unit_test(limits_the_request_line),
        cmocka_unit_test(limits_the_fields_in_bytes),
        cmocka_unit_test(limits_the_number_of_fields),
        cmocka_unit_test(limits_a_body_with_a_length_before_it_comes),
        cmocka_unit_test(limits_a_chunked_body),
        cmocka_unit_test(limits_chunk_extensions_and_trailers),
        cmocka_unit_test(knows_one_expectation),
        cmocka_unit_test(refuses_the_known_smuggling_shapes),
        cmocka_unit_test(copes_with_an_arena_that_is_too_small),
        cmocka_unit_test(an_announced_length_takes_no_room_before_its_bytes),
        cmocka_unit_test(copes_with_every_failing_allocation),
        cmocka_unit_test(survives_mutations_with_one_verdict),
        cmocka_unit_test(takes_naughty_strings_as_values_or_refuses_them),
        cmocka_unit_test(a_body_apart_is_the_same_body),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
