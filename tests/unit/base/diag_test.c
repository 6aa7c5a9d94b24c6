/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void each_part_is_filled_by_itself(void **state)
{
    (void) state;
    struct sut_diag d = { .text = "old" };
    sut_diag_set(&d, "the port %d is taken", 80);
    assert_string_equal(d.text, "the port 80 is taken");
    assert_string_equal(d.place, "");
    assert_string_equal(d.hint, "");
    sut_diag_place(&d, "%s:%d", "sutler.conf", 12);
    sut_diag_hint(&d, "take %d", 8000);
    assert_string_equal(d.place, "sutler.conf:12");
    assert_string_equal(d.hint, "take 8000");
    assert_string_equal(d.text, "the port 80 is taken");
}

static void nobody_has_to_listen(void **state)
{
    (void) state;
    sut_diag_set(NULL, "x%d", 1);
    sut_diag_place(NULL, "x%d", 1);
    sut_diag_hint(NULL, "x%d", 1);
}

static void a_long_sentence_is_cut_and_ends(void **state)
{
    (void) state;
    char longer[2000];
    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    struct sut_diag d = { .hint = "kept" };
    sut_diag_set(&d, "%s", longer);
    sut_diag_place(&d, "%s", longer);
    assert_int_equal(strlen(d.text), sizeof(d.text) - 1);
    assert_int_equal(strlen(d.place), sizeof(d.place) - 1);
    assert_string_equal(d.hint, "kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_is_filled_by_itself),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(a_long_sentence_is_cut_and_ends),
    };
    return cmocka_run_group_tests_name("base/diag", tests, NULL, NULL);
}
