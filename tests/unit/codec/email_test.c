/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/email.h"
#include "codec/json.h"
#include "codec/schema.h"
#include "corpora.h"
#include "with_arena.h"

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

static sut_str key_of(struct sut_arena *a, const char *text)
{
    sut_str key = { 0 };
    assert_false(sut_failed(sut_email_key(a, sut_str_from(text), &key)));
    return key;
}

static void one_mailbox_has_one_key(void **state)
{
    struct sut_arena *a = *state;
    static const char *const same[][2] = {
        { "victim@example.com", "VICTIM@Example.COM" },
        { "victim@example.com", "\"victim\"@example.com" },
        { "victim@example.com", "\"v\\ictim\"@example.com" },
        /* full-width letters, ideographic and half-width full stops */
        { "victim@example.com", "victim@\xef\xbd\x85xample.com" },
        { "victim@example.com", "victim@example\xef\xbc\x8e\x63om" },
        { "victim@example.com", "victim@example\xe3\x80\x82\x63om" },
        { "victim@example.com", "victim@example\xef\xbd\xa1\x63om" },
        /* soft hyphen, zero width space, a small Roman numeral, a script letter */
        { "victim@example.com", "victim@exam\xc2\xadple.com" },
        { "victim@example.com", "victim@exam\xe2\x80\x8bple.com" },
        { "victim@example.com", "victim@example.\xe2\x85\xbdom" },
        { "victim@example.com", "victim@\xe2\x84\xafxample.com" },
        /* the Kelvin sign, the ligature fi */
        { "v@kelvin.example", "v@\xe2\x84\xaa\x65lvin.example" },
        { "v@fix.example", "v@\xef\xac\x81x.example" },
        /* composed, decomposed, in capitals, in Punycode */
        { "v@b\xc3\xbc\x63her.example", "v@bu\xcc\x88\x63her.example" },
        { "v@b\xc3\xbc\x63her.example", "v@B\xc3\x9c\x43HER.example" },
        { "v@b\xc3\xbc\x63her.example", "v@xn--bcher-kva.example" },
        { "v@b\xc3\xbc\x63her.example", "v@XN--BCHER-KVA.example" },
        /* RFC 3492 7.1: Chinese, Japanese */
        { "v@\xe4\xbb\x96\xe4\xbb\xac\xe4\xb8\xba\xe4\xbb\x80\xe4\xb9\x88\xe4\xb8\x8d\xe8\xaf\xb4"
          "\xe4\xb8\xad\xe6\x96\x87.example",
          "v@xn--ihqwcrb4cv8a8dqg056pqjye.example" },
        { "v@3\xe5\xb9\xb4\x62\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f.example",
          "v@xn--3b-ww4c5e180e575a65lsy2b.example" },
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        const sut_str one = key_of(a, same[i][0]);
        const sut_str other = key_of(a, same[i][1]);
        if (!sut_str_eq(one, other))
            fail_msg("%s: %.*s is not %.*s", same[i][1], SUT_STR_ARG(one), SUT_STR_ARG(other));
    }
}

static void two_mailboxes_have_two_keys(void **state)
{
    struct sut_arena *a = *state;
    static const char *const texts[] = {
        "victim@example.com",
        "victim+tag@example.com",
        "vict.im@example.com",
        "victim@xample.com",
        "victim@example.co",
        "victim@e\xc4\xb1xample.com", /* dotless i */
        "victim@\xd0\xb5xample.com",  /* Cyrillic e */
        "\"vic@tim\"@example.com",
        "\"vic,tim\"@example.com",
        "victim@[127.0.0.1]",
        "victim@localhost",
        "v\xc4\xb1\x63tim@example.com", /* no address: itself */
        "victim",
        "",
    };
    enum { N = sizeof(texts) / sizeof(texts[0]) };
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < i; j++)
            if (sut_str_eq(key_of(a, texts[i]), key_of(a, texts[j])))
                fail_msg("%s and %s have one key", texts[i], texts[j]);
    sut_str key = { 0 };
    assert_int_equal(sut_email_key(a, SUT_STR("\xff@example.com"), &key).code, SUT_E_PARSE);
}

static void an_address_goes_out_in_ascii_and_keeps_its_case(void **state)
{
    struct sut_arena *a = *state;
    static const char *const rows[][2] = {
        { "Sarah@example.org", "Sarah@example.org" },
        { "Sarah@B\xc3\xbc\x63her.example", "Sarah@xn--bcher-kva.example" },
        { "\"sarah\"@example.org", "sarah@example.org" },
        { "\"a,b\"@example.org", "\"a,b\"@example.org" },
        { "a@[127.0.0.1]", "a@[127.0.0.1]" },
        { "a@localhost", "a@localhost" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_str got = { 0 };
        assert_int_equal(sut_email_wire(a, sut_str_from(rows[i][0]), &got).code, SUT_E_OK);
        if (!sut_str_is(got, rows[i][1]))
            fail_msg("%s became %.*s", rows[i][0], SUT_STR_ARG(got));
    }
    static const char *const none[] = { "",
                                        "a",
                                        "a@b@c",
                                        "a b@example.org",
                                        "a@example.org\r\n",
                                        "<a@example.org>",
                                        "\xc3\xa9@example.org" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        sut_str got = { 0 };
        assert_int_equal(sut_email_wire(a, sut_str_from(none[i]), &got).code, SUT_E_INVALID);
    }
}

static void a_mailbox_is_a_name_and_an_address(void **state)
{
    (void) state;
    static const char *const rows[][3] = {
        { "shop@example.com", "", "shop@example.com" },
        { "Shop <shop@example.com>", "Shop", "shop@example.com" },
        { " \"My \xe2\x98\x95 Shop\" < shop@example.com > ", "My \xe2\x98\x95 Shop",
          "shop@example.com" },
        { "<shop@example.com>", "", "shop@example.com" },
        { "Tom <and> Kate <shop@example.com>", "Tom <and> Kate", "shop@example.com" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_str name = { 0 };
        sut_str address = { 0 };
        assert_int_equal(sut_email_mailbox(sut_str_from(rows[i][0]), &name, &address).code,
                         SUT_E_OK);
        assert_true(sut_str_is(name, rows[i][1]));
        assert_true(sut_str_is(address, rows[i][2]));
    }
    static const char *const none[] = { "",
                                        "Shop",
                                        "Shop <>",
                                        "Shop <a@example.com",
                                        "<>",
                                        "Shop <a@example.com>\r\nBcc: x",
                                        "a\tb <a@example.com>",
                                        "\xff <a@example.com>",
                                        "Shop <a b@example.com>" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        sut_str name = { 0 };
        sut_str address = { 0 };
        assert_int_equal(sut_email_mailbox(sut_str_from(none[i]), &name, &address).code,
                         SUT_E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_djangos_cases),
        cmocka_unit_test(addresses_as_people_have_them_are_taken),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(one_mailbox_has_one_key),
        cmocka_unit_test(two_mailboxes_have_two_keys),
        cmocka_unit_test(an_address_goes_out_in_ascii_and_keeps_its_case),
        cmocka_unit_test(a_mailbox_is_a_name_and_an_address),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
