/* SPDX-License-Identifier: Apache-2.0 */
#include "store/order.h"

#include "base/buf.h"
#include "db/db.h"
#include "store/personal.h"

/* The row's place is part of what is sealed, so the number is needed before. */
static const struct sut_sql order_next_sqlite = {
    .name = "order_next",
    .text = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'orders'), 0) + 1",
};

static const struct sut_sql order_next_postgres = {
    .name = "order_next",
    .text = "SELECT nextval(pg_get_serial_sequence('orders', 'id'))",
};

static const struct sut_sql order_insert = {
    .name = "order_insert",
    .text = "INSERT INTO orders (id, person_id, prefix, status, payment_method, payment_status,"
            " total, currency, items_count, created_by, modified_by, created_at, modified_at,"
            " held_until, address, notes, key_version)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $11, $12, $13, $14, $15)",
};

static const struct sut_sql line_insert = {
    .name = "order_line_insert",
    .text = "INSERT INTO order_lines (order_id, product_id, variant_id, product_name,"
            " variant_name, sku, size, color, quantity, price)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
};

static const struct sut_sql change_insert = {
    .name = "order_change_insert",
    .text = "INSERT INTO order_changes (order_id, status, by_id, at) VALUES ($1, $2, $3, $4)",
};

static const struct sut_sql order_save = {
    .name = "order_save",
    .text = "UPDATE orders SET status = $3, payment_status = $4, refund_status = $5,"
            " modified_by = $6, modified_at = $7, paid_at = $8, held_until = $9"
            " WHERE id = $1 AND status = $2",
};

/* Under the key that the row's other fields are sealed under. */
static const struct sut_sql order_key = {
    .name = "order_key",
    .text = "SELECT person_id, key_version FROM orders WHERE id = $1",
};

static const struct sut_sql order_save_reason = {
    .name = "order_save_reason",
    .text = "UPDATE orders SET reason = $2 WHERE id = $1 AND key_version = $3",
};

/* 2: DONE.  What was REFUNDED (4) and is no more is PAID (2): the shop has the money. */
static const struct sut_sql order_save_refund = {
    .name = "order_save_refund",
    .text = "UPDATE orders SET refund_status = $2, modified_at = $3,"
            " payment_status = CASE WHEN $2 = 2 THEN 4 WHEN payment_status = 4 THEN 2"
            " ELSE payment_status END WHERE id = $1",
};

static void bind_or_null(struct sut_db_stmt *s, int n, int64_t v)
{
    if (v == 0)
        sut_db_bind_null(s, n);
    else
        sut_db_bind_i64(s, n, v);
}

static SUT_ERR next_id(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &order_next_sqlite : &order_next_postgres, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static SUT_ERR add_change(struct sut_db_conn *c, int64_t order, enum sut_order_status status,
                          int64_t by, sut_ms at)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &change_insert, &s));
    sut_db_bind_i64(s, 1, order);
    sut_db_bind_i64(s, 2, status);
    bind_or_null(s, 3, by);
    sut_db_bind_i64(s, 4, at.v);
    return sut_db_step(s, &has_row);
}

/* $13 and $14. */
static SUT_ERR bind_texts(struct sut_db_conn *c, struct sut_db_stmt *s, const struct sut_order *o,
                          const struct sut_data_key *k, struct sut_buf *room)
{
    struct sut_seal *seal = NULL;
    TRY(sut_personal_seal(c, &seal));
    (void) sut_buf_room(room, o->address.n + o->notes.n + 2 * SUT_SEAL_OVERHEAD);
    TRY(sut_buf_check(room));
    TRY(sut_personal_bind(seal, k, SUT_PERSONAL_ORDER_ADDRESS, o->id, o->address, room, s, 13));
    if (o->notes.n > 0)
        return sut_personal_bind(seal, k, SUT_PERSONAL_ORDER_NOTES, o->id, o->notes, room, s, 14);
    sut_db_bind_null(s, 14);
    return SUT_OK;
}

static SUT_ERR insert(struct sut_db_conn *c, const struct sut_order *o,
                      const struct sut_data_key *k)
{
    enum { ROOM_MAX = 4 * (SUT_ORDER_ADDRESS_MAX + SUT_ORDER_NOTES_MAX) + 2 * SUT_SEAL_OVERHEAD };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    sut_buf_init(&room, ROOM_MAX);
    TRY(sut_db_prepare(c, &order_insert, &s));
    sut_db_bind_i64(s, 1, o->id);
    bind_or_null(s, 2, o->person);
    sut_db_bind_text(s, 3, o->prefix);
    sut_db_bind_i64(s, 4, o->status);
    sut_db_bind_i64(s, 5, o->method);
    sut_db_bind_i64(s, 6, o->payment);
    sut_db_bind_i64(s, 7, o->total_cents);
    sut_db_bind_text(s, 8, o->currency);
    sut_db_bind_i64(s, 9, o->items_count);
    bind_or_null(s, 10, o->created_by);
    sut_db_bind_i64(s, 11, o->created_at.v);
    bind_or_null(s, 12, o->held_until.v);
    TRY(bind_texts(c, s, o, k, &room));
    sut_db_bind_i64(s, 15, k->version);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_order_insert(struct sut_db_conn *c, struct sut_order *o, sut_ms now)
{
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    TRY(sut_personal_key_for_writing(c, o->person, now, &k));
    TRY(next_id(c, &o->id));
    o->status = SUT_ORDER_PENDING;
    o->payment = SUT_PAYMENT_UNPAID;
    o->refund = SUT_REFUND_NONE;
    o->modified_by = o->created_by;
    o->created_at = o->modified_at = now;
    o->paid_at = (sut_ms){ 0 };
    TRY(insert(c, o, &k));
    return add_change(c, o->id, o->status, o->created_by, now);
}

SUT_ERR sut_order_line_insert(struct sut_db_conn *c, struct sut_order_line *l)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &line_insert, &s));
    sut_db_bind_i64(s, 1, l->order_id);
    sut_db_bind_i64(s, 2, l->product_id);
    sut_db_bind_i64(s, 3, l->variant_id);
    sut_db_bind_text(s, 4, l->product_name);
    sut_db_bind_text(s, 5, l->variant_name);
    sut_db_bind_text(s, 6, l->sku);
    if (l->size.p == NULL)
        sut_db_bind_null(s, 7);
    else
        sut_db_bind_text(s, 7, l->size);
    sut_db_bind_text(s, 8, l->color);
    sut_db_bind_i64(s, 9, l->quantity);
    sut_db_bind_i64(s, 10, l->price_cents);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    l->id = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_order_save(struct sut_db_conn *c, const struct sut_order *o, enum sut_order_status from)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &order_save, &s));
    sut_db_bind_i64(s, 1, o->id);
    sut_db_bind_i64(s, 2, from);
    sut_db_bind_i64(s, 3, o->status);
    sut_db_bind_i64(s, 4, o->payment);
    sut_db_bind_i64(s, 5, o->refund);
    bind_or_null(s, 6, o->modified_by);
    sut_db_bind_i64(s, 7, o->modified_at.v);
    bind_or_null(s, 8, o->paid_at.v);
    bind_or_null(s, 9, o->held_until.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, CONFLICT);
    return add_change(c, o->id, o->status, o->modified_by, o->modified_at);
}

static SUT_ERR key_version(struct sut_db_conn *c, int64_t order, uint32_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &order_key, &s));
    sut_db_bind_i64(s, 1, order);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (uint32_t) sut_db_col_i64(s, 1);
    return SUT_OK;
}

SUT_ERR sut_order_save_reason(struct sut_db_conn *c, const struct sut_order *o)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_buf_done) struct sut_buf room = { .p = NULL };
    struct sut_seal *seal = NULL;
    uint32_t version = 0;
    bool has_row = false;
    sut_buf_init(&room, 4 * SUT_ORDER_REASON_MAX + SUT_SEAL_OVERHEAD);
    TRY(key_version(c, o->id, &version));
    TRY(sut_personal_key_for_reading(c, o->person, version, &k));
    TRY(sut_personal_seal(c, &seal));
    (void) sut_buf_room(&room, o->reason.n + SUT_SEAL_OVERHEAD);
    TRY(sut_buf_check(&room));
    TRY(sut_db_prepare(c, &order_save_reason, &s));
    sut_db_bind_i64(s, 1, o->id);
    TRY(sut_personal_bind(seal, &k, SUT_PERSONAL_ORDER_REASON, o->id, o->reason, &room, s, 2));
    sut_db_bind_i64(s, 3, version);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, CONFLICT);
    return SUT_OK;
}

SUT_ERR sut_order_save_refund(struct sut_db_conn *c, int64_t order, enum sut_refund_status status,
                              sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &order_save_refund, &s));
    sut_db_bind_i64(s, 1, order);
    sut_db_bind_i64(s, 2, status);
    sut_db_bind_i64(s, 3, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, NOT_FOUND);
    return SUT_OK;
}
