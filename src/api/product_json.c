/* SPDX-License-Identifier: Apache-2.0 */
#include "api/product_json.h"

#include "store/product.h"

/* {id,name,slug, … the object stays open */
static void named(struct sut_jw *w, int64_t id, sut_str name, sut_str slug)
{
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, id);
    sut_jw_key(w, "name");
    sut_jw_str(w, name);
    sut_jw_key(w, "slug");
    sut_jw_str(w, slug);
}

static void parent(struct sut_jw *w, const struct sut_category *k)
{
    sut_jw_key(w, "parent");
    if (k->parent_id == 0) {
        sut_jw_null(w);
        return;
    }
    named(w, k->parent_id, k->parent_name, k->parent_slug);
    sut_jw_obj_end(w);
}

static void coverage(struct sut_jw *w, const struct sut_coverage *l)
{
    if (l->id == 0) {
        sut_jw_null(w);
        return;
    }
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, l->id);
    sut_jw_key(w, "name");
    sut_jw_str(w, l->name);
    sut_jw_key(w, "description");
    sut_jw_str(w, l->description);
    sut_jw_obj_end(w);
}

static void image(struct sut_jw *w, const struct sut_product_image *i)
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

static void variant(struct sut_jw *w, const struct sut_variant *v)
{
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, v->id);
    sut_jw_key(w, "sku");
    sut_jw_str(w, v->sku);
    sut_jw_key(w, "size");
    sut_jw_str_or_null(w, v->size);
    sut_jw_key(w, "color");
    sut_jw_str(w, v->color);
    sut_jw_key(w, "stock_available");
    sut_jw_i64(w, v->stock - v->reserved);
    sut_jw_key(w, "is_active");
    sut_jw_bool(w, v->is_active);
    sut_jw_obj_end(w);
}

static void images(struct sut_jw *w, const struct sut_product *p)
{
    sut_jw_key(w, "images");
    sut_jw_arr(w);
    for (size_t i = 0; i < p->n_images; i++)
        image(w, &p->images[i]);
    sut_jw_arr_end(w);
}

void sut_product_brief_json(struct sut_jw *w, const struct sut_product *p)
{
    named(w, p->id, p->name, p->slug);
    sut_jw_key(w, "base_price");
    sut_jw_cents(w, p->price_cents);
    images(w, p);
    sut_jw_obj_end(w);
}

void sut_product_json(struct sut_buf *out, const struct sut_product *p,
                      enum sut_product_shape shape)
{
    struct sut_jw w = sut_jw_of(out);
    named(&w, p->id, p->name, p->slug);
    sut_jw_key(&w, "description");
    sut_jw_str(&w, p->description);
    sut_jw_key(&w, "base_price");
    sut_jw_cents(&w, p->price_cents);
    sut_jw_key(&w, "category");
    named(&w, p->category.id, p->category.name, p->category.slug);
    if (shape == SUT_PRODUCT_ALONE)
        parent(&w, &p->category);
    sut_jw_obj_end(&w);
    sut_jw_key(&w, "coverage_level");
    coverage(&w, &p->coverage);
    sut_jw_key(&w, "is_featured");
    sut_jw_bool(&w, p->is_featured);
    sut_jw_key(&w, "date_added");
    sut_jw_time(&w, p->date_added);
    images(&w, p);
    sut_jw_key(&w, "variants");
    sut_jw_arr(&w);
    for (size_t i = 0; i < p->n_variants; i++) {
        if (p->variants[i].is_active)
            variant(&w, &p->variants[i]);
    }
    sut_jw_arr_end(&w);
    sut_jw_obj_end(&w);
}

/* As deep as a tree can be made (SUT_CATEGORY_DEPTH_MAX). */
static void nodes(struct sut_jw *w, const struct sut_category_node *first, unsigned depth)
{
    sut_jw_arr(w);
    for (const struct sut_category_node *n = first; n != NULL; n = n->next) {
        named(w, n->row.id, n->row.name, n->row.slug);
        parent(w, &n->row);
        sut_jw_key(w, "is_active");
        sut_jw_bool(w, n->row.is_active);
        sut_jw_key(w, "children");
        nodes(w, depth < SUT_CATEGORY_DEPTH_MAX ? n->children : NULL, depth + 1);
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
}

void sut_categories_json(struct sut_buf *out, const struct sut_category_node *roots)
{
    struct sut_jw w = sut_jw_of(out);
    nodes(&w, roots, 1);
}

void sut_filters_json(struct sut_buf *out, const struct sut_catalogue_filters *f)
{
    struct sut_jw w = sut_jw_of(out);
    sut_jw_obj(&w);
    sut_jw_key(&w, "categories");
    nodes(&w, f->categories, 1);
    sut_jw_key(&w, "coverage_levels");
    sut_jw_arr(&w);
    for (size_t i = 0; i < f->n_coverages; i++)
        coverage(&w, &f->coverages[i]);
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "sizes");
    sut_jw_arr(&w);
    for (size_t i = 0; i < f->n_sizes; i++)
        sut_jw_z(&w, f->sizes[i]);
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "colors");
    sut_jw_arr(&w);
    for (size_t i = 0; i < f->n_colors; i++)
        sut_jw_str(&w, f->colors[i]);
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "price_range");
    sut_jw_obj(&w);
    sut_jw_key(&w, "min");
    sut_jw_cents_number(&w, f->min_cents);
    sut_jw_key(&w, "max");
    sut_jw_cents_number(&w, f->max_cents);
    sut_jw_obj_end(&w);
    sut_jw_obj_end(&w);
}
