/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/product_admin.h"

#include "api/fragments.h"
#include "store/goods.h"
#include "store/store.h"

enum { EXPORT_AT_ONCE = 20, EXPORT_BYTES = 512 * 1024 };

static SUT_ERR export(struct sut_product_admin *p, struct sut_arena *a, int64_t after,
                      struct sut_products_answer *ret)
{
    struct sut_db_conn *c = NULL;
    struct sut_product rows[EXPORT_AT_ONCE];
    int64_t ids[EXPORT_AT_ONCE];
    struct sut_buf text;
    size_t n = EXPORT_AT_ONCE;
    sut_buf_init_arena(&text, a, SUT_PRODUCTS_TEXT_MAX);
    TRY(sut_store_lease(p->store, &c));
    ret->after = after;
    sut_err e = SUT_OK;
    while (!sut_failed(e) && n == EXPORT_AT_ONCE && text.n < EXPORT_BYTES) {
        e = sut_goods_after(c, ret->after, ids, EXPORT_AT_ONCE, &n);
        if (!sut_failed(e))
            e = sut_catalogue_load(c, a, ids, n, rows);
        for (size_t i = 0; i < n && !sut_failed(e); i++) {
            /* one that went meanwhile has no id */
            if (rows[i].id != 0)
                sut_product_form_write(&text, &rows[i]);
            ret->after = ids[i];
        }
    }
    sut_store_return(p->store, &c);
    TRY(e);
    TRY(sut_buf_check(&text));
    ret->text = sut_buf_str(&text);
    ret->has_more = n == EXPORT_AT_ONCE;
    return SUT_OK;
}

static bool is_stalled(const struct sut_product_admin *p)
{
    const int64_t silent_ms = sut_clock_now(p->clock).v - p->heard_at.v;
    return silent_ms > INT64_C(1000) * SUT_IMPORT_PATIENCE_S || silent_ms < 0;
}

static SUT_ERR begin(struct sut_product_admin *p, const struct sut_products_ask *ask,
                     struct sut_products_answer *ret)
{
    struct sut_import_options o = ask->options;
    if (p->import != NULL && !is_stalled(p)) {
        ret->refused = SUT_STR("another import goes on; try again when it has ended");
        return SUT_OK;
    }
    sut_import_free(&p->import);
    o.is_zero_ok = p->is_zero_ok;
    TRY(sut_import_begin(p->store, p->clock, &o, &p->import));
    p->is_whole = !o.is_partial || o.is_dry;
    ret->import = ++p->number;
    return SUT_OK;
}

static SUT_ERR go_on(struct sut_product_admin *p, struct sut_arena *a,
                     const struct sut_products_ask *ask, struct sut_products_answer *ret)
{
    const bool is_end = ask->verb == SUT_PRODUCTS_END;
    if (p->import == NULL || ask->import != p->number) {
        ret->refused = SUT_STR(
            "the import was given up: nothing came for too long, or another command came between");
        return SUT_OK;
    }
    if (ask->verb == SUT_PRODUCTS_GIVE_UP) {
        sut_import_free(&p->import);
        return SUT_OK;
    }
    const sut_err e = is_end
                          ? sut_import_end(p->import, &ret->done)
                          : sut_import_rows(p->import, a, ask->objects, ask->n_objects, &ret->done);
    if (sut_failed(e) || is_end || ret->done.is_again)
        sut_import_free(&p->import);
    TRY(e);
    if (ret->done.version != 0 && p->fragments != NULL)
        sut_fragments_version_seen(p->fragments, ret->done.version);
    return SUT_OK;
}

SUT_ERR sut_product_admin_do(struct sut_product_admin *p, struct sut_arena *a,
                             const struct sut_products_ask *ask, struct sut_products_answer *ret)
{
    *ret = (struct sut_products_answer){ .import = ask->import };
    if (ask->verb == SUT_PRODUCTS_EXPORT)
        return export(p, a, ask->after, ret);
    const sut_err e = ask->verb == SUT_PRODUCTS_BEGIN ? begin(p, ask, ret) : go_on(p, a, ask, ret);
    p->heard_at = sut_clock_now(p->clock);
    return e;
}

void sut_product_admin_yield(struct sut_product_admin *p)
{
    if (p->is_whole)
        sut_import_free(&p->import);
}

void sut_product_admin_done(struct sut_product_admin *p)
{
    sut_import_free(&p->import);
}
