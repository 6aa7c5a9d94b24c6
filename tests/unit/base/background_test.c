/* SPDX-License-Identifier: Apache-2.0 */
#include "base/background.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

enum { HOUR_MS = 3600 * 1000 };

static const struct timespec a_moment = { .tv_nsec = 1000000 };

struct work {
    struct sut_background *b;
    int64_t says_ms;   /* what a round says */
    atomic_int rounds; /* that have begun */
    atomic_int gate;   /* a round waits while it is 0; 1: it is open */
    atomic_bool is_stopping;
    bool goes_out;
    atomic_int back; /* rounds that have ended */
};

static int64_t one_round(void *ctx)
{
    struct work *w = ctx;
    if (w->goes_out)
        sut_background_set_out(w->b, true);
    (void) atomic_fetch_add(&w->rounds, 1);
    while (atomic_load(&w->gate) == 0)
        (void) nanosleep(&a_moment, NULL);
    if (w->goes_out)
        sut_background_set_out(w->b, false);
    atomic_store(&w->is_stopping, sut_background_is_stopping(w->b));
    (void) atomic_fetch_add(&w->back, 1);
    return w->says_ms;
}

static void create(struct work *w, int64_t first_ms, int64_t max_ms)
{
    const struct sut_background_options o = {
        .round = one_round, .ctx = w, .first_ms = first_ms, .sleep_max_ms = max_ms
    };
    assert_false(sut_failed(sut_background_create(&o, &w->b)));
}

static void start(struct work *w, int64_t first_ms, int64_t max_ms)
{
    create(w, first_ms, max_ms);
    assert_false(sut_failed(sut_background_start(w->b)));
}

static void wait_for(atomic_int *n, int at_least)
{
    while (atomic_load(n) < at_least)
        (void) nanosleep(&a_moment, NULL);
}

/* Long enough for a round that ought not to be; a busy machine can only make the test milder. */
static void wait_a_while(void)
{
    const struct timespec t = { .tv_nsec = 20 * 1000000 };
    (void) nanosleep(&t, NULL);
}

static void rounds_follow_at_once_while_they_ask_for_it(void **state)
{
    struct work w = { .gate = 1, .says_ms = *state != NULL ? -5 : 0 };
    start(&w, 0, HOUR_MS);
    wait_for(&w.back, 20);
    sut_background_free(&w.b);
    assert_null(w.b);
}

static void no_sleep_is_longer_than_the_longest(void **state)
{
    (void) state;
    struct work w = { .gate = 1, .says_ms = INT64_MAX };
    start(&w, 0, 1);
    wait_for(&w.back, 5);
    sut_background_free(&w.b);
}

static void it_sleeps_as_long_as_the_round_says(void **state)
{
    (void) state;
    struct work w = { .gate = 1, .says_ms = 40 };
    const uint64_t from_ns = sut_monotonic_ns();
    start(&w, 0, HOUR_MS);
    wait_for(&w.rounds, 3);
    assert_true(sut_monotonic_ns() - from_ns >= UINT64_C(80) * 1000000);
    sut_background_free(&w.b);
}

static void the_first_sleep_comes_before_the_first_round(void **state)
{
    (void) state;
    struct work w = { .gate = 1, .says_ms = HOUR_MS };
    start(&w, HOUR_MS, HOUR_MS);
    wait_a_while();
    assert_int_equal(atomic_load(&w.rounds), 0);
    sut_background_wake(w.b);
    wait_for(&w.back, 1);
    sut_background_free(&w.b);
    assert_int_equal(atomic_load(&w.rounds), 1);
}

static void a_wake_ends_a_sleep_and_many_are_one(void **state)
{
    (void) state;
    struct work w = { .gate = 1, .says_ms = HOUR_MS };
    start(&w, 0, HOUR_MS);
    wait_for(&w.back, 1);
    wait_a_while();
    assert_int_equal(atomic_load(&w.rounds), 1);
    for (int i = 0; i < 3; i++) {
        sut_background_wake(w.b);
        wait_for(&w.back, 2 + i);
    }
    sut_background_free(&w.b);
    assert_int_equal(atomic_load(&w.rounds), 4);
}

static void a_wake_during_a_round_is_not_lost(void **state)
{
    (void) state;
    struct work w = { .says_ms = HOUR_MS };
    start(&w, 0, HOUR_MS);
    wait_for(&w.rounds, 1);
    sut_background_wake(w.b);
    sut_background_wake(w.b);
    atomic_store(&w.gate, 1);
    wait_for(&w.back, 2);
    wait_a_while();
    sut_background_free(&w.b);
    assert_int_equal(atomic_load(&w.rounds), 2);
}

static void a_wake_before_the_start_is_not_lost(void **state)
{
    (void) state;
    struct work w = { .gate = 1, .says_ms = HOUR_MS };
    create(&w, HOUR_MS, HOUR_MS);
    sut_background_wake(w.b);
    assert_false(sut_failed(sut_background_start(w.b)));
    wait_for(&w.back, 1);
    sut_background_free(&w.b);
}

static void a_sleeper_is_stopped_at_once(void **state)
{
    (void) state;
    struct work w = { .gate = 1, .says_ms = HOUR_MS };
    start(&w, 0, HOUR_MS);
    wait_for(&w.back, 1);
    assert_true(sut_background_stop_within(w.b, 60 * 1000));
    /* Once more is no harm: its owner may not know. */
    assert_true(sut_background_stop_within(w.b, 0));
    sut_background_free(&w.b);
    assert_int_equal(atomic_load(&w.rounds), 1);
}

struct opening {
    struct work *w;
    atomic_bool is_done;
};

/* Another background thread, which opens the gate a little later. */
static int64_t open_gate(void *ctx)
{
    struct opening *o = ctx;
    wait_a_while();
    if (!atomic_exchange(&o->is_done, true))
        atomic_store(&o->w->gate, 1);
    return HOUR_MS;
}

static struct sut_background *open_later(struct opening *o)
{
    struct sut_background *b = NULL;
    const struct sut_background_options opt = { .round = open_gate,
                                                .ctx = o,
                                                .sleep_max_ms = HOUR_MS };
    assert_false(sut_failed(sut_background_create(&opt, &b)));
    assert_false(sut_failed(sut_background_start(b)));
    return b;
}

static void the_round_in_hand_is_waited_for_and_is_the_last(void **state)
{
    (void) state;
    struct work w = { .says_ms = 0 };
    struct opening o = { .w = &w };
    start(&w, 0, HOUR_MS);
    wait_for(&w.rounds, 1);
    struct sut_background *opener = open_later(&o);
    /* It is not out, so a short patience makes no difference. */
    assert_true(sut_background_stop_within(w.b, 1));
    assert_int_equal(atomic_load(&w.rounds), 1);
    assert_int_equal(atomic_load(&w.back), 1);
    assert_true(atomic_load(&w.is_stopping));
    sut_background_free(&w.b);
    sut_background_free(&opener);
}

static void who_is_out_and_comes_back_in_time_is_waited_for(void **state)
{
    (void) state;
    struct work w = { .goes_out = true };
    struct opening o = { .w = &w };
    start(&w, 0, HOUR_MS);
    wait_for(&w.rounds, 1);
    struct sut_background *opener = open_later(&o);
    assert_true(sut_background_stop_within(w.b, 60 * 1000));
    assert_int_equal(atomic_load(&w.back), 1);
    sut_background_free(&w.b);
    sut_background_free(&opener);
}

static void a_free_waits_for_who_is_out(void **state)
{
    (void) state;
    struct work w = { .goes_out = true };
    struct opening o = { .w = &w };
    start(&w, 0, HOUR_MS);
    wait_for(&w.rounds, 1);
    struct sut_background *opener = open_later(&o);
    sut_background_free(&w.b);
    assert_int_equal(atomic_load(&w.back), 1);
    sut_background_free(&opener);
}

static void who_is_out_too_long_is_left_and_never_comes_back(void **state)
{
    (void) state;
    /* Its thread has it until the process ends. */
    static struct work w = { .goes_out = true };
    start(&w, 0, HOUR_MS);
    wait_for(&w.rounds, 1);
    assert_false(sut_background_stop_within(w.b, 10));
    atomic_store(&w.gate, 1);
    wait_a_while();
    assert_int_equal(atomic_load(&w.back), 0);
}

static void without_a_thread_there_is_nothing_to_stop(void **state)
{
    (void) state;
    struct work w = { .gate = 1 };
    create(&w, 0, HOUR_MS);
    sut_background_wake(w.b);
    assert_false(sut_background_is_stopping(w.b));
    sut_background_set_out(w.b, true);
    assert_true(sut_background_stop_within(w.b, 0));
    sut_background_set_out(w.b, false);
    sut_background_free(&w.b);
    sut_background_free(&w.b);
    assert_int_equal(atomic_load(&w.rounds), 0);
}

static void no_memory_is_an_error(void **state)
{
    (void) state;
    const struct sut_background_options o = { .round = one_round };
    struct sut_background *b = NULL;
    sut_mem_fault_nth(1);
    const sut_err e = sut_background_create(&o, &b);
    sut_mem_fault_nth(0);
    assert_int_equal(e.code, SUT_E_NOMEM);
    assert_null(b);
}

int main(void)
{
    static int is_negative;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_follow_at_once_while_they_ask_for_it),
        cmocka_unit_test_prestate(rounds_follow_at_once_while_they_ask_for_it, &is_negative),
        cmocka_unit_test(no_sleep_is_longer_than_the_longest),
        cmocka_unit_test(it_sleeps_as_long_as_the_round_says),
        cmocka_unit_test(the_first_sleep_comes_before_the_first_round),
        cmocka_unit_test(a_wake_ends_a_sleep_and_many_are_one),
        cmocka_unit_test(a_wake_during_a_round_is_not_lost),
        cmocka_unit_test(a_wake_before_the_start_is_not_lost),
        cmocka_unit_test(a_sleeper_is_stopped_at_once),
        cmocka_unit_test(the_round_in_hand_is_waited_for_and_is_the_last),
        cmocka_unit_test(who_is_out_and_comes_back_in_time_is_waited_for),
        cmocka_unit_test(a_free_waits_for_who_is_out),
        cmocka_unit_test(who_is_out_too_long_is_left_and_never_comes_back),
        cmocka_unit_test(without_a_thread_there_is_nothing_to_stop),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("base/background", tests, NULL, NULL);
}
