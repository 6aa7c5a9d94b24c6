/* SPDX-License-Identifier: Apache-2.0
 *
 * hasher - the pool that computes password hashes, so that nothing else waits
 * for them.
 *
 * Its threads run at nice 19.  Hashes that are computed at once never take
 * more memory than the budget; no more than queue_max callers wait, and who
 * comes then is told BUSY and when to try again.  A caller blocks until its
 * turn is over: call from a thread of the server's pool, never on a loop
 * thread.  An account that does not exist, has no password or has a hash that
 * is refused costs as much as one by the policy.  Passwords are borrowed while
 * the caller waits and their normal forms are wiped.
 */
#ifndef SUT_AUTHN_HASHER_H
#define SUT_AUTHN_HASHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/pwhash.h"
#include "crypto/random.h"

struct sut_hasher;

struct sut_hasher_options {
    unsigned threads;      /* 1 .. 64 */
    unsigned queue_max;    /* callers that may wait */
    uint64_t memory_bytes; /* of all hashes at once: at least one by the policy */
    bool is_normalized;    /* NFKC before hashing; a check also takes the text as typed */
    struct sut_pwhash_policy policy;
    struct sut_pwhash_budget budget; /* of one stored hash */
};

struct sut_hasher_result {
    enum sut_pwhash_verdict verdict;
    bool needs_rehash; /* the password is right, and should be hashed anew */
};

/* For metrics and tests; a moment's picture. */
struct sut_hasher_stats {
    uint64_t done;
    uint64_t refused; /* BUSY */
    unsigned running;
    unsigned waiting;
    uint64_t memory_bytes;
    uint64_t memory_peak_bytes;
    uint32_t mean_ms;
};

/* INVALID: a policy that is none or does not fit in the memory; NOMEM, SYSTEM.  rnd is borrowed. */
SUT_ERR sut_hasher_start(const struct sut_hasher_options *opt, const struct sut_random *rnd,
                         struct sut_hasher **ret);
/* Who waits gets UNAVAILABLE; what runs is finished.  Nobody may call after this began. */
void sut_hasher_stop(struct sut_hasher **h);

/*
 * Whether the password is that of the stored hash; an empty `encoded` stands
 * for an account that does not exist and answers NO.  BUSY with
 * *reterr_retry_s, UNAVAILABLE (stopping), INVALID (a password of more than
 * SUT_PWHASH_PASSWORD_MAX bytes), NOMEM.
 */
SUT_ERR sut_hasher_verify(struct sut_hasher *h, sut_str encoded, sut_str password,
                          struct sut_hasher_result *ret, unsigned *reterr_retry_s);

/* Hash a password by the policy.  Errors as above, and SYSTEM (no random bytes). */
SUT_ERR sut_hasher_hash(struct sut_hasher *h, sut_str password, struct sut_pwhash_text *ret,
                        unsigned *reterr_retry_s);

/* What the pool is doing at this moment. */
void sut_hasher_stats(struct sut_hasher *h, struct sut_hasher_stats *ret);

#endif
