/* SPDX-License-Identifier: Apache-2.0
 *
 * product_json - contract A's JSON of the catalogue: a product in a list and
 * alone, the tree of categories, the filters on offer.
 *
 * Hidden variants are left out.  Errors are the buffer's: check it at the end.
 */
#ifndef SUT_API_PRODUCT_JSON_H
#define SUT_API_PRODUCT_JSON_H

#include "base/buf.h"
#include "codec/json_out.h"
#include "shop/catalogue.h"

/* How much of its category a product tells. */
enum sut_product_shape {
    SUT_PRODUCT_LISTED, /* id, name, slug */
    SUT_PRODUCT_ALONE,  /* and parent */
};

/* One product as an object, without a comma after it. */
void sut_product_json(struct sut_buf *out, const struct sut_product *p,
                      enum sut_product_shape shape);
/* {id,name,slug,base_price,images}: as carts, wishlists and outfits show it. */
void sut_product_brief_json(struct sut_jw *w, const struct sut_product *p);
/* [{id,name,slug,parent,is_active,children}]: parent is {id,name,slug} or null. */
void sut_categories_json(struct sut_buf *out, const struct sut_category_node *roots);
/* {categories,coverage_levels,sizes,colors,price_range}: categories as above. */
void sut_filters_json(struct sut_buf *out, const struct sut_catalogue_filters *f);

#endif
