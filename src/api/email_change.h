/* SPDX-License-Identifier: Apache-2.0
 *
 * email_change - another address: asked for, confirmed at the new one, taken
 * back from the old one.
 *
 * The new address gets a link that makes it the account's; the old one gets a
 * link that stops it, and, once it has happened, one that takes it back for 72 hours.  A
 * stop or a way back ends every session: who asked was not the owner.
 * It blocks: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_EMAIL_CHANGE_H
#define SUT_API_EMAIL_CHANGE_H

#include "guard/req.h"

enum {
    API_EMAIL_CONFIRM_LIFE_S = 24 * 3600,
    API_EMAIL_REVERT_LIFE_S = 72 * 3600,
};

enum api_email_outcome {
    API_EMAIL_DONE,
    API_EMAIL_SAME,    /* it is the account's address already */
    API_EMAIL_TAKEN,   /* another account has it */
    API_EMAIL_BAD,     /* no link of ours, or not any more */
    API_EMAIL_NOT_NOW, /* the 429 is made */
};

SUT_ERR api_email_change_ask(struct sut_req *r, sut_str email, enum api_email_outcome *ret);
/* *ret_email: the account's address now. */
SUT_ERR api_email_change_confirm(struct sut_req *r, sut_str token, enum api_email_outcome *ret,
                                 sut_str *ret_email);
SUT_ERR api_email_change_revert(struct sut_req *r, sut_str token, enum api_email_outcome *ret,
                                sut_str *ret_email);

#endif
