/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cart.h"

#include "store/cart_int.h"
#include "store/prune.h"
#include "store/store.h"

/* A guest's cart is told that it is in use this often. */
static const int64_t touch_ms = 3600000;
static const int64_t keep_ms = INT64_C(86400000) * SUT_CART_KEEP_DAYS;

static const struct sut_sql find_person = {
    .name = "cart_find_person",
    .text = "SELECT id, modified_at FROM carts WHERE person_id = $1",
};

static const struct sut_sql find_guest = {
    .name = "cart_find_guest",
    .text = "SELECT id, modified_at FROM carts WHERE guest = $1",
};

static const struct sut_sql make_cart = {
    .name = "cart_make",
    .text = "INSERT INTO carts (person_id, guest, created_at, modified_at) VALUES ($1, $2, $3, $3)"
            " RETURNING id",
};

static const struct sut_sql touch_cart = {
    .name = "cart_touch",
    .text = "UPDATE carts SET modified_at = $2 WHERE id = $1 AND guest IS NOT NULL"
            " AND modified_at < $3",
};

static const struct sut_sql lines_of = {
    .name = "cart_lines",
    .text = "SELECT " SUT_CART_COLUMNS("l.quantity") " FROM cart_lines l" SUT_CART_JOINS
                                                     " WHERE l.cart_id = $1 ORDER BY l.id",
};

static const struct sut_sql offer_of = {
    .name = "cart_offer",
    .text = "SELECT v.stock - v.reserved, v.price, p.price,"
            " CASE WHEN v.is_active = 1 AND " SUT_STORE_SHOWN " THEN 1 ELSE 0 END,"
            " (SELECT l.quantity FROM cart_lines l WHERE l.cart_id = $2 AND l.variant_id = v.id)"
            " FROM variants v JOIN products p ON p.id = v.product_id WHERE v.id = $1",
};

static const struct sut_sql line_of = {
    .name = "cart_line_of",
    .text = "SELECT variant_id, quantity FROM cart_lines WHERE id = $1 AND cart_id = $2",
};

/* No row comes back when either maximum is in the way. */
static const struct sut_sql add_line = {
    .name = "cart_add",
    .text = "INSERT INTO cart_lines (cart_id, variant_id, quantity, created_at, modified_at)"
            " SELECT $1, $2, $3, $4, $4 WHERE $5 > (SELECT COUNT(*) FROM cart_lines"
            " WHERE cart_id = $1 AND variant_id <> $2)"
            " ON CONFLICT (cart_id, variant_id) DO UPDATE"
            " SET quantity = cart_lines.quantity + excluded.quantity,"
            " modified_at = excluded.modified_at"
            " WHERE cart_lines.quantity + excluded.quantity <= $6 RETURNING id, quantity",
};

static const struct sut_sql has_variant = {
    .name = "cart_has_variant",
    .text = "SELECT 1 FROM cart_lines WHERE cart_id = $1 AND variant_id = $2",
};

static const struct sut_sql set_line = {
    .name = "cart_set",
    .text = "UPDATE cart_lines SET quantity = $3, modified_at = $4 WHERE id = $1 AND cart_id = $2",
};

static const struct sut_sql remove_line = {
    .name = "cart_remove",
    .text = "DELETE FROM cart_lines WHERE id = $1 AND cart_id = $2",
};

static const struct sut_sql clear_lines = {
    .name = "cart_clear",
    .text = "DELETE FROM cart_lines WHERE cart_id = $1",
};

static const struct sut_sql give_cart = {
    .name = "cart_give",
    .text = "UPDATE carts SET person_id = $2, guest = NULL, modified_at = $3 WHERE id = $1",
};

static const struct sut_sql merge_lines = {
    .name = "cart_merge",
    .text = "INSERT INTO cart_lines (cart_id, variant_id, quantity, created_at, modified_at)"
            " SELECT $1, g.variant_id, g.quantity, g.created_at, $3 FROM cart_lines g"
            " WHERE g.cart_id = $2 ORDER BY g.id"
            " ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity,"
            " modified_at = excluded.modified_at WHERE cart_lines.quantity < excluded.quantity",
};

static const struct sut_sql drop_cart = {
    .name = "cart_drop",
    .text = "DELETE FROM carts WHERE id = $1",
};

static const struct sut_sql cut_lines = {
    .name = "cart_cut",
    .text = "DELETE FROM cart_lines WHERE cart_id = $1 AND id NOT IN"
            " (SELECT id FROM cart_lines WHERE cart_id = $1 ORDER BY id LIMIT $2)",
};

static const struct sut_sql prune_carts = {
    .name = "cart_prune",
    .text = "DELETE FROM carts WHERE id IN (SELECT id FROM carts WHERE guest IS NOT NULL"
            " AND modified_at < $1 ORDER BY modified_at LIMIT 500)",
};

static SUT_ERR run(struct sut_db_stmt *s, int64_t *ret_changes)
{
    bool has_row = false;
    TRY(sut_db_step(s, &has_row));
    *ret_changes = sut_db_changes(s);
    return SUT_OK;
}

/* A statement whose parameters are numbers alone. */
static SUT_ERR run_numbers(struct sut_db_conn *c, const struct sut_sql *sql, const int64_t *v,
                           int n, int64_t *ret_changes)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    for (int i = 0; i < n; i++)
        sut_db_bind_i64(s, i + 1, v[i]);
    return run(s, ret_changes);
}

static bool is_owner(const struct sut_cart_owner *o)
{
    return o->person > 0 ? o->guest.n == 0 : o->guest.n == SUT_CART_GUEST_SIZE;
}

static SUT_ERR find(struct sut_db_conn *c, const struct sut_cart_owner *o, int64_t *ret,
                    sut_ms *ret_modified)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    *ret = 0;
    ENSURE(is_owner(o), INVALID);
    TRY(sut_db_prepare(c, o->person > 0 ? &find_person : &find_guest, &s));
    if (o->person > 0)
        sut_db_bind_i64(s, 1, o->person);
    else
        sut_db_bind_blob(s, 1, o->guest);
    TRY(sut_db_step(s, &has_row));
    if (!has_row)
        return SUT_OK;
    *ret = sut_db_col_i64(s, 0);
    *ret_modified = (sut_ms){ sut_db_col_i64(s, 1) };
    return SUT_OK;
}

SUT_ERR sut_cart_find(struct sut_db_conn *c, const struct sut_cart_owner *o, int64_t *ret)
{
    sut_ms modified = { 0 };
    return find(c, o, ret, &modified);
}

static sut_str text_at(struct sut_arena *a, struct sut_db_stmt *s, int i)
{
    return sut_db_col_is_null(s, i) ? (sut_str){ 0 } : sut_str_dup(a, sut_db_col_text(s, i));
}

static struct sut_cart_line line_at(struct sut_arena *a, struct sut_db_stmt *s)
{
    const int64_t base = sut_db_col_i64(s, 12);
    return (struct sut_cart_line){
        .id = sut_db_col_i64(s, 0),
        .variant_id = sut_db_col_i64(s, 1),
        .product_id = sut_db_col_i64(s, 2),
        .quantity = sut_db_col_i64(s, 3),
        .created_at = { sut_db_col_i64(s, 4) },
        .sku = text_at(a, s, 5),
        .variant_name = text_at(a, s, 6),
        .size = text_at(a, s, 7),
        .color = text_at(a, s, 8),
        .product_name = text_at(a, s, 9),
        .product_slug = text_at(a, s, 10),
        .price_cents = sut_db_col_is_null(s, 11) ? base : sut_db_col_i64(s, 11),
        .base_price_cents = base,
        .available = sut_db_col_i64(s, 13),
        .is_shown = sut_db_col_i64(s, 14) != 0,
    };
}

SUT_ERR sut_cart__read(struct sut_db_stmt *s, struct sut_arena *a, struct sut_cart_line **ret,
                       size_t *ret_n)
{
    struct sut_cart_line *lines = NULL;
    size_t n = 0;
    size_t cap = 0;
    for (;;) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        if (n == cap) {
            cap = cap == 0 ? 8 : cap * 2;
            struct sut_cart_line *more = ARENA_ARRAY(a, struct sut_cart_line, cap);
            ENSURE(more != NULL, NOMEM);
            if (n > 0)
                memcpy(more, lines, n * sizeof(*lines));
            lines = more;
        }
        lines[n++] = line_at(a, s);
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    *ret = lines;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_cart_lines(struct sut_db_conn *c, struct sut_arena *a, int64_t cart,
                       struct sut_cart_line **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &lines_of, &s));
    sut_db_bind_i64(s, 1, cart);
    return sut_cart__read(s, a, ret, ret_n);
}

SUT_ERR sut_cart_offer_of(struct sut_db_conn *c, int64_t cart, int64_t variant,
                          struct sut_cart_offer *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &offer_of, &s));
    sut_db_bind_i64(s, 1, variant);
    sut_db_bind_i64(s, 2, cart);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row && sut_db_col_i64(s, 3) != 0, NOT_FOUND);
    *ret = (struct sut_cart_offer){
        .available = sut_db_col_i64(s, 0),
        .price_cents = sut_db_col_is_null(s, 1) ? sut_db_col_i64(s, 2) : sut_db_col_i64(s, 1),
        .in_cart = sut_db_col_i64(s, 4),
    };
    return SUT_OK;
}

SUT_ERR sut_cart_line_find(struct sut_db_conn *c, int64_t cart, int64_t line, int64_t *ret_variant,
                           int64_t *ret_quantity)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &line_of, &s));
    sut_db_bind_i64(s, 1, line);
    sut_db_bind_i64(s, 2, cart);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret_variant = sut_db_col_i64(s, 0);
    *ret_quantity = sut_db_col_i64(s, 1);
    return SUT_OK;
}

/* --- in a write job --- */

static SUT_ERR touch(struct sut_db_conn *c, int64_t cart, sut_ms now)
{
    int64_t ignored = 0;
    return run_numbers(c, &touch_cart, (const int64_t[]){ cart, now.v, now.v - touch_ms }, 3,
                       &ignored);
}

SUT_ERR sut_cart_have(struct sut_db_conn *c, const struct sut_cart_owner *o, sut_ms now,
                      int64_t *ret)
{
    sut_ms modified = { 0 };
    bool has_row = false;
    TRY(find(c, o, ret, &modified));
    if (*ret != 0)
        return o->person > 0 || modified.v >= now.v - touch_ms ? SUT_OK : touch(c, *ret, now);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &make_cart, &s));
    if (o->person > 0) {
        sut_db_bind_i64(s, 1, o->person);
        sut_db_bind_null(s, 2);
    } else {
        sut_db_bind_null(s, 1);
        sut_db_bind_blob(s, 2, o->guest);
    }
    sut_db_bind_i64(s, 3, now.v);
    const sut_err e = sut_db_step(s, &has_row);
    /* Another server was quicker: the job runs again, and finds that one. */
    ENSURE(e.code != SUT_E_EXISTS, CONFLICT);
    TRY(e);
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

/* Which of the two maxima was in the way. */
static SUT_ERR refused(struct sut_db_conn *c, int64_t cart, int64_t variant)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &has_variant, &s));
    sut_db_bind_i64(s, 1, cart);
    sut_db_bind_i64(s, 2, variant);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, FULL);
    FAIL(TOO_LARGE);
}

SUT_ERR sut_cart_add(struct sut_db_conn *c, int64_t cart, int64_t variant, int64_t quantity,
                     sut_ms now, int64_t *ret_line, int64_t *ret_quantity)
{
    bool has_row = false;
    ENSURE(quantity >= 1 && quantity <= SUT_CART_QUANTITY_MAX, TOO_LARGE);
    {
        DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
        TRY(sut_db_prepare(c, &add_line, &s));
        sut_db_bind_i64(s, 1, cart);
        sut_db_bind_i64(s, 2, variant);
        sut_db_bind_i64(s, 3, quantity);
        sut_db_bind_i64(s, 4, now.v);
        sut_db_bind_i64(s, 5, SUT_CART_LINES_MAX);
        sut_db_bind_i64(s, 6, SUT_CART_QUANTITY_MAX);
        TRY(sut_db_step(s, &has_row));
        if (has_row) {
            *ret_line = sut_db_col_i64(s, 0);
            *ret_quantity = sut_db_col_i64(s, 1);
            return SUT_OK;
        }
    }
    return refused(c, cart, variant);
}

SUT_ERR sut_cart_set(struct sut_db_conn *c, int64_t cart, int64_t line, int64_t quantity,
                     sut_ms now)
{
    int64_t changes = 0;
    ENSURE(quantity >= 1 && quantity <= SUT_CART_QUANTITY_MAX, TOO_LARGE);
    TRY(run_numbers(c, &set_line, (const int64_t[]){ line, cart, quantity, now.v }, 4, &changes));
    ENSURE(changes > 0, NOT_FOUND);
    return touch(c, cart, now);
}

SUT_ERR sut_cart_remove(struct sut_db_conn *c, int64_t cart, int64_t line, sut_ms now)
{
    int64_t changes = 0;
    TRY(run_numbers(c, &remove_line, (const int64_t[]){ line, cart }, 2, &changes));
    ENSURE(changes > 0, NOT_FOUND);
    return touch(c, cart, now);
}

SUT_ERR sut_cart_clear(struct sut_db_conn *c, int64_t cart, sut_ms now, int64_t *ret_n)
{
    TRY(run_numbers(c, &clear_lines, &cart, 1, ret_n));
    return touch(c, cart, now);
}

SUT_ERR sut_cart_merge(struct sut_db_conn *c, sut_str guest, int64_t person, sut_ms now)
{
    int64_t from = 0;
    int64_t to = 0;
    int64_t ignored = 0;
    TRY(sut_cart_find(c, &(struct sut_cart_owner){ .guest = guest }, &from));
    if (from == 0)
        return SUT_OK;
    TRY(sut_cart_find(c, &(struct sut_cart_owner){ .person = person }, &to));
    if (to == 0)
        return run_numbers(c, &give_cart, (const int64_t[]){ from, person, now.v }, 3, &ignored);
    TRY(run_numbers(c, &merge_lines, (const int64_t[]){ to, from, now.v }, 3, &ignored));
    TRY(run_numbers(c, &cut_lines, (const int64_t[]){ to, SUT_CART_LINES_MAX }, 2, &ignored));
    return run_numbers(c, &drop_cart, &from, 1, &ignored);
}

SUT_ERR sut_cart_prune(struct sut_store *s, sut_ms now)
{
    const struct sut_sql *const sql[] = { &prune_carts };
    return sut_store__prune(s, sql, 1, (sut_ms){ now.v - keep_ms });
}
