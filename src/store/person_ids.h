/* SPDX-License-Identifier: Apache-2.0
 *
 * person_ids - the numbers of all people, page by page.
 *
 * For work that looks at everybody and needs nothing else of them.  On any
 * connection; nothing is kept between two calls.
 */
#ifndef SUT_STORE_PERSON_IDS_H
#define SUT_STORE_PERSON_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_db_conn;

/* Up to `cap` ids above `after` (0: from the first), the smallest first; none: that was all. */
SUT_ERR sut_person_ids(struct sut_db_conn *c, int64_t after, int64_t *ret, size_t cap,
                       size_t *ret_n);

/*
 * Somebody, chosen by `chance` (below 2^20) evenly over the numbers that were given; NOT_FOUND
 * when there is nobody.  For work that is to cost the same whether a person is known or not.
 */
SUT_ERR sut_person_any(struct sut_db_conn *c, int64_t chance, int64_t *ret);

/* In a write job: what it costs to refer to a person from new rows, for rows that refer to nobody.
 */
SUT_ERR sut_person_hold(struct sut_db_conn *c, int64_t id);

#endif
