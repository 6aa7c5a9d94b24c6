/* SPDX-License-Identifier: Apache-2.0 */
#include "store/product_picture.h"

#include "db/db.h"
#include "store/media_row.h"
#include "store/product.h"

static const struct sut_sql picture_count = {
    .name = "product_picture_count",
    .text = "SELECT COUNT(*), COALESCE(MAX(position), -1) FROM product_images"
            " WHERE product_id = $1",
};

static const struct sut_sql picture_no_feature = {
    .name = "product_picture_no_feature",
    .text = "UPDATE product_images SET is_feature = 0 WHERE product_id = $1 AND is_feature = 1",
};

static const struct sut_sql picture_insert = {
    .name = "product_picture_insert",
    .text = "INSERT INTO product_images (product_id, image, thumbnail, large, is_feature,"
            " position, media_id) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
};

static const struct sut_sql picture_find = {
    .name = "product_picture_find",
    .text = "SELECT image, thumbnail, large, media_id, is_feature FROM product_images"
            " WHERE product_id = $1 AND id = $2",
};

static const struct sut_sql picture_delete = {
    .name = "product_picture_delete",
    .text = "DELETE FROM product_images WHERE id = $1",
};

static const struct sut_sql picture_next_feature = {
    .name = "product_picture_next_feature",
    .text = "UPDATE product_images SET is_feature = 1 WHERE id = (SELECT i.id FROM product_images i"
            " WHERE i.product_id = $1 ORDER BY i.position, i.id LIMIT 1)",
};

static const struct sut_sql picture_drop_all = {
    .name = "product_picture_drop_all",
    .text = "UPDATE media SET state = 3, modified_at = $2 WHERE state <> 3 AND id IN"
            " (SELECT i.media_id FROM product_images i WHERE i.product_id = $1)",
};

static SUT_ERR run_for_id(struct sut_db_conn *c, const struct sut_sql *sql, int64_t id)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, id);
    return sut_db_step(s, &has_row);
}

static SUT_ERR count(struct sut_db_conn *c, int64_t product_id, int64_t *ret_n, int64_t *ret_last)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &picture_count, &s));
    sut_db_bind_i64(s, 1, product_id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret_n = sut_db_col_i64(s, 0);
    *ret_last = sut_db_col_i64(s, 1);
    return SUT_OK;
}

static SUT_ERR insert(struct sut_db_conn *c, struct sut_product_picture *row, int64_t position)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &picture_insert, &s));
    sut_db_bind_i64(s, 1, row->product_id);
    sut_db_bind_text(s, 2, row->image);
    sut_db_bind_text(s, 3, row->thumbnail);
    sut_db_bind_text(s, 4, row->large);
    sut_db_bind_i64(s, 5, row->is_feature);
    sut_db_bind_i64(s, 6, position);
    sut_db_bind_i64(s, 7, row->media_id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    row->id = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_product_picture_add(struct sut_db_conn *c, struct sut_product_picture *row, sut_ms now,
                                int64_t *ret_version)
{
    int64_t n = 0;
    int64_t last = -1;
    TRY(sut_product_touch(c, row->product_id, now, ret_version));
    TRY(count(c, row->product_id, &n, &last));
    ENSURE(n < SUT_PRODUCT_PICTURES_MAX, TOO_LARGE);
    row->is_feature = row->is_feature || n == 0;
    if (row->is_feature)
        TRY(run_for_id(c, &picture_no_feature, row->product_id));
    TRY(sut_media_row_use(c, row->media_id, now));
    return insert(c, row, last + 1);
}

static SUT_ERR text_of(struct sut_db_stmt *s, int i, struct sut_arena *a, sut_str *ret)
{
    const sut_str v = sut_db_col_text(s, i);
    *ret = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

SUT_ERR sut_product_picture_find(struct sut_db_conn *c, struct sut_arena *a, int64_t product_id,
                                 int64_t id, struct sut_product_picture *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &picture_find, &s));
    sut_db_bind_i64(s, 1, product_id);
    sut_db_bind_i64(s, 2, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = (struct sut_product_picture){
        .id = id,
        .product_id = product_id,
        .media_id = sut_db_col_i64(s, 3),
        .is_feature = sut_db_col_i64(s, 4) != 0,
    };
    TRY(text_of(s, 0, a, &ret->image));
    TRY(text_of(s, 1, a, &ret->thumbnail));
    return text_of(s, 2, a, &ret->large);
}

SUT_ERR sut_product_picture_remove(struct sut_db_conn *c, const struct sut_product_picture *row,
                                   sut_ms now, int64_t *ret_version)
{
    TRY(sut_product_touch(c, row->product_id, now, ret_version));
    TRY(run_for_id(c, &picture_delete, row->id));
    if (row->is_feature)
        TRY(run_for_id(c, &picture_next_feature, row->product_id));
    return row->media_id == 0 ? SUT_OK : sut_media_row_drop(c, row->media_id, now);
}

SUT_ERR sut_product_picture_drop_all(struct sut_db_conn *c, int64_t product_id, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &picture_drop_all, &s));
    sut_db_bind_i64(s, 1, product_id);
    sut_db_bind_i64(s, 2, now.v);
    return sut_db_step(s, &has_row);
}
