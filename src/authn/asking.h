/* SPDX-License-Identifier: Apache-2.0
 *
 * asking - how many may wait for a provider of identity at once.
 *
 * A provider that is slow holds who asks it for seconds; were that every thread of the
 * server's pool, nobody could sign in by password or buy.  Whoever finds it full is told to
 * try again.  Any thread; costs one atomic addition.
 */
#ifndef SUT_AUTHN_ASKING_H
#define SUT_AUTHN_ASKING_H

#include <stdatomic.h>
#include <stdbool.h>

enum { SUT_ASKING_MAX = 4 };

struct sut_asking {
    atomic_uint n; /* who asks now */
};

/* True: ask, then end it. */
static inline bool sut_asking_begin(struct sut_asking *a)
{
    if (atomic_fetch_add(&a->n, 1) < SUT_ASKING_MAX)
        return true;
    atomic_fetch_sub(&a->n, 1);
    return false;
}

static inline void sut_asking_end(struct sut_asking *a)
{
    atomic_fetch_sub(&a->n, 1);
}

#endif
