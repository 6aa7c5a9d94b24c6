/* SPDX-License-Identifier: Apache-2.0
 *
 * order_wire - asks and answers about orders as fields of ipc messages.
 *
 * A reader gives PARSE for all that a writer does not write.  Pure functions.
 */
#ifndef SUT_PROG_ORDER_WIRE_H
#define SUT_PROG_ORDER_WIRE_H

#include "ipc/message.h"
#include "prog/order_admin.h"

/* The type on the control socket (prog/control.h), and its limits. */
enum {
    SUT_ASK_ORDER = 10,
    SUT_ORDER_ASK_MAX = 128,
    SUT_ORDER_ANSWER_MAX = 1024 * 1024,
};

/* Append; the buffer's own maximum applies (sut_buf_check()). */
void sut_order_ask_put(struct sut_buf *b, const struct sut_order_ask *ask);
SUT_ERR sut_order_ask_get(struct sut_ipc_reader *r, struct sut_order_ask *ret);

/* As sut_order_ask_put(). */
void sut_order_shown_put(struct sut_buf *b, const struct sut_order_shown *answer);
/* Rows lie in the arena, their slices in the message. */
SUT_ERR sut_order_shown_get(struct sut_ipc_reader *r, struct sut_arena *a,
                            struct sut_order_shown *ret);

#endif
