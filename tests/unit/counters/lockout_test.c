/* SPDX-License-Identifier: Apache-2.0
 *
 * Each sentence of the promise about locks, by a clock that the test owns.
 */
#include "counters/lockout.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS_MAX = 512 };

static struct {
    struct {
        int64_t kind;
        char key[16];
        char data[64];
        size_t n;
        sut_ms expires;
    } row[ROWS_MAX];
    size_t n;
    bool fails;
} rows;
static sut_ms clock_at;

static SUT_ERR rows_load(void *ctx, sut_ms now,
                         void (*each)(void *arg, const struct sut_counter_record *rec), void *arg)
{
    (void) ctx;
    for (size_t i = 0; i < rows.n; i++) {
        const struct sut_counter_record rec = {
            .kind = rows.row[i].kind,
            .key = sut_str_of(rows.row[i].key, 16),
            .data = sut_str_of(rows.row[i].data, rows.row[i].n),
            .expires = rows.row[i].expires,
        };
        if (rec.expires.v > now.v)
            each(arg, &rec);
    }
    return SUT_OK;
}

static SUT_ERR rows_save(void *ctx, const struct sut_counter_record *recs, size_t n, sut_ms now)
{
    (void) ctx;
    (void) now;
    ENSURE(!rows.fails, UNAVAILABLE);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        while (at < rows.n && memcmp(rows.row[at].key, recs[i].key.p, 16) != 0)
            at++;
        assert_true(at < ROWS_MAX && recs[i].data.n <= sizeof(rows.row[at].data));
        rows.n += at == rows.n ? 1 : 0;
        rows.row[at].kind = recs[i].kind;
        memcpy(rows.row[at].key, recs[i].key.p, 16);
        memcpy(rows.row[at].data, recs[i].data.p, recs[i].data.n);
        rows.row[at].n = recs[i].data.n;
        rows.row[at].expires = recs[i].expires;
    }
    return SUT_OK;
}

static const struct sut_counters_home_ops rows_ops = { .load = rows_load, .save = rows_save };

static sut_ms now_of(void *ctx)
{
    (void) ctx;
    return clock_at;
}

static const struct sut_clock test_clock = { .now = now_of };

static int set_up(void **state)
{
    (void) state;
    memset(&rows, 0, sizeof(rows));
    clock_at = (sut_ms){ .v = 1795315251123 };
    return 0;
}

static struct sut_counters *make(uint32_t failures)
{
    const struct sut_counters_options o = {
        .lockout = { .failures = failures, .forget_ms = 1800000, .lock_ms = 900000 },
        .memory_bytes = 1 << 20,
        .checkpoint_ms = 1000,
        .key = SUT_STR("0123456789abcdef0123456789abcdef"),
        .clock = &test_clock,
        .ops = &rows_ops,
    };
    struct sut_counters *c = NULL;
    assert_false(sut_failed(sut_counters_create(&o, &c)));
    return c;
}

static void pass(int64_t minutes)
{
    clock_at.v += minutes * 60 * 1000;
}

static const sut_str ada = SUT_STR_INIT("ada@example.com");
static const sut_str laptop = SUT_STR_INIT("0123456789abcdef");

static struct sut_lock_result begin(struct sut_counters *c, struct sut_lockout_subject s)
{
    struct sut_lock_result r;
    sut_lockout_begin(c, &s, clock_at, &r);
    return r;
}

static struct sut_lock_result wrong(struct sut_counters *c, struct sut_lockout_subject s)
{
    struct sut_lock_result r = begin(c, s);
    if (!r.is_locked && !r.must_wait)
        sut_lockout_wrong(c, &s, clock_at, &r);
    return r;
}

static void lock(struct sut_counters *c, struct sut_lockout_subject s)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(wrong(c, s).locks_now, i == 4);
    assert_true(begin(c, s).is_locked);
}

static void the_fifth_failure_locks_for_fifteen_minutes(void **state)
{
    (void) state;
    struct sut_counters *c = make(5);
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    int64_t left_s = 0;
    assert_false(sut_lockout_look(c, &s, clock_at, &left_s));
    lock(c, s);
    assert_true(sut_lockout_look(c, &s, clock_at, &left_s));
    assert_int_equal(left_s, 900);
    pass(14);
    /* Asked again and again, also with the right password: not counted, not prolonged. */
    for (int i = 0; i < 50; i++)
        assert_int_equal(begin(c, s).retry_after_s, 60);
    pass(1);
    assert_false(sut_lockout_look(c, &s, clock_at, &left_s));
    assert_int_equal(left_s, 0);
    /* While the count lives one more locks again. */
    assert_true(wrong(c, s).locks_now);
    pass(15);
    const struct sut_lock_result r = begin(c, s);
    assert_false(r.is_locked);
    sut_lockout_right(c, &s, clock_at);
    for (int i = 0; i < 4; i++)
        assert_false(wrong(c, s).locks_now);
    sut_counters_free(&c);
}

static void the_count_is_forgotten_half_an_hour_after_the_last_failure(void **state)
{
    (void) state;
    struct sut_counters *c = make(5);
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    for (int i = 0; i < 4; i++) {
        (void) wrong(c, s);
        pass(29);
    }
    pass(1);
    for (int i = 0; i < 4; i++)
        assert_false(wrong(c, s).locks_now);
    assert_true(wrong(c, s).locks_now);
    sut_counters_free(&c);
}

static void a_known_device_has_a_count_of_its_own(void **state)
{
    (void) state;
    struct sut_counters *c = make(5);
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    const struct sut_lockout_subject d = sut_lockout_of_device(ada, laptop);
    const struct sut_lockout_subject other =
        sut_lockout_of_device(SUT_STR("bob@example.com"), laptop);
    lock(c, s);
    assert_false(begin(c, d).is_locked);
    sut_lockout_right(c, &d, clock_at);
    assert_true(begin(c, s).is_locked);
    lock(c, d);
    assert_false(begin(c, other).is_locked);
    sut_lockout_undo(c, &other, clock_at);
    sut_lockout_clear(c, &s, clock_at);
    assert_false(begin(c, s).is_locked);
    assert_true(begin(c, d).is_locked);
    sut_counters_free(&c);
}

static void a_restart_forgets_no_lock_and_no_unlock(void **state)
{
    (void) state;
    struct sut_counters *c = make(5);
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    const struct sut_lockout_subject t = sut_lockout_of(SUT_STR("bob@example.com"));
    lock(c, s);
    for (int i = 0; i < 4; i++)
        (void) wrong(c, t);
    rows.fails = true;
    assert_true(sut_failed(sut_counters_checkpoint(c)));
    rows.fails = false;
    assert_false(sut_failed(sut_counters_stop(c)));
    sut_counters_free(&c);
    /* Nobody is named by what is kept. */
    for (size_t i = 0; i < rows.n; i++) {
        assert_null(memmem(rows.row[i].data, rows.row[i].n, "ada", 3));
        assert_null(memmem(rows.row[i].key, 16, "ada", 3));
    }
    pass(10);
    c = make(5);
    assert_int_equal(begin(c, s).retry_after_s, 300);
    assert_true(wrong(c, t).locks_now);
    sut_lockout_clear(c, &s, clock_at);
    assert_false(sut_failed(sut_counters_stop(c)));
    sut_counters_free(&c);
    c = make(5);
    assert_false(begin(c, s).is_locked);
    assert_true(begin(c, t).is_locked);
    sut_counters_free(&c);
    /* The program was down for longer than it lasts. */
    pass(40);
    c = make(5);
    assert_int_equal(wrong(c, t).failures, 1);
    sut_counters_free(&c);
}

static void a_restart_by_a_clock_of_an_hour_ago_locks_for_one_lock_at_most(void **state)
{
    (void) state;
    struct sut_counters *c = make(5);
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    lock(c, s);
    assert_false(sut_failed(sut_counters_stop(c)));
    sut_counters_free(&c);
    pass(-60);
    c = make(5);
    assert_int_equal(begin(c, s).retry_after_s, 900);
    pass(15);
    assert_false(begin(c, s).is_locked);
    sut_counters_free(&c);
}

static void a_clock_that_steps_back_an_hour_gives_nobody_tries_nor_more_of_a_lock(void **state)
{
    (void) state;
    struct sut_counters *c = make(5);
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    const struct sut_lockout_subject t = sut_lockout_of(SUT_STR("bob@example.com"));
    lock(c, s);
    for (int i = 0; i < 4; i++)
        (void) wrong(c, t);
    pass(10);
    assert_int_equal(begin(c, s).retry_after_s, 300);
    pass(-60);
    assert_int_equal(begin(c, s).retry_after_s, 300);
    assert_true(wrong(c, t).locks_now);
    pass(5);
    assert_false(begin(c, s).is_locked);
    assert_true(begin(c, t).is_locked);
    pass(10);
    assert_false(begin(c, t).is_locked);
    sut_counters_free(&c);
}

static void without_a_rule_nothing_is_counted(void **state)
{
    (void) state;
    struct sut_counters *c = make(0);
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    struct sut_counters_stats stats;
    for (int i = 0; i < 100; i++)
        assert_false(wrong(c, s).is_locked);
    sut_counters_stats(c, &stats);
    assert_int_equal(stats.keys, 0);
    sut_counters_free(&c);
}

struct guesser {
    struct sut_counters *c;
    atomic_uint *checked;
    atomic_uint *open;
    atomic_uint *most_open;
    atomic_uint *locked;
    pthread_barrier_t *start;
};

/* As a sign-in does: it waits for room. */
static void *guess(void *arg)
{
    struct guesser *g = arg;
    const struct sut_lockout_subject s = sut_lockout_of(ada);
    struct sut_lock_result r;
    (void) pthread_barrier_wait(g->start);
    for (int i = 0; i < 1000; i++) {
        sut_lockout_begin(g->c, &s, clock_at, &r);
        if (!r.must_wait)
            break;
        sut_lockout_wait(g->c, 10);
    }
    if (r.is_locked) {
        (void) atomic_fetch_add(g->locked, 1);
        return NULL;
    }
    const unsigned open = atomic_fetch_add(g->open, 1) + 1;
    unsigned most = atomic_load(g->most_open);
    while (open > most && !atomic_compare_exchange_weak(g->most_open, &most, open))
        ;
    (void) atomic_fetch_add(g->checked, 1);
    (void) atomic_fetch_sub(g->open, 1);
    sut_lockout_wrong(g->c, &s, clock_at, &r);
    return NULL;
}

static void of_fifty_wrong_guesses_at_once_five_are_checked(void **state)
{
    (void) state;
    enum { GUESSERS = 50 };
    for (int round = 0; round < 20; round++) {
        struct sut_counters *c = make(5);
        atomic_uint checked = 0;
        atomic_uint open = 0;
        atomic_uint most = 0;
        atomic_uint locked = 0;
        pthread_barrier_t start;
        pthread_t threads[GUESSERS];
        struct guesser g = { c, &checked, &open, &most, &locked, &start };
        assert_int_equal(pthread_barrier_init(&start, NULL, GUESSERS), 0);
        for (int i = 0; i < GUESSERS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, guess, &g), 0);
        for (int i = 0; i < GUESSERS; i++)
            (void) pthread_join(threads[i], NULL);
        assert_int_equal(checked, 5);
        assert_int_equal(locked, 45);
        assert_true(most <= 5);
        (void) pthread_barrier_destroy(&start);
        sut_counters_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_fifth_failure_locks_for_fifteen_minutes, set_up),
        cmocka_unit_test_setup(the_count_is_forgotten_half_an_hour_after_the_last_failure, set_up),
        cmocka_unit_test_setup(a_known_device_has_a_count_of_its_own, set_up),
        cmocka_unit_test_setup(a_restart_forgets_no_lock_and_no_unlock, set_up),
        cmocka_unit_test_setup(a_restart_by_a_clock_of_an_hour_ago_locks_for_one_lock_at_most,
                               set_up),
        cmocka_unit_test_setup(
            a_clock_that_steps_back_an_hour_gives_nobody_tries_nor_more_of_a_lock, set_up),
        cmocka_unit_test_setup(without_a_rule_nothing_is_counted, set_up),
        cmocka_unit_test_setup(of_fifty_wrong_guesses_at_once_five_are_checked, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
