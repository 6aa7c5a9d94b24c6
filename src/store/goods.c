/* SPDX-License-Identifier: Apache-2.0 */
#include "store/goods.h"

#include "db/db.h"
#include "store/search.h"

enum { PAGE_MAX = 100 };

/* $1, $2: the price; $3: the category; $4: in stock or not (-1: both); then what is searched. */
#define PRICE      " p.price BETWEEN $1 AND $2"
#define CATEGORY_0 " AND CAST($3 AS BIGINT) = 0"
#define CATEGORY_1                                                                                 \
    " AND p.category_id IN (WITH RECURSIVE wanted (id) AS (SELECT id FROM categories"              \
    " WHERE id = $3 UNION SELECT k.id FROM categories k JOIN wanted w ON k.parent_id = w.id)"      \
    " SELECT id FROM wanted)"
#define STOCK                                                                                      \
    " AND (CAST($4 AS BIGINT) < 0 OR $4 = CASE WHEN EXISTS (SELECT 1 FROM variants v"              \
    " WHERE v.product_id = p.id AND v.is_active = 1 AND v.stock > v.reserved)"                     \
    " THEN 1 ELSE 0 END)"
#define WORDS_0 ""
#define WORDS_S " AND " SUT_SEARCH_SQLITE(5)
#define WORDS_P " AND " SUT_SEARCH_POSTGRES(5)
#define PAGE_0  " LIMIT $5 OFFSET $6"
#define PAGE_S  " LIMIT $6 OFFSET $7"
#define PAGE_P  PAGE_S

#define LIST(k_, w_, name_, order_)                                                                \
    {                                                                                              \
        .name = "goods_list_" #k_ #w_ name_,                                                       \
        .text = "SELECT p.id FROM products p WHERE" PRICE CATEGORY_##k_ STOCK WORDS_##w_           \
            " ORDER BY " order_ PAGE_##w_,                                                         \
    }
#define COUNT(k_, w_)                                                                              \
    {                                                                                              \
        .name = "goods_count_" #k_ #w_,                                                            \
        .text = "SELECT COUNT(*) FROM products p WHERE" PRICE CATEGORY_##k_ STOCK WORDS_##w_,      \
    }
#define FORMS(k_, w_)                                                                              \
    {                                                                                              \
        [SUT_GOODS_NEWEST] = LIST(k_, w_, "_newest", "p.created_at DESC, p.id DESC"),              \
        [SUT_GOODS_OLDEST] = LIST(k_, w_, "_oldest", "p.created_at, p.id"),                        \
        [SUT_GOODS_BY_NAME] = LIST(k_, w_, "_name", "p.name, p.id"),                               \
        [SUT_GOODS_BY_NAME_DOWN] = LIST(k_, w_, "_name_down", "p.name DESC, p.id DESC"),           \
        [SUT_GOODS_CHEAPEST] = LIST(k_, w_, "_cheapest", "p.price, p.id"),                         \
        [SUT_GOODS_DEAREST] = LIST(k_, w_, "_dearest", "p.price DESC, p.id DESC"),                 \
        [SUT_GOODS_BY_ID] = LIST(k_, w_, "_id", "p.id"), [SUT_GOODS_ORDERS] = COUNT(k_, w_),       \
    }

enum { NO_WORDS, WORDS_OF_SQLITE, WORDS_OF_POSTGRES, WAYS };
static const struct sut_sql statements[2][WAYS][SUT_GOODS_ORDERS + 1] = {
    { FORMS(0, 0), FORMS(0, S), FORMS(0, P) },
    { FORMS(1, 0), FORMS(1, S), FORMS(1, P) },
};

static const struct sut_sql goods_after = {
    .name = "goods_after",
    .text = "SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2",
};

static const struct sut_sql goods_sku = {
    .name = "goods_sku",
    .text = "SELECT product_id, id FROM variants WHERE sku = $1",
};

static const struct sut_sql goods_slug = {
    .name = "goods_slug",
    .text = "SELECT 1 FROM products WHERE slug = $1",
};

static const struct sut_sql goods_coverage = {
    .name = "goods_coverage",
    .text = "SELECT 1 FROM coverage_levels WHERE code = $1",
};

static const struct sut_sql variant_put = {
    .name = "goods_variant_put",
    .text = "UPDATE variants SET name = $1, sku = $2, size = $3, color = $4, price = $5,"
            " is_default = $6, is_active = $7, modified_at = $8 WHERE id = $9",
};

static const struct sut_sql stock_put = {
    .name = "goods_stock_put",
    .text = "UPDATE variants SET stock = $1, modified_at = $2 WHERE id = $3 AND reserved <= $1",
};

static const struct sut_sql product_ordered = {
    .name = "goods_product_ordered",
    .text = "SELECT 1 FROM order_lines WHERE product_id = $1 LIMIT 1",
};

static const struct sut_sql variant_ordered = {
    .name = "goods_variant_ordered",
    .text = "SELECT 1 FROM order_lines WHERE variant_id = $1 LIMIT 1",
};

static const struct sut_sql product_delete = {
    .name = "goods_product_delete",
    .text = "DELETE FROM products WHERE id = $1",
};

static const struct sut_sql variant_delete = {
    .name = "goods_variant_delete",
    .text = "DELETE FROM variants WHERE id = $1",
};

static const struct sut_sql version_grow = {
    .name = "catalogue_version_grow_goods",
    .text = "UPDATE catalogue_version SET version = version + 1 WHERE id = 1 RETURNING version",
};

/* The words of a search as the database asks for them. */
static SUT_ERR question(struct sut_db_conn *c, struct sut_arena *a, const struct sut_goods_query *q,
                        sut_str *ret)
{
    const struct sut_search wanted = {
        .terms = q->terms,
        .n_terms = q->n_terms,
        .has_skus = true,
        .has_hidden = true,
    };
    struct sut_buf b;
    sut_buf_init_arena(&b, a, SUT_SEARCH_TEXT_MAX);
    TRY(sut_search_text(sut_db_conn_kind(c), &wanted, SUT_SEARCH_ALL, &b));
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* Bind all but the page; the number of the next parameter. */
static SUT_ERR prepare(struct sut_db_conn *c, struct sut_arena *a, const struct sut_goods_query *q,
                       unsigned form, int *ret_next, struct sut_db_stmt **ret)
{
    const unsigned words =
        sut_db_conn_kind(c) == SUT_DB_SQLITE ? WORDS_OF_SQLITE : WORDS_OF_POSTGRES;
    const unsigned way = q->n_terms == 0 ? NO_WORDS : words;
    sut_str text = { 0 };
    TRY(sut_db_prepare(c, &statements[q->category_id != 0][way][form], ret));
    sut_db_bind_i64(*ret, 1, q->min_cents);
    sut_db_bind_i64(*ret, 2, q->max_cents);
    sut_db_bind_i64(*ret, 3, q->category_id);
    sut_db_bind_i64(*ret, 4, q->in_stock);
    *ret_next = 5;
    if (way != NO_WORDS) {
        TRY(question(c, a, q, &text));
        sut_db_bind_text(*ret, (*ret_next)++, text);
    }
    return SUT_OK;
}

static SUT_ERR read_ids(struct sut_db_stmt *s, int64_t *ids, size_t max, size_t *ret_n)
{
    bool is_row = false;
    size_t n = 0;
    for (;;) {
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        if (n < max)
            ids[n++] = sut_db_col_i64(s, 0);
    }
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_goods_list(struct sut_db_conn *c, struct sut_arena *a, const struct sut_goods_query *q,
                       int64_t *ids, size_t *ret_n, int64_t *ret_count)
{
    ENSURE(q->limit > 0 && q->limit <= PAGE_MAX && q->offset >= 0 && q->order < SUT_GOODS_ORDERS,
           INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *all = NULL;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int next = 0;
    TRY(prepare(c, a, q, q->order, &next, &s));
    sut_db_bind_i64(s, next, q->limit);
    sut_db_bind_i64(s, next + 1, q->offset);
    TRY(read_ids(s, ids, (size_t) q->limit, ret_n));
    /* A page that is not full ends the list. */
    if (*ret_n < (size_t) q->limit && (*ret_n > 0 || q->offset == 0)) {
        *ret_count = q->offset + (int64_t) *ret_n;
        return SUT_OK;
    }
    bool is_row = false;
    TRY(prepare(c, a, q, SUT_GOODS_ORDERS, &next, &all));
    TRY(sut_db_step(all, &is_row));
    *ret_count = is_row ? sut_db_col_i64(all, 0) : 0;
    return SUT_OK;
}

SUT_ERR sut_goods_after(struct sut_db_conn *c, int64_t id, int64_t *ids, size_t max, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &goods_after, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, (int64_t) max);
    return read_ids(s, ids, max, ret_n);
}

SUT_ERR sut_goods_sku(struct sut_db_conn *c, sut_str sku, int64_t *ret_product,
                      int64_t *ret_variant)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &goods_sku, &s));
    sut_db_bind_text(s, 1, sku);
    TRY(sut_db_step(s, &is_row));
    *ret_product = is_row ? sut_db_col_i64(s, 0) : 0;
    *ret_variant = is_row ? sut_db_col_i64(s, 1) : 0;
    return SUT_OK;
}

static SUT_ERR is_there(struct sut_db_conn *c, const struct sut_sql *sql, sut_str text, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_text(s, 1, text);
    return sut_db_step(s, ret);
}

SUT_ERR sut_goods_slug_taken(struct sut_db_conn *c, sut_str slug, bool *ret)
{
    return is_there(c, &goods_slug, slug, ret);
}

SUT_ERR sut_goods_coverage_is(struct sut_db_conn *c, sut_str code, bool *ret)
{
    return is_there(c, &goods_coverage, code, ret);
}

/* Run what gives no rows; how many it changed. */
static SUT_ERR run(struct sut_db_stmt *s, int64_t *ret)
{
    bool is_row = false;
    TRY(sut_db_step(s, &is_row));
    *ret = sut_db_changes(s);
    return SUT_OK;
}

SUT_ERR sut_goods_variant_put(struct sut_db_conn *c, int64_t id, const struct sut_variant_data *d,
                              sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int64_t n = 0;
    TRY(sut_db_prepare(c, &variant_put, &s));
    sut_db_bind_text(s, 1, d->name);
    sut_db_bind_text(s, 2, d->sku);
    if (d->size.p == NULL)
        sut_db_bind_null(s, 3);
    else
        sut_db_bind_text(s, 3, d->size);
    sut_db_bind_text(s, 4, d->color);
    if (d->price_cents < 0)
        sut_db_bind_null(s, 5);
    else
        sut_db_bind_i64(s, 5, d->price_cents);
    sut_db_bind_i64(s, 6, d->is_default);
    sut_db_bind_i64(s, 7, d->is_active);
    sut_db_bind_i64(s, 8, now.v);
    sut_db_bind_i64(s, 9, id);
    TRY(run(s, &n));
    ENSURE(n == 1, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_goods_stock_put(struct sut_db_conn *c, int64_t id, int64_t stock, sut_ms now, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int64_t n = 0;
    TRY(sut_db_prepare(c, &stock_put, &s));
    sut_db_bind_i64(s, 1, stock);
    sut_db_bind_i64(s, 2, now.v);
    sut_db_bind_i64(s, 3, id);
    TRY(run(s, &n));
    *ret = n == 1;
    return SUT_OK;
}

SUT_ERR sut_goods_is_ordered(struct sut_db_conn *c, int64_t product_id, int64_t variant_id,
                             bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, product_id != 0 ? &product_ordered : &variant_ordered, &s));
    sut_db_bind_i64(s, 1, product_id != 0 ? product_id : variant_id);
    return sut_db_step(s, ret);
}

SUT_ERR sut_goods_delete(struct sut_db_conn *c, int64_t product_id, int64_t *ret_version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_db_end) struct sut_db_stmt *v = NULL;
    int64_t n = 0;
    bool is_row = false;
    TRY(sut_db_prepare(c, &product_delete, &s));
    sut_db_bind_i64(s, 1, product_id);
    TRY(run(s, &n));
    ENSURE(n == 1, NOT_FOUND);
    TRY(sut_db_prepare(c, &version_grow, &v));
    TRY(sut_db_step(v, &is_row));
    ENSURE(is_row, CORRUPT);
    *ret_version = sut_db_col_i64(v, 0);
    while (is_row)
        TRY(sut_db_step(v, &is_row));
    return SUT_OK;
}

SUT_ERR sut_goods_variant_delete(struct sut_db_conn *c, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int64_t n = 0;
    TRY(sut_db_prepare(c, &variant_delete, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(run(s, &n));
    ENSURE(n == 1, NOT_FOUND);
    return SUT_OK;
}
