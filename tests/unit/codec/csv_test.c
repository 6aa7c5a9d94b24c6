/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec/csv.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

/* Rows as "line:a|b|c;". */
struct seen {
    struct sut_buf text;
    unsigned rows;
    unsigned fail_at; /* 0: never */
};

static SUT_ERR on_row(void *ctx, const sut_str *cells, size_t n, uint64_t line)
{
    struct seen *s = ctx;
    sut_buf_u64(&s->text, line);
    sut_buf_char(&s->text, ':');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sut_buf_char(&s->text, '|');
        sut_buf_str_add(&s->text, cells[i]);
    }
    sut_buf_char(&s->text, ';');
    ENSURE(++s->rows != s->fail_at, STALE);
    return SUT_OK;
}

/* In pieces of `step` bytes. */
static enum sut_ecode read_in(sut_str text, size_t step, struct seen *s)
{
    struct sut_csv *c = NULL;
    sut_err e = SUT_OK;
    OK(sut_csv_create(on_row, s, &c));
    for (size_t at = 0; at < text.n && !sut_failed(e); at += step)
        e = sut_csv_feed(c, sut_str_sub(text, at, at + step));
    if (!sut_failed(e))
        e = sut_csv_end(c);
    sut_csv_free(&c);
    return e.code;
}

static void expect_rows(sut_str text, const char *rows)
{
    for (size_t step = 1; step <= text.n; step++) {
        /* the mark of the bytes' order is looked for in the first piece */
        if (step < 3 && (unsigned char) text.p[0] == 0xEF)
            continue;
        struct seen s = { 0 };
        sut_buf_init(&s.text, 1 << 20);
        assert_int_equal(read_in(text, step, &s), SUT_E_OK);
        if (!sut_str_is(sut_buf_str(&s.text), rows))
            print_error("step %zu: <%.*s>\n", step, SUT_STR_ARG(sut_buf_str(&s.text)));
        assert_true(sut_str_is(sut_buf_str(&s.text), rows));
        sut_buf_done(&s.text);
    }
}

static void rows_come_with_the_line_they_begin_on(void **state)
{
    (void) state;
    expect_rows(SUT_STR("a,b\n1,2\n"), "1:a|b;2:1|2;");
    expect_rows(SUT_STR("a,b\r\n1,2"), "1:a|b;2:1|2;");
    expect_rows(SUT_STR("a\n\n\r\nb\n"), "1:a;4:b;");
    expect_rows(SUT_STR("\"two\nlines\",x\nnext,y\n"), "1:two\nlines|x;3:next|y;");
    expect_rows(SUT_STR("\"say \"\"hi\"\", ok\",,\"\"\n"), "1:say \"hi\", ok||;");
    expect_rows(SUT_STR("\xEF\xBB\xBF"
                        "a,b\n"),
                "1:a|b;");
    expect_rows(SUT_STR("\n\n"), "");
    expect_rows(SUT_STR("\xC3\xA9,\xE2\x82\xAC\n"), "1:\xC3\xA9|\xE2\x82\xAC;");
}

static void what_is_no_csv_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = { "\"open", "a\"b\n", "\"a\"b\n", "a,\"\n\n" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t step = 1; step < 8; step++) {
            struct seen s = { 0 };
            sut_buf_init(&s.text, 4096);
            assert_int_equal(read_in(sut_str_from(bad[i]), step, &s), SUT_E_PARSE);
            sut_buf_done(&s.text);
        }
    }
}

static void a_row_is_bounded(void **state)
{
    (void) state;
    struct sut_buf text;
    struct seen s = { 0 };
    sut_buf_init(&text, 1 << 20);
    sut_buf_init(&s.text, 1 << 20);
    for (unsigned i = 0; i < SUT_CSV_ROW_MAX + 2; i++)
        sut_buf_char(&text, 'x');
    assert_int_equal(read_in(sut_buf_str(&text), 4096, &s), SUT_E_TOO_LARGE);
    sut_buf_reset(&text);
    for (unsigned i = 0; i <= SUT_CSV_CELLS_MAX; i++)
        sut_buf_lit(&text, "x,");
    sut_buf_char(&text, '\n');
    assert_int_equal(read_in(sut_buf_str(&text), 16, &s), SUT_E_PARSE);
    /* And a hundred thousand short ones are not. */
    sut_buf_reset(&text);
    for (unsigned i = 0; i < 100000; i++)
        sut_buf_lit(&text, "a,b\n");
    sut_buf_reset(&s.text);
    s.rows = 0;
    s.text.max = 4 << 20;
    assert_int_equal(read_in(sut_buf_str(&text), 65536, &s), SUT_E_OK);
    assert_int_equal(s.rows, 100000);
    sut_buf_done(&text);
    sut_buf_done(&s.text);
}

static void the_takers_error_is_handed_on(void **state)
{
    (void) state;
    struct seen s = { .fail_at = 2 };
    sut_buf_init(&s.text, 4096);
    assert_int_equal(read_in(SUT_STR("a\nb\nc\n"), 64, &s), SUT_E_STALE);
    assert_int_equal(s.rows, 2);
    sut_buf_done(&s.text);
}

static void what_is_written_comes_back_and_is_no_formula(void **state)
{
    (void) state;
    static const char *const cells[] = { "plain", "",       "a,b",    "say \"x\"", "two\nlines",
                                         "=1+1",  "+1",     "-1",     "@x",        "'=1",
                                         "''=1",  "'",      "'plain", "\tx",       "\rx",
                                         " lead", "trail ", "-",      "x=1",       "\xE2\x82\xAC" };
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        struct sut_buf out;
        struct seen s = { 0 };
        char want[64];
        sut_buf_init(&out, 4096);
        sut_buf_init(&s.text, 4096);
        sut_csv_cell(&out, SUT_STR("first"), true);
        sut_csv_cell(&out, sut_str_from(cells[i]), false);
        sut_csv_row_end(&out);
        OK(sut_buf_check(&out));
        assert_int_equal(read_in(sut_buf_str(&out), 7, &s), SUT_E_OK);
        const sut_str row = sut_buf_str(&s.text);
        const size_t bar = sut_str_find(row, 0, '|');
        const sut_str cell = sut_str_sub(row, bar + 1, row.n - 1);
        assert_true(cell.n == 0 || strchr("=+-@\t\r", cell.p[0]) == NULL);
        if (!sut_str_is(sut_csv_unmark(cell), cells[i]))
            print_error("<%s> <%.*s>\n", cells[i], SUT_STR_ARG(cell));
        assert_true(sut_str_is(sut_csv_unmark(cell), cells[i]));
        (void) snprintf(want, sizeof(want), "1:first|");
        assert_true(sut_str_starts(row, sut_str_from(want)));
        sut_buf_done(&out);
        sut_buf_done(&s.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_with_the_line_they_begin_on),
        cmocka_unit_test(what_is_no_csv_is_refused),
        cmocka_unit_test(a_row_is_bounded),
        cmocka_unit_test(the_takers_error_is_handed_on),
        cmocka_unit_test(what_is_written_comes_back_and_is_no_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
