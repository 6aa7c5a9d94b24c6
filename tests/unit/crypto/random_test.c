/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static SUT_ERR give_byte(void *ctx, void *p, size_t n)
{
    memset(p, *(const unsigned char *) ctx, n);
    return SUT_OK;
}

static void hex_is_what_the_source_gave(void **state)
{
    (void) state;
    unsigned char byte = 0xa5;
    const struct sut_random r = { .fill = give_byte, .ctx = &byte };
    char out[6] = "zzzzzz";
    assert_false(sut_failed(sut_random_hex(&r, 2, out)));
    assert_memory_equal(out, "a5a5zz", 6);
    assert_int_equal(sut_random_hex(&r, 65, out).code, SUT_E_INVALID);
}

static void an_id_is_positive_and_never_0(void **state)
{
    (void) state;
    unsigned char byte = 0xff;
    const struct sut_random r = { .fill = give_byte, .ctx = &byte };
    int64_t id = 0;
    assert_false(sut_failed(sut_random_id(&r, &id)));
    assert_int_equal(id, INT64_MAX);
    byte = 0;
    assert_int_equal(sut_random_id(&r, &id).code, SUT_E_SYSTEM);
    int64_t other = 0;
    assert_false(sut_failed(sut_random_id(&sut_random_system, &id)));
    assert_false(sut_failed(sut_random_id(&sut_random_system, &other)));
    assert_true(id > 0 && other > 0 && id != other);
}

static void letters_are_fair_and_a_stuck_source_fails(void **state)
{
    (void) state;
    char out[6200];
    unsigned count[256] = { 0 };
    assert_false(sut_failed(sut_random_alnum(&sut_random_system, sizeof(out), out)));
    for (size_t i = 0; i < sizeof(out); i++)
        count[(unsigned char) out[i]]++;
    size_t kinds = 0;
    for (size_t i = 0; i < 256; i++) {
        kinds += count[i] > 0;
        assert_true(count[i] == 0 || (count[i] > 40 && count[i] < 180));
    }
    assert_int_equal(kinds, 62);
    unsigned char byte = 250; /* above the last multiple of 62 */
    const struct sut_random r = { .fill = give_byte, .ctx = &byte };
    assert_int_equal(sut_random_alnum(&r, 1, out).code, SUT_E_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_what_the_source_gave),
        cmocka_unit_test(an_id_is_positive_and_never_0),
        cmocka_unit_test(letters_are_fair_and_a_stuck_source_fails),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
