/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/recovery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define CODE "k7qf-3m9t-x2wd-9hbc"

static void assert_same(const char *text, bool is_same)
{
    unsigned char a[SUT_RECOVERY_HASH];
    unsigned char b[SUT_RECOVERY_HASH] = { 0 };
    assert_int_equal(sut_recovery_hash(7, SUT_STR(CODE), a).code, SUT_E_OK);
    assert_int_equal(sut_recovery_hash(7, sut_str_from(text), b).code, SUT_E_OK);
    assert_int_equal(memcmp(a, b, sizeof(a)) == 0, is_same);
}

static void codes_are_four_groups_of_four(void **state)
{
    (void) state;
    char seen[64][SUT_RECOVERY_TEXT];
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(sut_recovery_make(&sut_random_system, seen[i]).code, SUT_E_OK);
        for (size_t j = 0; j < SUT_RECOVERY_TEXT; j++) {
            const bool is_dash = j % 5 == 4;
            assert_int_equal(seen[i][j] == '-', is_dash);
            if (!is_dash)
                assert_non_null(memchr("0123456789abcdefghjkmnpqrstvwxyz", seen[i][j], 32));
        }
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(memcmp(seen[i], seen[k], SUT_RECOVERY_TEXT), 0);
    }
}

static void case_dashes_and_blanks_do_not_count(void **state)
{
    (void) state;
    assert_same(CODE, true);
    assert_same("K7QF-3M9T-X2WD-9HBC", true);
    assert_same("k7qf3m9tx2wd9hbc", true);
    assert_same("  k7qf 3m9t\tx2wd-9hBC ", true);
    assert_same("k7qf-3m9t-x2wd-9hbd", false);
}

static void letters_that_look_alike_are_read_alike(void **state)
{
    (void) state;
    unsigned char a[SUT_RECOVERY_HASH];
    unsigned char b[SUT_RECOVERY_HASH];
    assert_int_equal(sut_recovery_hash(7, SUT_STR("0000-1111-0101-2222"), a).code, SUT_E_OK);
    assert_int_equal(sut_recovery_hash(7, SUT_STR("oO0o-iIlL-0l0i-2222"), b).code, SUT_E_OK);
    assert_memory_equal(a, b, sizeof(a));
}

static void another_persons_code_has_another_digest(void **state)
{
    (void) state;
    unsigned char a[SUT_RECOVERY_HASH];
    unsigned char b[SUT_RECOVERY_HASH];
    assert_int_equal(sut_recovery_hash(7, SUT_STR(CODE), a).code, SUT_E_OK);
    assert_int_equal(sut_recovery_hash(8, SUT_STR(CODE), b).code, SUT_E_OK);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void what_is_no_code_is_refused(void **state)
{
    (void) state;
    static const char *const wrong[] = { "",
                                         "----",
                                         "k7qf-3m9t-x2wd-9hb",
                                         CODE "2",
                                         "k7qf-3m9t-x2wd-9hbu",
                                         "k7qf-3m9t-x2wd-9hb_",
                                         "k7qf-3m9t-x2wd-9hb\xc3\xa9" };
    unsigned char h[SUT_RECOVERY_HASH];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sut_recovery_hash(7, sut_str_from(wrong[i]), h).code, SUT_E_INVALID);
    assert_int_equal(sut_recovery_hash(7, SUT_STR("k7qf-3m9t-x2wd-9hb\0"), h).code, SUT_E_INVALID);
}

static SUT_ERR no_chance(void *ctx, void *p, size_t n)
{
    (void) ctx;
    (void) p;
    (void) n;
    FAIL(SYSTEM);
}

static void without_chance_there_is_no_code(void **state)
{
    (void) state;
    const struct sut_random dry = { .fill = no_chance };
    char text[SUT_RECOVERY_TEXT];
    assert_int_equal(sut_recovery_make(&dry, text).code, SUT_E_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_four_groups_of_four),
        cmocka_unit_test(case_dashes_and_blanks_do_not_count),
        cmocka_unit_test(letters_that_look_alike_are_read_alike),
        cmocka_unit_test(another_persons_code_has_another_digest),
        cmocka_unit_test(what_is_no_code_is_refused),
        cmocka_unit_test(without_chance_there_is_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
