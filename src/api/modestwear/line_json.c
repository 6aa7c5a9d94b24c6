/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/line_json.h"

#include "api/picture_url.h"
#include "api/product_json.h"

/* --- schemas --- */

static const struct sut_field image_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "image", .type = SUT_F_STRING },
    { .name = "thumbnail", .type = SUT_F_STRING },
    { .name = "is_feature", .type = SUT_F_BOOL },
};
static const struct sut_schema image = SUT_SCHEMA("ProductBriefImage", image_fields);

static const struct sut_field product_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "name", .type = SUT_F_STRING },
    { .name = "slug", .type = SUT_F_STRING },
    { .name = "base_price", .type = SUT_F_PRICE },
    { .name = "images", .type = SUT_F_ARRAY, .of = &image },
};
const struct sut_schema api_a_product_brief = SUT_SCHEMA("ProductBrief", product_fields);

static const struct sut_field variant_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "sku", .type = SUT_F_STRING },
    { .name = "size", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "color", .type = SUT_F_STRING },
    { .name = "stock_available", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "product", .type = SUT_F_OBJECT, .of = &api_a_product_brief },
};
const struct sut_schema api_a_line_variant = SUT_SCHEMA("VariantWithProduct", variant_fields);

static const struct sut_field changed_data_fields[] = {
    { .name = "cart_item_id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "variant_id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "quantity", .type = SUT_F_INT, .min = 1, .max = SUT_CART_QUANTITY_MAX },
    { .name = "subtotal", .type = SUT_F_PRICE, .max = INT64_MAX },
};
static const struct sut_schema changed_data = SUT_SCHEMA("CartItemChange", changed_data_fields);

static const struct sut_field changed_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "data", .type = SUT_F_OBJECT, .of = &changed_data },
    { .name = "message", .type = SUT_F_STRING },
};
const struct sut_schema api_a_cart_changed = SUT_SCHEMA("CartItemChanged", changed_fields);

/* --- reading --- */

/* Where `id` stands among the first n, or n. */
static size_t place_of(const int64_t *ids, size_t n, int64_t id)
{
    size_t i = 0;
    while (i < n && ids[i] != id)
        i++;
    return i;
}

/* Each product once: two variants of one are two lines. */
static SUT_ERR load_products(struct sut_req *r, struct sut_db_conn *c, struct api_lines *l)
{
    struct sut_arena *a = r->arena;
    const struct api_picture_urls urls = api_picture_urls_of(r);
    int64_t *ids = ARENA_ARRAY(a, int64_t, l->n);
    struct sut_product *products = ARENA_ARRAY(a, struct sut_product, l->n);
    size_t n = 0;
    l->products = ARENA_ARRAY(a, const struct sut_product *, l->n);
    ENSURE(ids != NULL && products != NULL && l->products != NULL, NOMEM);
    for (size_t i = 0; i < l->n; i++) {
        const size_t at = place_of(ids, n, l->rows[i].product_id);
        if (at == n)
            ids[n++] = l->rows[i].product_id;
        l->products[i] = &products[at];
    }
    for (size_t at = 0; at < n; at += SUT_CATALOGUE_PAGE_MAX) {
        const size_t some = n - at < SUT_CATALOGUE_PAGE_MAX ? n - at : SUT_CATALOGUE_PAGE_MAX;
        TRY(sut_catalogue_load(c, a, ids + at, some, products + at));
    }
    return api_picture_urls_products(&urls, a, products, n);
}

SUT_ERR api_lines_load(struct sut_req *r, struct sut_db_conn *c, struct sut_cart_line *rows,
                       size_t n, struct api_lines *ret)
{
    *ret = (struct api_lines){ .rows = rows, .n = n };
    sut_cart_keep_shown(ret->rows, &ret->n);
    if (ret->n == 0)
        return SUT_OK;
    TRY(load_products(r, c, ret));
    /* One that was deleted between the two reads is gone, and its line with it. */
    size_t kept = 0;
    for (size_t i = 0; i < ret->n; i++) {
        if (ret->products[i]->id == 0)
            continue;
        ret->rows[kept] = ret->rows[i];
        ret->products[kept++] = ret->products[i];
    }
    ret->n = kept;
    return SUT_OK;
}

/* --- writing --- */

void api_line_variant(struct sut_jw *w, const struct api_lines *lines, size_t i)
{
    const struct sut_cart_line *l = &lines->rows[i];
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, l->variant_id);
    sut_jw_key(w, "sku");
    sut_jw_str(w, l->sku);
    sut_jw_key(w, "size");
    sut_jw_str_or_null(w, l->size);
    sut_jw_key(w, "color");
    sut_jw_str(w, l->color);
    sut_jw_key(w, "stock_available");
    sut_jw_i64(w, l->available);
    sut_jw_key(w, "product");
    sut_product_brief_json(w, lines->products[i]);
    sut_jw_obj_end(w);
}

void api_a_data_close_saying(struct sut_jw *w, const char *message)
{
    sut_jw_obj_end(w);
    sut_jw_key(w, "message");
    sut_jw_z(w, message);
    sut_jw_obj_end(w);
}

void api_line_members(struct sut_jw *w, const struct sut_cart_result *res)
{
    sut_jw_key(w, "cart_item_id");
    sut_jw_i64(w, res->line);
    sut_jw_key(w, "variant_id");
    sut_jw_i64(w, res->variant);
    sut_jw_key(w, "quantity");
    sut_jw_i64(w, res->quantity);
    sut_jw_key(w, "subtotal");
    sut_jw_cents(w, res->sum_cents);
}

static void refuse_short(struct sut_req *r, const struct sut_cart_result *res)
{
    struct sut_buf text;
    sut_buf_init_arena(&text, r->arena, 128);
    sut_buf_lit(&text, "Insufficient stock. Only ");
    sut_buf_i64(&text, res->available);
    sut_buf_lit(&text, " items available.");
    struct sut_jw w = sut_reply_domain_open(r, 400, "out_of_stock", sut_buf_str(&text));
    sut_jw_key(&w, "available_stock");
    sut_jw_i64(&w, res->available);
    sut_jw_key(&w, "requested_quantity");
    sut_jw_i64(&w, res->quantity);
    sut_reply_domain_close(r, &w, 400);
}

void api_line_refuse(struct sut_req *r, const struct sut_cart_result *res, const char *no_line)
{
    switch (res->outcome) {
    case SUT_CART_NO_VARIANT:
        sut_reply_domain(r, 404, "not_found", SUT_STR("Product variant not found or inactive"));
        break;
    case SUT_CART_NO_LINE:
        sut_reply_domain(r, 404, "not_found", sut_str_from(no_line));
        break;
    case SUT_CART_QUANTITY:
        sut_reply_domain(r, 400, "invalid", SUT_STR("Quantity must be between 1 and 100"));
        break;
    case SUT_CART_SHORT:
        refuse_short(r, res);
        break;
    case SUT_CART_FULL:
        sut_reply_domain(r, 400, "invalid", SUT_STR("The cart is full"));
        break;
    case SUT_CART_DONE:
        break;
    }
}
