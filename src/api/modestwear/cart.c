/* SPDX-License-Identifier: Apache-2.0
 *
 * cart - contract A's routes of the cart, a person's or a guest's.
 */
#include "api/modestwear/account_json.h"
#include "api/modestwear/cart_schema.h"
#include "api/modestwear/line_json.h"
#include "api/routes.h"
#include "config/config.h"
#include "guard/guest.h"
#include "guard/idempotency.h"
#include "store/store.h"

static const char no_line[] = "Cart item not found";

/* --- whose --- */

/* Whose cart a request is about. */
struct whose {
    int64_t person;
    bool is_known; /* a person, or a guest whose cookie came */
    struct sut_guest guest;
};

static struct whose whose_of(struct sut_req *r)
{
    struct whose o = { .person = r->auth.state == SUT_AUTH_USER ? r->auth.user_id : 0 };
    o.is_known = o.person != 0 || sut_req_guest(r, &o.guest);
    return o;
}

static struct sut_cart_owner owner_of(const struct whose *o)
{
    return (struct sut_cart_owner){
        .person = o->person,
        .guest = o->person != 0 ? (sut_str){ 0 } : sut_guest_digest(&o->guest),
    };
}

/* 0: there is no cart yet. */
static SUT_ERR find(struct sut_db_conn *c, const struct whose *o, int64_t *ret)
{
    const struct sut_cart_owner owner = owner_of(o);
    *ret = 0;
    return o->is_known ? sut_cart_find(c, &owner, ret) : SUT_OK;
}

/* --- reading --- */

static SUT_ERR write_cart(struct sut_req *r, const struct api_lines *lines)
{
    struct sut_cart_sum sum;
    TRY(sut_cart_sum_of(lines->rows, lines->n, &sum));
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "items");
    sut_jw_arr(&w);
    for (size_t i = 0; i < lines->n; i++) {
        const struct sut_cart_line *l = &lines->rows[i];
        sut_jw_obj(&w);
        sut_jw_key(&w, "id");
        sut_jw_i64(&w, l->id);
        sut_jw_key(&w, "variant");
        api_line_variant(&w, lines, i);
        sut_jw_key(&w, "quantity");
        sut_jw_i64(&w, l->quantity);
        sut_jw_key(&w, "subtotal");
        sut_jw_cents(&w, l->price_cents * l->quantity);
        sut_jw_key(&w, "created_at");
        sut_jw_time(&w, l->created_at);
        sut_jw_obj_end(&w);
    }
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "summary");
    sut_jw_obj(&w);
    sut_jw_key(&w, "total_items");
    sut_jw_i64(&w, sum.items);
    sut_jw_key(&w, "total_price");
    sut_jw_cents(&w, sum.price.cents);
    sut_jw_key(&w, "currency");
    sut_jw_str(&w, r->app->config->shop.currency);
    sut_jw_obj_end(&w);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

static sut_err get_cart(struct sut_req *r)
{
    const struct whose o = whose_of(r);
    struct api_lines lines = { .n = 0 };
    struct sut_cart_line *rows = NULL;
    struct sut_db_conn *c = NULL;
    int64_t cart = 0;
    size_t n = 0;
    if (o.is_known) {
        TRY(sut_req_conn(r, &c));
        TRY(find(c, &o, &cart));
    }
    if (cart != 0) {
        TRY(sut_cart_lines(c, r->arena, cart, &rows, &n));
        TRY(api_lines_load(r, c, rows, n, &lines));
    }
    return write_cart(r, &lines);
}

/* --- adding --- */

struct adding {
    struct sut_req *r;
    struct whose whose;
    struct sut_guest fresh; /* a guest to be */
    int64_t variant;
    int64_t quantity;
    bool is_fresh;
    struct sut_cart_result res;
};

/* The cart to add to.  A cookie that no cart has is not taken on: the guest gets another. */
static SUT_ERR have_cart(struct sut_db_conn *c, struct adding *a, int64_t *ret)
{
    struct sut_cart_owner owner = owner_of(&a->whose);
    a->is_fresh = false;
    if (a->whose.person == 0) {
        TRY(find(c, &a->whose, ret));
        a->is_fresh = *ret == 0;
        if (a->is_fresh)
            owner.guest = sut_guest_digest(&a->fresh);
    }
    return sut_cart_have(c, &owner, a->r->now, ret);
}

static SUT_ERR add_job(struct sut_db_conn *c, void *arg)
{
    struct adding *a = arg;
    int64_t cart = 0;
    a->res = (struct sut_cart_result){ 0 };
    TRY(sut_req_claim(a->r, c));
    TRY(have_cart(c, a, &cart));
    TRY(sut_cart_put(c, cart, a->variant, a->quantity, a->r->now, &a->res));
    /* What is refused leaves no empty cart behind. */
    ENSURE(a->res.outcome == SUT_CART_DONE, INVALID);
    return sut_req_claim_made(a->r, c, a->res.line);
}

/* What an earlier try added, when it did not come to answer. */
static SUT_ERR read_added(struct adding *a, int64_t line)
{
    struct sut_db_conn *c = NULL;
    struct sut_cart_offer offer = { 0 };
    struct sut_cart_result *res = &a->res;
    int64_t cart = 0;
    TRY(sut_req_conn(a->r, &c));
    TRY(find(c, &a->whose, &cart));
    res->line = line;
    TRY(sut_cart_line_find(c, cart, line, &res->variant, &res->quantity));
    TRY(sut_cart_offer_of(c, cart, res->variant, &offer));
    res->sum_cents = offer.price_cents * res->quantity;
    return SUT_OK;
}

static sut_err add(struct sut_req *r, const char *name)
{
    struct adding a = {
        .r = r,
        .whose = whose_of(r),
        .variant = sut_schema_i64(r->body, name, 0),
        .quantity = sut_schema_i64(r->body, "quantity", 1),
    };
    const int64_t made = sut_req_claim_resource(r);
    if (a.whose.person == 0)
        TRY(sut_guest_make(r->app->random, &a.fresh));
    const sut_err e =
        made != 0 ? read_added(&a, made) : sut_store_write(r->app->store, add_job, &a);
    if (sut_failed(e) && a.res.outcome != SUT_CART_DONE && !sut_req_claim_lost(r)) {
        api_line_refuse(r, &a.res, no_line);
        return SUT_OK;
    }
    TRY(e);
    if (a.whose.person == 0)
        sut_req_give_guest(r, a.is_fresh ? &a.fresh : &a.whose.guest);
    struct sut_jw w = api_a_data_open(r, 201);
    api_line_members(&w, &a.res);
    api_a_data_close_saying(&w, "Item added to cart");
    return SUT_OK;
}

static sut_err post_add(struct sut_req *r)
{
    return add(r, "variant_id");
}

static sut_err post_cart(struct sut_req *r)
{
    return add(r, "variant");
}

/* --- changing --- */

struct changing {
    struct sut_req *r;
    struct whose whose;
    int64_t line;
    int64_t quantity;
    int64_t removed;
    struct sut_cart_result res;
};

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    int64_t cart = 0;
    TRY(find(c, &a->whose, &cart));
    return sut_cart_change(c, cart, a->line, a->quantity, a->r->now, &a->res);
}

static sut_err change(struct sut_req *r, int64_t line)
{
    struct changing a = {
        .r = r,
        .whose = whose_of(r),
        .line = line,
        .quantity = sut_schema_i64(r->body, "quantity", 0),
    };
    TRY(sut_store_write(r->app->store, change_job, &a));
    if (a.res.outcome != SUT_CART_DONE) {
        api_line_refuse(r, &a.res, no_line);
        return SUT_OK;
    }
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "cart_item_id");
    sut_jw_i64(&w, a.res.line);
    sut_jw_key(&w, "quantity");
    sut_jw_i64(&w, a.res.quantity);
    sut_jw_key(&w, "subtotal");
    sut_jw_cents(&w, a.res.sum_cents);
    api_a_data_close_saying(&w, "Cart item updated");
    return SUT_OK;
}

static sut_err patch_item(struct sut_req *r)
{
    return change(r, sut_route_param(&r->match, "id").id);
}

static sut_err put_item(struct sut_req *r)
{
    return change(r, sut_schema_i64(r->body, "item_id", 0));
}

static SUT_ERR remove_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    int64_t cart = 0;
    TRY(find(c, &a->whose, &cart));
    return sut_cart_remove(c, cart, a->line, a->r->now);
}

static sut_err remove_line(struct sut_req *r, int64_t line)
{
    struct changing a = { .r = r, .whose = whose_of(r), .line = line };
    const sut_err e = sut_store_write(r->app->store, remove_job, &a);
    if (e.code == SUT_E_NOT_FOUND) {
        sut_reply_domain(r, 404, "not_found", sut_str_from(no_line));
        return SUT_OK;
    }
    TRY(e);
    sut_reply_message(r, 200, "Item removed from cart");
    return SUT_OK;
}

static sut_err delete_item(struct sut_req *r)
{
    return remove_line(r, sut_route_param(&r->match, "id").id);
}

static sut_err delete_named_item(struct sut_req *r)
{
    return remove_line(r, sut_schema_i64(r->body, "item_id", 0));
}

static SUT_ERR clear_job(struct sut_db_conn *c, void *arg)
{
    struct changing *a = arg;
    int64_t cart = 0;
    a->removed = 0;
    TRY(find(c, &a->whose, &cart));
    return cart == 0 ? SUT_OK : sut_cart_clear(c, cart, a->r->now, &a->removed);
}

static sut_err post_clear(struct sut_req *r)
{
    struct changing a = { .r = r, .whose = whose_of(r) };
    TRY(sut_store_write(r->app->store, clear_job, &a));
    struct sut_jw w = api_a_data_open(r, 200);
    sut_jw_key(&w, "items_removed");
    sut_jw_i64(&w, a.removed);
    api_a_data_close_saying(&w, "Cart cleared");
    return SUT_OK;
}

/* --- rows --- */

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/orders/cart/",
        .name = "cart",
        .summary = "What lies in the cart",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_COOKIE_CART,
        .answers = api_a_cart_answers,
        .handle = get_cart,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/cart/add/",
        .name = "cart_add",
        .summary = "Put in some of a variant",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_COOKIE_CART | SUT_ROUTE_CREATES,
        .body = &api_a_cart_add_body,
        .answers = api_a_cart_add_answers,
        .handle = post_add,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/cart/",
        .name = "cart_put",
        .summary = "The same, by another name",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_COOKIE_CART | SUT_ROUTE_CREATES,
        .body = &api_a_cart_put_body,
        .answers = api_a_cart_add_answers,
        .handle = post_cart,
    },
    {
        .method = SUT_PATCH,
        .path = "/api/orders/cart/update/{id}/",
        .name = "cart_update",
        .summary = "Set the quantity of a line",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_COOKIE_CART,
        .body = &api_a_cart_quantity_body,
        .answers = api_a_cart_change_answers,
        .handle = patch_item,
    },
    {
        .method = SUT_PUT,
        .path = "/api/orders/cart/update/",
        .name = "cart_update_named",
        .summary = "The same, the line named in the body",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_COOKIE_CART,
        .body = &api_a_cart_item_quantity_body,
        .answers = api_a_cart_change_answers,
        .handle = put_item,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/orders/cart/remove/{id}/",
        .name = "cart_remove",
        .summary = "Take a line out",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_COOKIE_CART,
        .answers = api_a_cart_remove_answers,
        .handle = delete_item,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/orders/cart/remove/",
        .name = "cart_remove_named",
        .summary = "The same, the line named in the body",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_COOKIE_CART,
        .body = &api_a_cart_item_body,
        .answers = api_a_cart_remove_answers,
        .handle = delete_named_item,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/cart/clear/",
        .name = "cart_clear",
        .summary = "Take everything out",
        .tag = "cart",
        .policy = SUT_POLICY_ANYONE,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_COOKIE_CART,
        .answers = api_a_cart_clear_answers,
        .handle = post_clear,
    },
};

const struct sut_routes api_modestwear_cart_routes = SUT_ROUTES(rows);
