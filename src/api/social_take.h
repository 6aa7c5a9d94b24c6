/* SPDX-License-Identifier: Apache-2.0
 *
 * social_take - what a provider's word changes of an account that is there, in the
 * transaction that opens the session.
 */
#ifndef SUT_API_SOCIAL_TAKE_H
#define SUT_API_SOCIAL_TAKE_H

#include "api/endings.h"
#include "authn/identity.h"
#include "store/social.h"

enum api_social_take {
    API_SOCIAL_USE,       /* by a link that is there: its use is noted */
    API_SOCIAL_LINK,      /* a verified account's first time */
    API_SOCIAL_TAKE_OVER, /* one that nobody has verified goes to who owns its address */
};

struct api_social_taking {
    struct sut_req *r;
    enum api_social_take take;
    const struct sut_person_account *account; /* as it was read */
    enum sut_provider provider;
    const struct sut_identity *who;
    bool has_factor;            /* a second factor was shown */
    struct api_endings endings; /* the job's */
    bool has_mailed;            /* likewise */
};

/*
 * A write job (sut_store_job) over a struct api_social_taking.  DENIED when the account is not as
 * it was read, or its address is another now.
 */
sut_err api_social_take_job(struct sut_db_conn *c, void *taking);
/* After the commit. */
void api_social_taken(const struct api_social_taking *t);

/* What stands in the place of a password's hash when no password opens the account. */
SUT_ERR api_social_no_password(struct sut_req *r, sut_str *ret);

#endif
