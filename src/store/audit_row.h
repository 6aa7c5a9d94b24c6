/* SPDX-License-Identifier: Apache-2.0
 *
 * audit_row - rows of the action audit.
 *
 * Written by audit/audit.h alone, which has the closed list of actions.
 */
#ifndef SUT_STORE_AUDIT_ROW_H
#define SUT_STORE_AUDIT_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_store;

enum { SUT_AUDIT_IP_MAX = 64 };

struct sut_audit_row {
    int64_t id;
    int64_t user_id; /* 0: nobody is known */
    sut_str action;
    sut_str resource; /* "order:89", or empty */
    sut_str change;   /* {"before":…,"after":…} of a change by staff, or empty */
    sut_str ip;       /* sealed in the store; empty: none, or lost */
    sut_ms at;
};

/* Inside a write job; the row's id is not read.  INVALID: an address above SUT_AUDIT_IP_MAX. */
SUT_ERR sut_audit_row_insert(struct sut_db_conn *c, const struct sut_audit_row *row);

struct sut_audit_query {
    int64_t user_id; /* 0: everybody's */
    sut_str action;  /* empty: every one */
    sut_ms since;    /* and `until` (0: no end) */
    sut_ms until;
    size_t offset;
    size_t limit; /* at most 1,000 */
};
/* A page, the newest first, in the arena. */
SUT_ERR sut_audit_row_list(struct sut_db_conn *c, struct sut_arena *a,
                           const struct sut_audit_query *q, struct sut_audit_row **ret,
                           size_t *ret_n, int64_t *ret_count);

/*
 * Delete what is older than SUT_AUDIT_KEEP_DAYS (store/personal.h), in steps of
 * at most 500 rows, each a write of its own, and at most 20 steps a call.  Blocks.
 */
SUT_ERR sut_audit_row_prune(struct sut_store *store, sut_ms now);

#endif
