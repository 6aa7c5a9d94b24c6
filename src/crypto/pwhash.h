/* SPDX-License-Identifier: Apache-2.0
 *
 * pwhash - password hashes in Django's own text formats:
 *
 *     pbkdf2_sha256$<rounds>$<salt>$<base64 of 32 bytes>
 *     argon2$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<base64 salt>$<base64 hash>
 *     !<anything>                       no password at all
 *
 * Argon2 is RFC 9106's, by libargon2; a hash with several lanes is computed on
 * the caller's thread alone.  Slow by design: milliseconds to seconds, and
 * memory_bytes of memory while it runs.  Passwords are bytes here; which bytes
 * is the caller's rule.  Any thread; passwords and intermediate values are
 * wiped, the caller wipes its own.
 */
#ifndef SUT_CRYPTO_PWHASH_H
#define SUT_CRYPTO_PWHASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/random.h"

enum {
    SUT_PWHASH_MAX = 192,            /* bytes of a hash that this program writes */
    SUT_PWHASH_PARSE_MAX = 1024,     /* bytes of a hash that it reads */
    SUT_PWHASH_PASSWORD_MAX = 65536, /* bytes of a password */
};

enum sut_pwhash_kind { SUT_PWHASH_PBKDF2, SUT_PWHASH_ARGON2ID };

/* How new hashes are made. */
struct sut_pwhash_policy {
    enum sut_pwhash_kind kind;
    uint32_t rounds;     /* PBKDF2 */
    uint32_t memory_kib; /* Argon2: at least 8 a lane */
    uint32_t passes;     /* Argon2 */
    uint32_t lanes;      /* Argon2 */
};

/* The most that a stored hash may ask for. */
struct sut_pwhash_budget {
    uint32_t rounds;
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
};

enum sut_pwhash_verdict {
    SUT_PWHASH_OK,
    SUT_PWHASH_NO,          /* another password */
    SUT_PWHASH_UNUSABLE,    /* nobody can sign in with a password */
    SUT_PWHASH_MALFORMED,   /* not a hash that we know */
    SUT_PWHASH_OVER_BUDGET, /* refused: it asks for more than the budget */
};

/* A stored hash, taken apart.  The slices point into the text that was parsed. */
struct sut_pwhash_info {
    enum sut_pwhash_verdict shape; /* OK: a hash; UNUSABLE or MALFORMED: nothing below is set */
    enum sut_pwhash_kind kind;
    uint32_t rounds;
    uint32_t memory_kib;
    uint32_t passes;
    uint32_t lanes;
    uint32_t version;      /* Argon2: 16 or 19 */
    char variant;          /* Argon2: 'i', 'd' or 'x' for id */
    sut_str salt;          /* as it is written */
    sut_str hash;          /* base64, as it is written */
    uint64_t memory_bytes; /* what a check takes while it runs */
    uint64_t work;         /* compressions (PBKDF2) or KiB passed over (Argon2) */
};

/* A text of the caller's for a hash. */
struct sut_pwhash_text {
    char p[SUT_PWHASH_MAX];
    size_t n;
};

static inline sut_str sut_pwhash_str(const struct sut_pwhash_text *t)
{
    return sut_str_of(t->p, t->n);
}

/* Take a stored hash apart without computing anything. */
void sut_pwhash_parse(sut_str encoded, struct sut_pwhash_info *ret);

/* Whether the policy can be computed at all (RFC 9106 3.1, at least one round). */
bool sut_pwhash_policy_is_valid(const struct sut_pwhash_policy *policy);
/* Bytes of memory that one hash by this policy takes. */
uint64_t sut_pwhash_policy_memory(const struct sut_pwhash_policy *policy);

/* Hash a password with a new salt.  INVALID (policy, length), NOMEM, SYSTEM (no random bytes). */
SUT_ERR sut_pwhash_hash(const struct sut_pwhash_policy *policy, const struct sut_random *rnd,
                        sut_str password, struct sut_pwhash_text *ret);

/*
 * A hash by the policy that no password fits, made at once: to be checked in
 * place of one that does not exist.
 */
SUT_ERR sut_pwhash_dummy(const struct sut_pwhash_policy *policy, const struct sut_random *rnd,
                         struct sut_pwhash_text *ret);

/*
 * Whether the password is that of the stored hash.  Where there is nothing to
 * compare with (unusable, malformed, over budget) `dummy` (may be empty) is
 * checked in its place and the verdict says so, so that all take as long as a
 * hash by the policy.  A wrong password against a PBKDF2 hash with fewer
 * rounds than the dummy's makes up for the difference.  NOMEM only when a hash
 * could not be computed.
 */
SUT_ERR sut_pwhash_verify(sut_str encoded, sut_str password, const struct sut_pwhash_budget *budget,
                          sut_str dummy, enum sut_pwhash_verdict *ret);

/*
 * Whether the stored hash is weaker than or older than the policy's: fewer
 * rounds, less memory, less work, Argon2i or d, an old version, a short salt,
 * or PBKDF2 where the policy is Argon2id.  A stronger one is kept, Argon2id
 * under a PBKDF2 policy too.  False for what is no hash.
 */
bool sut_pwhash_needs_rehash(sut_str encoded, const struct sut_pwhash_policy *policy);

#endif
