/* SPDX-License-Identifier: Apache-2.0
 *
 * product_form - a product as one JSON object of a file: what an export writes and an
 * import takes.
 *
 *     {"sku","name","description","category","price","stock","is_active","is_featured",
 *      "coverage_level","variants":[{"sku","name","price","stock","is_active"}]}
 *
 * The SKU says which product it is: the default variant's.  A category is its slug or its name.
 * What is not there stays as it is; a variant of the product's own SKU is the default one.
 */
#ifndef SUT_PROG_PRODUCT_FORM_H
#define SUT_PROG_PRODUCT_FORM_H

#include "base/arena.h"
#include "base/buf.h"
#include "codec/json.h"
#include "codec/schema.h"
#include "shop/goods.h"
#include "store/catalogue.h"

extern const struct sut_schema sut_product_form;

enum sut_product_outcome {
    SUT_PRODUCT_ADDED,
    SUT_PRODUCT_CHANGED,
    SUT_PRODUCT_SAME,
    SUT_PRODUCT_OUTCOMES,
};

/* Append a product as one line, with its newline. */
void sut_product_form_write(struct sut_buf *out, const struct sut_product *p);

/*
 * Add the product or change it, inside a write job.  INVALID with *reterr_faults (in the arena):
 * the object or what it asks for is not right.
 */
SUT_ERR sut_product_form_apply(struct sut_db_conn *c, struct sut_arena *a,
                               const struct sut_json *object, bool makes_categories,
                               const struct sut_goods_actor *by, enum sut_product_outcome *ret,
                               int64_t *ret_version, const struct sut_fault **reterr_faults);

#endif
