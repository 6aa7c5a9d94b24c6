/* SPDX-License-Identifier: Apache-2.0
 *
 * message - a mail as bytes: RFC 5322 with the MIME of RFC 2045 to 2047.
 *
 * CRLF throughout; no line of the body longer than 76, none of the header
 * longer than 78 unless one word is (an address of 320 bytes at most).  ASCII
 * alone goes out: bodies as quoted-printable, words of a header that are
 * anything else as encoded words, each of whole characters.  What comes from outside
 * can't begin a header, end one or close a part: control characters become blanks, bytes
 * that are no UTF-8 become U+FFFD.  Pure; any thread.
 */
#ifndef SUT_MAIL_MESSAGE_H
#define SUT_MAIL_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_MESSAGE_NAME_MAX = 78, SUT_MESSAGE_SUBJECT_MAX = 200 }; /* characters; more are cut */

struct sut_message {
    sut_str from_name; /* empty: none */
    sut_str from;      /* an address in ASCII (sut_email_wire()) */
    sut_str to_name;
    sut_str to;
    sut_str subject;
    sut_str message_id; /* "<…@…>", printable ASCII without blanks */
    sut_ms date;
    sut_str text; /* lines end with LF */
    sut_str html;
};

/* The whole message.  INVALID: an address or Message-ID that can't stand in a header. */
SUT_ERR sut_message_write(const struct sut_message *m, struct sut_buf *out);

/*
 * A message of ours to be read at a terminal: its header, and its text part with
 * quoted-printable undone; lines end with LF, other control characters become U+FFFD.
 */
void sut_message_text(sut_str message, struct sut_buf *out);

/* --- its parts, each to be looked at by itself --- */

/*
 * What a reader may be shown of words from outside: at most `max` characters, controls,
 * line ends and marks of direction as blanks, runs of those as one.  `to` has 4 * max bytes.
 */
sut_str sut_message_clean(sut_str s, size_t max, char *to);

/* "Name: words" and CRLF, folded; encoded where it must be. */
void sut_message_words(struct sut_buf *out, const char *name, sut_str words);
/* "Name: Display <address>" and CRLF. */
void sut_message_mailbox(struct sut_buf *out, const char *name, sut_str display, sut_str address);
/* Text as quoted-printable, ended by CRLF. */
void sut_message_quoted(struct sut_buf *out, sut_str text);

#endif
