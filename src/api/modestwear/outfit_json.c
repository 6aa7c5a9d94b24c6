/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/outfit_json.h"

#include "api/modestwear/line_json.h"
#include "api/picture_url.h"
#include "api/product_json.h"
#include "shop/outfit.h"
#include "shop/views.h"
#include "store/catalogue.h"
#include "store/person.h"

enum { PREVIEWS = 4 };

/* --- schemas --- */

static const struct sut_field by_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "username", .type = SUT_F_STRING },
    { .name = "profile_picture_url", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
};
static const struct sut_schema by = SUT_SCHEMA("OutfitOwner", by_fields);

static const struct sut_field item_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "product", .type = SUT_F_OBJECT, .of = &api_a_product_brief },
    { .name = "position", .type = SUT_F_INT, .min = 0, .max = SUT_OUTFIT_ITEMS_MAX },
};
static const struct sut_schema item = SUT_SCHEMA("OutfitItem", item_fields);

#define FIELDS                                                                                     \
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },                               \
        { .name = "name", .type = SUT_F_STRING }, { .name = "description", .type = SUT_F_STRING }, \
        { .name = "is_public", .type = SUT_F_BOOL },                                               \
        { .name = "created_by", .type = SUT_F_OBJECT, .of = &by },                                 \
        { .name = "items_count", .type = SUT_F_INT, .min = 0, .max = SUT_OUTFIT_ITEMS_MAX },       \
        { .name = "total_price", .type = SUT_F_PRICE, .max = INT64_MAX },                          \
        { .name = "preview_images", .type = SUT_F_ARRAY, .items = SUT_F_URL },                     \
        { .name = "created_at", .type = SUT_F_TIME },                                              \
    {                                                                                              \
        .name = "updated_at", .type = SUT_F_TIME                                                   \
    }

static const struct sut_field listed_fields[] = { FIELDS };
static const struct sut_schema listed = SUT_SCHEMA("ListedOutfit", listed_fields);

static const struct sut_field outfit_fields[] = {
    FIELDS,
    { .name = "views_count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "likes_count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "items", .type = SUT_F_ARRAY, .of = &item },
};
const struct sut_schema api_a_outfit = SUT_SCHEMA("Outfit", outfit_fields);

static const struct sut_field page_fields[] = {
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "results", .type = SUT_F_ARRAY, .of = &listed },
};
const struct sut_schema api_a_outfit_page = SUT_SCHEMA("OutfitPage", page_fields);

static const struct sut_field list_fields[] = {
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = SUT_OUTFITS_MAX },
    { .name = "results", .type = SUT_F_ARRAY, .of = &listed },
};
const struct sut_schema api_a_outfit_list = SUT_SCHEMA("OutfitList", list_fields);

/* One alone, with the products that it holds. */
struct alone {
    struct api_outfits o;
    struct sut_product products[SUT_OUTFIT_ITEMS_MAX];
};

/* --- reading --- */

/* Who made them, each once. */
static SUT_ERR load_people(struct sut_req *r, struct sut_db_conn *c, struct api_outfits *o)
{
    int64_t *ids = ARENA_ARRAY(r->arena, int64_t, o->n + 1);
    struct sut_person_row *all = ARENA_ARRAY(r->arena, struct sut_person_row, o->n + 1);
    size_t n = 0;
    ENSURE(ids != NULL && all != NULL, NOMEM);
    for (size_t i = 0; i < o->n; i++) {
        size_t at = 0;
        while (at < n && ids[at] != o->rows[i].person)
            at++;
        if (at == n)
            ids[n++] = o->rows[i].person;
    }
    for (size_t at = 0; at < n; at += SUT_PERSON_SOME) {
        struct sut_person_row *some = NULL;
        size_t n_some = 0;
        TRY(sut_person_some(c, r->arena, ids + at,
                            n - at < SUT_PERSON_SOME ? n - at : SUT_PERSON_SOME, &some, &n_some));
        for (size_t i = 0; i < n_some; i++)
            all[o->n_people++] = some[i];
    }
    o->people = all;
    return SUT_OK;
}

SUT_ERR api_outfits_load(struct sut_req *r, struct sut_db_conn *c, const struct sut_outfit *rows,
                         size_t n, struct api_outfits *ret)
{
    int64_t *ids = ARENA_ARRAY(r->arena, int64_t, n + 1);
    struct sut_outfit_item *items = NULL;
    ENSURE(ids != NULL, NOMEM);
    *ret = (struct api_outfits){ .rows = rows, .n = n };
    for (size_t i = 0; i < n; i++)
        ids[i] = rows[i].id;
    TRY(sut_outfit_items(c, r->arena, ids, n, &items, &ret->n_items));
    ret->items = items;
    return load_people(r, c, ret);
}

/* --- writing --- */

static void write_owner(struct sut_req *r, struct sut_jw *w, const struct api_outfits *o,
                        int64_t person)
{
    const struct api_picture_urls urls = api_picture_urls_of(r);
    sut_str name = SUT_STR("");
    sut_str picture = { 0 };
    for (size_t i = 0; i < o->n_people; i++) {
        if (o->people[i].id != person)
            continue;
        name = o->people[i].username;
        picture = api_picture_url(&urls, r->arena, o->people[i].picture);
    }
    sut_jw_key(w, "created_by");
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, person);
    sut_jw_key(w, "username");
    sut_jw_str(w, name);
    sut_jw_key(w, "profile_picture_url");
    sut_jw_str_or_null(w, picture);
    sut_jw_obj_end(w);
}

/* items_count, total_price and preview_images: of what is shown of it. */
static void write_sum(struct sut_req *r, struct sut_jw *w, const struct api_outfits *o,
                      int64_t outfit)
{
    const struct api_picture_urls urls = api_picture_urls_of(r);
    int64_t n = 0;
    int64_t cents = 0;
    for (size_t i = 0; i < o->n_items; i++) {
        if (o->items[i].outfit_id != outfit)
            continue;
        n++;
        cents += o->items[i].price_cents;
    }
    sut_jw_key(w, "items_count");
    sut_jw_i64(w, n);
    sut_jw_key(w, "total_price");
    sut_jw_cents(w, cents);
    sut_jw_key(w, "preview_images");
    sut_jw_arr(w);
    n = 0;
    for (size_t i = 0; i < o->n_items && n < PREVIEWS; i++) {
        if (o->items[i].outfit_id != outfit || o->items[i].thumbnail.n == 0)
            continue;
        sut_jw_str(w, api_picture_url(&urls, r->arena, o->items[i].thumbnail));
        n++;
    }
    sut_jw_arr_end(w);
}

/* The object stays open. */
static void write_members(struct sut_req *r, struct sut_jw *w, const struct api_outfits *o,
                          size_t i)
{
    const struct sut_outfit *row = &o->rows[i];
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, row->id);
    sut_jw_key(w, "name");
    sut_jw_str(w, row->name);
    sut_jw_key(w, "description");
    sut_jw_str(w, row->description);
    sut_jw_key(w, "is_public");
    sut_jw_bool(w, row->is_public);
    write_owner(r, w, o, row->person);
    write_sum(r, w, o, row->id);
    sut_jw_key(w, "created_at");
    sut_jw_time(w, row->created_at);
    sut_jw_key(w, "updated_at");
    sut_jw_time(w, row->modified_at);
}

void api_outfit_write(struct sut_req *r, struct sut_jw *w, const struct api_outfits *o, size_t i)
{
    write_members(r, w, o, i);
    sut_jw_obj_end(w);
}

static SUT_ERR load_products(struct sut_req *r, struct sut_db_conn *c, const struct api_outfits *o,
                             struct sut_product products[SUT_OUTFIT_ITEMS_MAX])
{
    const struct api_picture_urls urls = api_picture_urls_of(r);
    int64_t ids[SUT_OUTFIT_ITEMS_MAX] = { 0 };
    const size_t n = o->n_items < SUT_OUTFIT_ITEMS_MAX ? o->n_items : SUT_OUTFIT_ITEMS_MAX;
    for (size_t i = 0; i < n; i++)
        ids[i] = o->items[i].product_id;
    TRY(sut_catalogue_load(c, r->arena, ids, n, products));
    return api_picture_urls_products(&urls, r->arena, products, n);
}

static void write_items(struct sut_jw *w, const struct api_outfits *o,
                        const struct sut_product *products)
{
    sut_jw_key(w, "items");
    sut_jw_arr(w);
    for (size_t i = 0; i < o->n_items && i < SUT_OUTFIT_ITEMS_MAX; i++) {
        /* Deleted between two reads. */
        if (products[i].id == 0)
            continue;
        sut_jw_obj(w);
        sut_jw_key(w, "id");
        sut_jw_i64(w, o->items[i].id);
        sut_jw_key(w, "product");
        sut_product_brief_json(w, &products[i]);
        sut_jw_key(w, "position");
        sut_jw_i64(w, o->items[i].position);
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
}

static SUT_ERR load_alone(struct sut_req *r, struct sut_db_conn *c, const struct sut_outfit *row,
                          struct alone *ret)
{
    *ret = (struct alone){ 0 };
    TRY(api_outfits_load(r, c, row, 1, &ret->o));
    return load_products(r, c, &ret->o, ret->products);
}

static void answer_alone(struct sut_req *r, int status, const struct alone *alone, int64_t views)
{
    struct sut_jw w = sut_reply_json(r, status);
    write_members(r, &w, &alone->o, 0);
    sut_jw_key(&w, "views_count");
    sut_jw_i64(&w, views);
    sut_jw_key(&w, "likes_count");
    sut_jw_i64(&w, alone->o.rows[0].likes);
    write_items(&w, &alone->o, alone->products);
    sut_jw_obj_end(&w);
}

SUT_ERR api_outfit_send(struct sut_req *r, int status, int64_t id, bool counts)
{
    const int64_t person = r->auth.state == SUT_AUTH_USER ? r->auth.user_id : 0;
    struct alone alone;
    struct sut_outfit o;
    struct sut_db_conn *c = NULL;
    TRY(sut_req_conn(r, &c));
    const sut_err e = sut_outfit_by_id(c, r->arena, id, &o);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && !sut_outfit_may_see(&o, person))) {
        sut_reply_domain(r, 404, "not_found", SUT_STR("Outfit not found"));
        return SUT_OK;
    }
    TRY(e);
    /* What may begin again on the pool comes first: one look counts once. */
    TRY(load_alone(r, c, &o, &alone));
    const bool is_view = counts && o.is_public && o.person != person;
    const int64_t views =
        r->app->views == NULL ? o.views : sut_views_of(r->app->views, o.id, o.views, is_view);
    answer_alone(r, status, &alone, views);
    return SUT_OK;
}
