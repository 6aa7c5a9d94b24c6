/* SPDX-License-Identifier: Apache-2.0
 *
 * attempt - a try to prove who somebody is: counted before it is judged, and its end told, so
 * that an account gets no more wrong tries than the settings allow, whatever is tried
 * (password, one-time code, recovery code) and by however many at once.
 *
 * A wrong one leaves an audit row and an event; the one that locks another of each and a
 * mail.  It blocks: on the pool.
 */
#ifndef SUT_API_ATTEMPT_H
#define SUT_API_ATTEMPT_H

#include "api/entry.h"
#include "counters/lockout.h"

struct api_attempt {
    struct sut_req *r;
    int64_t user_id;     /* 0: the address is nobody's */
    sut_ms locked_until; /* by an operator */
    struct sut_lockout_subject subject;
    bool is_open; /* begun, and to be ended */
};

/*
 * Whose count a try belongs to: the address's, or that of the device when the account's owner
 * signed in on it before.  `account` NULL: the address is nobody's; it takes the same time.
 */
SUT_ERR api_attempt_of(struct sut_req *r, struct sut_db_conn *c, sut_str email,
                       const struct sut_person_account *account, struct api_attempt *ret);
/* The same for somebody who is known already, by their own address. */
SUT_ERR api_attempt_of_person(struct sut_req *r, const struct sut_person_account *account,
                              struct api_attempt *ret);

/*
 * Begin it: is_open then; else outcome LOCKED is in *ret.  BUSY when tries of others leave no
 * room for too long.
 */
SUT_ERR api_attempt_begin(struct api_attempt *t, struct api_account *ret);
/* It was wrong; why: a constant word of the event. */
SUT_ERR api_attempt_wrong(struct api_attempt *t, const char *why);
/* It was right, and nothing more is asked for. */
void api_attempt_right(struct api_attempt *t);
/* It was neither; nothing happens to one that has ended. */
void api_attempt_undo(struct api_attempt *t);
/* Refused without being counted (a disabled account): the row and the event alone. */
SUT_ERR api_attempt_refused(struct api_attempt *t, const char *why);

#endif
