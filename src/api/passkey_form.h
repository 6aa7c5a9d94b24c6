/* SPDX-License-Identifier: Apache-2.0
 *
 * passkey_form - what PublicKeyCredential.toJSON() gives (Web Authentication level 3, 5.1.8),
 * read into bytes.
 *
 * Base64url without padding.  Results live in the request's arena.
 */
#ifndef SUT_API_PASSKEY_FORM_H
#define SUT_API_PASSKEY_FORM_H

#include "authn/webauthn.h"
#include "guard/req.h"

/* RegistrationResponseJSON.  DENIED: it is none. */
SUT_ERR api_passkey_read_registration(struct sut_req *r, const struct sut_json *o,
                                      struct sut_webauthn_registration *ret);
/* AuthenticationResponseJSON.  DENIED: it is none. */
SUT_ERR api_passkey_read_assertion(struct sut_req *r, const struct sut_json *o,
                                   struct sut_webauthn_assertion *ret);

#endif
