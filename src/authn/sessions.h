/* SPDX-License-Identifier: Apache-2.0
 *
 * sessions - what is refused although its signature is good: the memory that
 * makes a revocation hold at once without a query.
 *
 * Holds revoked sessions until the last access token of theirs has expired (with
 * some slack: a refresh that met the revocation minted a little later),
 * refused foreign tokens until they expire, and when a user's foreign tokens
 * were last revoked.  The store has the truth; this is filled from it at the
 * start, told of every change after its commit, and, over a store that others
 * share, filled again now and then.
 *
 * Until the first load has succeeded, and after SUT_SESSIONS_STALE_MS of
 * failing ones, it does not know, and refuses everything.  Memory: at most
 * 12 MiB for each of the three tables; when one is full (390,000 entries) all
 * tokens issued before that moment are refused, so that clients refresh, which
 * the store decides.  Any thread; a question takes a read lock for one look
 * into a hash table.
 */
#ifndef SUT_AUTHN_SESSIONS_H
#define SUT_AUTHN_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "authn/jwt.h"
#include "base/clock.h"
#include "base/err.h"

struct sut_sessions;
struct sut_store;

enum {
    SUT_SESSIONS_STALE_MS = 10000,
    SUT_SESSIONS_SLACK_MS = 120000, /* how far clocks of servers and slow commits may be apart */
    SUT_SESSIONS_FOREIGN_DAYS = 31, /* a foreign token issued before that is refused */
};

struct sut_sessions_options {
    int64_t access_life_ms; /* the greatest life of an access token */
    bool accept_foreign;    /* else every foreign token is refused */
};

SUT_ERR sut_sessions_create(const struct sut_sessions_options *opt, struct sut_sessions **ret);
void sut_sessions_free(struct sut_sessions **s);

/* Read what the store has: all at first, later what is new.  Blocks; one caller at a time. */
SUT_ERR sut_sessions_load(struct sut_sessions *s, struct sut_store *store, sut_ms now);
/* False while it can't know: then a refusal is no verdict on the token (503, not 401). */
bool sut_sessions_knows(const struct sut_sessions *s);

/*
 * Whether a genuine token is refused (also when this can't be known).  So is an
 * access token of ours with a longer life than the settings give now: nobody
 * remembers for how long its session would have to be kept.
 */
bool sut_sessions_is_refused(struct sut_sessions *s, const struct sut_token *t);

/* After the commit that revoked a session. */
void sut_sessions_revoke(struct sut_sessions *s, int64_t session, sut_ms now);
/* After the commit that revoked all tokens of a user: their foreign ones of before now. */
void sut_sessions_revoke_user(struct sut_sessions *s, int64_t user_id, sut_ms now);
/* After the commit that used a foreign token up. */
void sut_sessions_refuse_foreign(struct sut_sessions *s, const unsigned char jti_hash[SUT_JTI_HASH],
                                 sut_ms expires_at);

/* Forget what has expired. */
void sut_sessions_prune(struct sut_sessions *s, sut_ms now);
/* Entries held, for figures. */
uint64_t sut_sessions_count(struct sut_sessions *s);

#endif
