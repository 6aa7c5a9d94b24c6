/* SPDX-License-Identifier: Apache-2.0
 *
 * social - signing in by what a provider of identity says: Google, Facebook.
 *
 * The provider's number of the person opens the account that it is linked to.  A first time
 * the address decides, which the provider has checked: without an account one is made, verified
 * and without a usable password; a verified account is linked, and its person told; one
 * that nobody has verified goes to the address's owner, and all that whoever made it could
 * come back by (password, sessions, factors, devices, links) ends.  Everything that one sign-in
 * changes is one transaction.  It blocks: on the pool.  Results live in the request's
 * arena.
 */
#ifndef SUT_API_SOCIAL_H
#define SUT_API_SOCIAL_H

#include "api/entry.h"
#include "authn/identity.h"
#include "store/social.h"

enum api_social_fault {
    API_SOCIAL_FINE,
    API_SOCIAL_OFF,      /* the settings name no client or app */
    API_SOCIAL_TOKEN,    /* it is not good, or not for us */
    API_SOCIAL_NO_EMAIL, /* Facebook has none, or may not tell */
    API_SOCIAL_DOWN,     /* the provider can't be asked */
    API_SOCIAL_OTHER,    /* the account is linked to another one at this provider */
    API_SOCIAL_RIGHTS,   /* an account with rights that nobody has verified: not by an address */
};

struct api_social {
    enum api_social_fault fault; /* FINE: see account.outcome */
    struct api_account account;  /* DONE, DISABLED, LOCKED or FACTOR_DUE */
    bool is_new;                 /* the account was made now */
};

/* "google" */
const char *api_social_word(enum sut_provider p);

/* nonce: what the client asked Google with; empty: nothing. */
SUT_ERR api_social_google(struct sut_req *r, sut_str token, sut_str nonce,
                          const struct api_device *device, struct api_social *ret);
SUT_ERR api_social_facebook(struct sut_req *r, sut_str token, const struct api_device *device,
                            struct api_social *ret);

#endif
