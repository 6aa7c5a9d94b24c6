/* SPDX-License-Identifier: Apache-2.0
 *
 * picturing - where a server keeps its pictures: the place and the keys that its settings
 * and its store say, and the thread that clears up.
 */
#ifndef SUT_PROG_PICTURING_H
#define SUT_PROG_PICTURING_H

#include <stdbool.h>

#include "base/err.h"
#include "guard/app.h"

/* Fills app->pictures, sweeper and uploads; app->store, media and config are there.  Ended by
 * sut_picturing_stop(), also after an error. */
SUT_ERR sut_picturing_start(struct sut_app *app);
/*
 * Nobody serves any more.  An object store that takes its time is not waited for; false: a thread
 * is with the courier still, which must not be freed then: this is for a process that ends.
 */
bool sut_picturing_stop(struct sut_app *app);

#endif
