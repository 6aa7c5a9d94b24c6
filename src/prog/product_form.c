/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/product_form.h"

#include "codec/json_out.h"
#include "shop/category.h"
#include "store/goods.h"

enum { NAME_MAX_POINTS = 255, TEXT_MAX = 10000, SKU_MAX = 64, CODE_MAX = 64 };

static const struct sut_field variant_fields[] = {
    { .name = "sku", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .max = SKU_MAX },
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .max = NAME_MAX_POINTS },
    { .name = "price", .type = SUT_F_PRICE, .flags = SUT_F_NULLABLE | SUT_F_SIGNED },
    { .name = "stock", .type = SUT_F_INT, .min = 0, .max = SUT_GOODS_STOCK_MAX },
    { .name = "is_active", .type = SUT_F_BOOL },
};
static const struct sut_schema variant = SUT_SCHEMA("Variant", variant_fields);

static const struct sut_field product_fields[] = {
    { .name = "sku", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .max = SKU_MAX },
    { .name = "name", .type = SUT_F_STRING, .max = NAME_MAX_POINTS },
    { .name = "description",
      .type = SUT_F_STRING,
      .flags = SUT_F_BLANK | SUT_F_NULLABLE,
      .max = TEXT_MAX },
    { .name = "category", .type = SUT_F_STRING, .max = NAME_MAX_POINTS },
    { .name = "price", .type = SUT_F_PRICE, .flags = SUT_F_SIGNED },
    { .name = "stock", .type = SUT_F_INT, .min = 0, .max = SUT_GOODS_STOCK_MAX },
    { .name = "is_active", .type = SUT_F_BOOL },
    { .name = "is_featured", .type = SUT_F_BOOL },
    { .name = "coverage_level",
      .type = SUT_F_STRING,
      .flags = SUT_F_BLANK | SUT_F_NULLABLE,
      .max = CODE_MAX },
    { .name = "variants", .type = SUT_F_ARRAY, .max = SUT_GOODS_VARIANTS_MAX, .of = &variant },
};
const struct sut_schema sut_product_form = SUT_SCHEMA("Product", product_fields);

/* --- out --- */

static void price_or_null(struct sut_jw *w, int64_t cents)
{
    if (cents < 0)
        sut_jw_null(w);
    else
        sut_jw_cents(w, cents);
}

static void write_variant(struct sut_jw *w, const struct sut_variant *v)
{
    sut_jw_obj(w);
    sut_jw_key(w, "sku");
    sut_jw_str(w, v->sku);
    sut_jw_key(w, "name");
    sut_jw_str(w, v->name);
    sut_jw_key(w, "price");
    price_or_null(w, v->price_cents);
    sut_jw_key(w, "stock");
    sut_jw_i64(w, v->stock);
    sut_jw_key(w, "is_active");
    sut_jw_bool(w, v->is_active);
    sut_jw_obj_end(w);
}

void sut_product_form_write(struct sut_buf *out, const struct sut_product *p)
{
    const struct sut_variant *first = p->n_variants > 0 ? &p->variants[0] : NULL;
    struct sut_jw w = sut_jw_of(out);
    for (size_t i = 0; i < p->n_variants; i++)
        if (p->variants[i].is_default)
            first = &p->variants[i];
    if (first == NULL)
        return; /* a product that nothing is sold of has no SKU to be known by */
    sut_jw_obj(&w);
    sut_jw_key(&w, "sku");
    sut_jw_str(&w, first->sku);
    sut_jw_key(&w, "name");
    sut_jw_str(&w, p->name);
    sut_jw_key(&w, "description");
    sut_jw_str(&w, p->description);
    sut_jw_key(&w, "category");
    sut_jw_str(&w, p->category.slug);
    sut_jw_key(&w, "price");
    sut_jw_cents(&w, p->price_cents);
    sut_jw_key(&w, "stock");
    sut_jw_i64(&w, first->stock);
    sut_jw_key(&w, "is_active");
    sut_jw_bool(&w, p->is_active);
    sut_jw_key(&w, "is_featured");
    sut_jw_bool(&w, p->is_featured);
    sut_jw_key(&w, "coverage_level");
    sut_jw_str_or_null(&w, p->coverage.id == 0 ? (sut_str){ 0 } : p->coverage.code);
    sut_jw_key(&w, "variants");
    sut_jw_arr(&w);
    write_variant(&w, first);
    for (size_t i = 0; i < p->n_variants; i++)
        if (&p->variants[i] != first)
            write_variant(&w, &p->variants[i]);
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
    sut_buf_char(out, '\n');
}

/* --- in --- */

static bool has(const struct sut_json *o, const char *name)
{
    return sut_json_get(o, name) != NULL;
}

static sut_str text_of(const struct sut_json *o, const char *name)
{
    const sut_str s = sut_schema_str(o, name);
    return s.n == 0 ? SUT_STR("") : s;
}

static struct sut_goods_variant variant_of(const struct sut_json *o)
{
    struct sut_goods_variant v = {
        .has = SUT_GOODS_NAME | SUT_GOODS_SKU,
        .name = text_of(o, "name"),
        .sku = text_of(o, "sku"),
        .price_cents = sut_schema_cents(o, "price", SUT_GOODS_NO_PRICE),
        .stock = sut_schema_i64(o, "stock", 0),
        .is_active = sut_schema_bool(o, "is_active", true),
    };
    if (has(o, "price"))
        v.has |= SUT_GOODS_PRICE;
    if (has(o, "stock"))
        v.has |= SUT_GOODS_STOCK;
    if (has(o, "is_active"))
        v.has |= SUT_GOODS_ACTIVE;
    return v;
}

static SUT_ERR goods_of(struct sut_arena *a, const struct sut_json *o, struct sut_goods *ret)
{
    static const struct {
        const char *name;
        unsigned bit;
    } bits[] = {
        { "sku", SUT_GOODS_SKU },
        { "name", SUT_GOODS_NAME },
        { "description", SUT_GOODS_DESCRIPTION },
        { "price", SUT_GOODS_PRICE },
        { "stock", SUT_GOODS_STOCK },
        { "is_active", SUT_GOODS_ACTIVE },
        { "is_featured", SUT_GOODS_FEATURED },
        { "coverage_level", SUT_GOODS_COVERAGE },
    };
    const struct sut_json *list = sut_json_get(o, "variants");
    *ret = (struct sut_goods){
        .name = text_of(o, "name"),
        .description = text_of(o, "description"),
        .price_cents = sut_schema_cents(o, "price", 0),
        .stock = sut_schema_i64(o, "stock", 0),
        .sku = text_of(o, "sku"),
        .is_active = sut_schema_bool(o, "is_active", true),
        .is_featured = sut_schema_bool(o, "is_featured", false),
        .coverage = text_of(o, "coverage_level"),
    };
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
        if (has(o, bits[i].name))
            ret->has |= bits[i].bit;
    if (list == NULL || list->n == 0)
        return SUT_OK;
    struct sut_goods_variant *rows = ARENA_ARRAY(a, struct sut_goods_variant, list->n);
    ENSURE(rows != NULL, NOMEM);
    for (size_t i = 0; i < list->n; i++)
        rows[i] = variant_of(&list->items[i]);
    ret->variants = rows;
    ret->n_variants = list->n;
    return SUT_OK;
}

static SUT_ERR one_fault(struct sut_arena *a, const char *field, const char *message,
                         const struct sut_fault **ret)
{
    struct sut_fault *f = ARENA_NEW(a, struct sut_fault);
    ENSURE(f != NULL, NOMEM);
    *f = (struct sut_fault){ .field = sut_str_from(field), .message = sut_str_from(message) };
    *ret = f;
    FAIL(INVALID);
}

/* By its slug, else by its name; made, when that is wished. */
static SUT_ERR category_of(struct sut_db_conn *c, struct sut_arena *a, sut_str name, bool makes,
                           const struct sut_goods_actor *by, int64_t *ret,
                           const struct sut_fault **reterr_faults)
{
    struct sut_goods_result made;
    sut_err e = sut_category_find(c, name, ret);
    if (e.code == SUT_E_NOT_FOUND)
        e = sut_category_named(c, name, ret);
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    if (!makes)
        return one_fault(a, "category", "There is no such category.", reterr_faults);
    const struct sut_category_ask ask = { .has = SUT_CATEGORY_NAME, .name = name };
    TRY(sut_category_add(c, a, &ask, by, &made));
    *ret = made.id;
    return SUT_OK;
}

/* What a new product must have. */
static SUT_ERR check_new(struct sut_arena *a, const struct sut_goods *g,
                         const struct sut_fault **reterr_faults)
{
    static const char required[] = "This field is required.";
    if ((g->has & SUT_GOODS_NAME) == 0)
        return one_fault(a, "name", required, reterr_faults);
    if ((g->has & SUT_GOODS_CATEGORY) == 0)
        return one_fault(a, "category", required, reterr_faults);
    if ((g->has & SUT_GOODS_PRICE) == 0)
        return one_fault(a, "price", required, reterr_faults);
    return SUT_OK;
}

/* The product whose default variant has the SKU; 0: the SKU is nobody's. */
static SUT_ERR product_of(struct sut_db_conn *c, struct sut_arena *a, sut_str sku, int64_t *ret,
                          const struct sut_fault **reterr_faults)
{
    int64_t variant_id = 0;
    struct sut_product p;
    TRY(sut_goods_sku(c, sku, ret, &variant_id));
    if (*ret == 0)
        return SUT_OK;
    TRY(sut_catalogue_load(c, a, ret, 1, &p));
    for (size_t i = 0; i < p.n_variants; i++)
        if (p.variants[i].id == variant_id && !p.variants[i].is_default)
            return one_fault(a, "sku", "It is a variant of another product.", reterr_faults);
    return SUT_OK;
}

SUT_ERR sut_product_form_apply(struct sut_db_conn *c, struct sut_arena *a,
                               const struct sut_json *object, bool makes_categories,
                               const struct sut_goods_actor *by, enum sut_product_outcome *ret,
                               int64_t *ret_version, const struct sut_fault **reterr_faults)
{
    struct sut_goods g;
    struct sut_goods_result done = { 0 };
    int64_t id = 0;
    TRY(sut_schema_check(a, &sut_product_form, object, reterr_faults));
    TRY(goods_of(a, object, &g));
    TRY(product_of(c, a, g.sku, &id, reterr_faults));
    if (has(object, "category")) {
        g.has |= SUT_GOODS_CATEGORY;
        TRY(category_of(c, a, text_of(object, "category"), makes_categories, by, &g.category_id,
                        reterr_faults));
    }
    if (id == 0)
        TRY(check_new(a, &g, reterr_faults));
    const sut_err e =
        id == 0 ? sut_goods_add(c, a, &g, by, &done) : sut_goods_change(c, a, id, &g, by, &done);
    if (e.code == SUT_E_INVALID)
        *reterr_faults = done.faults;
    TRY(e);
    if (done.version != 0)
        *ret_version = done.version;
    *ret = id == 0 ? SUT_PRODUCT_ADDED : done.version != 0 ? SUT_PRODUCT_CHANGED : SUT_PRODUCT_SAME;
    return SUT_OK;
}
