/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever passed a key on leaves nothing of it behind: the whole memory of the
 * process, in which client and keeper both run, is searched for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/random.h"
#include "test_keeper.h"

enum { PIECE = 65536 };

/*
 * How often the 32 bytes stand in memory that can be read; they are given turned
 * over, so that what is looked for is not found in the looking.
 */
static unsigned count_in_memory(const unsigned char turned[SUT_KEY_SIZE])
{
    static char piece[PIECE + SUT_KEY_SIZE];
    unsigned found = 0;
    char line[512];
    FILE *const maps = fopen("/proc/self/maps", "r");
    const int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_non_null(maps);
    assert_true(mem >= 0);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *end = NULL;
        const unsigned long from = strtoul(line, &end, 16);
        const unsigned long to = strtoul(end + 1, &end, 16);
        if (end[1] != 'r' || end[2] != 'w')
            continue;
        for (unsigned long at = from; at < to; at += PIECE) {
            const size_t want = to - at < sizeof(piece) ? to - at : sizeof(piece);
            const uintptr_t own = (uintptr_t) piece;
            const ssize_t n = pread(mem, piece, want, (off_t) at);
            for (ssize_t i = 0; i + SUT_KEY_SIZE <= n && i < PIECE; i++) {
                size_t same = 0;
                while (same < SUT_KEY_SIZE &&
                       ((unsigned char) piece[i + (ssize_t) same] ^ turned[same]) == 0xff)
                    same++;
                const uintptr_t place = at + (uintptr_t) i;
                if (same == SUT_KEY_SIZE && (place < own || place >= own + sizeof(piece)))
                    found++;
            }
        }
    }
    (void) fclose(maps);
    (void) close(mem);
    sut_wipe(piece, sizeof(piece));
    return found;
}

/* The keeper answers first and wipes then: what it had is gone a moment later. */
static void assert_copies(const unsigned char turned[SUT_KEY_SIZE], unsigned want)
{
    unsigned found = count_in_memory(turned);
    for (int i = 0; i < 3000 && found > want; i++) {
        usleep(10000);
        found = count_in_memory(turned);
    }
    assert_int_equal(found, want);
}

static void turn(const void *key, unsigned char to[SUT_KEY_SIZE])
{
    const unsigned char *const p = key;
    for (size_t i = 0; i < SUT_KEY_SIZE; i++)
        to[i] = (unsigned char) (p[i] ^ 0xff);
}

static void a_key_that_was_unwrapped_is_gone_with_its_secret(void **state)
{
    (void) state;
    struct sut_keeper *k = test_keeper_start();
    struct sut_secret *key = NULL;
    unsigned char turned[SUT_KEY_SIZE];
    char wrapped[SUT_WRAPPED_MAX];
    struct sut_buf out = { .p = wrapped, .cap = sizeof(wrapped), .max = sizeof(wrapped) };
    assert_false(sut_failed(sut_keeper_make(k, SUT_KEY_TOKEN, 1, &out, &key)));
    turn(sut_secret_str(key).p, turned);
    assert_copies(turned, 1); /* the search finds */
    sut_secret_free(&key);
    assert_copies(turned, 0);
    assert_false(sut_failed(sut_keeper_unwrap(k, SUT_KEY_TOKEN, 1, sut_buf_str(&out), &key)));
    assert_copies(turned, 1);
    sut_secret_free(&key);
    assert_copies(turned, 0);
    test_keeper_stop(&k);
}

static void data_keys_stand_with_the_caller_alone(void **state)
{
    (void) state;
    struct sut_keeper *k = test_keeper_start();
    const struct sut_kek kek = test_keeper_kek(k, 1);
    static struct sut_data_key_row rows[SUT_DATA_KEYS_MAX];
    static unsigned char keys[SUT_DATA_KEYS_MAX][SUT_KEY_SIZE];
    static bool ok[SUT_DATA_KEYS_MAX];
    unsigned char turned[2][SUT_KEY_SIZE];
    for (size_t i = 0; i < SUT_DATA_KEYS_MAX; i++)
        rows[i] = (struct sut_data_key_row){ .person = (int64_t) i, .version = 1 };
    assert_false(sut_failed(sut_keeper_make_data(k, &kek, rows, SUT_DATA_KEYS_MAX, keys)));
    turn(keys[0], turned[0]);
    turn(keys[SUT_DATA_KEYS_MAX - 1], turned[1]);
    for (size_t i = 0; i < 2; i++)
        assert_copies(turned[i], 1);
    assert_false(sut_failed(sut_keeper_open_data(k, &kek, rows, SUT_DATA_KEYS_MAX, keys, ok)));
    for (size_t i = 0; i < 2; i++)
        assert_copies(turned[i], 1);
    sut_wipe(keys, sizeof(keys));
    for (size_t i = 0; i < 2; i++)
        assert_copies(turned[i], 0);
    test_keeper_stop(&k);
}

static void an_ended_keeper_takes_its_master_key_along(void **state)
{
    (void) state;
    struct sut_master master = { .key = NULL };
    unsigned char turned[SUT_KEY_SIZE];
    assert_false(sut_failed(sut_secret_create(SUT_KEY_SIZE, &master.key)));
    assert_false(sut_failed(
        sut_random_fill(&sut_random_system, sut_secret_bytes(master.key), SUT_KEY_SIZE)));
    turn(sut_secret_str(master.key).p, turned);
    struct sut_keeper *k = test_keeper_start_with(&master);
    sut_master_done(&master);
    struct sut_keeper_about about;
    assert_false(sut_failed(sut_keeper_about(k, &about)));
    test_keeper_stop(&k);
    assert_copies(turned, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_was_unwrapped_is_gone_with_its_secret),
        cmocka_unit_test(data_keys_stand_with_the_caller_alone),
        cmocka_unit_test(an_ended_keeper_takes_its_master_key_along),
    };
    return cmocka_run_group_tests_name("wiped", tests, NULL, NULL);
}
