/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/h1.h"

static const struct sut_h1_answer kept = { .date = SUT_STR_INIT("Sun, 22 Nov 2026 03:00:00 GMT"),
                                           .keep_alive = true };

static void expect(const struct sut_http_response *res, const struct sut_h1_answer *answer,
                   const char *want)
{
    struct sut_buf b;
    sut_buf_init(&b, 4096);
    sut_h1_render_head(&b, res, answer);
    assert_false(sut_failed(sut_buf_check(&b)));
    if (!sut_str_is(sut_buf_str(&b), want))
        print_error("<%.*s> is not <%s>\n", (int) b.n, b.p, want);
    assert_true(sut_str_is(sut_buf_str(&b), want));
    sut_buf_done(&b);
}

static void renders_line_block_fields_length_and_date(void **state)
{
    (void) state;
    static const struct sut_header_block fixed = { .h1_text = SUT_STR_INIT("X-Fixed: 1\r\n") };
    struct sut_http_response res = { .status = 201, .fixed = &fixed };
    sut_buf_init(&res.body, 100);
    sut_buf_lit(&res.body, "hello");
    sut_response_header(&res, SUT_STR("Content-Type"), SUT_STR("text/plain"));
    expect(&res, &kept,
           "HTTP/1.1 201 Created\r\nX-Fixed: 1\r\nContent-Type: text/plain\r\n"
           "Content-Length: 5\r\nDate: Sun, 22 Nov 2026 03:00:00 GMT\r\n\r\n");
    res.close = true;
    expect(&res, &(struct sut_h1_answer){ .keep_alive = true },
           "HTTP/1.1 201 Created\r\nX-Fixed: 1\r\nContent-Type: text/plain\r\n"
           "Content-Length: 5\r\nConnection: close\r\n\r\n");
    sut_buf_done(&res.body);
}

static void takes_the_length_of_shared_bytes(void **state)
{
    (void) state;
    struct sut_http_response res = { .status = 200 };
    assert_false(sut_failed(sut_bytes_create(SUT_STR("0123456789"), &res.shared)));
    expect(&res, &(struct sut_h1_answer){ .keep_alive = false },
           "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n");
    sut_bytes_unref(&res.shared);
}

/* SPEC: rfc9110 §8.6 "A server MUST NOT send a Content-Length header field in any response with a
 * status code of 1xx (Informational) or 204 (No Content)." */
static void says_no_length_where_there_is_no_content(void **state)
{
    (void) state;
    struct sut_http_response res = { .status = 204 };
    const struct sut_h1_answer bare = { .keep_alive = true };
    expect(&res, &bare, "HTTP/1.1 204 No Content\r\n\r\n");
    res.status = 304;
    expect(&res, &bare, "HTTP/1.1 304 Not Modified\r\n\r\n");
    res.status = 404;
    expect(&res, &bare, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

static void stays_overflowed_past_the_maximum(void **state)
{
    (void) state;
    struct sut_http_response res = { .status = 200 };
    struct sut_buf b;
    sut_buf_init(&b, 20);
    sut_h1_render_head(&b, &res, &kept);
    assert_int_equal(sut_buf_check(&b).code, SUT_E_TOO_LARGE);
    sut_buf_done(&b);
}

static void has_a_text_for_every_status_of_the_contract(void **state)
{
    (void) state;
    static const int sent[] = { 200, 201, 204, 304, 308, 400, 401, 402, 403, 404, 405, 408, 409,
                                413, 414, 415, 417, 422, 429, 431, 500, 501, 502, 503, 504, 505 };
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
        assert_true(sut_status_text(sent[i])[0] != '\0');
    assert_string_equal(sut_status_text(0), "");
    assert_string_equal(sut_status_text(299), "");
    assert_string_equal(sut_method_name(SUT_METHOD_OTHER), "OTHER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_line_block_fields_length_and_date),
        cmocka_unit_test(takes_the_length_of_shared_bytes),
        cmocka_unit_test(says_no_length_where_there_is_no_content),
        cmocka_unit_test(stays_overflowed_past_the_maximum),
        cmocka_unit_test(has_a_text_for_every_status_of_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
