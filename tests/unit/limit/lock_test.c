/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "limit/ratetable.h"

static const int64_t start_ms = 1795315251123;
static const int64_t minute_ms = 60 * 1000;
static const struct sut_lock_rule rule = {
    .failures = 5,
    .forget_ms = 30 * 60 * 1000,
    .lock_ms = 15 * 60 * 1000,
};

static sut_ms at(int64_t minutes)
{
    return (sut_ms){ .v = start_ms + minutes * minute_ms };
}

static struct sut_lock_result begin(struct sut_lock *l, sut_ms now)
{
    struct sut_lock_result r;
    sut_lock_begin(l, &rule, now, &r);
    return r;
}

/* A try that is judged, and wrong. */
static struct sut_lock_result fail_at(struct sut_lock *l, sut_ms now)
{
    struct sut_lock_result r = begin(l, now);
    assert_false(r.is_locked || r.must_wait);
    sut_lock_wrong(l, &rule, now, &r);
    return r;
}

static void the_fifth_failure_locks_for_a_quarter_of_an_hour(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    for (uint32_t i = 1; i < 5; i++) {
        const struct sut_lock_result r = fail_at(&l, at(0));
        assert_int_equal(r.failures, i);
        assert_false(r.locks_now);
        assert_int_equal(r.retry_after_s, 0);
    }
    struct sut_lock_result r = fail_at(&l, at(0));
    assert_true(r.locks_now);
    assert_int_equal(r.failures, 5);
    assert_int_equal(r.retry_after_s, 900);
    r = begin(&l, at(0));
    assert_true(r.is_locked);
    assert_int_equal(r.retry_after_s, 900);
    r = begin(&l, (sut_ms){ at(15).v - 1 });
    assert_true(r.is_locked);
    assert_int_equal(r.retry_after_s, 1);
    assert_false(begin(&l, at(15)).is_locked);
}

static void tries_while_locked_are_not_counted_and_do_not_prolong_it(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    for (int i = 0; i < 5; i++)
        (void) fail_at(&l, at(0));
    const struct sut_lock before = l;
    for (int i = 0; i < 100; i++)
        assert_true(begin(&l, at(14)).is_locked);
    assert_memory_equal(&l, &before, sizeof(l));
    assert_false(begin(&l, at(15)).is_locked);
}

static void a_failure_after_the_lock_while_the_count_lives_locks_again(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    for (int i = 0; i < 5; i++)
        (void) fail_at(&l, at(0));
    struct sut_lock_result r = fail_at(&l, at(16));
    assert_true(r.locks_now);
    assert_int_equal(r.retry_after_s, 900);
    assert_true(begin(&l, at(30)).is_locked);
    /* And again, as the count lives from the last failure on. */
    r = fail_at(&l, at(45));
    assert_true(r.locks_now);
}

static void the_count_is_forgotten_half_an_hour_after_the_last_failure(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    for (int i = 0; i < 4; i++)
        (void) fail_at(&l, at(i * 29));
    /* One millisecond before it would be forgotten. */
    sut_ms late = { at(3 * 29 + 30).v - 1 };
    struct sut_lock copy = l;
    assert_true(fail_at(&copy, late).locks_now);
    late.v++;
    struct sut_lock_result r = fail_at(&l, late);
    assert_false(r.locks_now);
    assert_int_equal(r.failures, 1);
    /* The same after a lock. */
    l = (struct sut_lock){ 0 };
    for (int i = 0; i < 5; i++)
        (void) fail_at(&l, at(0));
    assert_int_equal(fail_at(&l, at(30)).failures, 1);
}

static void success_resets(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    for (int i = 0; i < 4; i++)
        (void) fail_at(&l, at(0));
    assert_false(begin(&l, at(1)).is_locked);
    sut_lock_right(&l, at(1));
    assert_int_equal(sut_lock_expires(&l).v, 0);
    for (int i = 0; i < 4; i++)
        assert_false(fail_at(&l, at(2)).locks_now);
    assert_true(fail_at(&l, at(2)).locks_now);
}

static void of_many_at_once_no_more_than_five_are_judged(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    (void) fail_at(&l, at(0));
    int open = 0;
    for (int i = 0; i < 50; i++) {
        const struct sut_lock_result r = begin(&l, at(0));
        assert_false(r.is_locked);
        open += r.must_wait ? 0 : 1;
    }
    assert_int_equal(open, 4);
    /* One more may begin for each that ends as nothing. */
    sut_lock_undo(&l);
    assert_false(begin(&l, at(0)).must_wait);
    assert_true(begin(&l, at(0)).must_wait);
    struct sut_lock_result r;
    for (int i = 0; i < 4; i++) {
        sut_lock_wrong(&l, &rule, at(0), &r);
        assert_int_equal(r.locks_now, i == 3);
    }
    assert_true(begin(&l, at(0)).is_locked);
    /* After the lock one at a time. */
    assert_false(begin(&l, at(16)).must_wait);
    assert_true(begin(&l, at(16)).must_wait);
    sut_lock_wrong(&l, &rule, at(16), &r);
    assert_true(r.locks_now);
}

static void a_right_one_among_wrong_ones_forgets_them(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    struct sut_lock_result r;
    for (int i = 0; i < 5; i++)
        assert_false(begin(&l, at(0)).must_wait);
    for (int i = 0; i < 4; i++) {
        sut_lock_wrong(&l, &rule, at(0), &r);
        assert_false(r.locks_now);
    }
    sut_lock_right(&l, at(0));
    assert_int_equal(sut_lock_expires(&l).v, 0);
    /* Right ones wait for none but those that are open. */
    for (int i = 0; i < 1000; i++) {
        assert_false(begin(&l, at(0)).must_wait);
        sut_lock_right(&l, at(0));
    }
}

static void a_lock_that_others_caused_meanwhile_stays(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    struct sut_lock_result r;
    assert_false(begin(&l, at(0)).must_wait);
    /* As after an operator's unlock in between: the open one is not known any more. */
    l = (struct sut_lock){ 0 };
    for (int i = 0; i < 5; i++)
        (void) fail_at(&l, at(0));
    sut_lock_right(&l, at(0));
    assert_true(begin(&l, at(1)).is_locked);
    /* Nor is a wrong one counted then. */
    sut_lock_wrong(&l, &rule, at(1), &r);
    assert_true(r.is_locked);
    assert_false(r.locks_now);
    assert_int_equal(r.failures, 5);
}

static void what_is_neither_right_nor_wrong_is_as_if_it_had_not_been(void **state)
{
    (void) state;
    struct sut_lock l = { 0 };
    for (int i = 0; i < 100; i++) {
        assert_false(begin(&l, at(0)).must_wait);
        sut_lock_undo(&l);
    }
    const struct sut_lock none = { 0 };
    assert_memory_equal(&l, &none, sizeof(l));
    sut_lock_undo(&l);
    assert_memory_equal(&l, &none, sizeof(l));
}

static void a_shorter_rule_or_a_clock_that_was_ahead_shortens_a_lock(void **state)
{
    (void) state;
    struct sut_lock l = { .lives_ms = at(600).v, .until_ms = at(500).v, .failed = 5 };
    const struct sut_lock_result r = begin(&l, at(0));
    assert_true(r.is_locked);
    assert_int_equal(r.retry_after_s, 900);
    assert_int_equal(sut_lock_expires(&l).v, at(30).v);
}

static void bytes_come_back_and_damaged_ones_do_not(void **state)
{
    (void) state;
    struct sut_lock l = { .lives_ms = at(30).v, .until_ms = at(15).v, .failed = 7, .open = 2 };
    struct sut_lock got;
    struct sut_buf b;
    sut_buf_init(&b, 64);
    sut_lock_encode(&l, -minute_ms, &b);
    assert_int_equal(b.n, SUT_LOCK_ENCODED);
    assert_false(sut_failed(sut_lock_decode(sut_buf_str(&b), &got)));
    assert_int_equal(got.lives_ms, at(29).v);
    assert_int_equal(got.until_ms, at(14).v);
    assert_int_equal(got.failed, 7);
    assert_int_equal(got.open, 0);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(sut_lock_decode(sut_str_of(b.p, n), &got).code, SUT_E_PARSE);
    b.p[0] = 2;
    assert_int_equal(sut_lock_decode(sut_buf_str(&b), &got).code, SUT_E_PARSE);
    b.p[0] = 1;
    b.p[b.n - 1] = (char) 0xff;
    assert_int_equal(sut_lock_decode(sut_buf_str(&b), &got).code, SUT_E_PARSE);
    sut_buf_done(&b);
}

/* ---- in the table ---- */

static struct sut_rate_key key_of(uint64_t n)
{
    struct sut_rate_key k = { .b = { 0 } };
    uint64_t z = n + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    memcpy(k.b, &z, sizeof(z));
    memcpy(k.b + sizeof(z), &n, sizeof(n));
    return k;
}

static struct sut_lock_result act(struct sut_ratetable *t, enum sut_lock_act what, uint64_t n,
                                  sut_ms now)
{
    struct sut_lock_result r;
    const struct sut_lock_ask ask = {
        .act = what, .kind = SUT_RATETABLE_LOCKS, .key = key_of(n), .rule = rule
    };
    assert_false(sut_failed(sut_ratetable_lock(t, &ask, now, &r)));
    return r;
}

static void lock(struct sut_ratetable *t, uint64_t n, sut_ms now)
{
    for (int i = 0; i < 5; i++) {
        assert_false(act(t, SUT_LOCK_BEGIN, n, now).is_locked);
        assert_int_equal(act(t, SUT_LOCK_WRONG, n, now).locks_now, i == 4);
    }
}

static struct sut_ratetable *table(uint64_t bytes)
{
    struct sut_ratetable *t = NULL;
    assert_false(sut_failed(sut_ratetable_create(bytes, 0x7654321, &t)));
    return t;
}

static struct sut_ratetable_stats stats(struct sut_ratetable *t)
{
    struct sut_ratetable_stats s;
    sut_ratetable_stats(t, &s);
    return s;
}

static void a_flood_of_rates_pushes_no_lock_out(void **state)
{
    (void) state;
    struct sut_ratetable *t = table(256 * 1024);
    const struct sut_rate rate = { .count = 3, .window_ms = 3600000 };
    for (uint64_t n = 0; n < 100; n++)
        lock(t, n, at(0));
    for (uint64_t n = 0; n < 200000; n++) {
        struct sut_rate_result r;
        const struct sut_rate_key k = key_of(n);
        assert_false(sut_failed(sut_ratetable_take(t, 0, &k, rate, at(1), &r)));
    }
    for (uint64_t n = 0; n < 100; n++)
        assert_true(act(t, SUT_LOCK_LOOK, n, at(1)).is_locked);
    assert_true(stats(t).bytes <= 256 * 1024);
    assert_int_equal(stats(t).evicted_locks, 0);
    sut_ratetable_free(&t);
}

static void counts_go_before_locks_and_the_longest_locked_first(void **state)
{
    (void) state;
    struct sut_ratetable *t = table(256 * 1024);
    lock(t, 1, at(0));
    /* Ten times what there is room for; each cost a password that was checked. */
    for (uint64_t n = 100; n < 12000; n++) {
        (void) act(t, SUT_LOCK_BEGIN, n, at(1));
        (void) act(t, SUT_LOCK_WRONG, n, at(1));
    }
    assert_true(act(t, SUT_LOCK_LOOK, 1, at(1)).is_locked);
    assert_true(stats(t).bytes <= 256 * 1024);
    assert_true(stats(t).evicted_locks > 0);
    assert_int_equal(act(t, SUT_LOCK_LOOK, 100, at(1)).failures, 0);
    assert_int_equal(act(t, SUT_LOCK_LOOK, 11999, at(1)).failures, 1);
    /* Locks alone push locks out: as many as the share holds, the youngest stay. */
    for (uint64_t n = 20000; n < 24000; n++)
        lock(t, n, at(2));
    assert_false(act(t, SUT_LOCK_LOOK, 1, at(2)).is_locked);
    assert_true(act(t, SUT_LOCK_LOOK, 23999, at(2)).is_locked);
    assert_true(stats(t).bytes <= 256 * 1024);
    sut_ratetable_free(&t);
}

static void tries_that_come_to_nothing_leave_nothing(void **state)
{
    (void) state;
    struct sut_ratetable *t = table(256 * 1024);
    const uint64_t bytes = stats(t).bytes;
    for (uint64_t n = 0; n < 1000; n++) {
        (void) act(t, SUT_LOCK_BEGIN, n, at(0));
        (void) act(t, SUT_LOCK_UNDO, n, at(0));
        (void) act(t, SUT_LOCK_LOOK, n, at(0));
        (void) act(t, SUT_LOCK_RIGHT, n, at(0));
        (void) act(t, SUT_LOCK_CLEAR, n, at(0));
    }
    assert_int_equal(stats(t).keys, 0);
    assert_int_equal(stats(t).bytes, bytes);
    sut_ratetable_free(&t);
}

struct kept {
    struct sut_rate_key key;
    char data[64];
    size_t n;
    sut_ms expires;
    unsigned calls;
};

static SUT_ERR keep(void *arg, const struct sut_rate_change *c)
{
    struct kept *k = arg;
    assert_int_equal(c->kind, SUT_RATETABLE_LOCKS);
    assert_true(c->data.n <= sizeof(k->data));
    k->key = c->key;
    memcpy(k->data, c->data.p, c->data.n);
    k->n = c->data.n;
    k->expires = c->expires;
    k->calls++;
    return SUT_OK;
}

static struct kept drain(struct sut_ratetable *t)
{
    struct kept k = { .calls = 0 };
    size_t n = 0;
    assert_false(sut_failed(sut_ratetable_drain(t, 100, keep, &k, &n)));
    assert_int_equal(n, k.calls);
    return k;
}

static void a_lock_is_kept_and_its_end_too(void **state)
{
    (void) state;
    struct sut_ratetable *t = table(256 * 1024);
    (void) act(t, SUT_LOCK_BEGIN, 7, at(0));
    assert_int_equal(drain(t).calls, 0);
    (void) act(t, SUT_LOCK_UNDO, 7, at(0));
    lock(t, 7, at(0));
    const struct kept k = drain(t);
    assert_int_equal(k.calls, 1);
    assert_int_equal(k.expires.v, at(30).v);
    struct sut_ratetable *u = table(256 * 1024);
    assert_false(sut_failed(
        sut_ratetable_restore(u, SUT_RATETABLE_LOCKS, &k.key, sut_str_of(k.data, k.n), at(1))));
    assert_true(act(u, SUT_LOCK_BEGIN, 7, at(1)).is_locked);
    /* Lifted: the row is replaced by one that has expired. */
    (void) act(u, SUT_LOCK_CLEAR, 7, at(2));
    assert_false(act(u, SUT_LOCK_LOOK, 7, at(2)).is_locked);
    const struct kept gone = drain(u);
    assert_int_equal(gone.calls, 1);
    assert_true(gone.expires.v <= at(2).v);
    /* Bytes that are damaged or over don't come back. */
    struct sut_ratetable *v = table(256 * 1024);
    assert_false(sut_failed(
        sut_ratetable_restore(v, SUT_RATETABLE_LOCKS, &k.key, sut_str_of(k.data, k.n - 1), at(1))));
    assert_false(sut_failed(
        sut_ratetable_restore(v, SUT_RATETABLE_LOCKS, &k.key, sut_str_of(k.data, k.n), at(30))));
    assert_int_equal(stats(v).keys, 0);
    sut_ratetable_free(&t);
    sut_ratetable_free(&u);
    sut_ratetable_free(&v);
}

static void a_clock_that_steps_back_an_hour_changes_nothing(void **state)
{
    (void) state;
    struct sut_ratetable *t = table(256 * 1024);
    lock(t, 1, at(0));
    for (int i = 0; i < 4; i++) {
        (void) act(t, SUT_LOCK_BEGIN, 2, at(0));
        (void) act(t, SUT_LOCK_WRONG, 2, at(0));
    }
    assert_int_equal(act(t, SUT_LOCK_LOOK, 1, at(10)).retry_after_s, 300);
    assert_int_equal(act(t, SUT_LOCK_LOOK, 2, at(10)).failures, 4);
    /* Five minutes were left, and five are left. */
    assert_int_equal(act(t, SUT_LOCK_LOOK, 1, at(10 - 60)).retry_after_s, 300);
    assert_true(act(t, SUT_LOCK_LOOK, 1, at(14 - 60)).is_locked);
    assert_false(act(t, SUT_LOCK_LOOK, 1, at(15 - 60)).is_locked);
    /* Nobody has more tries. */
    (void) act(t, SUT_LOCK_BEGIN, 2, at(15 - 60));
    assert_true(act(t, SUT_LOCK_WRONG, 2, at(15 - 60)).locks_now);
    /* What is kept then is in the clock's own time. */
    struct kept k = { .calls = 0 };
    size_t n = 0;
    assert_false(sut_failed(sut_ratetable_drain(t, 1, keep, &k, &n)));
    assert_true(k.expires.v <= at(15 - 60 + 30).v);
    sut_ratetable_free(&t);
}

static void times_of_a_moment_ago_are_no_step(void **state)
{
    (void) state;
    struct sut_ratetable *t = table(256 * 1024);
    lock(t, 1, at(0));
    for (int i = 0; i < 100000; i++) {
        (void) act(t, SUT_LOCK_LOOK, 1, (sut_ms){ at(5).v });
        (void) act(t, SUT_LOCK_LOOK, 1, (sut_ms){ at(5).v - 10000 });
    }
    assert_int_equal(act(t, SUT_LOCK_LOOK, 1, at(5)).retry_after_s, 600);
    sut_ratetable_free(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fifth_failure_locks_for_a_quarter_of_an_hour),
        cmocka_unit_test(tries_while_locked_are_not_counted_and_do_not_prolong_it),
        cmocka_unit_test(a_failure_after_the_lock_while_the_count_lives_locks_again),
        cmocka_unit_test(the_count_is_forgotten_half_an_hour_after_the_last_failure),
        cmocka_unit_test(success_resets),
        cmocka_unit_test(of_many_at_once_no_more_than_five_are_judged),
        cmocka_unit_test(a_right_one_among_wrong_ones_forgets_them),
        cmocka_unit_test(a_lock_that_others_caused_meanwhile_stays),
        cmocka_unit_test(what_is_neither_right_nor_wrong_is_as_if_it_had_not_been),
        cmocka_unit_test(a_shorter_rule_or_a_clock_that_was_ahead_shortens_a_lock),
        cmocka_unit_test(bytes_come_back_and_damaged_ones_do_not),
        cmocka_unit_test(a_flood_of_rates_pushes_no_lock_out),
        cmocka_unit_test(counts_go_before_locks_and_the_longest_locked_first),
        cmocka_unit_test(tries_that_come_to_nothing_leave_nothing),
        cmocka_unit_test(a_lock_is_kept_and_its_end_too),
        cmocka_unit_test(a_clock_that_steps_back_an_hour_changes_nothing),
        cmocka_unit_test(times_of_a_moment_ago_are_no_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
