/* SPDX-License-Identifier: Apache-2.0
 *
 * mail_wire - asks and answers about mails as fields of ipc messages.
 *
 * A reader gives PARSE for all that a writer does not write.  Pure functions.
 */
#ifndef SUT_PROG_MAIL_WIRE_H
#define SUT_PROG_MAIL_WIRE_H

#include "ipc/message.h"
#include "prog/mail_admin.h"

/* The type on the control socket (prog/control.h), and its limits. */
enum {
    SUT_ASK_MAIL = 5,
    SUT_MAIL_ASK_MAX = 64,
    SUT_MAIL_ANSWER_MAX = SUT_MAIL_MESSAGE_MAX + 128 * 1024,
};

/* Append; the buffer's own maximum applies (sut_buf_check()). */
void sut_mail_ask_put(struct sut_buf *b, const struct sut_mail_ask *ask);
SUT_ERR sut_mail_ask_get(struct sut_ipc_reader *r, struct sut_mail_ask *ret);

/* As sut_mail_ask_put(). */
void sut_mail_shown_put(struct sut_buf *b, const struct sut_mail_shown *answer);
/* Rows lie in the arena, their slices in the message. */
SUT_ERR sut_mail_shown_get(struct sut_ipc_reader *r, struct sut_arena *a,
                           struct sut_mail_shown *ret);

#endif
