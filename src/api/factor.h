/* SPDX-License-Identifier: Apache-2.0
 *
 * factor - what a person can show beside a password, judged: a one-time code, a recovery
 * code, a passkey's assertion.
 *
 * One row of a table for each (factor.c).  What takes time, or asks the store on its own, is
 * done before the transaction; what uses the factor up, inside it, together with what it is
 * shown for.  Nothing is answered here.
 */
#ifndef SUT_API_FACTOR_H
#define SUT_API_FACTOR_H

#include "guard/req.h"

struct sut_db_conn;
struct api_factor_way;

struct api_factor_try {
    struct sut_req *r;
    int64_t person;
    const struct sut_json *given; /* the member of the body: a text, or an object */
    const struct api_factor_way *way;
    void *found; /* what `look` leaves for `use` */
};

struct api_factor_way {
    const char *member; /* of the body */
    unsigned proof;     /* enum sut_proof: what a session has proved by it */
    /* Before the transaction; NULL: there is nothing to do.  DENIED: it is wrong. */
    SUT_ERR (*look)(struct api_factor_try *t);
    /* In the write job, which may run more than once.  DENIED: it is wrong, or was used. */
    SUT_ERR (*use)(struct sut_db_conn *c, struct api_factor_try *t, sut_ms now);
};

/*
 * The one factor that the body shows, of this person.  INVALID when it shows none, or several.
 * `but`: proofs that don't count here.
 */
SUT_ERR api_factor_of(struct sut_req *r, int64_t person, unsigned but, struct api_factor_try *ret);
/* Whether the body shows any. */
bool api_factor_is_shown(const struct sut_req *r);

SUT_ERR api_factor_look(struct api_factor_try *t);
SUT_ERR api_factor_use(struct sut_db_conn *c, struct api_factor_try *t, sut_ms now);

#endif
