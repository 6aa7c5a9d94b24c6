/* SPDX-License-Identifier: Apache-2.0
 *
 * facebook - whether an access token of Facebook's is good, is for our app, and who it
 * speaks of.
 *
 * Two questions to the Graph API, asked by the courier, which has the app's secret: what
 * kind of token it is (/debug_token, with the app's own token), then who has it (/me, with an
 * appsecret_proof).  It blocks for both answers.  Any thread.
 */
#ifndef SUT_AUTHN_FACEBOOK_H
#define SUT_AUTHN_FACEBOOK_H

#include "authn/identity.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum {
    SUT_FACEBOOK_TOKEN_MAX = 2048,
    SUT_FACEBOOK_ANSWER_MAX = 16 * 1024,
};

enum sut_facebook_question { SUT_FACEBOOK_DEBUG, SUT_FACEBOOK_ME };

/* Ask about this token; the answer's body and status.  An answer of any status is one. */
typedef sut_err sut_facebook_fetch(void *ctx, enum sut_facebook_question q, sut_str token,
                                   struct sut_buf *body, int *ret_status);

struct sut_facebook {
    sut_str app_id; /* ours; borrowed */
    sut_facebook_fetch *fetch;
    void *fetch_ctx;
};

enum sut_facebook_verdict {
    SUT_FACEBOOK_GOOD,
    SUT_FACEBOOK_BAD,      /* no token, another app's, a page's, expired or taken back */
    SUT_FACEBOOK_NO_EMAIL, /* the person has none there, or did not let us have it */
};

/*
 * Who the token speaks of, in the arena.  *ret_verdict with, when it is not good, a constant
 * word in *ret_why.  UNAVAILABLE: Facebook can't be reached, is out of order, or refuses
 * our app; NOMEM.
 */
SUT_ERR sut_facebook_check(const struct sut_facebook *f, struct sut_arena *a, sut_str token,
                           sut_ms now, struct sut_identity *ret,
                           enum sut_facebook_verdict *ret_verdict, const char **ret_why);

/* A fetch by a courier (ctx: struct sut_courier *). */
sut_err sut_facebook_fetch_answer(void *courier, enum sut_facebook_question q, sut_str token,
                                  struct sut_buf *body, int *ret_status);

#endif
