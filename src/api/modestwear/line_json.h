/* SPDX-License-Identifier: Apache-2.0
 *
 * line_json - lines of carts and wishlists in contract A's shape, and what is answered when one
 * can't be made.
 */
#ifndef SUT_API_MODESTWEAR_LINE_JSON_H
#define SUT_API_MODESTWEAR_LINE_JSON_H

#include "guard/reply.h"
#include "shop/cart.h"
#include "shop/catalogue.h"

struct sut_db_conn;

/* Lines that are shown, each beside its product. */
struct api_lines {
    struct sut_cart_line *rows;
    const struct sut_product **products;
    size_t n;
};

/* Leave out what is hidden, and read the products of the rest. */
SUT_ERR api_lines_load(struct sut_req *r, struct sut_db_conn *c, struct sut_cart_line *rows,
                       size_t n, struct api_lines *ret);

/* {id,sku,size,color,stock_available,product:{id,name,slug,base_price,images}} */
void api_line_variant(struct sut_jw *w, const struct api_lines *lines, size_t i);
extern const struct sut_schema api_a_line_variant;
extern const struct sut_schema api_a_product_brief;

/* The end of api_a_data_open() with a message behind the data. */
void api_a_data_close_saying(struct sut_jw *w, const char *message);

/* {cart_item_id,variant_id,quantity,subtotal}, and its schema with a message. */
void api_line_members(struct sut_jw *w, const struct sut_cart_result *res);
extern const struct sut_schema api_a_cart_changed;

/* Make the answer of an outcome that is not DONE; `no_line` is what is said of a foreign line. */
void api_line_refuse(struct sut_req *r, const struct sut_cart_result *res, const char *no_line);

#endif
