/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sut_address of(const char *text)
{
    struct sut_address a = { .is_v6 = strchr(text, ':') != NULL };
    if (inet_pton(a.is_v6 ? AF_INET6 : AF_INET, text, a.ip) != 1)
        fail_msg("%s is no address", text);
    return a;
}

static void what_is_special_is_not_public(void **state)
{
    static const char *const special[] = {
        "0.0.0.0",
        "0.1.2.3",
        "0.255.255.255",
        "10.0.0.0",
        "10.1.2.3",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.0.0.0",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.8",
        "192.0.0.170",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.254",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::7f00:1",
        "100::1",
        "100:0:0:1::1",
        "2001::7f00:1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "2001:db8:ffff:ffff::1",
        "2002::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::",
        "2002:808:808::1",
        "2600::5efe:127.0.0.1",
        "2600::200:5efe:a00:1",
        "3ffe::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ff0e::1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    };
    (void) state;
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        const struct sut_address a = of(special[i]);
        if (sut_address_is_public(&a))
            fail_msg("%s", special[i]);
    }
}

static void what_lies_beside_is_public(void **state)
{
    static const char *const public[] = {
        "1.0.0.0",        "8.8.8.8",        "9.255.255.255",        "11.0.0.0",
        "100.63.255.255", "100.128.0.0",    "126.255.255.255",      "128.0.0.1",
        "168.63.129.15",  "168.63.129.17",  "169.253.255.255",      "169.255.0.0",
        "172.15.255.255", "172.32.0.0",     "191.255.255.255",      "192.0.1.0",
        "192.0.3.0",      "192.88.98.255",  "192.88.100.0",         "192.167.255.255",
        "192.169.0.0",    "198.17.255.255", "198.20.0.0",           "198.51.99.255",
        "198.51.101.0",   "203.0.112.255",  "203.0.114.0",          "223.255.255.255",
        "2000::1",        "2001:200::1",    "2001:4860:4860::8888", "2001:db7:ffff::1",
        "2001:db9::1",    "2003::1",        "2606:4700::1111",      "2a00:1450::1",
        "3ffd::1",        "3fff:1000::1",
    };
    (void) state;
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        const struct sut_address a = of(public[i]);
        if (!sut_address_is_public(&a))
            fail_msg("%s", public[i]);
    }
}

static void loopback_is_known(void **state)
{
    (void) state;
    const struct sut_address yes[] = { of("127.0.0.1"), of("127.255.0.3"), of("::1") };
    const struct sut_address no[] = { of("128.0.0.1"), of("::"), of("::ffff:127.0.0.1"),
                                      of("0.0.0.0") };
    for (size_t i = 0; i < 3; i++)
        assert_true(sut_address_is_loopback(&yes[i]));
    for (size_t i = 0; i < 4; i++)
        assert_false(sut_address_is_loopback(&no[i]));
}

static void a_socket_s_address_is_read_and_one_with_a_zone_is_none(void **state)
{
    (void) state;
    struct sut_address a;
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    const struct sockaddr other = { .sa_family = AF_UNIX };
    const struct sut_address want = of("192.0.2.7");
    memcpy(&in.sin_addr, want.ip, 4);
    assert_false(sut_failed(sut_address_of((const struct sockaddr *) &in, &a)));
    assert_true(sut_address_eq(&a, &want));
    assert_int_equal(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
    in6.sin6_scope_id = 1;
    assert_true(sut_failed(sut_address_of((const struct sockaddr *) &in6, &a)));
    assert_true(sut_failed(sut_address_of(&other, &a)));
}

static void a_v4_address_is_never_one_of_v6(void **state)
{
    (void) state;
    const struct sut_address four = of("127.0.0.1");
    struct sut_address six = { .is_v6 = true };
    memcpy(six.ip, four.ip, 4);
    assert_false(sut_address_eq(&four, &six));
}

static void a_text_is_made_of_it(void **state)
{
    (void) state;
    char text[SUT_ADDRESS_TEXT_MAX];
    const struct sut_address six = of("2001:db8::1");
    const struct sut_address four = of("192.0.2.7");
    sut_address_text(&six, text);
    assert_string_equal(text, "2001:db8::1");
    sut_address_text(&four, text);
    assert_string_equal(text, "192.0.2.7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_special_is_not_public),
        cmocka_unit_test(what_lies_beside_is_public),
        cmocka_unit_test(loopback_is_known),
        cmocka_unit_test(a_socket_s_address_is_read_and_one_with_a_zone_is_none),
        cmocka_unit_test(a_v4_address_is_never_one_of_v6),
        cmocka_unit_test(a_text_is_made_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
