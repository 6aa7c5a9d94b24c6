/* SPDX-License-Identifier: Apache-2.0
 *
 * payment_int - how a payment's name is indexed and opened; for files of this folder alone.
 */
#ifndef SUT_STORE_PAYMENT_INT_H
#define SUT_STORE_PAYMENT_INT_H

#include "store/payment.h"
#include "store/personal.h"

SUT_ERR sut_payment__index(struct sut_db_conn *c, struct sut_arena *scratch, int64_t provider,
                           sut_str ref, struct sut_index *ret);
/* A field of the row `id`, in the arena; CORRUPT when it is lost. */
SUT_ERR sut_payment__open(const struct sut_data_key *k, struct sut_arena *a, enum sut_personal f,
                          int64_t id, sut_str sealed, sut_str *ret);

#endif
