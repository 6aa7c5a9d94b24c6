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

/* JSON: where one object ends and the next begins; what is in it is for the taker to see. */
struct sut_product_json;
SUT_ERR sut_product_json_create(const struct sut_product_sink *sink, struct sut_product_json **ret);
/* Fits DEFER. */
void sut_product_json_free(struct sut_product_json **j);
/* PARSE, TOO_LARGE (an object), or the taker's error. */
SUT_ERR sut_product_json_feed(struct sut_product_json *j, sut_str bytes);
/* The end of the file: PARSE when something is open still. */
SUT_ERR sut_product_json_end(struct sut_product_json *j);
/* The line that is being read, from 1. */
uint64_t sut_product_json_line(const struct sut_product_json *j);

/* CSV: a product is given when the next begins, or at the end. */
struct sut_product_csv;
SUT_ERR sut_product_csv_create(const struct sut_product_sink *sink, struct sut_product_csv **ret);
/* Fits DEFER. */
void sut_product_csv_free(struct sut_product_csv **r);
/* As sut_product_json_feed(). */
SUT_ERR sut_product_csv_feed(struct sut_product_csv *r, sut_str bytes);
/* The end of the file: PARSE within a quoted cell, or without a header. */
SUT_ERR sut_product_csv_end(struct sut_product_csv *r);
/* The line that is being read, or that sut_product_csv_fault() is about. */
uint64_t sut_product_csv_line(const struct sut_product_csv *r);
/* What is wrong with the header or a row; NULL: nothing of that kind. */
const char *sut_product_csv_fault(const struct sut_product_csv *r);

#endif
