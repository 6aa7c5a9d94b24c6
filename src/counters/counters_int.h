/* SPDX-License-Identifier: Apache-2.0
 *
 * counters_int - what the files of this layer share.
 */
#ifndef SUT_COUNTERS_COUNTERS_INT_H
#define SUT_COUNTERS_COUNTERS_INT_H

#include <pthread.h>

#include "base/background.h"
#include "counters/home.h"

enum { SUT_SUBJECT = 24 };

struct sut_counters {
    struct sut_counters_home *home;
    struct sut_rate rates[SUT_RATE_KINDS];
    struct sut_lock_rule lockout;
    struct sut_secret *hmac; /* a struct sut_hmac_key */
    const struct sut_clock *clock;
    uint32_t checkpoint_ms;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t try_ended;
    unsigned n_waiting;           /* for a try's end */
    struct sut_background *saver; /* NULL: it is not running */
    pthread_mutex_t saving;       /* one checkpoint at a time */
};

/* The first 16 bytes of HMAC(key, kind, subject). */
struct sut_rate_key sut_counters__digest(const struct sut_counters *c, uint8_t kind,
                                         const unsigned char subject[SUT_SUBJECT]);
#endif
