/* SPDX-License-Identifier: Apache-2.0
 *
 * product_image - rows of pictures for products that have none: the sample catalogue's.
 *
 * For changes by people see store/product_picture.h.  Changes run inside a write job.
 */
#ifndef SUT_STORE_PRODUCT_IMAGE_H
#define SUT_STORE_PRODUCT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum { SUT_PRODUCT_BARE_SKU = 65 };

struct sut_product_image_data {
    int64_t product_id;
    sut_str image; /* names of files */
    sut_str thumbnail;
    sut_str large;
    int64_t media_id; /* 0: none */
    bool is_feature;
};
/* A product without a picture. */
struct sut_product_bare {
    int64_t id;
    char sku[SUT_PRODUCT_BARE_SKU]; /* the first of its variants' */
};

/* Put one behind the others; the caller lets versions grow.  NOT_FOUND: no such product. */
SUT_ERR sut_product_image_add(struct sut_db_conn *c, const struct sut_product_image_data *d,
                              int64_t *ret_id);
/* How many a product has. */
SUT_ERR sut_product_image_count(struct sut_db_conn *c, int64_t product_id, int64_t *ret);
/* Products without pictures whose SKUs are like that, at most `cap`, the newest features first. */
SUT_ERR sut_product_image_bare(struct sut_db_conn *c, sut_str sku_like,
                               struct sut_product_bare *ret, size_t cap, size_t *ret_n);

#endif
