/* SPDX-License-Identifier: Apache-2.0
 *
 * low_stock - the notice to the shop about what is nearly sold out.
 *
 * Looked at once an hour.  A mail goes out when there is a variant of which the shop was not told
 * yet, or was told a day ago; it lists the first of all that are low.  A variant of which there are
 * enough again is forgotten, and told of anew the next time.  Of several servers one writes
 * the mail: its name in the outbox is the hour's.
 */
#ifndef SUT_SHOP_LOW_STOCK_H
#define SUT_SHOP_LOW_STOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_store;

struct sut_low_stock_ask {
    sut_str to;    /* the shop's address of mail */
    int64_t limit; /* at most so many are left */
};

/* *ret_queued: a mail waits in the outbox now.  Blocks. */
SUT_ERR sut_low_stock_tell(struct sut_store *s, const struct sut_low_stock_ask *ask, sut_ms now,
                           bool *ret_queued);

#endif
