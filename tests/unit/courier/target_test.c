/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct sut_curl curl;

static int load(void **state)
{
    struct sut_diag d = { 0 };
    (void) state;
    return sut_failed(sut_curl_load(&curl, &d)) ? -1 : 0;
}

static sut_err parse(const char *url, enum sut_errand_where where, struct sut_target *ret)
{
    return sut_target_parse(&curl, sut_str_from(url), where, ret);
}

static void expect_refused(const char *url, enum sut_errand_where where)
{
    struct sut_target t;
    const sut_err e = parse(url, where, &t);
    if (e.code != SUT_E_DENIED)
        fail_msg("%s: %s, host %s", url, sut_err_info(e.code)->name, t.host);
    assert_null(t.url);
}

/* Whatever a URL is written like: one that names a place that is not public is refused at once. */
static void an_address_that_is_not_public_is_refused_however_it_is_written(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0X7F000001",
        "0x7f.0.0.1",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0177.1",
        "127.000.000.001",
        "127.255.255.254",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "00000000",
        "0x0",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::0001]",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:7F00:0001]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2002:7f00:0001::1]",
        "[2001:0:7f00:1::]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[fe80::1%25eth0]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[100::1]",
        "169.254.169.254",
        "169.254.43518",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "100.100.100.200",
        "168.63.129.16",
        "10.0.0.1",
        "012.0.0.1",
        "167772161",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "3232235521",
        "0xc0a80001",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "4294967295",
        "37777777777",
        "0x1ffffffff",
        "127.0.0.256",
        "1.2.3.4.5",
        "pictures.example.1",
        "0x7f.0.0.0x",
    };
    (void) state;
    char url[128];
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        (void) snprintf(url, sizeof(url), "https://%s/", hosts[i]);
        expect_refused(url, SUT_ERRAND_DATA);
        (void) snprintf(url, sizeof(url), "https://%s:443/latest/meta-data?x=1", hosts[i]);
        expect_refused(url, SUT_ERRAND_DATA);
    }
}

static void what_is_no_plain_https_url_is_refused(void **state)
{
    static const char *const urls[] = {
        "http://pictures.example/",
        "HTTP://pictures.example/",
        "ftp://pictures.example/",
        "file:///etc/passwd",
        "gopher://pictures.example/_x",
        "dict://pictures.example/",
        "ldap://pictures.example/",
        "smtp://pictures.example/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "pictures.example/a",
        "//pictures.example/a",
        "/a",
        "https:",
        "https://",
        "https:///",
        "https:pictures.example",
        "https://:443/",
        "https://pictures.example:80/",
        "https://pictures.example:8443/",
        "https://pictures.example:22/",
        "https://pictures.example:0/",
        "https://pictures.example:65979/",
        "https://pictures.example:443:443/",
        "https://pictures.example:x/",
        "https://user@pictures.example/",
        "https://user:secret@pictures.example/",
        "https://pictures.example@127.0.0.1/",
        "https://127.0.0.1@pictures.example/",
        "https://127.0.0.1%2f@pictures.example/",
        "https://:@pictures.example/",
        "https://@pictures.example/",
        "https://pictures.example%00.127.0.0.1/",
        "https://pictures.example%2f/",
        "https://%31%32%37.0.0.1/",
        "https://pictures.example%20/",
        "https://pictures.example./",
        "https://pictures%2eexample%2e/",
        "https://[pictures.example]/",
        "https://[::1/",
        "https://::1/",
        "https://[2606:4700::1111%251]/",
        "https://pictures.example,127.0.0.1/",
        "https://pictures.example;127.0.0.1/",
        "https://pictures!example/",
        "https://(pictures.example)/",
        "https://*.example/",
        "https://pictures.example\\@127.0.0.1/",
        "https://pictures.example/\r\nHost: x",
        "https://pictures.example/ x",
    };
    (void) state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        expect_refused(urls[i], SUT_ERRAND_DATA);
}

static void a_public_place_is_taken_apart(void **state)
{
    static const struct {
        const char *url;
        const char *host;
        bool is_numeric;
    } cases[] = {
        { "https://pictures.example", "pictures.example", false },
        { "HTTPS://Pictures.EXAMPLE:443/A?b#c", "pictures.example", false },
        { "https://pictures.example/@127.0.0.1/", "pictures.example", false },
        { "https://pictures.example?x=@127.0.0.1", "pictures.example", false },
        { "https://pictures.example#@127.0.0.1/", "pictures.example", false },
        { "https://xn--bcher-kva.example/", "xn--bcher-kva.example", false },
        { "https://127.0.0.1.nip.example/", "127.0.0.1.nip.example", false },
        { "https://localhost/", "localhost", false }, /* a name: it is looked up, then refused */
        { "https://8.8.8.8/", "8.8.8.8", true },
        { "https://134744072/", "8.8.8.8", true },
        { "https://[2606:4700::1111]/", "2606:4700::1111", true },
    };
    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sut_target t;
        if (sut_failed(parse(cases[i].url, SUT_ERRAND_DATA, &t)))
            fail_msg("%s", cases[i].url);
        assert_string_equal(t.host, cases[i].host);
        assert_int_equal(t.port, 443);
        assert_true(t.is_numeric == cases[i].is_numeric && t.is_https && t.may_leave);
        sut_target_done(&curl, &t);
    }
}

static struct sut_address address(const char *text)
{
    struct sut_target t;
    char url[96];
    (void) snprintf(url, sizeof(url), "https://%s/", text);
    assert_false(sut_failed(parse(url, SUT_ERRAND_SETTINGS, &t)));
    assert_true(t.is_numeric);
    const struct sut_address a = t.address;
    sut_target_done(&curl, &t);
    return a;
}

static void a_place_of_the_settings_is_taken_as_named(void **state)
{
    (void) state;
    struct sut_target t;
    const struct sut_address here = address("127.0.0.1");
    const struct sut_address near = address("10.0.0.1");
    assert_false(sut_failed(parse("https://keys.internal:8443/a", SUT_ERRAND_SETTINGS, &t)));
    assert_int_equal(t.port, 8443);
    assert_true(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &near));
    assert_true(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &here));
    sut_target_done(&curl, &t);
    /* In clear on this machine alone, whatever the name says. */
    assert_false(sut_failed(parse("http://localhost:8080/a", SUT_ERRAND_SETTINGS, &t)));
    assert_true(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &here));
    assert_false(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &near));
    sut_target_done(&curl, &t);
    assert_false(sut_failed(parse("http://[::1]:8080/a", SUT_ERRAND_SETTINGS, &t)));
    assert_true(t.is_numeric && t.address.is_v6);
    sut_target_done(&curl, &t);
    expect_refused("http://10.0.0.1/", SUT_ERRAND_SETTINGS);
    expect_refused("http://8.8.8.8/", SUT_ERRAND_SETTINGS);
    expect_refused("ftp://keys.internal/", SUT_ERRAND_SETTINGS);
    expect_refused("https://user@keys.internal/", SUT_ERRAND_SETTINGS);
}

static void a_mail_server_is_reached_as_it_is_set(void **state)
{
    (void) state;
    struct sut_target t;
    const struct sut_address near = address("10.0.0.1");
    const struct sut_address here = address("[::1]");
    struct sut_mail_place p = { .host = SUT_STR("mail.example"), .port = 587, .use_tls = true };
    assert_false(sut_failed(sut_target_mail(&curl, &p, SUT_STR("shop.example"), &t)));
    assert_string_equal(t.host, "mail.example");
    assert_int_equal(t.port, 587);
    assert_true(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &near));
    sut_target_done(&curl, &t);
    p.use_tls = false;
    assert_false(sut_failed(sut_target_mail(&curl, &p, SUT_STR("shop.example"), &t)));
    assert_false(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &near));
    assert_true(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &here));
    sut_target_done(&curl, &t);
    p.may_be_clear = true;
    assert_false(sut_failed(sut_target_mail(&curl, &p, SUT_STR("shop.example"), &t)));
    assert_true(sut_target_may_connect(&t, SUT_ERRAND_SETTINGS, &near));
    sut_target_done(&curl, &t);
    p = (struct sut_mail_place){ .host = SUT_STR("::1"), .port = 465, .use_ssl = true };
    assert_false(sut_failed(sut_target_mail(&curl, &p, SUT_STR("shop.example"), &t)));
    assert_true(t.is_numeric && sut_address_eq(&t.address, &here));
    sut_target_done(&curl, &t);
    p.host = SUT_STR("mail.example/x@y");
    assert_true(sut_failed(sut_target_mail(&curl, &p, SUT_STR("shop.example"), &t)));
    assert_null(t.url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_that_is_not_public_is_refused_however_it_is_written),
        cmocka_unit_test(what_is_no_plain_https_url_is_refused),
        cmocka_unit_test(a_public_place_is_taken_apart),
        cmocka_unit_test(a_place_of_the_settings_is_taken_as_named),
        cmocka_unit_test(a_mail_server_is_reached_as_it_is_set),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
