/* SPDX-License-Identifier: Apache-2.0
 *
 * letter - a row of the outbox as the mail that it becomes: the person's present
 * address and name are opened, the template is filled in.
 *
 * The same row gives the same bytes each time, as long as address and name stay: its date is
 * when it was queued, its Message-ID follows from the row.
 */
#ifndef SUT_MAIL_LETTER_H
#define SUT_MAIL_LETTER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "mail/mail.h"

struct sut_db_conn;
struct sut_outbox_row;

enum { SUT_LETTER_FILE_MAX = 64 };

struct sut_letter {
    sut_str from; /* addresses in ASCII */
    sut_str to;
    sut_str message;
    const char *why; /* NULL; else it can never be sent, and this constant word says why */
};
/* Such a word, by its address: of nobody's row that names no receiver.  It is no failure. */
extern const char sut_letter_to_nobody[];

/* In the arena.  An error is one that may pass: the store, the keeper. */
SUT_ERR sut_letter_write(struct sut_db_conn *c, struct sut_arena *a,
                         const struct sut_mail_sender *sender, const struct sut_outbox_row *row,
                         struct sut_letter *ret);

/* The kind of a row's word; SUT_MAIL_KINDS for what is none. */
enum sut_mail_kind sut_letter_kind(sut_str what);

/* The name of its file in a maildir. */
sut_str sut_letter_file(const struct sut_outbox_row *row, char to[SUT_LETTER_FILE_MAX]);

#endif
