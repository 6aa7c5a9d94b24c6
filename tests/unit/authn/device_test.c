/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static SUT_ERR counting(void *ctx, void *p, size_t n)
{
    uint8_t *next = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *) p)[i] = (*next)++;
    return SUT_OK;
}

static uint8_t next_byte;
static const struct sut_random counted = { .fill = counting, .ctx = &next_byte };

static SUT_ERR broken(void *ctx, void *p, size_t n)
{
    (void) ctx;
    (void) p;
    (void) n;
    FAIL(SYSTEM);
}

static struct sut_hmac_key key_of(const char *secret)
{
    struct sut_hmac_key k;
    sut_hmac_key_init(&k, sut_str_from(secret));
    return k;
}

static struct sut_device made(const struct sut_hmac_key *k)
{
    struct sut_device d;
    assert_false(sut_failed(sut_device_make(k, &counted, &d)));
    assert_false(d.is_known);
    return d;
}

static bool is_read(const struct sut_hmac_key *k, sut_str text)
{
    struct sut_device d;
    sut_device_read(k, text, &d);
    return d.is_known;
}

static void what_was_made_is_known_again(void **state)
{
    (void) state;
    const struct sut_hmac_key k = key_of("a key of the shop's own");
    const struct sut_device one = made(&k);
    const struct sut_device two = made(&k);
    struct sut_device got;
    assert_memory_not_equal(one.text, two.text, sizeof(one.text));
    assert_memory_not_equal(one.hash, two.hash, sizeof(one.hash));
    sut_device_read(&k, sut_str_of(one.text, sizeof(one.text)), &got);
    assert_true(got.is_known);
    assert_memory_equal(got.hash, one.hash, sizeof(one.hash));
    assert_memory_equal(got.text, one.text, sizeof(one.text));
    /* The number itself is not in what rows keep. */
    for (size_t i = 0; i + 4 <= sizeof(one.hash); i++)
        assert_null(memmem(one.text, sizeof(one.text), one.hash + i, 4));
}

static void every_flipped_bit_and_every_cut_is_refused(void **state)
{
    (void) state;
    const struct sut_hmac_key k = key_of("a key of the shop's own");
    const struct sut_device d = made(&k);
    char text[SUT_DEVICE_TEXT + 1];
    memcpy(text, d.text, sizeof(d.text));
    text[SUT_DEVICE_TEXT] = 'A';
    assert_true(is_read(&k, sut_str_of(text, SUT_DEVICE_TEXT)));
    assert_false(is_read(&k, sut_str_of(text, SUT_DEVICE_TEXT + 1)));
    for (size_t n = 0; n < SUT_DEVICE_TEXT; n++)
        assert_false(is_read(&k, sut_str_of(text, n)));
    for (size_t i = 0; i < SUT_DEVICE_TEXT * 8; i++) {
        text[i / 8] = (char) (text[i / 8] ^ (char) (1U << i % 8));
        assert_false(is_read(&k, sut_str_of(text, SUT_DEVICE_TEXT)));
        text[i / 8] = (char) (text[i / 8] ^ (char) (1U << i % 8));
    }
    assert_false(is_read(&k, (sut_str){ 0 }));
}

static void another_shops_cookie_is_a_strangers(void **state)
{
    (void) state;
    const struct sut_hmac_key ours = key_of("a key of the shop's own");
    const struct sut_hmac_key theirs = key_of("a key of another shop");
    const struct sut_device d = made(&theirs);
    assert_false(is_read(&ours, sut_str_of(d.text, sizeof(d.text))));
}

static void without_chance_none_is_made(void **state)
{
    (void) state;
    const struct sut_hmac_key k = key_of("k");
    const struct sut_random none = { .fill = broken };
    struct sut_device d;
    assert_int_equal(sut_device_make(&k, &none, &d).code, SUT_E_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_is_known_again),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_refused),
        cmocka_unit_test(another_shops_cookie_is_a_strangers),
        cmocka_unit_test(without_chance_none_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
