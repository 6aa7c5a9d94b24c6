/* SPDX-License-Identifier: Apache-2.0
 *
 * postman - the thread that empties the outbox: claims rows that are due, writes
 * them out, hands them to the courier (or puts them into the development maildir),
 * and notes what became of them.
 *
 * A mail that can't go now is tried again after 15 s, 30 s, 1 min … 1 h, for 3 days;
 * one that the mail server refuses for good is given up at once.  Sent at
 * least once: when it dies between the mail server's yes and the row's
 * update it goes again, with the same Message-ID.
 */
#ifndef SUT_MAIL_POSTMAN_H
#define SUT_MAIL_POSTMAN_H

#include "base/clock.h"
#include "base/err.h"
#include "mail/mail.h"

struct sut_postman;
struct sut_store;
struct sut_courier;
struct sut_random;

struct sut_postman_options {
    struct sut_store *store;     /* borrowed */
    struct sut_courier *courier; /* borrowed; NULL: mails go to `maildir` */
    sut_str maildir;             /* a folder, made when it is not there; empty: none */
    struct sut_mail_sender sender;
    unsigned timeout_ms; /* of one mail */
    const struct sut_clock *clock;
};

/* With neither courier nor maildir rows stay due, and a warning stands in the log once. */
SUT_ERR sut_postman_start(const struct sut_postman_options *opt, struct sut_postman **ret);
/* After a commit that queued something.  Any thread; costs next to nothing. */
void sut_postman_wake(struct sut_postman *p);
/* Finishes the row in hand. */
void sut_postman_stop(struct sut_postman **p);

#endif
