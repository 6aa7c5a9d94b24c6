/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose word on the client's address and scheme is believed: trusted proxies'.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake.h"

static const struct sut_config_arg behind_proxies[] = {
    { "proxy.trusted", "192.0.2.0/25, 2001:db8::/32" },
    { NULL, NULL },
};

static struct sut_req *ask(struct fake *f, const char *peer, const char *forwarded)
{
    assert_false(sut_failed(sut_addr_parse(sut_str_from(peer), &f->peer)));
    fake_ask(f, SUT_GET, "/");
    f->x.listener = 0;
    fake_field(f, SUT_H_X_FORWARDED_PROTO, "https");
    if (forwarded != NULL)
        fake_field(f, SUT_H_X_FORWARDED_FOR, forwarded);
    struct sut_req *r = fake_req(f, NULL);
    sut_guard__forwarded(r);
    return r;
}

static void a_trusted_proxy_is_believed(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, behind_proxies);
    struct sut_req *r = ask(&f, "192.0.2.7", "198.51.100.9");
    assert_true(r->is_secure);
    assert_string_equal(r->client->text, "198.51.100.9");
    r = ask(&f, "2001:db8::1", "198.51.100.9");
    assert_true(r->is_secure);
    r = ask(&f, "192.0.2.7", NULL);
    assert_true(r->is_secure);
    assert_string_equal(r->client->text, "192.0.2.7");
    fake_end(&f);
}

/* The connection's other end is a proxy that has named its client by the PROXY protocol. */
static void whom_the_proxy_named_itself_no_field_renames(void **state)
{
    (void) state;
    struct fake f;
    struct sut_addr proxy;
    fake_begin(&f, behind_proxies);
    assert_false(sut_failed(sut_addr_parse(SUT_STR("192.0.2.7"), &proxy)));
    assert_false(sut_failed(sut_addr_parse(SUT_STR("203.0.113.50"), &f.peer)));
    fake_ask(&f, SUT_GET, "/");
    f.x.listener = 0;
    f.x.via = &proxy;
    fake_field(&f, SUT_H_X_FORWARDED_PROTO, "https");
    fake_field(&f, SUT_H_X_FORWARDED_FOR, "198.51.100.9");
    struct sut_req *r = fake_req(&f, NULL);
    sut_guard__forwarded(r);
    assert_string_equal(r->client->text, "203.0.113.50");
    /* The scheme is still the proxy's to say. */
    assert_true(r->is_secure);
    /* A proxy of ours in front of that one is looked behind. */
    assert_false(sut_failed(sut_addr_parse(SUT_STR("192.0.2.8"), &f.peer)));
    r->client = r->x->peer;
    sut_guard__forwarded(r);
    assert_string_equal(r->client->text, "198.51.100.9");
    fake_end(&f);
}

static void a_stranger_is_not(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, behind_proxies);
    static const char *const strangers[] = { "192.0.2.128", "198.51.100.1", "2001:db9::1" };
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        const struct sut_req *r = ask(&f, strangers[i], "203.0.113.5");
        assert_false(r->is_secure);
        assert_string_equal(r->client->text, strangers[i]);
    }
    fake_end(&f);
    fake_begin(&f, NULL);
    const struct sut_req *r = ask(&f, "127.0.0.1", "203.0.113.5");
    assert_false(r->is_secure);
    assert_string_equal(r->client->text, "127.0.0.1");
    fake_end(&f);
}

static void what_a_client_wrote_itself_counts_for_nothing(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, behind_proxies);
    /* The proxy appends: the client is the last that is no proxy of ours. */
    const struct sut_req *r = ask(&f, "192.0.2.7", "10.0.0.1, 203.0.113.5, 192.0.2.9");
    assert_string_equal(r->client->text, "203.0.113.5");
    r = ask(&f, "192.0.2.7", "evil, 203.0.113.5");
    assert_string_equal(r->client->text, "203.0.113.5");
    /* What is no address ends the walk at the last that was one. */
    r = ask(&f, "192.0.2.7", "203.0.113.5, evil");
    assert_string_equal(r->client->text, "192.0.2.7");
    r = ask(&f, "192.0.2.7", "");
    assert_string_equal(r->client->text, "192.0.2.7");
    fake_end(&f);
}

static void a_port_behind_an_address_is_left_out(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, behind_proxies);
    assert_string_equal(ask(&f, "192.0.2.7", "198.51.100.9:4711")->client->text, "198.51.100.9");
    assert_string_equal(ask(&f, "192.0.2.7", "[2001:db7::9]:4711")->client->text, "2001:db7::9");
    assert_string_equal(ask(&f, "192.0.2.7", "2001:db7::9")->client->text, "2001:db7::9");
    fake_end(&f);
}

static void a_chain_without_end_is_cut(void **state)
{
    (void) state;
    char chain[64 * 11];
    size_t n = 0;
    for (unsigned i = 0; i < 60; i++, n += 11)
        memcpy(chain + n, "192.0.2.10,", 11);
    chain[n - 1] = '\0';
    struct fake f;
    fake_begin(&f, behind_proxies);
    assert_string_equal(ask(&f, "192.0.2.7", chain)->client->text, "192.0.2.10");
    fake_end(&f);
}

static void two_schemes_are_none(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, behind_proxies);
    assert_false(sut_failed(sut_addr_parse(SUT_STR("192.0.2.7"), &f.peer)));
    fake_ask(&f, SUT_GET, "/");
    f.x.listener = 0;
    fake_field(&f, SUT_H_X_FORWARDED_PROTO, "https");
    fake_field(&f, SUT_H_X_FORWARDED_PROTO, "https");
    struct sut_req *r = fake_req(&f, NULL);
    sut_guard__forwarded(r);
    assert_false(r->is_secure);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trusted_proxy_is_believed),
        cmocka_unit_test(whom_the_proxy_named_itself_no_field_renames),
        cmocka_unit_test(a_stranger_is_not),
        cmocka_unit_test(what_a_client_wrote_itself_counts_for_nothing),
        cmocka_unit_test(a_port_behind_an_address_is_left_out),
        cmocka_unit_test(a_chain_without_end_is_cut),
        cmocka_unit_test(two_schemes_are_none),
    };
    return cmocka_run_group_tests_name("guard/forwarded", tests, NULL, NULL);
}
