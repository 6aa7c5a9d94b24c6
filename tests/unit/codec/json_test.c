/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "base/buf.h"
#include "base/mem.h"
#include "codec/json.h"
#include "corpora.h"

static int make_arena(void **state)
{
    sut_json_init();
    struct sut_arena *a = NULL;
    if (sut_failed(sut_arena_create(16 << 20, &a)))
        return -1;
    *state = a;
    return 0;
}

static int free_arena(void **state)
{
    struct sut_arena *a = *state;
    sut_arena_free(&a);
    return 0;
}

static const struct sut_json *parsed(struct sut_arena *a, sut_str text)
{
    const struct sut_json *v = NULL;
    assert_false(sut_failed(sut_json_parse(a, text, &v, NULL)));
    return v;
}

static void assert_fault(struct sut_arena *a, sut_str text, enum sut_json_fault want)
{
    enum sut_json_fault fault = SUT_JSON_OK;
    const struct sut_json *v = NULL;
    assert_int_equal(sut_json_parse(a, text, &v, &fault).code, SUT_E_PARSE);
    assert_int_equal(fault, want);
    assert_null(v);
}

static void reads_every_kind_of_value(void **state)
{
    struct sut_arena *a = *state;
    const struct sut_json *o =
        parsed(a, SUT_STR(" {\"z\":null,\"a\":true,\"m\":-12,\"r\":1.50,"
                          "\"s\":\"\\u00e9\\n\",\"l\":[1,[],{}],\"\":\"\"} "));
    assert_int_equal(o->type, SUT_JSON_OBJECT);
    assert_int_equal(o->n, 7);
    assert_true(sut_str_is(o->keys[0], "z"));
    assert_int_equal(o->items[0].type, SUT_JSON_NULL);
    assert_true(sut_json_get(o, "a")->b);
    assert_int_equal(sut_json_get(o, "m")->i, -12);
    assert_true(sut_json_get(o, "r")->d > 1.49 && sut_json_get(o, "r")->d < 1.51);
    assert_true(sut_str_is(sut_json_get(o, "s")->s, "\xc3\xa9\n"));
    const struct sut_json *l = sut_json_get(o, "l");
    assert_int_equal(l->n, 3);
    assert_int_equal(l->items[2].type, SUT_JSON_OBJECT);
    assert_non_null(sut_json_get(o, "")->s.p);
    assert_null(sut_json_get(o, "absent"));
    assert_null(sut_json_get(l, "a"));
    assert_null(sut_json_get(NULL, "a"));
}

static void every_number_keeps_its_text(void **state)
{
    struct sut_arena *a = *state;
    const struct sut_json *v =
        parsed(a, SUT_STR("[12.50,{\"7\":\"8 \\\" 9\",\"k\":1e2,\"x\":-0},\"\\\\\",0.10,[3]]"));
    assert_true(sut_str_is(v->items[0].s, "12.50"));
    assert_true(sut_str_is(sut_json_get(&v->items[1], "k")->s, "1e2"));
    assert_int_equal(sut_json_get(&v->items[1], "k")->type, SUT_JSON_REAL);
    assert_true(sut_str_is(sut_json_get(&v->items[1], "x")->s, "-0"));
    assert_true(sut_str_is(v->items[3].s, "0.10"));
    assert_true(sut_str_is(v->items[4].items[0].s, "3"));
}

static void integers_are_64_bits_and_no_more(void **state)
{
    struct sut_arena *a = *state;
    assert_true(parsed(a, SUT_STR("9223372036854775807"))->i == INT64_MAX);
    assert_true(parsed(a, SUT_STR("-9223372036854775808"))->i == INT64_MIN);
    assert_fault(a, SUT_STR("9223372036854775808"), SUT_JSON_NUMBER_RANGE);
    assert_fault(a, SUT_STR("[-9223372036854775809]"), SUT_JSON_NUMBER_RANGE);
    assert_fault(a, SUT_STR("1e999"), SUT_JSON_NUMBER_RANGE);
    assert_fault(a, SUT_STR("{\"a\":-1e999}"), SUT_JSON_NUMBER_RANGE);
}

static void each_refusal_has_its_name(void **state)
{
    struct sut_arena *a = *state;
    assert_fault(a, (sut_str){ 0 }, SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("  "), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("{\"a\":1} x"), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("[1,]"), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("NaN"), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("\"\\ud800\""), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("\"\\udc00\\ud800\""), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("\"a\nb\""), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("\xef\xbb\xbf{}"), SUT_JSON_SYNTAX);
    assert_fault(a, SUT_STR("\"\xff\""), SUT_JSON_UTF8);
    assert_fault(a, SUT_STR("\"\xed\xa0\x80\""), SUT_JSON_UTF8);
    assert_fault(a, SUT_STR("{\"a\":1,\"a\":1}"), SUT_JSON_DUPLICATE_KEY);
    assert_fault(a, SUT_STR("{\"a\":1,\"\\u0061\":2}"), SUT_JSON_DUPLICATE_KEY);
    assert_fault(a, SUT_STR("[{\"b\":{\"a\":1,\"a\":2}}]"), SUT_JSON_DUPLICATE_KEY);
    assert_fault(a, SUT_STR("\"\\u0000\""), SUT_JSON_NUL);
    assert_fault(a, SUT_STR("{\"a\\u0000b\":1}"), SUT_JSON_NUL);
    assert_fault(a, SUT_STR("123\0"), SUT_JSON_NUL);
    assert_fault(a, SUT_STR("\"a\0b\""), SUT_JSON_NUL);
    assert_true(sut_str_is(parsed(a, SUT_STR("\"\\\\u0000\""))->s, "\\u0000"));
}

static void depth_is_bounded_before_anything_recurses(void **state)
{
    struct sut_arena *a = *state;
    static char text[200001];
    for (size_t depth = 1; depth <= SUT_JSON_DEPTH_MAX; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        const struct sut_json *v = parsed(a, sut_str_of(text, depth * 2));
        for (size_t i = 1; i < depth; i++)
            v = v->items;
        assert_int_equal(v->n, 0);
    }
    memset(text, '[', SUT_JSON_DEPTH_MAX + 1);
    memset(text + SUT_JSON_DEPTH_MAX + 1, ']', SUT_JSON_DEPTH_MAX + 1);
    assert_fault(a, sut_str_of(text, (SUT_JSON_DEPTH_MAX + 1) * 2), SUT_JSON_TOO_DEEP);
    memset(text, '[', 200000);
    assert_fault(a, sut_str_of(text, 200000), SUT_JSON_TOO_DEEP);
    for (size_t i = 0; i < 200000; i++)
        text[i] = "{\"a\":"[i % 5];
    assert_fault(a, sut_str_of(text, 200000), SUT_JSON_TOO_DEEP);
    /* brackets inside of strings are no depth */
    memset(text, '[', 1000);
    text[0] = text[999] = '"';
    assert_int_equal(parsed(a, sut_str_of(text, 1000))->s.n, 998);
}

static void a_tree_that_does_not_fit_the_arena_is_refused_before_it_is_built(void **state)
{
    (void) state;
    struct sut_arena *small = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    const struct sut_json *v = NULL;
    static char text[20001];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i == 0 ? '[' : i == sizeof(text) - 1 ? ']' : i % 2 == 1 ? '1' : ',';
    assert_false(sut_failed(sut_arena_create(65536, &small)));
    assert_int_equal(sut_json_parse(small, sut_str_of(text, sizeof(text)), &v, &fault).code,
                     SUT_E_NOMEM);
    assert_int_equal(fault, SUT_JSON_MEMORY);
    sut_arena_free(&small);
}

static void every_fault_has_words(void **state)
{
    (void) state;
    for (enum sut_json_fault f = SUT_JSON_OK; f <= SUT_JSON_MEMORY; f++)
        assert_true(strlen(sut_json_fault_text(f)) > 0);
}

/* Every allocation fails once: the answer is the right tree or NOMEM. */
static void a_failed_allocation_is_told(void **state)
{
    (void) state;
    char text[2000];
    size_t n = 0;
    /* long strings, so that jansson's own text buffer grows */
    n += (size_t) snprintf(text, sizeof(text), "{\"a\":[1,2.5,\"");
    memset(text + n, 'x', 1500);
    n += 1500;
    n +=
        (size_t) snprintf(text + n, sizeof(text) - n, "\"],\"b\":{\"c\":12345678901234,\"d\":[]}}");

    unsigned long faults = 0;
    for (unsigned long nth = 1;; nth++) {
        struct sut_arena *a = NULL;
        const struct sut_json *v = NULL;
        enum sut_json_fault fault = SUT_JSON_OK;
        assert_false(sut_failed(sut_arena_create(65536, &a)));
        sut_mem_fault_nth(nth);
        const sut_err e = sut_json_parse(a, sut_str_of(text, n), &v, &fault);
        const bool hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        if (sut_failed(e)) {
            assert_int_equal(e.code, SUT_E_NOMEM);
            assert_int_equal(fault, SUT_JSON_MEMORY);
            faults++;
        } else {
            assert_int_equal(sut_json_get(v, "a")->items[2].s.n, 1500);
            assert_true(sut_json_get(sut_json_get(v, "b"), "c")->i == 12345678901234);
        }
        sut_arena_free(&a);
        if (!hit)
            break;
        assert_true(nth < 1000);
    }
    assert_true(faults > 5);
}

/* What one file of JSONTestSuite must come to. */
static void judge(const char *folder, const char *name, unsigned count[3])
{
    struct sut_buf path;
    sut_buf_init(&path, 2 * SUT_CORPORA_PATH_MAX);
    sut_buf_printf(&path, "%s/%s", folder, name);
    sut_buf_char(&path, '\0');
    assert_false(sut_failed(sut_buf_check(&path)));
    const sut_str text = corpora_read(path.p);
    sut_buf_done(&path);
    assert_non_null(text.p);

    struct sut_arena *a = NULL;
    assert_false(sut_failed(sut_arena_create(16 << 20, &a)));
    /* A copy of the exact size, so that a read past its end is seen. */
    char *copy = sut_mem_alloc(text.n);
    assert_non_null(copy);
    memcpy(copy, text.p, text.n);
    const struct sut_json *v = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    const sut_err e = sut_json_parse(a, sut_str_of(copy, text.n), &v, &fault);

    const bool twice = strstr(name, "duplicated_key") != NULL;
    const bool nul = strstr(name, "null_escape") != NULL || strstr(name, "escaped_null") != NULL;
    if (name[0] == 'y' && (twice || nul)) {
        assert_int_equal(e.code, SUT_E_PARSE);
        assert_int_equal(fault, twice ? SUT_JSON_DUPLICATE_KEY : SUT_JSON_NUL);
        count[2]++;
    } else if (name[0] == 'y') {
        if (sut_failed(e))
            fail_msg("%s: %s", name, sut_json_fault_text(fault));
        count[0]++;
    } else if (name[0] == 'n') {
        if (e.code != SUT_E_PARSE)
            fail_msg("%s was taken", name);
        count[1]++;
    }
    sut_mem_free(copy);
    sut_arena_free(&a);
    sut_mem_freep(&(void *){ (void *) (uintptr_t) text.p });
}

static void agrees_with_json_test_suite(void **state)
{
    (void) state;
    char folder[SUT_CORPORA_PATH_MAX];
    if (!corpora_path("JSONTestSuite/test_parsing", folder))
        skip();
    DIR *d = opendir(folder);
    assert_non_null(d);
    unsigned count[3] = { 0 };
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        if (sut_str_ends(sut_str_from(e->d_name), SUT_STR(".json")))
            judge(folder, e->d_name, count);
    (void) closedir(d);
    assert_int_equal(count[0] + count[2], 95);
    assert_int_equal(count[1], 188);
    assert_int_equal(count[2], 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind_of_value),
        cmocka_unit_test(every_number_keeps_its_text),
        cmocka_unit_test(integers_are_64_bits_and_no_more),
        cmocka_unit_test(each_refusal_has_its_name),
        cmocka_unit_test(depth_is_bounded_before_anything_recurses),
        cmocka_unit_test(a_tree_that_does_not_fit_the_arena_is_refused_before_it_is_built),
        cmocka_unit_test(every_fault_has_words),
        cmocka_unit_test(a_failed_allocation_is_told),
        cmocka_unit_test(agrees_with_json_test_suite),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
