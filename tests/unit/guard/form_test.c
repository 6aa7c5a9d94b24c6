/* SPDX-License-Identifier: Apache-2.0
 *
 * Forms with a file: how their texts are judged, and which file is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake.h"

#define PART(name_, value_)                                                                        \
    "--x\r\nContent-Disposition: form-data; name=\"" name_ "\"\r\n\r\n" value_ "\r\n"
#define FILE_PART(name_, file_, value_)                                                            \
    "--x\r\nContent-Disposition: form-data; name=\"" name_ "\"; filename=\"" file_                 \
    "\"\r\nContent-Type: image/png\r\n\r\n" value_ "\r\n"
#define END "--x--\r\n"

static const struct sut_field fields[] = {
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 1, .max = 10 },
    { .name = "flag", .type = SUT_F_BOOL },
    { .name = "count", .type = SUT_F_INT, .min = 1, .max = 9 },
};
static const struct sut_schema schema = SUT_SCHEMA("Thing", fields);
static const struct sut_route_upload may = { .field = "picture" };
static const struct sut_route_upload must = { .field = "picture", .is_required = true };
static const struct sut_route optional = { .path = "/x/", .body = &schema, .upload = &may };
static const struct sut_route required = { .path = "/x/", .upload = &must };
static const struct sut_route none = { .path = "/x/", .body = &schema };

static enum sut_verdict send(struct fake *f, const struct sut_route *row, const char *body)
{
    fake_ask(f, SUT_POST, "/x/");
    fake_field(f, SUT_H_CONTENT_TYPE, "multipart/form-data; boundary=x");
    f->q.body = sut_str_from(body);
    return sut_guard__body(fake_req(f, row));
}

static void texts_become_what_the_schema_wants(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_int_equal(send(&f, &optional,
                          PART("name", " n ") PART("flag", "on") PART("count", "7")
                              FILE_PART("picture", "p.png", "bytes") END),
                     SUT_NEXT);
    assert_true(sut_str_is(sut_req_text(f.r, "name"), "n"));
    assert_true(sut_schema_bool(f.r->body, "flag", false));
    assert_int_equal(sut_schema_i64(f.r->body, "count", 0), 7);
    assert_true(f.r->upload.is_sent);
    assert_true(sut_str_is(f.r->upload.bytes, "bytes"));
    assert_false(sut_req_has(f.r, "picture"));
    assert_int_equal(send(&f, &optional, PART("name", "n") PART("flag", "False") END), SUT_NEXT);
    assert_false(sut_schema_bool(f.r->body, "flag", true));
    assert_false(f.r->upload.is_sent);
    fake_end(&f);
}

static void texts_are_judged_as_json_is(void **state)
{
    static const struct {
        const char *body;
        const char *told;
    } rows[] = {
        { PART("flag", "true") END, "{\"name\":[\"This field is required.\"]}" },
        { PART("name", "12345678901") END, "\"name\":[" },
        { PART("name", "n") PART("flag", "perhaps") END, "\"flag\":[" },
        { PART("name", "n") PART("count", "10") END, "\"count\":[" },
        { PART("name", "n") PART("count", "1x") END, "\"count\":[" },
        { PART("name", "n") PART("is_staff", "true") END, "{\"is_staff\":[\"Unknown field.\"]}" },
        { PART("name", "n") PART("picture", "text") END, "{\"picture\":[\"Unknown field.\"]}" },
        { FILE_PART("name", "f", "n") END, "{\"name\":[\"Not a valid string.\"]}" },
        { PART("name", "n") FILE_PART("other", "f", "n") END, "{\"other\":[\"Unknown field.\"]}" },
    };
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(send(&f, &optional, rows[i].body), SUT_ANSWERED);
        assert_int_equal(f.x.res.status, 400);
        if (strstr(fake_body(&f), rows[i].told) == NULL)
            fail_msg("%zu: %s", i, fake_body(&f));
    }
    fake_end(&f);
}

static void what_is_no_form_is_a_parse_error(void **state)
{
    static const char *const wrong[] = {
        "",
        END,
        "{\"name\":\"n\"}",
        PART("name", "n"),
        PART("name", "n") PART("name", "n") END,
        FILE_PART("picture", "a", "1") FILE_PART("other", "b", "2") END,
        PART("name", "\xff") END,
        PART("\xff", "n") END,
    };
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(send(&f, &optional, wrong[i]), SUT_ANSWERED);
        assert_int_equal(f.x.res.status, 400);
        assert_non_null(strstr(fake_body(&f), "\"code\":\"parse_error\""));
    }
    /* A NUL in a text, which no database keeps. */
    static const char nul[] = PART("name", "a\0b") END;
    fake_ask(&f, SUT_POST, "/x/");
    fake_field(&f, SUT_H_CONTENT_TYPE, "multipart/form-data; boundary=x");
    f.q.body = sut_str_of(nul, sizeof(nul) - 1);
    assert_int_equal(sut_guard__body(fake_req(&f, &optional)), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 400);
    fake_end(&f);
}

static void a_file_that_must_be_there_is(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_int_equal(send(&f, &required, FILE_PART("picture", "p", "1") END), SUT_NEXT);
    assert_true(f.r->upload.is_sent);
    /* Of a form in which no file was chosen a browser sends an empty one without a name. */
    assert_int_equal(send(&f, &required, FILE_PART("picture", "", "") END), SUT_ANSWERED);
    assert_string_equal(fake_body(&f), "{\"picture\":[\"This field is required.\"]}");
    assert_int_equal(send(&f, &required, FILE_PART("picture", "p", "") END), SUT_NEXT);
    assert_int_equal(f.r->upload.bytes.n, 0);
    fake_ask(&f, SUT_POST, "/x/");
    fake_json(&f, "{}");
    assert_int_equal(sut_guard__body(fake_req(&f, &required)), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 415);
    fake_ask(&f, SUT_POST, "/x/");
    assert_int_equal(sut_guard__body(fake_req(&f, &required)), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 415);
    fake_end(&f);
}

static void other_rows_take_no_form_and_json_stays_json(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_int_equal(send(&f, &none, PART("name", "n") END), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 415);
    fake_ask(&f, SUT_POST, "/x/");
    fake_json(&f, "{\"name\":\"n\"}");
    assert_int_equal(sut_guard__body(fake_req(&f, &optional)), SUT_NEXT);
    assert_false(f.r->upload.is_sent);
    fake_end(&f);
}

static sut_err handle(struct sut_req *r)
{
    sut_reply_empty(r, 204);
    return SUT_OK;
}

static void a_form_of_nobody_is_refused_with_its_head(void **state)
{
    static const struct sut_answer answers[] = { { .status = 204 }, { 0 } };
    static const struct sut_route rows[] = { {
        .method = SUT_POST,
        .path = "/x/",
        .name = "x",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_UNCOUNTED,
        .upload = &must,
        .answers = answers,
        .handle = handle,
    } };
    static const struct sut_config_arg shop[] = {
        { "hosts.allowed", "shop.example" },
        { NULL, NULL },
    };
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    fake_routes(&f, rows, 1);
    const struct sut_service s = sut_guard_service(&f.app);
    size_t max = 0;
    fake_ask(&f, SUT_POST, "/x/");
    fake_field(&f, SUT_H_CONTENT_TYPE, "multipart/form-data; boundary=x");
    assert_false(s.on_head(s.app, &f.x, &max));
    assert_int_equal(f.x.res.status, 401);
    /* What is no form has the length of all other bodies, and is refused where those are. */
    fake_ask(&f, SUT_POST, "/x/");
    fake_json(&f, "{}");
    assert_true(s.on_head(s.app, &f.x, &max));
    assert_int_equal(max, f.config->limits.body_bytes);
    assert_false(f.x.keeps_body_apart);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_what_the_schema_wants),
        cmocka_unit_test(texts_are_judged_as_json_is),
        cmocka_unit_test(what_is_no_form_is_a_parse_error),
        cmocka_unit_test(a_file_that_must_be_there_is),
        cmocka_unit_test(other_rows_take_no_form_and_json_stays_json),
        cmocka_unit_test(a_form_of_nobody_is_refused_with_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
