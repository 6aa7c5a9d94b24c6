/* SPDX-License-Identifier: Apache-2.0
 *
 * order_json - contract A's bodies and answers about orders.
 */
#ifndef SUT_API_MODESTWEAR_ORDER_JSON_H
#define SUT_API_MODESTWEAR_ORDER_JSON_H

#include "api/orders.h"
#include "codec/json_out.h"

extern const struct sut_schema api_a_order_create_body;
extern const struct sut_schema api_a_checkout_body;
extern const struct sut_schema api_a_order_cancel_body;
extern const struct sut_schema api_a_order_status_body;

extern const struct sut_answer api_a_order_create_answers[];
extern const struct sut_answer api_a_order_list_answers[];
extern const struct sut_answer api_a_order_answers[];
extern const struct sut_answer api_a_order_cancel_answers[];
extern const struct sut_answer api_a_order_status_answers[];

/* A row of a list, with the first of its lines. */
SUT_ERR api_a_order_row(struct sut_req *r, struct sut_jw *w, const struct sut_order *o);
/* One order with its lines and its history. */
SUT_ERR api_a_order_whole(struct sut_req *r, struct sut_jw *w, const struct api_order *o);

#endif
