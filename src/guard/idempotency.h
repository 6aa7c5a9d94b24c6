/* SPDX-License-Identifier: Apache-2.0
 *
 * idempotency - a request that is sent twice acts once, and gets the same answer
 * (the header Idempotency-Key on routes with SUT_ROUTE_CREATES).
 *
 * A key is 1 to 255 visible ASCII characters (anything else, or two of them: 400); its scope is the
 * user (or the guest's cart, by its cookie) and the route.  Where there is
 * neither user nor cart it does not count.  It is kept for SUT_IDEMPOTENCY_KEEP_DAYS.
 * The guard looks it up before the handler runs: an answer that is there is given again with
 * Idempotency-Replayed: true; another body, or other names in the path, is 422; while the first
 * still runs it is 409 with Retry-After: 1.  The handler claims it in the very write job that makes
 * what the request asks for, so that there is no effect without a claim and no claim
 * without the effect; the answer is kept (sealed) when it is made.
 *
 * What is kept: status, body, Content-Type and Location.  No cookie, and so no route with a token
 * in its answer has the flag.  An answer of 5xx is not kept, nor one above
 * SUT_IDEMPOTENCY_ANSWER_MAX: what was made then is taken up by the next try.
 *
 * When the program died between the effect and the answer, the claim has no answer: after
 * SUT_IDEMPOTENCY_LEASE_S (at once where this program alone has the store) the next try finds in
 * sut_req_claim_resource() what was made, and the handler finishes that, or shows it,
 * instead of making it anew.  Who names nothing with sut_req_claim_made() gets no next try: it is
 * told, with 409, that it was done.
 *
 *     job:      TRY(sut_req_claim(r, c));           before the effect
 *               … the effect …
 *               TRY(sut_req_claim_made(r, c, id));  afterwards
 *     handler:  int64_t id = sut_req_claim_resource(r);
 *               if (id == 0)
 *                   TRY(sut_store_write(store, job, &arg));
 *               … answer out of what is stored under id …
 *
 * A job that makes nothing fails, and its claim is undone with it.
 */
#ifndef SUT_GUARD_IDEMPOTENCY_H
#define SUT_GUARD_IDEMPOTENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "guard/req.h"

struct sut_db_conn;

enum { SUT_IDEMPOTENCY_LEASE_S = 30, SUT_IDEMPOTENCY_KEY_MAX = 255 };

/* Whether this request carries a key that counts here. */
bool sut_req_is_idempotent(const struct sut_req *r);
/*
 * In the handler's write job, before the effect; without a key nothing is done.  Of two at once one
 * passes; the other's job fails with EXISTS, and the guard's answer (409, 422 or the replay) takes
 * the place of whatever the handler answers: sut_req_claim_lost() spares it the work.
 */
SUT_ERR sut_req_claim(struct sut_req *r, struct sut_db_conn *c);
/* In the same job: the number of what was made (not 0), for who has to finish it after a crash. */
SUT_ERR sut_req_claim_made(struct sut_req *r, struct sut_db_conn *c, int64_t resource);
/* Whether the handler's error came from the claim. */
bool sut_req_claim_lost(const struct sut_req *r);
/* What an earlier try has made and not answered; 0: nothing, begin at the beginning. */
int64_t sut_req_claim_resource(const struct sut_req *r);

#endif
