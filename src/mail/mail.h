/* SPDX-License-Identifier: Apache-2.0
 *
 * mail - the mails of the shop: queued in the transaction that caused them,
 * written from templates when they go out.
 *
 * Each has a text and an HTML part; what is put into HTML is escaped, what is
 * put into a header can't begin another one.  A mail is addressed to the
 * person's present address (read when it goes out) unless its words name one.
 */
#ifndef SUT_MAIL_MAIL_H
#define SUT_MAIL_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;
struct sut_mail_goods;

enum sut_mail_kind {
#define X(name, word, has_link) SUT_MAIL_##name,
#include "mail/mail.def"
#undef X
    SUT_MAIL_KINDS
};

/* "new-device"; "" for what is none. */
const char *sut_mail_word(enum sut_mail_kind k);

/* What a mail says beside its template's words; empty texts are none. */
struct sut_mail_words {
    sut_str to;     /* the receiver, when it is not the person's present address */
    sut_str link;   /* absolute, on the public URL or the front end's */
    sut_str device; /* NEW_DEVICE: what the client calls itself; cut where it is long */
    sut_str what;   /* FACTOR_…: "an authenticator app", "a passkey"; SOCIAL_LINKED: "Google";
                       ORDER_…: its number; LOW_STOCK: "3 variants" */
    sut_str addr;   /* the client's address, coarse */
    sut_ms at;
    const struct sut_mail_goods *goods; /* ORDER_…: what was ordered; LOW_STOCK: what is left */
};

/* Of a kind to a person. */
enum { SUT_MAIL_NOTICES_A_DAY = 10 };

/*
 * In a write job: queue one; `name` against doubles (store/outbox.h), empty: none.  A notice (a
 * mail without a link that is of no order) of which its person had SUT_MAIL_NOTICES_A_DAY in a day
 * is left out: who has an account on a stranger's address could have that written to without end.
 */
SUT_ERR sut_mail_queue(struct sut_db_conn *c, struct sut_arena *scratch, enum sut_mail_kind kind,
                       int64_t person, const struct sut_mail_words *words, sut_str name,
                       sut_ms now);

/* The same; *ret_added is false when there is one of this name, or it was left out. */
SUT_ERR sut_mail_queue_once(struct sut_db_conn *c, struct sut_arena *scratch,
                            enum sut_mail_kind kind, int64_t person,
                            const struct sut_mail_words *words, sut_str name, sut_ms now,
                            bool *ret_added);

/* Who writes: of the settings. */
struct sut_mail_sender {
    sut_str shop;       /* the shop's name */
    sut_str from;       /* "Shop <shop@example.com>" or an address alone */
    sut_str public_url; /* for the foot; may be empty */
};

/*
 * The whole message of a payload (RFC 5322 with CRLF, multipart/alternative, UTF-8 as
 * quoted-printable or base64): *ret_to is the receiver in A-labels.  `address` is
 * the person's present one.  PARSE: a payload that is none; INVALID: an address that no mail goes
 * to.  message_id: of the form <…@…>, the same for every try of a row.
 */
SUT_ERR sut_mail_render(struct sut_arena *a, const struct sut_mail_sender *sender,
                        enum sut_mail_kind kind, sut_str payload, sut_str address, sut_str name,
                        sut_str message_id, sut_ms now, struct sut_buf *out, sut_str *ret_to);

#endif
