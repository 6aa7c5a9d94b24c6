/* SPDX-License-Identifier: Apache-2.0
 *
 * session - what becomes of a session: refreshed, ended.
 *
 * It blocks: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_SESSION_H
#define SUT_API_SESSION_H

#include "api/entry.h"

/* Trade a refresh token for a new pair; person is not filled in. */
SUT_ERR api_session_refresh(struct sut_req *r, sut_str token, struct api_account *ret);
/* End the session of the access token, and that of the refresh token when it is this user's. */
SUT_ERR api_session_end(struct sut_req *r, sut_str refresh);

#endif
