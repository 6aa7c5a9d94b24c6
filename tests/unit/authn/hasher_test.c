/* SPDX-License-Identifier: Apache-2.0 */
#include "authn/hasher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct sut_hasher_options usual = {
    .threads = 2,
    .queue_max = 100,
    .memory_bytes = 16 * 1024 * 1024,
    .is_normalized = true,
    .policy = { .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 1024, .passes = 1, .lanes = 1 },
    .budget = { .rounds = 100000, .memory_kib = 8192, .passes = 4, .lanes = 8 },
};

static struct sut_hasher *start(const struct sut_hasher_options *opt)
{
    struct sut_hasher *h = NULL;
    assert_false(sut_failed(sut_hasher_start(opt, &sut_random_system, &h)));
    return h;
}

static struct sut_hasher_result verify(struct sut_hasher *h, sut_str encoded, sut_str password)
{
    struct sut_hasher_result r = { .verdict = SUT_PWHASH_MALFORMED };
    unsigned retry = 0;
    assert_false(sut_failed(sut_hasher_verify(h, encoded, password, &r, &retry)));
    return r;
}

static struct sut_pwhash_text hash(struct sut_hasher *h, sut_str password)
{
    struct sut_pwhash_text t;
    unsigned retry = 0;
    assert_false(sut_failed(sut_hasher_hash(h, password, &t, &retry)));
    return t;
}

static void what_it_hashes_it_verifies(void **state)
{
    (void) state;
    struct sut_hasher *h = start(&usual);
    const struct sut_pwhash_text t = hash(h, SUT_STR("s3cret"));
    const struct sut_hasher_result good = verify(h, sut_pwhash_str(&t), SUT_STR("s3cret"));
    assert_int_equal(good.verdict, SUT_PWHASH_OK);
    assert_false(good.needs_rehash);
    assert_int_equal(verify(h, sut_pwhash_str(&t), SUT_STR("S3cret")).verdict, SUT_PWHASH_NO);
    assert_int_equal(verify(h, SUT_STR("!x"), SUT_STR("s3cret")).verdict, SUT_PWHASH_UNUSABLE);
    assert_int_equal(verify(h, SUT_STR("x"), SUT_STR("s3cret")).verdict, SUT_PWHASH_MALFORMED);
    assert_int_equal(verify(h, SUT_STR(""), SUT_STR("s3cret")).verdict, SUT_PWHASH_NO);
    assert_int_equal(
        verify(h,
               SUT_STR("argon2$argon2id$v=19$m=8193,t=1,p=1$c2FsdHNhbHQ$wWKIMhR9lyDFvRz9YTZwe"
                       "HKfbftvj+qf+YFY4NeBbtA"),
               SUT_STR("x"))
            .verdict,
        SUT_PWHASH_OVER_BUDGET);
    sut_hasher_stop(&h);
    assert_null(h);
}

static void normal_forms_of_a_password_are_one_and_the_typed_form_still_counts(void **state)
{
    (void) state;
    struct sut_hasher_options raw = usual;
    raw.is_normalized = false;
    struct sut_hasher *h = start(&usual);
    struct sut_hasher *old = start(&raw);
    const sut_str composed = SUT_STR("caf\xc3\xa9");
    const sut_str decomposed = SUT_STR("cafe\xcc\x81");
    const struct sut_pwhash_text t = hash(h, decomposed);
    assert_int_equal(verify(h, sut_pwhash_str(&t), composed).verdict, SUT_PWHASH_OK);
    assert_int_equal(verify(h, sut_pwhash_str(&t), decomposed).verdict, SUT_PWHASH_OK);
    assert_false(verify(h, sut_pwhash_str(&t), decomposed).needs_rehash);

    const struct sut_pwhash_text typed = hash(old, decomposed);
    const struct sut_hasher_result r = verify(h, sut_pwhash_str(&typed), decomposed);
    assert_int_equal(r.verdict, SUT_PWHASH_OK);
    assert_true(r.needs_rehash);
    assert_int_equal(verify(h, sut_pwhash_str(&typed), composed).verdict, SUT_PWHASH_NO);
    assert_int_equal(verify(old, sut_pwhash_str(&typed), composed).verdict, SUT_PWHASH_NO);
    /* No text at all is hashed as it is. */
    const struct sut_pwhash_text bytes = hash(h, SUT_STR("\xff\xfe"));
    assert_int_equal(verify(h, sut_pwhash_str(&bytes), SUT_STR("\xff\xfe")).verdict, SUT_PWHASH_OK);
    sut_hasher_stop(&h);
    sut_hasher_stop(&old);
}

struct crowd {
    struct sut_hasher *h;
    sut_str encoded;
    atomic_uint done;
    atomic_uint busy;
    atomic_uint gone;
    atomic_uint worst_retry;
};

static void *log_in(void *arg)
{
    struct crowd *const c = arg;
    struct sut_hasher_result r;
    unsigned retry = 0;
    const sut_err e = sut_hasher_verify(c->h, c->encoded, SUT_STR("p"), &r, &retry);
    if (e.code == SUT_E_BUSY) {
        atomic_fetch_add(&c->busy, 1);
        if (retry > atomic_load(&c->worst_retry))
            atomic_store(&c->worst_retry, retry);
    } else if (e.code == SUT_E_UNAVAILABLE) {
        atomic_fetch_add(&c->gone, 1);
    } else if (!sut_failed(e) && r.verdict == SUT_PWHASH_OK) {
        atomic_fetch_add(&c->done, 1);
    }
    return NULL;
}

enum { CROWD = 100 };

static void run_crowd(struct crowd *c, pthread_t *threads)
{
    pthread_attr_t attr;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], &attr, log_in, c), 0);
    (void) pthread_attr_destroy(&attr);
}

static void a_crowd_stays_within_the_memory_and_the_queue(void **state)
{
    (void) state;
    struct sut_hasher_options opt = usual;
    opt.threads = 4;
    opt.queue_max = 10;
    opt.policy.memory_kib = 4096;
    opt.memory_bytes = 2 * 4096 * 1024 + 1000; /* two at once, though there are four threads */
    struct sut_hasher *h = start(&opt);
    const struct sut_pwhash_text t = hash(h, SUT_STR("p"));
    struct crowd c = { .h = h, .encoded = sut_pwhash_str(&t) };
    pthread_t threads[CROWD];
    run_crowd(&c, threads);
    for (int i = 0; i < CROWD; i++)
        (void) pthread_join(threads[i], NULL);

    struct sut_hasher_stats s;
    sut_hasher_stats(h, &s);
    assert_int_equal(c.done + c.busy, CROWD);
    assert_true(c.done >= 10);
    assert_int_equal(s.refused, c.busy);
    assert_true(c.busy == 0 || (c.worst_retry >= 1 && c.worst_retry <= 30));
    assert_true(s.memory_peak_bytes <= opt.memory_bytes);
    assert_int_equal(s.memory_bytes, 0);
    assert_int_equal(s.running, 0);
    assert_int_equal(s.waiting, 0);
    sut_hasher_stop(&h);
}

static void a_full_queue_is_busy_and_says_when_to_come_back(void **state)
{
    (void) state;
    struct sut_hasher_options opt = usual;
    opt.threads = 1;
    opt.queue_max = 0;
    opt.policy = (struct sut_pwhash_policy){ .kind = SUT_PWHASH_PBKDF2, .rounds = 300000 };
    struct sut_hasher *h = start(&opt);
    const struct sut_pwhash_text t = hash(h, SUT_STR("p"));
    struct crowd c = { .h = h, .encoded = sut_pwhash_str(&t) };
    pthread_t threads[CROWD];
    run_crowd(&c, threads);
    for (int i = 0; i < CROWD; i++)
        (void) pthread_join(threads[i], NULL);
    assert_true(c.busy > 0);
    assert_true(c.done >= 1);
    assert_int_equal(c.done + c.busy, CROWD);
    assert_true(c.worst_retry >= 1 && c.worst_retry <= 30);
    sut_hasher_stop(&h);
}

/* The threads of this process that run at nice 19. */
static unsigned lowest_threads(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        const long tid = strtol(e->d_name, NULL, 10);
        if (tid > 0)
            n += getpriority(PRIO_PROCESS, (id_t) tid) == 19;
    }
    (void) closedir(d);
    return n;
}

/* Their number when it is steady: one that was joined stands there for a moment more. */
static unsigned settled_threads(void)
{
    unsigned n = lowest_threads();
    for (int still = 0; still < 100;) {
        (void) usleep(1000);
        const unsigned now = lowest_threads();
        still = now == n ? still + 1 : 0;
        n = now;
    }
    return n;
}

static void its_threads_give_way_to_all_others(void **state)
{
    (void) state;
    const unsigned before = settled_threads();
    struct sut_hasher *h = start(&usual);
    (void) hash(h, SUT_STR("p"));
    for (int i = 0; i < 6000 && lowest_threads() < before + 2; i++)
        (void) usleep(5000);
    assert_int_equal(lowest_threads(), before + 2);
    sut_hasher_stop(&h);
    for (int i = 0; i < 6000 && lowest_threads() > before; i++)
        (void) usleep(5000);
    assert_int_equal(lowest_threads(), before);
}

/* The process's own time: what else the machine does must not count. */
static double cpu_ms(void)
{
    struct timespec t = { 0 };
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static double try_ms(struct sut_hasher *h, sut_str encoded)
{
    const double from = cpu_ms();
    (void) verify(h, encoded, SUT_STR("a wrong password"));
    return cpu_ms() - from;
}

static void an_account_that_is_not_there_costs_the_same(void **state)
{
    (void) state;
    struct sut_hasher_options opt = usual;
    opt.policy.memory_kib = 8192;
    opt.policy.passes = 2;
    struct sut_hasher *h = start(&opt);
    const struct sut_pwhash_text t = hash(h, SUT_STR("p"));
    const sut_str all[] = { sut_pwhash_str(&t), SUT_STR(""), SUT_STR("!none"),
                            SUT_STR("gibberish") };
    double best[] = { 1e9, 1e9, 1e9, 1e9 };
    bool is_alike = false;
    /* In turn, and the best of each; more often when other work has spoilt the caches. */
    for (int turn = 0; turn < 7 || (turn < 70 && !is_alike); turn++) {
        for (size_t i = 0; i < 4; i++) {
            const double ms = try_ms(h, all[i]);
            best[i] = ms < best[i] ? ms : best[i];
        }
        is_alike = true;
        /* Wide, for shared caches: without the stand-in it would be a thousandth. */
        for (size_t i = 1; i < 4; i++)
            is_alike &= best[i] > best[0] / 2 && best[i] < best[0] * 2;
    }
    assert_true(is_alike);
    sut_hasher_stop(&h);
}

static void refuses_options_that_can_t_work(void **state)
{
    (void) state;
    struct sut_hasher_options bad[4] = { usual, usual, usual, usual };
    bad[0].threads = 0;
    bad[1].threads = 65;
    bad[2].memory_bytes = 1024 * 1024 - 1;
    bad[3].policy.passes = 0;
    struct sut_hasher *h = NULL;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sut_hasher_start(&bad[i], &sut_random_system, &h).code, SUT_E_INVALID);
    assert_null(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_hashes_it_verifies),
        cmocka_unit_test(normal_forms_of_a_password_are_one_and_the_typed_form_still_counts),
        cmocka_unit_test(a_crowd_stays_within_the_memory_and_the_queue),
        cmocka_unit_test(a_full_queue_is_busy_and_says_when_to_come_back),
        cmocka_unit_test(its_threads_give_way_to_all_others),
        cmocka_unit_test(an_account_that_is_not_there_costs_the_same),
        cmocka_unit_test(refuses_options_that_can_t_work),
    };
    return cmocka_run_group_tests_name("hasher", tests, NULL, NULL);
}
