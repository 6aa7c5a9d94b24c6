/* SPDX-License-Identifier: Apache-2.0
 *
 * guest - who shops before they sign in, known by the cookie of their cart.
 *
 * The cookie holds 256 bits of chance; the store has their SHA-256 alone, so that who reads a dump
 * owns no cart.  It is given with the first line, not by a look; a number that no cart has opens
 * none, and is never taken on: nobody can choose it for another.
 */
#ifndef SUT_GUARD_GUEST_H
#define SUT_GUARD_GUEST_H

#include <stdbool.h>

#include "guard/req.h"

enum {
    SUT_GUEST_DIGEST = 32,
    SUT_GUEST_TEXT = 43,
    SUT_GUEST_LIFE_S = 30 * 24 * 3600,
};

struct sut_guest {
    char text[SUT_GUEST_TEXT]; /* of the cookie */
    unsigned char digest[SUT_GUEST_DIGEST];
};

static inline sut_str sut_guest_digest(const struct sut_guest *g)
{
    return sut_str_of((const char *) g->digest, sizeof(g->digest));
}

/* The guest whose cookie came; false: none, or not one of ours in form. */
bool sut_req_guest(struct sut_req *r, struct sut_guest *ret);
/* A guest to be. */
SUT_ERR sut_guest_make(const struct sut_random *random, struct sut_guest *ret);

/* A good answer sets the cookie, for SUT_GUEST_LIFE_S from now. */
void sut_req_give_guest(struct sut_req *r, const struct sut_guest *g);
/* A good answer takes it away: the cart is a person's now. */
void sut_req_drop_guest(struct sut_req *r);

/*
 * The guest whose cart goes to who signs in by this request; false: none.  A page of another origin
 * can't make that happen to its visitors.
 */
bool sut_req_joining_guest(struct sut_req *r, struct sut_guest *ret);

#endif
