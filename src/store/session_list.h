/* SPDX-License-Identifier: Apache-2.0
 *
 * session_list - the sessions of a person, for themselves to look at.
 *
 * Reads only.  Texts live in the arena; those that are lost, or were never there, are {NULL,0}.
 */
#ifndef SUT_STORE_SESSION_LIST_H
#define SUT_STORE_SESSION_LIST_H

#include "store/session.h"

enum { SUT_SESSION_LIST_MAX = 200 }; /* the latest used; older ones are not listed */

struct sut_session_row {
    int64_t id;
    sut_ms created_at;
    sut_ms refreshed_at; /* its last refresh, or when it was opened */
    sut_str device_type;
    sut_str os;
    sut_str app_version;
    sut_str user_agent;
    sut_str ip; /* the whole address: show a part of it alone */
};

/* Those that live, the latest used first.  On a loop's connection STALE, as store/personal.h. */
SUT_ERR sut_session_list(struct sut_db_conn *c, struct sut_arena *a, int64_t user_id, sut_ms now,
                         struct sut_session_row **ret, size_t *ret_n);

#endif
