/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/cookie.h"
#include "with_arena.h"

static void finds_a_cookie_among_others(void **state)
{
    struct sut_arena *a = *state;
    struct sut_cookies c = { 0 };
    sut_str v = { 0 };
    assert_false(sut_failed(
        sut_cookie_parse(a, SUT_STR("a=1; __Host-sid=abc.DEF-_; q=\"quoted\"; empty="), &c)));
    assert_int_equal(c.n, 4);
    assert_int_equal(c.skipped, 0);
    assert_false(sut_failed(sut_cookie_find(&c, "__Host-sid", &v)));
    assert_true(sut_str_is(v, "abc.DEF-_"));
    assert_false(sut_failed(sut_cookie_find(&c, "q", &v)));
    assert_true(sut_str_is(v, "quoted"));
    assert_false(sut_failed(sut_cookie_find(&c, "empty", &v)));
    assert_int_equal(v.n, 0);
    assert_int_equal(sut_cookie_find(&c, "A", &v).code, SUT_E_NOT_FOUND);
}

static void a_name_that_comes_twice_is_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_cookies c = { 0 };
    sut_str v = SUT_STR("kept");
    assert_false(sut_failed(sut_cookie_parse(a, SUT_STR("sid=good; x=1; sid=evil"), &c)));
    assert_int_equal(sut_cookie_find(&c, "sid", &v).code, SUT_E_INVALID);
    assert_true(sut_str_is(v, "kept"));
    assert_false(sut_failed(sut_cookie_find(&c, "x", &v)));
}

/* A quote that is never closed must not swallow the cookies after it. */
static void quotes_hide_nothing(void **state)
{
    struct sut_arena *a = *state;
    struct sut_cookies c = { 0 };
    sut_str v = { 0 };
    assert_false(sut_failed(sut_cookie_parse(a, SUT_STR("x=\"; sid=mine; y=\""), &c)));
    assert_false(sut_failed(sut_cookie_find(&c, "sid", &v)));
    assert_true(sut_str_is(v, "mine"));
    assert_int_equal(c.skipped, 2);
}

static void what_others_left_on_the_host_is_passed_over(void **state)
{
    struct sut_arena *a = *state;
    struct sut_cookies c = { 0 };
    sut_str v = { 0 };
    const sut_str field = SUT_STR("_ga={\"a\": 1}; novalue; =noname; b[d]=1; s p=1; caf\xc3\xa9=1; "
                                  "v=a,b; w=a\\b; sid=1;;");
    assert_false(sut_failed(sut_cookie_parse(a, field, &c)));
    assert_int_equal(c.skipped, 8);
    assert_int_equal(c.n, 1);
    assert_false(sut_failed(sut_cookie_find(&c, "sid", &v)));
}

static void control_bytes_are_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_cookies c = { 0 };
    static const char wrong[][6] = { "a=\x01", "a=\t1", "\ra=1", "a=1\n", "a=\x7f" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sut_cookie_parse(a, sut_str_from(wrong[i]), &c).code, SUT_E_PARSE);
    assert_int_equal(sut_cookie_parse(a, sut_str_of("a=\0b", 4), &c).code, SUT_E_PARSE);
}

static void too_many_are_refused(void **state)
{
    struct sut_arena *a = *state;
    struct sut_cookies c = { 0 };
    char field[SUT_COOKIES_MAX * 4 + 1];
    for (size_t i = 0; i < sizeof(field); i++)
        field[i] = ";a=1"[i % 4];
    assert_int_equal(sut_cookie_parse(a, sut_str_of(field, sizeof(field)), &c).code,
                     SUT_E_TOO_LARGE);
}

static void assert_renders(const struct sut_set_cookie *c, const char *want)
{
    struct sut_buf b;
    sut_buf_init(&b, 512);
    assert_false(sut_failed(sut_cookie_render(&b, c)));
    assert_true(sut_str_is(sut_buf_str(&b), want));
    sut_buf_done(&b);
}

static void sets_a_cookie_with_its_attributes(void **state)
{
    (void) state;
    assert_renders(
        &(struct sut_set_cookie){ .name = SUT_STR("__Host-refresh"),
                                  .value = SUT_STR("a.b"),
                                  .max_age_s = 1209600,
                                  .secure = true,
                                  .http_only = true },
        "__Host-refresh=a.b; Path=/; Max-Age=1209600; Secure; HttpOnly; SameSite=Strict");
    assert_renders(&(struct sut_set_cookie){ .name = SUT_STR("cart"),
                                             .value = SUT_STR(""),
                                             .path = "/api/",
                                             .max_age_s = -1,
                                             .same_site = SUT_SAME_SITE_LAX },
                   "cart=; Path=/api/; SameSite=Lax");
}

static void a_cookie_that_browsers_would_drop_is_refused(void **state)
{
    (void) state;
    const struct sut_set_cookie wrong[] = {
        { .name = SUT_STR("a b"), .value = SUT_STR("1") },
        { .name = SUT_STR(""), .value = SUT_STR("1") },
        { .name = SUT_STR("a"), .value = SUT_STR("1; Domain=evil") },
        { .name = SUT_STR("a"), .value = SUT_STR("1\r\nX: y") },
        { .name = SUT_STR("a"), .value = SUT_STR("1"), .path = "/;x" },
        { .name = SUT_STR("a"), .value = SUT_STR("1"), .path = "x" },
        { .name = SUT_STR("a"), .value = SUT_STR("1"), .same_site = SUT_SAME_SITE_NONE },
        { .name = SUT_STR("__Host-a"), .value = SUT_STR("1") },
        { .name = SUT_STR("__Host-a"), .value = SUT_STR("1"), .secure = true, .path = "/x" },
        { .name = SUT_STR("__Secure-a"), .value = SUT_STR("1") },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct sut_buf b;
        sut_buf_init(&b, 512);
        assert_int_equal(sut_cookie_render(&b, &wrong[i]).code, SUT_E_INVALID);
        assert_int_equal(b.n, 0);
        sut_buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_cookie_among_others),
        cmocka_unit_test(a_name_that_comes_twice_is_refused),
        cmocka_unit_test(quotes_hide_nothing),
        cmocka_unit_test(what_others_left_on_the_host_is_passed_over),
        cmocka_unit_test(control_bytes_are_refused),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(sets_a_cookie_with_its_attributes),
        cmocka_unit_test(a_cookie_that_browsers_would_drop_is_refused),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
