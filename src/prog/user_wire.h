/* SPDX-License-Identifier: Apache-2.0
 *
 * user_wire - asks and answers about accounts as fields of ipc messages.
 *
 * A reader gives PARSE for all that a writer does not write.  Pure functions.
 */
#ifndef SUT_PROG_USER_WIRE_H
#define SUT_PROG_USER_WIRE_H

#include "ipc/message.h"
#include "prog/user_admin.h"

enum {
    SUT_USER_ASK_MAX = 24 * 1024,
    SUT_USER_ANSWER_MAX = 512 * 1024,
};

/* Append; the buffer's own maximum applies (sut_buf_check()). */
void sut_user_ask_put(struct sut_buf *b, const struct sut_user_ask *ask);
/* Slices of *ret lie in the message. */
SUT_ERR sut_user_ask_get(struct sut_ipc_reader *r, struct sut_user_ask *ret);

/* As sut_user_ask_put(). */
void sut_user_answer_put(struct sut_buf *b, const struct sut_user_answer *answer);
/* Rows lie in the arena, their slices in the message. */
SUT_ERR sut_user_answer_get(struct sut_ipc_reader *r, struct sut_arena *a,
                            struct sut_user_answer *ret);

#endif
