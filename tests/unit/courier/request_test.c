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

/* --- calls to a provider of payments --- */

static sut_str call_fields(uint64_t method, sut_str path, sut_str body, sut_str key)
{
    sut_buf_done(&made);
    sut_buf_init(&made, SUT_IPC_LENGTH_MAX);
    sut_ipc_put_u64(&made, MS);
    sut_ipc_put_u64(&made, method);
    sut_ipc_put_bytes(&made, path);
    sut_ipc_put_bytes(&made, body);
    sut_ipc_put_bytes(&made, key);
    assert_false(sut_failed(sut_buf_check(&made)));
    return sut_buf_str(&made);
}

static void calls_of_the_list_are_read(void **state)
{
    (void) state;
    struct sut_request q;
    assert_false(sut_failed(
        sut_request_read(sut_errand_type(SUT_ERRAND_STRIPE),
                         call_fields(SUT_ERRAND_POST, SUT_STR("/v1/payment_intents"),
                                     SUT_STR("amount=1&currency=usd"), SUT_STR("order-7")),
                         &q)));
    assert_int_equal(q.method, SUT_ERRAND_POST);
    assert_true(sut_str_is(q.path, "/v1/payment_intents") && sut_str_is(q.key, "order-7"));
    static const struct {
        enum sut_errand_purpose purpose;
        enum sut_errand_method method;
        const char *path;
    } good[] = {
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/v1/checkout/sessions" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/checkout/sessions/cs_test_a1B2" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/v1/checkout/sessions/cs_1/expire" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/v1/payment_intents/pi_1/cancel" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/payment_intents" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/payment_intents?limit=100&created%5Bgte%5D=1" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/re_1" },
        { SUT_ERRAND_PAYSTACK, SUT_ERRAND_POST, "/transaction/initialize" },
        { SUT_ERRAND_PAYSTACK, SUT_ERRAND_GET, "/transaction/verify/MW-2026.00089=1" },
        { SUT_ERRAND_PAYSTACK, SUT_ERRAND_POST, "/refund" },
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_false(sut_failed(read_one(
            good[i].purpose, call_fields(good[i].method, sut_str_from(good[i].path), none, none))));
}

static void a_call_that_is_not_of_the_list_is_refused(void **state)
{
    (void) state;
    static const struct {
        enum sut_errand_purpose purpose;
        enum sut_errand_method method;
        const char *path;
    } bad[] = {
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/v1/payouts" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/v1/transfers" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/balance" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/.." },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/../payouts" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/re_1/../../payouts" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/re_1%2f.." },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/re_1?expand=charge" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds/re_1#x" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds?" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds?a=b#c" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds?a=b c" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refunds?a=b\r\nX: y" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "/v1/refundsx" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "v1/refunds" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "@evil.example/v1/refunds" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, ".evil.example/v1/refunds" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, "//evil.example/v1/refunds" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/v1/payment_intents?a=b" },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, "/transaction/initialize" },
        { SUT_ERRAND_PAYSTACK, SUT_ERRAND_POST, "/v1/refunds" },
        { SUT_ERRAND_PAYSTACK, SUT_ERRAND_POST, "/transfer" },
        { SUT_ERRAND_PAYSTACK, SUT_ERRAND_GET, "/transaction/initialize" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_one(bad[i].purpose,
                                  call_fields(bad[i].method, sut_str_from(bad[i].path), none, none))
                             .code,
                         SUT_E_DENIED);
    static char many[SUT_ERRAND_PATH_MAX + 100];
    memset(many, 'a', sizeof(many));
    memcpy(many, "/v1/refunds/", 12);
    assert_true(sut_failed(read_one(
        SUT_ERRAND_STRIPE, call_fields(SUT_ERRAND_GET, sut_str_of(many, 12 + 129), none, none))));
    memcpy(many, "/v1/refunds?", 12);
    assert_false(sut_failed(
        read_one(SUT_ERRAND_STRIPE,
                 call_fields(SUT_ERRAND_GET, sut_str_of(many, SUT_ERRAND_PATH_MAX), none, none))));
    assert_true(sut_failed(read_one(
        SUT_ERRAND_STRIPE,
        call_fields(SUT_ERRAND_GET, sut_str_of(many, SUT_ERRAND_PATH_MAX + 1), none, none))));
}

static void a_call_s_body_and_key_are_as_its_provider_has_them(void **state)
{
    (void) state;
    const sut_str stripe = SUT_STR("/v1/refunds");
    const sut_str paystack = SUT_STR("/refund");
    static char long_key[SUT_ERRAND_KEY_MAX + 1];
    memset(long_key, 'k', sizeof(long_key));
    const struct {
        enum sut_errand_purpose purpose;
        uint64_t method;
        sut_str path, body, key;
    } bad[] = {
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, stripe, SUT_STR("a=b"), none },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_GET, stripe, none, SUT_STR("k") },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, stripe, SUT_STR("a=b\n"), none },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, stripe, SUT_STR("a=b"), SUT_STR("k\r\nX: y") },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_POST, stripe, SUT_STR("a=b"),
          sut_str_of(long_key, sizeof(long_key)) },
        { SUT_ERRAND_STRIPE, SUT_ERRAND_METHODS, stripe, SUT_STR("a=b"), none },
        { SUT_ERRAND_PAYSTACK, SUT_ERRAND_POST, paystack, SUT_STR("{}"), SUT_STR("k") },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(sut_failed(read_one(
            bad[i].purpose, call_fields(bad[i].method, bad[i].path, bad[i].body, bad[i].key))));
    assert_false(sut_failed(
        read_one(SUT_ERRAND_PAYSTACK, call_fields(SUT_ERRAND_POST, paystack,
                                                  SUT_STR("{ \"note\": \"\xc3\xa4\" }"), none))));
    assert_false(sut_failed(
        read_one(SUT_ERRAND_STRIPE, call_fields(SUT_ERRAND_POST, stripe, SUT_STR("a=b"),
                                                sut_str_of(long_key, SUT_ERRAND_KEY_MAX)))));
}

static void what_is_to_be_verified_has_a_signature(void **state)
{
    (void) state;
    const enum sut_errand_purpose p = SUT_ERRAND_PAYSTACK_VERIFY;
    static const sut_str signatures[] = { SUT_STR_INIT("00ff"), SUT_STR_INIT(""),
                                          SUT_STR_INIT("a b") };
    for (size_t i = 0; i < 3; i++) {
        sut_buf_done(&made);
        sut_buf_init(&made, SUT_IPC_LENGTH_MAX);
        sut_ipc_put_u64(&made, MS);
        sut_ipc_put_bytes(&made, SUT_STR("{\"event\":\"x\"}\n"));
        sut_ipc_put_bytes(&made, signatures[i]);
        assert_int_equal(sut_failed(read_one(p, sut_buf_str(&made))), i > 0);
    }
}

/* --- files --- */

static sut_str scan_fields(sut_str bytes)
{
    sut_buf_done(&made);
    sut_buf_init(&made, SUT_IPC_LENGTH_MAX);
    sut_ipc_put_u64(&made, MS);
    sut_ipc_put_bytes(&made, bytes);
    return sut_buf_str(&made);
}

static void a_file_to_be_scanned_is_read_up_to_its_length(void **state)
{
    (void) state;
    static char many[5 * 1024 * 1024 + 1];
    assert_false(sut_failed(read_one(SUT_ERRAND_SCAN, scan_fields(SUT_STR("x")))));
    assert_false(
        sut_failed(read_one(SUT_ERRAND_SCAN, scan_fields(sut_str_of(many, sizeof(many) - 1)))));
    assert_true(sut_failed(read_one(SUT_ERRAND_SCAN, scan_fields(sut_str_of(many, sizeof(many))))));
    assert_int_equal(read_one(SUT_ERRAND_SCAN, scan_fields(none)).code, SUT_E_DENIED);
    assert_true(sut_failed(read_one(SUT_ERRAND_SCAN, fields(MS, SUT_STR("x"), none, none))));
}

static void a_file_of_the_store_has_a_name_and_nothing_that_leads_elsewhere(void **state)
{
    (void) state;
    const sut_str name = SUT_STR("kgLf1oN2LaU_I2I4GK5uv-s.webp");
    const sut_str type = SUT_STR("image/webp");
    assert_false(sut_failed(read_one(SUT_ERRAND_S3_PUT, fields(MS, name, SUT_STR("x"), type))));
    assert_false(sut_failed(read_one(SUT_ERRAND_S3_GET, fields(MS, name, none, none))));
    assert_false(sut_failed(read_one(SUT_ERRAND_S3_DELETE, fields(MS, name, none, none))));
    assert_false(sut_failed(read_one(SUT_ERRAND_S3_ACL, fields(MS, none, none, none))));
    static const char *const bad[] = { "",      "/a",  "a/b",     "..",   ".a",       "a?acl",
                                       "a%2fb", "a#b", "a b",     "a\nb", "\xc3\xa4", "a&b",
                                       "?acl",  "a:b", "http://", "a\\b", "a;b",      "a+b" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const sut_str s = sut_str_from(bad[i]);
        assert_int_equal(read_one(SUT_ERRAND_S3_GET, fields(MS, s, none, none)).code, SUT_E_DENIED);
        assert_int_equal(read_one(SUT_ERRAND_S3_PUT, fields(MS, s, none, type)).code, SUT_E_DENIED);
        if (s.n > 0)
            assert_int_equal(read_one(SUT_ERRAND_S3_ACL, fields(MS, s, none, none)).code,
                             SUT_E_DENIED);
    }
    static char many[SUT_ERRAND_NAME_MAX + 1];
    memset(many, 'a', sizeof(many));
    assert_true(sut_failed(
        read_one(SUT_ERRAND_S3_GET, fields(MS, sut_str_of(many, sizeof(many)), none, none))));
    /* A type goes with what is put, and is one. */
    assert_int_equal(read_one(SUT_ERRAND_S3_PUT, fields(MS, name, none, none)).code, SUT_E_DENIED);
    assert_int_equal(read_one(SUT_ERRAND_S3_GET, fields(MS, name, none, type)).code, SUT_E_DENIED);
    assert_int_equal(
        read_one(SUT_ERRAND_S3_PUT, fields(MS, name, none, SUT_STR("a/b\r\nX: y"))).code,
        SUT_E_DENIED);
    assert_true(sut_failed(read_one(SUT_ERRAND_S3_GET, fields(MS, name, SUT_STR("x"), none))));
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
        cmocka_unit_test(calls_of_the_list_are_read),
        cmocka_unit_test(a_call_that_is_not_of_the_list_is_refused),
        cmocka_unit_test(a_call_s_body_and_key_are_as_its_provider_has_them),
        cmocka_unit_test(what_is_to_be_verified_has_a_signature),
        cmocka_unit_test(a_file_to_be_scanned_is_read_up_to_its_length),
        cmocka_unit_test(a_file_of_the_store_has_a_name_and_nothing_that_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, free_made);
}
