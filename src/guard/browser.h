/* SPDX-License-Identifier: Apache-2.0
 *
 * browser - browser mode: a refresh token that lives in a cookie which no script can read.
 *
 * A request asks for it with X-Sutler-Client: browser (a page of another origin can't send that
 * without a preflight).  A refresh token that came in the cookie goes back into it in any case:
 * no script gets to read it by leaving that field out.
 */
#ifndef SUT_GUARD_BROWSER_H
#define SUT_GUARD_BROWSER_H

#include "guard/req.h"

/* Whether the refresh token of the answer belongs into the cookie. */
bool sut_req_is_browser(const struct sut_req *r);
/* The refresh token of the body, or else of the cookie, when the step csrf let that through. */
sut_str sut_req_refresh_token(const struct sut_req *r);

/* A good answer sets the cookie; the token is borrowed until the answer is made. */
void sut_req_give_refresh(struct sut_req *r, sut_str token, int64_t life_s);
/* The answer, whatever it is, takes the cookie away. */
void sut_req_drop_refresh(struct sut_req *r);

#endif
