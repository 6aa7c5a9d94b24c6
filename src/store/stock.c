/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stock.h"

#include "db/db.h"
#include "store/shown_int.h"

/* One step of an index for each table: no order reads what another writes. */
static const struct sut_sql stock_look = {
    .name = "stock_look",
    .text = "SELECT v.product_id, p.name, v.name, v.sku, v.size, v.color,"
            " COALESCE(v.price, p.price), v.stock - v.reserved,"
            " CASE WHEN v.is_active = 1 AND " SUT_STORE_SHOWN " THEN 1 ELSE 0 END"
            " FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = $1",
};

static const struct sut_sql stock_reserve = {
    .name = "stock_reserve",
    .text = "UPDATE variants SET reserved = reserved + $2 WHERE id = $1 AND is_active = 1"
            " AND stock - reserved >= $2",
};

static const struct sut_sql reservation_add = {
    .name = "reservation_add",
    .text = "INSERT INTO reservations (order_id, variant_id, quantity, state, changed_at)"
            " VALUES ($1, $2, $3, 1, $4)",
};

static const struct sut_sql reservations_of = {
    .name = "reservations_of",
    .text = "SELECT r.variant_id, r.quantity, r.state, v.product_id FROM reservations r"
            " JOIN variants v ON v.id = r.variant_id WHERE r.order_id = $1 AND r.state <> 3"
            " ORDER BY r.variant_id",
};

static const struct sut_sql reservation_set = {
    .name = "reservation_set",
    .text = "UPDATE reservations SET state = $4, changed_at = $5 WHERE order_id = $1"
            " AND variant_id = $2 AND state = $3",
};

static const struct sut_sql stock_taken = {
    .name = "stock_taken",
    .text = "UPDATE variants SET stock = stock - $2, reserved = reserved - $2 WHERE id = $1"
            " AND reserved >= $2",
};

static const struct sut_sql stock_freed = {
    .name = "stock_freed",
    .text = "UPDATE variants SET reserved = reserved - $2 WHERE id = $1 AND reserved >= $2",
};

static const struct sut_sql stock_returned = {
    .name = "stock_returned",
    .text = "UPDATE variants SET stock = stock + $2 WHERE id = $1",
};

static const struct sut_sql stock_audit = {
    .name = "stock_audit",
    .text = "SELECT COUNT(*) FROM variants v WHERE v.stock < 0 OR v.reserved < 0"
            " OR v.reserved > v.stock OR v.reserved <> COALESCE((SELECT SUM(r.quantity)"
            " FROM reservations r WHERE r.variant_id = v.id AND r.state = 1), 0)",
};

static SUT_ERR copy(struct sut_arena *a, struct sut_db_stmt *s, int i, sut_str *ret)
{
    *ret = (sut_str){ 0 };
    if (sut_db_col_is_null(s, i))
        return SUT_OK;
    const sut_str v = sut_db_col_text(s, i);
    *ret = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

SUT_ERR sut_stock_look(struct sut_db_conn *c, struct sut_arena *a, int64_t variant,
                       struct sut_stock_item *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &stock_look, &s));
    sut_db_bind_i64(s, 1, variant);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_stock_item){
        .variant_id = variant,
        .product_id = sut_db_col_i64(s, 0),
        .price_cents = sut_db_col_i64(s, 6),
        .available = sut_db_col_i64(s, 7),
        .is_shown = sut_db_col_i64(s, 8) != 0,
    };
    TRY(copy(a, s, 1, &ret->product_name));
    TRY(copy(a, s, 2, &ret->variant_name));
    TRY(copy(a, s, 3, &ret->sku));
    TRY(copy(a, s, 4, &ret->size));
    return copy(a, s, 5, &ret->color);
}

static SUT_ERR change(struct sut_db_conn *c, const struct sut_sql *sql, int64_t variant,
                      int64_t quantity, bool *ret_ok)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, variant);
    sut_db_bind_i64(s, 2, quantity);
    TRY(sut_db_step(s, &has_row));
    *ret_ok = sut_db_changes(s) == 1;
    return SUT_OK;
}

SUT_ERR sut_stock_hold(struct sut_db_conn *c, int64_t order, int64_t variant, int64_t quantity,
                       sut_ms now, bool *ret_ok)
{
    ENSURE(quantity > 0, INVALID);
    TRY(change(c, &stock_reserve, variant, quantity, ret_ok));
    if (!*ret_ok)
        return SUT_OK;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &reservation_add, &s));
    sut_db_bind_i64(s, 1, order);
    sut_db_bind_i64(s, 2, variant);
    sut_db_bind_i64(s, 3, quantity);
    sut_db_bind_i64(s, 4, now.v);
    return sut_db_step(s, &has_row);
}

struct reservation {
    int64_t variant;
    int64_t quantity;
    enum sut_reservation_state state;
    int64_t product;
};

/* Those of an order that are not released, by variant. */
static SUT_ERR load(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                    struct reservation **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    size_t cap = 8;
    struct reservation *rows = ARENA_ARRAY(a, struct reservation, cap);
    *ret_n = 0;
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_db_prepare(c, &reservations_of, &s));
    sut_db_bind_i64(s, 1, order);
    for (;; ++*ret_n) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        if (*ret_n == cap) {
            struct reservation *more = ARENA_ARRAY(a, struct reservation, cap * 2);
            ENSURE(more != NULL, NOMEM);
            memcpy(more, rows, cap * sizeof(*rows));
            rows = more;
            cap *= 2;
        }
        rows[*ret_n] = (struct reservation){
            .variant = sut_db_col_i64(s, 0),
            .quantity = sut_db_col_i64(s, 1),
            .state = (enum sut_reservation_state) sut_db_col_i64(s, 2),
            .product = sut_db_col_i64(s, 3),
        };
    }
    *ret = rows;
    return SUT_OK;
}

static SUT_ERR set_state(struct sut_db_conn *c, int64_t order, const struct reservation *r,
                         enum sut_reservation_state to, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &reservation_set, &s));
    sut_db_bind_i64(s, 1, order);
    sut_db_bind_i64(s, 2, r->variant);
    sut_db_bind_i64(s, 3, r->state);
    sut_db_bind_i64(s, 4, to);
    sut_db_bind_i64(s, 5, now.v);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) == 1, CORRUPT);
    return SUT_OK;
}

static void note_product(int64_t *products, size_t *n, int64_t product)
{
    for (size_t i = 0; i < *n; i++)
        if (products[i] == product)
            return;
    products[(*n)++] = product;
}

static const struct sut_sql *statement_of(enum sut_reservation_state from,
                                          enum sut_reservation_state to)
{
    if (to == SUT_RESERVATION_TAKEN)
        return from == SUT_RESERVATION_HELD ? &stock_taken : NULL;
    return from == SUT_RESERVATION_HELD ? &stock_freed : &stock_returned;
}

static SUT_ERR settle(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                      enum sut_reservation_state to, sut_ms now, const int64_t **ret_products,
                      size_t *ret_n)
{
    struct reservation *rows = NULL;
    size_t n = 0;
    *ret_products = NULL;
    *ret_n = 0;
    TRY(load(c, a, order, &rows, &n));
    int64_t *products = ARENA_ARRAY(a, int64_t, n + 1);
    ENSURE(products != NULL, NOMEM);
    for (size_t i = 0; i < n; i++) {
        const struct sut_sql *const sql = statement_of(rows[i].state, to);
        bool is_ok = false;
        if (sql == NULL)
            continue;
        TRY(change(c, sql, rows[i].variant, rows[i].quantity, &is_ok));
        /* The ledger and the variant's row say different things. */
        ENSURE(is_ok, CORRUPT);
        TRY(set_state(c, order, &rows[i], to, now));
        note_product(products, ret_n, rows[i].product);
    }
    *ret_products = products;
    return SUT_OK;
}

SUT_ERR sut_stock_take(struct sut_db_conn *c, struct sut_arena *a, int64_t order, sut_ms now,
                       const int64_t **ret_products, size_t *ret_n)
{
    return settle(c, a, order, SUT_RESERVATION_TAKEN, now, ret_products, ret_n);
}

SUT_ERR sut_stock_release(struct sut_db_conn *c, struct sut_arena *a, int64_t order, sut_ms now,
                          const int64_t **ret_products, size_t *ret_n)
{
    return settle(c, a, order, SUT_RESERVATION_RELEASED, now, ret_products, ret_n);
}

SUT_ERR sut_stock_audit(struct sut_db_conn *c, int64_t *ret_bad)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &stock_audit, &s));
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret_bad = sut_db_col_i64(s, 0);
    return SUT_OK;
}
