/* SPDX-License-Identifier: Apache-2.0
 *
 * order_int - what the files of orders share.
 */
#ifndef SUT_SHOP_ORDER_INT_H
#define SUT_SHOP_ORDER_INT_H

#include "mail/mail.h"
#include "shop/order.h"

/* In the write job: tell the buyer, with what was ordered.  Nobody is told of an erased one's. */
SUT_ERR sut_order__mail(struct sut_db_conn *c, struct sut_arena *a, enum sut_mail_kind kind,
                        const struct sut_order *o, const struct sut_order_line *lines,
                        size_t n_lines, sut_ms now);

#endif
