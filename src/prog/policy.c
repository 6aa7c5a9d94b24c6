/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/policy.h"

#include <unistd.h>

enum { KIB = 1024, ROUNDS_MAX = 2000000, PASSES_MAX = 10, LANES_MAX = 8 };

unsigned sut_policy_cores(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (n < 1)
        return 1;
    return n > 64 ? 64 : (unsigned) n;
}

struct sut_hasher_options sut_policy_hasher(const struct sut_config *c)
{
    const bool is_pbkdf2 = c->password.hash == SUT_HASH_PBKDF2_SHA256;
    const struct sut_pwhash_policy policy = {
        .kind = is_pbkdf2 ? SUT_PWHASH_PBKDF2 : SUT_PWHASH_ARGON2ID,
        .rounds = c->password.iterations,
        .memory_kib = (uint32_t) (c->password.memory_bytes / KIB),
        .passes = c->password.time,
        .lanes = c->password.parallelism,
    };
    /* A stored hash of an older shop may ask for more than the policy, up to all of the memory. */
    const struct sut_pwhash_budget budget = {
        .rounds = ROUNDS_MAX,
        .memory_kib = (uint32_t) (c->hashing.memory_bytes / KIB),
        .passes = PASSES_MAX,
        .lanes = LANES_MAX,
    };
    return (struct sut_hasher_options){
        .threads = c->hashing.threads == 0 ? sut_policy_cores() : c->hashing.threads,
        .queue_max = c->hashing.queue,
        .memory_bytes = c->hashing.memory_bytes,
        .is_normalized = c->password.nfkc,
        .policy = policy,
        .budget = budget,
    };
}

struct sut_password_policy sut_policy_password(const struct sut_config *c)
{
    return (struct sut_password_policy){
        .length_min = c->password.min_length,
        .has_more_words = c->password.zxcvbn_lists,
    };
}

struct sut_token_policy sut_policy_token(const struct sut_config *c)
{
    return (struct sut_token_policy){
        .iss = c->tokens.issuer,
        .aud = c->tokens.audience,
        .takes_foreign = c->tokens.accept_foreign,
    };
}
