/* SPDX-License-Identifier: Apache-2.0
 *
 * links - what the links in mails are made of: secrets, and addresses of pages.
 *
 * An address is built on the settings alone: frontend.url, else
 * server.public_url; never on what a request says of its host.  Results live in
 * the request's arena.
 */
#ifndef SUT_API_LINKS_H
#define SUT_API_LINKS_H

#include "guard/req.h"
#include "store/link_token.h"

/* A secret as the link carries it, and as the store knows it. */
struct api_secret {
    sut_str text; /* base64url */
    unsigned char hash[SUT_LINK_HASH];
};

SUT_ERR api_secret_make(struct sut_req *r, struct api_secret *ret);
/* What came in a link; false: no text of ours, and nothing to look for. */
bool api_secret_read(sut_str text, unsigned char ret[SUT_LINK_HASH]);

static inline sut_str api_secret_hash(const unsigned char hash[SUT_LINK_HASH])
{
    return sut_str_of((const char *) hash, SUT_LINK_HASH);
}

/* "<base><path>?token=<token>" */
SUT_ERR api_link(const struct sut_req *r, struct sut_arena *a, const char *path, sut_str token,
                 sut_str *ret);
#define API_LINK_VERIFY  "/verify-email"
#define API_LINK_RESET   "/reset-password"
#define API_LINK_CONFIRM "/email-change/confirm"
#define API_LINK_REVERT  "/email-change/revert"

/* After a commit that queued a mail. */
void api_mail_wake(const struct sut_req *r);

/*
 * One mail of a kind to one address within the pause, whether the address is known or not; false:
 * not now, with what is to be told in *ret.
 */
struct sut_rate_result;
bool api_mail_may_go(struct sut_req *r, const char *kind, sut_str address_key,
                     struct sut_rate_result *ret);

/* Whether the person's own sealed address is this one: no blind index says so for sure. */
SUT_ERR api_is_address_of(struct sut_arena *a, sut_str own, sut_str given, bool *ret);

#endif
