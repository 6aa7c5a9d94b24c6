/* SPDX-License-Identifier: Apache-2.0
 *
 * product_call - the way of a command to the catalogue: the server that runs on the data
 * folder, or the store itself under its lock when none does.
 */
#ifndef SUT_PROG_PRODUCT_CALL_H
#define SUT_PROG_PRODUCT_CALL_H

#include "base/diag.h"
#include "config/config.h"
#include "prog/product_wire.h"

struct sut_product_call;

/* `config` is borrowed until close. */
SUT_ERR sut_product_call_open(const struct sut_config *config, struct sut_product_call **ret,
                              struct sut_diag *reterr_diag);
void sut_product_call_close(struct sut_product_call **c);
/* Ask; the answer lives until the next ask.  A refusal is an error with its sentence (INVALID). */
SUT_ERR sut_product_call_ask(struct sut_product_call *c, const struct sut_products_ask *ask,
                             struct sut_products_answer *ret, struct sut_diag *reterr_diag);

#endif
