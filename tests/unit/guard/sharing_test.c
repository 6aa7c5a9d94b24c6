/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/sharing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t start_ms = 1795315251123;

static struct sut_addr addr(const char *text)
{
    struct sut_addr a;
    assert_false(sut_failed(sut_addr_parse(sut_str_from(text), &a)));
    return a;
}

static unsigned saw(struct sut_sharing *s, const char *from, unsigned n, bool is_forwarded,
                    int64_t after_ms)
{
    const struct sut_addr a = addr(from);
    unsigned told = 0;
    for (unsigned i = 0; i < n; i++)
        told += sut_sharing_saw(s, &a, is_forwarded, (sut_ms){ start_ms + after_ms }) ? 1 : 0;
    return told;
}

static void all_of_a_while_from_one_address_are_told_of_once(void **state)
{
    (void) state;
    struct sut_sharing s = { 0 };
    assert_int_equal(saw(&s, "10.0.0.1", 5000, false, 0), 0);
    assert_int_equal(saw(&s, "10.0.0.1", 1, false, SUT_SHARING_WHILE_MS - 1), 0);
    assert_int_equal(saw(&s, "10.0.0.1", 5000, false, SUT_SHARING_WHILE_MS), 1);
    assert_int_equal(saw(&s, "10.0.0.1", 5000, true, 9 * SUT_SHARING_WHILE_MS), 0);
}

static void requests_that_were_passed_on_tell_sooner(void **state)
{
    (void) state;
    struct sut_sharing s = { 0 };
    assert_int_equal(saw(&s, "127.0.0.1", SUT_SHARING_LEAST_FORWARDED - 1, true, 0), 0);
    assert_int_equal(saw(&s, "127.0.0.1", 1, true, 1), 1);
}

static void a_second_address_is_enough_to_say_nothing(void **state)
{
    (void) state;
    struct sut_sharing s = { 0 };
    for (int i = 0; i < 5; i++) {
        const int64_t at = (int64_t) i * SUT_SHARING_WHILE_MS;
        assert_int_equal(saw(&s, "10.0.0.1", 10, true, at), 0);
        assert_int_equal(saw(&s, "10.0.0.2", 1, false, at + 1), 0);
        assert_int_equal(saw(&s, "10.0.0.1", 3000, true, at + 2), 0);
    }
    /* Two of one /64 are one customer. */
    struct sut_sharing t = { 0 };
    assert_int_equal(saw(&t, "2001:db8::1", 25, true, 0), 0);
    assert_int_equal(saw(&t, "2001:db8::2", 25, true, 0), 1);
}

static void a_quiet_shop_says_nothing(void **state)
{
    (void) state;
    struct sut_sharing s = { 0 };
    for (int i = 0; i < 50; i++)
        assert_int_equal(saw(&s, "10.0.0.1", 900, false, (int64_t) i * SUT_SHARING_WHILE_MS), 0);
    /* Nor does a clock that steps back. */
    assert_int_equal(saw(&s, "10.0.0.1", 900, false, -3600000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_while_from_one_address_are_told_of_once),
        cmocka_unit_test(requests_that_were_passed_on_tell_sooner),
        cmocka_unit_test(a_second_address_is_enough_to_say_nothing),
        cmocka_unit_test(a_quiet_shop_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
