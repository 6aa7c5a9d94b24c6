/* SPDX-License-Identifier: Apache-2.0
 *
 * What a decision over a rate or a lock costs with a million live keys of each, and what a
 * key takes of memory.  Prints lines of NAME VALUE UNIT.
 *
 *     throttle_cost [KEYS]
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/scan.h"
#include "counters/lockout.h"

enum { DECISIONS = 400000, PER_KEY_MAX = 400 };

static sut_ms now = { INT64_C(1795315251123) };

static sut_ms tell_now(void *ctx)
{
    (void) ctx;
    return now;
}

static const struct sut_clock test_clock = { .now = tell_now };

/* splitmix64: the keys in no order that a cache could guess. */
static uint64_t spread(uint64_t n)
{
    uint64_t z = n + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void addr_of(uint64_t n, unsigned char ret[16])
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    const uint32_t v4 = (uint32_t) n;
    memcpy(ret, mapped, sizeof(mapped));
    memcpy(ret + sizeof(mapped), &v4, sizeof(v4));
}

static void take(struct sut_counters *c, uint64_t n)
{
    unsigned char ip[16];
    struct sut_rate_result r;
    addr_of(n, ip);
    const struct sut_rate_ask ask = sut_rate_ask_addr(SUT_RATE_ANON, ip);
    (void) sut_counters_take(c, &ask, 1, now, &r);
}

static struct sut_lockout_subject subject(uint64_t n)
{
    char email[48];
    const int len = snprintf(email, sizeof(email), "user%" PRIu64 "@example.com", n);
    return sut_lockout_of(sut_str_of(email, (size_t) len));
}

/* A sign-in with a wrong password: two decisions. */
static void fail_once(struct sut_counters *c, uint64_t n)
{
    struct sut_lock_result r;
    const struct sut_lockout_subject s = subject(n);
    sut_lockout_begin(c, &s, now, &r);
    if (!r.is_locked)
        sut_lockout_wrong(c, &s, now, &r);
}

static void begin_undo(struct sut_counters *c, uint64_t n)
{
    struct sut_lock_result r;
    const struct sut_lockout_subject s = subject(n);
    sut_lockout_begin(c, &s, now, &r);
    sut_lockout_undo(c, &s, now);
}

/* Of this thread: what else the machine does is not counted. */
static double cpu_ns(void)
{
    struct timespec t;
    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static double measure(struct sut_counters *c, uint64_t keys,
                      void (*decide)(struct sut_counters *c, uint64_t n))
{
    const double began = cpu_ns();
    for (uint64_t i = 0; i < DECISIONS; i++)
        decide(c, spread(i) % keys);
    return (cpu_ns() - began) / DECISIONS;
}

static size_t heap(void)
{
    const struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

int main(int argc, char **argv)
{
    uint64_t keys = 1000000;
    struct sut_counters *c = NULL;
    if (argc > 1 && sut_failed(sut_parse_u64(sut_str_from(argv[1]), 100000000, &keys)))
        return 2;
    const struct sut_counters_options o = {
        .rates = { [SUT_RATE_ANON] = { .count = 1000, .window_ms = 3600000 } },
        .lockout = { .failures = 5, .forget_ms = 1800000, .lock_ms = 900000 },
        .memory_bytes = keys * PER_KEY_MAX,
        .checkpoint_ms = 1000,
        .key = SUT_STR("0123456789abcdef0123456789abcdef"),
        .clock = &test_clock,
    };
    if (sut_failed(sut_counters_create(&o, &c)))
        return 1;
    size_t before = heap();
    for (uint64_t n = 0; n < keys; n++)
        take(c, n);
    (void) printf("rate_bytes %.0f bytes\n", (double) (heap() - before) / (double) keys);
    before = heap();
    /* Every fifth is locked. */
    for (uint64_t n = 0; n < keys; n++)
        for (int i = 0; i < (n % 5 == 0 ? 5 : 1); i++)
            fail_once(c, n);
    (void) printf("lock_bytes %.0f bytes\n", (double) (heap() - before) / (double) keys);
    struct sut_counters_stats s;
    sut_counters_stats(c, &s);
    (void) printf("keys %" PRIu64 " keys\n", s.keys);
    (void) printf("evicted %" PRIu64 " keys\n", s.evicted + s.evicted_locks);
    (void) printf("rate %.0f ns\n", measure(c, keys, take));
    (void) printf("lock %.0f ns\n", measure(c, keys, begin_undo) / 2);
    sut_counters_free(&c);
    return 0;
}
