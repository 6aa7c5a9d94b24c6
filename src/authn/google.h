/* SPDX-License-Identifier: Apache-2.0
 *
 * google - whether an ID token of Google's (or of another OpenID provider that the settings
 * name) is good, and who it speaks of.
 *
 * The signature by the provider's keys (authn/jwks.h), then the claims (authn/id_token.h).
 * With the keys at hand a check takes some 100 µs and waits for nobody; else it blocks for a
 * fetch.  Any thread.
 */
#ifndef SUT_AUTHN_GOOGLE_H
#define SUT_AUTHN_GOOGLE_H

#include "authn/id_token.h"
#include "authn/identity.h"
#include "authn/jwks.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_google;

struct sut_google_options {
    sut_str client_ids; /* ours, parted by commas; borrowed */
    sut_str issuers;    /* likewise */
    sut_jwks_fetch *fetch;
    void *fetch_ctx;
    const struct sut_clock *steady; /* see sut_jwks_steady */
};

/* INVALID without a client id or an issuer; TOO_LARGE: too many. */
SUT_ERR sut_google_create(const struct sut_google_options *opt, struct sut_google **ret);
void sut_google_free(struct sut_google **g);

/*
 * Who the token speaks of, in the arena.  nonce: what the client says that it asked with;
 * empty: nothing.  TOKEN, with a constant word in *reterr_why: it is not good;
 * UNAVAILABLE: the provider's keys can't be had; BUSY: too many wait for them; NOMEM.
 */
SUT_ERR sut_google_check(struct sut_google *g, struct sut_arena *a, sut_str token, sut_str nonce,
                         sut_ms now, struct sut_identity *ret, const char **reterr_why);

/* A fetch by a courier (ctx: struct sut_courier *). */
sut_err sut_google_fetch_keys(void *courier, struct sut_buf *body, uint32_t *ret_max_age_s);

#endif
