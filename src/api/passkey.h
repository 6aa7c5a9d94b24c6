/* SPDX-License-Identifier: Apache-2.0
 *
 * passkey - a person's own passkeys: added, listed, named, taken away.
 *
 * It blocks: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_PASSKEY_H
#define SUT_API_PASSKEY_H

#include "api/totp.h"
#include "guard/req.h"
#include "store/factor.h"

enum api_passkey_outcome {
    API_PASSKEY_DONE,
    API_PASSKEY_BAD,   /* the answer is none to what was asked, or no good one */
    API_PASSKEY_TAKEN, /* the credential is known, theirs or somebody's */
    API_PASSKEY_FULL,  /* SUT_PASSKEYS_MAX are there */
};

struct api_passkey_made {
    enum api_passkey_outcome outcome;
    struct sut_passkey_row row;
    bool has_codes; /* it is their first factor: recovery codes came with it */
    struct api_recovery_codes codes;
};

/* PublicKeyCredentialCreationOptionsJSON; outcome FULL or DONE. */
SUT_ERR api_passkey_register_begin(struct sut_req *r, enum api_passkey_outcome *ret,
                                   sut_str *ret_json);
SUT_ERR api_passkey_register_finish(struct sut_req *r, const struct sut_json *credential,
                                    sut_str name, struct api_passkey_made *ret);

/* The oldest first. */
SUT_ERR api_passkey_list(struct sut_req *r, struct sut_passkey_row **ret, size_t *ret_n);
/* NOT_FOUND: it is none of theirs. */
SUT_ERR api_passkey_rename(struct sut_req *r, int64_t id, sut_str name,
                           struct sut_passkey_row *ret);
SUT_ERR api_passkey_remove(struct sut_req *r, int64_t id);

#endif
