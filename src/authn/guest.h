/* SPDX-License-Identifier: Apache-2.0
 *
 * guest - the number by which a guest's cart is known: 256 bits of chance.
 *
 * A cookie holds it as text; the store has the text's SHA-256 alone, so that who reads a dump owns
 * no cart.  No I/O, no state.
 */
#ifndef SUT_AUTHN_GUEST_H
#define SUT_AUTHN_GUEST_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct sut_random;

enum {
    SUT_GUEST_DIGEST = 32,
    SUT_GUEST_TEXT = 43,
    SUT_GUEST_LIFE_S = 30 * 24 * 3600, /* of the cookie */
};

struct sut_guest {
    char text[SUT_GUEST_TEXT]; /* base64url */
    unsigned char digest[SUT_GUEST_DIGEST];
};

static inline sut_str sut_guest_digest(const struct sut_guest *g)
{
    return sut_str_of((const char *) g->digest, sizeof(g->digest));
}

/* A guest to be. */
SUT_ERR sut_guest_make(const struct sut_random *random, struct sut_guest *ret);
/* The guest of a cookie's text; false: it is none in form. */
bool sut_guest_read(sut_str text, struct sut_guest *ret);

#endif
