/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"
#include "crypto/b64.h"
#include "with_seal.h"

static const struct sut_seal_field email = { .table = "users", .column = "email" };
static const struct sut_seal_field username = { .table = "users", .column = "username" };
static const struct sut_seal_field elsewhere = { .table = "orders", .column = "email" };
static const struct sut_seal_field shifted = { .table = "user", .column = "semail" };

struct keys {
    struct sut_secret *secrets[SUT_INDEX_VERSIONS_MAX + 1];
    struct sut_index_key keys[SUT_INDEX_VERSIONS_MAX + 1];
};

/* Keys of the versions first, first - 1 ...: the current one in front. */
static void make_keys(struct keys *k, uint32_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t version = first - (uint32_t) i;
        char raw[SUT_KEY_SIZE];
        memset(raw, (int) version, sizeof(raw));
        assert_false(sut_failed(sut_secret_dup(sut_str_of(raw, sizeof(raw)), &k->secrets[i])));
        k->keys[i] = (struct sut_index_key){ .version = version, .key = k->secrets[i] };
    }
}

static void free_keys(struct keys *k, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sut_secret_free(&k->secrets[i]);
}

static void set_keys(struct sut_seal *s, uint32_t first, size_t n)
{
    struct keys k;
    make_keys(&k, first, n);
    assert_false(sut_failed(sut_seal_set_index_keys(s, k.keys, n)));
    free_keys(&k, n);
}

static void there_is_none_before_the_keys_are_set(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_index i;
    assert_int_equal(sut_seal_index(s, &email, SUT_STR("a"), &i).code, SUT_E_UNAVAILABLE);
}

static void an_index_is_stable_and_tells_column_table_key_and_value_apart(void **state)
{
    struct sut_seal *const s = *state;
    const struct sut_seal_field *const fields[] = { &email, &username, &elsewhere, &shifted };
    const sut_str values[] = { SUT_STR("ada@example.com"), SUT_STR("ada@example.con"), SUT_STR(""),
                               SUT_STR("email") };
    enum { FIELDS = 4, VALUES = 4, KEYS = 3, ALL = FIELDS * VALUES * KEYS };
    char seen[ALL][SUT_INDEX_TEXT];
    size_t n = 0;
    for (uint32_t version = 1; version <= KEYS; version++) {
        set_keys(s, version, 1);
        for (size_t f = 0; f < FIELDS; f++) {
            for (size_t v = 0; v < VALUES; v++) {
                struct sut_index one;
                struct sut_index two;
                assert_false(sut_failed(sut_seal_index(s, fields[f], values[v], &one)));
                assert_false(sut_failed(sut_seal_index(s, fields[f], values[v], &two)));
                assert_int_equal(one.n, 1);
                assert_int_equal(one.at[0].version, version);
                assert_true(sut_str_eq(sut_index_text(&one, 0), sut_index_text(&two, 0)));
                for (size_t i = 0; i < n; i++)
                    assert_memory_not_equal(seen[i], one.at[0].text, SUT_INDEX_TEXT);
                memcpy(seen[n++], one.at[0].text, SUT_INDEX_TEXT);
            }
        }
    }
    assert_int_equal(n, ALL);
}

/* Held against HMAC over the three parts as the header tells them: changing it loses every row. */
static void an_index_is_hmac_over_table_column_and_value(void **state)
{
    struct sut_seal *const s = *state;
    struct keys k;
    struct sut_index i;
    unsigned char mac[SUT_HMAC_SIZE];
    unsigned char back[16];
    size_t n = 0;
    char text[SUT_INDEX_TEXT];
    make_keys(&k, 1, 1);
    assert_false(sut_failed(sut_seal_set_index_keys(s, k.keys, 1)));
    sut_hmac_once(sut_secret_str(k.secrets[0]), SUT_STR("users\0email\0ada@example.com"), mac);
    assert_false(sut_failed(sut_seal_index(s, &email, SUT_STR("ada@example.com"), &i)));
    for (size_t c = 0; c < SUT_INDEX_TEXT; c++)
        text[c] = (char) (i.at[0].text[c] == '-'   ? '+'
                          : i.at[0].text[c] == '_' ? '/'
                                                   : i.at[0].text[c]);
    assert_false(
        sut_failed(sut_b64_parse(sut_str_of(text, SUT_INDEX_TEXT), false, back, sizeof(back), &n)));
    assert_int_equal(n, 16);
    assert_memory_equal(back, mac, 16);
    free_keys(&k, 1);
}

static void an_index_is_of_letters_that_an_url_takes(void **state)
{
    struct sut_seal *const s = *state;
    set_keys(s, 1, 1);
    for (uint32_t v = 0; v < 2000; v++) {
        struct sut_index i;
        assert_false(
            sut_failed(sut_seal_index(s, &email, sut_str_of((const char *) &v, sizeof(v)), &i)));
        for (size_t c = 0; c < SUT_INDEX_TEXT; c++)
            assert_non_null(
                memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                       i.at[0].text[c], 64));
    }
}

static void several_versions_stand_in_order_and_each_as_when_alone(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_index alone[SUT_INDEX_VERSIONS_MAX];
    struct sut_index all;
    for (uint32_t v = 0; v < SUT_INDEX_VERSIONS_MAX; v++) {
        set_keys(s, SUT_INDEX_VERSIONS_MAX - v, 1);
        assert_false(sut_failed(sut_seal_index(s, &email, SUT_STR("ada"), &alone[v])));
    }
    set_keys(s, SUT_INDEX_VERSIONS_MAX, SUT_INDEX_VERSIONS_MAX);
    assert_false(sut_failed(sut_seal_index(s, &email, SUT_STR("ada"), &all)));
    assert_int_equal(all.n, SUT_INDEX_VERSIONS_MAX);
    for (size_t v = 0; v < SUT_INDEX_VERSIONS_MAX; v++) {
        assert_int_equal(all.at[v].version, SUT_INDEX_VERSIONS_MAX - v);
        assert_true(sut_str_eq(sut_index_text(&all, v), sut_index_text(&alone[v], 0)));
    }
}

static void keys_that_are_none_change_nothing(void **state)
{
    struct sut_seal *const s = *state;
    struct sut_secret *tiny = NULL;
    struct keys k;
    struct sut_index i;
    set_keys(s, 9, 2);
    make_keys(&k, 9, SUT_INDEX_VERSIONS_MAX + 1);
    assert_int_equal(sut_seal_set_index_keys(s, k.keys, 0).code, SUT_E_INVALID);
    assert_int_equal(sut_seal_set_index_keys(s, k.keys, SUT_INDEX_VERSIONS_MAX + 1).code,
                     SUT_E_INVALID);
    k.keys[1].version = 9;
    assert_int_equal(sut_seal_set_index_keys(s, k.keys, 2).code, SUT_E_INVALID);
    k.keys[1].version = 0;
    assert_int_equal(sut_seal_set_index_keys(s, k.keys, 2).code, SUT_E_INVALID);
    assert_false(sut_failed(sut_secret_dup(SUT_STR("short"), &tiny)));
    k.keys[1] = (struct sut_index_key){ .version = 8, .key = tiny };
    assert_int_equal(sut_seal_set_index_keys(s, k.keys, 2).code, SUT_E_INVALID);
    assert_false(sut_failed(sut_seal_index(s, &email, SUT_STR("a"), &i)));
    assert_int_equal(i.n, 2);
    assert_int_equal(i.at[0].version, 9);
    assert_int_equal(i.at[1].version, 8);
    sut_secret_free(&tiny);
    free_keys(&k, SUT_INDEX_VERSIONS_MAX + 1);
}

struct readers {
    struct sut_seal *seal;
    struct sut_index want[2]; /* of one key, of two */
    atomic_bool stop;
    atomic_ulong wrong;
    atomic_ulong reads;
};

static void *read_until_told(void *arg)
{
    struct readers *const r = arg;
    while (!atomic_load(&r->stop)) {
        struct sut_index i;
        if (sut_failed(sut_seal_index(r->seal, &email, SUT_STR("ada"), &i)) || i.n < 1 || i.n > 2) {
            atomic_fetch_add(&r->wrong, 1);
            continue;
        }
        const struct sut_index *const want = &r->want[i.n - 1];
        for (size_t v = 0; v < i.n; v++) {
            if (i.at[v].version != want->at[v].version ||
                !sut_str_eq(sut_index_text(&i, v), sut_index_text(want, v)))
                atomic_fetch_add(&r->wrong, 1);
        }
        atomic_fetch_add(&r->reads, 1);
    }
    return NULL;
}

static void readers_never_see_half_of_a_change(void **state)
{
    enum { THREADS = 4, CHANGES = 200 };
    struct readers r = { .seal = *state };
    pthread_t threads[THREADS];
    set_keys(r.seal, 2, 2);
    assert_false(sut_failed(sut_seal_index(r.seal, &email, SUT_STR("ada"), &r.want[1])));
    set_keys(r.seal, 1, 1);
    assert_false(sut_failed(sut_seal_index(r.seal, &email, SUT_STR("ada"), &r.want[0])));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_until_told, &r), 0);
    for (uint32_t i = 0; i < CHANGES; i++)
        set_keys(r.seal, i % 2 + 1, i % 2 + 1);
    while (atomic_load(&r.reads) < 1000 && atomic_load(&r.wrong) == 0)
        (void) sched_yield();
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&r.wrong), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_is_none_before_the_keys_are_set, make_seal,
                                        free_seal),
        cmocka_unit_test_setup_teardown(
            an_index_is_stable_and_tells_column_table_key_and_value_apart, make_seal, free_seal),
        cmocka_unit_test_setup_teardown(an_index_is_hmac_over_table_column_and_value, make_seal,
                                        free_seal),
        cmocka_unit_test_setup_teardown(an_index_is_of_letters_that_an_url_takes, make_seal,
                                        free_seal),
        cmocka_unit_test_setup_teardown(several_versions_stand_in_order_and_each_as_when_alone,
                                        make_seal, free_seal),
        cmocka_unit_test_setup_teardown(keys_that_are_none_change_nothing, make_seal, free_seal),
        cmocka_unit_test_setup_teardown(readers_never_see_half_of_a_change, make_seal, free_seal),
    };
    return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
