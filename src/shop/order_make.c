/* SPDX-License-Identifier: Apache-2.0
 *
 * order_make - an order out of a cart or a list of items.
 */
#include <stdlib.h>

#include "audit/audit.h"
#include "shop/money.h"
#include "shop/order_int.h"
#include "store/cart.h"
#include "store/stock.h"

/* What is wanted, and what the catalogue says of it. */
struct wish {
    struct sut_stock_item item;
    int64_t quantity;
};

struct wishes {
    struct wish *rows; /* in the order in which they were asked for */
    size_t n;
};

static SUT_ERR wish_of_cart(struct sut_db_conn *c, struct sut_arena *a, int64_t cart,
                            struct wishes *ret)
{
    struct sut_cart_line *lines = NULL;
    TRY(sut_cart_lines(c, a, cart, &lines, &ret->n));
    ret->rows = ARENA_ARRAY(a, struct wish, ret->n + 1);
    ENSURE(ret->rows != NULL, NOMEM);
    for (size_t i = 0; i < ret->n; i++) {
        const struct sut_cart_line *const l = &lines[i];
        ret->rows[i] = (struct wish){
            .item = { .variant_id = l->variant_id,
                      .product_id = l->product_id,
                      .product_name = l->product_name,
                      .variant_name = l->variant_name,
                      .sku = l->sku,
                      .size = l->size,
                      .color = l->color,
                      .price_cents = l->price_cents,
                      .available = l->available,
                      .is_shown = l->is_shown },
            .quantity = l->quantity,
        };
    }
    return SUT_OK;
}

static struct wish *find(const struct wishes *w, int64_t variant)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->rows[i].item.variant_id == variant)
            return &w->rows[i];
    return NULL;
}

static SUT_ERR wish_of_items(struct sut_db_conn *c, struct sut_arena *a,
                             const struct sut_order_make *m, struct wishes *ret,
                             struct sut_order_result *result)
{
    ret->n = 0;
    ret->rows = ARENA_ARRAY(a, struct wish, m->n_items + 1);
    ENSURE(ret->rows != NULL, NOMEM);
    for (size_t i = 0; i < m->n_items && result->outcome == SUT_ORDER_DONE; i++) {
        const struct sut_order_item *const it = &m->items[i];
        struct wish *w = find(ret, it->variant);
        ENSURE(it->quantity > 0, INVALID);
        if (w == NULL) {
            w = &ret->rows[ret->n];
            const sut_err e = sut_stock_look(c, a, it->variant, &w->item);
            if (e.code == SUT_E_NOT_FOUND || (!sut_failed(e) && !w->item.is_shown)) {
                result->outcome = SUT_ORDER_NO_VARIANT;
                result->missing = it->variant;
                return SUT_OK;
            }
            TRY(e);
            w->quantity = 0;
            ret->n++;
        }
        w->quantity += it->quantity;
        if (w->quantity > SUT_CART_QUANTITY_MAX || ret->n > SUT_ORDER_LINES_MAX)
            result->outcome = SUT_ORDER_TOO_MANY;
    }
    return SUT_OK;
}

/* What is not there so often; of what is not sold any more nothing is. */
static SUT_ERR find_shortages(struct sut_arena *a, const struct wishes *w,
                              struct sut_order_result *ret)
{
    struct sut_order_shortage *rows = NULL;
    for (size_t i = 0; i < w->n; i++) {
        const struct wish *const x = &w->rows[i];
        if (x->item.is_shown && x->item.available >= x->quantity)
            continue;
        if (rows == NULL)
            rows = ARENA_ARRAY(a, struct sut_order_shortage, w->n);
        ENSURE(rows != NULL, NOMEM);
        rows[ret->n_shortages++] = (struct sut_order_shortage){
            .variant = x->item.variant_id,
            .product_name = x->item.product_name,
            .size = x->item.size,
            .color = x->item.color,
            .requested = x->quantity,
            .available = x->item.is_shown ? x->item.available : 0,
            .is_gone = !x->item.is_shown,
        };
    }
    ret->shortages = rows;
    if (rows != NULL)
        ret->outcome = SUT_ORDER_SHORT;
    return SUT_OK;
}

/* The sums; TOO_LARGE when one does not fit. */
static SUT_ERR add_up(const struct wishes *w, struct sut_order *o)
{
    sut_money total = { 0 };
    for (size_t i = 0; i < w->n; i++) {
        sut_money sum = { 0 };
        TRY(sut_money_times((sut_money){ w->rows[i].item.price_cents }, w->rows[i].quantity, &sum));
        TRY(sut_money_add(total, sum, &total));
        o->items_count += w->rows[i].quantity;
    }
    o->total_cents = total.cents;
    return SUT_OK;
}

static int by_variant(const void *a, const void *b)
{
    const struct wish *const x = *(const struct wish *const *) a;
    const struct wish *const y = *(const struct wish *const *) b;
    return (x->item.variant_id > y->item.variant_id) - (x->item.variant_id < y->item.variant_id);
}

/* In the order of the variants' ids: two orders of the same things wait for each other in turn. */
static SUT_ERR hold_all(struct sut_db_conn *c, struct sut_arena *a, const struct wishes *w,
                        int64_t order, sut_ms now)
{
    const struct wish **sorted = ARENA_ARRAY(a, const struct wish *, w->n);
    ENSURE(sorted != NULL, NOMEM);
    for (size_t i = 0; i < w->n; i++)
        sorted[i] = &w->rows[i];
    qsort(sorted, w->n, sizeof(struct wish *), by_variant);
    for (size_t i = 0; i < w->n; i++) {
        bool is_ok = false;
        TRY(sut_stock_hold(c, order, sorted[i]->item.variant_id, sorted[i]->quantity, now, &is_ok));
        /* It was there a moment ago: somebody else has it by now. */
        ENSURE(is_ok, CONFLICT);
    }
    return SUT_OK;
}

static SUT_ERR add_lines(struct sut_db_conn *c, struct sut_arena *a, const struct wishes *w,
                         struct sut_order_result *ret)
{
    int64_t *products = ARENA_ARRAY(a, int64_t, w->n);
    ret->lines = ARENA_ARRAY(a, struct sut_order_line, w->n);
    ENSURE(ret->lines != NULL && products != NULL, NOMEM);
    for (size_t i = 0; i < w->n; i++) {
        const struct sut_stock_item *const it = &w->rows[i].item;
        struct sut_order_line *const l = &ret->lines[i];
        *l = (struct sut_order_line){
            .order_id = ret->order.id,
            .product_id = it->product_id,
            .variant_id = it->variant_id,
            .product_name = it->product_name,
            .variant_name = it->variant_name,
            .sku = it->sku,
            .size = it->size,
            .color = it->color,
            .quantity = w->rows[i].quantity,
            .price_cents = it->price_cents,
        };
        TRY(sut_order_line_insert(c, l));
        products[i] = it->product_id;
    }
    ret->n_lines = w->n;
    ret->products = products;
    ret->n_products = w->n;
    return SUT_OK;
}

static SUT_ERR write_order(struct sut_db_conn *c, struct sut_arena *a,
                           const struct sut_order_make *m, const struct wishes *w, sut_ms now,
                           struct sut_order_result *ret)
{
    struct sut_order *const o = &ret->order;
    int64_t n_cleared = 0;
    TRY(sut_order_insert(c, o, now));
    TRY(hold_all(c, a, w, o->id, now));
    TRY(add_lines(c, a, w, ret));
    if (m->cart != 0)
        TRY(sut_cart_clear(c, m->cart, now, &n_cleared));
    TRY(sut_order__mail(c, a, SUT_MAIL_ORDER_PLACED, o, ret->lines, ret->n_lines, now));
    return sut_audit_write_id(c, SUT_ACTION_ORDER_CREATE, m->by, "order", o->id, m->addr, now);
}

SUT_ERR sut_order_make(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_make *m,
                       sut_ms now, struct sut_order_result *ret)
{
    struct wishes w = { .n = 0 };
    ENSURE(m->person > 0 && m->address.n > 0 && m->hold_ms >= 0, INVALID);
    *ret = (struct sut_order_result){
        .outcome = SUT_ORDER_DONE,
        .order = { .person = m->person,
                   .prefix = m->prefix,
                   .method = m->method,
                   .currency = m->currency,
                   .created_by = m->by,
                   .address = m->address,
                   .notes = m->notes },
    };
    /* What is paid at the door is not paid within the half hour. */
    if (m->method != SUT_PAY_OFFLINE)
        ret->order.held_until.v = now.v + m->hold_ms;
    if (m->cart != 0)
        TRY(wish_of_cart(c, a, m->cart, &w));
    else
        TRY(wish_of_items(c, a, m, &w, ret));
    if (ret->outcome != SUT_ORDER_DONE)
        return SUT_OK;
    if (w.n == 0 || w.n > SUT_ORDER_LINES_MAX) {
        ret->outcome = w.n == 0 ? SUT_ORDER_EMPTY : SUT_ORDER_TOO_MANY;
        return SUT_OK;
    }
    TRY(find_shortages(a, &w, ret));
    if (ret->outcome != SUT_ORDER_DONE)
        return SUT_OK;
    const sut_err e = add_up(&w, &ret->order);
    if (e.code == SUT_E_TOO_LARGE) {
        ret->outcome = SUT_ORDER_TOO_DEAR;
        return SUT_OK;
    }
    TRY(e);
    return write_order(c, a, m, &w, now, ret);
}
