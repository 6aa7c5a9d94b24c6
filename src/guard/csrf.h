/* SPDX-License-Identifier: Apache-2.0
 *
 * csrf - what a request must show before a cookie speaks for somebody (C8).
 *
 * A browser sends cookies with whatever any page makes it send.  So a cookie is believed only
 * together with the browser session's token (X-CSRFToken), which a page of another origin can't
 * read, and an Origin that is ours or in the CORS list; one without an Origin is refused: no
 * browser leaves it out of what changes something.
 *
 * A guest's cart, which is worth no more than what lies in it, asks for less, so that front ends
 * which know of no token work: an Origin of ours, or (from what is no browser and sends none) the
 * token.  Another's Origin is refused even when no cookie came with it.
 *
 * The browser session is that of the refresh cookie when a good one came, else the
 * guest cart's, else the device's.  Its token is a MAC of that, under keys derived from those that
 * sign tokens: nothing is kept, and it holds as long as what it is bound to.
 */
#ifndef SUT_GUARD_CSRF_H
#define SUT_GUARD_CSRF_H

#include "guard/req.h"

enum { SUT_CSRF_TEXT = 43 };

/* The token of this request's browser session, in the arena; without any cookie one that opens
 * nothing. */
SUT_ERR sut_csrf_token(struct sut_req *r, sut_str *ret);
/* That of a session that this request opens or carries on. */
SUT_ERR sut_csrf_token_of_session(struct sut_req *r, int64_t session, sut_str *ret);
/*
 * Whether the request names one origin, and that is the public URL's, in the CORS list, or, in
 * development, that of the Host which it came to.
 */
bool sut_csrf_origin_ok(const struct sut_req *r);
/* Make the 403, and its event. */
void sut_csrf_refuse(struct sut_req *r, const char *why);

#endif
