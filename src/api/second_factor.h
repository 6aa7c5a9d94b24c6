/* SPDX-License-Identifier: Apache-2.0
 *
 * second_factor - the second step of a sign-in, and proving again who one is.
 *
 * It blocks: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_SECOND_FACTOR_H
#define SUT_API_SECOND_FACTOR_H

#include "api/entry.h"

/*
 * Redeem a ticket by the factor that the body shows: DONE with person and pair;
 * TOKEN_BAD: the ticket is good no more; WRONG; LOCKED.  INVALID: the body shows none, or several.
 */
SUT_ERR api_second_factor_redeem(struct sut_req *r, sut_str ticket, struct api_account *ret);

/*
 * The asker's session is fresh again, by their password or the factor that the body shows:
 * DONE with *ret_until; WRONG, counted as a failed sign-in; LOCKED; TOKEN_BAD: a token of an older
 * shop has no session.  INVALID as above.
 */
SUT_ERR api_reauthenticate(struct sut_req *r, struct api_account *ret, sut_ms *ret_until);

#endif
