/* SPDX-License-Identifier: Apache-2.0
 *
 * views - how often outfits were looked at, counted in memory and written now and then.
 *
 * A look costs no write: who reads waits for no disk, and a crowd at one outfit does not queue for
 * its row.  What was not written yet when the program dies is lost.  At most
 * SUT_VIEWS_MAX outfits are counted between two writes; beyond, a look is not.
 *
 * Any thread.
 */
#ifndef SUT_SHOP_VIEWS_H
#define SUT_SHOP_VIEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sut_store;
struct sut_views;

enum { SUT_VIEWS_MAX = 4096 };

SUT_ERR sut_views_create(struct sut_views **ret);
void sut_views_free(struct sut_views **v);

/*
 * How many have seen it, when the store says `stored`; `counts`: this is one more.  The same store
 * never gives a smaller number the next time.
 */
int64_t sut_views_of(struct sut_views *v, int64_t outfit, int64_t stored, bool counts);

/* Write what was counted.  Blocks. */
SUT_ERR sut_views_write(struct sut_views *v, struct sut_store *s);

#endif
