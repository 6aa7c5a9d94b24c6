/* SPDX-License-Identifier: Apache-2.0
 *
 * idempotency - rows of requests that carried an Idempotency-Key.
 *
 * A row is found by a digest of scope, route and key.  It is inserted by the write
 * job that makes what the request asks for, so it stands exactly when that does; its
 * answer is added afterwards, sealed under the key of the person (person 0: a
 * guest).  The try that works on it is told apart by a number of its own, the turn:
 * whoever comes with another changes nothing.  A row counts for
 * SUT_IDEMPOTENCY_KEEP_DAYS.
 */
#ifndef SUT_STORE_IDEMPOTENCY_H
#define SUT_STORE_IDEMPOTENCY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_store;

enum {
    SUT_IDEMPOTENCY_DIGEST = 32,
    SUT_IDEMPOTENCY_ANSWER_MAX = 64 * 1024, /* bytes of an answer that is kept */
};

/* The digest of a name: scope, route and key, however they are put together; of a guest's cookie.
 */
void sut_idempotency_name(sut_str text, unsigned char ret[SUT_IDEMPOTENCY_DIGEST]);
/*
 * That of a request, made with the text of its name, in which the key stands, which is kept
 * nowhere: who has the table alone can't try bodies against it.
 */
void sut_idempotency_request(sut_str name_text, sut_str path, sut_str body,
                             unsigned char ret[SUT_IDEMPOTENCY_DIGEST]);

struct sut_idempotency_row {
    sut_str request;
    int64_t resource; /* 0: none was named */
    int status;       /* 0: not answered yet */
    int64_t turn;
    sut_ms claimed_at;
    sut_str answer; /* p is NULL: not answered yet, or it does not open any more */
};
/* Texts in the arena; NOT_FOUND when there is none that still counts. */
SUT_ERR sut_idempotency_find(struct sut_db_conn *c, struct sut_arena *a, sut_str name, sut_ms now,
                             struct sut_idempotency_row *ret);

/* --- in a write job --- */

struct sut_idempotency_new {
    sut_str name;    /* SUT_IDEMPOTENCY_DIGEST bytes each */
    sut_str request; /* digest of what is asked for */
    int64_t person;  /* 0: a guest */
    int64_t turn;
};
/* EXISTS, with nothing spoilt, when one stands that still counts. */
SUT_ERR sut_idempotency_claim(struct sut_db_conn *c, const struct sut_idempotency_new *n,
                              sut_ms now);
/* Name what was made.  NOT_FOUND: the row is not this turn's. */
SUT_ERR sut_idempotency_made(struct sut_db_conn *c, sut_str name, int64_t turn, int64_t resource);
/* Take a row over from a turn that ended without an answer; NOT_FOUND: somebody else did. */
SUT_ERR sut_idempotency_resume(struct sut_db_conn *c, sut_str name, int64_t old_turn,
                               int64_t new_turn, sut_ms now);
/*
 * Keep the answer.  NOT_FOUND: the row is not this turn's, or not there any more (what it claimed
 * was undone); TOO_LARGE above SUT_IDEMPOTENCY_ANSWER_MAX; CORRUPT: the person's key is lost.
 */
SUT_ERR sut_idempotency_answer(struct sut_db_conn *c, sut_str name, int64_t turn, int64_t person,
                               int status, sut_str answer, sut_ms now);
/* This turn ends without an answer: the next try may take over at once. */
SUT_ERR sut_idempotency_give_up(struct sut_db_conn *c, sut_str name, int64_t turn);

/* Delete what does not count any more, in small steps.  Blocks. */
SUT_ERR sut_idempotency_prune(struct sut_store *s, sut_ms now);

#endif
