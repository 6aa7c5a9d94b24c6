/* SPDX-License-Identifier: Apache-2.0
 *
 * id_token - what an ID token must say (OpenID Connect Core 3.1.3.7) before it says who
 * somebody is.
 *
 * Works on the claims of a text whose signature is good (authn/jws_public.h).  No I/O.
 * Any thread.
 */
#ifndef SUT_AUTHN_ID_TOKEN_H
#define SUT_AUTHN_ID_TOKEN_H

#include <stddef.h>

#include "authn/identity.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum {
    SUT_ID_TOKEN_AGE_S = 24 * 3600, /* one issued before that is refused */
    SUT_ID_TOKEN_SKEW_S = 60,       /* how far a clock may be ahead of ours */
    SUT_ID_TOKEN_NAMES_MAX = 16,    /* audiences or issuers that we take; audiences of a token */
};

struct sut_id_token_names {
    sut_str v[SUT_ID_TOKEN_NAMES_MAX];
    size_t n;
};

struct sut_id_token_policy {
    struct sut_id_token_names audiences; /* our client ids */
    struct sut_id_token_names issuers;
};

/* Why a token was refused: for audit and tests. */
enum sut_id_token_fault {
    SUT_ID_TOKEN_FINE,
    SUT_ID_TOKEN_MALFORMED, /* no JSON object */
    SUT_ID_TOKEN_ISSUER,
    SUT_ID_TOKEN_AUDIENCE, /* aud or azp */
    SUT_ID_TOKEN_TIME,     /* exp, iat or nbf */
    SUT_ID_TOKEN_NONCE,
    SUT_ID_TOKEN_SUBJECT,
    SUT_ID_TOKEN_EMAIL, /* absent, no address, or not verified */
};

/* Items parted by commas, blanks around them dropped, as slices of the text; TOO_LARGE. */
SUT_ERR sut_id_token_names(sut_str text, struct sut_id_token_names *ret);

/*
 * Read the claims.  aud is one of ours, or a list that has one of ours and comes with an azp;
 * azp, where there is one, is ours.  nonce: what was asked for; empty: none was, and
 * whatever stands there is fine.  A claim of another type than it should have is as
 * good as none.  TOKEN with *reterr_fault; NOMEM.
 */
SUT_ERR sut_id_token_read(struct sut_arena *a, sut_str claims,
                          const struct sut_id_token_policy *policy, sut_str nonce, sut_ms now,
                          struct sut_identity *ret, enum sut_id_token_fault *reterr_fault);

#endif
