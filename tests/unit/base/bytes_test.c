/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

static void a_copy_is_its_own(void **state)
{
    (void) state;
    char text[] = "body";
    struct sut_bytes *b = NULL;
    assert_false(sut_failed(sut_bytes_create(sut_str_from(text), &b)));
    text[0] = 'X';
    assert_true(sut_str_is(sut_bytes_str(b), "body"));
    sut_bytes_unref(&b);
    assert_null(b);
    sut_bytes_unref(&b);
}

static void over_constants_nothing_is_copied(void **state)
{
    (void) state;
    static const char page[] = "page";
    struct sut_bytes *b = NULL;
    assert_false(sut_failed(sut_bytes_create_over(sut_str_of(page, 4), &b)));
    assert_ptr_equal(sut_bytes_str(b).p, page);
    sut_bytes_unref(&b);
}

static void nothing_is_a_text_too(void **state)
{
    (void) state;
    struct sut_bytes *b = NULL;
    assert_false(sut_failed(sut_bytes_create((sut_str){ 0 }, &b)));
    assert_int_equal(sut_bytes_str(b).n, 0);
    sut_bytes_unref(&b);
}

static void it_lives_until_the_last_reference(void **state)
{
    (void) state;
    struct sut_bytes *a = NULL;
    assert_false(sut_failed(sut_bytes_create(SUT_STR("x"), &a)));
    struct sut_bytes *b = sut_bytes_ref(a);
    sut_bytes_unref(&a);
    assert_null(a);
    assert_true(sut_str_is(sut_bytes_str(b), "x"));
    sut_bytes_unref(&b);
}

static void *churn(void *arg)
{
    for (unsigned i = 0; i < 20000; i++) {
        struct sut_bytes *mine = sut_bytes_ref(arg);
        sut_bytes_unref(&mine);
    }
    struct sut_bytes *last = arg;
    sut_bytes_unref(&last);
    return NULL;
}

static void references_come_and_go_on_any_thread(void **state)
{
    (void) state;
    struct sut_bytes *b = NULL;
    assert_false(sut_failed(sut_bytes_create(SUT_STR("shared"), &b)));
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, sut_bytes_ref(b)), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(sut_str_is(sut_bytes_str(b), "shared"));
    sut_bytes_unref(&b);
}

static void without_memory_there_are_none(void **state)
{
    (void) state;
    struct sut_bytes *b = NULL;
    sut_mem_fault_nth(1);
    assert_int_equal(sut_bytes_create(SUT_STR("x"), &b).code, SUT_E_NOMEM);
    sut_mem_fault_nth(1);
    assert_int_equal(sut_bytes_create_over(SUT_STR("x"), &b).code, SUT_E_NOMEM);
    assert_null(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_is_its_own),
        cmocka_unit_test(over_constants_nothing_is_copied),
        cmocka_unit_test(nothing_is_a_text_too),
        cmocka_unit_test(it_lives_until_the_last_reference),
        cmocka_unit_test(references_come_and_go_on_any_thread),
        cmocka_unit_test(without_memory_there_are_none),
    };
    return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
