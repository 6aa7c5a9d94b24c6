/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/category.h"

#include "shop/goods_int.h"
#include "shop/slug.h"

static SUT_ERR state_of(struct sut_goods_work *k, const struct sut_category_row *row, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, 64 * 1024);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "name");
    sut_audit_text(&w, row->name);
    sut_jw_key(&w, "description");
    sut_audit_text(&w, row->description);
    sut_jw_key(&w, "parent");
    if (row->parent_id == 0)
        sut_jw_null(&w);
    else
        sut_jw_i64(&w, row->parent_id);
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

/* Whether a category of `height` levels may hang there; `id` is 0 for a new one. */
static SUT_ERR check_parent(struct sut_goods_work *k, int64_t id, int64_t parent, int64_t height)
{
    int64_t depth = 0;
    int64_t ignored = 0;
    bool is_circle = false;
    if (parent == 0)
        return SUT_OK;
    const sut_err e = sut_category_levels(k->c, parent, &depth, &ignored);
    if (e.code == SUT_E_NOT_FOUND)
        return sut_goods__fault(k, "parent", "There is no such category.");
    TRY(e);
    if (id != 0)
        TRY(sut_category_is_under(k->c, parent, id, &is_circle));
    if (is_circle)
        return sut_goods__fault(k, "parent", "A category can't stand below itself.");
    if (depth + height > SUT_CATEGORY_DEPTH_MAX)
        return sut_goods__fault(k, "parent", "Categories can't stand deeper than 8 levels.");
    return SUT_OK;
}

SUT_ERR sut_category_add(struct sut_db_conn *c, struct sut_arena *a,
                         const struct sut_category_ask *g, const struct sut_goods_actor *by,
                         struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    sut_str state = { 0 };
    sut_goods__begin(&k, c, a, by, ret);
    struct sut_category_data d = {
        .name = g->name,
        .description = (g->has & SUT_CATEGORY_DESCRIPTION) != 0 ? g->description : SUT_STR(""),
        .parent_id = (g->has & SUT_CATEGORY_PARENT) != 0 ? g->parent_id : 0,
    };
    TRY(check_parent(&k, 0, d.parent_id, 1));
    TRY(sut_goods__verdict(&k));
    TRY(sut_slug_make(c, a, d.name, "category", sut_category_slug_taken, &d.slug));
    TRY(sut_category_insert(c, &d, by->now, &ret->id, &ret->version));
    const struct sut_category_row told = { .name = d.name,
                                           .description = d.description,
                                           .parent_id = d.parent_id };
    TRY(state_of(&k, &told, &state));
    return sut_goods__tell_whole(&k, SUT_ACTION_ADMIN_CATEGORY_ADD, "category", ret->id, state,
                                 false);
}

SUT_ERR sut_category_change(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                            const struct sut_category_ask *g, const struct sut_goods_actor *by,
                            struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_category_row was;
    int64_t depth = 0;
    int64_t height = 0;
    sut_goods__begin(&k, c, a, by, ret);
    ret->id = id;
    TRY(sut_category_get(c, a, id, &was));
    const sut_str name = (g->has & SUT_CATEGORY_NAME) != 0 ? g->name : was.name;
    const sut_str text =
        (g->has & SUT_CATEGORY_DESCRIPTION) != 0 ? g->description : was.description;
    const int64_t parent = (g->has & SUT_CATEGORY_PARENT) != 0 ? g->parent_id : was.parent_id;
    if (parent != was.parent_id) {
        TRY(sut_category_levels(c, id, &depth, &height));
        TRY(check_parent(&k, id, parent, height));
    }
    TRY(sut_goods__verdict(&k));
    sut_goods__diff_text(&k, "name", was.name, name);
    sut_goods__diff_text(&k, "description", was.description, text);
    sut_goods__diff_i64(&k, "parent", was.parent_id, parent);
    if (!k.is_different)
        return SUT_OK;
    TRY(sut_category_update(c, id, name, text, parent, by->now, &ret->version));
    return sut_goods__tell(&k, SUT_ACTION_ADMIN_CATEGORY_UPDATE, "category", id);
}

SUT_ERR sut_category_remove(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                            const struct sut_goods_actor *by, struct sut_goods_result *ret)
{
    struct sut_goods_work k;
    struct sut_category_row was;
    int64_t products = 0;
    int64_t categories = 0;
    sut_str state = { 0 };
    sut_goods__begin(&k, c, a, by, ret);
    ret->id = id;
    TRY(sut_category_get(c, a, id, &was));
    TRY(sut_category_load_of(c, id, &products, &categories));
    ENSURE(products == 0 && categories == 0, DENIED);
    TRY(state_of(&k, &was, &state));
    TRY(sut_category_delete(c, id, &ret->version));
    return sut_goods__tell_whole(&k, SUT_ACTION_ADMIN_CATEGORY_DELETE, "category", id, state, true);
}
