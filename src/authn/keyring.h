/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring - the keys that sign tokens: the current one, and the one before.
 *
 * New tokens name the current key by its id (`kid`); those of the previous key
 * stay good until it goes too.  Keys lie in locked memory.  Any thread may
 * look; changes (rotate, reload) are one at a time and never pull a key away
 * from under a reader: what was replaced is kept until the ring is freed.
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
#include "ipc/keeper.h"
#include "store/store.h"

enum {
    SUT_KID_MAX = 64,
    SUT_SIGNING_KEY_MIN = 32, /* RFC 7518 3.2: at least as long as the hash */
    SUT_SIGNING_KEY_MAX = 1024,
    SUT_JWS_HEADER_MAX = 192,
};

/* A key, ready for use. */
struct sut_signing_key {
    bool is_set;
    char kid[SUT_KID_MAX];
    size_t kid_n;
    char header[SUT_JWS_HEADER_MAX]; /* {"alg":"HS256","kid":"…","typ":"JWT"} in base64url */
    size_t header_n;
    struct sut_hmac_key mac;
};

struct sut_signing_keys {
    struct sut_signing_key current;
    struct sut_signing_key previous; /* is_set may be false */
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
 * store, wrapped by the keeper's master key, and made at the first start.  Both
 * are borrowed until the ring is freed.  CORRUPT when the store's keys were
 * wrapped by another master key.
 */
SUT_ERR sut_keyring_open(struct sut_store *store, struct sut_keeper *keeper, sut_ms now,
                         struct sut_keyring **ret, struct sut_diag *reterr_diag);

/* No reader may be left. */
void sut_keyring_free(struct sut_keyring **k);

/* The keys of this moment; good until the ring is freed. */
const struct sut_signing_keys *sut_keyring_look(const struct sut_keyring *k);

/* Make a new current key, in the store too; INVALID for a ring of sut_keyring_create(). */
SUT_ERR sut_keyring_rotate(struct sut_keyring *k, sut_ms now);
/* Take what another server has made; nothing happens to a ring of sut_keyring_create(). */
SUT_ERR sut_keyring_reload(struct sut_keyring *k);
/* When the current key was made (for its greatest age); 0 for a ring of sut_keyring_create(). */
sut_ms sut_keyring_made_at(const struct sut_keyring *k);

#endif
