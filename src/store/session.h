/* SPDX-License-Identifier: Apache-2.0
 *
 * session - rows of sessions (token families) and of foreign tokens that are
 * refused.
 *
 * A session is one sign-in on one device.  Its row holds the hash of the one
 * refresh token that is good, so a refresh is a single conditional UPDATE: of
 * many that come with the same token, one wins.  Reads run on any connection,
 * changes inside a write job.
 */
#ifndef SUT_STORE_SESSION_H
#define SUT_STORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_store;

enum {
    SUT_SESSION_HASH_MIN = 16, /* bytes of a refresh token's hash */
    SUT_SESSION_HASH_MAX = 32,
    SUT_SESSION_CLIENT = 16,    /* bytes of a digest of who asked */
    SUT_BLACKLIST_JTI = 16,     /* bytes of a foreign token's hash */
    SUT_SESSION_TEXT_MAX = 256, /* bytes; longer texts of the client are cut */
};

/* How somebody proved who they are: bits of sessions.proofs.  They stand in the store: only add. */
enum sut_proof {
    SUT_PROOF_PASSWORD = 1,
    SUT_PROOF_GOOGLE = 2,
    SUT_PROOF_FACEBOOK = 4,
    SUT_PROOF_TOTP = 8,
    SUT_PROOF_PASSKEY = 16,
    SUT_PROOF_RECOVERY = 32,
};
enum { SUT_PROOF_FACTORS = SUT_PROOF_TOTP | SUT_PROOF_PASSKEY | SUT_PROOF_RECOVERY };

struct sut_session_new {
    int64_t id; /* random, from 1 */
    int64_t user_id;
    sut_str refresh_hash;
    sut_ms expires_at;
    sut_str device_type; /* empty texts are none */
    sut_str os;
    sut_str app_version;
    sut_str user_agent;
    sut_str ip;
    unsigned proofs; /* how it was opened, bits of enum sut_proof: it is fresh from now on */
    bool is_browser; /* its refresh token lives in a cookie */
};

/* EXISTS when the id is taken: choose another. */
SUT_ERR sut_session_insert(struct sut_db_conn *c, const struct sut_session_new *s, sut_ms now);

/* One step of a family: the old refresh token goes, the new one is good until expires_at. */
struct sut_session_turn {
    int64_t id;
    int64_t user_id; /* whose the token says it is */
    sut_str old_hash;
    sut_str new_hash;
    sut_ms expires_at;
    uint64_t nonce; /* of the new token, and who asked (SUT_SESSION_CLIENT bytes, or empty): what */
    sut_str client; /* sut_session_duplicate() needs */
};
/*
 * One statement.  NOT_FOUND, with nothing changed, unless the session is this
 * user's, the old token is its present one, it is neither revoked nor expired,
 * and the user is active; sut_session_look() tells which.
 */
SUT_ERR sut_session_refresh(struct sut_db_conn *c, const struct sut_session_turn *t, sut_ms now,
                            int64_t *ret_generation);

/* How and when the person of a session last proved who they are. */
struct sut_session_proof {
    unsigned proofs; /* bits of enum sut_proof, of the whole session */
    sut_ms fresh_at; /* 0: never since */
};
/* NOT_FOUND unless the session is this user's and lives. */
SUT_ERR sut_session_proof_of(struct sut_db_conn *c, int64_t id, int64_t user_id, sut_ms now,
                             struct sut_session_proof *ret);
/* In a write job: proved once more, by this.  NOT_FOUND likewise. */
SUT_ERR sut_session_prove(struct sut_db_conn *c, int64_t id, int64_t user_id, unsigned proof,
                          sut_ms now);

enum sut_session_state {
    SUT_SESSION_LIVE,
    SUT_SESSION_ABSENT,
    SUT_SESSION_REVOKED,
    SUT_SESSION_EXPIRED,
    SUT_SESSION_REPLAYED, /* alive, but this token is not its present one */
    SUT_SESSION_DISABLED, /* the user is not active */
};
/* Why a token would be, or was, refused. */
SUT_ERR sut_session_look(struct sut_db_conn *c, int64_t id, int64_t user_id, sut_str hash,
                         sut_ms now, enum sut_session_state *ret);

/* End one session; *ret_done is false when it was no session of this user that lived. */
SUT_ERR sut_session_revoke(struct sut_db_conn *c, int64_t id, int64_t user_id, const char *why,
                           sut_ms now, bool *ret_done);

/* What a refresh gave. */
struct sut_session_turned {
    uint64_t nonce; /* of the refresh token that it made */
    sut_ms at;
};
/*
 * Whether a token is that of the session's last refresh, asked for again within window_ms by the
 * client that asked then: its answer was lost, or two of its tabs asked at once.  NOT_FOUND
 * otherwise, and when the session does not live or the user is not active.
 */
SUT_ERR sut_session_duplicate(struct sut_db_conn *c, const struct sut_session_turn *t,
                              int64_t window_ms, sut_ms now, struct sut_session_turned *ret);

struct sut_session_ids {
    int64_t *v;
    size_t n;
};
/*
 * End every session of a user but `except` (0: every one).  The ids of those
 * that ended, in the arena: what sut_sessions_revoke() wants to know after the
 * commit.
 */
SUT_ERR sut_session_revoke_all(struct sut_db_conn *c, struct sut_arena *a, int64_t user_id,
                               int64_t except, const char *why, sut_ms now,
                               struct sut_session_ids *ret);

/* Call fn for each session that was revoked after `since`. */
typedef SUT_ERR sut_session_seen(void *ctx, int64_t id, sut_ms revoked_at);
SUT_ERR sut_session_each_revoked(struct sut_db_conn *c, sut_ms since, sut_session_seen *fn,
                                 void *ctx);

/*
 * Refuse a foreign token for good: SUT_BLACKLIST_JTI bytes of its jti's hash.
 * *ret_added is false when it was refused already: of two that use one refresh
 * token up, one wins.
 */
SUT_ERR sut_blacklist_add(struct sut_db_conn *c, sut_str jti_hash, int64_t user_id,
                          sut_ms expires_at, sut_ms now, bool *ret_added);
SUT_ERR sut_blacklist_has(struct sut_db_conn *c, sut_str jti_hash, bool *ret);
/* Call fn for each that was added after `since` and lives at `now`. */
typedef SUT_ERR sut_blacklist_seen(void *ctx, sut_str jti_hash, sut_ms expires_at);
SUT_ERR sut_blacklist_each(struct sut_db_conn *c, sut_ms since, sut_ms now, sut_blacklist_seen *fn,
                           void *ctx);

/*
 * Delete what expired more than SUT_SESSION_KEEP_DAYS (store/personal.h) ago, in steps of at most
 * 500 rows, each a write of its own, and at most 20 steps a call.  Blocks.
 */
SUT_ERR sut_session_prune(struct sut_store *store, sut_ms now);

#endif
