/* SPDX-License-Identifier: Apache-2.0
 *
 * webhook - the inbox: events of payment providers, stored once each as they came, worked
 * off afterwards.
 *
 * The body is sealed as nobody's own (person 0) and emptied when it was worked off.  A
 * row is claimed for a while before it is worked on, as one of payments is.
 */
#ifndef SUT_STORE_WEBHOOK_H
#define SUT_STORE_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/order.h"

struct sut_db_conn;
struct sut_store;

/* Kept as numbers: never change one. */
enum sut_webhook_state {
    SUT_WEBHOOK_DUE = 1,
    SUT_WEBHOOK_DONE = 2,
    SUT_WEBHOOK_GIVEN_UP = 3, /* it was tried too often; its body stays until it is pruned */
};
enum {
    SUT_WEBHOOK_BODY_MAX = 256 * 1024,
    SUT_WEBHOOK_WORD_MAX = 255, /* of an event's name, and of its type */
    SUT_WEBHOOK_CLAIM_MAX = 16,
};

struct sut_webhook_new {
    enum sut_pay_method provider;
    sut_str event; /* the provider's name of it */
    sut_str type;
    sut_str body;
};
/* In a write job.  *ret_is_new is false when it has come before: then nothing is changed. */
SUT_ERR sut_webhook_add(struct sut_db_conn *c, const struct sut_webhook_new *w, sut_ms now,
                        bool *ret_is_new);

struct sut_webhook {
    int64_t id;
    enum sut_pay_method provider;
    sut_str event;
    sut_str type;
    enum sut_webhook_state state;
    int64_t tries; /* with this one, when it is claimed */
    sut_ms created_at;
    sut_str body; /* p is NULL: emptied, or lost with its key */
};
/* NOT_FOUND.  Texts in the arena. */
SUT_ERR sut_webhook_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                          struct sut_webhook *ret);

/* In a write job: the numbers of up to n (SUT_WEBHOOK_CLAIM_MAX) that are due, the longest due
 * first; until `claim_ms` from now nobody else gets them. */
SUT_ERR sut_webhook_claim(struct sut_db_conn *c, size_t n, int64_t claim_ms, sut_ms now,
                          int64_t *ret, size_t *ret_n);
/*
 * In a write job, that of what it caused: it is worked off, `why` is a constant word of what came
 * of it.  STALE-proof: *ret_was_due is false when another has done so already; then the job is to
 * change nothing else.
 */
SUT_ERR sut_webhook_done(struct sut_db_conn *c, int64_t id, const char *why, sut_ms now,
                         bool *ret_was_due);
/* In a write job: it is due again then (0: given up). */
SUT_ERR sut_webhook_failed(struct sut_db_conn *c, int64_t id, const char *why, sut_ms due_at,
                           sut_ms now);
/* When the next one is due; 0: none waits. */
SUT_ERR sut_webhook_next_due(struct sut_db_conn *c, sut_ms *ret);

/* Delete what came SUT_WEBHOOK_KEEP_DAYS ago and does not wait, in small steps.  Blocks. */
SUT_ERR sut_webhook_prune(struct sut_store *s, sut_ms now);

#endif
