/* SPDX-License-Identifier: Apache-2.0 */
#include "shop/order.h"

#include "audit/audit.h"
#include "codec/json_out.h"
#include "shop/order_int.h"
#include "store/payment.h"
#include "store/stock.h"
#include "store/store.h"

enum { STATE_MAX = 256 };
static const int64_t cancel_ms = INT64_C(3600) * 1000 * SUT_ORDER_CANCEL_H;

bool sut_order_may_become(enum sut_order_status from, enum sut_order_status to)
{
    switch (from) {
    case SUT_ORDER_PENDING:
        return to == SUT_ORDER_PAID || to == SUT_ORDER_CANCELLED;
    case SUT_ORDER_PAID:
        return to == SUT_ORDER_SHIPPED || to == SUT_ORDER_CANCELLED;
    case SUT_ORDER_SHIPPED:
        return to == SUT_ORDER_DELIVERED;
    case SUT_ORDER_DELIVERED:
    case SUT_ORDER_CANCELLED:
        break;
    }
    return false;
}

bool sut_order_may_cancel(const struct sut_order *o, sut_ms now)
{
    if (!sut_order_may_become(o->status, SUT_ORDER_CANCELLED))
        return false;
    return o->status != SUT_ORDER_PAID || now.v - o->paid_at.v <= cancel_ms;
}

/* --- one step --- */

static SUT_ERR state_json(struct sut_arena *a, enum sut_order_status s, const char *why,
                          sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, STATE_MAX);
    struct sut_jw w = sut_jw_of(&b);
    sut_jw_obj(&w);
    sut_jw_key(&w, "status");
    sut_jw_z(&w, sut_order_status_word(s));
    if (why != NULL) {
        sut_jw_key(&w, "why");
        sut_jw_z(&w, why);
    }
    sut_jw_obj_end(&w);
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

static enum sut_action action_of(const struct sut_order_step *s, enum sut_order_status to)
{
    if (s->is_staff)
        return SUT_ACTION_ADMIN_ORDER_STATUS;
    return to == SUT_ORDER_PAID ? SUT_ACTION_ORDER_PAID : SUT_ACTION_ORDER_CANCEL;
}

static SUT_ERR audit(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_step *s,
                     enum sut_order_status from, enum sut_order_status to, sut_ms now)
{
    sut_str before = { 0 };
    sut_str after = { 0 };
    TRY(state_json(a, from, NULL, &before));
    TRY(state_json(a, to, s->reason, &after));
    return sut_audit_write_change(c, action_of(s, to), s->by, "order", s->order, before, after,
                                  s->addr.n == 0 ? SUT_STR("") : s->addr, now);
}

static enum sut_mail_kind mail_of(enum sut_order_status to)
{
    switch (to) {
    case SUT_ORDER_PENDING:
        break;
    case SUT_ORDER_PAID:
        return SUT_MAIL_ORDER_PAID;
    case SUT_ORDER_SHIPPED:
        return SUT_MAIL_ORDER_SHIPPED;
    case SUT_ORDER_DELIVERED:
        return SUT_MAIL_ORDER_DELIVERED;
    case SUT_ORDER_CANCELLED:
        return SUT_MAIL_ORDER_CANCELLED;
    }
    return SUT_MAIL_ORDER_PLACED;
}

/* ret->order has its former status still. */
static SUT_ERR settle_stock(struct sut_db_conn *c, struct sut_arena *a, enum sut_order_status to,
                            sut_ms now, struct sut_order_result *ret)
{
    if (to == SUT_ORDER_PAID)
        return sut_stock_take(c, a, ret->order.id, now, &ret->products, &ret->n_products);
    if (to == SUT_ORDER_CANCELLED)
        return sut_stock_release(c, a, ret->order.id, now, &ret->products, &ret->n_products);
    return SUT_OK;
}

/* What else becomes of the order's row. */
static void settle_money(struct sut_order *o, const struct sut_order_step *s,
                         enum sut_order_status to, sut_ms now)
{
    if (to == SUT_ORDER_PAID) {
        o->payment = SUT_PAYMENT_PAID;
        o->paid_at = now;
        o->held_until = (sut_ms){ 0 };
    } else if (to == SUT_ORDER_CANCELLED) {
        o->held_until = (sut_ms){ 0 };
        if (o->status != SUT_ORDER_PAID && s->is_payment_failed)
            o->payment = SUT_PAYMENT_FAILED;
        /* What somebody gave back by hand is not owed again. */
        if (o->status == SUT_ORDER_PAID && o->refund != SUT_REFUND_DONE)
            o->refund = SUT_REFUND_PENDING;
    }
}

/* The order and its lines as they are: of two at once the second finds what the first made. */
static SUT_ERR load(struct sut_db_conn *c, struct sut_arena *a, int64_t order,
                    struct sut_order_result *ret)
{
    *ret = (struct sut_order_result){ .outcome = SUT_ORDER_DONE };
    TRY(sut_order_by_id(c, a, order, &ret->order));
    return sut_order_lines(c, a, order, &ret->lines, &ret->n_lines);
}

static SUT_ERR become(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_step *s,
                      enum sut_order_status to, sut_ms now, struct sut_order_result *ret)
{
    struct sut_order *const o = &ret->order;
    const enum sut_order_status from = o->status;
    TRY(settle_stock(c, a, to, now, ret));
    settle_money(o, s, to, now);
    o->status = to;
    o->modified_by = s->by;
    o->modified_at = now;
    TRY(sut_order_save(c, o, from));
    if (s->words.n > 0 && o->person != 0) {
        o->reason = s->words;
        TRY(sut_order_save_reason(c, o));
    }
    TRY(sut_order__mail(c, a, mail_of(to), o, ret->lines, ret->n_lines, now));
    return audit(c, a, s, from, to, now);
}

SUT_ERR sut_order_pay(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_step *s,
                      sut_ms now, struct sut_order_result *ret)
{
    TRY(load(c, a, s->order, ret));
    if (sut_order_may_become(ret->order.status, SUT_ORDER_PAID))
        return become(c, a, s, SUT_ORDER_PAID, now, ret);
    ret->outcome = SUT_ORDER_REFUSED;
    return SUT_OK;
}

static SUT_ERR cancel(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_step *s,
                      sut_ms now, struct sut_order_result *ret)
{
    const bool is_paid = ret->order.status == SUT_ORDER_PAID;
    TRY(become(c, a, s, SUT_ORDER_CANCELLED, now, ret));
    /* What was paid at the door has no row: somebody gives it back by hand. */
    return is_paid ? sut_payment_owe_refund(c, s->order, "order_cancelled", now, NULL)
                   : sut_payment_close(c, s->order, now, NULL);
}

SUT_ERR sut_order_cancel(struct sut_db_conn *c, struct sut_arena *a, const struct sut_order_step *s,
                         sut_ms now, struct sut_order_result *ret)
{
    TRY(load(c, a, s->order, ret));
    if (sut_order_may_cancel(&ret->order, now))
        return cancel(c, a, s, now, ret);
    ret->outcome = SUT_ORDER_REFUSED;
    return SUT_OK;
}

SUT_ERR sut_order_advance(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_order_step *s, enum sut_order_status to, sut_ms now,
                          struct sut_order_result *ret)
{
    if (to == SUT_ORDER_CANCELLED)
        return sut_order_cancel(c, a, s, now, ret);
    TRY(load(c, a, s->order, ret));
    if (!sut_order_may_become(ret->order.status, to)) {
        ret->outcome = SUT_ORDER_REFUSED;
        return SUT_OK;
    }
    TRY(become(c, a, s, to, now, ret));
    /* What was paid to staff is not to be paid at a provider, too. */
    return to == SUT_ORDER_PAID ? sut_payment_close(c, s->order, now, NULL) : SUT_OK;
}

SUT_ERR sut_order_set_refund(struct sut_db_conn *c, int64_t order, enum sut_refund_status s,
                             sut_ms now)
{
    return sut_order_save_refund(c, order, s, now);
}

/* --- holds that have ended --- */

struct expiring {
    struct sut_store *store;
    struct sut_arena *arena;
    struct sut_mark mark;
    sut_ms now;
    const int64_t *orders;
    size_t n_orders;
    struct sut_order_expiry *to;
    size_t n_before; /* products of the writes before this one */
};

static void note_products(struct sut_order_expiry *to, const struct sut_order_result *r)
{
    for (size_t i = 0; i < r->n_products; i++) {
        bool is_known = false;
        for (size_t k = 0; k < to->n_products; k++)
            is_known = is_known || to->products[k] == r->products[i];
        if (!is_known && to->n_products < SUT_ORDER_EXPIRE_PRODUCTS)
            to->products[to->n_products++] = r->products[i];
    }
}

static SUT_ERR expire_one(struct sut_db_conn *c, struct expiring *x, int64_t order)
{
    const struct sut_order_step s = { .order = order, .reason = "expired" };
    struct sut_order_result r;
    TRY(load(c, x->arena, order, &r));
    /* Paid, or cancelled, or another server was here first. */
    if (r.order.status != SUT_ORDER_PENDING || r.order.held_until.v == 0 ||
        r.order.held_until.v > x->now.v)
        return SUT_OK;
    TRY(cancel(c, x->arena, &s, x->now, &r));
    note_products(x->to, &r);
    return SUT_OK;
}

static SUT_ERR expire_job(struct sut_db_conn *c, void *arg)
{
    struct expiring *x = arg;
    sut_arena_rewind(x->arena, x->mark);
    x->to->n_products = x->n_before;
    for (size_t i = 0; i < x->n_orders; i++)
        TRY(expire_one(c, x, x->orders[i]));
    return SUT_OK;
}

static SUT_ERR expire_some(struct expiring *x, const int64_t *orders, size_t n)
{
    x->orders = orders;
    x->n_orders = n;
    x->n_before = x->to->n_products;
    const sut_err e = sut_store_write(x->store, expire_job, x);
    if (sut_failed(e))
        x->to->n_products = x->n_before;
    return e;
}

static SUT_ERR find_overdue(struct sut_store *s, sut_ms now, size_t behind, int64_t *ret,
                            size_t *ret_n)
{
    struct sut_db_conn *c = NULL;
    TRY(sut_store_lease(s, &c));
    const sut_err e = sut_order_overdue(c, now, behind, SUT_ORDER_EXPIRE_MAX, ret, ret_n);
    sut_store_return(s, &c);
    return e;
}

/* One that can't be cancelled takes no other with it. */
static SUT_ERR expire_each(struct expiring *x, const int64_t *orders, size_t n)
{
    const sut_err all = expire_some(x, orders, n);
    if (!sut_failed(all))
        return SUT_OK;
    for (size_t i = 0; i < n; i++)
        x->to->n_left += sut_failed(expire_some(x, &orders[i], 1));
    /* When not one of them could be, the store itself may be at fault. */
    return x->to->n_left < n ? SUT_OK : all;
}

SUT_ERR sut_order_expire(struct sut_store *s, sut_ms now, struct sut_order_expiry *io)
{
    enum { ARENA_MAX = 8 * 1024 * 1024 };
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    int64_t orders[SUT_ORDER_EXPIRE_MAX];
    const size_t behind = io->behind;
    size_t n = 0;
    io->n_left = io->n_products = io->behind = 0;
    TRY(find_overdue(s, now, behind, orders, &n));
    if (n == 0)
        return SUT_OK;
    TRY(sut_arena_create(ARENA_MAX, &a));
    sut_arena_set_flags(a, SUT_ARENA_SECRET);
    struct expiring x = { .store = s, .arena = a, .now = now, .to = io };
    x.mark = sut_arena_mark(a);
    const sut_err e = expire_each(&x, orders, n);
    if (n == SUT_ORDER_EXPIRE_MAX)
        io->behind = behind + io->n_left;
    return e;
}
