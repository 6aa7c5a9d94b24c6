/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static sut_ms system_now(void *ctx)
{
    (void) ctx;
    struct timespec t;
    (void) clock_gettime(CLOCK_REALTIME, &t);
    return (sut_ms){ .v = (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000 };
}

const struct sut_clock sut_clock_system = { .now = system_now };

uint64_t sut_monotonic_ns(void)
{
    struct timespec t;
    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}
