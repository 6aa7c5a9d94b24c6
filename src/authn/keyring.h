/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring - the keys that sign tokens, or links: the current one, and others
 * that are accepted.
 *
 * New texts name the current key by its id (`kid`).  Those of a previous key
 * stay good until all that it signed has expired and it is forgotten; those of
 * a next key are accepted before this server itself signs with it, so that
 * several servers over one store never refuse each other's.  Keys lie in locked
 * memory.  Any thread may look; changes are one at a time and never pull a key
 * away from under a reader: what was replaced is kept for SUT_KEYRING_GRACE_S
 * and wiped by a later change.
 */
#ifndef SUT_AUTHN_KEYRING_H
#define SUT_AUTHN_KEYRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "ipc/keeper.h"
#include "store/keyring_row.h"
#include "store/store.h"

enum {
    SUT_KID_MAX = 64,
    SUT_SIGNING_KEY_MIN = 32, /* RFC 7518 3.2: at least as long as the hash */
    SUT_SIGNING_KEY_MAX = 1024,
    SUT_JWS_HEADER_MAX = 192,
    SUT_SIGNING_OTHERS_MAX = SUT_KEYRING_VERSIONS_MAX - 1,
    SUT_KEYRING_GRACE_S = 60,
};

/* A key, ready for use. */
struct sut_signing_key {
    char kid[SUT_KID_MAX];
    size_t kid_n;
    char header[SUT_JWS_HEADER_MAX]; /* {"alg":"HS256","kid":"…","typ":"JWT"} in base64url */
    size_t header_n;
    struct sut_hmac_key mac;
    size_t secret_n;
    char secret[SUT_SIGNING_KEY_MAX]; /* as it was given: keys for other ends are derived from it */
};

static inline sut_str sut_signing_key_secret(const struct sut_signing_key *k)
{
    return sut_str_of(k->secret, k->secret_n);
}

struct sut_signing_keys {
    struct sut_signing_key current;
    struct sut_signing_key others[SUT_SIGNING_OTHERS_MAX]; /* the newest first */
    size_t n_others;
};

struct sut_keyring;

/* A key as it is given: kid of [A-Za-z0-9._-], or empty: then it follows from the key. */
struct sut_key_text {
    sut_str kid;
    sut_str secret;
};

/*
 * A ring of the caller's keys; previous may be NULL.  INVALID: a secret
 * shorter than SUT_SIGNING_KEY_MIN (unless may_be_short) or empty or too long,
 * a kid of other characters, or two keys of one name.
 */
SUT_ERR sut_keyring_create(const struct sut_key_text *current, const struct sut_key_text *previous,
                           bool may_be_short, struct sut_keyring **ret);

/*
 * The ring of a shop without a key in its settings: random keys, kept in the
 * store under the master key and made at the first start.  Store and keeper
 * are borrowed until the ring is freed.  CORRUPT when the store's keys were
 * wrapped by another master key.
 */
SUT_ERR sut_keyring_open(struct sut_store *store, struct sut_keeper *keeper,
                         enum sut_key_purpose purpose, sut_ms now, struct sut_keyring **ret,
                         struct sut_diag *reterr_diag);

/* No reader may be left. */
void sut_keyring_free(struct sut_keyring **k);

/* The keys of this moment, for a call's length: they may go SUT_KEYRING_GRACE_S after a change. */
const struct sut_signing_keys *sut_keyring_look(const struct sut_keyring *k);

/* Take what the store has now, if it changed; nothing happens to a ring of sut_keyring_create().
 * Blocks. */
SUT_ERR sut_keyring_reload(struct sut_keyring *k);
/*
 * A text named a key that is not in the ring: on a store that other servers
 * share, a reload is due.  Costs nothing; the next sut_keyring_is_due() says so,
 * once a second at most.
 */
void sut_keyring_miss(const struct sut_keyring *k);
bool sut_keyring_is_due(struct sut_keyring *k);
/*
 * Forget previous keys, in the store too, whose successor has been current for
 * `life_ms`: nothing that they signed is good any more.  Blocks.
 */
SUT_ERR sut_keyring_forget_expired(struct sut_keyring *k, sut_ms now, int64_t life_ms);

/* When the current key came into use; 0 for a ring of sut_keyring_create(). */
sut_ms sut_keyring_made_at(const struct sut_keyring *k);

#endif
