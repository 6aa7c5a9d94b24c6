/* SPDX-License-Identifier: Apache-2.0
 *
 * ticket - a sign-in that waits for its second factor.
 *
 * A random secret, good once, for five minutes and five tries.  Its row keeps, sealed,
 * what was proved before, on which device, and a digest of the password's hash as it was: a
 * change of the password, or the end of all sessions, ends the ticket, too.  It blocks: on
 * the pool.  Results live in the request's arena.
 */
#ifndef SUT_API_TICKET_H
#define SUT_API_TICKET_H

#include "api/entry.h"
#include "store/link_token.h"

enum { API_TICKET_LIFE_S = 300, API_TICKET_TRIES = 5 };

/*
 * In the place of a session: FACTOR_DUE in *ret, with a ticket and what it can be redeemed with.
 * The entry's other changes are made in the ticket's transaction.  DENIED as api_entry_open().
 */
SUT_ERR api_ticket_issue(struct sut_req *r, const struct api_entry *entry, struct api_account *ret);

struct api_ticket {
    unsigned char hash[SUT_LINK_HASH];
    struct sut_person_account account; /* as it is now: what the ticket was for still holds */
    unsigned proofs;
    struct api_device device;
    struct api_link link; /* to be made with the session */
};
/* NOT_FOUND: none of ours, used up, past its life, or what it was given for has changed. */
SUT_ERR api_ticket_read(struct sut_req *r, sut_str text, struct api_ticket *ret);

/* Whether it is there still; NOT_FOUND. */
SUT_ERR api_ticket_holds(struct sut_db_conn *c, struct sut_arena *a, const struct api_ticket *t,
                         sut_ms now);
/* In a write job: count a wrong try; NOT_FOUND when it is gone. */
SUT_ERR api_ticket_miss(struct sut_db_conn *c, struct sut_arena *a, const struct api_ticket *t,
                        sut_ms now);
/* In a write job: redeem it; of two at once one does, the other gets NOT_FOUND. */
SUT_ERR api_ticket_use(struct sut_db_conn *c, struct sut_arena *a, const struct api_ticket *t,
                       sut_ms now);

#endif
