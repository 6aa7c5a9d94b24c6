/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

enum { MS = 1000 };

static struct sut_buf made;

static sut_str fields(uint64_t ms, sut_str a, sut_str b, sut_str c)
{
    sut_buf_done(&made);
    sut_buf_init(&made, SUT_IPC_LENGTH_MAX);
    sut_ipc_put_u64(&made, ms);
    sut_ipc_put_bytes(&made, a);
    sut_ipc_put_bytes(&made, b);
    sut_ipc_put_bytes(&made, c);
    assert_false(sut_failed(sut_buf_check(&made)));
    return sut_buf_str(&made);
}

static sut_err read_one(enum sut_errand_purpose p, sut_str bytes)
{
    struct sut_request q;
    return sut_request_read(sut_errand_type(p), bytes, &q);
}

static int free_made(void **state)
{
    (void) state;
    sut_buf_done(&made);
    return 0;
}

static const sut_str from = SUT_STR_INIT("shop@shop.example");
static const sut_str to = SUT_STR_INIT("ann@customer.example");
static const sut_str text = SUT_STR_INIT("Subject: x\r\n\r\ny\r\n");
static const sut_str none = { 0 };

static void what_the_table_allows_is_read(void **state)
{
    (void) state;
    struct sut_request q;
    assert_false(sut_failed(
        sut_request_read(sut_errand_type(SUT_ERRAND_MAIL), fields(MS, from, to, text), &q)));
    assert_int_equal(q.purpose, SUT_ERRAND_MAIL);
    assert_int_equal(q.timeout_ms, MS);
    assert_true(sut_str_eq(q.from, from) && sut_str_eq(q.to, to) && sut_str_eq(q.message, text));
    assert_false(sut_failed(read_one(SUT_ERRAND_GOOGLE_KEYS, fields(MS, none, none, none))));
    assert_false(
        sut_failed(read_one(SUT_ERRAND_FACEBOOK_ME, fields(MS, none, SUT_STR("EAAB1"), none))));
    assert_false(sut_failed(
        read_one(SUT_ERRAND_PICTURE, fields(MS, SUT_STR("https://a.example/b"), none, none))));
    assert_false(sut_failed(read_one(SUT_ERRAND_WEBHOOK, fields(MS, SUT_STR("https://a.example/b"),
                                                                SUT_STR("{\"any\": \"body\n\"}"),
                                                                SUT_STR("t=1,v1=ab")))));
}

static void a_purpose_that_is_none_is_refused(void **state)
{
    (void) state;
    struct sut_request q;
    const uint16_t types[] = { 0, SUT_ERRANDS + 1, 0x8001, 0xffff };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sut_request_read(types[i], fields(MS, none, none, none), &q).code,
                         SUT_E_DENIED);
}

static void a_url_where_the_settings_name_it_is_refused(void **state)
{
    (void) state;
    const sut_str url = SUT_STR("https://a.example/");
    /* There is no room for one. */
    assert_true(sut_failed(read_one(SUT_ERRAND_GOOGLE_KEYS, fields(MS, url, none, none))));
    assert_int_equal(read_one(SUT_ERRAND_FACEBOOK_DEBUG, fields(MS, url, SUT_STR("t"), none)).code,
                     SUT_E_DENIED);
}

static void what_a_url_cannot_hold_is_refused(void **state)
{
    (void) state;
    static const char *const urls[] = {
        "",
        "https://a.example/\r\nX: y",
        "https://a.example/\n",
        "https://a.example/ b",
        "https://a.example/\t",
        "https://a.example/\x7f",
        "https://a.example\\@127.0.0.1/",
        "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/",
        "https://a.example/\"",
        "https://a.example/<",
        "https://a.example/{",
        "https://a.example/`",
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        assert_int_equal(
            read_one(SUT_ERRAND_PICTURE, fields(MS, sut_str_from(urls[i]), none, none)).code,
            SUT_E_DENIED);
    assert_int_equal(
        read_one(SUT_ERRAND_PICTURE, fields(MS, SUT_STR("https://a.example/\0b"), none, none)).code,
        SUT_E_DENIED);
}

static void what_is_too_long_is_refused(void **state)
{
    (void) state;
    static char many[300 * 1024];
    memset(many, 'a', sizeof(many));
    const struct {
        enum sut_errand_purpose purpose;
        size_t a, b, c;
    } cases[] = {
        { SUT_ERRAND_PICTURE, SUT_ERRAND_URL_MAX + 1, 0, 0 },
        { SUT_ERRAND_PICTURE, 20, 1, 0 },
        { SUT_ERRAND_GOOGLE_KEYS, 0, 1, 0 },
        { SUT_ERRAND_FACEBOOK_ME, 0, 4097, 0 },
        { SUT_ERRAND_WEBHOOK, 20, 65537, 0 },
        { SUT_ERRAND_WEBHOOK, 20, 1, SUT_ERRAND_SIGNATURE_MAX + 1 },
        { SUT_ERRAND_MAIL, SUT_ERRAND_ADDRESS_MAX + 1, 20, 20 },
        { SUT_ERRAND_MAIL, 20, 20, 262145 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const sut_str f = fields(MS, sut_str_of(many, cases[i].a), sut_str_of(many, cases[i].b),
                                 sut_str_of(many, cases[i].c));
        assert_true(sut_failed(read_one(cases[i].purpose, f)));
    }
}

static void a_signature_or_a_text_where_none_goes_out_is_refused(void **state)
{
    (void) state;
    const sut_str url = SUT_STR("https://a.example/");
    assert_true(sut_failed(read_one(SUT_ERRAND_PICTURE, fields(MS, url, none, SUT_STR("signed")))));
    assert_true(
        sut_failed(read_one(SUT_ERRAND_FACEBOOK_ME, fields(MS, none, none, SUT_STR("signed")))));
    assert_true(
        sut_failed(read_one(SUT_ERRAND_FACEBOOK_ME, fields(MS, none, SUT_STR("a b"), none))));
    assert_true(sut_failed(
        read_one(SUT_ERRAND_WEBHOOK, fields(MS, url, SUT_STR("x"), SUT_STR("a\r\nHost: b")))));
}

static void an_address_that_says_more_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@a@b.example",
        "ann@b.example\r\nRCPT TO:<eve@b.example>",
        "ann@b.example\n",
        "ann@b.example>",
        "<ann@b.example",
        "ann@b.example SIZE=1",
        "ann,eve@b.example",
        "ann;eve@b.example",
        "\"ann\"@b.example",
        "ann\\@b.example",
        "-ann@b.example",
        "ann@b..example",
        "ann@.example",
        "ann@b.example.",
        "ann@[127.0.0.1]",
        "ann@b_c.example",
        "\xc3\xa4nn@b.example",
        "ann@b\xc3\xa4.example",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const sut_str s = sut_str_from(bad[i]);
        assert_int_equal(read_one(SUT_ERRAND_MAIL, fields(MS, from, s, text)).code, SUT_E_DENIED);
        assert_int_equal(read_one(SUT_ERRAND_MAIL, fields(MS, s, to, text)).code, SUT_E_DENIED);
    }
    static const char *const good[] = { "a@b", "ann+shop@b.example", "o'hara@b-c.example",
                                        "ann.b_c@xn--bcher-kva.example", "{a}|b@c.d" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_false(
            sut_failed(read_one(SUT_ERRAND_MAIL, fields(MS, from, sut_str_from(good[i]), text))));
}

static void a_message_with_bare_ends_of_lines_is_refused(void **state)
{
    (void) state;
    static char line[1100];
    memset(line, 'x', sizeof(line));
    const sut_str bad[] = { none,
                            SUT_STR("a\nb"),
                            SUT_STR("a\rb"),
                            SUT_STR("a\r"),
                            SUT_STR("a\n.\r\nMAIL FROM:<b@c.d>"),
                            SUT_STR("a\r\n.\rb"),
                            SUT_STR("a\0b"),
                            sut_str_of(line, 999) };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_one(SUT_ERRAND_MAIL, fields(MS, from, to, bad[i])).code,
                         SUT_E_DENIED);
    assert_false(
        sut_failed(read_one(SUT_ERRAND_MAIL, fields(MS, from, to, sut_str_of(line, 998)))));
}

static void half_a_message_and_one_with_more_are_refused(void **state)
{
    (void) state;
    const sut_str whole = fields(MS, from, to, text);
    for (size_t n = 0; n < whole.n; n++)
        assert_true(sut_failed(read_one(SUT_ERRAND_MAIL, sut_str_sub(whole, 0, n))));
    sut_buf_char(&made, 'u');
    assert_int_equal(read_one(SUT_ERRAND_MAIL, sut_buf_str(&made)).code, SUT_E_PARSE);
}

static void a_time_that_is_none_is_refused(void **state)
{
    (void) state;
    assert_true(sut_failed(read_one(SUT_ERRAND_GOOGLE_KEYS, fields(0, none, none, none))));
    assert_true(sut_failed(
        read_one(SUT_ERRAND_GOOGLE_KEYS, fields(SUT_ERRAND_TIMEOUT_MAX_MS + 1, none, none, none))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_table_allows_is_read),
        cmocka_unit_test(a_purpose_that_is_none_is_refused),
        cmocka_unit_test(a_url_where_the_settings_name_it_is_refused),
        cmocka_unit_test(what_a_url_cannot_hold_is_refused),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(a_signature_or_a_text_where_none_goes_out_is_refused),
        cmocka_unit_test(an_address_that_says_more_is_refused),
        cmocka_unit_test(a_message_with_bare_ends_of_lines_is_refused),
        cmocka_unit_test(half_a_message_and_one_with_more_are_refused),
        cmocka_unit_test(a_time_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, free_made);
}
