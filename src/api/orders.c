/* SPDX-License-Identifier: Apache-2.0 */
#include "api/orders.h"

#include "api/account.h"
#include "api/entry.h"
#include "api/fragments.h"
#include "codec/utf8.h"
#include "config/config.h"
#include "guard/idempotency.h"
#include "guard/reply.h"
#include "mail/postman.h"
#include "pay/cashier.h"
#include "pay/pay.h"
#include "store/address.h"
#include "store/cart.h"

enum { TEXT_MAX = 2048, LIST_MEMORY = 4 * 1024 * 1024 };

const char *const api_order_statuses[] = { "pending",   "paid",      "shipped",
                                           "delivered", "cancelled", NULL };
const char *const api_order_orderings[] = { "created_at", "-created_at", NULL };

enum sut_order_status api_order_status_of(sut_str word)
{
    for (int s = SUT_ORDER_PENDING; s <= SUT_ORDER_CANCELLED; s++)
        if (sut_str_is(word, sut_order_status_word((enum sut_order_status) s)))
            return (enum sut_order_status) s;
    return (enum sut_order_status) 0;
}

void api_orders_changed(const struct sut_app *app, const int64_t *products, size_t n)
{
    sut_postman_wake(app->postman);
    if (n > 0)
        sut_fragments_stock_changed(app->fragments, products, n);
}

static void tell(struct sut_req *r, const struct sut_order_result *done)
{
    api_orders_changed(r->app, done->products, done->n_products);
    /* What was paid is owed back, and what could be paid is to be closed. */
    if (done->order.status == SUT_ORDER_CANCELLED || done->order.status == SUT_ORDER_PAID)
        sut_cashier_wake(r->app->cashier);
}

static bool can_pay(const struct sut_req *r, enum sut_pay_method m)
{
    return m == SUT_PAY_OFFLINE || (r->app->pay != NULL && sut_pay_has(r->app->pay, m));
}

enum sut_pay_method api_order_own_method(const struct sut_req *r)
{
    return can_pay(r, SUT_PAY_STRIPE) ? SUT_PAY_STRIPE : SUT_PAY_OFFLINE;
}

/* --- making --- */

struct placing {
    struct sut_req *r;
    struct sut_mark mark; /* a job may run again: its memory begins here */
    const struct api_order_ask *ask;
    struct sut_order_make make;
    struct api_order_placed *ret;
    bool is_refused;
};

static SUT_ERR place_job(struct sut_db_conn *c, void *arg)
{
    struct placing *p = arg;
    struct sut_req *const r = p->r;
    const struct sut_cart_owner owner = { .person = p->make.person };
    sut_arena_rewind(r->arena, p->mark);
    p->is_refused = false;
    TRY(sut_req_claim(r, c));
    if (p->ask->is_cart)
        TRY(sut_cart_find(c, &owner, &p->make.cart));
    TRY(sut_order_make(c, r->arena, &p->make, r->now, &p->ret->made));
    /* Nothing was made: the claim goes, too. */
    p->is_refused = p->ret->made.outcome != SUT_ORDER_DONE;
    ENSURE(!p->is_refused, DENIED);
    return sut_req_claim_made(r, c, p->ret->made.order.id);
}

/* Lines of things that are not sold any more: the buyer was told once, and can't see them. */
static SUT_ERR forget_job(struct sut_db_conn *c, void *arg)
{
    struct placing *p = arg;
    const struct sut_cart_owner owner = { .person = p->make.person };
    struct sut_cart_line *lines = NULL;
    size_t n = 0;
    int64_t cart = 0;
    TRY(sut_cart_find(c, &owner, &cart));
    if (cart != 0)
        TRY(sut_cart_lines(c, p->r->arena, cart, &lines, &n));
    for (size_t i = 0; i < n; i++)
        if (!lines[i].is_shown)
            TRY(sut_cart_remove(c, cart, lines[i].id, p->r->now));
    return SUT_OK;
}

static bool has_gone(const struct sut_order_result *made)
{
    for (size_t i = 0; i < made->n_shortages; i++)
        if (made->shortages[i].is_gone)
            return true;
    return false;
}

/* A line of a parcel's label; several texts stand beside each other. */
static void add_line(struct sut_buf *b, const sut_str *parts, size_t n)
{
    bool is_first = true;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n == 0)
            continue;
        if (is_first && b->n > 0)
            sut_buf_char(b, '\n');
        if (!is_first)
            sut_buf_lit(b, ", ");
        sut_buf_str_add(b, parts[i]);
        is_first = false;
    }
}

/* One of the person's own, as text; NOT_FOUND. */
static SUT_ERR copy_address(struct sut_req *r, int64_t id, sut_str *ret)
{
    struct sut_db_conn *conn = NULL;
    struct sut_postal p;
    struct sut_buf b;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_postal_find(conn, r->arena, r->auth.user_id, id, &p));
    const sut_str place[] = { p.v[SUT_POSTAL_CITY], p.v[SUT_POSTAL_REGION],
                              p.v[SUT_POSTAL_POSTAL_CODE] };
    sut_buf_init_arena(&b, r->arena, 4 * TEXT_MAX * SUT_POSTAL_FIELDS);
    add_line(&b, &p.v[SUT_POSTAL_NAME], 1);
    add_line(&b, &p.v[SUT_POSTAL_LINE1], 1);
    add_line(&b, &p.v[SUT_POSTAL_LINE2], 1);
    add_line(&b, place, sizeof(place) / sizeof(place[0]));
    add_line(&b, &p.v[SUT_POSTAL_COUNTRY], 1);
    add_line(&b, &p.v[SUT_POSTAL_PHONE], 1);
    TRY(sut_buf_check(&b));
    *ret = sut_utf8_head(sut_buf_str(&b), SUT_ORDER_ADDRESS_MAX);
    return SUT_OK;
}

static SUT_ERR make_order(struct sut_req *r, const struct api_order_ask *ask,
                          struct api_order_placed *ret)
{
    const struct sut_config *const config = r->app->config;
    struct placing p = {
        .r = r,
        .ask = ask,
        .make = { .person = r->auth.user_id,
                  .by = r->auth.user_id,
                  .items = ask->items,
                  .n_items = ask->n_items,
                  .address = ask->address,
                  .notes = ask->notes,
                  .method = ask->method,
                  .hold_ms = (int64_t) config->shop.hold_s * 1000,
                  .prefix = config->shop.order_prefix,
                  .currency = config->shop.currency,
                  .addr = api_entry_addr(r) },
        .ret = ret,
    };
    if (ask->address_id != 0) {
        const sut_err found = copy_address(r, ask->address_id, &p.make.address);
        if (found.code == SUT_E_NOT_FOUND || (!sut_failed(found) && p.make.address.n == 0)) {
            ret->fault = API_ORDER_NO_ADDRESS;
            return SUT_OK;
        }
        TRY(found);
    }
    p.mark = sut_arena_mark(r->arena);
    sut_req_conn_end(r);
    const sut_err e = sut_store_write(r->app->store, place_job, &p);
    if (!p.is_refused)
        return e;
    ret->fault = API_ORDER_RULE;
    if (has_gone(&ret->made))
        sut_ignore(sut_store_write(r->app->store, forget_job, &p), "the next try forgets them");
    return SUT_OK;
}

/* What an earlier try has made and not answered. */
static SUT_ERR find_made(struct sut_req *r, int64_t id, struct api_order_placed *ret)
{
    struct sut_db_conn *conn = NULL;
    struct sut_order_result *const made = &ret->made;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_order_by_id(conn, r->arena, id, &made->order));
    TRY(sut_order_lines(conn, r->arena, id, &made->lines, &made->n_lines));
    sut_req_conn_end(r);
    if (made->order.status == SUT_ORDER_CANCELLED) {
        ret->fault = API_ORDER_UNPAID;
        ret->payment_error = "The order was cancelled before it was paid.";
    }
    return SUT_OK;
}

/* --- paying --- */

struct failing {
    struct sut_req *r;
    struct sut_mark mark;
    bool is_cart;
    const struct sut_order *order;
    const struct sut_order_line *lines;
    size_t n_lines;
    struct sut_order_result done;
};

/* What was ordered lies in the cart again, as far as it has room. */
static SUT_ERR put_back(struct sut_db_conn *c, const struct failing *f)
{
    const struct sut_cart_owner owner = { .person = f->order->person };
    int64_t cart = 0;
    TRY(sut_cart_have(c, &owner, f->r->now, &cart));
    for (size_t i = 0; i < f->n_lines; i++) {
        int64_t line = 0;
        int64_t quantity = 0;
        const sut_err e = sut_cart_add(c, cart, f->lines[i].variant_id, f->lines[i].quantity,
                                       f->r->now, &line, &quantity);
        if (e.code != SUT_E_TOO_LARGE && e.code != SUT_E_FULL)
            TRY(e);
    }
    return SUT_OK;
}

static SUT_ERR fail_job(struct sut_db_conn *c, void *arg)
{
    struct failing *f = arg;
    const struct sut_order_step s = {
        .order = f->order->id,
        .addr = api_entry_addr(f->r),
        .reason = "payment_failed",
        .is_payment_failed = true,
    };
    sut_arena_rewind(f->r->arena, f->mark);
    f->done = (struct sut_order_result){ .outcome = SUT_ORDER_REFUSED };
    TRY(sut_order_by_id(c, f->r->arena, f->order->id, &f->done.order));
    /* Paid in another way meanwhile, or cancelled. */
    if (f->done.order.status != SUT_ORDER_PENDING)
        return SUT_OK;
    TRY(sut_order_cancel(c, f->r->arena, &s, f->r->now, &f->done));
    return f->is_cart && f->done.outcome == SUT_ORDER_DONE ? put_back(c, f) : SUT_OK;
}

static SUT_ERR take_back(struct sut_req *r, const struct api_order_ask *ask,
                         struct api_order_placed *p)
{
    struct failing f = {
        .r = r,
        .is_cart = ask->is_cart,
        .order = &p->made.order,
        .lines = p->made.lines,
        .n_lines = p->made.n_lines,
    };
    f.mark = sut_arena_mark(r->arena);
    TRY(sut_store_write(r->app->store, fail_job, &f));
    if (f.done.outcome == SUT_ORDER_DONE)
        tell(r, &f.done);
    p->made.order = f.done.order;
    if (f.done.order.status != SUT_ORDER_CANCELLED)
        return SUT_OK;
    p->fault = API_ORDER_UNPAID;
    p->payment_error = "The payment could not be started. Nothing was charged.";
    return SUT_OK;
}

/* Ask the provider, with nothing of the store's borrowed meanwhile. */
static SUT_ERR begin_payment(struct sut_req *r, const struct api_order_ask *ask,
                             struct api_order_placed *p)
{
    struct sut_person_row person;
    struct sut_pay_begun begun = { .amount_cents = 0 };
    TRY(api_account_self(r, &person));
    sut_req_conn_end(r);
    const sut_err e =
        sut_pay_begin(r->app->pay, r->arena, &p->made.order, person.email, r->now, &begun);
    if (sut_pay_is_refusal(e))
        return take_back(r, ask, p);
    TRY(e);
    if (begun.is_over)
        return find_made(r, p->made.order.id, p);
    p->payment_url = begun.url;
    return SUT_OK;
}

SUT_ERR api_order_place(struct sut_req *r, const struct api_order_ask *ask,
                        struct api_order_placed *ret)
{
    const int64_t made = sut_req_claim_resource(r);
    *ret = (struct api_order_placed){ .fault = API_ORDER_FINE, .payment_url = SUT_STR("") };
    if (!can_pay(r, ask->method)) {
        ret->fault = API_ORDER_NO_METHOD;
        ret->payment_error = "This shop does not take that kind of payment.";
        return SUT_OK;
    }
    if (made != 0)
        TRY(find_made(r, made, ret));
    else
        TRY(make_order(r, ask, ret));
    if (ret->fault != API_ORDER_FINE)
        return SUT_OK;
    tell(r, &ret->made);
    if (ask->method == SUT_PAY_OFFLINE || ask->is_paid_later ||
        ret->made.order.status != SUT_ORDER_PENDING)
        return SUT_OK;
    return begin_payment(r, ask, ret);
}

/* --- looking --- */

void api_orders_room(struct sut_req *r)
{
    sut_arena_set_limit(r->arena, sut_arena_held(r->arena) + LIST_MEMORY);
}

/* The event's name says it all: nothing of the order is told. */
static SUT_ERR deny(struct sut_req *r)
{
    api_entry_event(r, SUT_EVENT_PERMISSION_DENIED, r->auth.user_id, "order_of_another");
    FAIL(DENIED);
}

SUT_ERR api_order_of_path(struct sut_req *r, struct api_order *ret)
{
    struct sut_db_conn *conn = NULL;
    const int64_t id = sut_route_param(&r->match, "id").id;
    bool is_staff = false;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_order_by_id(conn, r->arena, id, &ret->order));
    if (ret->order.person != r->auth.user_id) {
        TRY(sut_req_staff(r, &is_staff));
        if (!is_staff)
            return deny(r);
    }
    return sut_order_lines(conn, r->arena, id, &ret->lines, &ret->n_lines);
}

SUT_ERR api_order_variant_text(struct sut_arena *a, sut_str size, sut_str color, sut_str *ret)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, a, TEXT_MAX);
    sut_buf_str_add(&b, size);
    if (size.n > 0 && color.n > 0)
        sut_buf_lit(&b, ", ");
    sut_buf_str_add(&b, color);
    TRY(sut_buf_check(&b));
    *ret = b.n == 0 ? SUT_STR("") : sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_order_short_text(struct sut_arena *a, const struct sut_order_shortage *s, sut_str *ret)
{
    struct sut_buf b;
    sut_str variant = { 0 };
    TRY(api_order_variant_text(a, s->size, s->color, &variant));
    sut_buf_init_arena(&b, a, 2 * TEXT_MAX);
    sut_buf_lit(&b, "Insufficient stock for: ");
    sut_buf_str_add(&b, s->product_name);
    if (variant.n > 0) {
        sut_buf_lit(&b, " (");
        sut_buf_str_add(&b, variant);
        sut_buf_char(&b, ')');
    }
    sut_buf_lit(&b, ". Only ");
    sut_buf_i64(&b, s->available);
    sut_buf_lit(&b, " available.");
    TRY(sut_buf_check(&b));
    *ret = sut_buf_str(&b);
    return SUT_OK;
}

SUT_ERR api_order_shortages_json(struct sut_arena *a, struct sut_jw *w,
                                 const struct sut_order_result *made)
{
    sut_jw_key(w, "out_of_stock_items");
    sut_jw_arr(w);
    for (size_t i = 0; i < made->n_shortages; i++) {
        const struct sut_order_shortage *const s = &made->shortages[i];
        sut_str variant = { 0 };
        TRY(api_order_variant_text(a, s->size, s->color, &variant));
        sut_jw_obj(w);
        sut_jw_key(w, "product");
        sut_jw_str(w, s->product_name);
        sut_jw_key(w, "variant");
        sut_jw_str(w, variant);
        sut_jw_key(w, "requested");
        sut_jw_i64(w, s->requested);
        sut_jw_key(w, "available");
        sut_jw_i64(w, s->available);
        sut_jw_obj_end(w);
    }
    sut_jw_arr_end(w);
    return SUT_OK;
}

/* --- changing --- */

struct stepping {
    struct sut_arena *arena;
    struct sut_mark mark;
    struct sut_order_step step;
    enum sut_order_status to;
    sut_ms now;
    struct sut_order_result *ret;
};

static SUT_ERR step_job(struct sut_db_conn *c, void *arg)
{
    struct stepping *s = arg;
    sut_arena_rewind(s->arena, s->mark);
    return sut_order_advance(c, s->arena, &s->step, s->to, s->now, s->ret);
}

static SUT_ERR step(struct sut_req *r, enum sut_order_status to, bool is_staff, sut_str words,
                    struct sut_order_result *ret)
{
    struct stepping s = {
        .arena = r->arena,
        .step = { .order = sut_route_param(&r->match, "id").id,
                  .by = r->auth.user_id,
                  .is_staff = is_staff,
                  .addr = api_entry_addr(r),
                  .words = words },
        .to = to,
        .now = r->now,
        .ret = ret,
    };
    s.mark = sut_arena_mark(r->arena);
    sut_req_conn_end(r);
    TRY(sut_store_write(r->app->store, step_job, &s));
    if (ret->outcome == SUT_ORDER_DONE)
        tell(r, ret);
    return SUT_OK;
}

SUT_ERR api_order_cancel(struct sut_req *r, bool staff_may, sut_str words,
                         struct sut_order_result *ret)
{
    struct sut_db_conn *conn = NULL;
    struct sut_order o;
    bool is_staff = false;
    TRY(sut_req_conn(r, &conn));
    TRY(sut_order_by_id(conn, r->arena, sut_route_param(&r->match, "id").id, &o));
    if (o.person != r->auth.user_id) {
        if (staff_may)
            TRY(sut_req_staff(r, &is_staff));
        if (!is_staff)
            return deny(r);
    }
    return step(r, SUT_ORDER_CANCELLED, is_staff, words, ret);
}

SUT_ERR api_order_refuse_cancel(struct sut_req *r, const struct sut_order *o)
{
    struct sut_buf b;
    sut_buf_init_arena(&b, r->arena, TEXT_MAX);
    sut_buf_lit(&b, "Order cannot be cancelled. Status: ");
    sut_buf_z(&b, sut_order_status_word(o->status));
    TRY(sut_buf_check(&b));
    struct sut_jw w = sut_reply_domain_open(r, 400, "invalid", sut_buf_str(&b));
    sut_jw_key(&w, "current_status");
    sut_jw_z(&w, sut_order_status_word(o->status));
    sut_jw_key(&w, "cancellable_statuses");
    sut_jw_arr(&w);
    for (int s = SUT_ORDER_PENDING; s <= SUT_ORDER_CANCELLED; s++)
        if (sut_order_may_become((enum sut_order_status) s, SUT_ORDER_CANCELLED))
            sut_jw_z(&w, sut_order_status_word((enum sut_order_status) s));
    sut_jw_arr_end(&w);
    sut_reply_domain_close(r, &w, 400);
    return SUT_OK;
}

SUT_ERR api_order_advance(struct sut_req *r, enum sut_order_status to, struct sut_order_result *ret)
{
    return step(r, to, true, (sut_str){ 0 }, ret);
}
