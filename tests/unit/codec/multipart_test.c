/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/multipart.h"

#define CD "Content-Disposition: form-data; "

static enum sut_ecode parse(const char *body, struct sut_multipart *ret)
{
    return sut_multipart_parse(SUT_STR("x"), sut_str_from(body), ret).code;
}

static void refused(const char *body)
{
    struct sut_multipart m;
    if (parse(body, &m) != SUT_E_PARSE)
        fail_msg("taken: %s", body);
}

static void a_form_with_a_file_becomes_its_parts(void **state)
{
    struct sut_multipart m;
    (void) state;
    assert_int_equal(parse("--x\r\n" CD "name=\"first_name\"\r\n\r\nAnn\r\n"
                           "--x\r\n" CD "name=\"pic\"; filename=\"a;b \\\"c.png\"\r\n"
                           "Content-Type: image/png\r\n\r\n\r\n-- x\r\n\r\n--x--\r\n",
                           &m),
                     SUT_E_OK);
    assert_int_equal(m.n, 2);
    assert_true(sut_str_is(m.parts[0].bytes, "Ann"));
    assert_false(m.parts[0].is_file);
    const struct sut_part *p = sut_multipart_get(&m, SUT_STR("pic"));
    assert_non_null(p);
    assert_true(p->is_file);
    assert_true(sut_str_is(p->filename, "a;b \\\"c.png"));
    assert_true(sut_str_is(p->type, "image/png"));
    assert_true(sut_str_is(p->bytes, "\r\n-- x\r\n"));
    assert_null(sut_multipart_get(&m, SUT_STR("Pic")));
}

static void an_empty_file_and_an_empty_text_are_parts(void **state)
{
    struct sut_multipart m;
    (void) state;
    assert_int_equal(parse("--x\r\n" CD "name=\"t\"\r\n\r\n\r\n"
                           "--x\r\n" CD "name=\"f\"; filename=\"\"\r\n\r\n\r\n--x--",
                           &m),
                     SUT_E_OK);
    assert_int_equal(m.parts[0].bytes.n, 0);
    assert_true(m.parts[1].is_file);
    assert_int_equal(m.parts[1].filename.n, 0);
    assert_int_equal(m.parts[1].bytes.n, 0);
}

static void fields_of_telephones_are_taken_when_they_are_true(void **state)
{
    struct sut_multipart m;
    (void) state;
    assert_int_equal(parse("--x\r\ncontent-disposition: form-data; name=t\r\n"
                           "content-transfer-encoding: binary\r\ncontent-length: 2\r\n"
                           "content-type: text/plain; charset=utf-8\r\n\r\nab\r\n--x--\r\n",
                           &m),
                     SUT_E_OK);
    refused("--x\r\n" CD "name=t\r\nContent-Length: 3\r\n\r\nab\r\n--x--\r\n");
    refused("--x\r\n" CD "name=t\r\nContent-Length: -2\r\n\r\nab\r\n--x--\r\n");
    refused("--x\r\n" CD "name=t\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab\r\n--x--\r\n");
    refused("--x\r\n" CD "name=t\r\nContent-Transfer-Encoding: base64\r\n\r\nYWI=\r\n--x--\r\n");
    refused("--x\r\n" CD "name=t\r\nX-Other: 1\r\n\r\nab\r\n--x--\r\n");
}

static void frames_that_are_not_whole_are_refused(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "",
        "--x",
        "--x\r\n",
        "--x--",
        "--x--\r\n",
        "--x\r\n" CD "name=t\r\n\r\nab",
        "--x\r\n" CD "name=t\r\n\r\nab\r\n",
        "--x\r\n" CD "name=t\r\n\r\nab\r\n--x",
        "--x\r\n" CD "name=t\r\n\r\nab\r\n--x-",
        "--x\r\n" CD "name=t\r\n\r\nab\r\n--x--x",
        "--x\r\n" CD "name=t\r\n\r\nab\r\n--x--\r\n\r\n",
        "--x\r\n" CD "name=t\r\n\r\nab\r\n--x--\r\nepilogue",
        "preamble\r\n--x\r\n" CD "name=t\r\n\r\nab\r\n--x--\r\n",
        "\r\n--x\r\n" CD "name=t\r\n\r\nab\r\n--x--\r\n",
        "--x \r\n" CD "name=t\r\n\r\nab\r\n--x--\r\n",
        "--x\n" CD "name=t\n\nab\n--x--\n",
        "--x\r\n" CD "name=t\r\n\r\nab\r\n--xy\r\n" CD "name=u\r\n\r\nab\r\n--x--\r\n",
        "--y\r\n" CD "name=t\r\n\r\nab\r\n--y--\r\n",
        /* the delimiter right behind the fields, without their empty line */
        "--x\r\n" CD "name=t\r\n--x--\r\n",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        refused(wrong[i]);
}

static void fields_that_are_odd_are_refused(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "",
        "Content-Type: text/plain",
        CD,
        "Content-Disposition: form-data",
        "Content-Disposition: attachment; name=t",
        CD "name=",
        CD "name=\"\"",
        CD "name=\"t",
        CD "name=t;",
        CD "name=t; name=u",
        CD "name=t; filename=a; filename=b",
        CD "name=t; filename*=utf-8''a",
        CD "name=t; other=a",
        CD "name=t x",
        CD "name=\"a\tb\"",
        CD "name=t\r\n" CD "name=t",
        CD "name=t\r\nContent-Type: application/json",
        CD "name=t\r\nContent-Type: text/plain; charset=latin1",
        CD "name=t\r\nContent-Type: ",
        CD "name=t; filename=a\r\nContent-Type: multipart/mixed; boundary=y",
        CD "name=t; filename=a\r\nContent-Type: Multipart/form-data",
        CD "name=t\r\n folded: 1",
        " " CD "name=t",
        "Content-Disposition : form-data; name=t",
        CD "name=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char body[512];
        (void) snprintf(body, sizeof(body), "--x\r\n%s\r\n\r\nab\r\n--x--\r\n", wrong[i]);
        refused(body);
    }
}

static void names_and_files_come_once(void **state)
{
    (void) state;
    refused("--x\r\n" CD "name=t\r\n\r\n1\r\n--x\r\n" CD "name=t\r\n\r\n2\r\n--x--\r\n");
    refused("--x\r\n" CD "name=t; filename=a\r\n\r\n1\r\n--x\r\n" CD
            "name=u; filename=b\r\n\r\n2\r\n--x--\r\n");
}

static void parts_beyond_the_greatest_number_are_refused(void **state)
{
    (void) state;
    for (unsigned n = SUT_MULTIPART_PARTS_MAX; n <= SUT_MULTIPART_PARTS_MAX + 1; n++) {
        char body[2048];
        struct sut_multipart m;
        size_t at = 0;
        for (unsigned i = 0; i < n; i++)
            at += (size_t) snprintf(body + at, sizeof(body) - at,
                                    "--x\r\n" CD "name=n%u\r\n\r\n%u\r\n", i, i);
        (void) snprintf(body + at, sizeof(body) - at, "--x--\r\n");
        assert_int_equal(parse(body, &m), n <= SUT_MULTIPART_PARTS_MAX ? SUT_E_OK : SUT_E_PARSE);
    }
}

/* `n` blanks between two texts. */
static enum sut_ecode parse_padded(const char *before, size_t n, const char *after)
{
    const size_t head = strlen(before);
    const size_t size = head + n + strlen(after);
    struct sut_multipart m;
    char *body = malloc(size);
    assert_non_null(body);
    memcpy(body, before, head);
    memset(body + head, ' ', n);
    memcpy(body + head + n, after, strlen(after));
    const sut_err e = sut_multipart_parse(SUT_STR("x"), sut_str_of(body, size), &m);
    free(body);
    return e.code;
}

static void fields_and_texts_are_bounded(void **state)
{
    static const char text[] = "--x\r\n" CD "name=t\r\n\r\n";
    static const char field[] = "--x\r\n" CD "name=t\r\nContent-Type: text/plain;";
    (void) state;
    assert_int_equal(parse_padded(field, 8, "\r\n\r\nab\r\n--x--"), SUT_E_OK);
    assert_int_equal(parse_padded(field, SUT_MULTIPART_HEAD_MAX, "\r\n\r\nab\r\n--x--"),
                     SUT_E_PARSE);
    assert_int_equal(parse_padded(text, SUT_MULTIPART_TEXT_MAX, "\r\n--x--"), SUT_E_OK);
    assert_int_equal(parse_padded(text, SUT_MULTIPART_TEXT_MAX + 1, "\r\n--x--"), SUT_E_PARSE);
}

/* However it is cut, nothing is read past the end (the sanitizers look). */
static void every_beginning_of_a_form_is_refused(void **state)
{
    static const char whole[] = "--x\r\n" CD "name=\"t\"\r\n\r\nab\r\n--x\r\n" CD
                                "name=\"f\"; filename=\"a\"\r\nContent-Type: a/b\r\n\r\nc\r\n--x--";
    struct sut_multipart m;
    (void) state;
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        char *cut = malloc(n + 1);
        assert_non_null(cut);
        memcpy(cut, whole, n);
        assert_int_equal(sut_multipart_parse(SUT_STR("x"), sut_str_of(cut, n), &m).code,
                         SUT_E_PARSE);
        free(cut);
    }
    assert_int_equal(parse(whole, &m), SUT_E_OK);
}

static void a_boundary_is_read_from_its_type(void **state)
{
    static const struct {
        const char *type;
        const char *boundary; /* NULL: refused */
    } rows[] = {
        { "multipart/form-data; boundary=abc", "abc" },
        { "Multipart/Form-Data;boundary=\"a b'()+_,-./:=?c\"", "a b'()+_,-./:=?c" },
        { "multipart/form-data; charset=UTF-8; Boundary=a", "a" },
        { "multipart/form-data", NULL },
        { "multipart/form-data;", NULL },
        { "multipart/form-data; boundary", NULL },
        { "multipart/form-data; boundary=", NULL },
        { "multipart/form-data; boundary=\"\"", NULL },
        { "multipart/form-data; boundary=\"a \"", NULL },
        { "multipart/form-data; boundary=\"a", NULL },
        { "multipart/form-data; boundary=a b", NULL },
        { "multipart/form-data; boundary=\"a\\\"b\"", NULL },
        { "multipart/form-data; boundary=a; boundary=a", NULL },
        { "multipart/form-data; boundary=a; charset=latin1", NULL },
        { "multipart/form-data; boundary=a; x=y", NULL },
        { "multipart/form-data boundary=a", NULL },
        { "multipart/mixed; boundary=a", NULL },
        { "application/json", NULL },
        { "multipart/form-data; boundary="
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          NULL },
    };
    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_str b = { 0 };
        const sut_err e = sut_multipart_boundary(sut_str_from(rows[i].type), &b);
        if (rows[i].boundary == NULL)
            assert_int_equal(e.code, SUT_E_PARSE);
        else
            assert_true(!sut_failed(e) && sut_str_is(b, rows[i].boundary));
    }
    assert_true(sut_multipart_is(SUT_STR("multipart/form-data; nonsense")));
    assert_false(sut_multipart_is(SUT_STR("multipart/form-data-x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_with_a_file_becomes_its_parts),
        cmocka_unit_test(an_empty_file_and_an_empty_text_are_parts),
        cmocka_unit_test(fields_of_telephones_are_taken_when_they_are_true),
        cmocka_unit_test(frames_that_are_not_whole_are_refused),
        cmocka_unit_test(fields_that_are_odd_are_refused),
        cmocka_unit_test(names_and_files_come_once),
        cmocka_unit_test(parts_beyond_the_greatest_number_are_refused),
        cmocka_unit_test(fields_and_texts_are_bounded),
        cmocka_unit_test(every_beginning_of_a_form_is_refused),
        cmocka_unit_test(a_boundary_is_read_from_its_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
