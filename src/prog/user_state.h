/* SPDX-License-Identifier: Apache-2.0
 *
 * user_state - what of an account a change by an operator may leave in the audit:
 * flags and groups, nothing of the person.
 */
#ifndef SUT_PROG_USER_STATE_H
#define SUT_PROG_USER_STATE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

/*
 * The account as it is now, as a JSON object: role, is_active, is_locked, second_factors, groups,
 * and tokens_revoked_at.  NOT_FOUND: there is none.
 */
SUT_ERR sut_user_state(struct sut_db_conn *c, struct sut_arena *a, int64_t id, sut_str *ret);

#endif
