/* SPDX-License-Identifier: Apache-2.0
 *
 * audit - the one door through which a change leaves its trace.
 *
 * Called inside the transaction of the change, on its connection: no change
 * without its row, no row without its change.  Actions are a closed list.
 */
#ifndef SUT_AUDIT_AUDIT_H
#define SUT_AUDIT_AUDIT_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_jw;

enum sut_action {
#define X(name, text) SUT_ACTION_##name,
#include "audit/actions.def"
#undef X
};
enum {
    SUT_AUDIT_RESOURCE_MAX = 100,
    SUT_AUDIT_ADDR_MAX = 64,
    SUT_AUDIT_STATE_MAX = 4000, /* bytes of what was, and of what is */
    SUT_AUDIT_TEXT_MAX = 400,   /* bytes of one text in them */
};

/* "user.login" */
const char *sut_action_name(enum sut_action action);

/*
 * Write one row.  user_id: who does it, 0 when nobody is known; resource: what
 * it is done to ("user:12"), never a person's value; addr: the client's
 * address, or "" for a command.  INVALID when a text is too long.
 */
SUT_ERR sut_audit_write(struct sut_db_conn *c, enum sut_action action, int64_t user_id,
                        sut_str resource, sut_str addr, sut_ms now);
/* The same for a resource that is a kind and a number: "user", 12. */
SUT_ERR sut_audit_write_id(struct sut_db_conn *c, enum sut_action action, int64_t user_id,
                           const char *kind, int64_t id, sut_str addr, sut_ms now);
/*
 * The same with what was and what is (B4): JSON objects of the fields that the change is about,
 * or empty where there was, or is, nothing.  Kept as {"before":{…},"after":{…}}; an object longer
 * than SUT_AUDIT_STATE_MAX is kept as {"cut":<its bytes>}.  INVALID: a text that is no object.
 *
 * Never a personal value: these rows outlive the person and are not sealed.  Of people there stand
 * flags and groups; addresses, names, notes and references of payments do not.
 */
SUT_ERR sut_audit_write_change(struct sut_db_conn *c, enum sut_action action, int64_t user_id,
                               const char *kind, int64_t id, sut_str before, sut_str after,
                               sut_str addr, sut_ms now);
/* A text in such an object: what is longer than SUT_AUDIT_TEXT_MAX ends in "…". */
void sut_audit_text(struct sut_jw *w, sut_str text);

#endif
