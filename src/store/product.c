/* SPDX-License-Identifier: Apache-2.0 */
#include "store/product.h"

#include "db/db.h"
#include "store/search.h"

static const struct sut_sql version_grow = {
    .name = "catalogue_version_grow",
    .text = "UPDATE catalogue_version SET version = version + 1 WHERE id = 1 RETURNING version",
};

static const struct sut_sql category_depth = {
    .name = "category_depth",
    .text = "WITH RECURSIVE up (id, parent_id) AS ("
            "SELECT id, parent_id FROM categories WHERE id = $1"
            " UNION SELECT c.id, c.parent_id FROM categories c JOIN up u ON c.id = u.parent_id)"
            " SELECT COUNT(*) FROM up",
};

static const struct sut_sql category_insert = {
    .name = "category_insert",
    .text = "INSERT INTO categories (name, slug, description, parent_id, is_active, created_at,"
            " modified_at) VALUES ($1, $2, $3, $4, 1, $5, $5) RETURNING id",
};

static const struct sut_sql category_show = {
    .name = "category_show",
    .text = "UPDATE categories SET is_active = $1, modified_at = $2 WHERE id = $3",
};

static const struct sut_sql category_is = {
    .name = "category_is",
    .text = "SELECT 1 FROM categories WHERE id = $1",
};

static const struct sut_sql coverage_id = {
    .name = "coverage_id",
    .text = "SELECT id FROM coverage_levels WHERE code = $1",
};

static const struct sut_sql product_insert = {
    .name = "product_insert",
    .text = "INSERT INTO products (name, slug, description, category_id, coverage_level_id, price,"
            " is_featured, is_active, created_by, modified_by, created_at, modified_at,"
            " date_added)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $10, $11) RETURNING id",
};

static const struct sut_sql product_update = {
    .name = "product_update",
    .text = "UPDATE products SET name = $1, slug = $2, description = $3, category_id = $4,"
            " coverage_level_id = $5, price = $6, is_featured = $7, is_active = $8,"
            " modified_by = $9, modified_at = $10, version = version + 1 WHERE id = $11",
};

static const struct sut_sql product_touch = {
    .name = "product_touch",
    .text = "UPDATE products SET version = version + 1, modified_at = $1 WHERE id = $2",
};

static const struct sut_sql product_count = {
    .name = "product_count",
    .text = "SELECT COUNT(*) FROM products",
};

static const struct sut_sql variant_insert = {
    .name = "variant_insert",
    .text = "INSERT INTO variants (product_id, name, sku, size, color, price, stock, is_default,"
            " is_active, created_at, modified_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING id",
};

static const struct sut_sql variant_update = {
    .name = "variant_update",
    .text = "UPDATE variants SET name = $1, sku = $2, size = $3, color = $4, price = $5,"
            " stock = $6, is_default = $7, is_active = $8, modified_at = $9 WHERE id = $10"
            " RETURNING product_id",
};

/* Run to the end; the first column of the first row, when there is one. */
static sut_err run(struct sut_db_stmt *s, bool *ret_row, int64_t *ret)
{
    bool is_row = false;
    TRY(sut_db_step(s, &is_row));
    *ret_row = is_row;
    if (is_row)
        *ret = sut_db_col_i64(s, 0);
    while (is_row)
        TRY(sut_db_step(s, &is_row));
    return SUT_OK;
}

static sut_err run_changes(struct sut_db_stmt *s, int64_t *ret)
{
    bool is_row = false;
    int64_t ignored = 0;
    TRY(run(s, &is_row, &ignored));
    *ret = sut_db_changes(s);
    return SUT_OK;
}

static void bind_i64_or_null(struct sut_db_stmt *s, int n, int64_t v, int64_t absent)
{
    if (v == absent)
        sut_db_bind_null(s, n);
    else
        sut_db_bind_i64(s, n, v);
}

static sut_err grow_version(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &version_grow, &s));
    bool is_row = false;
    TRY(run(s, &is_row, ret));
    ENSURE(is_row, CORRUPT);
    return SUT_OK;
}

/* ---- categories ----------------------------------------------------------------------- */

static sut_err check_depth(struct sut_db_conn *c, int64_t parent_id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_depth, &s));
    sut_db_bind_i64(s, 1, parent_id);
    bool is_row = false;
    int64_t depth = 0;
    TRY(run(s, &is_row, &depth));
    ENSURE(depth > 0 && depth < SUT_CATEGORY_DEPTH_MAX, INVALID);
    return SUT_OK;
}

sut_err sut_category_insert(struct sut_db_conn *c, const struct sut_category_data *d, sut_ms now,
                            int64_t *ret_id, int64_t *ret_version)
{
    if (d->parent_id != 0)
        TRY(check_depth(c, d->parent_id));

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_insert, &s));
    sut_db_bind_text(s, 1, d->name);
    sut_db_bind_text(s, 2, d->slug);
    sut_db_bind_text(s, 3, d->description);
    bind_i64_or_null(s, 4, d->parent_id, 0);
    sut_db_bind_i64(s, 5, now.v);
    bool is_row = false;
    TRY(run(s, &is_row, ret_id));
    ENSURE(is_row, SYSTEM);
    return grow_version(c, ret_version);
}

sut_err sut_category_show(struct sut_db_conn *c, int64_t id, bool is_active, sut_ms now,
                          int64_t *ret_version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_show, &s));
    sut_db_bind_i64(s, 1, is_active);
    sut_db_bind_i64(s, 2, now.v);
    sut_db_bind_i64(s, 3, id);
    int64_t changed = 0;
    TRY(run_changes(s, &changed));
    ENSURE(changed == 1, NOT_FOUND);
    return grow_version(c, ret_version);
}

/* ---- products ------------------------------------------------------------------------- */

/* The statement's parameters $1 … $9 and $10, the same for insert and update. */
static sut_err bind_product(struct sut_db_conn *c, struct sut_db_stmt *s,
                            const struct sut_product_data *d, sut_ms now)
{
    int64_t coverage = 0;
    bool is_row = true;
    if (d->coverage.n > 0) {
        DEFER(sut_db_end) struct sut_db_stmt *q = NULL;
        TRY(sut_db_prepare(c, &coverage_id, &q));
        sut_db_bind_text(q, 1, d->coverage);
        TRY(run(q, &is_row, &coverage));
        ENSURE(is_row, INVALID);
    }
    DEFER(sut_db_end) struct sut_db_stmt *k = NULL;
    TRY(sut_db_prepare(c, &category_is, &k));
    sut_db_bind_i64(k, 1, d->category_id);
    int64_t ignored = 0;
    TRY(run(k, &is_row, &ignored));
    ENSURE(is_row, INVALID);

    sut_db_bind_text(s, 1, d->name);
    sut_db_bind_text(s, 2, d->slug);
    sut_db_bind_text(s, 3, d->description);
    sut_db_bind_i64(s, 4, d->category_id);
    bind_i64_or_null(s, 5, coverage, 0);
    sut_db_bind_i64(s, 6, d->price_cents);
    sut_db_bind_i64(s, 7, d->is_featured);
    sut_db_bind_i64(s, 8, d->is_active);
    bind_i64_or_null(s, 9, d->by, 0);
    sut_db_bind_i64(s, 10, now.v);
    return SUT_OK;
}

static void bind_variant(struct sut_db_stmt *s, int n, const struct sut_variant_data *d)
{
    sut_db_bind_text(s, n, d->name);
    sut_db_bind_text(s, n + 1, d->sku);
    if (d->size.p == NULL)
        sut_db_bind_null(s, n + 2);
    else
        sut_db_bind_text(s, n + 2, d->size);
    sut_db_bind_text(s, n + 3, d->color);
    bind_i64_or_null(s, n + 4, d->price_cents, -1);
    sut_db_bind_i64(s, n + 5, d->stock);
    sut_db_bind_i64(s, n + 6, d->is_default);
    sut_db_bind_i64(s, n + 7, d->is_active);
}

static sut_err insert_variant(struct sut_db_conn *c, int64_t product_id,
                              const struct sut_variant_data *d, sut_ms now, int64_t *ret_id)
{
    ENSURE(d->stock >= 0, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &variant_insert, &s));
    sut_db_bind_i64(s, 1, product_id);
    bind_variant(s, 2, d);
    sut_db_bind_i64(s, 10, now.v);
    bool is_row = false;
    TRY(run(s, &is_row, ret_id));
    ENSURE(is_row, SYSTEM);
    return SUT_OK;
}

sut_err sut_product_insert(struct sut_db_conn *c, const struct sut_product_data *d,
                           const struct sut_variant_data *variants, size_t n_variants, sut_ms now,
                           int64_t *ret_id, int64_t *ret_version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &product_insert, &s));
    TRY(bind_product(c, s, d, now));
    sut_db_bind_i64(s, 11, d->date_added.v);
    bool is_row = false;
    TRY(run(s, &is_row, ret_id));
    ENSURE(is_row, SYSTEM);

    for (size_t i = 0; i < n_variants; i++) {
        int64_t ignored = 0;
        TRY(insert_variant(c, *ret_id, &variants[i], now, &ignored));
    }
    TRY(sut_search_index(c, *ret_id));
    return grow_version(c, ret_version);
}

sut_err sut_product_update(struct sut_db_conn *c, int64_t id, const struct sut_product_data *d,
                           sut_ms now, int64_t *ret_version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &product_update, &s));
    TRY(bind_product(c, s, d, now));
    sut_db_bind_i64(s, 11, id);
    int64_t changed = 0;
    TRY(run_changes(s, &changed));
    ENSURE(changed == 1, NOT_FOUND);
    TRY(sut_search_index(c, id));
    return grow_version(c, ret_version);
}

static sut_err touch(struct sut_db_conn *c, int64_t id, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &product_touch, &s));
    sut_db_bind_i64(s, 1, now.v);
    sut_db_bind_i64(s, 2, id);
    int64_t changed = 0;
    TRY(run_changes(s, &changed));
    ENSURE(changed == 1, NOT_FOUND);
    return SUT_OK;
}

sut_err sut_variant_insert(struct sut_db_conn *c, int64_t product_id,
                           const struct sut_variant_data *d, sut_ms now, int64_t *ret_id,
                           int64_t *ret_version)
{
    TRY(touch(c, product_id, now));
    TRY(insert_variant(c, product_id, d, now, ret_id));
    TRY(sut_search_index(c, product_id));
    return grow_version(c, ret_version);
}

sut_err sut_variant_update(struct sut_db_conn *c, int64_t id, const struct sut_variant_data *d,
                           sut_ms now, int64_t *ret_version)
{
    ENSURE(d->stock >= 0, INVALID);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &variant_update, &s));
    bind_variant(s, 1, d);
    sut_db_bind_i64(s, 9, now.v);
    sut_db_bind_i64(s, 10, id);
    bool is_row = false;
    int64_t product_id = 0;
    TRY(run(s, &is_row, &product_id));
    ENSURE(is_row, NOT_FOUND);
    return sut_product_touch(c, product_id, now, ret_version);
}

sut_err sut_product_touch(struct sut_db_conn *c, int64_t id, sut_ms now, int64_t *ret_version)
{
    TRY(touch(c, id, now));
    /* A SKU may be what changed. */
    TRY(sut_search_index(c, id));
    return grow_version(c, ret_version);
}

sut_err sut_product_count(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &product_count, &s));
    bool is_row = false;
    return run(s, &is_row, ret);
}
