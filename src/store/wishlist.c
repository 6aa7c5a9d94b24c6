/* SPDX-License-Identifier: Apache-2.0 */
#include "store/wishlist.h"

#include "store/cart_int.h"

static const struct sut_sql list = {
    .name = "wishlist",
    .text = "SELECT " SUT_CART_COLUMNS("1") " FROM wishlist_items l" SUT_CART_JOINS
                                            " WHERE l.person_id = $1 ORDER BY l.id DESC LIMIT $2",
};

static const struct sut_sql add = {
    .name = "wish_add",
    .text = "INSERT INTO wishlist_items (person_id, variant_id, created_at)"
            " SELECT $1, $2, $3 WHERE $4 > (SELECT COUNT(*) FROM wishlist_items"
            " WHERE person_id = $1) ON CONFLICT DO NOTHING RETURNING id",
};

static const struct sut_sql has = {
    .name = "wish_has",
    .text = "SELECT 1 FROM wishlist_items WHERE person_id = $1 AND variant_id = $2",
};

static const struct sut_sql find = {
    .name = "wish_find",
    .text = "SELECT variant_id FROM wishlist_items WHERE person_id = $1 AND id = $2",
};

static const struct sut_sql drop = {
    .name = "wish_drop",
    .text = "DELETE FROM wishlist_items WHERE person_id = $1 AND id = $2",
};

SUT_ERR sut_wishlist(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                     struct sut_cart_line **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &list, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, SUT_WISHES_MAX);
    return sut_cart__read(s, a, ret, ret_n);
}

/* The first number of a statement with a person and another number. */
static SUT_ERR look(struct sut_db_conn *c, const struct sut_sql *sql, int64_t person, int64_t other,
                    int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, other);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

static SUT_ERR insert(struct sut_db_conn *c, int64_t person, int64_t variant, sut_ms now,
                      int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &add, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, variant);
    sut_db_bind_i64(s, 3, now.v);
    sut_db_bind_i64(s, 4, SUT_WISHES_MAX);
    TRY(sut_db_step(s, &has_row));
    *ret = has_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

SUT_ERR sut_wish_add(struct sut_db_conn *c, int64_t person, int64_t variant, sut_ms now,
                     int64_t *ret)
{
    struct sut_cart_offer o = { 0 };
    int64_t ignored = 0;
    TRY(sut_cart_offer_of(c, 0, variant, &o));
    TRY(insert(c, person, variant, now, ret));
    if (*ret != 0)
        return SUT_OK;
    const sut_err e = look(c, &has, person, variant, &ignored);
    ENSURE(e.code != SUT_E_NOT_FOUND, FULL);
    TRY(e);
    FAIL(EXISTS);
}

SUT_ERR sut_wish_variant(struct sut_db_conn *c, int64_t person, int64_t wish, int64_t *ret)
{
    return look(c, &find, person, wish, ret);
}

SUT_ERR sut_wish_remove(struct sut_db_conn *c, int64_t person, int64_t wish)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &drop, &s));
    sut_db_bind_i64(s, 1, person);
    sut_db_bind_i64(s, 2, wish);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}
