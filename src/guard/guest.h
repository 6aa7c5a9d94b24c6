/* SPDX-License-Identifier: Apache-2.0
 *
 * guest - who shops before they sign in, known by the cookie of their cart.
 *
 * The cookie is given with the first line, not by a look; a number that no cart has opens
 * none, and is never taken on: nobody can choose it for another.
 */
#ifndef SUT_GUARD_GUEST_H
#define SUT_GUARD_GUEST_H

#include <stdbool.h>

#include "authn/guest.h"
#include "guard/req.h"

/* The guest whose cookie came; false: none, or not one of ours in form. */
bool sut_req_guest(struct sut_req *r, struct sut_guest *ret);

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
