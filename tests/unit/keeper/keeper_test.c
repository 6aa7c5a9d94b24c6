/* SPDX-License-Identifier: Apache-2.0
 *
 * The client and the keeper with each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ed25519.h"
#include "crypto/wrap.h"
#include "test_keeper.h"

enum { ROUNDS = 2000, BATCHES = 100 };

static int setup(void **state)
{
    *state = test_keeper_start();
    return 0;
}

static int teardown(void **state)
{
    struct sut_keeper *k = *state;
    test_keeper_stop(&k);
    return 0;
}

struct wrapped {
    char bytes[SUT_WRAPPED_MAX];
    struct sut_buf buf;
};

static struct sut_buf *empty(struct wrapped *w)
{
    w->buf = (struct sut_buf){ .p = w->bytes, .cap = sizeof(w->bytes), .max = sizeof(w->bytes) };
    return &w->buf;
}

static void a_made_key_unwraps_to_itself(void **state)
{
    struct sut_keeper *const k = *state;
    for (int p = 0; p < SUT_KEY_PURPOSES; p++) {
        const enum sut_key_purpose purpose = (enum sut_key_purpose) p;
        DEFER(sut_secret_free) struct sut_secret *made = NULL;
        DEFER(sut_secret_free) struct sut_secret *again = NULL;
        struct wrapped w;
        const bool stays = purpose == SUT_KEY_DATA || purpose == SUT_KEY_AUDIT;
        assert_false(sut_failed(sut_keeper_make(k, purpose, 3, empty(&w), stays ? NULL : &made)));
        const sut_err e = sut_keeper_unwrap(k, purpose, 3, sut_buf_str(&w.buf), &again);
        if (stays) {
            assert_int_equal(e.code, SUT_E_DENIED);
            assert_int_equal(sut_keeper_make(k, purpose, 3, empty(&w), &made).code, SUT_E_INVALID);
            continue;
        }
        assert_false(sut_failed(e));
        assert_true(sut_secret_eq(sut_secret_str(made), sut_secret_str(again)));
        assert_int_equal(sut_secret_str(made).n, SUT_KEY_SIZE);
    }
}

static void a_wrapped_key_opens_for_its_own_purpose_and_version_alone(void **state)
{
    struct sut_keeper *const k = *state;
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    struct wrapped w;
    assert_false(sut_failed(sut_keeper_make(k, SUT_KEY_TOKEN, 1, empty(&w), NULL)));
    assert_int_equal(sut_keeper_unwrap(k, SUT_KEY_LINK, 1, sut_buf_str(&w.buf), &key).code,
                     SUT_E_CORRUPT);
    assert_int_equal(sut_keeper_unwrap(k, SUT_KEY_TOKEN, 2, sut_buf_str(&w.buf), &key).code,
                     SUT_E_CORRUPT);
    for (size_t i = 0; i < w.buf.n; i++) {
        w.bytes[i] = (char) (w.bytes[i] ^ 0x10);
        assert_int_equal(sut_keeper_unwrap(k, SUT_KEY_TOKEN, 1, sut_buf_str(&w.buf), &key).code,
                         SUT_E_CORRUPT);
        w.bytes[i] = (char) (w.bytes[i] ^ 0x10);
        assert_int_equal(sut_keeper_unwrap(k, SUT_KEY_TOKEN, 1, sut_str_of(w.bytes, i), &key).code,
                         SUT_E_CORRUPT);
    }
    assert_null(key);
    assert_false(sut_failed(sut_keeper_unwrap(k, SUT_KEY_TOKEN, 1, sut_buf_str(&w.buf), &key)));
}

static void keys_of_the_older_format_still_open(void **state)
{
    struct sut_keeper *const k = *state;
    static const char plain[] = "0123456789abcdef0123456789abcdef";
    DEFER(sut_secret_free) struct sut_secret *key = NULL;
    struct wrapped w;
    struct wrapped again;
    bool is_changed = false;
    assert_false(sut_failed(sut_wrap(&sut_random_system, sut_str_of(test_master_key, 32),
                                     SUT_STR("store-file"), sut_str_of(plain, 32), empty(&w))));
    assert_false(sut_failed(sut_keeper_unwrap(k, SUT_KEY_FILE, 1, sut_buf_str(&w.buf), &key)));
    assert_memory_equal(sut_secret_str(key).p, plain, 32);
    assert_false(sut_failed(
        sut_keeper_rewrap(k, SUT_KEY_FILE, 7, sut_buf_str(&w.buf), empty(&again), &is_changed)));
    assert_true(is_changed);
    sut_secret_free(&key);
    assert_false(sut_failed(sut_keeper_unwrap(k, SUT_KEY_FILE, 7, sut_buf_str(&again.buf), &key)));
    assert_memory_equal(sut_secret_str(key).p, plain, 32);
    assert_false(sut_failed(
        sut_keeper_rewrap(k, SUT_KEY_FILE, 7, sut_buf_str(&again.buf), empty(&w), &is_changed)));
    assert_false(is_changed);
    assert_true(sut_str_eq(sut_buf_str(&w.buf), sut_buf_str(&again.buf)));
}

static void data_keys_open_for_their_own_person_and_version_alone(void **state)
{
    struct sut_keeper *const k = *state;
    struct sut_kek kek = test_keeper_kek(k, 1);
    static struct sut_data_key_row rows[SUT_DATA_KEYS_MAX];
    static unsigned char made[SUT_DATA_KEYS_MAX][SUT_KEY_SIZE];
    static unsigned char opened[SUT_DATA_KEYS_MAX][SUT_KEY_SIZE];
    static bool ok[SUT_DATA_KEYS_MAX];
    for (size_t i = 0; i < SUT_DATA_KEYS_MAX; i++)
        rows[i] = (struct sut_data_key_row){ .person = (int64_t) i - 3, .version = 1 };
    assert_false(sut_failed(sut_keeper_make_data(k, &kek, rows, SUT_DATA_KEYS_MAX, made)));
    rows[1].person++;
    rows[2].version++;
    rows[3].wrapped[20] ^= 1;
    memcpy(rows[4].wrapped, rows[5].wrapped, SUT_DATA_WRAPPED);
    assert_false(sut_failed(sut_keeper_open_data(k, &kek, rows, SUT_DATA_KEYS_MAX, opened, ok)));
    static const unsigned char zeros[SUT_KEY_SIZE];
    for (size_t i = 0; i < SUT_DATA_KEYS_MAX; i++) {
        assert_int_equal(ok[i], i < 1 || i > 4);
        assert_memory_equal(opened[i], ok[i] ? made[i] : zeros, SUT_KEY_SIZE);
    }
    assert_int_equal(sut_keeper_open_data(k, &kek, rows, SUT_DATA_KEYS_MAX + 1, opened, ok).code,
                     SUT_E_INVALID);
    kek.wrapped[30] ^= 1;
    assert_int_equal(sut_keeper_open_data(k, &kek, rows, 1, opened, ok).code, SUT_E_CORRUPT);
    assert_false(ok[0]);
}

static void another_kek_opens_nothing(void **state)
{
    struct sut_keeper *const k = *state;
    struct sut_kek kek = test_keeper_kek(k, 1);
    const struct sut_kek other = test_keeper_kek(k, 1);
    struct sut_data_key_row row = { .person = 5, .version = 1 };
    unsigned char key[1][SUT_KEY_SIZE];
    bool ok = true;
    assert_false(sut_failed(sut_keeper_make_data(k, &kek, &row, 1, key)));
    assert_false(sut_failed(sut_keeper_open_data(k, &other, &row, 1, key, &ok)));
    assert_false(ok);
    kek.version = 2;
    assert_int_equal(sut_keeper_open_data(k, &kek, &row, 1, key, &ok).code, SUT_E_INVALID);
    row.kek_version = 2;
    assert_int_equal(sut_keeper_open_data(k, &kek, &row, 1, key, &ok).code, SUT_E_CORRUPT);
}

static void a_checkpoint_is_signed_over_all_its_fields(void **state)
{
    struct sut_keeper *const k = *state;
    struct wrapped w;
    struct sut_checkpoint c = { .sequence = 77, .at = { 1700000000000 }, .head = "head" };
    unsigned char signature[SUT_CHECKPOINT_SIGNATURE];
    unsigned char public_key[32];
    char text[128];
    assert_false(sut_failed(sut_keeper_make(k, SUT_KEY_AUDIT, 1, empty(&w), NULL)));
    assert_false(
        sut_failed(sut_keeper_checkpoint(k, 1, sut_buf_str(&w.buf), &c, signature, public_key)));
    struct sut_buf msg = { .p = text, .cap = sizeof(text), .max = sizeof(text) };
    sut_checkpoint_text(&c, &msg);
    assert_true(sut_ed25519_verify(public_key, sut_buf_str(&msg), signature));
    c.sequence++;
    sut_buf_reset(&msg);
    sut_checkpoint_text(&c, &msg);
    assert_false(sut_ed25519_verify(public_key, sut_buf_str(&msg), signature));
    assert_int_equal(sut_keeper_checkpoint(k, 2, sut_buf_str(&w.buf), &c, signature, NULL).code,
                     SUT_E_CORRUPT);
}

static void it_tells_about_itself_without_telling_the_key(void **state)
{
    struct sut_keeper *const k = *state;
    struct sut_keeper_about about;
    assert_false(sut_failed(sut_keeper_about(k, &about)));
    assert_true(about.may_rotate);
    assert_false(about.has_next);
    assert_memory_not_equal(about.master_id, test_master_key, SUT_MASTER_ID);
}

static void how_long_it_takes(void **state)
{
    struct sut_keeper *const k = *state;
    const struct sut_kek kek = test_keeper_kek(k, 1);
    static struct sut_data_key_row rows[SUT_DATA_KEYS_MAX];
    static unsigned char keys[SUT_DATA_KEYS_MAX][SUT_KEY_SIZE];
    static bool ok[SUT_DATA_KEYS_MAX];
    for (size_t i = 0; i < SUT_DATA_KEYS_MAX; i++)
        rows[i] = (struct sut_data_key_row){ .person = (int64_t) i, .version = 1 };
    assert_false(sut_failed(sut_keeper_make_data(k, &kek, rows, SUT_DATA_KEYS_MAX, keys)));
    uint64_t start = sut_monotonic_ns();
    for (int i = 0; i < ROUNDS; i++)
        assert_false(sut_failed(sut_keeper_open_data(k, &kek, rows, 1, keys, ok)));
    const double one = (double) (sut_monotonic_ns() - start) / 1000 / ROUNDS;
    start = sut_monotonic_ns();
    for (int i = 0; i < BATCHES; i++)
        assert_false(sut_failed(sut_keeper_open_data(k, &kek, rows, SUT_DATA_KEYS_MAX, keys, ok)));
    const double many = (double) (sut_monotonic_ns() - start) / 1000 / BATCHES;
    printf("# one data key: %.1f us, %d in a batch: %.1f us (%.2f us a key)\n", one,
           SUT_DATA_KEYS_MAX, many, many / SUT_DATA_KEYS_MAX);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_key_unwraps_to_itself),
        cmocka_unit_test(a_wrapped_key_opens_for_its_own_purpose_and_version_alone),
        cmocka_unit_test(keys_of_the_older_format_still_open),
        cmocka_unit_test(data_keys_open_for_their_own_person_and_version_alone),
        cmocka_unit_test(another_kek_opens_nothing),
        cmocka_unit_test(a_checkpoint_is_signed_over_all_its_fields),
        cmocka_unit_test(it_tells_about_itself_without_telling_the_key),
        cmocka_unit_test(how_long_it_takes),
    };
    return cmocka_run_group_tests_name("keeper", tests, setup, teardown);
}
