/* SPDX-License-Identifier: Apache-2.0
 *
 * product_file_int - the two readers behind product_file.h.
 */
#ifndef SUT_PROG_PRODUCT_FILE_INT_H
#define SUT_PROG_PRODUCT_FILE_INT_H

#include "prog/product_file.h"

struct sut_product_sink {
    sut_product_take *fn;
    void *ctx;
};

struct sut_product_json;
SUT_ERR sut_product_json_create(const struct sut_product_sink *sink, struct sut_product_json **ret);
void sut_product_json_free(struct sut_product_json **j);
SUT_ERR sut_product_json_feed(struct sut_product_json *j, sut_str bytes);
SUT_ERR sut_product_json_end(struct sut_product_json *j);
uint64_t sut_product_json_line(const struct sut_product_json *j);

struct sut_product_csv;
SUT_ERR sut_product_csv_create(const struct sut_product_sink *sink, struct sut_product_csv **ret);
void sut_product_csv_free(struct sut_product_csv **r);
SUT_ERR sut_product_csv_feed(struct sut_product_csv *r, sut_str bytes);
SUT_ERR sut_product_csv_end(struct sut_product_csv *r);
uint64_t sut_product_csv_line(const struct sut_product_csv *r);
/* What is wrong with the header or a row; NULL: nothing of that kind. */
const char *sut_product_csv_fault(const struct sut_product_csv *r);

#endif
