/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/seal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "test_keeper.h"
#include "with_seal.h"

static const struct sut_seal_field email = { .table = "users", .column = "email" };

enum { OLD = 1, NEW = 2, MANY = 700, CACHE = 2048 };

struct fixture {
    struct sut_keeper *keeper;
    struct sut_seal *seal;
    struct sut_kek keks[2]; /* the current first */
    struct sut_data_key_row rows[MANY];
};

static struct sut_seal *seal_of(struct sut_keeper *k, size_t keys_max)
{
    const struct sut_seal_options o = { .keeper = k,
                                        .random = &sut_random_system,
                                        .keys_max = keys_max };
    struct sut_seal *s = NULL;
    assert_false(sut_failed(sut_seal_create(&o, &s)));
    return s;
}

static int make(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->keeper = test_keeper_start();
    f->keks[0] = test_keeper_kek(f->keeper, NEW);
    f->keks[1] = test_keeper_kek(f->keeper, OLD);
    f->seal = seal_of(f->keeper, CACHE);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    struct fixture *f = *state;
    sut_seal_free(&f->seal);
    test_keeper_stop(&f->keeper);
    test_free(f);
    return 0;
}

/* Rows of n persons from 1 on, half of them under the older KEK. */
static void make_rows(struct fixture *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        f->rows[i] = (struct sut_data_key_row){ .person = (int64_t) i + 1, .version = 1 };
    const size_t half = n / 2;
    assert_false(sut_failed(sut_seal_set_keks(f->seal, &f->keks[1], 1)));
    assert_int_equal(sut_seal_kek_version(f->seal), OLD);
    assert_false(sut_failed(sut_seal_make_keys(f->seal, f->rows, half)));
    assert_false(sut_failed(sut_seal_set_keks(f->seal, f->keks, 2)));
    assert_int_equal(sut_seal_kek_version(f->seal), NEW);
    assert_false(sut_failed(sut_seal_make_keys(f->seal, f->rows + half, n - half)));
}

static void put_with(struct sut_seal *s, int64_t person, struct sut_buf *out)
{
    struct sut_data_key k;
    assert_false(sut_failed(sut_seal_key(s, person, 1, &k)));
    assert_false(sut_failed(sut_seal_put(s, &k, &email, person, SUT_STR("ada"), out)));
    sut_data_key_done(&k);
}

static enum sut_ecode get_with(struct sut_seal *s, int64_t person, sut_str sealed)
{
    struct sut_data_key k;
    struct sut_buf out;
    const sut_err e = sut_seal_key(s, person, 1, &k);
    if (sut_failed(e))
        return e.code;
    sut_buf_init(&out, 256);
    const sut_err got = sut_seal_get(&k, &email, person, sealed, &out);
    assert_true(sut_failed(got) || sut_str_is(sut_buf_str(&out), "ada"));
    sut_buf_done(&out);
    sut_data_key_done(&k);
    return got.code;
}

static void nothing_opens_before_the_keks_are_set(void **state)
{
    struct fixture *const f = *state;
    struct sut_data_key k;
    assert_int_equal(sut_seal_kek_version(f->seal), 0);
    assert_int_equal(sut_seal_make_keys(f->seal, f->rows, 1).code, SUT_E_UNAVAILABLE);
    assert_int_equal(sut_seal_open_keys(f->seal, f->rows, 1, NULL).code, SUT_E_UNAVAILABLE);
    assert_false(sut_failed(sut_seal_open_keys(f->seal, NULL, 0, NULL)));
    assert_false(sut_failed(sut_seal_make_keys(f->seal, NULL, 0)));
    assert_int_equal(sut_seal_key(f->seal, 1, 1, &k).code, SUT_E_NOT_FOUND);
}

static void keks_that_are_none_change_nothing(void **state)
{
    struct fixture *const f = *state;
    struct sut_kek many[SUT_KEKS_MAX + 1] = { 0 };
    assert_false(sut_failed(sut_seal_set_keks(f->seal, f->keks, 2)));
    assert_int_equal(sut_seal_set_keks(f->seal, many, 1).code, SUT_E_INVALID);
    for (uint32_t i = 0; i <= SUT_KEKS_MAX; i++) {
        many[i] = f->keks[0];
        many[i].version = i + 1;
    }
    assert_int_equal(sut_seal_set_keks(f->seal, many, 0).code, SUT_E_INVALID);
    assert_int_equal(sut_seal_set_keks(f->seal, many, SUT_KEKS_MAX + 1).code, SUT_E_INVALID);
    many[1].version = 1;
    assert_int_equal(sut_seal_set_keks(f->seal, many, 2).code, SUT_E_INVALID);
    many[1].version = 2;
    many[1].wrapped_n = SUT_WRAPPED_MAX + 1;
    assert_int_equal(sut_seal_set_keks(f->seal, many, 2).code, SUT_E_INVALID);
    assert_int_equal(sut_seal_kek_version(f->seal), NEW);
}

static void keys_made_here_open_elsewhere_from_their_rows(void **state)
{
    struct fixture *const f = *state;
    struct sut_buf sealed;
    size_t bad = 99;
    sut_buf_init(&sealed, 256);
    make_rows(f, 4);
    assert_int_equal(f->rows[0].kek_version, OLD);
    assert_int_equal(f->rows[3].kek_version, NEW);
    assert_int_equal(sut_seal_count(f->seal).held, 4);
    struct sut_seal *other = seal_of(f->keeper, 64);
    assert_false(sut_failed(sut_seal_set_keks(other, f->keks, 2)));
    assert_int_equal(get_with(other, 1, SUT_STR("x")), SUT_E_NOT_FOUND);
    assert_false(sut_failed(sut_seal_open_keys(other, f->rows, 4, &bad)));
    assert_int_equal(bad, 0);
    for (int64_t p = 1; p <= 4; p++) {
        sut_buf_reset(&sealed);
        put_with(f->seal, p, &sealed);
        assert_int_equal(get_with(other, p, sut_buf_str(&sealed)), SUT_E_OK);
        assert_int_equal(get_with(other, p % 4 + 1, sut_buf_str(&sealed)), SUT_E_CORRUPT);
    }
    sut_seal_free(&other);
    sut_buf_done(&sealed);
}

static void a_long_list_is_opened_in_few_calls_and_then_costs_none(void **state)
{
    struct fixture *const f = *state;
    size_t bad = 99;
    make_rows(f, MANY);
    struct sut_seal *other = seal_of(f->keeper, CACHE);
    assert_false(sut_failed(sut_seal_set_keks(other, f->keks, 2)));
    const uint64_t before = sut_keeper_calls(f->keeper);
    assert_false(sut_failed(sut_seal_open_keys(other, f->rows, MANY, &bad)));
    assert_int_equal(bad, 0);
    /* 350 under each KEK, 256 at once. */
    assert_int_equal(sut_keeper_calls(f->keeper) - before, 4);
    assert_int_equal(sut_seal_count(other).opened, MANY);
    assert_int_equal(sut_seal_count(other).held, MANY);
    assert_false(sut_failed(sut_seal_open_keys(other, f->rows, MANY, &bad)));
    assert_int_equal(sut_keeper_calls(f->keeper) - before, 4);
    for (int64_t p = 1; p <= MANY; p++) {
        struct sut_data_key k;
        assert_false(sut_failed(sut_seal_key(other, p, 1, &k)));
        sut_data_key_done(&k);
    }
    assert_int_equal(sut_keeper_calls(f->keeper) - before, 4);
    assert_int_equal(sut_seal_count(other).misses, 0);
    sut_seal_free(&other);
}

static void a_person_who_stands_in_a_list_often_is_opened_once(void **state)
{
    struct fixture *const f = *state;
    make_rows(f, 2);
    for (size_t i = 2; i < MANY; i++)
        f->rows[i] = f->rows[i % 2];
    struct sut_seal *other = seal_of(f->keeper, 64);
    assert_false(sut_failed(sut_seal_set_keks(other, f->keks, 2)));
    assert_false(sut_failed(sut_seal_open_keys(other, f->rows, MANY, NULL)));
    assert_int_equal(sut_seal_count(other).opened, 2);
    sut_seal_free(&other);
}

static void rows_altered_swapped_or_of_an_unknown_kek_are_left_out(void **state)
{
    struct fixture *const f = *state;
    size_t bad = 0;
    make_rows(f, 10);
    struct sut_data_key_row rows[10];
    memcpy(rows, f->rows, sizeof(rows));
    rows[0].wrapped[20] ^= 1;                                             /* altered */
    memcpy(rows[1].wrapped, f->rows[2].wrapped, sizeof(rows[1].wrapped)); /* another person's */
    rows[3].version = 2;                                                  /* another version */
    rows[4].kek_version = NEW;                                            /* another KEK */
    rows[5].kek_version = 77;
    rows[6].kek_version = 0;
    struct sut_seal *other = seal_of(f->keeper, 64);
    assert_false(sut_failed(sut_seal_set_keks(other, f->keks, 2)));
    assert_false(sut_failed(sut_seal_open_keys(other, rows, 10, &bad)));
    assert_int_equal(bad, 6);
    assert_int_equal(sut_seal_count(other).held, 4);
    const bool is_there[] = { false, false, true, false, false, false, false, true, true, true };
    for (size_t i = 0; i < 10; i++) {
        struct sut_data_key k;
        const sut_err e = sut_seal_key(other, rows[i].person, rows[i].version, &k);
        assert_int_equal(e.code, is_there[i] ? SUT_E_OK : SUT_E_NOT_FOUND);
    }
    sut_seal_free(&other);
}

static void nothing_is_sealed_under_a_key_whose_row_was_never_stored(void **state)
{
    struct fixture *const f = *state;
    struct sut_data_key k;
    struct sut_buf sealed;
    struct sut_data_key_row theirs = { .person = 1, .version = 1 };
    sut_buf_init(&sealed, 256);
    make_rows(f, 1);
    /* Another server was first with its row for the same person and version. */
    struct sut_seal *other = seal_of(f->keeper, 64);
    assert_false(sut_failed(sut_seal_set_keks(other, f->keks, 2)));
    assert_false(sut_failed(sut_seal_make_keys(other, &theirs, 1)));
    assert_int_equal(sut_seal_key_of(f->seal, &theirs, &k).code, SUT_E_NOT_FOUND);
    assert_false(sut_failed(sut_seal_key_of(f->seal, &f->rows[0], &k)));
    sut_data_key_done(&k);
    assert_false(sut_failed(sut_seal_open_keys(f->seal, &theirs, 1, NULL)));
    assert_int_equal(sut_seal_key_of(f->seal, &f->rows[0], &k).code, SUT_E_NOT_FOUND);
    assert_false(sut_failed(sut_seal_key_of(f->seal, &theirs, &k)));
    sut_data_key_done(&k);
    put_with(f->seal, 1, &sealed);
    assert_int_equal(get_with(other, 1, sut_buf_str(&sealed)), SUT_E_OK);
    assert_int_equal(sut_seal_count(f->seal).held, 1);
    sut_seal_free(&other);
    sut_buf_done(&sealed);
}

static void one_key_opens_by_its_row_whatever_the_cache_holds(void **state)
{
    struct fixture *const f = *state;
    struct sut_data_key k;
    struct sut_buf sealed;
    sut_buf_init(&sealed, 256);
    make_rows(f, 100);
    struct sut_seal *other = seal_of(f->keeper, 16);
    assert_int_equal(sut_seal_open_key(other, &f->rows[0], &k).code, SUT_E_UNAVAILABLE);
    assert_false(sut_failed(sut_seal_set_keks(other, f->keks, 2)));
    for (size_t i = 0; i < 100; i++) {
        struct sut_buf out;
        const int64_t person = f->rows[i].person;
        sut_buf_init(&out, 64);
        sut_buf_reset(&sealed);
        put_with(f->seal, person, &sealed);
        assert_false(sut_failed(sut_seal_open_key(other, &f->rows[i], &k)));
        assert_int_equal(k.person, person);
        assert_int_equal(k.version, 1);
        assert_false(sut_failed(sut_seal_get(&k, &email, person, sut_buf_str(&sealed), &out)));
        sut_data_key_done(&k);
        sut_buf_done(&out);
    }
    assert_int_equal(sut_seal_count(other).opened, 100);
    assert_false(sut_failed(sut_seal_open_key(other, &f->rows[99], &k)));
    assert_int_equal(sut_seal_count(other).opened, 100);
    sut_data_key_done(&k);

    struct sut_data_key_row row = f->rows[0];
    row.wrapped[30] ^= 4;
    assert_int_equal(sut_seal_open_key(other, &row, &k).code, SUT_E_CORRUPT);
    row = f->rows[0];
    row.kek_version = 77;
    sut_seal_sweep(other, 0);
    assert_int_equal(sut_seal_open_key(other, &row, &k).code, SUT_E_CORRUPT);
    row = f->rows[0];
    row.person = 2;
    assert_int_equal(sut_seal_open_key(other, &row, &k).code, SUT_E_CORRUPT);
    assert_int_equal(sut_seal_count(other).held, 0);
    sut_seal_free(&other);
    sut_buf_done(&sealed);
}

static void a_forgotten_person_needs_the_row_again(void **state)
{
    struct fixture *const f = *state;
    struct sut_data_key k;
    make_rows(f, 3);
    sut_seal_forget(f->seal, 2);
    assert_int_equal(sut_seal_key(f->seal, 2, 1, &k).code, SUT_E_NOT_FOUND);
    assert_false(sut_failed(sut_seal_key(f->seal, 3, 1, &k)));
    assert_false(sut_failed(sut_seal_open_keys(f->seal, f->rows, 3, NULL)));
    assert_int_equal(sut_seal_count(f->seal).opened, 3 + 1);
    assert_false(sut_failed(sut_seal_key(f->seal, 2, 1, &k)));
    sut_seal_sweep(f->seal, 0);
    assert_int_equal(sut_seal_count(f->seal).held, 0);
    sut_data_key_done(&k);
}

static void opening_copes_without_memory(void **state)
{
    struct fixture *const f = *state;
    make_rows(f, 3);
    sut_seal_sweep(f->seal, 0);
    sut_mem_fault_nth(1);
    assert_int_equal(sut_seal_open_keys(f->seal, f->rows, 3, NULL).code, SUT_E_NOMEM);
    assert_int_equal(sut_seal_count(f->seal).held, 0);
    sut_mem_fault_nth(1);
    assert_int_equal(sut_seal_make_keys(f->seal, f->rows, 3).code, SUT_E_NOMEM);
    sut_mem_fault_nth(0);
    assert_false(sut_failed(sut_seal_open_keys(f->seal, f->rows, 3, NULL)));
    assert_int_equal(sut_seal_count(f->seal).held, 3);
}

static void *revive_soon(void *arg)
{
    (void) usleep(100000);
    test_keeper_revive(arg);
    return NULL;
}

static void a_keeper_that_dies_and_comes_back_is_waited_for(void **state)
{
    struct fixture *const f = *state;
    pthread_t thread;
    struct sut_data_key k;
    size_t bad = 99;
    make_rows(f, MANY);
    sut_seal_sweep(f->seal, 0);
    test_keeper_kill(f->keeper);
    assert_int_equal(pthread_create(&thread, NULL, revive_soon, f->keeper), 0);
    const sut_err e = sut_seal_open_keys(f->seal, f->rows, MANY, &bad);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(sut_failed(e));
    assert_int_equal(bad, 0);
    assert_int_equal(sut_seal_count(f->seal).held, MANY);
    /* What is open needs no keeper. */
    test_keeper_kill(f->keeper);
    assert_false(sut_failed(sut_seal_open_keys(f->seal, f->rows, MANY, NULL)));
    assert_false(sut_failed(sut_seal_key(f->seal, 5, 1, &k)));
    sut_data_key_done(&k);
    test_keeper_revive(f->keeper);
}

struct crowd {
    struct fixture *f;
    struct sut_seal *seal;
    atomic_uint number;
    atomic_ulong wrong;
    atomic_bool stop;
};

static void *use_keys(void *arg)
{
    enum { TURNS = 150, LIST = 20 };
    struct crowd *const c = arg;
    const size_t mine = atomic_fetch_add(&c->number, 1);
    struct sut_buf sealed;
    sut_buf_init(&sealed, 256);
    for (size_t i = 0; i < TURNS; i++) {
        const size_t at = (mine * 131 + i * 37) % (MANY - LIST);
        size_t bad = 0;
        if (sut_failed(sut_seal_open_keys(c->seal, c->f->rows + at, LIST, &bad)) || bad != 0)
            atomic_fetch_add(&c->wrong, 1);
        for (size_t r = at; r < at + LIST; r++) {
            struct sut_data_key k;
            const sut_err e = sut_seal_key(c->seal, c->f->rows[r].person, 1, &k);
            if (e.code == SUT_E_NOT_FOUND)
                continue; /* evicted or forgotten meanwhile */
            sut_buf_reset(&sealed);
            if (sut_failed(e) ||
                sut_failed(sut_seal_put(c->seal, &k, &email, k.person, SUT_STR("ada"), &sealed)) ||
                get_with(c->f->seal, k.person, sut_buf_str(&sealed)) != SUT_E_OK)
                atomic_fetch_add(&c->wrong, 1);
            sut_data_key_done(&k);
        }
        if (i % 16 == 15)
            sut_seal_forget(c->seal, c->f->rows[at].person);
    }
    sut_buf_done(&sealed);
    return NULL;
}

static void *kill_and_revive(void *arg)
{
    struct crowd *const c = arg;
    while (!atomic_load(&c->stop)) {
        (void) usleep(20000);
        test_keeper_kill(c->f->keeper);
        (void) usleep(2000);
        test_keeper_revive(c->f->keeper);
    }
    return NULL;
}

static void eight_threads_share_it_while_the_keeper_dies_over_and_over(void **state)
{
    enum { THREADS = 8 };
    struct fixture *const f = *state;
    pthread_t threads[THREADS];
    pthread_t killer;
    make_rows(f, MANY);
    struct crowd c = { .f = f, .seal = seal_of(f->keeper, 300) };
    assert_false(sut_failed(sut_seal_set_keks(c.seal, f->keks, 2)));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_keys, &c), 0);
    assert_int_equal(pthread_create(&killer, NULL, kill_and_revive, &c), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    atomic_store(&c.stop, true);
    assert_int_equal(pthread_join(killer, NULL), 0);
    assert_int_equal(atomic_load(&c.wrong), 0);
    assert_true(sut_seal_count(c.seal).held <= 300);
    sut_seal_free(&c.seal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_opens_before_the_keks_are_set, make, unmake),
        cmocka_unit_test_setup_teardown(keks_that_are_none_change_nothing, make, unmake),
        cmocka_unit_test_setup_teardown(keys_made_here_open_elsewhere_from_their_rows, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(a_long_list_is_opened_in_few_calls_and_then_costs_none,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(a_person_who_stands_in_a_list_often_is_opened_once, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(rows_altered_swapped_or_of_an_unknown_kek_are_left_out,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(nothing_is_sealed_under_a_key_whose_row_was_never_stored,
                                        make, unmake),
        cmocka_unit_test_setup_teardown(one_key_opens_by_its_row_whatever_the_cache_holds, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(a_forgotten_person_needs_the_row_again, make, unmake),
        cmocka_unit_test_setup_teardown(opening_copes_without_memory, make, unmake),
        cmocka_unit_test_setup_teardown(a_keeper_that_dies_and_comes_back_is_waited_for, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(eight_threads_share_it_while_the_keeper_dies_over_and_over,
                                        make, unmake),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
