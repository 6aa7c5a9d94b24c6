/* SPDX-License-Identifier: Apache-2.0
 *
 * jws_int - what our own tokens and those of others have in common as text; for
 * files of this folder alone.
 */
#ifndef SUT_AUTHN_JWS_INT_H
#define SUT_AUTHN_JWS_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* Slices of the text; none is decoded yet. */
struct sut_jws_parts {
    sut_str signed_text; /* header.payload */
    sut_str header;
    sut_str payload;
    sut_str signature;
};

/* Exactly three parts (the first is not empty), of `max` bytes together at most. */
bool sut_jws__split(sut_str text, size_t max, struct sut_jws_parts *ret);
/* Whether a header's typ says that it is a JWT. */
bool sut_jws__is_jwt(sut_str typ);

#endif
