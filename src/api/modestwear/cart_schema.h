/* SPDX-License-Identifier: Apache-2.0
 *
 * cart_schema - bodies and answers of contract A's cart.
 */
#ifndef SUT_API_MODESTWEAR_CART_SCHEMA_H
#define SUT_API_MODESTWEAR_CART_SCHEMA_H

#include "guard/route.h"

extern const struct sut_schema api_a_cart_add_body;
extern const struct sut_schema api_a_cart_put_body;
extern const struct sut_schema api_a_cart_quantity_body;
extern const struct sut_schema api_a_cart_item_quantity_body;
extern const struct sut_schema api_a_cart_item_body;

extern const struct sut_answer api_a_cart_answers[];
extern const struct sut_answer api_a_cart_add_answers[];
extern const struct sut_answer api_a_cart_change_answers[];
extern const struct sut_answer api_a_cart_remove_answers[];
extern const struct sut_answer api_a_cart_clear_answers[];

#endif
