/* SPDX-License-Identifier: Apache-2.0
 *
 * product_file - products in a file: CSV, or JSON as an array or one object behind the other.
 *
 * A reader is fed bytes and gives one product after the other as the text of an object
 * (prog/product_form.h), with the lines that it stood on: memory is bounded by the longest product.
 *
 * CSV has a row a variant.  A row without `parent_sku` is a product with its default variant; the
 * rows behind it whose parent_sku is its SKU are its other variants.  Columns may come in any order
 * and be left out: what is not there stays as it is.
 */
#ifndef SUT_PROG_PRODUCT_FILE_H
#define SUT_PROG_PRODUCT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

enum sut_product_format { SUT_PRODUCT_CSV, SUT_PRODUCT_JSON };

/* A product: its text, the line it begins on, and those of its variants (CSV alone). */
struct sut_product_found {
    sut_str object;
    uint64_t line;
    const uint64_t *lines;
    size_t n_lines;
};
typedef SUT_ERR sut_product_take(void *ctx, const struct sut_product_found *p);

struct sut_product_reader;

SUT_ERR sut_product_reader_create(enum sut_product_format format, sut_product_take *fn, void *ctx,
                                  struct sut_product_reader **ret);
void sut_product_reader_free(struct sut_product_reader **r);
/* An error of the file is told with its line in *reterr_diag; else it is fn's own. */
SUT_ERR sut_product_reader_feed(struct sut_product_reader *r, sut_str bytes,
                                struct sut_diag *reterr_diag);
SUT_ERR sut_product_reader_end(struct sut_product_reader *r, struct sut_diag *reterr_diag);

/* The first row of a CSV file; and one product's rows out of the text of its object. */
void sut_product_csv_header(struct sut_buf *out);
SUT_ERR sut_product_csv_write(struct sut_arena *a, sut_str object, struct sut_buf *out);

#endif
