/* SPDX-License-Identifier: Apache-2.0
 *
 * demo_picture - a picture for each product of the sample catalogue, drawn by a small
 * rasteriser of our own: the garment's silhouette in the product's colour, with the pattern of
 * its fabric.  The same product has the same picture each time.
 */
#ifndef SUT_SHOP_DEMO_PICTURE_H
#define SUT_SHOP_DEMO_PICTURE_H

#include <stddef.h>

enum {
    SUT_DEMO_PICTURE_W = 600,
    SUT_DEMO_PICTURE_H = 750,
    SUT_DEMO_PICTURE_BYTES = SUT_DEMO_PICTURE_W * SUT_DEMO_PICTURE_H * 3,
};

/* Draw product number i (0: the first, whose SKUs begin with MW-0001) as rows of RGB. */
void sut_demo_picture_draw(size_t i, unsigned char to[SUT_DEMO_PICTURE_BYTES]);

#endif
