/* SPDX-License-Identifier: Apache-2.0 */
#include "api/nsgg/goods_form.h"

#include "api/fragments.h"
#include "api/picture_url.h"
#include "codec/utf8.h"
#include "config/config.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "store/category.h"

enum { NAME_MAX = 255, TEXT_MAX = 10000, SKU_MAX = 64 };

/* --- bodies --- */

#define VARIANT_FIELDS(required_)                                                                  \
    { .name = "name", .type = SUT_F_STRING, .flags = (required_), .max = NAME_MAX },               \
        { .name = "sku", .type = SUT_F_STRING, .flags = (required_), .max = SKU_MAX },             \
        { .name = "price",                                                                         \
          .type = SUT_F_PRICE,                                                                     \
          .flags = SUT_F_NULLABLE | SUT_F_SIGNED,                                                  \
          .doc = "null: the product's" },                                                          \
    {                                                                                              \
        .name = "stock", .type = SUT_F_INT, .min = 0, .max = SUT_GOODS_STOCK_MAX, .doc = "On hand" \
    }

static const struct sut_field variant_new_fields[] = { VARIANT_FIELDS(SUT_F_REQUIRED) };
const struct sut_schema api_b_variant_new = SUT_SCHEMA("NsggVariantNew", variant_new_fields);
static const struct sut_field variant_change_fields[] = { VARIANT_FIELDS(0) };
const struct sut_schema api_b_variant_change =
    SUT_SCHEMA("NsggVariantChange", variant_change_fields);

#define PRODUCT_FIELDS(required_)                                                                  \
    { .name = "name", .type = SUT_F_STRING, .flags = (required_), .max = NAME_MAX },               \
        { .name = "description",                                                                   \
          .type = SUT_F_STRING,                                                                    \
          .flags = SUT_F_BLANK | SUT_F_NULLABLE,                                                   \
          .max = TEXT_MAX },                                                                       \
        { .name = "category",                                                                      \
          .type = SUT_F_INT,                                                                       \
          .flags = (required_),                                                                    \
          .min = 1,                                                                                \
          .max = INT64_MAX },                                                                      \
        { .name = "price", .type = SUT_F_PRICE, .flags = (required_) | SUT_F_SIGNED },             \
        { .name = "stock",                                                                         \
          .type = SUT_F_INT,                                                                       \
          .min = 0,                                                                                \
          .max = SUT_GOODS_STOCK_MAX,                                                              \
          .doc = "On hand, of the default variant" },                                              \
        { .name = "sku",                                                                           \
          .type = SUT_F_STRING,                                                                    \
          .max = SKU_MAX,                                                                          \
          .doc = "Of the default variant; when it is not sent, the first variant is that one" },   \
        { .name = "is_active", .type = SUT_F_BOOL },                                               \
    {                                                                                              \
        .name = "variants", .type = SUT_F_ARRAY, .max = SUT_GOODS_VARIANTS_MAX,                    \
        .of = &api_b_variant_new, .doc = "Put by SKU; those that are not named stay"               \
    }

static const struct sut_field product_new_fields[] = { PRODUCT_FIELDS(SUT_F_REQUIRED) };
const struct sut_schema api_b_product_new = SUT_SCHEMA("NsggProductNew", product_new_fields);
static const struct sut_field product_change_fields[] = { PRODUCT_FIELDS(0) };
const struct sut_schema api_b_product_change =
    SUT_SCHEMA("NsggProductChange", product_change_fields);
static const struct sut_field product_row_fields[] = {
    { .name = "id", .type = SUT_F_INT, .flags = SUT_F_REQUIRED, .min = 1, .max = INT64_MAX },
    PRODUCT_FIELDS(0),
};
const struct sut_schema api_b_product_row = SUT_SCHEMA("NsggProductRow", product_row_fields);

/* --- answers --- */

#define ID(name_)                                                                                  \
    {                                                                                              \
        .name = name_, .type = SUT_F_INT, .min = 1, .max = INT64_MAX                               \
    }
#define BY(name_)                                                                                  \
    {                                                                                              \
        .name = name_, .type = SUT_F_INT, .flags = SUT_F_NULLABLE, .min = 1, .max = INT64_MAX      \
    }

static const struct sut_field variant_fields[] = {
    ID("id"),
    ID("product"),
    { .name = "name", .type = SUT_F_STRING },
    { .name = "sku", .type = SUT_F_STRING },
    { .name = "price", .type = SUT_F_PRICE, .flags = SUT_F_NULLABLE },
    { .name = "stock", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "is_active", .type = SUT_F_BOOL },
};
const struct sut_schema api_b_variant = SUT_SCHEMA("NsggVariant", variant_fields);

static const struct sut_field image_fields[] = {
    ID("id"),
    { .name = "image", .type = SUT_F_STRING },
    { .name = "thumbnail", .type = SUT_F_STRING },
    { .name = "is_feature", .type = SUT_F_BOOL },
};
const struct sut_schema api_b_image = SUT_SCHEMA("NsggProductPicture", image_fields);

static const struct sut_field product_fields[] = {
    ID("id"),
    { .name = "name", .type = SUT_F_STRING },
    { .name = "slug", .type = SUT_F_STRING },
    { .name = "description", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    ID("category"),
    { .name = "price", .type = SUT_F_PRICE },
    { .name = "stock", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "sku", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "is_active", .type = SUT_F_BOOL },
    { .name = "variants", .type = SUT_F_ARRAY, .of = &api_b_variant },
    { .name = "images", .type = SUT_F_ARRAY, .of = &api_b_image },
    BY("created_by"),
    BY("modified_by"),
    { .name = "created_at", .type = SUT_F_TIME },
    { .name = "modified_at", .type = SUT_F_TIME },
};
const struct sut_schema api_b_product = SUT_SCHEMA("NsggProduct", product_fields);

#define PAGE_FIELDS(of_)                                                                           \
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },                            \
        { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },                            \
        { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },                        \
    {                                                                                              \
        .name = "results", .type = SUT_F_ARRAY, .of = (of_)                                        \
    }
static const struct sut_field product_page_fields[] = { PAGE_FIELDS(&api_b_product) };
const struct sut_schema api_b_product_page = SUT_SCHEMA("NsggProductPage", product_page_fields);
static const struct sut_field variant_page_fields[] = { PAGE_FIELDS(&api_b_variant) };
const struct sut_schema api_b_variant_page = SUT_SCHEMA("NsggVariantPage", variant_page_fields);

/* --- in --- */

static bool is_sent(const struct sut_json *body, const char *name)
{
    return sut_json_get(body, name) != NULL;
}

/* Empty where it was sent as null. */
static sut_str text_of(const struct sut_json *body, const char *name)
{
    const sut_str s = sut_schema_str(body, name);
    return s.n == 0 ? SUT_STR("") : s;
}

void api_goods_variant_of(const struct sut_json *body, struct sut_goods_variant *ret)
{
    *ret = (struct sut_goods_variant){
        .name = text_of(body, "name"),
        .sku = text_of(body, "sku"),
        .price_cents = sut_schema_cents(body, "price", SUT_GOODS_NO_PRICE),
        .stock = sut_schema_i64(body, "stock", 0),
    };
    if (is_sent(body, "name"))
        ret->has |= SUT_GOODS_NAME;
    if (is_sent(body, "sku"))
        ret->has |= SUT_GOODS_SKU;
    if (is_sent(body, "price"))
        ret->has |= SUT_GOODS_PRICE;
    if (is_sent(body, "stock"))
        ret->has |= SUT_GOODS_STOCK;
}

static SUT_ERR variants_of(struct sut_arena *a, const struct sut_json *list, struct sut_goods *ret)
{
    struct sut_goods_variant *rows = NULL;
    if (list == NULL || list->n == 0)
        return SUT_OK;
    rows = ARENA_ARRAY(a, struct sut_goods_variant, list->n);
    ENSURE(rows != NULL, NOMEM);
    for (size_t i = 0; i < list->n; i++)
        api_goods_variant_of(&list->items[i], &rows[i]);
    ret->variants = rows;
    ret->n_variants = list->n;
    return SUT_OK;
}

SUT_ERR api_goods_of(struct sut_arena *a, const struct sut_json *body, struct sut_goods *ret)
{
    static const struct {
        const char *name;
        unsigned bit;
    } fields[] = {
        { "name", SUT_GOODS_NAME },         { "description", SUT_GOODS_DESCRIPTION },
        { "category", SUT_GOODS_CATEGORY }, { "price", SUT_GOODS_PRICE },
        { "stock", SUT_GOODS_STOCK },       { "sku", SUT_GOODS_SKU },
        { "is_active", SUT_GOODS_ACTIVE },
    };
    *ret = (struct sut_goods){
        .name = text_of(body, "name"),
        .description = text_of(body, "description"),
        .category_id = sut_schema_i64(body, "category", 0),
        .price_cents = sut_schema_cents(body, "price", 0),
        .stock = sut_schema_i64(body, "stock", 0),
        .sku = text_of(body, "sku"),
        .is_active = sut_schema_bool(body, "is_active", true),
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (is_sent(body, fields[i].name))
            ret->has |= fields[i].bit;
    return variants_of(a, sut_json_get(body, "variants"), ret);
}

struct sut_goods_actor api_goods_actor(const struct sut_req *r)
{
    return (struct sut_goods_actor){
        .id = r->auth.user_id,
        .addr = sut_str_from(r->client->text),
        .now = r->now,
        .is_zero_ok = r->app->config->shop.price_rule == SUT_PRICE_NOT_NEGATIVE,
    };
}

unsigned api_goods_words(sut_str search, sut_str *words)
{
    unsigned n = 0;
    size_t from = 0;
    for (size_t i = 0; i <= search.n && n < SUT_LIKE_WORDS; i++) {
        const bool ends = i == search.n || search.p[i] == ' ' || search.p[i] == ',';
        if (!ends)
            continue;
        if (i > from)
            words[n++] = sut_str_sub(search, from, i);
        from = i + 1;
    }
    return n;
}

/* --- out --- */

SUT_ERR api_goods_load(struct sut_req *r, struct sut_db_conn *c, int64_t id,
                       struct sut_product *ret)
{
    const struct api_picture_urls urls = api_picture_urls_of(r);
    TRY(sut_catalogue_load(c, r->arena, &id, 1, ret));
    ENSURE(ret->id != 0, NOT_FOUND);
    return api_picture_urls_products(&urls, r->arena, ret, 1);
}

void api_goods_variant_json(struct sut_jw *w, const struct sut_variant *v)
{
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, v->id);
    sut_jw_key(w, "product");
    sut_jw_i64(w, v->product_id);
    sut_jw_key(w, "name");
    sut_jw_str(w, v->name);
    sut_jw_key(w, "sku");
    sut_jw_str(w, v->sku);
    sut_jw_key(w, "price");
    if (v->price_cents < 0)
        sut_jw_null(w);
    else
        sut_jw_cents(w, v->price_cents);
    sut_jw_key(w, "stock");
    sut_jw_i64(w, v->stock);
    sut_jw_key(w, "is_active");
    sut_jw_bool(w, v->is_active);
    sut_jw_obj_end(w);
}

static void person_or_null(struct sut_jw *w, const char *key, int64_t id)
{
    sut_jw_key(w, key);
    if (id == 0)
        sut_jw_null(w);
    else
        sut_jw_i64(w, id);
}

void api_goods_image_json(struct sut_jw *w, const struct sut_product_image *i)
{
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, i->id);
    sut_jw_key(w, "image");
    sut_jw_str(w, i->image);
    sut_jw_key(w, "thumbnail");
    sut_jw_str(w, i->thumbnail);
    sut_jw_key(w, "is_feature");
    sut_jw_bool(w, i->is_feature);
    sut_jw_obj_end(w);
}

static void write_images(struct sut_jw *w, const struct sut_product *p)
{
    sut_jw_key(w, "images");
    sut_jw_arr(w);
    for (size_t i = 0; i < p->n_images; i++)
        api_goods_image_json(w, &p->images[i]);
    sut_jw_arr_end(w);
}

void api_goods_json(struct sut_jw *w, const struct sut_product *p)
{
    sut_str sku = p->n_variants > 0 ? p->variants[0].sku : (sut_str){ 0 };
    int64_t stock = 0;
    for (size_t i = 0; i < p->n_variants; i++) {
        if (p->variants[i].is_active)
            stock += p->variants[i].stock;
        if (p->variants[i].is_default)
            sku = p->variants[i].sku;
    }
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, p->id);
    sut_jw_key(w, "name");
    sut_jw_str(w, p->name);
    sut_jw_key(w, "slug");
    sut_jw_str(w, p->slug);
    sut_jw_key(w, "description");
    sut_jw_str_or_null(w, p->description.n == 0 ? (sut_str){ 0 } : p->description);
    sut_jw_key(w, "category");
    sut_jw_i64(w, p->category.id);
    sut_jw_key(w, "price");
    sut_jw_cents(w, p->price_cents);
    sut_jw_key(w, "stock");
    sut_jw_i64(w, stock);
    sut_jw_key(w, "sku");
    sut_jw_str_or_null(w, sku);
    sut_jw_key(w, "is_active");
    sut_jw_bool(w, p->is_active);
    sut_jw_key(w, "variants");
    sut_jw_arr(w);
    for (size_t i = 0; i < p->n_variants; i++)
        api_goods_variant_json(w, &p->variants[i]);
    sut_jw_arr_end(w);
    write_images(w, p);
    person_or_null(w, "created_by", p->created_by);
    person_or_null(w, "modified_by", p->modified_by);
    sut_jw_key(w, "created_at");
    sut_jw_time(w, p->created_at);
    sut_jw_key(w, "modified_at");
    sut_jw_time(w, p->modified_at);
    sut_jw_obj_end(w);
}

void api_goods_done(struct sut_req *r, const struct sut_goods_result *done)
{
    if (done->version != 0 && r->app->fragments != NULL)
        sut_fragments_version_seen(r->app->fragments, done->version);
}

/* A price that the setting refuses is told of in its own words; all else field by field. */
static sut_str sentence_of(const struct sut_fault *faults)
{
    for (; faults != NULL; faults = faults->next)
        if (sut_str_starts(faults->message, SUT_STR("Price ")))
            return faults->message;
    return SUT_STR("Invalid input.");
}

SUT_ERR api_goods_refuse(struct sut_req *r, sut_err e, const struct sut_goods_result *done,
                         const char *busy)
{
    if (!sut_failed(e) || sut_req_claim_lost(r))
        return e;
    if (e.code == SUT_E_INVALID && done->faults != NULL && !done->is_taken)
        sut_reply_faults_as(r, sentence_of(done->faults), done->faults);
    else if (e.code == SUT_E_EXISTS || (e.code == SUT_E_INVALID && done->is_taken))
        sut_reply_domain(r, 409, "duplicate", SUT_STR("A product with this SKU already exists."));
    else if (e.code == SUT_E_DENIED && busy != NULL)
        sut_reply_domain(r, 409, "conflict", sut_str_from(busy));
    else
        return e;
    return SUT_OK;
}
