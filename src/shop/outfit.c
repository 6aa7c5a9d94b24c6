/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/outfit.h"

bool sut_outfit_may_see(const struct sut_outfit *o, int64_t person)
{
    return o->is_public || (person != 0 && o->person == person);
}

static bool has_double(const int64_t *products, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (products[i] == products[j])
                return true;
    return false;
}

/* DONE: they can be an outfit. */
static SUT_ERR judge(struct sut_db_conn *c, const int64_t *products, size_t n,
                     struct sut_outfit_result *ret)
{
    if (n < SUT_OUTFIT_ITEMS_MIN) {
        ret->outcome = SUT_OUTFIT_TOO_FEW;
        return SUT_OK;
    }
    if (n > SUT_OUTFIT_ITEMS_MAX) {
        ret->outcome = SUT_OUTFIT_TOO_MANY;
        return SUT_OK;
    }
    if (has_double(products, n)) {
        ret->outcome = SUT_OUTFIT_DOUBLE;
        return SUT_OK;
    }
    for (size_t i = 0; i < n; i++) {
        bool may = false;
        TRY(sut_outfit_may_hold(c, products[i], &may));
        if (!may)
            ret->unknown[ret->n_unknown++] = products[i];
    }
    if (ret->n_unknown > 0)
        ret->outcome = SUT_OUTFIT_UNKNOWN;
    return SUT_OK;
}

SUT_ERR sut_outfit_make(struct sut_db_conn *c, struct sut_arena *scratch,
                        const struct sut_outfit_data *d, const int64_t *products, size_t n,
                        sut_ms now, struct sut_outfit_result *ret)
{
    *ret = (struct sut_outfit_result){ .outcome = SUT_OUTFIT_DONE };
    TRY(judge(c, products, n, ret));
    if (ret->outcome != SUT_OUTFIT_DONE)
        return SUT_OK;
    const sut_err e = sut_outfit_insert(c, scratch, d, now, &ret->id);
    if (e.code == SUT_E_FULL) {
        ret->outcome = SUT_OUTFIT_FULL;
        return SUT_OK;
    }
    TRY(e);
    return sut_outfit_fill(c, ret->id, products, n);
}

/* The outfit, when this person may change it. */
static SUT_ERR find_own(struct sut_db_conn *c, struct sut_arena *a, int64_t id, int64_t person,
                        struct sut_outfit *o, struct sut_outfit_result *ret)
{
    *ret = (struct sut_outfit_result){ .outcome = SUT_OUTFIT_DONE, .id = id };
    const sut_err e = sut_outfit_by_id(c, a, id, o);
    if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && !sut_outfit_may_see(o, person))) {
        ret->outcome = SUT_OUTFIT_NONE;
        return SUT_OK;
    }
    TRY(e);
    if (o->person != person)
        ret->outcome = SUT_OUTFIT_ANOTHERS;
    return SUT_OK;
}

SUT_ERR sut_outfit_change(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_outfit_change *h, sut_ms now,
                          struct sut_outfit_result *ret)
{
    struct sut_outfit o;
    TRY(find_own(c, scratch, h->id, h->person, &o, ret));
    if (ret->outcome != SUT_OUTFIT_DONE)
        return SUT_OK;
    if (h->has_products)
        TRY(judge(c, h->products, h->n_products, ret));
    if (ret->outcome != SUT_OUTFIT_DONE)
        return SUT_OK;
    const struct sut_outfit_data d = {
        .person = h->person,
        .name = h->has_name ? h->name : o.name,
        .description = h->has_description ? h->description : o.description,
        .is_public = h->has_is_public ? h->is_public : o.is_public,
    };
    TRY(sut_outfit_update(c, scratch, h->id, &d, now));
    return h->has_products ? sut_outfit_fill(c, h->id, h->products, h->n_products) : SUT_OK;
}

SUT_ERR sut_outfit_drop(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                        int64_t person, struct sut_outfit_result *ret)
{
    struct sut_outfit o;
    TRY(find_own(c, scratch, id, person, &o, ret));
    return ret->outcome == SUT_OUTFIT_DONE ? sut_outfit_remove(c, id, person) : SUT_OK;
}
