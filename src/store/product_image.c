/* SPDX-License-Identifier: Apache-2.0 */
#include "store/product_image.h"

#include <string.h>

#include "db/db.h"

static const struct sut_sql image_add = {
    .name = "product_image_add",
    .text =
        "INSERT INTO product_images (product_id, image, thumbnail, large, media_id, is_feature,"
        " position) SELECT p.id, $2, $3, $4, $5, $6,"
        " COALESCE((SELECT MAX(i.position) + 1 FROM product_images i WHERE i.product_id = p.id),"
        " 0) FROM products p WHERE p.id = $1 RETURNING id",
};

static const struct sut_sql image_count = {
    .name = "product_image_count",
    .text = "SELECT COUNT(*) FROM product_images WHERE product_id = $1",
};

static const struct sut_sql image_bare = {
    .name = "product_image_bare",
    .text = "SELECT p.id, MIN(v.sku) FROM products p JOIN variants v ON v.product_id = p.id"
            " WHERE v.sku LIKE $1 AND NOT EXISTS"
            " (SELECT 1 FROM product_images i WHERE i.product_id = p.id)"
            " GROUP BY p.id, p.is_featured, p.date_added"
            " ORDER BY p.is_featured DESC, p.date_added DESC, p.id LIMIT $2",
};

SUT_ERR sut_product_image_add(struct sut_db_conn *c, const struct sut_product_image_data *d,
                              int64_t *ret_id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &image_add, &s));
    sut_db_bind_i64(s, 1, d->product_id);
    sut_db_bind_text(s, 2, d->image);
    sut_db_bind_text(s, 3, d->thumbnail);
    sut_db_bind_text(s, 4, d->large);
    if (d->media_id == 0)
        sut_db_bind_null(s, 5);
    else
        sut_db_bind_i64(s, 5, d->media_id);
    sut_db_bind_i64(s, 6, d->is_feature);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret_id = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_product_image_count(struct sut_db_conn *c, int64_t product_id, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &image_count, &s));
    sut_db_bind_i64(s, 1, product_id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, CORRUPT);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_product_image_bare(struct sut_db_conn *c, sut_str sku_like,
                               struct sut_product_bare *ret, size_t cap, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    *ret_n = 0;
    TRY(sut_db_prepare(c, &image_bare, &s));
    sut_db_bind_text(s, 1, sku_like);
    sut_db_bind_i64(s, 2, (int64_t) cap);
    for (;;) {
        TRY(sut_db_step(s, &has_row));
        if (!has_row || *ret_n == cap)
            return SUT_OK;
        struct sut_product_bare *const b = &ret[(*ret_n)++];
        const sut_str sku = sut_db_col_text(s, 1);
        const size_t n = sku.n < SUT_PRODUCT_BARE_SKU - 1 ? sku.n : SUT_PRODUCT_BARE_SKU - 1;
        *b = (struct sut_product_bare){ .id = sut_db_col_i64(s, 0) };
        memcpy(b->sku, sku.p, n);
    }
}
