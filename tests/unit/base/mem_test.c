/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "death.h"

static void an_empty_request_gives_memory_of_its_own(void **state)
{
    (void) state;
    volatile size_t none = 0;
    void *a = sut_mem_alloc(none);
    void *b = sut_mem_zalloc(none, none);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    sut_mem_free(a);
    sut_mem_free(b);
    sut_mem_free(NULL);
}

static void zeroed_memory_is_zero(void **state)
{
    (void) state;
    unsigned char *p = sut_mem_zalloc(100, 3);
    assert_non_null(p);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(p[i], 0);
    sut_mem_free(p);
}

#if !HAS_ASAN /* whose own calloc ends the process there */
static void a_product_that_wraps_is_refused(void **state)
{
    (void) state;
    volatile size_t many = SIZE_MAX / 2 + 2;
    assert_null(sut_mem_zalloc(many, 2));
}
#endif

static void growing_keeps_what_was_there(void **state)
{
    (void) state;
    char *p = sut_mem_realloc(NULL, 4);
    assert_non_null(p);
    memcpy(p, "keep", 4);
    p = sut_mem_realloc(p, 4000);
    assert_non_null(p);
    assert_memory_equal(p, "keep", 4);
    sut_mem_freep(&p);
    assert_null(p);
    sut_mem_freep(&p);
}

static void the_nth_allocation_fails_and_no_other(void **state)
{
    (void) state;
    sut_mem_fault_nth(3);
    void *a = sut_mem_alloc(1);
    void *b = sut_mem_zalloc(1, 1);
    assert_non_null(a);
    assert_non_null(b);
    assert_false(sut_mem_fault_hit());
    /* The third is of another kind: one count for all three doors. */
    void *c = sut_mem_realloc(NULL, 1);
    assert_null(c);
    assert_true(sut_mem_fault_hit());
    c = sut_mem_alloc(1);
    assert_non_null(c);
    sut_mem_free(a);
    sut_mem_free(b);
    sut_mem_free(c);
}

static void a_fault_that_is_switched_off_does_not_come(void **state)
{
    (void) state;
    sut_mem_fault_nth(1);
    sut_mem_fault_nth(0);
    void *p = sut_mem_alloc(1);
    assert_non_null(p);
    assert_false(sut_mem_fault_hit());
    sut_mem_free(p);
}

static void memory_that_can_not_grow_is_still_there(void **state)
{
    (void) state;
    char *p = sut_mem_alloc(1);
    assert_non_null(p);
    *p = 'x';
    sut_mem_fault_nth(1);
    char *grown = sut_mem_realloc(p, 4096);
    assert_null(grown);
    assert_int_equal(*p, 'x');
    sut_mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_request_gives_memory_of_its_own),
        cmocka_unit_test(zeroed_memory_is_zero),
#if !HAS_ASAN /* whose own calloc ends the process there */
        cmocka_unit_test(a_product_that_wraps_is_refused),
#endif
        cmocka_unit_test(growing_keeps_what_was_there),
        cmocka_unit_test(the_nth_allocation_fails_and_no_other),
        cmocka_unit_test(a_fault_that_is_switched_off_does_not_come),
        cmocka_unit_test(memory_that_can_not_grow_is_still_there),
    };
    return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
