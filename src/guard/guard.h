/* SPDX-License-Identifier: Apache-2.0
 *
 * guard - what stands between a request and its handler, as a const table of steps.
 *
 * Address and scheme, Host, CORS, query grammar, authentication, limits, policy,
 * body schema, CSRF; then the handler.  Deny by default: a request that no
 * step and no row let through is refused.
 */
#ifndef SUT_GUARD_GUARD_H
#define SUT_GUARD_GUARD_H

#include "guard/req.h"

/* The callbacks for serve; `app` must outlive the server. */
struct sut_service sut_guard_service(struct sut_app *app);

/* Every row has a policy and a place, an answer and a handler; INVALID with a sentence otherwise.
 */
struct sut_diag;
SUT_ERR sut_guard_check_routes(const struct sut_routes *const *tables, size_t n,
                               struct sut_diag *reterr_diag);

/* Count this request against the refresh rate of one session; false: the 429 is made. */
bool sut_guard_count_refresh(struct sut_req *r, int64_t session_id);

/*
 * Count this request against the reset rate of one account, named by its folded address: for each
 * client's address on its own, so that neither those who share one nor a stranger use up what is
 * somebody else's; and against what that client may ask for in all.  False: the 429 is made.
 */
bool sut_guard_count_reset(struct sut_req *r, sut_str email_key);

/* Make the 429 of a count that refused. */
struct sut_rate_result;
void sut_guard_refuse_rate(struct sut_req *r, const struct sut_rate_result *res);

/* Whether the settings (a struct sut_config) trust this peer to speak for others (C7). */
bool sut_guard_is_proxy(const void *config, const struct sut_addr *peer);

/* Names of the steps in order, for documents and tests; NULL ends. */
const char *const *sut_guard_step_names(void);

#endif
