/* SPDX-License-Identifier: Apache-2.0
 *
 * my_sessions - what a person may see and do about their own sessions: list
 * them, end one, end all.
 *
 * It blocks: on the pool (the list alone may run on the loop).  Results live in the request's
 * arena.
 */
#ifndef SUT_API_MY_SESSIONS_H
#define SUT_API_MY_SESSIONS_H

#include "guard/req.h"
#include "store/session_list.h"

SUT_ERR api_my_sessions_list(struct sut_req *r, struct sut_session_row **ret, size_t *ret_n);
/* Whether this row is the session of the request's own token. */
bool api_my_session_is_current(const struct sut_req *r, int64_t id);
/*
 * Where an address is, and not whose: "203.0.113.0/24", "2001:db8:1::/48".  {NULL,0} for what is
 * none.
 */
SUT_ERR api_my_session_place(struct sut_arena *a, sut_str ip, sut_str *ret);

/* NOT_FOUND: no session of theirs that lives. */
SUT_ERR api_my_session_end(struct sut_req *r, int64_t id);
/* All of them, this one too, and tokens of an older shop. */
SUT_ERR api_my_sessions_end_all(struct sut_req *r);

#endif
