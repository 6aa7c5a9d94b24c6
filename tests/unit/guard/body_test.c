/* SPDX-License-Identifier: Apache-2.0
 *
 * The body's type, syntax and schema, in the shapes of both contracts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake.h"

static const struct sut_field fields[] = {
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 1, .max = 10 },
    { .name = "secret", .type = SUT_F_PASSWORD, .max = 20 },
};
static const struct sut_schema schema = SUT_SCHEMA("Thing", fields);
static const struct sut_route wants = { .path = "/x/", .body = &schema };
static const struct sut_route sentence = {
    .path = "/x/",
    .body = &schema,
    .missing = "Name is required",
};
static const struct sut_route takes_rows = { .path = "/x/", .body = &schema, .rows_max = 3 };
static const struct sut_route takes_none = { .path = "/x/" };

static enum sut_verdict send(struct fake *f, const struct sut_route *row, const char *path,
                             const char *type, const char *body)
{
    fake_ask(f, SUT_POST, path);
    if (type != NULL)
        fake_field(f, SUT_H_CONTENT_TYPE, type);
    f->q.body = sut_str_from(body);
    return sut_guard__body(fake_req(f, row));
}

static void json_of_the_schema_passes_and_can_be_read(void **state)
{
    (void) state;
    static const char *const types[] = {
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    };
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(send(&f, &wants, "/x/", types[i], "{\"name\":\" n \",\"secret\":\" s \"}"),
                         SUT_NEXT);
    assert_true(sut_str_is(sut_req_text(f.r, "name"), "n"));
    /* A password is what was sent. */
    assert_true(sut_str_is(sut_req_text(f.r, "secret"), " s "));
    assert_true(sut_req_has(f.r, "name"));
    assert_false(sut_req_has(f.r, "other"));
    assert_null(sut_req_text(f.r, "other").p);
    fake_end(&f);
}

static void any_other_type_is_415(void **state)
{
    (void) state;
    static const char *const types[] = {
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/jsonp",
        "application/json, text/plain",
        "",
    };
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(send(&f, &wants, "/x/", types[i], "{}"), SUT_ANSWERED);
        assert_int_equal(f.x.res.status, 415);
    }
    assert_int_equal(send(&f, &wants, "/x/", NULL, "{}"), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 415);
    assert_string_equal(fake_body(&f),
                        "{\"detail\":\"Unsupported media type: application/json is expected.\","
                        "\"code\":\"unsupported_media_type\"}");
    /* Two types are none. */
    fake_ask(&f, SUT_POST, "/x/");
    fake_json(&f, "{\"name\":\"n\"}");
    fake_field(&f, SUT_H_CONTENT_TYPE, "application/json");
    assert_int_equal(sut_guard__body(fake_req(&f, &wants)), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 415);
    fake_end(&f);
}

static void a_compressed_body_is_415(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    fake_ask(&f, SUT_POST, "/x/");
    fake_json(&f, "{\"name\":\"n\"}");
    fake_field(&f, SUT_H_CONTENT_ENCODING, "gzip");
    assert_int_equal(sut_guard__body(fake_req(&f, &wants)), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 415);
    fake_ask(&f, SUT_POST, "/x/");
    fake_json(&f, "{\"name\":\"n\"}");
    fake_field(&f, SUT_H_CONTENT_ENCODING, "identity");
    assert_int_equal(sut_guard__body(fake_req(&f, &wants)), SUT_NEXT);
    fake_end(&f);
}

static void what_is_no_json_is_a_parse_error(void **state)
{
    (void) state;
    static const char *const bad[] = { "{",
                                       "{\"name\":}",
                                       "{\"name\":\"n\"} x",
                                       "{'name':1}",
                                       "{\"name\":\"a\",\"name\":\"b\"}",
                                       "\xff",
                                       "" };
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(send(&f, &wants, "/x/", "application/json", bad[i]), SUT_ANSWERED);
        assert_int_equal(f.x.res.status, 400);
        assert_non_null(strstr(fake_body(&f), "\"code\":\"parse_error\""));
        assert_non_null(strstr(fake_body(&f), "JSON parse error - "));
    }
    fake_end(&f);
}

static void faults_stand_under_their_fields(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_int_equal(
        send(&f, &wants, "/x/", "application/json", "{\"name\":\"12345678901\",\"odd\":1}"),
        SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 400);
    assert_non_null(strstr(fake_body(&f), "\"name\":["));
    assert_non_null(strstr(fake_body(&f), "\"odd\":[\"Unknown field.\"]"));
    /* A list, a text or a number is no object. */
    static const char *const others[] = { "[]", "\"x\"", "1", "null" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(send(&f, &wants, "/x/", "application/json", others[i]), SUT_ANSWERED);
        assert_int_equal(f.x.res.status, 400);
    }
    fake_end(&f);
}

static void contract_b_wraps_the_same_faults(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_int_equal(send(&f, &wants, "/api/v1/x/", "application/json", "{}"), SUT_ANSWERED);
    assert_string_equal(fake_body(&f),
                        "{\"error\":{\"code\":400,\"message\":\"Invalid input.\","
                        "\"reason\":\"invalid\",\"fields\":{\"name\":[\"This field is "
                        "required.\"]}}}");
    fake_end(&f);
}

static void a_form_with_one_sentence_says_that_sentence(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    static const char *const missing[] = { "{}", "{\"name\":\"\"}", "{\"name\":null}" };
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        assert_int_equal(send(&f, &sentence, "/x/", "application/json", missing[i]), SUT_ANSWERED);
        assert_string_equal(fake_body(&f), "{\"success\":false,\"error\":\"Name is required\","
                                           "\"code\":\"invalid\"}");
    }
    assert_int_equal(send(&f, &sentence, "/x/", "application/json", "{\"name\":\"12345678901\"}"),
                     SUT_ANSWERED);
    assert_non_null(strstr(fake_body(&f), "{\"name\":["));
    fake_end(&f);
}

static void rows_are_judged_one_by_one_and_told_by_their_number(void **state)
{
    (void) state;
    static const char *const none[] = { "{}",   "null", "5", "[]", "[{\"name\":\"a\"},{},{},{}]",
                                        "\"x\"" };
    static const char path[] = "/api/v1/x/";
    struct fake f;
    fake_begin(&f, NULL);
    assert_int_equal(
        send(&f, &takes_rows, path, "application/json", "[{\"name\":\"a\"},{\"name\":\"b\"}]"),
        SUT_NEXT);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(send(&f, &takes_rows, path, "application/json", none[i]), SUT_ANSWERED);
        assert_int_equal(f.x.res.status, 400);
        assert_non_null(strstr(fake_body(&f), "\"non_field_errors\":["));
    }
    assert_int_equal(send(&f, &takes_rows, path, "application/json",
                          "[{\"name\":\"a\"},{\"odd\":1,\"name\":\"b\"},7]"),
                     SUT_ANSWERED);
    assert_string_equal(
        fake_body(&f),
        "{\"error\":{\"code\":400,\"message\":\"Invalid input: nothing was changed.\","
        "\"reason\":\"invalid\",\"rows\":[{\"row\":1,\"fields\":{\"odd\":[\"Unknown field.\"]}},"
        "{\"row\":2,\"fields\":{\"non_field_errors\":[\"Invalid data. Expected a "
        "dictionary.\"]}}]}}");
    fake_end(&f);
}

static void a_row_without_a_body_takes_none(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_int_equal(send(&f, &takes_none, "/x/", NULL, ""), SUT_NEXT);
    assert_int_equal(send(&f, &takes_none, "/x/", "application/json", "{}"), SUT_NEXT);
    assert_int_equal(send(&f, &takes_none, "/x/", "application/json", "{\"a\":1}"), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 400);
    assert_int_equal(send(&f, &takes_none, "/x/", "text/plain", "hello"), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 415);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_of_the_schema_passes_and_can_be_read),
        cmocka_unit_test(any_other_type_is_415),
        cmocka_unit_test(a_compressed_body_is_415),
        cmocka_unit_test(what_is_no_json_is_a_parse_error),
        cmocka_unit_test(faults_stand_under_their_fields),
        cmocka_unit_test(contract_b_wraps_the_same_faults),
        cmocka_unit_test(a_form_with_one_sentence_says_that_sentence),
        cmocka_unit_test(rows_are_judged_one_by_one_and_told_by_their_number),
        cmocka_unit_test(a_row_without_a_body_takes_none),
    };
    return cmocka_run_group_tests_name("guard/body", tests, NULL, NULL);
}
