/* SPDX-License-Identifier: Apache-2.0
 *
 * signing - texts signed as Django's django.core.signing.dumps() and loads() do,
 * byte for byte: JSON in base64url, a time in base 62, HMAC-SHA256 under a key
 * derived from secret and salt.  Django's compressed texts (a leading dot) are refused: none of
 * the links ever was one, and nothing here has to unpack what a stranger sends.
 *
 * Keys are a ring's (authn/keyring.h): the current one signs, all are tried.
 * Time is a parameter.  No I/O, no state.  Any thread.
 */
#ifndef SUT_AUTHN_SIGNING_H
#define SUT_AUTHN_SIGNING_H

#include <stdint.h>

#include "authn/keyring.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#define SUT_SIGNING_DEFAULT_SALT "django.core.signing"

enum { SUT_SIGNED_MAX = 4096, SUT_VERIFY_MAX = SUT_SIGNED_MAX / 3 * 4 + 4 };

/* Sign a JSON text as it stands; in the arena. */
SUT_ERR sut_signing_dumps(const struct sut_keyring *ring, struct sut_arena *a, sut_str salt,
                          sut_str json, sut_ms now, sut_str *ret);
/* TOKEN: not signed by us, damaged, or too long. */
SUT_ERR sut_signing_loads(const struct sut_keyring *ring, struct sut_arena *a, sut_str salt,
                          sut_str text, sut_str *ret_json, sut_ms *ret_signed_at);

/* --- the link that verifies an address (contract A) --- */

enum { SUT_VERIFY_LIFE_S = 72 * 3600 };

enum sut_verify_fault { SUT_VERIFY_FINE, SUT_VERIFY_INVALID, SUT_VERIFY_EXPIRED };

struct sut_verify {
    int64_t user_id;
    sut_str email; /* which the person must still have */
};
/*
 * {"user_id","email","timestamp"} (timestamp: ISO 8601 in UTC, as Python's isoformat()), signed
 * with the default salt, the whole in base64url once more, padded as Python does; it is read
 * with or without the padding.
 */
SUT_ERR sut_verify_mint(const struct sut_keyring *ring, struct sut_arena *a,
                        const struct sut_verify *v, sut_ms now, sut_str *ret);
/* TOKEN with *reterr_fault; its life counts from the signature's time. */
SUT_ERR sut_verify_read(const struct sut_keyring *ring, struct sut_arena *a, sut_str text,
                        sut_ms now, struct sut_verify *ret, enum sut_verify_fault *reterr_fault);

#endif
