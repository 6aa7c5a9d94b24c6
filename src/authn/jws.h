/* SPDX-License-Identifier: Apache-2.0
 *
 * jws - a signed text: JWS compact serialization (RFC 7515 3.1) with HS256,
 * under the rules of RFC 8725.
 *
 * Exactly three parts of canonical base64url; `alg` is HS256 and nothing else;
 * the key is the ring's, found by `kid` or, without one, the current and then
 * each other; a header with `crit` is refused; anything in it that names a
 * key or an address is never looked at.  No I/O.  Any thread.
 */
#ifndef SUT_AUTHN_JWS_H
#define SUT_AUTHN_JWS_H

#include <stddef.h>

#include "authn/keyring.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum {
    SUT_JWS_MAX = 4096,
    SUT_JWS_PAYLOAD_MAX = 3072, /* what SUT_JWS_MAX characters can hold */
};

/* Why a text was refused: for audit and tests. */
enum sut_jws_fault {
    SUT_JWS_OK,
    SUT_JWS_MALFORMED, /* length, parts, base64url, the header's JSON */
    SUT_JWS_ALGORITHM, /* not HS256, `crit`, or a type that is no JWT */
    SUT_JWS_KEY,       /* a kid that is not ours */
    SUT_JWS_SIGNATURE,
};

/* Append header.payload.signature under the ring's current key. */
SUT_ERR sut_jws_sign(const struct sut_keyring *ring, sut_str payload, struct sut_buf *out);

/*
 * Check the text and decode its payload into the caller's `cap` bytes (at
 * least SUT_JWS_PAYLOAD_MAX).  A header as sut_jws_sign() writes it costs no
 * allocation; another is parsed in `scratch`, which is as before at the end.
 * TOKEN with *reterr_fault; NOMEM.
 */
SUT_ERR sut_jws_verify(const struct sut_keyring *ring, sut_str text, struct sut_arena *scratch,
                       void *ret_payload, size_t cap, size_t *ret_n,
                       enum sut_jws_fault *reterr_fault);

#endif
