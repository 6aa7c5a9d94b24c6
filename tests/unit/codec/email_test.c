/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/json.h"
#include "codec/schema.h"
#include "corpora.h"

static int make_arena(void **state)
{
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

static void agrees_with_djangos_cases(void **state)
{
    struct sut_arena *a = *state;
    char path[SUT_CORPORA_PATH_MAX];
    if (!corpora_path("django/email_cases.json", path))
        skip();
    const sut_str text = corpora_read(path);
    const struct sut_json *all = NULL;
    assert_false(sut_failed(sut_json_parse(a, text, &all, NULL)));
    const struct sut_json *valid = sut_json_get(all, "valid");
    const struct sut_json *invalid = sut_json_get(all, "invalid");
    assert_true(valid->n > 10 && invalid->n > 20);
    for (size_t i = 0; i < valid->n; i++)
        if (!sut_is_email(valid->items[i].s))
            fail_msg("refused: %.*s", SUT_STR_ARG(valid->items[i].s));
    for (size_t i = 0; i < invalid->n; i++)
        if (sut_is_email(invalid->items[i].s))
            fail_msg("taken: %.*s", SUT_STR_ARG(invalid->items[i].s));
    sut_mem_freep(&(void *){ (void *) (uintptr_t) text.p });
}

static void addresses_as_people_have_them_are_taken(void **state)
{
    (void) state;
    static const char *const good[] = {
        "sarah@example.com",
        "o'neil+shop@mail.example.co.za",
        "a@b.co",
        "\"odd\\@one\"@x.org",
        "x@m\xc3\xbcnchen.de",
        "x@\xe4\xbe\x8b\xe5\xad\x90.\xe6\xb5\x8b\xe8\xaf\x95",
        "x@b\xc3\xbc\x63her.example",
        "x@1.23",
        "x@a--b.com",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!sut_is_email(sut_str_from(good[i])))
            fail_msg("refused: %s", good[i]);
}

static void what_is_no_address_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "@",
        "a@",
        "@b.com",
        "a.@b.com",
        ".a@b.com",
        "a..b@c.com",
        "a@b..com",
        "a@b.c",
        "a@[]",
        "a@[1.2.3]",
        "a@[01.2.3.4]",
        "a b@c.com",
        "a@b c.com",
        "a@b_c.com",
        "a,b@c.com",
        "a@b.com\n",
        "\"a\"b@c.com",
        "\"a@c.com",
        "\"\\\"@c.com",
        "\xc3\xa9@example.com",
        "\xe2\x84\xaa@example.com",
        "x@\xc3\xbc_.de",
        "x@-\xff.de",
        "x@\xe2\x80\x8b.",
        "x@a\xe2\x80\xa8.com",
        "<a@b.com>",
        "a@b.com, c@d.com",
        "x@a\xd7\x90.com",
        "x@xn--\xc3\xa9.com",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (sut_is_email(sut_str_from(bad[i])))
            fail_msg("taken: %s", bad[i]);
    assert_false(sut_is_email(SUT_STR("a\0b@c.com")));
    assert_false(sut_is_email((sut_str){ 0 }));
}

static void length_is_bounded(void **state)
{
    (void) state;
    char text[400];
    memset(text, 'a', sizeof(text));
    memcpy(text + 309, "@example.com", 12);
    assert_true(sut_is_email(sut_str_of(text + 1, 320)));
    assert_false(sut_is_email(sut_str_of(text, 321)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_djangos_cases),
        cmocka_unit_test(addresses_as_people_have_them_are_taken),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(length_is_bounded),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
