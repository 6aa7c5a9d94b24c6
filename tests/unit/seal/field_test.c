/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "with_seal.h"

static const struct sut_seal_field email = { .table = "users", .column = "email" };
static const struct sut_seal_field phone = { .table = "users", .column = "phone" };
static const struct sut_seal_field of_session = { .table = "sessions", .column = "email" };
/* The two names put together are those of `email`. */
static const struct sut_seal_field shifted = { .table = "user", .column = "semail" };
static const char text[] = "ada.byron@example.com";

static struct sut_data_key key_of(struct sut_seal *s, int64_t person, uint32_t version)
{
    struct sut_data_key k;
    put_key(s, person, version);
    assert_false(sut_failed(sut_seal_key(s, person, version, &k)));
    assert_int_equal(k.person, person);
    assert_int_equal(k.version, version);
    return k;
}

static void a_value_comes_back_as_it_was(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_data_key k = key_of(s, 7, 3);
    char *const bytes = test_malloc(SUT_SEAL_PLAIN_MAX);
    for (size_t i = 0; i < SUT_SEAL_PLAIN_MAX; i++)
        bytes[i] = (char) (i * 7);
    const size_t lengths[] = { 0, 1, 15, 16, 17, 100, 1000, SUT_SEAL_PLAIN_MAX };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const sut_str plain = sut_str_of(bytes, lengths[i]);
        struct sut_buf sealed;
        struct sut_buf out;
        uint32_t version = 0;
        sut_buf_init(&sealed, SUT_SEAL_PLAIN_MAX + SUT_SEAL_OVERHEAD);
        sut_buf_init(&out, SUT_SEAL_PLAIN_MAX + 64);
        sut_buf_lit(&out, "before ");
        assert_false(sut_failed(sut_seal_put(s, &k, &email, INT64_MIN, plain, &sealed)));
        assert_int_equal(sealed.n, plain.n + SUT_SEAL_OVERHEAD);
        assert_false(sut_failed(sut_seal_version_of(sut_buf_str(&sealed), &version)));
        assert_int_equal(version, 3);
        assert_false(sut_failed(sut_seal_get(&k, &email, INT64_MIN, sut_buf_str(&sealed), &out)));
        assert_int_equal(out.n, 7 + plain.n);
        assert_true(sut_str_eq(sut_str_of(out.p + 7, plain.n), plain));
        if (plain.n > 16)
            assert_null(memmem(sealed.p, sealed.n, plain.p, 16));
        sut_buf_done(&sealed);
        sut_buf_done(&out);
    }
    test_free(bytes);
    sut_data_key_done(&k);
}

static void equal_values_never_look_equal(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_data_key k = key_of(s, 7, 1);
    struct sut_buf one;
    struct sut_buf two;
    sut_buf_init(&one, 256);
    sut_buf_init(&two, 256);
    assert_false(sut_failed(sut_seal_put(s, &k, &email, 1, sut_str_from(text), &one)));
    assert_false(sut_failed(sut_seal_put(s, &k, &email, 1, sut_str_from(text), &two)));
    assert_false(sut_str_eq(sut_buf_str(&one), sut_buf_str(&two)));
    sut_buf_done(&one);
    sut_buf_done(&two);
    sut_data_key_done(&k);
}

static void a_value_opens_in_its_own_place_alone(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_data_key mine = key_of(s, 7, 1);
    struct sut_data_key newer = key_of(s, 7, 2);
    struct sut_data_key other = key_of(s, 8, 1);
    struct sut_data_key renamed = mine; /* the same key, called version 2 */
    renamed.version = 2;
    struct sut_buf sealed;
    struct sut_buf out;
    sut_buf_init(&sealed, 256);
    sut_buf_init(&out, 256);
    assert_false(sut_failed(sut_seal_put(s, &mine, &email, 5, sut_str_from(text), &sealed)));
    const struct {
        const struct sut_data_key *key;
        const struct sut_seal_field *field;
        int64_t row;
    } elsewhere[] = {
        { &mine, &email, 6 },  { &mine, &email, -5 },     { &mine, &email, 5 + (INT64_C(1) << 32) },
        { &mine, &phone, 5 },  { &mine, &of_session, 5 }, { &mine, &shifted, 5 },
        { &newer, &email, 5 }, { &other, &email, 5 },     { &renamed, &email, 5 },
    };
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        assert_int_equal(sut_seal_get(elsewhere[i].key, elsewhere[i].field, elsewhere[i].row,
                                      sut_buf_str(&sealed), &out)
                             .code,
                         SUT_E_CORRUPT);
        assert_int_equal(out.n, 0);
    }
    /* Who renames the version in the text as well gains nothing: it is bound. */
    sealed.p[1] = 2;
    assert_int_equal(sut_seal_get(&renamed, &email, 5, sut_buf_str(&sealed), &out).code,
                     SUT_E_CORRUPT);
    sealed.p[1] = 1;
    assert_false(sut_failed(sut_seal_get(&mine, &email, 5, sut_buf_str(&sealed), &out)));
    assert_true(sut_str_is(sut_buf_str(&out), text));
    sut_buf_done(&sealed);
    sut_buf_done(&out);
    sut_data_key_done(&renamed);
    sut_data_key_done(&mine);
    sut_data_key_done(&newer);
    sut_data_key_done(&other);
}

static void no_bit_and_no_byte_may_change(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_data_key k = key_of(s, 7, 1);
    struct sut_buf sealed;
    struct sut_buf out;
    sut_buf_init(&sealed, 256);
    sut_buf_init(&out, 256);
    assert_false(sut_failed(sut_seal_put(s, &k, &email, 5, sut_str_from(text), &sealed)));
    for (size_t bit = 0; bit < 8 * sealed.n; bit++) {
        sealed.p[bit / 8] = (char) (sealed.p[bit / 8] ^ (1 << (bit % 8)));
        assert_int_equal(sut_seal_get(&k, &email, 5, sut_buf_str(&sealed), &out).code,
                         SUT_E_CORRUPT);
        sealed.p[bit / 8] = (char) (sealed.p[bit / 8] ^ (1 << (bit % 8)));
    }
    for (size_t n = 0; n < sealed.n; n++) {
        assert_int_equal(sut_seal_get(&k, &email, 5, sut_str_of(sealed.p, n), &out).code,
                         SUT_E_CORRUPT);
    }
    sut_buf_char(&sealed, 0);
    assert_int_equal(sut_seal_get(&k, &email, 5, sut_buf_str(&sealed), &out).code, SUT_E_CORRUPT);
    assert_int_equal(sut_seal_get(&k, &email, 5, sut_str_of(NULL, 0), &out).code, SUT_E_CORRUPT);
    assert_int_equal(out.n, 0);
    sut_buf_done(&sealed);
    sut_buf_done(&out);
    sut_data_key_done(&k);
}

static void what_is_no_sealed_value_has_no_version(void **state)
{
    (void) state;
    char bytes[SUT_SEAL_OVERHEAD] = { 1, 9 };
    uint32_t version = 77;
    assert_false(sut_failed(sut_seal_version_of(sut_str_of(bytes, sizeof(bytes)), &version)));
    assert_int_equal(version, 9);
    for (size_t n = 0; n < sizeof(bytes); n++)
        assert_int_equal(sut_seal_version_of(sut_str_of(bytes, n), &version).code, SUT_E_CORRUPT);
    /* 0 is what a build without sealing writes. */
    for (int format = 0; format < 256; format++) {
        bytes[0] = (char) format;
        assert_int_equal(sut_seal_version_of(sut_str_of(bytes, sizeof(bytes)), &version).code,
                         format == 1 ? SUT_E_OK : SUT_E_CORRUPT);
    }
    bytes[0] = 1;
    bytes[1] = 0;
    assert_int_equal(sut_seal_version_of(sut_str_of(bytes, sizeof(bytes)), &version).code,
                     SUT_E_CORRUPT);
    assert_int_equal(
        sut_seal_version_of(SUT_STR("ada.byron@example.com, a long and plain text"), &version).code,
        SUT_E_CORRUPT);
    assert_int_equal(version, 9);
}

static void a_value_too_long_and_a_full_buffer_change_nothing(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_data_key k = key_of(s, 7, 1);
    char *const bytes = test_calloc(1, SUT_SEAL_PLAIN_MAX + 1);
    struct sut_buf out;
    sut_buf_init(&out, SUT_SEAL_PLAIN_MAX + 256);
    assert_int_equal(
        sut_seal_put(s, &k, &email, 1, sut_str_of(bytes, SUT_SEAL_PLAIN_MAX + 1), &out).code,
        SUT_E_TOO_LARGE);
    assert_int_equal(out.n, 0);
    assert_false(
        sut_failed(sut_seal_put(s, &k, &email, 1, sut_str_of(bytes, SUT_SEAL_PLAIN_MAX), &out)));
    const size_t before = out.n;
    assert_int_equal(sut_seal_put(s, &k, &email, 1, sut_str_of(bytes, 1000), &out).code,
                     SUT_E_TOO_LARGE);
    assert_int_equal(out.n, before);
    sut_buf_done(&out);

    char large[100] = { 0 };
    const struct sut_seal_field far = { .table = large, .column = "email" };
    memset(large, 'x', 99);
    sut_buf_init(&out, 256);
    assert_int_equal(sut_seal_put(s, &k, &far, 1, SUT_STR("a"), &out).code, SUT_E_INVALID);
    assert_int_equal(out.n, 0);
    sut_buf_done(&out);
    test_free(bytes);
    sut_data_key_done(&k);
}

static SUT_ERR give_nothing(void *ctx, void *p, size_t n)
{
    (void) ctx;
    (void) p;
    (void) n;
    FAIL(SYSTEM);
}

static void a_dry_source_and_no_memory_change_nothing(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_data_key k = key_of(s, 7, 1);
    const struct sut_random dry = { .fill = give_nothing };
    struct sut_buf out;
    sut_buf_init(&out, 256);
    s->rnd = &dry;
    assert_int_equal(sut_seal_put(s, &k, &email, 1, SUT_STR("a"), &out).code, SUT_E_SYSTEM);
    s->rnd = &sut_random_system;
    assert_int_equal(out.n, 0);
    sut_buf_done(&out);

    sut_buf_init(&out, 256);
    sut_mem_fault_nth(1);
    assert_int_equal(sut_seal_put(s, &k, &email, 1, SUT_STR("a"), &out).code, SUT_E_NOMEM);
    sut_mem_fault_nth(0);
    assert_int_equal(out.n, 0);
    sut_buf_done(&out);
    sut_data_key_done(&k);
}

static void sealing_and_opening_take_no_memory_but_the_buffers(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_data_key k = key_of(s, 7, 1);
    struct sut_buf sealed;
    struct sut_buf out;
    sut_buf_init(&sealed, 256);
    sut_buf_init(&out, 256);
    (void) sut_buf_room(&sealed, 256);
    (void) sut_buf_room(&out, 256);
    sut_mem_fault_nth(1);
    assert_false(sut_failed(sut_seal_put(s, &k, &email, 1, sut_str_from(text), &sealed)));
    assert_false(sut_failed(sut_seal_get(&k, &email, 1, sut_buf_str(&sealed), &out)));
    assert_false(sut_failed(sut_seal_key(s, 7, 1, &k)));
    assert_false(sut_mem_fault_hit());
    sut_mem_fault_nth(0);
    sut_buf_done(&sealed);
    sut_buf_done(&out);
    sut_data_key_done(&k);
}

static void a_build_that_seals_has_no_warning(void **state)
{
    (void) state;
    assert_null(sut_seal_warning());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_comes_back_as_it_was, make_seal, free_seal),
        cmocka_unit_test_setup_teardown(equal_values_never_look_equal, make_seal, free_seal),
        cmocka_unit_test_setup_teardown(a_value_opens_in_its_own_place_alone, make_seal, free_seal),
        cmocka_unit_test_setup_teardown(no_bit_and_no_byte_may_change, make_seal, free_seal),
        cmocka_unit_test(what_is_no_sealed_value_has_no_version),
        cmocka_unit_test_setup_teardown(a_value_too_long_and_a_full_buffer_change_nothing,
                                        make_seal, free_seal),
        cmocka_unit_test_setup_teardown(a_dry_source_and_no_memory_change_nothing, make_seal,
                                        free_seal),
        cmocka_unit_test_setup_teardown(sealing_and_opening_take_no_memory_but_the_buffers,
                                        make_seal, free_seal),
        cmocka_unit_test(a_build_that_seals_has_no_warning),
    };
    return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
