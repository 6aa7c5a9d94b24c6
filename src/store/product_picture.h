/* SPDX-License-Identifier: Apache-2.0
 *
 * product_picture - rows of a product's pictures, in their order; one of them is the one
 * that stands for the product.
 *
 * Changes run inside a write job and let the product's and the catalogue's version grow
 * (*ret_version).  Each row names files of a picture of the table media, which is used from
 * its insert on and dropped with it.
 */
#ifndef SUT_STORE_PRODUCT_PICTURE_H
#define SUT_STORE_PRODUCT_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum { SUT_PRODUCT_PICTURES_MAX = 20 /* of one product */ };

struct sut_product_picture {
    int64_t id;
    int64_t product_id;
    sut_str image; /* names of files */
    sut_str thumbnail;
    sut_str large;
    int64_t media_id;
    bool is_feature;
};

/*
 * Put one behind the others; the first of a product is its feature, and a new one that is takes
 * that from another.  Fills id and is_feature.  NOT_FOUND: no such product, or the picture waits
 * no more; TOO_LARGE: there are SUT_PRODUCT_PICTURES_MAX.
 */
SUT_ERR sut_product_picture_add(struct sut_db_conn *c, struct sut_product_picture *row, sut_ms now,
                                int64_t *ret_version);
/* One of a product's; NOT_FOUND.  Its texts are the arena's. */
SUT_ERR sut_product_picture_find(struct sut_db_conn *c, struct sut_arena *a, int64_t product_id,
                                 int64_t id, struct sut_product_picture *ret);
/* Take it away; where it was the feature the first of those that are left is.  NOT_FOUND. */
SUT_ERR sut_product_picture_remove(struct sut_db_conn *c, const struct sut_product_picture *row,
                                   sut_ms now, int64_t *ret_version);
/* Before a product is deleted: its pictures' files go.  The rows go with the product. */
SUT_ERR sut_product_picture_drop_all(struct sut_db_conn *c, int64_t product_id, sut_ms now);

#endif
