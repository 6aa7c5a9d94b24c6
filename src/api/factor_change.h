/* SPDX-License-Identifier: Apache-2.0
 *
 * factor_change - a person's change of their own factors: one write job, its line in
 * the trail, and the mail that tells of it.
 *
 * It blocks: on the pool.  Of one request; the creator owns it.
 */
#ifndef SUT_API_FACTOR_CHANGE_H
#define SUT_API_FACTOR_CHANGE_H

#include "api/entry.h"
#include "audit/audit.h"
#include "mail/mail.h"

struct api_factor_change {
    struct sut_req *r;
    const char *what;     /* for the mail: "a passkey"; a constant text */
    struct sut_mark mark; /* a job may run again: its memory begins here */
    sut_str addr;
    sut_str coarse; /* the same, as a mail says it */
};

/* Let go of the request's reading connection and run `job` with `arg`. */
SUT_ERR api_factor_change_run(struct api_factor_change *f, sut_store_job *job, void *arg);

/* --- in the job --- */

/* To be called first. */
void api_factor_change_begin(const struct api_factor_change *f);
SUT_ERR api_factor_change_note(struct sut_db_conn *c, const struct api_factor_change *f,
                               enum sut_action action);
/* Queues it: api_mail_wake() after the commit. */
SUT_ERR api_factor_change_mail(struct sut_db_conn *c, const struct api_factor_change *f,
                               enum sut_mail_kind kind);

#endif
