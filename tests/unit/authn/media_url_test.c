/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/media_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static const sut_ms now = { INT64_C(1770000000000) };
static const sut_ms later = { INT64_C(1770000600000) };
static struct sut_keyring *ring;
static struct sut_arena *arena;

static int set_up(void **state)
{
    (void) state;
    const struct sut_key_text a = { .secret = SUT_STR("0123456789abcdef0123456789abcdef") };
    assert_int_equal(sut_keyring_create(&a, NULL, false, &ring).code, SUT_E_OK);
    assert_int_equal(sut_arena_create(1 << 20, &arena).code, SUT_E_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void) state;
    sut_keyring_free(&ring);
    sut_arena_free(&arena);
    return 0;
}

struct cut {
    sut_str path;
    sut_str exp;
    sut_str sig;
};

static struct cut signed_path(const struct sut_keyring *k, const char *path)
{
    sut_str url = { 0 };
    assert_int_equal(sut_media_url_sign(k, arena, sut_str_from(path), later, &url).code, SUT_E_OK);
    const size_t mark = sut_str_find(url, 0, '?');
    const size_t and = sut_str_find(url, 0, '&');
    assert_true(sut_str_starts(sut_str_sub(url, mark, url.n), SUT_STR("?exp=")));
    assert_true(sut_str_starts(sut_str_sub(url, and, url.n), SUT_STR("&sig=")));
    return (struct cut){ .path = sut_str_sub(url, 0, mark),
                         .exp = sut_str_sub(url, mark + 5, and),
                         .sig = sut_str_sub(url, and+5, url.n) };
}

static enum sut_ecode checked(const struct sut_keyring *k, struct cut c, sut_ms at)
{
    return sut_media_url_check(k, c.path, c.exp, c.sig, at).code;
}

static void what_was_signed_is_good_until_its_end(void **state)
{
    (void) state;
    const struct cut c = signed_path(ring, "/media/totp/7.svg");
    assert_true(sut_str_is(c.path, "/media/totp/7.svg"));
    assert_true(sut_str_is(c.exp, "1770000600"));
    assert_int_equal(checked(ring, c, now), SUT_E_OK);
    assert_int_equal(checked(ring, c, (sut_ms){ later.v - 1 }), SUT_E_OK);
    assert_int_equal(checked(ring, c, later), SUT_E_DENIED);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void) state;
    const struct cut c = signed_path(ring, "/media/products/7-kl.jpg");
    const sut_str parts[] = { c.path, c.exp, c.sig };
    for (size_t p = 0; p < 3; p++)
        for (size_t i = 0; i < parts[p].n * 8; i++) {
            char copy[128];
            struct cut bad = c;
            memcpy(copy, parts[p].p, parts[p].n);
            copy[i / 8] = (char) (copy[i / 8] ^ 1 << i % 8);
            *(p == 0 ? &bad.path : p == 1 ? &bad.exp : &bad.sig) = sut_str_of(copy, parts[p].n);
            assert_int_equal(checked(ring, bad, now), SUT_E_DENIED);
        }
}

static void what_is_missing_or_odd_is_refused(void **state)
{
    (void) state;
    const struct cut c = signed_path(ring, "/media/a");
    static const char *const exps[] = { "",
                                        "-1",
                                        "+1770000600",
                                        " 1770000600",
                                        "1770000600 ",
                                        "01770000600",
                                        "99999999999999999999",
                                        "1e9" };
    for (size_t i = 0; i < sizeof(exps) / sizeof(exps[0]); i++)
        assert_int_equal(checked(ring, (struct cut){ c.path, sut_str_from(exps[i]), c.sig }, now),
                         SUT_E_DENIED);
    for (size_t n = 0; n < c.sig.n; n++)
        assert_int_equal(
            checked(ring, (struct cut){ c.path, c.exp, sut_str_sub(c.sig, 0, n) }, now),
            SUT_E_DENIED);
    const sut_str none = { 0 };
    assert_int_equal(checked(ring, (struct cut){ c.path, none, none }, now), SUT_E_DENIED);
}

static void the_signature_is_of_one_path_and_one_end(void **state)
{
    (void) state;
    const struct cut a = signed_path(ring, "/media/a");
    const struct cut b = signed_path(ring, "/media/b");
    assert_int_equal(checked(ring, (struct cut){ b.path, a.exp, a.sig }, now), SUT_E_DENIED);
    assert_int_equal(checked(ring, (struct cut){ a.path, SUT_STR("1770000601"), a.sig }, now),
                     SUT_E_DENIED);
}

static void a_key_before_the_current_is_still_good(void **state)
{
    (void) state;
    const struct sut_key_text newer = { .secret = SUT_STR("fedcba9876543210fedcba9876543210") };
    const struct sut_key_text older = { .secret = SUT_STR("0123456789abcdef0123456789abcdef") };
    struct sut_keyring *both = NULL;
    struct sut_keyring *one = NULL;
    assert_int_equal(sut_keyring_create(&newer, &older, false, &both).code, SUT_E_OK);
    assert_int_equal(sut_keyring_create(&newer, NULL, false, &one).code, SUT_E_OK);
    const struct cut c = signed_path(ring, "/media/a");
    assert_int_equal(checked(both, c, now), SUT_E_OK);
    assert_int_equal(checked(one, c, now), SUT_E_DENIED);
    sut_keyring_free(&both);
    sut_keyring_free(&one);
}

static void pictures_of_one_window_end_together(void **state)
{
    (void) state;
    const int64_t window = INT64_C(12) * 3600 * 1000;
    const int64_t start = now.v / window * window;
    for (int64_t d = 0; d < window; d += window / 7) {
        const sut_ms at = { start + d };
        const sut_ms ends = sut_media_url_end(at);
        assert_int_equal(ends.v, start + 2 * window);
        assert_true(ends.v - at.v > window && ends.v - at.v <= 2 * window);
    }
    assert_int_equal(sut_media_url_end((sut_ms){ start + window }).v, start + 3 * window);
}

static void a_path_that_can_not_be_signed(void **state)
{
    (void) state;
    static char path[SUT_MEDIA_PATH_MAX + 1];
    sut_str url = { 0 };
    memset(path, 'a', sizeof(path));
    assert_int_equal(
        sut_media_url_sign(ring, arena, sut_str_of(path, sizeof(path)), later, &url).code,
        SUT_E_INVALID);
    assert_int_equal(sut_media_url_sign(ring, arena, SUT_STR("/media/a?x=1"), later, &url).code,
                     SUT_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_signed_is_good_until_its_end),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(what_is_missing_or_odd_is_refused),
        cmocka_unit_test(the_signature_is_of_one_path_and_one_end),
        cmocka_unit_test(a_key_before_the_current_is_still_good),
        cmocka_unit_test(pictures_of_one_window_end_together),
        cmocka_unit_test(a_path_that_can_not_be_signed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
