/* SPDX-License-Identifier: Apache-2.0
 *
 * jws_public - signed texts of others: JWS compact serialization (RFC 7515 3.1) with
 * RS256 or ES256, under the rules of RFC 8725.
 *
 * Nothing of ours is signed so, and no key of ours is looked at here: for our own
 * tokens see authn/jws.h.  In two steps: open tells which key is asked for, verify
 * takes that key.  The key's algorithm decides; a header that names another one is
 * refused, so no text chooses how it is checked.  A header with `crit` is refused, one
 * without `kid` too; anything in it that is a key or an address is never looked at.
 * No I/O.  Any thread.
 */
#ifndef SUT_AUTHN_JWS_PUBLIC_H
#define SUT_AUTHN_JWS_PUBLIC_H

#include <stddef.h>

#include "authn/jws.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/jwk.h"

enum {
    SUT_JWS_PUBLIC_MAX = 8192, /* of the text */
    SUT_JWS_KID_MAX = 128,
};

/* Not yet verified: slices of the text, and the key's name in the arena. */
struct sut_jws_public {
    enum sut_jwk_alg alg; /* what the header says */
    sut_str kid;
    sut_str signed_text;
    sut_str payload; /* base64url */
    sut_str signature;
};

/* Take the text apart.  TOKEN with *reterr_fault (MALFORMED, ALGORITHM or KEY); NOMEM. */
SUT_ERR sut_jws_public_open(struct sut_arena *a, sut_str text, struct sut_jws_public *ret,
                            enum sut_jws_fault *reterr_fault);
/*
 * Check it with this key and decode its payload into the arena.  TOKEN with *reterr_fault
 * (ALGORITHM: the key is for another one; SIGNATURE; MALFORMED); NOMEM.
 */
SUT_ERR sut_jws_public_verify(struct sut_arena *a, const struct sut_jws_public *j,
                              const struct sut_jwk *key, sut_str *ret_payload,
                              enum sut_jws_fault *reterr_fault);

#endif
