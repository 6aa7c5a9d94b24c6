/* SPDX-License-Identifier: Apache-2.0 */
#include "api/modestwear/cart_schema.h"

#include "api/modestwear/account_schema.h"
#include "api/modestwear/line_json.h"

/* --- answers --- */

static const struct sut_field item_fields[] = {
    { .name = "id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "variant", .type = SUT_F_OBJECT, .of = &api_a_line_variant },
    { .name = "quantity", .type = SUT_F_INT, .min = 1, .max = SUT_CART_QUANTITY_MAX },
    { .name = "subtotal", .type = SUT_F_PRICE, .max = INT64_MAX },
    { .name = "created_at", .type = SUT_F_TIME },
};
static const struct sut_schema item = SUT_SCHEMA("CartItem", item_fields);

static const struct sut_field summary_fields[] = {
    { .name = "total_items", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
    { .name = "total_price", .type = SUT_F_PRICE, .max = INT64_MAX },
    { .name = "currency", .type = SUT_F_STRING },
};
static const struct sut_schema summary = SUT_SCHEMA("CartSummary", summary_fields);

static const struct sut_field cart_fields[] = {
    { .name = "items", .type = SUT_F_ARRAY, .of = &item },
    { .name = "summary", .type = SUT_F_OBJECT, .of = &summary },
};
static const struct sut_schema cart_schema = SUT_SCHEMA("Cart", cart_fields);

static const struct sut_field updated_data_fields[] = {
    { .name = "cart_item_id", .type = SUT_F_INT, .min = 1, .max = INT64_MAX },
    { .name = "quantity", .type = SUT_F_INT, .min = 1, .max = SUT_CART_QUANTITY_MAX },
    { .name = "subtotal", .type = SUT_F_PRICE, .max = INT64_MAX },
};
static const struct sut_schema updated_data = SUT_SCHEMA("CartItemUpdate", updated_data_fields);
static const struct sut_field updated_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "data", .type = SUT_F_OBJECT, .of = &updated_data },
    { .name = "message", .type = SUT_F_STRING },
};
static const struct sut_schema updated = SUT_SCHEMA("CartItemUpdated", updated_fields);

static const struct sut_field cleared_data_fields[] = {
    { .name = "items_removed", .type = SUT_F_INT, .min = 0, .max = INT64_MAX },
};
static const struct sut_schema cleared_data = SUT_SCHEMA("CartCleared", cleared_data_fields);
static const struct sut_field cleared_fields[] = {
    { .name = "success", .type = SUT_F_BOOL },
    { .name = "data", .type = SUT_F_OBJECT, .of = &cleared_data },
    { .name = "message", .type = SUT_F_STRING },
};
static const struct sut_schema cleared = SUT_SCHEMA("CartClearedAnswer", cleared_fields);

const struct sut_answer api_a_cart_answers[] = {
    { .status = 200, .schema = &cart_schema },
    { 0 },
};
const struct sut_answer api_a_cart_add_answers[] = {
    { .status = 201, .schema = &api_a_cart_changed },
    { .status = 400, .doc = "Not 1 to 100 in all, more than there are, or a full cart" },
    { .status = 404, .doc = "Product variant not found or inactive" },
    { 0 },
};
const struct sut_answer api_a_cart_change_answers[] = {
    { .status = 200, .schema = &updated },
    { .status = 400, .doc = "Not 1 to 100, or more than there are" },
    { .status = 404, .doc = "No such line in this cart" },
    { 0 },
};
const struct sut_answer api_a_cart_remove_answers[] = {
    { .status = 200, .schema = &api_a_message },
    { .status = 404, .doc = "No such line in this cart" },
    { 0 },
};
const struct sut_answer api_a_cart_clear_answers[] = {
    { .status = 200, .schema = &cleared },
    { 0 },
};

/* --- bodies: what a quantity may be is the domain's to say --- */

static const struct sut_field add_fields[] = {
    { .name = "variant_id", .type = SUT_F_INT, .flags = SUT_F_REQUIRED },
    { .name = "quantity", .type = SUT_F_INT, .doc = "1 to 100; 1 when it is not sent" },
};
const struct sut_schema api_a_cart_add_body = SUT_SCHEMA("CartAdd", add_fields);

static const struct sut_field add_alias_fields[] = {
    { .name = "variant", .type = SUT_F_INT, .flags = SUT_F_REQUIRED },
    { .name = "quantity", .type = SUT_F_INT, .doc = "1 to 100; 1 when it is not sent" },
};
const struct sut_schema api_a_cart_put_body = SUT_SCHEMA("CartPut", add_alias_fields);

static const struct sut_field quantity_fields[] = {
    { .name = "quantity", .type = SUT_F_INT, .flags = SUT_F_REQUIRED, .doc = "1 to 100" },
};
const struct sut_schema api_a_cart_quantity_body = SUT_SCHEMA("CartQuantity", quantity_fields);

static const struct sut_field item_quantity_fields[] = {
    { .name = "item_id", .type = SUT_F_INT, .flags = SUT_F_REQUIRED },
    { .name = "quantity", .type = SUT_F_INT, .flags = SUT_F_REQUIRED, .doc = "1 to 100" },
};
const struct sut_schema api_a_cart_item_quantity_body =
    SUT_SCHEMA("CartItemQuantity", item_quantity_fields);

static const struct sut_field item_id_fields[] = {
    { .name = "item_id", .type = SUT_F_INT, .flags = SUT_F_REQUIRED },
};
const struct sut_schema api_a_cart_item_body = SUT_SCHEMA("CartItemId", item_id_fields);
