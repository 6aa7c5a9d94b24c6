/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "authn/guest.h"
#include "crypto/random.h"
#include "crypto/sha256.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static sut_err fill_ones(void *ctx, void *p, size_t n)
{
    *(size_t *) ctx += n;
    memset(p, 0xff, n);
    return SUT_OK;
}

static sut_err fill_nothing(void *ctx, void *p, size_t n)
{
    (void) ctx;
    (void) p;
    (void) n;
    FAIL(SYSTEM);
}

static sut_str text_of(const struct sut_guest *g)
{
    return sut_str_of(g->text, sizeof(g->text));
}

static void a_number_is_256_bits_and_known_by_its_digest(void **state)
{
    (void) state;
    size_t asked = 0;
    const struct sut_random ones = { .fill = fill_ones, .ctx = &asked };
    struct sut_guest g;
    unsigned char digest[SUT_SHA256_SIZE];
    OK(sut_guest_make(&ones, &g));
    assert_int_equal(asked, 32);
    assert_true(sut_str_is(text_of(&g), "__________________________________________8"));
    sut_sha256(text_of(&g), digest);
    assert_memory_equal(g.digest, digest, sizeof(digest));
    assert_int_equal(sut_guest_digest(&g).n, SUT_GUEST_DIGEST);
}

static void two_guests_are_never_one(void **state)
{
    (void) state;
    struct sut_guest a;
    struct sut_guest b;
    OK(sut_guest_make(&sut_random_system, &a));
    OK(sut_guest_make(&sut_random_system, &b));
    assert_memory_not_equal(a.text, b.text, sizeof(a.text));
    assert_memory_not_equal(a.digest, b.digest, sizeof(a.digest));
}

static void without_chance_there_is_no_guest(void **state)
{
    (void) state;
    const struct sut_random none = { .fill = fill_nothing };
    struct sut_guest g;
    assert_int_equal(sut_guest_make(&none, &g).code, SUT_E_SYSTEM);
}

static void what_was_made_is_read_back(void **state)
{
    (void) state;
    struct sut_guest a;
    struct sut_guest b;
    OK(sut_guest_make(&sut_random_system, &a));
    assert_true(sut_guest_read(text_of(&a), &b));
    assert_memory_equal(a.text, b.text, sizeof(a.text));
    assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
}

static void what_is_no_number_in_form_is_none(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "x",
        "__________________________________________",   /* 42 */
        "__________________________________________8x", /* 44 */
        "__________________________________________9",  /* spare bits that are not 0 */
        "__________________________________________=",
        "++++++++++++++++++++++++++++++++++++++++++8", /* of another alphabet */
        " _________________________________________8",
        "%00________________________________________",
    };
    struct sut_guest g;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(sut_guest_read(sut_str_from(bad[i]), &g));
    char with_nul[SUT_GUEST_TEXT];
    memset(with_nul, '_', sizeof(with_nul));
    with_nul[3] = '\0';
    assert_false(sut_guest_read(sut_str_of(with_nul, sizeof(with_nul)), &g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_256_bits_and_known_by_its_digest),
        cmocka_unit_test(two_guests_are_never_one),
        cmocka_unit_test(without_chance_there_is_no_guest),
        cmocka_unit_test(what_was_made_is_read_back),
        cmocka_unit_test(what_is_no_number_in_form_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
