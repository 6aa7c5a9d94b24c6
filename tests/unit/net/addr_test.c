/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "net/addr.h"

static struct sut_addr parse(const char *z)
{
    struct sut_addr a;
    assert_false(sut_failed(sut_addr_parse(sut_str_from(z), &a)));
    return a;
}

static void addresses_have_one_form_and_one_text(void **state)
{
    (void) state;
    const struct sut_addr v4 = parse("192.0.2.7");
    const struct sut_addr mapped = parse("::ffff:192.0.2.7");
    assert_true(sut_addr_is_ipv4(&v4));
    assert_true(sut_addr_eq(&v4, &mapped));
    assert_string_equal(mapped.text, "192.0.2.7");
    assert_string_equal(parse("2001:DB8:0:0::1").text, "2001:db8::1");
    assert_false(sut_addr_is_ipv4(&(struct sut_addr){ .ip = { 0x20 } }));
}

static void loopback_is_known_in_every_shape(void **state)
{
    (void) state;
    const struct sut_addr yes[] = { parse("127.0.0.1"), parse("127.255.0.9"), parse("::1"),
                                    parse("::ffff:127.0.0.1") };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(sut_addr_is_loopback(&yes[i]));
    const struct sut_addr no[] = { parse("128.0.0.1"), parse("::2"), parse("::"),
                                   parse("10.0.0.1") };
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        assert_false(sut_addr_is_loopback(&no[i]));
}

static void limits_count_an_ipv6_customer_once(void **state)
{
    (void) state;
    const struct sut_addr a = parse("2001:db8:1:2:3:4:5:6");
    const struct sut_addr b = parse("2001:db8:1:2:ffff::1");
    const struct sut_addr other = parse("2001:db8:1:3::1");
    const struct sut_addr v4 = parse("192.0.2.7");
    const struct sut_addr v4b = parse("192.0.2.8");
    uint8_t ka[16];
    uint8_t kb[16];
    sut_addr_limit_key(&a, ka);
    sut_addr_limit_key(&b, kb);
    assert_memory_equal(ka, kb, 16);
    sut_addr_limit_key(&other, kb);
    assert_memory_not_equal(ka, kb, 16);
    sut_addr_limit_key(&v4, ka);
    sut_addr_limit_key(&v4b, kb);
    assert_memory_not_equal(ka, kb, 16);
}

static void what_is_no_address_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = { "",         "localhost",   "1.2.3", "1.2.3.4.5",
                                       "01.2.3.4", "256.1.1.1",   "[::1]", "::1%lo",
                                       "1.2.3.4 ", "0x7f.1",      ":::1",  "2130706433",
                                       "12345::",  "::ffff:1.2.3" };
    struct sut_addr a;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sut_addr_parse(sut_str_from(bad[i]), &a).code, SUT_E_PARSE);
    assert_int_equal(sut_addr_parse(SUT_STR("1.2.3.4\0x"), &a).code, SUT_E_PARSE);
    const struct sockaddr_un un = { .sun_family = AF_UNIX };
    assert_int_equal(sut_addr_from_sockaddr((const struct sockaddr *) &un, &a).code, SUT_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_form_and_one_text),
        cmocka_unit_test(loopback_is_known_in_every_shape),
        cmocka_unit_test(limits_count_an_ipv6_customer_once),
        cmocka_unit_test(what_is_no_address_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
