/* SPDX-License-Identifier: Apache-2.0
 *
 * slug - names as they stand in addresses: folded to ASCII, in lower case, with
 * -2, -3 … behind what is taken.
 */
#ifndef SUT_SHOP_SLUG_H
#define SUT_SHOP_SLUG_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum { SUT_SLUG_MAX = 200 }; /* bytes, without a number behind it */

typedef SUT_ERR sut_slug_taken(struct sut_db_conn *c, sut_str slug, bool *ret);

/*
 * A free slug of a name; `nameless` stands for one without a letter or digit of ASCII.  The first
 * few numbers are tried one by one, then in leaps: it is free, and not always the next.
 */
SUT_ERR sut_slug_make(struct sut_db_conn *c, struct sut_arena *a, sut_str name,
                      const char *nameless, sut_slug_taken *taken, sut_str *ret);

#endif
