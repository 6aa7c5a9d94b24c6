/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/line_json.h"
#include "api/modestwear/order_json.h"

/* --- what goes in --- */

static const char *const methods[] = { "stripe", "paystack", "offline", NULL };

#define ADDRESS_FIELDS                                                                             \
    { .name = "address",                                                                           \
      .type = SUT_F_STRING,                                                                        \
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,                                                       \
      .max = SUT_ORDER_ADDRESS_MAX,                                                                \
      .doc = "Needed" },                                                                           \
    {                                                                                              \
        .name = "notes", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE | SUT_F_BLANK,              \
        .max = SUT_ORDER_NOTES_MAX                                                                 \
    }

static const struct sut_field create_fields[] = {
    ADDRESS_FIELDS,
    { .name = "payment_method", .type = SUT_F_CHOICE, .flags = SUT_F_REQUIRED, .choices = methods },
};
const struct sut_schema api_a_order_create_body = SUT_SCHEMA("OrderCreate", create_fields);

static const struct sut_field checkout_fields[] = { ADDRESS_FIELDS };
const struct sut_schema api_a_checkout_body = SUT_SCHEMA("Checkout", checkout_fields);

static const struct sut_field cancel_fields[] = {
    { .name = "reason",
      .type = SUT_F_STRING,
      .flags = SUT_F_NULLABLE | SUT_F_BLANK,
      .max = SUT_ORDER_REASON_MAX },
};
const struct sut_schema api_a_order_cancel_body = SUT_SCHEMA("OrderCancel", cancel_fields);

static const struct sut_field status_fields[] = {
    { .name = "status",
      .type = SUT_F_CHOICE,
      .flags = SUT_F_REQUIRED,
      .choices = api_order_statuses },
};
const struct sut_schema api_a_order_status_body = SUT_SCHEMA("OrderStatus", status_fields);

/* --- what comes out --- */

#define ID_FIELD(name_)                                                                            \
    {                                                                                              \
        .name = (name_), .type = SUT_F_INT, .min = 1, .max = INT64_MAX                             \
    }
#define STATUS_FIELD                                                                               \
    {                                                                                              \
        .name = "status", .type = SUT_F_CHOICE, .choices = api_order_statuses                      \
    }
#define PRICE_FIELD(name_)                                                                         \
    {                                                                                              \
        .name = (name_), .type = SUT_F_PRICE, .max = INT64_MAX                                     \
    }
#define COUNT_FIELD(name_)                                                                         \
    {                                                                                              \
        .name = (name_), .type = SUT_F_INT, .min = 0, .max = INT64_MAX                             \
    }

static const struct sut_field created_fields[] = {
    ID_FIELD("order_id"),
    { .name = "order_number", .type = SUT_F_STRING },
    STATUS_FIELD,
    PRICE_FIELD("total_price"),
    COUNT_FIELD("items_count"),
    { .name = "created_at", .type = SUT_F_TIME },
    { .name = "payment_url",
      .type = SUT_F_URL,
      .flags = SUT_F_NULLABLE,
      .doc = "Where to pay; null: offline" },
};
static const struct sut_schema created = SUT_SCHEMA("OrderCreated", created_fields);

#define ENVELOPE(schema_, name_, of_)                                                              \
    static const struct sut_field schema_##_fields[] = {                                           \
        { .name = "success", .type = SUT_F_BOOL },                                                 \
        { .name = "data", .type = SUT_F_OBJECT, .of = (of_) },                                     \
        { .name = "message", .type = SUT_F_STRING },                                               \
    };                                                                                             \
    static const struct sut_schema schema_ = SUT_SCHEMA(name_, schema_##_fields)

ENVELOPE(created_envelope, "OrderCreatedAnswer", &created);

static const struct sut_field unpaid_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "error", .type = SUT_F_STRING },
    { .name = "payment_error", .type = SUT_F_STRING },
    { .name = "code", .type = SUT_F_STRING },
};
static const struct sut_schema unpaid = SUT_SCHEMA("OrderUnpaid", unpaid_fields);

const struct sut_answer api_a_order_create_answers[] = {
    { .status = 201, .schema = &created_envelope },
    { .status = 400,
      .doc = "Cart is empty, too few are there (out_of_stock_items), no address, or field errors" },
    { .status = 402, .schema = &unpaid, .doc = "Payment processing failed" },
    { 0 },
};

static const struct sut_field preview_fields[] = {
    { .name = "product_name", .type = SUT_F_STRING },
    COUNT_FIELD("quantity"),
    { .name = "thumbnail", .type = SUT_F_STRING, .flags = SUT_F_NULLABLE },
};
static const struct sut_schema preview = SUT_SCHEMA("OrderPreview", preview_fields);

#define HEAD_FIELDS                                                                                \
    ID_FIELD("id"), { .name = "order_number", .type = SUT_F_STRING }, STATUS_FIELD,                \
        PRICE_FIELD("total_price"),                                                                \
        { .name = "address",                                                                       \
          .type = SUT_F_STRING,                                                                    \
          .flags = SUT_F_NULLABLE,                                                                 \
          .doc = "null: erased" },                                                                 \
        { .name = "created_at", .type = SUT_F_TIME },                                              \
    {                                                                                              \
        .name = "updated_at", .type = SUT_F_TIME                                                   \
    }

static const struct sut_field row_fields[] = {
    HEAD_FIELDS,
    COUNT_FIELD("items_count"),
    { .name = "items_preview",
      .type = SUT_F_ARRAY,
      .of = &preview,
      .doc = "The first three lines" },
};
static const struct sut_schema row = SUT_SCHEMA("OrderRow", row_fields);

static const struct sut_field page_fields[] = {
    COUNT_FIELD("count"),
    { .name = "next", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "previous", .type = SUT_F_URL, .flags = SUT_F_NULLABLE },
    { .name = "results", .type = SUT_F_ARRAY, .of = &row },
};
static const struct sut_schema page = SUT_SCHEMA("OrderPage", page_fields);

const struct sut_answer api_a_order_list_answers[] = {
    { .status = 200, .schema = &page },
    { .status = 404, .doc = "Invalid page." },
    { 0 },
};

static const struct sut_field item_fields[] = {
    ID_FIELD("id"),          { .name = "variant", .type = SUT_F_OBJECT, .of = &api_a_line_variant },
    COUNT_FIELD("quantity"), PRICE_FIELD("price_at_purchase"),
    PRICE_FIELD("subtotal"),
};
static const struct sut_schema item = SUT_SCHEMA("OrderItem", item_fields);

static const struct sut_field change_fields[] = {
    STATUS_FIELD,
    { .name = "timestamp", .type = SUT_F_TIME },
};
static const struct sut_schema change = SUT_SCHEMA("OrderChange", change_fields);

static const struct sut_field order_fields[] = {
    HEAD_FIELDS,
    { .name = "notes", .type = SUT_F_STRING },
    { .name = "items", .type = SUT_F_ARRAY, .of = &item },
    { .name = "status_history", .type = SUT_F_ARRAY, .of = &change },
};
static const struct sut_schema order = SUT_SCHEMA("Order", order_fields);

const struct sut_answer api_a_order_answers[] = {
    { .status = 200, .schema = &order },
    { .status = 403, .doc = "Another's" },
    { .status = 404, .doc = "Order not found" },
    { 0 },
};

static const char *const refunds[] = { "pending", "refunded", "failed", NULL };

static const struct sut_field cancelled_fields[] = {
    ID_FIELD("order_id"),
    STATUS_FIELD,
    { .name = "refund_status",
      .type = SUT_F_CHOICE,
      .flags = SUT_F_NULLABLE,
      .choices = refunds,
      .doc = "null: nothing was paid" },
};
static const struct sut_schema cancelled = SUT_SCHEMA("OrderCancelled", cancelled_fields);
ENVELOPE(cancelled_envelope, "OrderCancelledAnswer", &cancelled);

const struct sut_answer api_a_order_cancel_answers[] = {
    { .status = 200, .schema = &cancelled_envelope },
    { .status = 400, .doc = "It is on its way, or was paid too long ago (cancellable_statuses)" },
    { .status = 403, .doc = "Another's" },
    { .status = 404, .doc = "Order not found" },
    { 0 },
};

static const struct sut_field moved_fields[] = {
    ID_FIELD("order_id"),
    { .name = "order_number", .type = SUT_F_STRING },
    STATUS_FIELD,
    { .name = "updated_at", .type = SUT_F_TIME },
};
static const struct sut_schema moved = SUT_SCHEMA("OrderMoved", moved_fields);
ENVELOPE(moved_envelope, "OrderMovedAnswer", &moved);

const struct sut_answer api_a_order_status_answers[] = {
    { .status = 200, .schema = &moved_envelope },
    { .status = 400, .doc = "No such step (current_status, requested_status)" },
    { .status = 404, .doc = "Order not found" },
    { 0 },
};
