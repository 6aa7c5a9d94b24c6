/* SPDX-License-Identifier: Apache-2.0
 *
 * passkey_site - for whom authenticators sign here, and what they are asked: challenges and
 * the options that browsers want.
 *
 * The RP ID is accounts.rp_id, else the host of server.public_url; the origins are that URL's
 * and those of cors.origins that lie within it; never what a request says of its
 * host.  In development a host that is a number stands for `localhost`, at every port.
 * A challenge is a row (store/link_token.h): good once, for five minutes.  Results
 * live in the request's arena.
 */
#ifndef SUT_API_PASSKEY_SITE_H
#define SUT_API_PASSKEY_SITE_H

#include "authn/webauthn.h"
#include "guard/req.h"
#include "store/link_token.h"

struct sut_db_conn;
struct sut_jw;

enum { API_PASSKEY_LIFE_S = 300 };

/* UNAVAILABLE: the shop has no name that an authenticator could know it by. */
SUT_ERR api_passkey_site(struct sut_req *r, struct sut_webauthn_site *ret);

/* In a write job: a challenge of this purpose; `data` goes with it.  In base64url. */
SUT_ERR api_passkey_challenge(struct sut_db_conn *c, struct sut_req *r,
                              enum sut_link_purpose purpose, int64_t person, sut_str data,
                              sut_str *ret);
/*
 * In a write job: ask for an assertion, PublicKeyCredentialRequestOptionsJSON.  person 0:
 * of anybody, who is to be verified by the authenticator; else by one of their passkeys.
 */
SUT_ERR api_passkey_ask(struct sut_db_conn *c, struct sut_req *r, enum sut_link_purpose purpose,
                        int64_t person, sut_str *ret_json);

/* What was asked, by what a client says it answers. */
struct api_passkey_asked {
    struct sut_link_row row;
    unsigned char challenge[SUT_WEBAUTHN_CHALLENGE_SIZE];
};
/* It is used up, whatever comes of it.  DENIED: it was never asked, is used, or past its life. */
SUT_ERR api_passkey_take(struct sut_req *r, sut_str client_data,
                         const enum sut_link_purpose *purposes, size_t n,
                         struct api_passkey_asked *ret);

static inline sut_str api_passkey_challenge_of(const struct api_passkey_asked *q)
{
    return sut_str_of((const char *) q->challenge, sizeof(q->challenge));
}

/* Members of a list of credentials: {"type":"public-key","id":…} */
struct sut_passkey_row;
void api_passkey_write_list(struct sut_jw *w, struct sut_req *r, const struct sut_passkey_row *rows,
                            size_t n);
/* A text in base64url, in the arena; p is NULL when that is exhausted. */
sut_str api_passkey_b64(struct sut_req *r, sut_str bytes);

#endif
