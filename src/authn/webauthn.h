/* SPDX-License-Identifier: Apache-2.0
 *
 * webauthn - what an authenticator says, judged: a registration (Web Authentication
 * level 2, 7.1) and an assertion (7.2), step by step in the standard's order.
 *
 * ES256, EdDSA and RS256; attestation `none` and `packed` (by the credential's own key,
 * or by a certificate, whose signature and form are checked).  No authority of attestation is
 * trusted, so a certificate proves no more than the credential's own key does: whoever
 * wants to admit certain models alone needs trust anchors, which there are none of.
 * Extensions are parsed and otherwise ignored: none is asked for that decides anything.
 *
 * Challenges, and which credential is whose, are the caller's.  No I/O, no state.  Any
 * thread.  What a client sent is a slice of the caller's memory, and so are results.
 */
#ifndef SUT_AUTHN_WEBAUTHN_H
#define SUT_AUTHN_WEBAUTHN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "crypto/cose.h"

enum {
    SUT_WEBAUTHN_CHALLENGE_SIZE = 32,   /* bytes of ours */
    SUT_WEBAUTHN_CREDENTIAL_MAX = 1023, /* bytes of a credential's id, 4 */
    SUT_WEBAUTHN_HANDLE_MAX = 64,       /* bytes of a user handle, 5.4.3 */
    SUT_WEBAUTHN_KEY_MAX = 1024,        /* bytes of a COSE_Key */
    SUT_WEBAUTHN_CLIENT_DATA_MAX = 4096,
    SUT_WEBAUTHN_AUTH_DATA_MAX = 4096,
    SUT_WEBAUTHN_OBJECT_MAX = 16 * 1024, /* an attestation object, with its certificates */
    SUT_WEBAUTHN_CERTS_MAX = 8,
};

/* Why something was refused.  A closed list, for tests and events. */
enum sut_webauthn_fault {
    SUT_WEBAUTHN_FINE,
#define X(name, word) SUT_WEBAUTHN_BAD_##name,
#include "authn/webauthn.def"
#undef X
};
/* "origin"; a constant. */
const char *sut_webauthn_fault_word(enum sut_webauthn_fault f);

/* For whom authenticators sign here. */
struct sut_webauthn_site {
    sut_str rp_id;          /* "shop.example" */
    const sut_str *origins; /* "https://shop.example" */
    size_t n_origins;
    bool any_localhost; /* in development: every port of http(s)://localhost, too */
};

/* What a credential is and has said of itself. */
enum sut_webauthn_flag {
    SUT_WEBAUTHN_VERIFIED = 1,  /* the user was, at the registration */
    SUT_WEBAUTHN_ELIGIBLE = 2,  /* it can be backed up: it may live on several devices */
    SUT_WEBAUTHN_BACKED_UP = 4, /* and is */
};

enum sut_webauthn_attestation {
    SUT_WEBAUTHN_NONE,
    SUT_WEBAUTHN_SELF,
    SUT_WEBAUTHN_CERTIFIED, /* by a certificate that nobody vouches for */
};

/* --- 7.1 --- */

struct sut_webauthn_registration {
    sut_str id;          /* bytes, as the client names the credential */
    sut_str client_data; /* JSON, as it was signed */
    sut_str object;      /* CBOR */
};

struct sut_webauthn_credential {
    sut_str id;
    sut_str public_key; /* COSE_Key */
    enum sut_cose_alg alg;
    uint32_t sign_count;
    unsigned flags; /* enum sut_webauthn_flag */
    unsigned char aaguid[SUT_AAGUID];
    enum sut_webauthn_attestation attestation;
};

/* DENIED with *reterr_fault; NOMEM. */
SUT_ERR sut_webauthn_register(struct sut_arena *a, const struct sut_webauthn_site *site,
                              sut_str challenge, bool needs_user,
                              const struct sut_webauthn_registration *in,
                              struct sut_webauthn_credential *ret,
                              enum sut_webauthn_fault *reterr_fault);

/* --- 7.2 --- */

struct sut_webauthn_assertion {
    sut_str id;
    sut_str client_data;
    sut_str auth_data;
    sut_str signature;
    sut_str user_handle; /* p is NULL: none */
};

/* The credential of that id, as it is kept. */
struct sut_webauthn_known {
    sut_str public_key;
    sut_str user_handle;
    int64_t sign_count;
    unsigned flags;
};

struct sut_webauthn_seen {
    uint32_t sign_count;
    unsigned flags;   /* to be kept: as they are now */
    bool is_verified; /* the user was, this time */
};

/*
 * DENIED with *reterr_fault; NOMEM.  needs_handle: nobody was named before, so the
 * authenticator must name the user.
 */
SUT_ERR sut_webauthn_verify(struct sut_arena *a, const struct sut_webauthn_site *site,
                            sut_str challenge, bool needs_user, bool needs_handle,
                            const struct sut_webauthn_assertion *in,
                            const struct sut_webauthn_known *known, struct sut_webauthn_seen *ret,
                            enum sut_webauthn_fault *reterr_fault);

/* The challenge that a client says it was given: 32 bytes of ours; false: none. */
bool sut_webauthn_challenge_of(struct sut_arena *a, sut_str client_data,
                               unsigned char ret[SUT_WEBAUTHN_CHALLENGE_SIZE]);

#endif
