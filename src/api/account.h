/* SPDX-License-Identifier: Apache-2.0
 *
 * account - what both contracts do with accounts: sign up, sign in, refresh,
 * sign out.
 *
 * Each contract's handlers read their own fields and write their own shapes;
 * everything between stands here once.  All of it blocks (hashing, writes): on
 * the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_ACCOUNT_H
#define SUT_API_ACCOUNT_H

#include "guard/req.h"
#include "store/person.h"

/* A pair of tokens as text. */
struct api_pair {
    sut_str access;
    sut_str refresh;
    int64_t access_life_s;
    int64_t refresh_life_s;
};

/* The device as the client names it; empty texts are fine. */
struct api_device {
    sut_str type;
    sut_str os;
    sut_str app_version;
};

struct api_sign_up {
    sut_str email;
    sut_str password;
    sut_str first_name;
    sut_str last_name;
    sut_str phone;
    bool wants_session; /* contract A signs in at once */
};

enum api_outcome {
    API_DONE,
    API_TAKEN,         /* the email has an account */
    API_WEAK_PASSWORD, /* see messages */
    API_WRONG,         /* address or password: nobody is told which */
    API_DISABLED,      /* only after a right password */
    API_TOKEN_BAD,     /* no token of ours, or past its life */
    API_TOKEN_USED,    /* replaced or revoked */
    API_ANSWERED,      /* the reply is made: a limit */
};

struct api_account {
    enum api_outcome outcome;
    struct sut_person_row person;
    struct api_pair pair;
    sut_str messages[SUT_PASSWORD_MESSAGES_MAX]; /* WEAK_PASSWORD: Django's words */
    size_t n_messages;
    int strength; /* WEAK_PASSWORD: 0 .. 4 */
};

SUT_ERR api_account_sign_up(struct sut_req *r, const struct api_sign_up *form,
                            struct api_account *ret);
SUT_ERR api_account_sign_in(struct sut_req *r, sut_str email, sut_str password,
                            const struct api_device *device, struct api_account *ret);
/* Trade a refresh token for a new pair; person is not filled in. */
SUT_ERR api_account_refresh(struct sut_req *r, sut_str token, struct api_account *ret);
/* End the session of the access token, and that of the refresh token when it is this user's. */
SUT_ERR api_account_sign_out(struct sut_req *r, sut_str refresh);

/* The asker's own row; TOKEN when it is gone or disabled. */
SUT_ERR api_account_self(struct sut_req *r, struct sut_person_row *ret);
/* Change the asker's own row; *ret is as it is then. */
SUT_ERR api_account_change(struct sut_req *r, const struct sut_person_change *change,
                           struct sut_person_row *ret);

/* The messages as one text, joined with ", ". */
sut_str api_account_join(struct sut_req *r, const struct api_account *a);

#endif
