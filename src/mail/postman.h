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

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "mail/mail.h"

struct sut_postman;
struct sut_store;
struct sut_courier;
struct sut_mail_answer;

/* What the log hears of; nothing of it is personal but the number of the person. */
enum sut_postman_event {
    SUT_POSTMAN_SENT,
    SUT_POSTMAN_LATER,    /* it is tried again */
    SUT_POSTMAN_GIVEN_UP, /* it never goes */
    SUT_POSTMAN_NO_WAY,   /* there is neither courier nor maildir; once */
    SUT_POSTMAN_TROUBLE,  /* the store or the keeper can't be had: the rows wait */
};
struct sut_postman_note {
    enum sut_postman_event event;
    const char *what; /* the mail's word */
    const char *why;  /* a constant word; NULL when it was sent */
    int64_t person;
    unsigned tries; /* with this one */
    int code;       /* of SMTP; 0: none */
    sut_err err;    /* of TROUBLE */
};

struct sut_postman_options {
    struct sut_store *store;       /* borrowed */
    struct sut_courier *courier;   /* borrowed; NULL: mails go to `maildir` */
    sut_str maildir;               /* a folder, made when it is not there; copied; empty: none */
    struct sut_mail_sender sender; /* its texts are borrowed */
    unsigned timeout_ms;           /* of one mail */
    const struct sut_clock *clock;
    void (*tell)(void *ctx, const struct sut_postman_note *n); /* may be NULL; in its thread */
    void *tell_ctx;
    /* NULL, or what is called in the courier's place (tests); as sut_courier_mail(). */
    SUT_ERR(*carry)
    (void *ctx, sut_str from, sut_str to, sut_str message, unsigned timeout_ms,
     struct sut_mail_answer *ret);
    void *carry_ctx;
};

/* With neither courier nor maildir rows stay due, and a warning stands in the log once. */
SUT_ERR sut_postman_start(const struct sut_postman_options *opt, struct sut_postman **ret);
/* After a commit that queued something.  Any thread; costs next to nothing.  NULL is fine. */
void sut_postman_wake(struct sut_postman *p);
/* Finishes the row in hand. */
void sut_postman_stop(struct sut_postman **p);
/*
 * The same, but a mail server that keeps it waiting is not waited for longer than `ms`; false: its
 * thread is with the courier still.  Then it will never touch the store again, but the
 * courier must not be freed: this is for a process that ends.  The mail goes again later.
 */
bool sut_postman_stop_within(struct sut_postman **p, unsigned ms);

/* --- the same without a thread, for tests that own the time --- */

SUT_ERR sut_postman_create(const struct sut_postman_options *opt, struct sut_postman **ret);
/* Send what is due; when to come again. */
void sut_postman_turn(struct sut_postman *p, sut_ms *ret_next);
/* How long after the n-th try (from 0) the next one comes. */
int64_t sut_postman_delay_ms(uint32_t tries);

#endif
