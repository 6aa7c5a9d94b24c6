/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/clamd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void the_command_and_a_length_stand_before_the_file(void **state)
{
    (void) state;
    unsigned char head[SUT_CLAMD_HEAD];
    sut_clamd_head(0x01020304, head);
    assert_memory_equal(head, "zINSTREAM\0\1\2\3\4", SUT_CLAMD_HEAD);
    assert_memory_equal(sut_clamd_tail, "\0\0\0\0", SUT_CLAMD_TAIL);
}

static void a_verdict_is_read(void **state)
{
    (void) state;
    struct sut_malware_answer a;
    assert_false(sut_failed(sut_clamd_read(SUT_STR("stream: OK"), &a)));
    assert_false(a.is_found);
    assert_string_equal(a.name, "");
    assert_false(sut_failed(sut_clamd_read(SUT_STR("stream: Eicar-Test-Signature FOUND"), &a)));
    assert_true(a.is_found);
    assert_string_equal(a.name, "Eicar-Test-Signature");
    /* Its name is for the log. */
    assert_false(sut_failed(sut_clamd_read(SUT_STR("stream: a\nb\x7f\xff c FOUND"), &a)));
    assert_string_equal(a.name, "a?b???c");
    char text[600];
    memset(text, 'n', sizeof(text));
    memcpy(text, "stream: ", 8);
    memcpy(text + sizeof(text) - 6, " FOUND", 6);
    assert_false(sut_failed(sut_clamd_read(sut_str_of(text, sizeof(text)), &a)));
    assert_true(a.is_found);
    assert_int_equal(strlen(a.name), SUT_ERRAND_TEXT_MAX);
}

static void what_is_no_verdict_is_an_error_and_never_clean(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "OK",
        "stream:",
        "stream: ",
        "stream:OK",
        "stream: ok",
        "stream: OK ",
        " stream: OK",
        "stream: OK\n",
        "stream: OKAY",
        "stream: FOUND",
        "stream:  FOUND extra",
        "INSTREAM size limit exceeded. ERROR",
        "stream: Can't allocate memory ERROR",
        "UNKNOWN COMMAND",
        "COMMAND READ TIMED OUT",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sut_malware_answer a;
        assert_int_equal(sut_clamd_read(sut_str_from(bad[i]), &a).code, SUT_E_PARSE);
        assert_true(a.is_found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_and_a_length_stand_before_the_file),
        cmocka_unit_test(a_verdict_is_read),
        cmocka_unit_test(what_is_no_verdict_is_an_error_and_never_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
