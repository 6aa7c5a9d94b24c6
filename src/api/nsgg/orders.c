/* SPDX-License-Identifier: Apache-2.0
 *
 * orders - contract B's routes of orders.
 */
#include "api/orders.h"

#include "api/page.h"
#include "api/routes.h"
#include "codec/schema.h"
#include "guard/reply.h"
#include "shop/money.h"
#include "store/cart.h"

enum { PAGE_SIZE = 20, PAGE_SIZE_MAX = 100, SENTENCE_MAX = 128 };

/* --- what goes in and comes out --- */

static const struct sut_field wanted_fields[] = {
    { .name = "variant",
      .type = SUT_F_INT,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = INT64_MAX,
      .doc = "Its id; items of one variant are added up" },
    { .name = "quantity",
      .type = SUT_F_INT,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = SUT_CART_QUANTITY_MAX },
};
static const struct sut_schema wanted = SUT_SCHEMA("NsggOrderWanted", wanted_fields);

static const struct sut_field create_fields[] = {
    { .name = "items",
      .type = SUT_F_ARRAY,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = SUT_ORDER_LINES_MAX,
      .of = &wanted },
    { .name = "address",
      .type = SUT_F_INT,
      .flags = SUT_F_REQUIRED,
      .min = 1,
      .max = INT64_MAX,
      .doc = "The id of one of one's addresses, which is copied as text" },
    { .name = "notes",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = SUT_ORDER_NOTES_MAX },
};
static const struct sut_schema create_body = SUT_SCHEMA("NsggOrderCreate", create_fields);

static const struct sut_field item_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "variant", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "product_name", .type = SUT_F_STRING },
    { .name = "sku", .type = SUT_F_STRING },
    { .name = "quantity", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "price", .type = SUT_F_PRICE, .max = INT64_MAX },
    { .name = "subtotal", .type = SUT_F_PRICE, .max = INT64_MAX },
};
static const struct sut_schema item = SUT_SCHEMA("NsggOrderItem", item_fields);

static const char *const payments[] = { "unpaid", "paid", "failed", "refunded", NULL };

static const struct sut_field order_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "order_number", .type = SUT_F_STRING },
    { .name = "status", .type = SUT_F_CHOICE, .choices = api_order_statuses },
    { .name = "total_price", .type = SUT_F_PRICE, .max = INT64_MAX },
    { .name = "currency", .type = SUT_F_STRING },
    { .name = "address", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE, .doc = "null: erased" },
    { .name = "notes", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
    { .name = "items", .type = SUT_F_ARRAY, .of = &item },
    { .name = "payment_status", .type = SUT_F_CHOICE, .choices = payments },
    { .name = "created_by",
      .type = SUT_F_INT,
      .flags = SUT_F_NULLABLE,
      .min = 1,
      .max = INT64_MAX },
    { .name = "modified_by",
      .type = SUT_F_INT,
      .flags = SUT_F_NULLABLE,
      .min = 1,
      .max = INT64_MAX,
      .doc = "null: the shop by itself" },
    { .name = "created_at", .type = SUT_F_TIME },
    { .name = "modified_at", .type = SUT_F_TIME },
};
static const struct sut_schema order = SUT_SCHEMA("NsggOrder", order_fields);

static const struct sut_field page_fields[] = {
    { .name = "count", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "results", .type = SUT_F_ARRAY, .of = &order },
};
static const struct sut_schema page_of_orders = SUT_SCHEMA("NsggOrderPage", page_fields);

static void put_person(struct sut_jw *w, const char *key, int64_t id)
{
    sut_jw_key(w, key);
    if (id == 0)
        sut_jw_null(w);
    else
        sut_jw_i64(w, id);
}

static SUT_ERR put_item(struct sut_jw *w, const struct sut_order_line *l)
{
    sut_money sum = { 0 };
    TRY(sut_money_times((sut_money){ l->price_cents }, l->quantity, &sum));
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, l->id);
    sut_jw_key(w, "variant");
    sut_jw_i64(w, l->variant_id);
    sut_jw_key(w, "product_name");
    sut_jw_str(w, l->product_name);
    sut_jw_key(w, "sku");
    sut_jw_str(w, l->sku);
    sut_jw_key(w, "quantity");
    sut_jw_i64(w, l->quantity);
    sut_jw_key(w, "price");
    sut_jw_cents(w, l->price_cents);
    sut_jw_key(w, "subtotal");
    sut_jw_cents(w, sum.cents);
    sut_jw_obj_end(w);
    return SUT_OK;
}

static SUT_ERR put_order(struct sut_jw *w, const struct sut_order *o,
                         const struct sut_order_line *lines, size_t n_lines)
{
    char number[SUT_ORDER_NUMBER_TEXT];
    sut_jw_obj(w);
    sut_jw_key(w, "id");
    sut_jw_i64(w, o->id);
    sut_jw_key(w, "order_number");
    sut_jw_str(w, sut_order_number(o, number));
    sut_jw_key(w, "status");
    sut_jw_z(w, sut_order_status_word(o->status));
    sut_jw_key(w, "total_price");
    sut_jw_cents(w, o->total_cents);
    sut_jw_key(w, "currency");
    sut_jw_str(w, o->currency);
    sut_jw_key(w, "address");
    sut_jw_str_or_null(w, o->address);
    sut_jw_key(w, "notes");
    sut_jw_str_or_null(w, o->notes.n == 0 ? (sut_str){ 0 } : o->notes);
    sut_jw_key(w, "items");
    sut_jw_arr(w);
    for (size_t i = 0; i < n_lines; i++)
        TRY(put_item(w, &lines[i]));
    sut_jw_arr_end(w);
    sut_jw_key(w, "payment_status");
    sut_jw_z(w, sut_payment_status_word(o->payment));
    put_person(w, "created_by", o->created_by);
    put_person(w, "modified_by", o->modified_by);
    sut_jw_key(w, "created_at");
    sut_jw_time(w, o->created_at);
    sut_jw_key(w, "modified_at");
    sut_jw_time(w, o->modified_at);
    sut_jw_obj_end(w);
    return SUT_OK;
}

/* --- making --- */

static SUT_ERR items_of(struct sut_req *r, struct sut_order_item **ret, size_t *ret_n)
{
    const struct sut_json *const list = sut_json_get(r->body, "items");
    ENSURE(list != NULL && list->type == SUT_JSON_ARRAY, INVALID);
    *ret_n = list->n;
    *ret = ARENA_ARRAY(r->arena, struct sut_order_item, list->n + 1);
    ENSURE(*ret != NULL, NOMEM);
    for (size_t i = 0; i < list->n; i++)
        (*ret)[i] = (struct sut_order_item){
            .variant = sut_schema_i64(&list->items[i], "variant", 0),
            .quantity = sut_schema_i64(&list->items[i], "quantity", 0),
        };
    return SUT_OK;
}

static SUT_ERR refuse_short(struct sut_req *r, const struct sut_order_result *made)
{
    sut_str error = { 0 };
    TRY(api_order_short_text(r->arena, &made->shortages[0], &error));
    struct sut_jw w = sut_reply_domain_open(r, 400, "out_of_stock", error);
    TRY(api_order_shortages_json(r->arena, &w, made));
    sut_reply_domain_close(r, &w, 400);
    return SUT_OK;
}

static SUT_ERR refuse_rule(struct sut_req *r, const struct sut_order_result *made)
{
    switch (made->outcome) {
    case SUT_ORDER_SHORT:
        return refuse_short(r, made);
    case SUT_ORDER_NO_VARIANT:
        sut_reply_fault(r, "items", "Product variant not found or inactive");
        return SUT_OK;
    case SUT_ORDER_TOO_MANY:
        sut_reply_fault(r, "items", "Quantity must be between 1 and 100");
        return SUT_OK;
    case SUT_ORDER_TOO_DEAR:
        sut_reply_fault(r, "items", "The sum of this order is too large");
        return SUT_OK;
    case SUT_ORDER_EMPTY:
    case SUT_ORDER_DONE:
    case SUT_ORDER_REFUSED:
        break;
    }
    FAIL(SYSTEM);
}

static sut_err post_order(struct sut_req *r)
{
    const sut_str notes = sut_req_text(r, "notes");
    struct sut_order_item *items = NULL;
    size_t n_items = 0;
    struct api_order_placed placed;
    TRY(items_of(r, &items, &n_items));
    const struct api_order_ask ask = {
        .items = items,
        .n_items = n_items,
        .address_id = sut_schema_i64(r->body, "address", 0),
        .notes = notes.n == 0 ? SUT_STR("") : notes,
        .method = api_order_own_method(r),
        .is_paid_later = true,
    };
    TRY(api_order_place(r, &ask, &placed));
    switch (placed.fault) {
    case API_ORDER_FINE: {
        struct sut_jw w = sut_reply_json(r, 201);
        return put_order(&w, &placed.made.order, placed.made.lines, placed.made.n_lines);
    }
    case API_ORDER_RULE:
        return refuse_rule(r, &placed.made);
    case API_ORDER_NO_ADDRESS:
        FAIL(NOT_FOUND);
    case API_ORDER_NO_METHOD:
    case API_ORDER_UNPAID:
        sut_reply_refuse(r, 402, "payment_failed", "Payment processing failed");
        return SUT_OK;
    }
    FAIL(SYSTEM);
}

/* --- looking --- */

static sut_err get_orders(struct sut_req *r)
{
    struct api_page page = api_page_of(r, PAGE_SIZE, PAGE_SIZE_MAX);
    struct sut_db_conn *conn = NULL;
    struct sut_order *orders = NULL;
    size_t n = 0;
    bool is_staff = false;
    TRY(sut_req_staff(r, &is_staff));
    const struct sut_order_query q = {
        .person = is_staff ? 0 : r->auth.user_id,
        .status = api_order_status_of(sut_req_query(r, "status")),
        .is_oldest_first = sut_str_is(sut_req_query(r, "ordering"), "created_at"),
        .offset = (size_t) page.offset,
        .limit = (size_t) page.size,
    };
    TRY(sut_req_conn(r, &conn));
    api_orders_room(r);
    TRY(sut_order_list(conn, r->arena, &q, true, &orders, &n, &page.count));
    if (!api_page_is_there(r, &page))
        return SUT_OK;
    struct sut_jw w = sut_reply_json(r, 200);
    api_page_open(r, &w, &page);
    for (size_t i = 0; i < n; i++) {
        struct sut_order_line *lines = NULL;
        size_t n_lines = 0;
        const struct sut_mark mark = sut_arena_mark(r->arena);
        TRY(sut_order_lines(conn, r->arena, orders[i].id, &lines, &n_lines));
        TRY(put_order(&w, &orders[i], lines, n_lines));
        sut_arena_rewind(r->arena, mark);
    }
    api_page_close(&w);
    return SUT_OK;
}

/* NOT_FOUND in the words of orders. */
static SUT_ERR answer_missing(struct sut_req *r, sut_err e)
{
    if (e.code != SUT_E_NOT_FOUND)
        return e;
    sut_reply_refuse(r, 404, "not_found", "Order not found");
    return SUT_OK;
}

static sut_err get_order(struct sut_req *r)
{
    struct api_order o;
    const sut_err e = api_order_of_path(r, &o);
    if (sut_failed(e))
        return answer_missing(r, e);
    struct sut_jw w = sut_reply_json(r, 200);
    return put_order(&w, &o.order, o.lines, o.n_lines);
}

/* --- cancelling --- */

static sut_err post_cancel(struct sut_req *r)
{
    struct sut_order_result done;
    const sut_err e = api_order_cancel(r, true, (sut_str){ 0 }, &done);
    if (sut_failed(e))
        return answer_missing(r, e);
    if (done.outcome != SUT_ORDER_DONE)
        return api_order_refuse_cancel(r, &done.order);
    struct sut_jw w = sut_reply_json(r, 200);
    return put_order(&w, &done.order, done.lines, done.n_lines);
}

/* --- rows --- */

static const struct sut_query_key list_keys[] = {
    { .name = "status", .type = SUT_Q_CHOICE, .choices = api_order_statuses },
    { .name = "ordering",
      .type = SUT_Q_CHOICE,
      .choices = api_order_orderings,
      .doc = "The newest first unless it says otherwise" },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX, .doc = "20; above 100 is 100" },
    { 0 },
};

static const struct sut_answer create_answers[] = {
    { .status = 201, .schema = &order },
    { .status = 400, .doc = "Field errors, or too few are there (out_of_stock_items)" },
    { .status = 402, .doc = "Payment processing failed" },
    { .status = 404, .doc = "No such address of this person" },
    { 0 },
};
static const struct sut_answer list_answers[] = {
    { .status = 200, .schema = &page_of_orders },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};
static const struct sut_answer order_answers[] = {
    { .status = 200, .schema = &order },
    { .status = 403, .doc = "Another's" },
    { .status = 404, .doc = "Order not found" },
    { 0 },
};
static const struct sut_answer cancel_answers[] = {
    { .status = 200, .schema = &order },
    { .status = 400, .doc = "It is on its way, or was paid too long ago" },
    { .status = 403, .doc = "Another's" },
    { .status = 404, .doc = "Order not found" },
    { 0 },
};

static const struct sut_route rows[] = {
    {
        .method = SUT_GET,
        .path = "/api/v1/orders/",
        .name = "nsgg_orders",
        .summary = "One's orders; everybody's for staff",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET,
        .query = list_keys,
        .answers = list_answers,
        .handle = get_orders,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/orders/",
        .name = "nsgg_order_create",
        .summary = "Order items",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_NEEDS_VERIFIED | SUT_ROUTE_CREATES,
        .body = &create_body,
        .answers = create_answers,
        .handle = post_order,
    },
    {
        .method = SUT_GET,
        .path = "/api/v1/orders/{id}/",
        .name = "nsgg_order",
        .summary = "One order, of one's own; any for staff",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_READ,
        .flags = SUT_ROUTE_SECRET,
        .answers = order_answers,
        .handle = get_order,
    },
    {
        .method = SUT_POST,
        .path = "/api/v1/orders/{id}/cancel/",
        .name = "nsgg_order_cancel",
        .summary = "Cancel an order",
        .tag = "orders",
        .policy = SUT_POLICY_USER,
        .place = SUT_PLACE_POOL,
        .flags = SUT_ROUTE_SECRET,
        .answers = cancel_answers,
        .handle = post_cancel,
    },
};

const struct sut_routes api_nsgg_orders_routes = SUT_ROUTES(rows);
