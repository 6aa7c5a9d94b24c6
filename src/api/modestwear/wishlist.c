/* SPDX-License-Identifier: Apache-2.0
 *
 * wishlist - contract A's routes of a person's wishlist.
 */
#include "store/wishlist.h"
#include "api/modestwear/account_json.h"
#include "api/modestwear/account_schema.h"
#include "api/modestwear/line_json.h"
#include "api/routes.h"
#include "guard/idempotency.h"
#include "store/store.h"

static const char no_wish[] = "Wishlist item not found";

/* --- answers and bodies --- */

static const struct sut_field item_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "variant", .type = SUT_F_OBJECT, .of = &api_a_line_variant },
    { .name = "added_at", .type = SUT_F_TIME },
};
static const struct sut_schema item = SUT_SCHEMA("WishlistItem", item_fields);

static const struct sut_field list_fields[] = {
    { .name = "items", .type = SUT_F_ARRAY, .of = &item },
    { .name = "total_items", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
};
static const struct sut_schema list_schema = SUT_SCHEMA("Wishlist", list_fields);

static const struct sut_field added_data_fields[] = {
    { .name = "wishlist_item_id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "variant_id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
};
static const struct sut_schema added_data = SUT_SCHEMA("WishlistChange", added_data_fields);
static const struct sut_field added_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "data", .type = SUT_F_OBJECT, .of = &added_data },
    { .name = "message", .type = SUT_F_STRING },
};
static const struct sut_schema added = SUT_SCHEMA("WishlistAdded", added_fields);

static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &list_schema },
    { 0 },
};
static const struct sut_answer add_answers[] = {
    { .status = 201, .schema = &added },
    { .status = 400, .doc = "The wishlist is full" },
    { .status = 404, .doc = "Product variant not found" },
    { .status = 409, .doc = "Item already in wishlist" },
    { 0 },
};
static const struct sut_answer remove_answers[] = {
    { .status = 200, .schema = &api_a_message },
    { .status = 404, .doc = "No such item in this wishlist" },
    { 0 },
};
static const struct sut_answer move_answers[] = {
    { .status = 200, .schema = &api_a_cart_changed },
    { .status = 400, .doc = "More than 100 in the cart, more than there are, or a full cart" },
    { .status = 404, .doc = "No such item in this wishlist, or its product is hidden" },
    { 0 },
};

static const struct sut_field add_fields[] = {
    { .name = "variant_id", .type = SUT_F_INT, .flags = SUT_F_REQUIRED },
};
static const struct sut_schema add_body = SUT_SCHEMA("WishlistAdd", add_fields);
static const struct sut_field add_alias_fields[] = {
    { .name = "variant", .type = SUT_F_INT, .flags = SUT_F_REQUIRED },
};
static const struct sut_schema add_alias_body = SUT_SCHEMA("WishlistPut", add_alias_fields);

/* --- handlers --- */

static sut_err get_list(struct sut_req *r)
{
    struct api_lines lines;
    struct sut_cart_line *rows = NULL;
    struct sut_db_conn *c = NULL;
    size_t n = 0;
    TRY(sut_req_conn(r, &c));
    TRY(sut_wishlist(c, r->arena, r->auth.user_id, &rows, &n));
    TRY(api_lines_load(r, c, rows, n, &lines));
    struct sut_jw w = sut_reply_json(r, 200);
    sut_jw_obj(&w);
    sut_jw_key(&w, "items");
    sut_jw_arr(&w);
    for (size_t i = 0; i < lines.n; i++) {
        sut_jw_obj(&w);
        sut_jw_key(&w, "id");
        sut_jw_i64(&w, lines.rows[i].id);
        sut_jw_key(&w, "variant");
        api_line_variant(&w, &lines, i);
        sut_jw_key(&w, "added_at");
        sut_jw_time(&w, lines.rows[i].created_at);
        sut_jw_obj_end(&w);
    }
    sut_jw_arr_end(&w);
    sut_jw_key(&w, "total_items");
    sut_jw_i64(&w, (int64_t) lines.n);
    sut_jw_obj_end(&w);
    return SUT_OK;
}

struct wishing {
    struct sut_req *r;
    int64_t variant;
    int64_t wish;
    enum sut_ecode why; /* it can't be */
    struct sut_cart_result res;
};

static SUT_ERR add_job(struct sut_db_conn *c, void *arg)
{
    struct wishing *a = arg;
    a->why = SUT_E_OK;
    TRY(sut_req_claim(a->r, c));
    const sut_err e = sut_wish_add(c, a->r->auth.user_id, a->variant, a->r->now, &a->wish);
    if (e.code == SUT_E_NOT_FOUND || e.code == SUT_E_EXISTS || e.code == SUT_E_FULL)
        a->why = e.code;
    TRY(e);
    return sut_req_claim_made(a->r, c, a->wish);
}

static void refuse(struct sut_req *r, enum sut_ecode why)
{
    if (why == SUT_E_NOT_FOUND)
        sut_reply_domain(r, 404, "not_found", SUT_STR("Product variant not found"));
    else if (why == SUT_E_EXISTS)
        sut_reply_domain(r, 409, "duplicate", SUT_STR("Item already in wishlist"));
    else
        sut_reply_domain(r, 400, "invalid", SUT_STR("The wishlist is full"));
}

static sut_err add(struct sut_req *r, const char *name)
{
    struct wishing a = { .r = r, .variant = sut_schema_i64(r->body, name, 0) };
    a.wish = sut_req_claim_resource(r);
    const sut_err e = a.wish != 0 ? SUT_OK : sut_store_write(r->app->store, add_job, &a);
    if (sut_failed(e) && a.why != SUT_E_OK && !sut_req_claim_lost(r)) {
        refuse(r, a.why);
        return SUT_OK;
    }
    TRY(e);
    struct sut_jw w = api_a_data_open(r, 201);
    sut_jw_key(&w, "wishlist_item_id");
    sut_jw_i64(&w, a.wish);
    sut_jw_key(&w, "variant_id");
    sut_jw_i64(&w, a.variant);
    api_a_data_close_saying(&w, "Item added to wishlist");
    return SUT_OK;
}

static sut_err post_add(struct sut_req *r)
{
    return add(r, "variant_id");
}

static sut_err post_list(struct sut_req *r)
{
    return add(r, "variant");
}

static SUT_ERR remove_job(struct sut_db_conn *c, void *arg)
{
    const struct wishing *a = arg;
    return sut_wish_remove(c, a->r->auth.user_id, a->wish);
}

static sut_err delete_item(struct sut_req *r)
{
    struct wishing a = { .r = r, .wish = sut_route_param(&r->match, "id").id };
    const sut_err e = sut_store_write(r->app->store, remove_job, &a);
    if (e.code == SUT_E_NOT_FOUND) {
        sut_reply_domain(r, 404, "not_found", sut_str_from(no_wish));
        return SUT_OK;
    }
    TRY(e);
    sut_reply_message(r, 200, "Item removed from wishlist");
    return SUT_OK;
}

static SUT_ERR move_job(struct sut_db_conn *c, void *arg)
{
    struct wishing *a = arg;
    TRY(sut_cart_move_wish(c, a->r->auth.user_id, a->wish, a->r->now, &a->res));
    ENSURE(a->res.outcome == SUT_CART_DONE, INVALID);
    return SUT_OK;
}

static sut_err post_move(struct sut_req *r)
{
    struct wishing a = { .r = r, .wish = sut_route_param(&r->match, "id").id };
    const sut_err e = sut_store_write(r->app->store, move_job, &a);
    if (sut_failed(e) && a.res.outcome != SUT_CART_DONE) {
        api_line_refuse(r, &a.res, no_wish);
        return SUT_OK;
    }
    TRY(e);
    struct sut_jw w = api_a_data_open(r, 200);
    api_line_members(&w, &a.res);
    api_a_data_close_saying(&w, "Item moved to cart");
    return SUT_OK;
}

/* --- rows --- */

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/orders/wishlist/",
        .name = "wishlist",
        .summary = "What one wishes for, the newest first",
        .tag = "wishlist",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .answers = list_answers,
        .handle = get_list,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/wishlist/add/",
        .name = "wishlist_add",
        .summary = "Wish for a variant",
        .tag = "wishlist",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &add_body,
        .answers = add_answers,
        .handle = post_add,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/wishlist/",
        .name = "wishlist_put",
        .summary = "The same, by another name",
        .tag = "wishlist",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_CREATES,
        .body = &add_alias_body,
        .answers = add_answers,
        .handle = post_list,
    },
    {
        .method = SUT_DELETE,
        .path = "/api/orders/wishlist/remove/{id}/",
        .name = "wishlist_remove",
        .summary = "Wish for it no more",
        .tag = "wishlist",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .answers = remove_answers,
        .handle = delete_item,
    },
    {
        .method = SUT_POST,
        .path = "/api/orders/wishlist/move-to-cart/{id}/",
        .name = "wishlist_move",
        .summary = "Into the cart with it",
        .tag = "wishlist",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .answers = move_answers,
        .handle = post_move,
    },
};

const struct sut_routes api_modestwear_wishlist_routes = SUT_ROUTES(rows);
