/* SPDX-License-Identifier: Apache-2.0
 *
 * order_print - answers about orders for people, and as JSON.
 */
#ifndef SUT_PROG_ORDER_PRINT_H
#define SUT_PROG_ORDER_PRINT_H

#include "base/buf.h"
#include "prog/order_admin.h"

/* A page of a list; is_first and is_last: its place among the pages. */
void sut_order_print_page(struct sut_buf *b, const struct sut_order_shown *s, bool is_json,
                          bool is_first, bool is_last);
/* One order, whole. */
void sut_order_print_whole(struct sut_buf *b, const struct sut_order_shown *s, bool is_json);

#endif
