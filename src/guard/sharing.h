/* SPDX-License-Identifier: Apache-2.0
 *
 * sharing - notices that all clients come from one address: behind a proxy that the
 * settings don't trust everybody shares one count, and one lock-out of the rates
 * meets them all (C7).
 *
 * It is told of requests until it has spoken once, and costs two loads of memory
 * a request where clients differ.  Any thread.
 */
#ifndef SUT_GUARD_SHARING_H
#define SUT_GUARD_SHARING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "serve/exchange.h"

enum {
    SUT_SHARING_WHILE_MS = 10 * 60 * 1000,
    SUT_SHARING_LEAST = 1000,         /* requests of a while that are enough to judge by */
    SUT_SHARING_LEAST_FORWARDED = 50, /* that say themselves that they were passed on */
};

/* Zeroes to begin with. */
struct sut_sharing {
    atomic_bool is_over;
    atomic_bool is_mixed; /* this while had two addresses */
    _Atomic int64_t since_ms;
    _Atomic uint64_t key; /* a digest of the while's first address */
    atomic_uint n;
    atomic_uint n_forwarded;
};

/*
 * A request of this client; is_forwarded: it had a field that proxies add.  True once: all of a
 * while were this client's, and the operator is to hear of it.
 */
bool sut_sharing_saw(struct sut_sharing *s, const struct sut_addr *client, bool is_forwarded,
                     sut_ms now);

#endif
