/* SPDX-License-Identifier: Apache-2.0
 *
 * endings - what ends when somebody's password or address changes: sessions,
 * tokens of an older shop, links that wait.
 */
#ifndef SUT_API_ENDINGS_H
#define SUT_API_ENDINGS_H

#include "api/entry.h"

struct api_endings {
    int64_t person;
    int64_t but; /* a session that goes on; 0: none */
    const char *why;
    struct sut_session_ids ended;
};
/* In a write job, in the arena. */
SUT_ERR api_endings_write(struct sut_db_conn *c, struct sut_arena *a, struct api_endings *e,
                          sut_ms now);
/* After the commit: what this server remembers. */
void api_endings_tell(struct sut_req *r, const struct api_endings *e);

/*
 * In a write job: links that a change makes void: resets, changes of address that wait, and
 * sign-ins that wait for a second factor.  The way back to a former address stays.
 */
SUT_ERR api_endings_links(struct sut_db_conn *c, int64_t person);

#endif
