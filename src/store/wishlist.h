/* SPDX-License-Identifier: Apache-2.0
 *
 * wishlist - rows of what people wish for: a variant once each.
 *
 * A wish is read as a line of a cart (store/cart.h), of one each: the two are shown alike.
 */
#ifndef SUT_STORE_WISHLIST_H
#define SUT_STORE_WISHLIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "store/cart.h"

struct sut_db_conn;

enum { SUT_WISHES_MAX = 500 /* of a person */ };

/* The newest first, hidden ones too, in the arena. */
SUT_ERR sut_wishlist(struct sut_db_conn *c, struct sut_arena *a, int64_t person,
                     struct sut_cart_line **ret, size_t *ret_n);

/* --- in a write job --- */

/*
 * NOT_FOUND: no variant that is shown has this id.  EXISTS, with nothing spoilt: it is wished for
 * already.  FULL: SUT_WISHES_MAX are.
 */
SUT_ERR sut_wish_add(struct sut_db_conn *c, int64_t person, int64_t variant, sut_ms now,
                     int64_t *ret);
/* NOT_FOUND: no such wish of this person's. */
SUT_ERR sut_wish_variant(struct sut_db_conn *c, int64_t person, int64_t wish, int64_t *ret);
SUT_ERR sut_wish_remove(struct sut_db_conn *c, int64_t person, int64_t wish);

#endif
