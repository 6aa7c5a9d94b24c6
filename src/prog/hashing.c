/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/hashing.h"

enum {
    KIB = 1024,
    /* What Django's and argon2's own defaults have asked for at most, with room above. */
    STORED_ROUNDS_MAX = 2000000,
    STORED_MEMORY_KIB_MAX = 256 * 1024,
    STORED_PASSES_MAX = 10,
    STORED_LANES_MAX = 16,
};

struct sut_password_policy sut_hashing_rules(const struct sut_config *c)
{
    return (struct sut_password_policy){
        .length_min = c->password.min_length,
        .has_more_words = c->password.zxcvbn_lists,
    };
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

SUT_ERR sut_hashing_start(const struct sut_config *c, unsigned threads,
                          const struct sut_random *rnd, struct sut_hasher **ret)
{
    const uint64_t budget_kib = c->hashing.memory_bytes / KIB;
    const uint32_t own_kib = (uint32_t) (c->password.memory_bytes / KIB);
    const struct sut_hasher_options o = {
        .threads = threads,
        .queue_max = c->hashing.queue,
        .memory_bytes = c->hashing.memory_bytes,
        .is_normalized = c->password.nfkc,
        .policy = {
            .kind = c->password.hash == SUT_HASH_ARGON2ID ? SUT_PWHASH_ARGON2ID : SUT_PWHASH_PBKDF2,
            .rounds = c->password.iterations,
            .memory_kib = own_kib,
            .passes = c->password.time,
            .lanes = c->password.parallelism,
        },
        .budget = {
            .rounds = greater(c->password.iterations, STORED_ROUNDS_MAX),
            .memory_kib = budget_kib < STORED_MEMORY_KIB_MAX ? (uint32_t) budget_kib
                                                             : STORED_MEMORY_KIB_MAX,
            .passes = greater(c->password.time, STORED_PASSES_MAX),
            .lanes = greater(c->password.parallelism, STORED_LANES_MAX),
        },
    };
    return sut_hasher_start(&o, rnd, ret);
}
