/* SPDX-License-Identifier: Apache-2.0
 *
 * order - rows of orders, their lines and the statuses they came through.
 *
 * Rules (what may follow what, what is held, what it costs) are shop/order.h's; here
 * is what is kept.  Address and notes are sealed under the buyer's key.
 */
#ifndef SUT_STORE_ORDER_H
#define SUT_STORE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

/* Kept as numbers: never change one. */
enum sut_order_status {
    SUT_ORDER_PENDING = 1,
    SUT_ORDER_PAID = 2,
    SUT_ORDER_SHIPPED = 3,
    SUT_ORDER_DELIVERED = 4,
    SUT_ORDER_CANCELLED = 5,
};
enum sut_pay_method { SUT_PAY_STRIPE = 1, SUT_PAY_PAYSTACK = 2, SUT_PAY_OFFLINE = 3 };
enum sut_payment_status {
    SUT_PAYMENT_UNPAID = 1,
    SUT_PAYMENT_PAID = 2,
    SUT_PAYMENT_FAILED = 3,
    SUT_PAYMENT_REFUNDED = 4,
};
enum sut_refund_status {
    SUT_REFUND_NONE = 0,
    SUT_REFUND_PENDING = 1,
    SUT_REFUND_DONE = 2,
    SUT_REFUND_FAILED = 3,
};
/* "pending", "stripe", "unpaid", "pending"; "" for what is none. */
const char *sut_order_status_word(enum sut_order_status s);
const char *sut_pay_method_word(enum sut_pay_method m);
const char *sut_payment_status_word(enum sut_payment_status s);
const char *sut_refund_status_word(enum sut_refund_status s);

enum {
    SUT_ORDER_ADDRESS_MAX = 1000, /* code points */
    SUT_ORDER_NOTES_MAX = 1000,
    SUT_ORDER_REASON_MAX = 500,
    SUT_ORDER_LINES_MAX = 200,
    SUT_ORDER_CHANGES_MAX = 8, /* more than statuses that can follow each other */
    SUT_ORDER_PREFIX_MAX = 8,
    SUT_ORDER_NUMBER_TEXT = SUT_ORDER_PREFIX_MAX + 1 + 4 + 1 + 20 + 1,
};

struct sut_order {
    int64_t id;
    int64_t person; /* 0: erased */
    sut_str prefix;
    enum sut_order_status status;
    enum sut_pay_method method;
    enum sut_payment_status payment;
    enum sut_refund_status refund;
    int64_t total_cents;
    sut_str currency;
    int64_t items_count; /* the sum of quantities */
    int64_t created_by;  /* 0: nobody */
    int64_t modified_by;
    sut_ms created_at;
    sut_ms modified_at;
    sut_ms paid_at;    /* 0: it was not */
    sut_ms held_until; /* 0: does not expire, or holds nothing any more */
    sut_str address;   /* p is NULL: not asked for, or lost with its key */
    sut_str notes;
    sut_str reason; /* what the buyer said who cancelled it; p is NULL: nothing */
};
/* "MW-2026-00089": prefix, year of created_at (UTC), id padded to five digits. */
sut_str sut_order_number(const struct sut_order *o, char to[SUT_ORDER_NUMBER_TEXT]);

struct sut_order_line {
    int64_t id;
    int64_t order_id;
    int64_t product_id;
    int64_t variant_id;
    sut_str product_name;
    sut_str variant_name;
    sut_str sku;
    sut_str size; /* p is NULL: none */
    sut_str color;
    int64_t quantity;
    int64_t price_cents; /* of one, when it was bought */
};

struct sut_order_change {
    enum sut_order_status status;
    int64_t by; /* 0: nobody, or the shop by itself */
    sut_ms at;
};

/* NOT_FOUND.  With its address and notes (STALE on a loop's connection: store/personal.h). */
SUT_ERR sut_order_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                        struct sut_order *ret);
SUT_ERR sut_order_lines(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                        struct sut_order_line **ret, size_t *ret_n);
/* Its first n (at most SUT_ORDER_LINES_MAX) alone. */
SUT_ERR sut_order_lines_head(struct sut_db_conn *c, struct sut_arena *a, int64_t order, size_t n,
                             struct sut_order_line **ret, size_t *ret_n);
SUT_ERR sut_order_history(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                          struct sut_order_change **ret, size_t *ret_n);

struct sut_order_query {
    int64_t person;               /* 0: everybody's */
    enum sut_order_status status; /* 0: every one */
    bool is_oldest_first;
    size_t offset;
    size_t limit; /* at most 100 */
};
/*
 * A page with the count of all, in the order in which they were made; addresses and notes come
 * with it only when has_address.
 */
SUT_ERR sut_order_list(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_query *q,
                       bool has_address, struct sut_order **ret, size_t *ret_n, int64_t *ret_count);
/* Up to n (at most 50) unpaid orders whose hold ended by `now`, the longest ended first, behind so
 * many. */
SUT_ERR sut_order_overdue(struct sut_db_conn *c, sut_ms now, size_t behind, size_t n, int64_t *ret,
                          size_t *ret_n);
/* When the next hold ends; 0: nothing is held for a time. */
SUT_ERR sut_order_next_overdue(struct sut_db_conn *c, sut_ms *ret);

/* --- in a write job; shop/order.h decides --- */

/*
 * Add an order with its first history entry; its id, prefix to items_count, created_by and
 * held_until are taken, and id, status, payment and times filled in.
 */
SUT_ERR sut_order_insert(struct sut_db_conn *c, struct sut_order *o, sut_ms now);
/* Add a line; l->id is filled in. */
SUT_ERR sut_order_line_insert(struct sut_db_conn *c, struct sut_order_line *l);
/*
 * Keep status, payment, refund, modified_by and _at, paid_at and held_until of an order whose
 * status is `from` still, with a history entry when that changes.  CONFLICT: it is another by now.
 */
SUT_ERR sut_order_save(struct sut_db_conn *c, const struct sut_order *o,
                       enum sut_order_status from);
/* Keep its reason, which is not empty. */
SUT_ERR sut_order_save_reason(struct sut_db_conn *c, const struct sut_order *o);
/* What became of the money of a cancelled order: DONE makes its payment REFUNDED, until it is not.
 */
SUT_ERR sut_order_save_refund(struct sut_db_conn *c, int64_t order, enum sut_refund_status s,
                              sut_ms now);

#endif
