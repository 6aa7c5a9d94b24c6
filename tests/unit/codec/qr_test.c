/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/qr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"

static sut_str drawn(struct sut_buf *b, sut_str text)
{
    sut_buf_init(b, SUT_QR_SVG_MAX);
    assert_int_equal(sut_qr_svg(b, text).code, SUT_E_OK);
    return sut_buf_str(b);
}

static bool holds(sut_str s, const char *z)
{
    return memmem(s.p, s.n, z, strlen(z)) != NULL;
}

static void a_picture_is_one_svg_without_anything_from_outside(void **state)
{
    (void) state;
    struct sut_buf b;
    const sut_str svg = drawn(&b, SUT_STR("otpauth://totp/Shop:ada%40example.com?secret=ABCDEFGH"));
    assert_true(sut_str_starts(svg, SUT_STR("<svg xmlns=\"http://www.w3.org/2000/svg\" ")));
    assert_true(sut_str_ends(svg, SUT_STR("</svg>\n")));
    assert_false(holds(svg, "<script"));
    assert_false(holds(svg, "href"));
    assert_false(holds(svg, "style"));
    assert_false(holds(svg, "ABCDEFGH"));
    sut_buf_done(&b);
}

/* Version 1 (21 modules) and its quiet zone: the finder's first row is seven dark modules. */
static void a_short_text_is_the_smallest_code(void **state)
{
    (void) state;
    struct sut_buf b;
    const sut_str svg = drawn(&b, SUT_STR("A"));
    assert_true(holds(svg, "viewBox=\"0 0 29 29\""));
    assert_true(holds(svg, "M4 4h7v1h-7z"));
    assert_true(holds(svg, "M18 4h7v1h-7z"));
    sut_buf_done(&b);
}

static void a_text_of_any_bytes_is_drawn_alike_each_time(void **state)
{
    (void) state;
    struct sut_buf a;
    struct sut_buf b;
    const sut_str text = SUT_STR("a\0b\xff");
    const sut_str one = drawn(&a, text);
    const sut_str two = drawn(&b, text);
    assert_true(sut_str_eq(one, two));
    sut_buf_done(&a);
    sut_buf_done(&b);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void) state;
    static char text[SUT_QR_TEXT_MAX + 1];
    struct sut_buf b;
    memset(text, 'x', sizeof(text));
    sut_buf_init(&b, SUT_QR_SVG_MAX);
    assert_int_equal(sut_qr_svg(&b, sut_str_of(text, sizeof(text))).code, SUT_E_TOO_LARGE);
    assert_int_equal(sut_qr_svg(&b, SUT_STR("")).code, SUT_E_INVALID);
    assert_int_equal(sut_qr_svg(&b, sut_str_of(text, SUT_QR_TEXT_MAX)).code, SUT_E_OK);
    sut_buf_done(&b);
    sut_buf_init(&b, 64);
    assert_int_equal(sut_qr_svg(&b, SUT_STR("A")).code, SUT_E_TOO_LARGE);
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_one_svg_without_anything_from_outside),
        cmocka_unit_test(a_short_text_is_the_smallest_code),
        cmocka_unit_test(a_text_of_any_bytes_is_drawn_alike_each_time),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
