/* SPDX-License-Identifier: Apache-2.0
 *
 * goods_audit - what of a product a change leaves in the audit.
 */
#include "shop/goods_int.h"

enum {
    STATE_BYTES = 64 * 1024, /* beyond it, the audit says how long it was */
    VARIANTS_TOLD = 20,
};

void sut_goods__begin(struct sut_goods_work *k, struct sut_db_conn *c, struct sut_arena *a,
                      const struct sut_goods_actor *by, struct sut_goods_result *ret)
{
    *ret = (struct sut_goods_result){ 0 };
    *k = (struct sut_goods_work){ .c = c, .a = a, .by = by, .ret = ret };
    sut_buf_init_arena(&k->before_text, a, STATE_BYTES);
    sut_buf_init_arena(&k->after_text, a, STATE_BYTES);
    k->before = sut_jw_of(&k->before_text);
    k->after = sut_jw_of(&k->after_text);
    sut_jw_obj(&k->before);
    sut_jw_obj(&k->after);
}

static void key(struct sut_goods_work *k, struct sut_jw *w, const char *name)
{
    char room[SUT_AUDIT_TEXT_MAX];
    struct sut_buf b = { .p = room, .cap = sizeof(room), .max = sizeof(room) };
    if (k->scope.n == 0) {
        sut_jw_key(w, name);
        return;
    }
    sut_buf_str_add(&b, k->scope);
    sut_buf_char(&b, '.');
    sut_buf_z(&b, name);
    sut_jw_key_str(w, sut_buf_str(&b));
}

void sut_goods__diff_text(struct sut_goods_work *k, const char *name, sut_str was, sut_str is)
{
    if (sut_str_eq(was, is))
        return;
    k->is_different = true;
    key(k, &k->before, name);
    sut_audit_text(&k->before, was);
    key(k, &k->after, name);
    sut_audit_text(&k->after, is);
}

void sut_goods__diff_i64(struct sut_goods_work *k, const char *name, int64_t was, int64_t is)
{
    if (was == is)
        return;
    k->is_different = true;
    key(k, &k->before, name);
    sut_jw_i64(&k->before, was);
    key(k, &k->after, name);
    sut_jw_i64(&k->after, is);
}

static void cents_or_null(struct sut_jw *w, int64_t cents)
{
    if (cents < 0)
        sut_jw_null(w);
    else
        sut_jw_cents(w, cents);
}

void sut_goods__diff_cents(struct sut_goods_work *k, const char *name, int64_t was, int64_t is)
{
    if (was == is)
        return;
    k->is_different = true;
    key(k, &k->before, name);
    cents_or_null(&k->before, was);
    key(k, &k->after, name);
    cents_or_null(&k->after, is);
}

void sut_goods__diff_bool(struct sut_goods_work *k, const char *name, bool was, bool is)
{
    if (was == is)
        return;
    k->is_different = true;
    key(k, &k->before, name);
    sut_jw_bool(&k->before, was);
    key(k, &k->after, name);
    sut_jw_bool(&k->after, is);
}

static SUT_ERR closed(struct sut_jw *w, sut_str *ret)
{
    sut_jw_obj_end(w);
    TRY(sut_buf_check(w->out));
    *ret = sut_buf_str(w->out);
    return SUT_OK;
}

SUT_ERR sut_goods__tell(struct sut_goods_work *k, enum sut_action action, const char *kind,
                        int64_t id)
{
    sut_str before = { 0 };
    sut_str after = { 0 };
    TRY(closed(&k->before, &before));
    TRY(closed(&k->after, &after));
    return sut_audit_write_change(k->c, action, k->by->id, kind, id, before, after, k->by->addr,
                                  k->by->now);
}

SUT_ERR sut_goods__tell_whole(struct sut_goods_work *k, enum sut_action action, const char *kind,
                              int64_t id, sut_str state, bool is_before)
{
    const sut_str none = { 0 };
    return sut_audit_write_change(k->c, action, k->by->id, kind, id, is_before ? state : none,
                                  is_before ? none : state, k->by->addr, k->by->now);
}

static void write_variant(struct sut_jw *w, const struct sut_variant *v)
{
    sut_jw_obj(w);
    sut_jw_key(w, "sku");
    sut_audit_text(w, v->sku);
    sut_jw_key(w, "name");
    sut_audit_text(w, v->name);
    sut_jw_key(w, "price");
    cents_or_null(w, v->price_cents);
    sut_jw_key(w, "stock");
    sut_jw_i64(w, v->stock);
    sut_jw_key(w, "is_active");
    sut_jw_bool(w, v->is_active);
    sut_jw_obj_end(w);
}

SUT_ERR sut_goods__variant_state(struct sut_goods_work *k, const struct sut_variant *v,
                                 sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, STATE_BYTES);
    struct sut_jw w = sut_jw_of(&b);
    write_variant(&w, v);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR sut_goods__state(struct sut_goods_work *k, const struct sut_product *p, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, k->a, STATE_BYTES);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "name");
    sut_audit_text(&w, p->name);
    sut_jw_key(&w, "description");
    sut_audit_text(&w, p->description);
    sut_jw_key(&w, "category");
    sut_jw_i64(&w, p->category.id);
    sut_jw_key(&w, "price");
    sut_jw_cents(&w, p->price_cents);
    sut_jw_key(&w, "is_active");
    sut_jw_bool(&w, p->is_active);
    sut_jw_key(&w, "variants");
    sut_jw_arr(&w);
    for (size_t i = 0; i < p->n_variants && i < VARIANTS_TOLD; i++)
        write_variant(&w, &p->variants[i]);
    sut_jw_arr_end(&w);
    if (p->n_variants > VARIANTS_TOLD) {
        sut_jw_key(&w, "more_variants");
        sut_jw_i64(&w, (int64_t) (p->n_variants - VARIANTS_TOLD));
    }
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}
