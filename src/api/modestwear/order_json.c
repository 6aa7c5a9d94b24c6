/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/order_json.h"

#include "api/picture_url.h"
#include "api/product_json.h"
#include "shop/money.h"
#include "store/stock.h"

enum { PREVIEW_LINES = 3 };

static void put_number(struct sut_jw *w, const struct sut_order *o)
{
    char text[SUT_ORDER_NUMBER_TEXT];
    sut_jw_key(w, "order_number");
    sut_jw_str(w, sut_order_number(o, text));
}

/* What list and detail have in common, up to `notes`. */
static void put_head(struct sut_jw *w, const struct sut_order *o)
{
    sut_jw_key(w, "id");
    sut_jw_i64(w, o->id);
    put_number(w, o);
    sut_jw_key(w, "status");
    sut_jw_z(w, sut_order_status_word(o->status));
    sut_jw_key(w, "total_price");
    sut_jw_cents(w, o->total_cents);
    sut_jw_key(w, "address");
    sut_jw_str_or_null(w, o->address);
}

static void put_times(struct sut_jw *w, const struct sut_order *o)
{
    sut_jw_key(w, "created_at");
    sut_jw_time(w, o->created_at);
    sut_jw_key(w, "updated_at");
    sut_jw_time(w, o->modified_at);
}

/* --- products of lines, as the catalogue has them now --- */

struct shelf {
    struct sut_product *products;
    size_t n;
};

static bool has_id(const int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static SUT_ERR load_shelf(struct sut_req *r, const struct sut_order_line *lines, size_t n_lines,
                          struct shelf *ret)
{
    struct sut_db_conn *conn = NULL;
    int64_t *ids = ARENA_ARRAY(r->arena, int64_t, n_lines + 1);
    *ret = (struct shelf){ .n = 0 };
    ENSURE(ids != NULL, NOMEM);
    for (size_t i = 0; i < n_lines; i++)
        if (!has_id(ids, ret->n, lines[i].product_id))
            ids[ret->n++] = lines[i].product_id;
    ret->products = ARENA_ARRAY(r->arena, struct sut_product, ret->n + 1);
    ENSURE(ret->products != NULL, NOMEM);
    TRY(sut_req_conn(r, &conn));
    for (size_t at = 0; at < ret->n; at += SUT_CATALOGUE_PAGE_MAX) {
        const size_t rest = ret->n - at;
        TRY(sut_catalogue_load(conn, r->arena, ids + at,
                               rest < SUT_CATALOGUE_PAGE_MAX ? rest : SUT_CATALOGUE_PAGE_MAX,
                               ret->products + at));
    }
    const struct api_picture_urls urls = api_picture_urls_of(r);
    return api_picture_urls_products(&urls, r->arena, ret->products, ret->n);
}

static const struct sut_product *on_shelf(const struct shelf *s, int64_t product)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->products[i].id == product)
            return &s->products[i];
    return NULL;
}

/* --- a row of a list --- */

static void put_preview(struct sut_jw *w, const struct shelf *shelf, const struct sut_order_line *l)
{
    const struct sut_product *const p = on_shelf(shelf, l->product_id);
    sut_jw_obj(w);
    sut_jw_key(w, "product_name");
    sut_jw_str(w, l->product_name);
    sut_jw_key(w, "quantity");
    sut_jw_i64(w, l->quantity);
    sut_jw_key(w, "thumbnail");
    if (p == NULL || p->n_images == 0)
        sut_jw_null(w);
    else
        sut_jw_str(w, p->images[0].thumbnail);
    sut_jw_obj_end(w);
}

SUT_ERR api_a_order_row(struct sut_req *r, struct sut_jw *w, const struct sut_order *o)
{
    struct sut_db_conn *conn = NULL;
    struct sut_order_line *lines = NULL;
    struct shelf shelf;
    size_t n = 0;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_order_lines_head(conn, r->arena, o->id, PREVIEW_LINES, &lines, &n));
    TRY(load_shelf(r, lines, n, &shelf));
    sut_jw_obj(w);
    put_head(w, o);
    put_times(w, o);
    sut_jw_key(w, "items_count");
    sut_jw_i64(w, o->items_count);
    sut_jw_key(w, "items_preview");
    sut_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        put_preview(w, &shelf, &lines[i]);
    sut_jw_arr_end(w);
    sut_jw_obj_end(w);
    return SUT_OK;
}

/* --- one order --- */

/* As it was bought; how many there are, and what the product is now, as the catalogue says. */
static SUT_ERR put_variant(struct sut_req *r, struct sut_jw *w, const struct shelf *shelf,
                           const struct sut_order_line *l)
{
    struct sut_db_conn *conn = NULL;
    struct sut_stock_item now;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_stock_look(conn, r->arena, l->variant_id, &now));
    const struct sut_product *const found = on_shelf(shelf, l->product_id);
    struct sut_product p = { .id = l->product_id, .slug = SUT_STR("") };
    if (found != NULL)
        p = *found;
    p.name = l->product_name;
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
    sut_jw_i64(w, now.available);
    sut_jw_key(w, "product");
    sut_product_brief_json(w, &p);
    sut_jw_obj_end(w);
    return SUT_OK;
}

static SUT_ERR put_line(struct sut_req *r, struct sut_jw *w, const struct shelf *shelf,
                        const struct sut_order_line *l)
{
    sut_money sum = { 0 };
    TRY(sut_money_times((sut_money){ l->price_cents }, l->quantity, &sum));
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, l->id);
    sut_jw_key(w, "variant");
    TRY(put_variant(r, w, shelf, l));
    sut_jw_key(w, "quantity");
    sut_jw_i64(w, l->quantity);
    sut_jw_key(w, "price_at_purchase");
    sut_jw_cents(w, l->price_cents);
    sut_jw_key(w, "subtotal");
    sut_jw_cents(w, sum.cents);
    sut_jw_obj_end(w);
    return SUT_OK;
}

static SUT_ERR put_history(struct sut_req *r, struct sut_jw *w, int64_t order)
{
    struct sut_db_conn *conn = NULL;
    struct sut_order_change *changes = NULL;
    size_t n = 0;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_order_history(conn, r->arena, order, &changes, &n));
    sut_jw_key(w, "status_history");
    sut_jw_arr(w);
    for (size_t i = 0; i < n; i++) {
        sut_jw_obj(w);
        sut_jw_key(w, "status");
        sut_jw_z(w, sut_order_status_word(changes[i].status));
        sut_jw_key(w, "timestamp");
        sut_jw_time(w, changes[i].at);
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
    return SUT_OK;
}

SUT_ERR api_a_order_whole(struct sut_req *r, struct sut_jw *w, const struct api_order *o)
{
    struct shelf shelf;
    TRY(load_shelf(r, o->lines, o->n_lines, &shelf));
    sut_jw_obj(w);
    put_head(w, &o->order);
    sut_jw_key(w, "notes");
    sut_jw_str(w, o->order.notes.n == 0 ? SUT_STR("") : o->order.notes);
    put_times(w, &o->order);
    sut_jw_key(w, "items");
    sut_jw_arr(w);
    for (size_t i = 0; i < o->n_lines; i++)
        TRY(put_line(r, w, &shelf, &o->lines[i]));
    sut_jw_arr_end(w);
    TRY(put_history(r, w, o->order.id));
    sut_jw_obj_end(w);
    return SUT_OK;
}
