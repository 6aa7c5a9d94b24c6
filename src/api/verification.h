/* SPDX-License-Identifier: Apache-2.0
 *
 * verification - whether an address is its account's: the mail that asks, and
 * the link that answers.
 *
 * The link is a signed text (authn/signing.h): no row is kept of it, and that it is good
 * but once follows from the account's state.  It blocks: on the pool.
 */
#ifndef SUT_API_VERIFICATION_H
#define SUT_API_VERIFICATION_H

#include "guard/req.h"

enum api_verified {
    API_VERIFIED,
    API_VERIFY_INVALID, /* not ours, of another address, or of nobody */
    API_VERIFY_EXPIRED,
    API_VERIFY_ALREADY,
};
/* Take a link's token; *ret_email: the address that is verified now. */
SUT_ERR api_verification_take(struct sut_req *r, sut_str token, enum api_verified *ret,
                              sut_str *ret_email);

/* In a write job: queue the mail to a person's own address. */
SUT_ERR api_verification_queue(struct sut_req *r, struct sut_db_conn *c, struct sut_arena *scratch,
                               int64_t person, sut_str email);

enum api_verification_sent { API_SENT, API_SENT_ALREADY, API_SENT_NOT_NOW };
/* Send it once more to who asks; NOT_NOW: the 429 is made.  TOKEN: there is no such person. */
SUT_ERR api_verification_send(struct sut_req *r, enum api_verification_sent *ret);

#endif
