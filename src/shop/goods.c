/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/goods.h"

#include "shop/goods_int.h"
#include "shop/money.h"
#include "shop/slug.h"
#include "store/product_picture.h"

/* ---- faults --------------------------------------------------------------------------- */

SUT_ERR sut_goods__fault(struct sut_goods_work *k, const char *field, const char *message)
{
    struct sut_fault *f = ARENA_NEW(k->a, struct sut_fault);
    struct sut_buf b;
    ENSURE(f != NULL, NOMEM);
    sut_buf_init_arena(&b, k->a, k->prefix.n + strlen(field));
    sut_buf_str_add(&b, k->prefix);
    sut_buf_z(&b, field);
    TRY(sut_buf_check(&b));
    *f = (struct sut_fault){ .field = sut_buf_str(&b), .message = sut_str_from(message) };
    if (k->last == NULL)
        k->ret->faults = f;
    else
        k->last->next = f;
    k->last = f;
    k->is_other_fault = true;
    return SUT_OK;
}

SUT_ERR sut_goods__taken(struct sut_goods_work *k)
{
    const bool was = k->is_other_fault;
    TRY(sut_goods__fault(k, "sku", "A product with this SKU already exists."));
    k->is_other_fault = was;
    return SUT_OK;
}

SUT_ERR sut_goods__verdict(const struct sut_goods_work *k)
{
    k->ret->is_taken = k->ret->faults != NULL && !k->is_other_fault;
    ENSURE(k->ret->faults == NULL, INVALID);
    return SUT_OK;
}

const char *sut_goods_price_fault(int64_t cents, bool is_zero_ok)
{
    if (cents < 0 || (cents == 0 && !is_zero_ok))
        return is_zero_ok ? "Price cannot be negative" : "Price must be greater than zero";
    return cents > SUT_PRICE_MAX_CENTS ? "Ensure this value is less than or equal to 9999.99."
                                       : NULL;
}

/* ---- products ------------------------------------------------------------------------- */

SUT_ERR sut_goods__load(struct sut_goods_work *k, int64_t id, struct sut_product *ret)
{
    TRY(sut_catalogue_load(k->c, k->a, &id, 1, ret));
    ENSURE(ret->id != 0, NOT_FOUND);
    return SUT_OK;
}

static const struct sut_variant *default_of(const struct sut_product *p)
{
    for (size_t i = 0; i < p->n_variants; i++)
        if (p->variants[i].is_default)
            return &p->variants[i];
    return p->n_variants > 0 ? &p->variants[0] : NULL;
}

/* What the default variant's SKU is to be. */
static sut_str sku_of(const struct sut_variant *d, const struct sut_goods *g)
{
    return (g->has & SUT_GOODS_SKU) != 0 ? g->sku : d->sku;
}

/* The variant that a row of this SKU means. */
static const struct sut_variant *with_sku(const struct sut_product *p, const struct sut_goods *g,
                                          sut_str sku)
{
    const struct sut_variant *d = default_of(p);
    if (d != NULL && sut_str_eq(sku_of(d, g), sku))
        return d;
    for (size_t i = 0; i < p->n_variants; i++)
        if (&p->variants[i] != d && sut_str_eq(p->variants[i].sku, sku))
            return &p->variants[i];
    return NULL;
}

/* What stands in every product, whoever asks for it. */
static SUT_ERR check_product(struct sut_goods_work *k, const struct sut_goods *g)
{
    bool is = true;
    if ((g->has & SUT_GOODS_PRICE) != 0) {
        const char *why = sut_goods_price_fault(g->price_cents, k->by->is_zero_ok);
        if (why != NULL)
            TRY(sut_goods__fault(k, "price", why));
    }
    if ((g->has & SUT_GOODS_CATEGORY) != 0) {
        struct sut_category_row row;
        const sut_err e = sut_category_get(k->c, k->a, g->category_id, &row);
        if (e.code == SUT_E_NOT_FOUND)
            TRY(sut_goods__fault(k, "category", "There is no such category."));
        else
            TRY(e);
    }
    if ((g->has & SUT_GOODS_COVERAGE) != 0 && g->coverage.n > 0)
        TRY(sut_goods_coverage_is(k->c, g->coverage, &is));
    if (!is)
        TRY(sut_goods__fault(k, "coverage_level", "There is no such coverage level."));
    for (size_t i = 0; i < g->n_variants; i++)
        for (size_t j = 0; j < i; j++)
            if (sut_str_eq(g->variants[i].sku, g->variants[j].sku))
                return sut_goods__fault(k, "variants", "A SKU stands in it twice.");
    return SUT_OK;
}

/* "variants.3." */
static SUT_ERR prefix_of(struct sut_goods_work *k, size_t i)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, 40);
    sut_buf_lit(&b, "variants.");
    sut_buf_u64(&b, i);
    sut_buf_char(&b, '.');
    TRY(sut_buf_check(&b));
    k->prefix = sut_buf_str(&b);
    return SUT_OK;
}

/* The default variant of a product to be: as a row of that SKU says it, else as the product. */
static struct sut_goods_variant first_of(const struct sut_goods *g)
{
    struct sut_goods_variant d = {
        .has = SUT_GOODS_NAME | SUT_GOODS_SKU | SUT_GOODS_STOCK | SUT_GOODS_PRICE,
        .name = g->name,
        .sku = g->sku,
        .price_cents = SUT_GOODS_NO_PRICE,
        .stock = (g->has & SUT_GOODS_STOCK) != 0 ? g->stock : 0,
        .is_active = true,
    };
    for (size_t i = 0; i < g->n_variants; i++) {
        const struct sut_goods_variant *v = &g->variants[i];
        if (!sut_str_eq(v->sku, g->sku))
            continue;
        if ((v->has & SUT_GOODS_NAME) != 0)
            d.name = v->name;
        if ((v->has & SUT_GOODS_PRICE) != 0)
            d.price_cents = v->price_cents;
        if ((v->has & SUT_GOODS_STOCK) != 0)
            d.stock = v->stock;
        if ((v->has & SUT_GOODS_ACTIVE) != 0)
            d.is_active = v->is_active;
    }
    d.has |= SUT_GOODS_ACTIVE;
    return d;
}

/* Rows of variants for an insert: the default one first. */
static SUT_ERR rows_of(struct sut_goods_work *k, const struct sut_goods *g,
                       struct sut_variant_data **ret, size_t *ret_n)
{
    const struct sut_goods_variant first = first_of(g);
    struct sut_variant_data *rows = ARENA_ARRAY(k->a, struct sut_variant_data, g->n_variants + 1);
    size_t n = 0;
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_goods__check_variant(k, &first, 0));
    rows[n] = sut_goods__variant_data(&first);
    rows[n++].is_default = true;
    for (size_t i = 0; i < g->n_variants; i++) {
        if (sut_str_eq(g->variants[i].sku, g->sku))
            continue;
        TRY(prefix_of(k, i));
        TRY(sut_goods__check_variant(k, &g->variants[i], 0));
        rows[n++] = sut_goods__variant_data(&g->variants[i]);
    }
    k->prefix = (sut_str){ 0 };
    if (n > SUT_GOODS_VARIANTS_MAX)
        TRY(sut_goods__fault(k, "variants", "A product has at most 100 variants."));
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

SUT_ERR sut_goods_add(struct sut_db_conn *c, struct sut_arena *a, const struct sut_goods *g,
                      const struct sut_goods_actor *by, struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_variant_data *rows = NULL;
    size_t n = 0;
    sut_goods__begin(&k, c, a, by, ret);
    struct sut_goods ask = *g;
    if ((g->has & SUT_GOODS_SKU) == 0 && g->n_variants > 0)
        ask.sku = g->variants[0].sku;
    else if ((g->has & SUT_GOODS_SKU) == 0)
        TRY(sut_goods__fault(&k, "sku", "This field is required."));
    TRY(check_product(&k, &ask));
    TRY(sut_goods__verdict(&k));
    TRY(rows_of(&k, &ask, &rows, &n));
    TRY(sut_goods__verdict(&k));

    struct sut_product_data d = {
        .name = ask.name,
        .description = (ask.has & SUT_GOODS_DESCRIPTION) != 0 ? ask.description : SUT_STR(""),
        .category_id = ask.category_id,
        .coverage = (ask.has & SUT_GOODS_COVERAGE) != 0 ? ask.coverage : SUT_STR(""),
        .price_cents = ask.price_cents,
        .is_featured = (ask.has & SUT_GOODS_FEATURED) != 0 && ask.is_featured,
        .is_active = (ask.has & SUT_GOODS_ACTIVE) == 0 || ask.is_active,
        .date_added = by->now,
        .by = by->id,
    };
    TRY(sut_slug_make(c, a, d.name, "product", sut_goods_slug_taken, &d.slug));
    TRY(sut_product_insert(c, &d, rows, n, by->now, &ret->id, &ret->version));
    struct sut_variant *told = ARENA_ARRAY(a, struct sut_variant, n);
    ENSURE(told != NULL, NOMEM);
    for (size_t i = 0; i < n; i++)
        told[i] = (struct sut_variant){ .name = rows[i].name,
                                        .sku = rows[i].sku,
                                        .price_cents = rows[i].price_cents,
                                        .stock = rows[i].stock,
                                        .is_active = rows[i].is_active };
    const struct sut_product p = { .name = d.name,
                                   .description = d.description,
                                   .category = { .id = d.category_id },
                                   .price_cents = d.price_cents,
                                   .is_active = d.is_active,
                                   .variants = told,
                                   .n_variants = n };
    sut_str state = { 0 };
    TRY(sut_goods__state(&k, &p, &state));
    return sut_goods__tell_whole(&k, SUT_ACTION_ADMIN_PRODUCT_ADD, "product", ret->id, state,
                                 false);
}

/* The default variant as the product's own fields would have it. */
static SUT_ERR change_default(struct sut_goods_work *k, const struct sut_product *p,
                              const struct sut_goods *g)
{
    const struct sut_variant *d = default_of(p);
    struct sut_goods_variant v = { 0 };
    unsigned said = 0; /* by a row of its own, which knows better */
    if (d == NULL)
        return SUT_OK;
    for (size_t i = 0; i < g->n_variants; i++)
        if (sut_str_eq(g->variants[i].sku, sku_of(d, g)))
            said = g->variants[i].has;
    if ((g->has & ~said & SUT_GOODS_SKU) != 0) {
        v.has |= SUT_GOODS_SKU;
        v.sku = g->sku;
    }
    if ((g->has & ~said & SUT_GOODS_STOCK) != 0) {
        v.has |= SUT_GOODS_STOCK;
        v.stock = g->stock;
    }
    /* It was named as the product: it stays so. */
    if ((g->has & ~said & SUT_GOODS_NAME) != 0 && sut_str_eq(d->name, p->name)) {
        v.has |= SUT_GOODS_NAME;
        v.name = g->name;
    }
    if (v.has == 0)
        return SUT_OK;
    k->scope = d->sku;
    TRY(sut_goods__check_variant(k, &v, d->id));
    if (k->ret->faults == NULL)
        TRY(sut_goods__put_variant(k, d, &v, false));
    k->scope = (sut_str){ 0 };
    return SUT_OK;
}

static SUT_ERR change_variants(struct sut_goods_work *k, const struct sut_product *p,
                               const struct sut_goods *g)
{
    size_t added = 0;
    for (size_t i = 0; i < g->n_variants; i++) {
        const struct sut_goods_variant *v = &g->variants[i];
        const struct sut_variant *was = with_sku(p, g, v->sku);
        TRY(prefix_of(k, i));
        TRY(sut_goods__check_variant(k, v, was == NULL ? 0 : was->id));
        k->scope = v->sku;
        if (was != NULL && k->last == NULL) {
            TRY(sut_goods__put_variant(k, was, v, true));
        } else if (k->last == NULL) {
            int64_t ignored = 0;
            const struct sut_variant_data d = sut_goods__variant_data(v);
            TRY(sut_variant_insert(k->c, p->id, &d, k->by->now, &ignored, &k->ret->version));
            sut_goods__diff_bool(k, "added", false, true);
            added++;
        }
        k->scope = (sut_str){ 0 };
    }
    k->prefix = (sut_str){ 0 };
    if (p->n_variants + added > SUT_GOODS_VARIANTS_MAX)
        TRY(sut_goods__fault(k, "variants", "A product has at most 100 variants."));
    return SUT_OK;
}

SUT_ERR sut_goods_change(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         const struct sut_goods *g, const struct sut_goods_actor *by,
                         struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_product p;
    sut_goods__begin(&k, c, a, by, ret);
    ret->id = id;
    TRY(sut_goods__load(&k, id, &p));
    TRY(check_product(&k, g));
    TRY(sut_goods__verdict(&k));

    struct sut_product_data d = {
        .name = (g->has & SUT_GOODS_NAME) != 0 ? g->name : p.name,
        .slug = p.slug,
        .description = (g->has & SUT_GOODS_DESCRIPTION) != 0 ? g->description : p.description,
        .category_id = (g->has & SUT_GOODS_CATEGORY) != 0 ? g->category_id : p.category.id,
        .coverage = (g->has & SUT_GOODS_COVERAGE) != 0 ? g->coverage : p.coverage.code,
        .price_cents = (g->has & SUT_GOODS_PRICE) != 0 ? g->price_cents : p.price_cents,
        .is_featured = (g->has & SUT_GOODS_FEATURED) != 0 ? g->is_featured : p.is_featured,
        .is_active = (g->has & SUT_GOODS_ACTIVE) != 0 ? g->is_active : p.is_active,
        .by = by->id,
    };
    sut_goods__diff_text(&k, "name", p.name, d.name);
    sut_goods__diff_text(&k, "description", p.description, d.description);
    sut_goods__diff_i64(&k, "category", p.category.id, d.category_id);
    sut_goods__diff_text(&k, "coverage_level", p.coverage.code, d.coverage);
    sut_goods__diff_cents(&k, "price", p.price_cents, d.price_cents);
    sut_goods__diff_bool(&k, "is_featured", p.is_featured, d.is_featured);
    sut_goods__diff_bool(&k, "is_active", p.is_active, d.is_active);
    TRY(change_default(&k, &p, g));
    TRY(change_variants(&k, &p, g));
    TRY(sut_goods__verdict(&k));
    if (!k.is_different)
        return SUT_OK;
    TRY(sut_product_update(c, id, &d, by->now, &ret->version));
    return sut_goods__tell(&k, SUT_ACTION_ADMIN_PRODUCT_UPDATE, "product", id);
}

SUT_ERR sut_goods_remove(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         const struct sut_goods_actor *by, struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_product p;
    bool is_ordered = false;
    sut_str state = { 0 };
    sut_goods__begin(&k, c, a, by, ret);
    ret->id = id;
    TRY(sut_goods__load(&k, id, &p));
    TRY(sut_goods_is_ordered(c, id, 0, &is_ordered));
    if (!is_ordered) {
        TRY(sut_goods__state(&k, &p, &state));
        TRY(sut_product_picture_drop_all(c, id, by->now));
        TRY(sut_goods_delete(c, id, &ret->version));
        return sut_goods__tell_whole(&k, SUT_ACTION_ADMIN_PRODUCT_DELETE, "product", id, state,
                                     true);
    }
    if (!p.is_active)
        return SUT_OK;
    const struct sut_product_data d = {
        .name = p.name,
        .slug = p.slug,
        .description = p.description,
        .category_id = p.category.id,
        .coverage = p.coverage.code,
        .price_cents = p.price_cents,
        .is_featured = p.is_featured,
        .is_active = false,
        .by = by->id,
    };
    sut_goods__diff_bool(&k, "is_active", true, false);
    TRY(sut_product_update(c, id, &d, by->now, &ret->version));
    return sut_goods__tell(&k, SUT_ACTION_ADMIN_PRODUCT_HIDE, "product", id);
}
