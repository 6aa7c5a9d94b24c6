/* SPDX-License-Identifier: Apache-2.0
 *
 * webauthn_int - what registrations and assertions share; private to webauthn*.c.
 */
#ifndef SUT_AUTHN_WEBAUTHN_INT_H
#define SUT_AUTHN_WEBAUTHN_INT_H

#include "authn/webauthn.h"
#include "crypto/sha256.h"

#define REFUSE(why_)                                                                               \
    do {                                                                                           \
        *reterr_fault = SUT_WEBAUTHN_BAD_##why_;                                                   \
        FAIL(DENIED);                                                                              \
    } while (0)

/* --- client data, 5.8.1 --- */

/* It is of this type, challenge and origin, not embedded elsewhere: 7.1 5 to 10, 7.2 9 to 14. */
SUT_ERR sut_webauthn__client_data(struct sut_arena *a, const struct sut_webauthn_site *site,
                                  sut_str json, const char *type, sut_str challenge,
                                  enum sut_webauthn_fault *reterr_fault);

/* --- authenticator data, 6.1 --- */

struct sut_webauthn__auth_data {
    sut_str rp_id_hash;
    bool is_present;
    bool is_verified;
    bool is_eligible;
    bool is_backed_up;
    uint32_t sign_count;
    bool has_credential;
    sut_str aaguid;
    sut_str credential_id;
    sut_str public_key;                /* as it was signed */
    const struct sut_cbor *key;        /* the same, parsed */
    const struct sut_cbor *extensions; /* NULL: none */
};

/* The whole, with nothing after it: DENIED, or NOMEM. */
SUT_ERR sut_webauthn__auth_data(struct sut_arena *a, sut_str bytes,
                                struct sut_webauthn__auth_data *ret,
                                enum sut_webauthn_fault *reterr_fault);

/* 7.1 13 to 15, 7.2 15 to 17; and that what is backed up can be. */
SUT_ERR sut_webauthn__check_auth_data(const struct sut_webauthn_site *site,
                                      const struct sut_webauthn__auth_data *d, bool needs_user,
                                      enum sut_webauthn_fault *reterr_fault);

/* What was signed: the authenticator data and the client data's hash. */
SUT_ERR sut_webauthn__signed(struct sut_arena *a, sut_str auth_data, sut_str client_data,
                             sut_str *ret);

unsigned sut_webauthn__flags(const struct sut_webauthn__auth_data *d);

#endif
