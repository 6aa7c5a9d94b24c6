/* SPDX-License-Identifier: Apache-2.0
 *
 * mail_admin - staff look at the outbox: which mails wait, went out or were given
 * up, and what one says.
 *
 * One set of functions for both ways to ask, as user_admin.  What a mail said is
 * gone once it was sent (its links are keys to an account), save in development,
 * where it lies in the maildir.  Who looks at one leaves an audit row.  Blocks.
 */
#ifndef SUT_PROG_MAIL_ADMIN_H
#define SUT_PROG_MAIL_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "mail/mail.h"

struct sut_pseudonyms;
struct sut_store;

enum { SUT_MAIL_PAGE_MAX = 100, SUT_MAIL_MESSAGE_MAX = 1024 * 1024 };

enum sut_mail_verb { SUT_MAIL_LIST, SUT_MAIL_SHOW };
enum { SUT_MAIL_VERBS = SUT_MAIL_SHOW + 1 };

struct sut_mail_ask {
    enum sut_mail_verb verb;
    int64_t id;      /* SHOW */
    uint64_t offset; /* LIST: rows before the first */
};

struct sut_mail_row {
    int64_t id;
    sut_str what;
    sut_str state; /* "due", "sent", "given up" */
    int64_t person;
    sut_str pseudonym; /* as the log has it; empty: none */
    uint64_t tries;
    sut_ms created_at;
    sut_ms due_at;
    sut_ms done_at; /* 0: not yet */
    sut_str why;    /* empty: nothing has failed */
};

struct sut_mail_shown {
    sut_str refused; /* a sentence; else empty */
    struct sut_mail_row *rows;
    size_t n_rows;
    bool has_more;
    sut_str message; /* SHOW: the whole of it */
};

/* What the work needs; all borrowed. */
struct sut_mail_admin {
    struct sut_store *store;
    struct sut_pseudonyms *pseudonyms; /* NULL: none are told */
    struct sut_mail_sender sender;
    sut_str maildir; /* empty: none */
    const struct sut_clock *clock;
};

/* The answer lies in the arena; `refused` is what the asker can mend, an error the store's. */
SUT_ERR sut_mail_admin_do(const struct sut_mail_admin *ma, struct sut_arena *a,
                          const struct sut_mail_ask *ask, struct sut_mail_shown *ret);

#endif
