/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/gate.h"

static struct sut_addr v4(unsigned n)
{
    char z[32];
    struct sut_addr a;
    snprintf(z, sizeof(z), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
    assert_false(sut_failed(sut_addr_parse(sut_str_from(z), &a)));
    return a;
}

static void an_address_has_its_share_and_others_theirs(void **state)
{
    (void) state;
    struct sut_gate *g = NULL;
    assert_false(sut_failed(sut_gate_create(100, 2, 1, &g)));
    const struct sut_addr a = v4(1);
    const struct sut_addr b = v4(2);
    assert_false(sut_failed(sut_gate_enter(g, &a)));
    assert_false(sut_failed(sut_gate_enter(g, &a)));
    assert_int_equal(sut_gate_enter(g, &a).code, SUT_E_RATE);
    assert_false(sut_failed(sut_gate_enter(g, &b)));
    assert_int_equal(sut_gate_count(g).open, 3);
    assert_int_equal(sut_gate_count(g).refused_address, 1);
    sut_gate_leave(g, &a);
    assert_false(sut_failed(sut_gate_enter(g, &a)));
    sut_gate_leave(g, &a);
    sut_gate_leave(g, &a);
    sut_gate_leave(g, &b);
    sut_gate_free(&g);
}

static void a_proxys_connections_count_under_their_clients(void **state)
{
    (void) state;
    struct sut_gate *g = NULL;
    assert_false(sut_failed(sut_gate_create(5, 2, 1, &g)));
    const struct sut_addr a = v4(1);
    const struct sut_addr b = v4(2);
    /* More than an address may have; then each is named. */
    for (int i = 0; i < 5; i++)
        assert_false(sut_failed(sut_gate_enter_proxy(g)));
    assert_int_equal(sut_gate_enter_proxy(g).code, SUT_E_BUSY);
    assert_false(sut_failed(sut_gate_name(g, &a)));
    assert_false(sut_failed(sut_gate_name(g, &a)));
    assert_int_equal(sut_gate_name(g, &a).code, SUT_E_RATE);
    assert_false(sut_failed(sut_gate_name(g, &b)));
    assert_int_equal(sut_gate_count(g).open, 5);
    assert_int_equal(sut_gate_count(g).refused_address, 1);
    assert_int_equal(sut_gate_count(g).refused_total, 1);
    sut_gate_leave_proxy(g, NULL);
    sut_gate_leave_proxy(g, NULL);
    sut_gate_leave_proxy(g, &a);
    assert_false(sut_failed(sut_gate_enter_proxy(g)));
    assert_false(sut_failed(sut_gate_name(g, &a)));
    sut_gate_leave_proxy(g, &a);
    sut_gate_leave_proxy(g, &a);
    sut_gate_leave_proxy(g, &b);
    assert_int_equal(sut_gate_count(g).open, 0);
    sut_gate_free(&g);
}

static void a_full_house_turns_everybody_away(void **state)
{
    (void) state;
    enum { ALL = 3000 };
    struct sut_gate *g = NULL;
    assert_false(sut_failed(sut_gate_create(ALL, 5, 0x1234567, &g)));
    for (unsigned i = 0; i < ALL; i++) {
        const struct sut_addr a = v4(i);
        assert_false(sut_failed(sut_gate_enter(g, &a)));
    }
    const struct sut_addr late = v4(ALL + 1);
    assert_int_equal(sut_gate_enter(g, &late).code, SUT_E_BUSY);
    for (unsigned i = 0; i < ALL; i++) {
        const struct sut_addr a = v4(i);
        sut_gate_leave(g, &a);
    }
    assert_int_equal(sut_gate_count(g).open, 0);
    assert_int_equal(sut_gate_count(g).refused_total, 1);
    sut_gate_free(&g);
    assert_null(g);
}

static void without_memory_nobody_is_counted(void **state)
{
    (void) state;
    struct sut_gate *g = NULL;
    assert_false(sut_failed(sut_gate_create(10, 10, 1, &g)));
    const struct sut_addr a = v4(1);
    sut_mem_fault_nth(1);
    assert_int_equal(sut_gate_enter(g, &a).code, SUT_E_NOMEM);
    sut_mem_fault_nth(0);
    assert_int_equal(sut_gate_count(g).open, 0);
    sut_gate_free(&g);
    assert_int_equal(sut_gate_create(0, 1, 1, &g).code, SUT_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_its_share_and_others_theirs),
        cmocka_unit_test(a_proxys_connections_count_under_their_clients),
        cmocka_unit_test(a_full_house_turns_everybody_away),
        cmocka_unit_test(without_memory_nobody_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
