/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/keycache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "with_seal.h"

static struct sut_keycache *cache_of(size_t keys_max)
{
    struct sut_keycache *c = NULL;
    assert_false(sut_failed(sut_keycache_create(keys_max, &sut_random_system, &c)));
    return c;
}

static void put(struct sut_keycache *c, int64_t person, uint32_t version, uint64_t mark)
{
    unsigned char raw[SUT_KEY_SIZE];
    key_bytes(person, version, raw);
    sut_keycache_put(c, person, version, mark, raw, sut_keycache_now(c, person));
}

/* Whether it is there, and then whole. */
static bool get(struct sut_keycache *c, int64_t person, uint32_t version)
{
    unsigned char raw[SUT_KEY_SIZE];
    unsigned char want[SUT_KEY_SIZE];
    if (!sut_keycache_get(c, person, version, NULL, raw))
        return false;
    key_bytes(person, version, want);
    assert_memory_equal(raw, want, sizeof(want));
    return true;
}

static struct sut_seal_counts count(struct sut_keycache *c)
{
    struct sut_seal_counts n = { 0 };
    sut_keycache_count(c, &n);
    return n;
}

/* How often the bytes of a key stand in the cache's memory. */
static size_t copies(const struct sut_keycache *c, int64_t person, uint32_t version)
{
    unsigned char want[SUT_KEY_SIZE];
    size_t n = 0;
    key_bytes(person, version, want);
    for (size_t s = 0; s < sut_keycache_shards(c); s++) {
        const sut_str m = sut_keycache_memory(c, s);
        for (size_t at = 0; at + SUT_KEY_SIZE <= m.n; at += SUT_KEY_SIZE)
            n += memcmp(m.p + at, want, SUT_KEY_SIZE) == 0;
    }
    return n;
}

static size_t bytes_set(const struct sut_keycache *c)
{
    size_t n = 0;
    for (size_t s = 0; s < sut_keycache_shards(c); s++) {
        const sut_str m = sut_keycache_memory(c, s);
        for (size_t at = 0; at < m.n; at++)
            n += m.p[at] != 0;
    }
    return n;
}

static void a_key_is_found_by_person_and_version_alone(void **state)
{
    (void) state;
    struct sut_keycache *c = cache_of(64);
    const uint64_t right = 5;
    const uint64_t wrong = 6;
    unsigned char raw[SUT_KEY_SIZE];
    put(c, 1, 1, right);
    put(c, 1, 2, right);
    put(c, -1, 1, right);
    put(c, 0, 1, right);
    assert_true(get(c, 1, 1));
    assert_true(get(c, 1, 2));
    assert_true(get(c, -1, 1));
    assert_true(get(c, 0, 1));
    assert_false(get(c, 2, 1));
    assert_false(get(c, 1, 3));
    assert_false(get(c, INT64_C(1) << 32, 1));
    assert_true(sut_keycache_get(c, 1, 1, &right, raw));
    assert_false(sut_keycache_get(c, 1, 1, &wrong, raw));
    assert_true(sut_keycache_has(c, 1, 1, right));
    assert_false(sut_keycache_has(c, 1, 1, wrong));
    const struct sut_seal_counts n = count(c);
    assert_int_equal(n.held, 4);
    assert_int_equal(n.hits, 5);
    assert_int_equal(n.misses, 4);
    sut_keycache_free(&c);
    assert_null(c);
}

static void a_key_put_again_takes_the_place_of_the_old_one(void **state)
{
    (void) state;
    struct sut_keycache *c = cache_of(64);
    unsigned char other[SUT_KEY_SIZE];
    unsigned char raw[SUT_KEY_SIZE];
    memset(other, 0x33, sizeof(other));
    put(c, 1, 1, 1);
    sut_keycache_put(c, 1, 1, 2, other, sut_keycache_now(c, 1));
    assert_true(sut_keycache_get(c, 1, 1, NULL, raw));
    assert_memory_equal(raw, other, sizeof(raw));
    assert_int_equal(copies(c, 1, 1), 0);
    assert_int_equal(count(c).held, 1);
    assert_false(sut_keycache_has(c, 1, 1, 1));
    assert_true(sut_keycache_has(c, 1, 1, 2));
    sut_keycache_free(&c);
}

static void it_never_holds_more_than_its_bound_and_wipes_what_goes(void **state)
{
    (void) state;
    const size_t bounds[] = { 16, 17, 100, 512, 1000, 4096, 65536 };
    for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
        struct sut_keycache *c = cache_of(bounds[b]);
        size_t memory = 0;
        const int64_t n = (int64_t) bounds[b] * 2;
        for (int64_t p = 1; p <= n; p++)
            put(c, p, 1, 0);
        for (size_t s = 0; s < sut_keycache_shards(c); s++)
            memory += sut_keycache_memory(c, s).n;
        assert_true(memory <= bounds[b] * SUT_KEY_SIZE);
        assert_true(count(c).held <= bounds[b]);
        /* A shard may be less full than another, but not by much. */
        assert_true(count(c).held * 10 >= bounds[b] * 8);
        if (bounds[b] <= 1000) {
            size_t found = 0;
            for (int64_t p = 1; p <= n; p++) {
                const bool is_there = get(c, p, 1);
                found += is_there;
                assert_int_equal(copies(c, p, 1), is_there);
            }
            assert_int_equal(found, count(c).held);
        }
        sut_keycache_free(&c);
    }
    struct sut_keycache *c = NULL;
    assert_int_equal(sut_keycache_create(15, &sut_random_system, &c).code, SUT_E_INVALID);
    assert_int_equal(sut_keycache_create(65537, &sut_random_system, &c).code, SUT_E_INVALID);
    assert_null(c);
}

static void a_key_in_use_outlives_those_that_nobody_asks_for(void **state)
{
    (void) state;
    struct sut_keycache *c = cache_of(16);
    put(c, 1000, 1, 0);
    for (int64_t p = 1; p <= 500; p++) {
        put(c, p, 1, 0);
        assert_true(get(c, 1000, 1));
    }
    sut_keycache_free(&c);
}

static void forgetting_wipes_all_versions_of_one_person(void **state)
{
    (void) state;
    struct sut_keycache *c = cache_of(64);
    for (uint32_t v = 1; v <= 5; v++) {
        put(c, 1, v, 0);
        put(c, 2, v, 0);
    }
    sut_keycache_forget(c, 1);
    sut_keycache_forget(c, 3);
    for (uint32_t v = 1; v <= 5; v++) {
        assert_false(get(c, 1, v));
        assert_int_equal(copies(c, 1, v), 0);
        assert_true(get(c, 2, v));
    }
    assert_int_equal(count(c).held, 5);
    sut_keycache_forget(c, 2);
    assert_int_equal(bytes_set(c), 0);
    put(c, 1, 1, 0);
    assert_true(get(c, 1, 1));
    sut_keycache_free(&c);
}

static void a_key_asked_for_before_its_person_was_forgotten_stays_out(void **state)
{
    (void) state;
    struct sut_keycache *c = cache_of(16);
    unsigned char raw[SUT_KEY_SIZE];
    key_bytes(1, 1, raw);
    const uint64_t before = sut_keycache_now(c, 1);
    sut_keycache_forget(c, 1);
    sut_keycache_put(c, 1, 1, 0, raw, before);
    assert_false(get(c, 1, 1));
    assert_int_equal(bytes_set(c), 0);
    /* Others are not touched by it, unless too many went to know. */
    sut_keycache_put(c, 2, 1, 0, raw, before);
    assert_int_equal(count(c).held, 1);
    for (int64_t p = 100; p < 200; p++)
        sut_keycache_forget(c, p);
    sut_keycache_put(c, 3, 1, 0, raw, before);
    assert_int_equal(count(c).held, 1);
    put(c, 1, 1, 0);
    assert_true(get(c, 1, 1));
    sut_keycache_free(&c);
}

static void a_sweep_wipes_what_was_idle(void **state)
{
    (void) state;
    struct sut_keycache *c = cache_of(600);
    for (int64_t p = 1; p <= 100; p++)
        put(c, p, 1, 0);
    sut_keycache_sweep(c, 60000);
    assert_int_equal(count(c).held, 100);
    /* Between the use and the sweep there may be a pause, too. */
    (void) usleep(2200 * 1000);
    assert_true(get(c, 7, 1));
    sut_keycache_sweep(c, 2000);
    assert_int_equal(count(c).held, 1);
    assert_true(get(c, 7, 1));
    assert_int_equal(copies(c, 7, 1), 1);
    assert_int_equal(copies(c, 8, 1), 0);
    sut_keycache_sweep(c, 0);
    assert_int_equal(count(c).held, 0);
    assert_int_equal(bytes_set(c), 0);
    sut_keycache_free(&c);
}

static void it_copes_without_memory(void **state)
{
    (void) state;
    for (unsigned long nth = 1;; nth++) {
        struct sut_keycache *c = NULL;
        sut_mem_fault_nth(nth);
        const sut_err e = sut_keycache_create(1024, &sut_random_system, &c);
        const bool was_hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        if (!was_hit) {
            assert_false(sut_failed(e));
            sut_keycache_free(&c);
            break;
        }
        assert_int_equal(e.code, SUT_E_NOMEM);
        assert_null(c);
    }
}

struct crowd {
    struct sut_keycache *cache;
    atomic_ulong wrong;
    atomic_ulong hits;
    atomic_uint seed;
};

static void *hammer(void *arg)
{
    enum { TURNS = 20000, PERSONS = 900 };
    struct crowd *const c = arg;
    uint64_t x = UINT64_C(0x9e3779b97f4a7c15) * (atomic_fetch_add(&c->seed, 1) + 1);
    for (int i = 0; i < TURNS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        const int64_t person = (int64_t) (x % PERSONS);
        const uint32_t version = (uint32_t) (x >> 40) % 2 + 1;
        unsigned char raw[SUT_KEY_SIZE];
        unsigned char want[SUT_KEY_SIZE];
        key_bytes(person, version, want);
        if (x >> 58 == 0)
            sut_keycache_forget(c->cache, person);
        else if (i % 4096 == 4095)
            sut_keycache_sweep(c->cache, (int64_t) (x >> 60));
        else if (!sut_keycache_get(c->cache, person, version, NULL, raw))
            sut_keycache_put(c->cache, person, version, 0, want,
                             sut_keycache_now(c->cache, person));
        else if (memcmp(raw, want, sizeof(raw)) == 0)
            atomic_fetch_add(&c->hits, 1);
        else
            atomic_fetch_add(&c->wrong, 1);
    }
    return NULL;
}

static void eight_threads_never_get_a_wrong_key(void **state)
{
    enum { THREADS = 8 };
    (void) state;
    struct crowd c = { .cache = cache_of(512) };
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &c), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&c.wrong), 0);
    assert_true(atomic_load(&c.hits) > 0);
    assert_true(count(c.cache).held <= 512);
    sut_keycache_sweep(c.cache, 0);
    assert_int_equal(bytes_set(c.cache), 0);
    sut_keycache_free(&c.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_by_person_and_version_alone),
        cmocka_unit_test(a_key_put_again_takes_the_place_of_the_old_one),
        cmocka_unit_test(it_never_holds_more_than_its_bound_and_wipes_what_goes),
        cmocka_unit_test(a_key_in_use_outlives_those_that_nobody_asks_for),
        cmocka_unit_test(forgetting_wipes_all_versions_of_one_person),
        cmocka_unit_test(a_key_asked_for_before_its_person_was_forgotten_stays_out),
        cmocka_unit_test(a_sweep_wipes_what_was_idle),
        cmocka_unit_test(it_copes_without_memory),
        cmocka_unit_test(eight_threads_never_get_a_wrong_key),
    };
    return cmocka_run_group_tests_name("keycache", tests, NULL, NULL);
}
