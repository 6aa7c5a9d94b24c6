/* SPDX-License-Identifier: Apache-2.0
 *
 * jwt - access and refresh tokens: who somebody is, for how long, and for what
 * (RFC 7519 under the rules of RFC 8725; claims as Django's simplejwt has them).
 *
 * Claims: token_type, exp, iat, jti, user_id, and iss and aud when the policy
 * has them.  Our own jti names the session: `s<16 hex of its id>-<16 hex,
 * random>`; another one is foreign, minted by a Django shop with the same key.
 * Time is a parameter.  No I/O, no state.  Any thread.
 */
#ifndef SUT_AUTHN_JWT_H
#define SUT_AUTHN_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authn/jws.h"
#include "authn/keyring.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/random.h"

/* What a token is good for; one kind never passes for another. */
enum sut_token_kind {
    SUT_TOKEN_ACCESS,
    SUT_TOKEN_REFRESH,
};

enum {
    SUT_TOKEN_KINDS = 2,
    SUT_TOKEN_MAX = SUT_JWS_MAX, /* of a token that is read */
    SUT_TOKEN_MINTED_MAX = 1280, /* of a token that we make */
    SUT_TOKEN_NAME_MAX = 255,    /* bytes of iss, aud and a foreign jti */
    SUT_TOKEN_SKEW_S = 60,       /* how far a clock may be ahead of ours */
    SUT_JTI_OURS = 34,           /* characters of our own jti */
    SUT_JTI_HASH = 16,
};

/* Why a token was refused: for audit, and for the contract's message. */
enum sut_token_fault {
    SUT_TOKEN_FINE,
    SUT_TOKEN_MALFORMED, /* no JWS, no JSON, a claim is missing or of the wrong type */
    SUT_TOKEN_ALGORITHM,
    SUT_TOKEN_KEY,
    SUT_TOKEN_SIGNATURE,
    SUT_TOKEN_EXPIRED,
    SUT_TOKEN_EARLY, /* issued, or good from, a time to come */
    SUT_TOKEN_KIND,
    SUT_TOKEN_AUDIENCE, /* another iss or aud than the policy's */
    SUT_TOKEN_FOREIGN,  /* not minted here, and the policy wants that */
};

struct sut_token_policy {
    sut_str iss; /* empty: no such claim is written or asked for; borrowed */
    sut_str aud;
    bool takes_foreign; /* tokens of an older Django shop */
};

/* What a genuine token says. */
struct sut_token {
    enum sut_token_kind kind;
    int64_t user_id; /* from 1 */
    int64_t session; /* from 1; 0 when foreign */
    uint64_t nonce;  /* the second half of our jti; 0 when foreign */
    int64_t exp_s;
    int64_t iat_s;
    bool is_foreign;
    unsigned char jti_hash[SUT_JTI_HASH]; /* the head of the jti's SHA-256: what blacklists keep */
};

/* "access", as in the claim. */
const char *sut_token_kind_name(enum sut_token_kind kind);
/* simplejwt's sentence: "Token is invalid", "Token is expired", "Token has wrong type". */
const char *sut_token_fault_text(enum sut_token_fault fault);

/*
 * Choose a nonce for t's session and fill in jti_hash: for a row that must know
 * the token before its user has an id.  INVALID, SYSTEM.
 */
SUT_ERR sut_token_name(const struct sut_random *rnd, struct sut_token *t);
/*
 * Mint a token for t's kind, user_id, session, iat_s and exp_s into the
 * caller's `cap` bytes; a nonce is
 * chosen unless t has one, jti_hash is filled in.  Nothing is
 * allocated.  INVALID: a user, session or life that is none; TOO_LARGE; SYSTEM
 * (no random bytes).
 */
SUT_ERR sut_token_mint(const struct sut_keyring *ring, const struct sut_token_policy *policy,
                       const struct sut_random *rnd, struct sut_token *t, char *to, size_t cap,
                       size_t *ret_n);

/*
 * Check a token of any origin and read it.  `scratch` is as before at the end.
 * TOKEN with *reterr_fault for whatever is wrong with the token; NOMEM when
 * scratch (16 KiB are enough) is exhausted.
 */
SUT_ERR sut_token_verify(const struct sut_keyring *ring, const struct sut_token_policy *policy,
                         enum sut_token_kind kind, sut_str text, sut_ms now,
                         struct sut_arena *scratch, struct sut_token *ret,
                         enum sut_token_fault *reterr_fault);

#endif
