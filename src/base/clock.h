/* SPDX-License-Identifier: Apache-2.0
 *
 * clock - time as a value and as a parameter.
 *
 * sut_ms is UTC milliseconds since 1970.  Whoever needs the time is handed a
 * struct sut_clock, so that tests own it.  Threads: the system clock may be
 * read from any.
 */
#ifndef SUT_BASE_CLOCK_H
#define SUT_BASE_CLOCK_H

#include <stdint.h>

typedef struct {
    int64_t v;
} sut_ms;

struct sut_clock {
    sut_ms (*now)(void *ctx);
    void *ctx;
};

static inline sut_ms sut_clock_now(const struct sut_clock *c)
{
    return c->now(c->ctx);
}

/* The machine's wall clock. */
extern const struct sut_clock sut_clock_system;

/* Monotonic nanoseconds, for intervals and timeouts alone. */
uint64_t sut_monotonic_ns(void);

/* What that will be in so many ms. */
static inline uint64_t sut_monotonic_in(uint64_t ms)
{
    return sut_monotonic_ns() + ms * 1000000;
}

#endif
