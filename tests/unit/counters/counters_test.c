/* SPDX-License-Identifier: Apache-2.0 */
#include "counters/counters.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"

enum { ROWS_MAX = 4096 };

/* A store in memory: survives the counters, fails when told. */
struct rows {
    struct {
        int64_t kind;
        char key[16];
        char data[256];
        size_t n;
        sut_ms expires;
    } row[ROWS_MAX];
    size_t n;
    bool fails;
    atomic_uint saves;
};

static SUT_ERR rows_load(void *ctx, sut_ms now,
                         void (*each)(void *arg, const struct sut_counter_record *rec), void *arg)
{
    const struct rows *r = ctx;
    ENSURE(!r->fails, UNAVAILABLE);
    for (size_t i = 0; i < r->n; i++) {
        const struct sut_counter_record rec = {
            .kind = r->row[i].kind,
            .key = sut_str_of(r->row[i].key, 16),
            .data = sut_str_of(r->row[i].data, r->row[i].n),
            .expires = r->row[i].expires,
        };
        if (rec.expires.v > now.v)
            each(arg, &rec);
    }
    return SUT_OK;
}

static SUT_ERR rows_save(void *ctx, const struct sut_counter_record *recs, size_t n, sut_ms now)
{
    struct rows *r = ctx;
    (void) now;
    atomic_fetch_add(&r->saves, 1);
    ENSURE(!r->fails, UNAVAILABLE);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        while (at < r->n &&
               (r->row[at].kind != recs[i].kind || memcmp(r->row[at].key, recs[i].key.p, 16) != 0))
            at++;
        assert_true(at < ROWS_MAX && recs[i].data.n <= sizeof(r->row[at].data));
        assert_int_equal(recs[i].key.n, 16);
        if (at == r->n)
            r->n++;
        r->row[at].kind = recs[i].kind;
        memcpy(r->row[at].key, recs[i].key.p, 16);
        memcpy(r->row[at].data, recs[i].data.p, recs[i].data.n);
        r->row[at].n = recs[i].data.n;
        r->row[at].expires = recs[i].expires;
    }
    return SUT_OK;
}

static const struct sut_counters_home_ops rows_ops = { .load = rows_load, .save = rows_save };

static struct rows rows;
static sut_ms clock_at;

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

static struct sut_counters_options options(void)
{
    return (struct sut_counters_options){
        .rates = {
            [SUT_RATE_ANON] = { 10, 60000 },
            [SUT_RATE_USER] = { 20, 60000 },
            [SUT_RATE_LOGIN] = { 3, 60000 },
            [SUT_RATE_REFRESH] = { 5, 60000 },
        },
        .memory_bytes = 1 << 20,
        .checkpoint_ms = 20,
        .key = SUT_STR("0123456789abcdef0123456789abcdef"),
        .clock = &test_clock,
        .ops = &rows_ops,
        .ops_ctx = &rows,
    };
}

static struct sut_counters *make(void)
{
    struct sut_counters *c = NULL;
    const struct sut_counters_options o = options();
    assert_false(sut_failed(sut_counters_create(&o, &c)));
    return c;
}

static bool take(struct sut_counters *c, struct sut_rate_ask ask)
{
    struct sut_rate_result r;
    return sut_counters_take(c, &ask, 1, clock_at, &r);
}

static const unsigned char v4[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 7 };
static const unsigned char v4_near[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 8 };
static const unsigned char v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, [15] = 1 };
static const unsigned char v6_same[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, [9] = 9 };
static const unsigned char v6_other[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 2, [15] = 1 };

static void each_kind_has_its_rate_and_each_subject_its_count(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    for (int64_t id = 1; id <= 3; id++) {
        for (int i = 0; i < 20; i++)
            assert_true(take(c, sut_rate_ask_id(SUT_RATE_USER, id)));
        assert_false(take(c, sut_rate_ask_id(SUT_RATE_USER, id)));
        for (int i = 0; i < 5; i++)
            assert_true(take(c, sut_rate_ask_id(SUT_RATE_REFRESH, id)));
        assert_false(take(c, sut_rate_ask_id(SUT_RATE_REFRESH, id)));
    }
    for (int i = 0; i < 3; i++)
        assert_true(take(c, sut_rate_ask_text(SUT_RATE_LOGIN, SUT_STR("a@example.com"))));
    assert_false(take(c, sut_rate_ask_text(SUT_RATE_LOGIN, SUT_STR("a@example.com"))));
    assert_true(take(c, sut_rate_ask_text(SUT_RATE_LOGIN, SUT_STR("b@example.com"))));
    sut_counters_free(&c);
}

static void an_ipv6_address_counts_by_its_64_and_an_ipv4_one_whole(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    for (int i = 0; i < 10; i++) {
        assert_true(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v4)));
        assert_true(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v6)));
    }
    assert_false(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v4)));
    assert_true(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v4_near)));
    assert_false(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v6)));
    assert_false(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v6_same)));
    assert_true(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v6_other)));
    sut_counters_free(&c);
}

static void of_several_the_tightest_is_told_and_a_refusal_counts_none(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    const struct sut_rate_ask asks[] = {
        sut_rate_ask_addr(SUT_RATE_ANON, v4), sut_rate_ask_addr(SUT_RATE_LOGIN, v4),
        sut_rate_ask_id(SUT_RATE_RESET, 1), /* not limited here */
    };
    struct sut_rate_result r;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(sut_counters_take(c, asks, 3, clock_at, &r));
        assert_int_equal(r.limit, 3);
        assert_int_equal(r.remaining, 2 - i);
    }
    for (int i = 0; i < 20; i++) {
        assert_false(sut_counters_take(c, asks, 3, clock_at, &r));
        assert_int_equal(r.limit, 3);
        assert_int_equal(r.retry_after_s, 60);
        assert_int_equal(r.is_first_refusal, i == 0);
    }
    /* The refused ones left the other rate alone: 3 of its 10 are used. */
    assert_true(sut_counters_take(c, asks, 1, clock_at, &r));
    assert_int_equal(r.remaining, 6);
    sut_counters_free(&c);
}

static void a_kind_without_a_rate_is_not_limited(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    const struct sut_rate_ask ask = sut_rate_ask_id(SUT_RATE_RESET, 1);
    struct sut_rate_result r;
    for (int i = 0; i < 1000; i++)
        assert_true(sut_counters_take(c, &ask, 1, clock_at, &r));
    assert_int_equal(r.limit, 0);
    assert_true(sut_counters_take(c, NULL, 0, clock_at, &r));
    assert_int_equal(r.limit, 0);
    sut_counters_free(&c);
}

static void a_restart_forgets_nothing(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    for (int i = 0; i < 3; i++)
        assert_true(take(c, sut_rate_ask_addr(SUT_RATE_LOGIN, v4)));
    for (int i = 0; i < 7; i++)
        assert_true(take(c, sut_rate_ask_id(SUT_RATE_USER, 42)));
    assert_false(sut_failed(sut_counters_stop(c)));
    sut_counters_free(&c);
    assert_int_equal(rows.n, 2);

    clock_at.v += 5000;
    c = make();
    assert_false(take(c, sut_rate_ask_addr(SUT_RATE_LOGIN, v4)));
    const struct sut_rate_ask ask = sut_rate_ask_id(SUT_RATE_USER, 42);
    struct sut_rate_result r;
    assert_true(sut_counters_take(c, &ask, 1, clock_at, &r));
    assert_int_equal(r.remaining, 12);
    sut_counters_free(&c);

    clock_at.v += 60000;
    c = make();
    assert_true(take(c, sut_rate_ask_addr(SUT_RATE_LOGIN, v4)));
    sut_counters_free(&c);
}

static void what_is_kept_names_nobody(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    assert_true(take(c, sut_rate_ask_text(SUT_RATE_LOGIN, SUT_STR("sarah@example.com"))));
    assert_true(take(c, sut_rate_ask_addr(SUT_RATE_ANON, v4)));
    assert_false(sut_failed(sut_counters_checkpoint(c)));
    sut_counters_free(&c);
    assert_int_equal(rows.n, 2);
    assert_null(memmem(&rows, sizeof(rows), "sarah", 5));
    assert_null(memmem(&rows, sizeof(rows), v4 + 10, 6));
}

static void another_secret_does_not_find_the_rows(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    for (int i = 0; i < 3; i++)
        assert_true(take(c, sut_rate_ask_addr(SUT_RATE_LOGIN, v4)));
    assert_false(sut_failed(sut_counters_stop(c)));
    sut_counters_free(&c);
    struct sut_counters_options o = options();
    o.key = SUT_STR("another secret of enough bytes!!");
    assert_false(sut_failed(sut_counters_create(&o, &c)));
    assert_true(take(c, sut_rate_ask_addr(SUT_RATE_LOGIN, v4)));
    sut_counters_free(&c);
}

static void the_thread_checkpoints_by_itself(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    assert_false(sut_failed(sut_counters_start(c)));
    assert_true(take(c, sut_rate_ask_id(SUT_RATE_USER, 1)));
    const struct timespec pause = { .tv_nsec = 5000000 };
    for (int i = 0; i < 6000 && atomic_load(&rows.saves) == 0; i++)
        (void) nanosleep(&pause, NULL);
    assert_true(atomic_load(&rows.saves) > 0);
    assert_false(sut_failed(sut_counters_stop(c)));
    const unsigned saves = atomic_load(&rows.saves);
    assert_false(sut_failed(sut_counters_checkpoint(c)));
    assert_int_equal(atomic_load(&rows.saves), saves); /* nothing was due */
    sut_counters_free(&c);
}

static void a_store_that_fails_loses_nothing_once_it_is_back(void **state)
{
    (void) state;
    struct sut_counters *c = make();
    for (int64_t id = 0; id < 2500; id++)
        assert_true(take(c, sut_rate_ask_id(SUT_RATE_USER, id)));
    rows.fails = true;
    assert_true(sut_failed(sut_counters_checkpoint(c)));
    struct sut_counters_stats s;
    sut_counters_stats(c, &s);
    assert_int_equal(s.save_failures, 1);
    assert_int_equal(s.keys, 2500);
    rows.fails = false;
    assert_false(sut_failed(sut_counters_checkpoint(c)));
    assert_int_equal(rows.n, 2500);
    sut_counters_free(&c);

    rows.fails = true;
    const struct sut_counters_options o = options();
    assert_int_equal(sut_counters_create(&o, &c).code, SUT_E_UNAVAILABLE);
    assert_null(c);
}

static SUT_ERR load_none(void *ctx, sut_ms now,
                         void (*each)(void *arg, const struct sut_counter_record *rec), void *arg)
{
    (void) ctx;
    (void) now;
    (void) each;
    (void) arg;
    return SUT_OK;
}

static SUT_ERR count_save(void *ctx, const struct sut_counter_record *recs, size_t n, sut_ms now)
{
    (void) recs;
    (void) now;
    *(size_t *) ctx += n;
    return SUT_OK;
}

/* More than one checkpoint in passing takes: the last one has no next. */
static void the_last_checkpoint_keeps_all_however_many(void **state)
{
    enum { MANY = 70000 };
    static const struct sut_counters_home_ops ops = { .load = load_none, .save = count_save };
    struct sut_counters *c = NULL;
    struct sut_counters_options o = options();
    size_t saved = 0;
    (void) state;
    o.memory_bytes = 64 << 20;
    o.ops = &ops;
    o.ops_ctx = &saved;
    assert_false(sut_failed(sut_counters_create(&o, &c)));
    for (int64_t id = 0; id < MANY; id++)
        assert_true(take(c, sut_rate_ask_id(SUT_RATE_USER, id)));
    assert_false(sut_failed(sut_counters_stop(c)));
    assert_int_equal(saved, MANY);
    sut_counters_free(&c);
}

static void rows_of_another_program_are_passed_over(void **state)
{
    (void) state;
    rows.n = 3;
    for (size_t i = 0; i < 3; i++) {
        rows.row[i].kind = i == 0 ? 99 : i == 1 ? -1 : 0;
        rows.row[i].n = 3;
        memcpy(rows.row[i].data, "\xff\xff\xff", 3);
        rows.row[i].expires.v = clock_at.v + 1000;
    }
    struct sut_counters *c = make();
    struct sut_counters_stats s;
    sut_counters_stats(c, &s);
    assert_int_equal(s.keys, 0);
    sut_counters_free(&c);
}

static void bad_options_are_refused(void **state)
{
    (void) state;
    struct sut_counters *c = NULL;
    struct sut_counters_options o = options();
    o.key = SUT_STR("short");
    assert_int_equal(sut_counters_create(&o, &c).code, SUT_E_INVALID);
    o = options();
    o.memory_bytes = 10;
    assert_int_equal(sut_counters_create(&o, &c).code, SUT_E_INVALID);
}

static void without_memory_nothing_is_made_and_nothing_leaks(void **state)
{
    (void) state;
    const struct sut_counters_options o = options();
    for (unsigned long n = 1;; n++) {
        struct sut_counters *c = NULL;
        sut_mem_fault_nth(n);
        const sut_err e = sut_counters_create(&o, &c);
        const bool hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        assert_int_equal(sut_failed(e), hit);
        sut_counters_free(&c);
        if (!hit)
            break;
    }
}

struct race {
    struct sut_counters *c;
    atomic_uint allowed;
};

static void *racer(void *arg)
{
    struct race *race = arg;
    const struct sut_rate_ask asks[] = {
        sut_rate_ask_id(SUT_RATE_USER, 7),
        sut_rate_ask_addr(SUT_RATE_ANON, v4),
    };
    for (int i = 0; i < 300; i++) {
        struct sut_rate_result r;
        if (sut_counters_take(race->c, asks, 2, clock_at, &r))
            atomic_fetch_add(&race->allowed, 1);
    }
    return NULL;
}

static void parallel_requests_never_pass_the_limit(void **state)
{
    (void) state;
    struct race race = { .c = make() };
    atomic_init(&race.allowed, 0);
    pthread_t threads[4];
    assert_false(sut_failed(sut_counters_start(race.c)));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, racer, &race), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_in_range(atomic_load(&race.allowed), 1, 10);
    assert_false(sut_failed(sut_counters_stop(race.c)));
    sut_counters_free(&race.c);
}

#define T(name_) cmocka_unit_test_setup(name_, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_kind_has_its_rate_and_each_subject_its_count),
        T(an_ipv6_address_counts_by_its_64_and_an_ipv4_one_whole),
        T(of_several_the_tightest_is_told_and_a_refusal_counts_none),
        T(a_kind_without_a_rate_is_not_limited),
        T(a_restart_forgets_nothing),
        T(what_is_kept_names_nobody),
        T(another_secret_does_not_find_the_rows),
        T(the_thread_checkpoints_by_itself),
        T(a_store_that_fails_loses_nothing_once_it_is_back),
        T(the_last_checkpoint_keeps_all_however_many),
        T(rows_of_another_program_are_passed_over),
        T(bad_options_are_refused),
        T(without_memory_nothing_is_made_and_nothing_leaks),
        T(parallel_requests_never_pass_the_limit),
    };
    return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
