/* SPDX-License-Identifier: Apache-2.0
 *
 * payments_wire - asks and answers about payments as fields of ipc messages.
 *
 * A reader gives PARSE for all that a writer does not write.  Pure functions.
 */
#ifndef SUT_PROG_PAYMENTS_WIRE_H
#define SUT_PROG_PAYMENTS_WIRE_H

#include "base/arena.h"
#include "ipc/message.h"
#include "pay/reconcile.h"

/* The type on the control socket (prog/control.h), and its limits. */
enum {
    SUT_ASK_PAYMENTS = 6,
    SUT_PAYMENTS_ASK_MAX = 512,
    SUT_PAYMENTS_ANSWER_MAX = 16 * 1024,
};

/* What the command gets of a page. */
struct sut_payments_row {
    int64_t payment;
    int64_t order;
    sut_str provider;
    sut_str ours;
    sut_str theirs;
    sut_str done; /* empty: nothing was */
};
struct sut_payments_page {
    sut_str refused; /* a sentence; else empty */
    struct sut_payments_row *rows;
    size_t n;
    uint64_t compared;
    struct sut_reconcile_ask next;
};

/* Append; the buffer's own maximum applies (sut_buf_check()). */
void sut_payments_ask_put(struct sut_buf *b, const struct sut_reconcile_ask *ask);
SUT_ERR sut_payments_ask_get(struct sut_ipc_reader *r, struct sut_reconcile_ask *ret);

/* A page, or why there is none (refused; then `page` may be NULL). */
void sut_payments_page_put(struct sut_buf *b, sut_str refused,
                           const struct sut_reconcile_page *page);
/* Rows lie in the arena, their slices in the message. */
SUT_ERR sut_payments_page_get(struct sut_ipc_reader *r, struct sut_arena *a,
                              struct sut_payments_page *ret);

#endif
