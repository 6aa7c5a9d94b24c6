/* SPDX-License-Identifier: Apache-2.0
 *
 * What of an address is shown, and who is told of a device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/my_sessions.h"
#include "api/new_device.h"
#include "fake.h"

static void an_address_is_shown_as_its_network(void **state)
{
    (void) state;
    static const struct {
        const char *ip;
        const char *place;
    } rows[] = {
        { "203.0.113.7", "203.0.113.0/24" },
        { "::ffff:10.1.2.3", "10.1.2.0/24" },
        { "255.255.255.255", "255.255.255.0/24" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1::/48" },
        { "::1", "0:0:0::/48" },
        { "", NULL },
        { "x", NULL },
        { "203.0.113.7:80", NULL },
    };
    struct sut_arena *a = NULL;
    assert_false(sut_failed(sut_arena_create(1 << 16, &a)));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_str place = SUT_STR("before");
        assert_false(sut_failed(api_my_session_place(a, sut_str_from(rows[i].ip), &place)));
        if (rows[i].place == NULL)
            assert_null(place.p);
        else
            assert_true(sut_str_is(place, rows[i].place));
    }
    sut_arena_free(&a);
}

static void what_a_device_calls_itself(void **state)
{
    (void) state;
    static const struct api_device none = { .app_version = SUT_STR_INIT("9") };
    static const struct api_device some = { .os = SUT_STR_INIT("Android 14"),
                                            .app_version = SUT_STR_INIT("2.1") };
    static const struct api_device all = { .type = SUT_STR_INIT("phone"),
                                           .os = SUT_STR_INIT("Android 14"),
                                           .app_version = SUT_STR_INIT("2.1") };
    char agent[301];
    memset(agent, 'y', 300);
    agent[300] = '\0';
    const struct {
        const struct api_device *device;
        const char *agent;
        const char *text;
    } rows[] = {
        { NULL, "Mozilla/5.0", "Mozilla/5.0" },
        { &none, "Mozilla/5.0", "Mozilla/5.0" },
        { &some, "Mozilla/5.0", "Android 14, 2.1" },
        { &all, "Mozilla/5.0", "phone, Android 14, 2.1" },
        { NULL, "\xff\xfe", "" },
        { NULL, agent, NULL },
    };
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct api_new_device n;
        fake_ask(&f, SUT_POST, "/x/");
        fake_field(&f, SUT_H_USER_AGENT, rows[i].agent);
        assert_false(sut_failed(api_new_device_of(fake_req(&f, NULL), rows[i].device, &n)));
        assert_true(n.is_asked);
        assert_true(sut_str_is(n.addr, "192.0.2.*"));
        if (rows[i].text == NULL)
            assert_int_equal(n.text.n, 120);
        else
            assert_true(sut_str_is(n.text, rows[i].text));
    }
    fake_end(&f);
}

static void who_is_not_told(void **state)
{
    (void) state;
    static const struct {
        bool is_asked;
        bool is_new;
        bool is_first;
    } rows[] = {
        { false, true, false },
        { true, false, false },
        { true, true, true },
    };
    const struct sut_person_account whose = { .id = 1 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct api_new_device n = { .is_asked = rows[i].is_asked };
        bool is_queued = true;
        assert_false(sut_failed(api_new_device_queue(NULL, NULL, &n, &whose, rows[i].is_new,
                                                     rows[i].is_first, (sut_ms){ 1 }, &is_queued)));
        assert_false(is_queued);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_shown_as_its_network),
        cmocka_unit_test(what_a_device_calls_itself),
        cmocka_unit_test(who_is_not_told),
    };
    return cmocka_run_group_tests_name("my_sessions", tests, NULL, NULL);
}
