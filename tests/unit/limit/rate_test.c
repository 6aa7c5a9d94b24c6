/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/rate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/mem.h"

static const int64_t start_ms = 1795315251123;

static struct sut_rate_result take(struct sut_rate_log *l, struct sut_rate rate, int64_t at_ms)
{
    struct sut_rate_result r;
    assert_false(sut_failed(sut_rate_take(l, rate, (sut_ms){ .v = at_ms }, &r)));
    return r;
}

static void spends_what_it_has_and_then_refuses(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 3, .window_ms = 60000 };
    struct sut_rate_log l = { .n = 0 };
    for (unsigned i = 0; i < 3; i++) {
        const struct sut_rate_result r = take(&l, rate, start_ms + i);
        assert_true(r.is_allowed);
        assert_int_equal(r.limit, 3);
        assert_int_equal(r.remaining, 2 - i);
        assert_int_equal(r.retry_after_s, 0);
    }
    const struct sut_rate_result r = take(&l, rate, start_ms + 1000);
    assert_false(r.is_allowed);
    assert_int_equal(r.remaining, 0);
    assert_int_equal(r.retry_after_s, 59);
    assert_int_equal(r.reset_s, (start_ms + 60000 + 999) / 1000);
    sut_rate_log_done(&l);
}

static void the_window_slides_and_its_edge_is_djangos(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 2, .window_ms = 1000 };
    struct sut_rate_log l = { .n = 0 };
    assert_true(take(&l, rate, 5000).is_allowed);
    assert_true(take(&l, rate, 5500).is_allowed);
    assert_false(take(&l, rate, 5999).is_allowed);
    assert_true(take(&l, rate, 6000).is_allowed); /* the one of 5000 is a whole window old */
    assert_false(take(&l, rate, 6499).is_allowed);
    assert_true(take(&l, rate, 6500).is_allowed);
    sut_rate_log_done(&l);
}

static void refused_requests_do_not_count(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 1, .window_ms = 1000 };
    struct sut_rate_log l = { .n = 0 };
    assert_true(take(&l, rate, 1000).is_allowed);
    for (int64_t at = 1001; at < 2000; at++)
        assert_false(take(&l, rate, at).is_allowed);
    assert_true(take(&l, rate, 2000).is_allowed);
    sut_rate_log_done(&l);
}

static void a_rate_of_none_lets_all_pass_and_keeps_nothing(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 0, .window_ms = 0 };
    struct sut_rate_log l = { .n = 0 };
    const struct sut_rate_result r = take(&l, rate, start_ms);
    assert_true(r.is_allowed);
    assert_int_equal(r.limit, 0);
    assert_int_equal(l.n, 0);
}

static void a_window_that_is_too_long_is_refused(void **state)
{
    (void) state;
    struct sut_rate_log l = { .n = 0 };
    struct sut_rate_result r;
    const struct sut_rate rate = { .count = 1, .window_ms = UINT32_MAX };
    assert_int_equal(sut_rate_take(&l, rate, (sut_ms){ .v = 1 }, &r).code, SUT_E_INVALID);
}

static void a_clock_that_steps_back_gains_nothing(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 3, .window_ms = 60000 };
    struct sut_rate_log l = { .n = 0 };
    assert_true(take(&l, rate, start_ms).is_allowed);
    assert_true(take(&l, rate, start_ms + 10000).is_allowed);
    const int64_t back_ms = start_ms - 3600000;
    assert_true(take(&l, rate, back_ms).is_allowed);
    const struct sut_rate_result r = take(&l, rate, back_ms);
    assert_false(r.is_allowed);
    assert_int_equal(r.retry_after_s, 50); /* the ages of before: 10 s, 0 s, 0 s */
    assert_false(take(&l, rate, back_ms + 49999).is_allowed);
    assert_true(take(&l, rate, back_ms + 50000).is_allowed);
    sut_rate_log_done(&l);

    const struct sut_rate wide = { .count = 20000, .window_ms = 60000 };
    for (int i = 0; i < 20000; i++)
        assert_true(take(&l, wide, start_ms).is_allowed);
    assert_false(take(&l, wide, start_ms).is_allowed);
    assert_false(take(&l, wide, start_ms - 3600000).is_allowed);
    assert_false(take(&l, wide, start_ms - 3600000 + 59999).is_allowed);
    sut_rate_log_done(&l);
}

static void only_the_first_refusal_of_a_window_is_told(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 1, .window_ms = 10000 };
    struct sut_rate_log l = { .n = 0 };
    assert_false(take(&l, rate, 1000).is_first_refusal);
    assert_true(take(&l, rate, 2000).is_first_refusal);
    assert_false(take(&l, rate, 3000).is_first_refusal);
    assert_true(take(&l, rate, 11000).is_allowed);
    assert_false(take(&l, rate, 11500).is_first_refusal);
    assert_true(take(&l, rate, 12000).is_first_refusal);
    sut_rate_log_done(&l);
}

static void peeking_counts_nothing(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 1, .window_ms = 10000 };
    struct sut_rate_log l = { .n = 0 };
    struct sut_rate_result r;
    for (int i = 0; i < 5; i++) {
        sut_rate_peek(&l, rate, (sut_ms){ .v = start_ms }, &r);
        assert_true(r.is_allowed);
        assert_int_equal(r.remaining, 1);
    }
    assert_true(take(&l, rate, start_ms).is_allowed);
    sut_rate_peek(&l, rate, (sut_ms){ .v = start_ms + 1 }, &r);
    assert_false(r.is_allowed);
    assert_int_equal(r.retry_after_s, 10);
    assert_false(r.is_first_refusal);
    sut_rate_log_done(&l);
}

static void exactly_as_many_as_the_limit_up_to_ten_thousand(void **state)
{
    (void) state;
    static const uint32_t counts[] = { 1, 4, 5, 8, 9, 100, 9999, 10000 };
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        const struct sut_rate rate = { .count = counts[c], .window_ms = 3600000 };
        struct sut_rate_log l = { .n = 0 };
        uint32_t allowed = 0;
        for (uint32_t i = 0; i < counts[c] + 50; i++)
            allowed += take(&l, rate, start_ms + i * 7).is_allowed ? 1 : 0;
        assert_int_equal(allowed, counts[c]);
        assert_true(sut_rate_log_held(&l) <= counts[c] * sizeof(uint32_t));
        /* Long after, one by one as they leave. */
        for (uint32_t i = 0; i < counts[c]; i++)
            assert_true(take(&l, rate, start_ms + 3600000 + i * 7).is_allowed);
        assert_false(take(&l, rate, start_ms + 3600000 + (counts[c] - 1) * 7).is_allowed);
        sut_rate_log_done(&l);
    }
}

static void months_of_steady_use_keep_the_times_right(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 24, .window_ms = 86400000 };
    struct sut_rate_log l = { .n = 0 };
    for (int64_t hour = 0; hour < 24 * 120; hour++) {
        assert_true(take(&l, rate, start_ms + hour * 3600000).is_allowed);
        if (hour >= 24)
            assert_false(take(&l, rate, start_ms + hour * 3600000 + 1).is_allowed);
    }
    sut_rate_log_done(&l);
}

static void an_idle_log_gives_its_memory_back(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 1000, .window_ms = 1000 };
    struct sut_rate_log l = { .n = 0 };
    for (int i = 0; i < 1000; i++)
        assert_true(take(&l, rate, start_ms).is_allowed);
    assert_int_equal(sut_rate_log_held(&l), 4000);
    assert_true(take(&l, rate, start_ms + 5000).is_allowed);
    assert_int_equal(sut_rate_log_held(&l), 0);
    sut_rate_log_done(&l);
}

static void the_estimate_is_near_above_ten_thousand(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 60000, .window_ms = 60000 };
    struct sut_rate_log l = { .n = 0 };
    unsigned allowed = 0;
    for (int64_t i = 0; i < 120000; i++) /* twice the rate for one window */
        allowed += take(&l, rate, start_ms + i / 2).is_allowed ? 1 : 0;
    assert_int_equal(allowed, 60000);
    const struct sut_rate_result r = take(&l, rate, start_ms + 59999);
    assert_false(r.is_allowed);
    assert_int_equal(r.retry_after_s, 1);
    /* In the next window the last one weighs less and less. */
    allowed = 0;
    for (int64_t i = 0; i < 120000; i++)
        allowed += take(&l, rate, start_ms + 60000 + i / 2).is_allowed ? 1 : 0;
    assert_in_range(allowed, 59900, 60000);
    assert_int_equal(sut_rate_log_held(&l), 0);
    /* After two windows of silence all is free. */
    assert_int_equal(take(&l, rate, start_ms + 300000).remaining, 59999);
    sut_rate_log_done(&l);
}

static void the_estimates_wait_is_enough(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 20000, .window_ms = 60000 };
    struct sut_rate_log l = { .n = 0 };
    int64_t now = start_ms;
    for (int round = 0; round < 200; round++) {
        struct sut_rate_result r = take(&l, rate, now);
        while (r.is_allowed)
            r = take(&l, rate, now);
        assert_true(r.retry_after_s >= 1 && r.retry_after_s <= 61);
        now += r.retry_after_s * 1000;
        assert_true(take(&l, rate, now).is_allowed);
    }
    sut_rate_log_done(&l);
}

static void a_setting_that_changes_is_taken_over(void **state)
{
    (void) state;
    struct sut_rate rate = { .count = 5, .window_ms = 60000 };
    struct sut_rate_log l = { .n = 0 };
    for (int i = 0; i < 5; i++)
        assert_true(take(&l, rate, start_ms + i * 1000).is_allowed);
    rate.count = 2; /* lowered: the surplus must go first */
    const struct sut_rate_result r = take(&l, rate, start_ms + 5000);
    assert_false(r.is_allowed);
    assert_int_equal(r.remaining, 0);
    assert_int_equal(r.retry_after_s, 58);
    assert_int_equal(sut_rate_wait_ms(&l, rate, (sut_ms){ .v = start_ms + 5000 }), -1);
    assert_true(take(&l, rate, start_ms + 63000).is_allowed);
    rate.count = 20000;
    assert_int_equal(take(&l, rate, start_ms + 63001).remaining, 20000 - 3);
    rate.count = 5;
    assert_int_equal(take(&l, rate, start_ms + 63002).remaining, 4);
    sut_rate_log_done(&l);
}

static void a_log_comes_back_from_its_bytes(void **state)
{
    (void) state;
    static const uint32_t counts[] = { 3, 1000, 50000 };
    for (size_t c = 0; c < 3; c++) {
        const struct sut_rate rate = { .count = counts[c], .window_ms = 3600000 };
        struct sut_rate_log a = { .n = 0 };
        struct sut_rate_log b = { .n = 0 };
        struct sut_buf bytes;
        sut_buf_init(&bytes, 1 << 20);
        for (uint32_t i = 0; i < counts[c] / 2 + 1; i++)
            (void) take(&a, rate, start_ms + i * 3);
        sut_rate_log_encode(&a, &bytes);
        assert_false(sut_failed(sut_rate_log_decode(sut_buf_str(&bytes), &b)));
        for (uint32_t i = 0; i < counts[c]; i++) {
            const struct sut_rate_result x = take(&a, rate, start_ms + 200000 + i);
            const struct sut_rate_result y = take(&b, rate, start_ms + 200000 + i);
            assert_int_equal(x.is_allowed, y.is_allowed);
            assert_int_equal(x.remaining, y.remaining);
            assert_int_equal(x.reset_s, y.reset_s);
            assert_int_equal(x.retry_after_s, y.retry_after_s);
        }
        sut_rate_log_done(&a);
        sut_rate_log_done(&b);
        sut_buf_done(&bytes);
    }
}

static void damaged_bytes_are_refused(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 20, .window_ms = 60000 };
    struct sut_rate_log a = { .n = 0 };
    struct sut_rate_log b = { .n = 0 };
    struct sut_buf bytes;
    sut_buf_init(&bytes, 4096);
    for (int i = 0; i < 20; i++)
        (void) take(&a, rate, start_ms + i);
    sut_rate_log_encode(&a, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        assert_true(sut_failed(sut_rate_log_decode(sut_str_of(bytes.p, n), &b)));
    /* A flipped bit either is refused or gives a log that keeps its limits. */
    for (size_t bit = 0; bit < bytes.n * 8; bit++) {
        bytes.p[bit / 8] = (char) (bytes.p[bit / 8] ^ (1 << bit % 8));
        if (!sut_failed(sut_rate_log_decode(sut_buf_str(&bytes), &b))) {
            struct sut_rate_result r;
            sut_ignore(sut_rate_take(&b, rate, (sut_ms){ .v = start_ms + 100 }, &r),
                       "either is fine");
            assert_true(r.remaining <= 20);
            sut_rate_log_done(&b);
        }
        bytes.p[bit / 8] = (char) (bytes.p[bit / 8] ^ (1 << bit % 8));
    }
    assert_true(
        sut_failed(sut_rate_log_decode(SUT_STR("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff"), &b)));
    sut_rate_log_done(&a);
    sut_buf_done(&bytes);
}

static void without_memory_the_limit_holds(void **state)
{
    (void) state;
    const struct sut_rate rate = { .count = 100, .window_ms = 60000 };
    struct sut_rate_log l = { .n = 0 };
    struct sut_rate_result r;
    for (int i = 0; i < SUT_RATE_INLINE; i++)
        assert_true(take(&l, rate, start_ms).is_allowed);
    sut_mem_fault_nth(1);
    assert_int_equal(sut_rate_take(&l, rate, (sut_ms){ .v = start_ms }, &r).code, SUT_E_NOMEM);
    sut_mem_fault_nth(0);
    assert_false(r.is_allowed);
    assert_int_equal(r.retry_after_s, 1);
    assert_true(take(&l, rate, start_ms).is_allowed);
    sut_rate_log_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spends_what_it_has_and_then_refuses),
        cmocka_unit_test(the_window_slides_and_its_edge_is_djangos),
        cmocka_unit_test(refused_requests_do_not_count),
        cmocka_unit_test(a_rate_of_none_lets_all_pass_and_keeps_nothing),
        cmocka_unit_test(a_window_that_is_too_long_is_refused),
        cmocka_unit_test(a_clock_that_steps_back_gains_nothing),
        cmocka_unit_test(only_the_first_refusal_of_a_window_is_told),
        cmocka_unit_test(peeking_counts_nothing),
        cmocka_unit_test(exactly_as_many_as_the_limit_up_to_ten_thousand),
        cmocka_unit_test(months_of_steady_use_keep_the_times_right),
        cmocka_unit_test(an_idle_log_gives_its_memory_back),
        cmocka_unit_test(the_estimate_is_near_above_ten_thousand),
        cmocka_unit_test(the_estimates_wait_is_enough),
        cmocka_unit_test(a_setting_that_changes_is_taken_over),
        cmocka_unit_test(a_log_comes_back_from_its_bytes),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(without_memory_the_limit_holds),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
