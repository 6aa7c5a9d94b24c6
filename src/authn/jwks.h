/* SPDX-License-Identifier: Apache-2.0
 *
 * jwks - the public keys of a provider of identity (RFC 7517, a JWK set), kept ready.
 *
 * Fetched when first asked for, again when they have aged (as the provider's max-age
 * says, within bounds), and when a token names a key that is not there: for that
 * reason once a minute at most, however many such tokens come.  One fetch goes on at a time;
 * who can be answered out of the keys at hand does not wait for it, and of the others no more
 * than SUT_ASKING_MAX do: a slow provider does not hold all threads.  While the provider
 * can't be reached the keys of before hold for a day more, and it is not asked again within
 * ten seconds.
 *
 * A set is taken as a whole or not at all; of its keys those that we can use (crypto/jwk.h)
 * for signatures are kept, at most SUT_JWKS_KEYS_MAX.  Time is a steady clock's, so that a
 * wall clock put right changes nothing.  Any thread; a find may block for a fetch.
 */
#ifndef SUT_AUTHN_JWKS_H
#define SUT_AUTHN_JWKS_H

#include <stddef.h>
#include <stdint.h>

#include "authn/jws_public.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "crypto/jwk.h"

enum {
    SUT_JWKS_TEXT_MAX = 64 * 1024,
    SUT_JWKS_KEYS_MAX = 16,     /* that are kept */
    SUT_JWKS_KEYS_SEEN_MAX = 64 /* that a set may have */
};

/* How long things last, in ms. */
enum {
    SUT_JWKS_FRESH_MIN_MS = 5 * 60 * 1000,
    SUT_JWKS_FRESH_MAX_MS = 24 * 3600 * 1000,
    SUT_JWKS_FRESH_UNTOLD_MS = 3600 * 1000, /* when no max-age is told */
    SUT_JWKS_KEEP_MS = 24 * 3600 * 1000,    /* after that, while no new ones can be had */
    SUT_JWKS_UNKNOWN_MS = 60 * 1000,        /* between two fetches for unknown names */
    SUT_JWKS_RETRY_MS = 10 * 1000,          /* after one that failed */
};

/* One set of keys; never changes.  Borrowed from a find, or parsed. */
struct sut_jwks_set;

/*
 * The keys of a JWK set's text.  PARSE: no such set, or none of its keys is for us;
 * TOO_LARGE; NOMEM.
 */
SUT_ERR sut_jwks_set_parse(sut_str text, struct sut_jwks_set **ret);
void sut_jwks_set_unref(struct sut_jwks_set **s);
size_t sut_jwks_set_n(const struct sut_jwks_set *s);
/* The key of this name and algorithm, or NULL; good as long as the set. */
const struct sut_jwk *sut_jwks_set_find(const struct sut_jwks_set *s, sut_str kid,
                                        enum sut_jwk_alg alg);

/*
 * Get the set's text (into a buffer of SUT_JWKS_TEXT_MAX at most) and the max-age that came
 * with it, in seconds (0: none told).  It may block, for a bounded time.
 */
typedef sut_err sut_jwks_fetch(void *ctx, struct sut_buf *body, uint32_t *ret_max_age_s);

struct sut_jwks;

/* steady: a clock that never goes back. */
SUT_ERR sut_jwks_create(sut_jwks_fetch *fetch, void *ctx, const struct sut_clock *steady,
                        struct sut_jwks **ret);
void sut_jwks_free(struct sut_jwks **j);

/*
 * The key of this name and algorithm; it lives as long as *ret_set, which the caller ends with
 * sut_jwks_set_unref().  TOKEN: the provider has no such key.  UNAVAILABLE: that can't be
 * told, because its keys can't be had.  BUSY: too many wait for them.
 */
SUT_ERR sut_jwks_find(struct sut_jwks *j, sut_str kid, enum sut_jwk_alg alg,
                      struct sut_jwks_set **ret_set, const struct sut_jwk **ret);

/* The steady clock of this machine. */
extern const struct sut_clock sut_jwks_steady;

#endif
