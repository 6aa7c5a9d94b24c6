/* SPDX-License-Identifier: Apache-2.0
 *
 * order_int - how a row of orders is read and opened; for files of this folder alone.
 */
#ifndef SUT_STORE_ORDER_INT_H
#define SUT_STORE_ORDER_INT_H

#include "db/db.h"
#include "seal/seal.h"
#include "store/order.h"

/* Of orders o and the key that its sealed columns are under. */
#define SUT_ORDER_SELECT                                                                           \
    "SELECT o.id, o.person_id, o.prefix, o.status, o.payment_method, o.payment_status,"            \
    " o.refund_status, o.total, o.currency, o.items_count, o.created_by, o.modified_by,"           \
    " o.created_at, o.modified_at, o.paid_at, o.held_until, o.address, o.notes, o.reason, "        \
    "o.key_version,"                                                                               \
    " k.kek_version, k.wrapped FROM orders o LEFT JOIN data_keys k"                                \
    " ON k.person_id = COALESCE(o.person_id, 0) AND k.version = o.key_version"

/* A row as it lies there. */
struct sut_order_sealed {
    struct sut_order plain;      /* address, notes and reason are the sealed ones */
    struct sut_data_key_row key; /* version 0: none */
};

/* The row that a statement stands on; its texts in the arena. */
SUT_ERR sut_order__read(struct sut_db_stmt *s, struct sut_arena *a, bool has_address,
                        struct sut_order_sealed *ret);
/* Open what is sealed; what does not open is lost: p is NULL. */
SUT_ERR sut_order__open(struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_order_sealed *from, size_t n, struct sut_order *ret);

#endif
