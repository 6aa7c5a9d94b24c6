/* SPDX-License-Identifier: Apache-2.0
 *
 * key_wire - what the command and a server say about keys, as fields of
 * ipc/message.h.  Either side takes the other's for hostile: what is not exactly
 * as expected is PARSE.  No state.
 */
#ifndef SUT_PROG_KEY_WIRE_H
#define SUT_PROG_KEY_WIRE_H

#include "ipc/message.h"
#include "prog/key_admin.h"

enum {
    SUT_KEY_ASK_MAX = 64,
    SUT_KEY_LIST_MAX = 64 * 1024,
    SUT_KEY_STATUS_MAX = 2048,
    SUT_KEY_ANSWER_MAX = 1024,
};

/* The list of keys; its errors are the buffer's. */
void sut_key_list_put(struct sut_buf *b, const struct sut_key_list *l);
/* PARSE: then *ret is of no use. */
SUT_ERR sut_key_list_get(struct sut_ipc_reader *r, struct sut_key_list *ret);
/* How far a rotation is. */
void sut_key_status_put(struct sut_buf *b, const struct sut_key_status *s);
/* PARSE: then *ret is of no use. */
SUT_ERR sut_key_status_get(struct sut_ipc_reader *r, struct sut_key_status *ret);
/* A refusal; an empty text is none. */
void sut_key_answer_put(struct sut_buf *b, const struct sut_diag *d);
/* PARSE. */
SUT_ERR sut_key_answer_get(struct sut_ipc_reader *r, struct sut_diag *ret);

#endif
