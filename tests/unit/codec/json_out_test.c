/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/json.h"
#include "codec/json_out.h"
#include "corpora.h"
#include "with_arena.h"

static void writes_commas_where_they_belong(void **state)
{
    struct sut_arena *a = *state;
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 4096);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "a");
    sut_jw_i64(&w, -5);
    sut_jw_key(&w, "l");
    sut_jw_arr(&w);
    sut_jw_bool(&w, true);
    sut_jw_null(&w);
    sut_jw_arr(&w);
    sut_jw_arr_end(&w);
    sut_jw_obj(&w);
    sut_jw_obj_end(&w);
    sut_jw_raw(&w, SUT_STR("{\"x\":1}"));
    sut_jw_arr_end(&w);
    sut_jw_key_str(&w, SUT_STR("k\""));
    sut_jw_z(&w, "v");
    sut_jw_key(&w, "n");
    sut_jw_str_or_null(&w, (sut_str){ 0 });
    sut_jw_key(&w, "e");
    sut_jw_str_or_null(&w, SUT_STR(""));
    sut_jw_key(&w, "t");
    sut_jw_time(&w, (sut_ms){ 1772366400000 });
    sut_jw_obj_end(&w);
    assert_false(sut_failed(sut_buf_check(&b)));
    assert_true(sut_str_is(sut_buf_str(&b),
                           "{\"a\":-5,\"l\":[true,null,[],{},{\"x\":1}],\"k\\\"\":\"v\",\"n\":null,"
                           "\"e\":\"\",\"t\":\"2026-03-01T12:00:00Z\"}"));
}

static void assert_str(struct sut_arena *a, sut_str v, const char *want)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 4096);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_str(&w, v);
    assert_true(sut_str_is(sut_buf_str(&b), want));
}

static void what_html_would_act_on_is_escaped(void **state)
{
    struct sut_arena *a = *state;
    assert_str(a, SUT_STR("</script>&'"), "\"\\u003c/script\\u003e\\u0026'\"");
    assert_str(a, SUT_STR("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
               "\"\\u2028\\u2029\xe2\x80\xaa\"");
    assert_str(a, SUT_STR("\\ \" \n\r\t\x01\x1f\x7f\0"),
               "\"\\\\ \\\" \\n\\r\\t\\u0001\\u001f\\u007f\\u0000\"");
    assert_str(a, SUT_STR("\xc2\x85"), "\"\\u0085\"");
    assert_str(a, SUT_STR("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void broken_text_is_replaced(void **state)
{
    struct sut_arena *a = *state;
    assert_str(a, SUT_STR("a\xff\xc3z"), "\"a\xef\xbf\xbd\xef\xbf\xbdz\"");
    assert_str(a, SUT_STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void money_always_has_two_places(void **state)
{
    struct sut_arena *a = *state;
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 4096);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_arr(&w);
    sut_jw_cents(&w, 129999);
    sut_jw_cents(&w, 5);
    sut_jw_cents(&w, 0);
    sut_jw_cents(&w, -150);
    sut_jw_cents(&w, INT64_MIN);
    sut_jw_cents_number(&w, 129990);
    sut_jw_arr_end(&w);
    assert_true(sut_str_is(sut_buf_str(&b), "[\"1299.99\",\"0.05\",\"0.00\",\"-1.50\","
                                            "\"-92233720368547758.08\",1299.90]"));
}

static void a_full_buffer_is_told_once(void **state)
{
    struct sut_arena *a = *state;
    struct sut_buf b;
    sut_buf_init_arena(&b, a, 8);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_z(&w, "longer than eight");
    assert_int_equal(sut_buf_check(&b).code, SUT_E_TOO_LARGE);
}

/* Every naughty string goes out and comes back the same, with nothing for HTML in between. */
static void naughty_strings_come_back_as_they_went(void **state)
{
    struct sut_arena *a = *state;
    char path[SUT_CORPORA_PATH_MAX];
    if (!corpora_path("blns/blns.json", path))
        skip();
    const sut_str text = corpora_read(path);
    const struct sut_json *all = NULL;
    assert_false(sut_failed(sut_json_parse(a, text, &all, NULL)));
    assert_true(all->n > 500);
    for (size_t i = 0; i < all->n; i++) {
        struct sut_buf b;
        const struct sut_json *back = NULL;
        sut_buf_init_arena(&b, a, 1 << 20);
        struct sut_jw w = sut_jw_of(&b);
        sut_jw_str(&w, all->items[i].s);
        assert_false(sut_failed(sut_buf_check(&b)));
        assert_null(memchr(b.p, '<', b.n));
        assert_null(memchr(b.p, '&', b.n));
        assert_false(sut_failed(sut_json_parse(a, sut_buf_str(&b), &back, NULL)));
        assert_true(sut_str_eq(back->s, all->items[i].s));
    }
    sut_mem_freep(&(void *){ (void *) (uintptr_t) text.p });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_commas_where_they_belong),
        cmocka_unit_test(what_html_would_act_on_is_escaped),
        cmocka_unit_test(broken_text_is_replaced),
        cmocka_unit_test(money_always_has_two_places),
        cmocka_unit_test(a_full_buffer_is_told_once),
        cmocka_unit_test(naughty_strings_come_back_as_they_went),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
