/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/time.h"

static void assert_iso(int64_t ms, const char *want)
{
    struct sut_buf b;
    sut_buf_init(&b, 64);
    sut_time_iso(&b, (sut_ms){ ms });
    assert_true(sut_str_is(sut_buf_str(&b), want));
    sut_buf_done(&b);
}

static void writes_whole_seconds_in_utc(void **state)
{
    (void) state;
    assert_iso(0, "1970-01-01T00:00:00Z");
    assert_iso(1772366400000, "2026-03-01T12:00:00Z");
    assert_iso(1772366400999, "2026-03-01T12:00:00Z");
    assert_iso(951782400000, "2000-02-29T00:00:00Z");
    assert_iso(-1, "1969-12-31T23:59:59Z");
    assert_iso(INT64_MAX, "9999-12-31T23:59:59Z");
    assert_iso(INT64_MIN, "0001-01-01T00:00:00Z");
}

static void reads_what_it_writes(void **state)
{
    (void) state;
    for (int64_t s = -62135596800; s < 253402300799; s += 86400 * 365 + 86399) {
        struct sut_buf b;
        sut_ms back = { 0 };
        sut_buf_init(&b, 64);
        sut_time_iso(&b, (sut_ms){ s * 1000 });
        assert_false(sut_failed(sut_time_parse_iso(sut_buf_str(&b), &back)));
        assert_true(back.v == s * 1000);
        sut_buf_done(&b);
    }
}

static void all_other_forms_are_refused(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:00.000Z",
        "2026-03-01 12:00:00Z",
        "2026-03-01t12:00:00z",
        "2026-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "2026-01-32T12:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2026-01-01T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "26-03-01T12:00:00Z",
        "2026-3-1T12:00:00Z",
        " 2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00Z ",
        "+026-03-01T12:00:00Z",
        "2026-03-01T12:00:00Zx",
        "-2026-03-01T12:00:00Z",
        "2026-03-0\xd9\xa1T12:00:00Z",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        sut_ms t = { 42 };
        assert_int_equal(sut_time_parse_iso(sut_str_from(wrong[i]), &t).code, SUT_E_PARSE);
        assert_true(t.v == 42);
    }
}

static void writes_the_date_of_http(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 64);
    /* SPEC: rfc9110 §5.6.7, its own example. */
    sut_time_http(&b, (sut_ms){ 784111777000 });
    assert_true(sut_str_is(sut_buf_str(&b), "Sun, 06 Nov 1994 08:49:37 GMT"));
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_whole_seconds_in_utc),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(all_other_forms_are_refused),
        cmocka_unit_test(writes_the_date_of_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
