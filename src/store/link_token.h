/* SPDX-License-Identifier: Apache-2.0
 *
 * link_token - rows of secrets that are good once and for a while: of links in
 * mails, of second-factor tickets, of challenges.
 *
 * The secret itself (SUT_LINK_SECRET random bytes, base64url in links) is never kept:
 * the row has its SHA-256.  `data` is sealed under the person's key.
 */
#ifndef SUT_STORE_LINK_TOKEN_H
#define SUT_STORE_LINK_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_store;

/* The numbers stand in the store: only ever add. */
enum sut_link_purpose {
    SUT_LINK_RESET = 1,            /* of a password */
    SUT_LINK_EMAIL_CONFIRM = 2,    /* to the address that is to be */
    SUT_LINK_EMAIL_REVERT = 3,     /* to the one that was */
    SUT_LINK_TICKET = 4,           /* a sign-in that waits for its second factor */
    SUT_LINK_PASSKEY_REGISTER = 5, /* a challenge */
    SUT_LINK_PASSKEY_LOGIN = 6,    /* likewise, of nobody yet */
    SUT_LINK_PASSKEY_PROOF = 7,    /* likewise, to reauthenticate */
};

enum { SUT_LINK_SECRET = 32, SUT_LINK_HASH = 32, SUT_LINK_DATA_MAX = 4096 };

struct sut_link_new {
    enum sut_link_purpose purpose;
    int64_t person; /* 0: nobody */
    sut_str hash;   /* SUT_LINK_HASH bytes */
    sut_str data;   /* JSON; empty: none */
    sut_ms expires_at;
};
/* In a write job. */
SUT_ERR sut_link_token_add(struct sut_db_conn *c, const struct sut_link_new *l, sut_ms now);

struct sut_link_row {
    int64_t id;
    enum sut_link_purpose purpose;
    int64_t person; /* 0: nobody */
    uint32_t tries;
    sut_ms created_at;
    sut_ms expires_at;
    sut_str data; /* p is NULL: none */
};
/* One that has not expired; NOT_FOUND also when it is of another purpose. */
SUT_ERR sut_link_token_find(struct sut_db_conn *c, struct sut_arena *a,
                            enum sut_link_purpose purpose, sut_str hash, sut_ms now,
                            struct sut_link_row *ret);
/* In a write job: find it and take it away; of two at once one gets it, the other NOT_FOUND. */
SUT_ERR sut_link_token_use(struct sut_db_conn *c, struct sut_arena *a,
                           enum sut_link_purpose purpose, sut_str hash, sut_ms now,
                           struct sut_link_row *ret);
/* In a write job: count a wrong try; it goes at the `max`th.  *ret_left: how many are left. */
SUT_ERR sut_link_token_miss(struct sut_db_conn *c, int64_t id, uint32_t max, uint32_t *ret_left);
/* In a write job: all of a purpose that a person has go. */
SUT_ERR sut_link_token_forget(struct sut_db_conn *c, int64_t person, enum sut_link_purpose purpose);
/* Those that are younger than the row `id`, alone. */
SUT_ERR sut_link_token_forget_after(struct sut_db_conn *c, int64_t person,
                                    enum sut_link_purpose purpose, int64_t id);

/* Delete what has expired, in small steps.  Blocks. */
SUT_ERR sut_link_token_prune(struct sut_store *s, sut_ms now);

#endif
