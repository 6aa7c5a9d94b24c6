/* SPDX-License-Identifier: Apache-2.0
 *
 * postman_int - the postman from inside: postman.c has the thread; postman_round.c what it
 * does when it wakes.
 */
#ifndef SUT_MAIL_POSTMAN_INT_H
#define SUT_MAIL_POSTMAN_INT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/background.h"
#include "mail/postman.h"

enum {
    SUT_POSTMAN_POLL_MS = 10000, /* another server may have queued something and died */
    SUT_POSTMAN_UNNOTED_MAX = 64,
};

struct sut_postman {
    struct sut_postman_options o;
    char dir[PATH_MAX]; /* o.maildir's bytes */
    struct sut_arena *arena;
    struct sut_background *thread;
    /* Of the thread alone from here on. */
    bool has_warned;
    sut_ms rest_until;
    int64_t unnoted[SUT_POSTMAN_UNNOTED_MAX]; /* sent, but the store would not hear of it: never
                                                 sent again */
    size_t n_unnoted;
};

#endif
