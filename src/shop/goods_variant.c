/* SPDX-License-Identifier: Apache-2.0
 *
 * goods_variant - changes of one variant.
 */
#include "shop/goods_int.h"

enum { SIZE_MAX_CHARS = 12 };

/* "XL", "38", "10-12": no word that is written small. */
static bool is_size(sut_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const char ch = s.p[i];
        if (!((ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '-' || ch == '.'))
            return false;
    }
    return s.n > 0 && s.n <= SIZE_MAX_CHARS;
}

void sut_goods_split_name(sut_str name, sut_str *ret_size, sut_str *ret_color)
{
    static const sut_str between = SUT_STR_INIT(" / ");
    const size_t at = sut_str_find(name, 0, ' ');
    *ret_size = (sut_str){ 0 };
    *ret_color = name;
    if (!sut_str_starts(sut_str_sub(name, at, name.n), between))
        return;
    const sut_str size = sut_str_sub(name, 0, at);
    const sut_str color = sut_str_trim(sut_str_sub(name, at + between.n, name.n));
    if (color.n == 0 || !is_size(size))
        return;
    *ret_size = size;
    *ret_color = color;
}

struct sut_variant_data sut_goods__variant_data(const struct sut_goods_variant *v)
{
    struct sut_variant_data d = {
        .name = v->name,
        .sku = v->sku,
        .price_cents = (v->has & SUT_GOODS_PRICE) != 0 && v->price_cents != SUT_GOODS_NO_PRICE
                           ? v->price_cents
                           : -1,
        .stock = (v->has & SUT_GOODS_STOCK) != 0 ? v->stock : 0,
        .is_active = (v->has & SUT_GOODS_ACTIVE) == 0 || v->is_active,
    };
    sut_goods_split_name(d.name, &d.size, &d.color);
    return d;
}

SUT_ERR sut_goods__check_variant(struct sut_goods_work *k, const struct sut_goods_variant *v,
                                 int64_t own)
{
    if ((v->has & SUT_GOODS_PRICE) != 0 && v->price_cents != SUT_GOODS_NO_PRICE) {
        const char *why = sut_goods_price_fault(v->price_cents, k->by->is_zero_ok);
        if (why != NULL)
            TRY(sut_goods__fault(k, "price", why));
    }
    if ((v->has & SUT_GOODS_SKU) != 0) {
        int64_t product = 0;
        int64_t variant = 0;
        TRY(sut_goods_sku(k->c, v->sku, &product, &variant));
        if (variant != 0 && variant != own)
            TRY(sut_goods__taken(k));
    }
    return SUT_OK;
}

SUT_ERR sut_goods__put_variant(struct sut_goods_work *k, const struct sut_variant *was,
                               const struct sut_goods_variant *v, bool is_put)
{
    struct sut_variant_data d = {
        .name = (v->has & SUT_GOODS_NAME) != 0 ? v->name : was->name,
        .sku = (v->has & SUT_GOODS_SKU) != 0 ? v->sku : was->sku,
        .size = was->size,
        .color = was->color,
        .price_cents = was->price_cents,
        .is_default = was->is_default,
        .is_active = (v->has & SUT_GOODS_ACTIVE) != 0 ? v->is_active : was->is_active || is_put,
    };
    const int64_t stock = (v->has & SUT_GOODS_STOCK) != 0 ? v->stock : was->stock;
    const bool had = k->is_different;
    if ((v->has & SUT_GOODS_PRICE) != 0)
        d.price_cents = v->price_cents == SUT_GOODS_NO_PRICE ? -1 : v->price_cents;
    if (!sut_str_eq(d.name, was->name))
        sut_goods_split_name(d.name, &d.size, &d.color);
    k->is_different = false;
    sut_goods__diff_text(k, "name", was->name, d.name);
    sut_goods__diff_text(k, "sku", was->sku, d.sku);
    sut_goods__diff_cents(k, "price", was->price_cents, d.price_cents);
    sut_goods__diff_bool(k, "is_active", was->is_active, d.is_active);
    if (k->is_different)
        TRY(sut_goods_variant_put(k->c, was->id, &d, k->by->now));
    if (stock != was->stock) {
        bool is_done = false;
        TRY(sut_goods_stock_put(k->c, was->id, stock, k->by->now, &is_done));
        if (!is_done)
            TRY(sut_goods__fault(k, "stock", "More than that is promised to orders."));
    }
    sut_goods__diff_i64(k, "stock", was->stock, stock);
    k->is_different |= had;
    return SUT_OK;
}

static const struct sut_variant *find(const struct sut_product *p, int64_t variant_id)
{
    for (size_t i = 0; i < p->n_variants; i++)
        if (p->variants[i].id == variant_id)
            return &p->variants[i];
    return NULL;
}

/* The product's versions grow, and it says who changed it. */
static SUT_ERR touch(struct sut_goods_work *k, const struct sut_product *p)
{
    const struct sut_product_data d = {
        .name = p->name,
        .slug = p->slug,
        .description = p->description,
        .category_id = p->category.id,
        .coverage = p->coverage.code,
        .price_cents = p->price_cents,
        .is_featured = p->is_featured,
        .is_active = p->is_active,
        .by = k->by->id,
    };
    return sut_product_update(k->c, p->id, &d, k->by->now, &k->ret->version);
}

SUT_ERR sut_goods_variant_add(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                              const struct sut_goods_variant *v, const struct sut_goods_actor *by,
                              struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_product p;
    sut_str state = { 0 };
    sut_goods__begin(&k, c, a, by, ret);
    ret->id = id;
    TRY(sut_goods__load(&k, id, &p));
    TRY(sut_goods__check_variant(&k, v, 0));
    if (p.n_variants >= SUT_GOODS_VARIANTS_MAX)
        TRY(sut_goods__fault(&k, "non_field_errors", "A product has at most 100 variants."));
    TRY(sut_goods__verdict(&k));
    const struct sut_variant_data d = sut_goods__variant_data(v);
    TRY(sut_variant_insert(c, id, &d, by->now, &ret->variant_id, &ret->version));
    TRY(touch(&k, &p));
    const struct sut_variant told = { .name = d.name,
                                      .sku = d.sku,
                                      .price_cents = d.price_cents,
                                      .stock = d.stock,
                                      .is_active = d.is_active };
    TRY(sut_goods__variant_state(&k, &told, &state));
    return sut_goods__tell_whole(&k, SUT_ACTION_ADMIN_VARIANT_ADD, "variant", ret->variant_id,
                                 state, false);
}

SUT_ERR sut_goods_variant_change(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                                 int64_t variant_id, const struct sut_goods_variant *v, bool is_put,
                                 const struct sut_goods_actor *by, struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_product p;
    sut_goods__begin(&k, c, a, by, ret);
    ret->id = id;
    ret->variant_id = variant_id;
    TRY(sut_goods__load(&k, id, &p));
    const struct sut_variant *was = find(&p, variant_id);
    ENSURE(was != NULL, NOT_FOUND);
    TRY(sut_goods__check_variant(&k, v, variant_id));
    TRY(sut_goods__verdict(&k));
    TRY(sut_goods__put_variant(&k, was, v, is_put));
    TRY(sut_goods__verdict(&k));
    if (!k.is_different)
        return SUT_OK;
    TRY(touch(&k, &p));
    return sut_goods__tell(&k, SUT_ACTION_ADMIN_VARIANT_UPDATE, "variant", variant_id);
}

SUT_ERR sut_goods_variant_remove(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                                 int64_t variant_id, const struct sut_goods_actor *by,
                                 struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_product p;
    bool is_ordered = false;
    sut_str state = { 0 };
    sut_goods__begin(&k, c, a, by, ret);
    ret->id = id;
    ret->variant_id = variant_id;
    TRY(sut_goods__load(&k, id, &p));
    const struct sut_variant *was = find(&p, variant_id);
    ENSURE(was != NULL, NOT_FOUND);
    ENSURE(!was->is_default, DENIED);
    TRY(sut_goods_is_ordered(c, 0, variant_id, &is_ordered));
    if (!is_ordered) {
        TRY(sut_goods__variant_state(&k, was, &state));
        TRY(sut_goods_variant_delete(c, variant_id));
        TRY(touch(&k, &p));
        return sut_goods__tell_whole(&k, SUT_ACTION_ADMIN_VARIANT_DELETE, "variant", variant_id,
                                     state, true);
    }
    const struct sut_goods_variant hidden = { .has = SUT_GOODS_ACTIVE, .is_active = false };
    TRY(sut_goods__put_variant(&k, was, &hidden, false));
    if (!k.is_different)
        return SUT_OK;
    TRY(touch(&k, &p));
    return sut_goods__tell(&k, SUT_ACTION_ADMIN_VARIANT_HIDE, "variant", variant_id);
}
