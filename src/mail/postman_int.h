/* SPDX-License-Identifier: Apache-2.0
 *
 * postman_int - the postman from inside: postman.c has the thread, its waiting and its
 * end; postman_round.c what it does when it wakes.
 */
#ifndef SUT_MAIL_POSTMAN_INT_H
#define SUT_MAIL_POSTMAN_INT_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "mail/postman.h"

enum {
    SUT_POSTMAN_POLL_MS = 10000, /* another server may have queued something and died */
    SUT_POSTMAN_UNNOTED_MAX = 64,
};

struct sut_postman {
    struct sut_postman_options o;
    char dir[PATH_MAX]; /* o.maildir's bytes */
    struct sut_arena *arena;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_woken; /* under the lock, as those below */
    bool is_stopping;
    bool is_out;  /* with the courier */
    bool is_left; /* nobody waits for it any more */
    bool has_ended;
    /* Of the thread alone from here on. */
    bool has_warned;
    sut_ms rest_until;
    int64_t unnoted[SUT_POSTMAN_UNNOTED_MAX]; /* sent, but the store would not hear of it: never
                                                 sent again */
    size_t n_unnoted;
};

/* Any thread. */
bool sut_postman__is_stopping(struct sut_postman *p);
/*
 * Its thread goes out to the courier, or is back; does not come back when the process
 * has stopped waiting for it.
 */
void sut_postman__set_out(struct sut_postman *p, bool is_out);

#endif
