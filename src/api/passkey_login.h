/* SPDX-License-Identifier: Apache-2.0
 *
 * passkey_login - an assertion as a sign-in of its own, and as a factor (api/factor.h).
 *
 * As a sign-in the authenticator names and verifies the user, so no second factor is asked for.
 * It blocks: on the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_PASSKEY_LOGIN_H
#define SUT_API_PASSKEY_LOGIN_H

#include "api/entry.h"
#include "api/factor.h"

/* PublicKeyCredentialRequestOptionsJSON, for anybody. */
SUT_ERR api_passkey_login_begin(struct sut_req *r, sut_str *ret_json);
/* DONE, WRONG, LOCKED or DISABLED. */
SUT_ERR api_passkey_sign_in(struct sut_req *r, const struct sut_json *assertion,
                            const struct api_device *device, struct api_account *ret);

/* The same options for the asker's own passkeys, to prove again who they are. */
SUT_ERR api_passkey_proof_begin(struct sut_req *r, sut_str *ret_json);

/* Of struct api_factor_way. */
SUT_ERR api_passkey_look(struct api_factor_try *t);
SUT_ERR api_passkey_use(struct sut_db_conn *c, struct api_factor_try *t, sut_ms now);

#endif
