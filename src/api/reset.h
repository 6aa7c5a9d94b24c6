/* SPDX-License-Identifier: Apache-2.0
 *
 * reset - a new password by a link in a mail.
 *
 * Who asks for a link is told the same, after the same work, whether the address is known
 * or not.  It blocks: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_RESET_H
#define SUT_API_RESET_H

#include "api/entry.h"

enum { API_RESET_LIFE_S = 3600 };

/*
 * Send a link to the address, if it has an account; nothing tells whether it has.
 * *ret_answered: it asked too often, and the 429 is made.
 */
SUT_ERR api_reset_ask(struct sut_req *r, sut_str email, bool *ret_answered);
/* Take a link: DONE, WEAK_PASSWORD (the link stays good), or TOKEN_BAD.  Every session ends. */
SUT_ERR api_reset_take(struct sut_req *r, sut_str token, sut_str password, struct api_account *ret);

#endif
