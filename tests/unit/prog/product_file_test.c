/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prog/product_file.h"
#include "prog/product_wire.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

/* Objects as "line[lines]text\n". */
struct seen {
    struct sut_buf text;
};

static SUT_ERR take(void *ctx, const struct sut_product_found *p)
{
    struct seen *s = ctx;
    sut_buf_u64(&s->text, p->line);
    sut_buf_char(&s->text, '[');
    for (size_t i = 0; i < p->n_lines; i++) {
        if (i > 0)
            sut_buf_char(&s->text, ' ');
        sut_buf_u64(&s->text, p->lines[i]);
    }
    sut_buf_char(&s->text, ']');
    sut_buf_str_add(&s->text, p->object);
    sut_buf_char(&s->text, '\n');
    return SUT_OK;
}

static enum sut_ecode read_in(enum sut_product_format format, sut_str text, size_t step,
                              struct seen *s, struct sut_diag *d)
{
    DEFER(sut_product_reader_free) struct sut_product_reader *r = NULL;
    sut_err e = SUT_OK;
    OK(sut_product_reader_create(format, take, s, &r));
    for (size_t at = 0; at < text.n && !sut_failed(e); at += step)
        e = sut_product_reader_feed(r, sut_str_sub(text, at, at + step), d);
    if (!sut_failed(e))
        e = sut_product_reader_end(r, d);
    return e.code;
}

static void expect(enum sut_product_format format, const char *text, const char *want)
{
    for (size_t step = 1; step < 40; step += 6) {
        struct seen s;
        struct sut_diag d = { 0 };
        sut_buf_init(&s.text, 1 << 16);
        assert_int_equal(read_in(format, sut_str_from(text), step, &s, &d), SUT_E_OK);
        if (!sut_str_is(sut_buf_str(&s.text), want))
            print_error("<%.*s>\n<%s>\n", SUT_STR_ARG(sut_buf_str(&s.text)), want);
        assert_true(sut_str_is(sut_buf_str(&s.text), want));
        sut_buf_done(&s.text);
    }
}

static void expect_fault(enum sut_product_format format, const char *text, const char *want)
{
    struct seen s;
    struct sut_diag d = { 0 };
    sut_buf_init(&s.text, 1 << 16);
    assert_int_not_equal(read_in(format, sut_str_from(text), 5, &s, &d), SUT_E_OK);
    assert_string_equal(d.text, want);
    sut_buf_done(&s.text);
}

static void rows_of_one_product_are_one_object(void **state)
{
    (void) state;
    expect(SUT_PRODUCT_CSV, "sku,name,price\nA,Dress,10\nB,Coat,\n",
           "2[]{\"sku\":\"A\",\"name\":\"Dress\",\"price\":\"10\",\"variants\":[]}\n"
           "3[]{\"sku\":\"B\",\"name\":\"Coat\",\"variants\":[]}\n");
    expect(
        SUT_PRODUCT_CSV,
        "sku,parent_sku,name,stock,variant_name,variant_price,is_active,variant_is_active\n"
        "A,,Dress,1,,,yes,TRUE\nA-2,A,,2,M / Red,5,,0\n"
        "X-1,X,,x,S,,,perhaps\n",
        "2[2 3]{\"sku\":\"A\",\"name\":\"Dress\",\"stock\":1,\"is_active\":true,\"variants\":["
        "{\"sku\":\"A\",\"name\":\"Dress\",\"price\":null,\"stock\":1,\"is_active\":true},"
        "{\"sku\":\"A-2\",\"name\":\"M / Red\",\"price\":\"5\",\"stock\":2,\"is_active\":false}]}\n"
        "4[4]{\"sku\":\"X\",\"variants\":[{\"sku\":\"X-1\",\"name\":\"S\",\"price\":null,\"stock\":"
        "\"x\","
        "\"is_active\":\"perhaps\"}]}\n");
    /* what would be a formula */
    expect(SUT_PRODUCT_CSV, "sku,name\n'=A,'plain\n",
           "2[]{\"sku\":\"=A\",\"name\":\"'plain\",\"variants\":[]}\n");
}

static void a_file_that_is_no_csv_of_products_says_where(void **state)
{
    (void) state;
    expect_fault(SUT_PRODUCT_CSV, "sku,odd\n", "line 1: the header has a column that is not known");
    expect_fault(SUT_PRODUCT_CSV, "name\n", "line 1: the header has no column sku");
    expect_fault(SUT_PRODUCT_CSV, "sku,SKU\n", "line 1: the header has a column twice");
    expect_fault(SUT_PRODUCT_CSV, "", "line 1: the file has no header");
    expect_fault(SUT_PRODUCT_CSV, "sku,name\n\nA\n",
                 "line 3: the row has not as many cells as the header");
    expect_fault(SUT_PRODUCT_CSV, "sku,name\nA,\"x\n", "line 3: this is no CSV");
}

static void objects_stand_in_an_array_or_one_behind_the_other(void **state)
{
    (void) state;
    static const char want[] = "1[]{\"a\":\"}]\\\"\"}\n2[]{\"b\":[{}]}\n";
    expect(SUT_PRODUCT_JSON, "{\"a\":\"}]\\\"\"}\n{\"b\":[{}]}\n", want);
    expect(SUT_PRODUCT_JSON, "[{\"a\":\"}]\\\"\"},\n{\"b\":[{}]}]\n", want);
    expect(SUT_PRODUCT_JSON, " [ ] ", "");
    expect(SUT_PRODUCT_JSON, "", "");
    static const char *const bad[] = { "[",       "{",    "]",     "x",   "[{},,{}]",
                                       "[{} {}]", "[]{}", "{},{}", "[{}", "[{}]]" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_fault(SUT_PRODUCT_JSON, bad[i], "line 1: this is no JSON");
}

static void what_is_written_as_csv_is_read_again(void **state)
{
    (void) state;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_buf out;
    static const char object[] =
        "{\"sku\":\"=A\",\"name\":\"Dress\",\"description\":\"two\\nlines, "
        "\\\"q\\\"\",\"category\":\"k\",\"price\":\"1.50\","
        "\"stock\":3,\"is_active\":true,\"is_featured\":false,\"coverage_level\":null,\"variants\":"
        "["
        "{\"sku\":\"=A\",\"name\":\"S / X\",\"price\":\"2.00\",\"stock\":3,\"is_active\":true},"
        "{\"sku\":\"A2\",\"name\":\"-M\",\"price\":null,\"stock\":0,\"is_active\":false}]}";
    static const char want[] =
        "2[2 4]{\"sku\":\"=A\",\"name\":\"Dress\",\"description\":\"two\\nlines, "
        "\\\"q\\\"\",\"category\":\"k\",\"price\":\"1.50\","
        "\"stock\":3,\"is_active\":true,\"is_featured\":false,\"coverage_level\":\"\",\"variants\":"
        "["
        "{\"sku\":\"=A\",\"name\":\"S / X\",\"price\":\"2.00\",\"stock\":3,\"is_active\":true},"
        "{\"sku\":\"A2\",\"name\":\"-M\",\"price\":null,\"stock\":0,\"is_active\":false}]}\n";
    OK(sut_arena_create(1 << 20, &a));
    sut_buf_init(&out, 1 << 16);
    sut_product_csv_header(&out);
    OK(sut_product_csv_write(a, sut_str_from(object), &out));
    sut_buf_char(&out, '\0');
    assert_null(strstr(out.p, ",="));
    expect(SUT_PRODUCT_CSV, out.p, want);
    sut_buf_done(&out);
}

static void asks_and_answers_travel(void **state)
{
    (void) state;
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_buf b;
    const sut_str objects[] = { SUT_STR("{}"), SUT_STR("[1]") };
    const struct sut_products_ask ask = { .verb = SUT_PRODUCTS_ROWS,
                                          .after = -5,
                                          .options = { .is_partial = true,
                                                       .makes_categories = true },
                                          .import = 9,
                                          .objects = objects,
                                          .n_objects = 2 };
    struct sut_products_ask got;
    OK(sut_arena_create(1 << 20, &a));
    sut_buf_init(&b, 1 << 16);
    sut_products_ask_put(&b, &ask);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    OK(sut_products_ask_get(&r, a, &got));
    assert_true(got.verb == ask.verb && got.after == -5 && got.import == 9 && got.n_objects == 2);
    assert_true(got.options.is_partial && !got.options.is_dry && got.options.makes_categories);
    assert_true(sut_str_is(got.objects[1], "[1]"));
    for (size_t n = 0; n < b.n; n++) {
        r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_int_equal(sut_products_ask_get(&r, a, &got).code, SUT_E_PARSE);
    }
    struct sut_import_fault fault = { .index = 3,
                                      .field = SUT_STR("sku"),
                                      .message = SUT_STR("no") };
    const struct sut_products_answer answer = {
        .refused = SUT_STR(""),
        .import = 2,
        .done = { .is_again = true,
                  .counts = { 1, 2, 3 },
                  .failed = 4,
                  .faults = &fault,
                  .n_faults = 1,
                  .version = 8 },
        .text = SUT_STR("x\n"),
        .after = 7,
        .has_more = true,
    };
    struct sut_products_answer back;
    sut_buf_reset(&b);
    sut_products_answer_put(&b, &answer);
    r = sut_ipc_reader_of(sut_buf_str(&b));
    OK(sut_products_answer_get(&r, a, &back));
    assert_true(back.done.is_again && back.done.counts[SUT_PRODUCT_SAME] == 3 &&
                back.done.failed == 4);
    assert_true(back.done.n_faults == 1 && back.done.faults[0].index == 3 &&
                sut_str_is(back.done.faults[0].message, "no"));
    assert_true(sut_str_is(back.text, "x\n") && back.after == 7 && back.has_more &&
                back.done.version == 8);
    for (size_t n = 0; n < b.n; n++) {
        r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_int_equal(sut_products_answer_get(&r, a, &back).code, SUT_E_PARSE);
    }
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_product_are_one_object),
        cmocka_unit_test(a_file_that_is_no_csv_of_products_says_where),
        cmocka_unit_test(objects_stand_in_an_array_or_one_behind_the_other),
        cmocka_unit_test(what_is_written_as_csv_is_read_again),
        cmocka_unit_test(asks_and_answers_travel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
