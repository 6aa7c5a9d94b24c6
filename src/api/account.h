/* SPDX-License-Identifier: Apache-2.0
 *
 * account - what both contracts do with accounts: sign up, sign in by password,
 * read and change one's own.  From a proof to a session: api/entry.h; what becomes of a
 * session: api/session.h.
 *
 * Each contract's handlers read their own fields and write their own shapes;
 * everything between stands here once.  All of it blocks (hashing, writes): on
 * the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_ACCOUNT_H
#define SUT_API_ACCOUNT_H

#include "api/entry.h"

struct api_sign_up {
    sut_str email;
    sut_str password;
    sut_str first_name;
    sut_str last_name;
    sut_str phone;
    bool wants_session; /* contract A signs in at once */
};

SUT_ERR api_account_sign_up(struct sut_req *r, const struct api_sign_up *form,
                            struct api_account *ret);
SUT_ERR api_account_sign_in(struct sut_req *r, sut_str email, sut_str password,
                            const struct api_device *device, struct api_account *ret);
/*
 * Who signed in, for the answer.  One whose sealed fields are lost gets in all the same: `email` is
 * the address that they gave.
 */
SUT_ERR api_account_signed_in(struct sut_req *r, const struct sut_person_account *account,
                              sut_str email, struct sut_person_row *ret);
/* The asker's own row; TOKEN when it is gone or disabled. */
SUT_ERR api_account_self(struct sut_req *r, struct sut_person_row *ret);
/* Change the asker's own row; *ret is as it is then. */
SUT_ERR api_account_change(struct sut_req *r, const struct sut_person_change *change,
                           struct sut_person_row *ret);

/* The messages as one text, joined with ", ". */
sut_str api_account_join(struct sut_req *r, const struct api_account *a);

#endif
