/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_pictures - draws a picture for each product of the sample catalogue that has none,
 * while the shop serves: a thread of the lowest rank, through the darkroom and the media
 * that pictures from outside go through.  What a start did not finish the next one does.
 */
#ifndef SUT_PROG_DEMO_PICTURES_H
#define SUT_PROG_DEMO_PICTURES_H

#include "base/err.h"
#include "guard/app.h"

struct sut_demo_pictures;

/* app (borrowed until stop) has its store, darkroom, pictures and fragments. */
SUT_ERR sut_demo_pictures_start(const struct sut_app *app, struct sut_demo_pictures **ret);
/* Finishes the picture in hand; NULL inside is fine. */
void sut_demo_pictures_stop(struct sut_demo_pictures **d);

#endif
