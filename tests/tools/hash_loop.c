/* SPDX-License-Identifier: Apache-2.0
 *
 * hash_loop - the speed of the password hash and of nothing else, to hold the
 * server's logins against:
 *
 *     hash_loop (pbkdf2|argon2id) THREADS SECONDS   verifications a second
 *     hash_loop cost                                one PBKDF2 verification over what its
 *                                                   SHA-256 compressions cost
 *
 * Each thread verifies the right password against one stored hash over and
 * over, made by the presets' numbers, at the same niceness as the server's
 * hashing threads.
 */
#include <openssl/sha.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "crypto/pwhash.h"
#include "crypto/random.h"

enum { THREADS_MAX = 64, ROUNDS = 390000, COMPRESSIONS = 4000000, NICE = 19 };

static const struct sut_pwhash_policy pbkdf2 = { .kind = SUT_PWHASH_PBKDF2, .rounds = ROUNDS };
static const struct sut_pwhash_policy argon2 = {
    .kind = SUT_PWHASH_ARGON2ID, .memory_kib = 19 * 1024, .passes = 2, .lanes = 1
};
static const struct sut_pwhash_budget budget = {
    .rounds = 10000000, .memory_kib = 1 << 20, .passes = 64, .lanes = 16
};

struct loop {
    struct sut_pwhash_text stored;
    atomic_bool stop;
    atomic_ulong done;
    atomic_uint started;
};

static double now_s(void)
{
    struct timespec t;
    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static bool verify(const struct sut_pwhash_text *stored)
{
    enum sut_pwhash_verdict verdict = SUT_PWHASH_NO;
    const sut_err e = sut_pwhash_verify(sut_pwhash_str(stored), SUT_STR("correct-Horse7-battery"),
                                        &budget, sut_str_of(NULL, 0), &verdict);
    return !sut_failed(e) && verdict == SUT_PWHASH_OK;
}

/*
 * Stay on one core: the kernel does not care how threads of this niceness are
 * spread, and two of them on one core would make the loop look slow.
 */
static void stay_on(unsigned core)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core % (unsigned) sysconf(_SC_NPROCESSORS_ONLN), &one);
    (void) pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static void *verify_until_told(void *arg)
{
    struct loop *l = arg;
    stay_on(atomic_fetch_add(&l->started, 1));
    while (!atomic_load(&l->stop)) {
        if (!verify(&l->stored))
            abort();
        (void) atomic_fetch_add(&l->done, 1);
    }
    return NULL;
}

static int run_loop(const struct sut_pwhash_policy *policy, unsigned threads, unsigned seconds)
{
    struct loop l = { 0 };
    if (sut_failed(sut_pwhash_hash(policy, &sut_random_system, SUT_STR("correct-Horse7-battery"),
                                   &l.stored)))
        return 1;
    (void) setpriority(PRIO_PROCESS, 0, NICE);
    pthread_t ids[THREADS_MAX];
    const double began = now_s();
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, verify_until_told, &l) != 0)
            return 1;
    const struct timespec pause = { .tv_sec = seconds };
    (void) nanosleep(&pause, NULL);
    const unsigned long done = atomic_load(&l.done);
    const double took = now_s() - began;
    atomic_store(&l.stop, true);
    for (unsigned i = 0; i < threads; i++)
        (void) pthread_join(ids[i], NULL);
    printf("%.2f\n", (double) done / took);
    return 0;
}

/* Least of several: what the work costs, without what disturbed it. */
static double least(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

static int run_cost(void)
{
    struct sut_pwhash_text stored;
    if (sut_failed(sut_pwhash_hash(&pbkdf2, &sut_random_system, SUT_STR("correct-Horse7-battery"),
                                   &stored)))
        return 1;
    double compression = 0;
    double verification = 0;
    for (int round = 0; round < 9; round++) {
        unsigned char block[64];
        memset(block, round, sizeof(block));
        SHA256_CTX ctx;
        (void) SHA256_Init(&ctx);
        double began = now_s();
        for (int i = 0; i < COMPRESSIONS / 9; i++)
            SHA256_Transform(&ctx, block);
        compression = least(compression, (now_s() - began) / (COMPRESSIONS / 9));
        began = now_s();
        if (!verify(&stored))
            return 1;
        verification = least(verification, now_s() - began);
    }
    printf("%.3f\n", verification / (2.0 * ROUNDS * compression));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "cost") == 0)
        return run_cost();
    if (argc == 4) {
        const struct sut_pwhash_policy *policy =
            strcmp(argv[1], "argon2id") == 0 ? &argon2 : &pbkdf2;
        char *end = NULL;
        const unsigned long threads = strtoul(argv[2], &end, 10);
        const unsigned long seconds = strtoul(argv[3], &end, 10);
        if (threads >= 1 && threads <= THREADS_MAX && seconds >= 1 && seconds <= 3600)
            return run_loop(policy, (unsigned) threads, (unsigned) seconds);
    }
    (void) fprintf(stderr, "usage: hash_loop (pbkdf2|argon2id) THREADS SECONDS | hash_loop cost\n");
    return 2;
}
