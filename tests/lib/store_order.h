/* SPDX-License-Identifier: Apache-2.0
 *
 * store_order - an order in a fixture's store, for tests of what is paid for it: no lines, no
 * stock.
 */
#ifndef SUT_TESTS_STORE_ORDER_H
#define SUT_TESTS_STORE_ORDER_H

#include "store_fixture.h"

struct bare_order {
    int64_t person;
    int64_t total;
    int64_t id;
};

static const struct sut_sql bare_order_insert = {
    .name = "test_bare_order",
    .text = "INSERT INTO orders (person_id, prefix, status, payment_method, payment_status, total,"
            " currency, items_count, created_at, modified_at) VALUES ($1, 'MW', 1, 1, 1, $2, 'ZAR',"
            " 1, $3, $3) RETURNING id",
};

static inline SUT_ERR make_bare_order(struct sut_db_conn *c, void *arg)
{
    struct bare_order *o = arg;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &bare_order_insert, &s));
    sut_db_bind_i64(s, 1, o->person);
    sut_db_bind_i64(s, 2, o->total);
    sut_db_bind_i64(s, 3, now.v);
    TRY(sut_db_step(s, &has_row));
    o->id = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* Its number: pending, by Stripe, unpaid, in rand. */
static inline int64_t bare_order(struct fixture *f, int64_t person, int64_t total)
{
    struct bare_order o = { .person = person, .total = total };
    OK(sut_store_write(f->store, make_bare_order, &o));
    return o.id;
}

#endif
