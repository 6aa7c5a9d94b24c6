/* SPDX-License-Identifier: Apache-2.0
 *
 * pixels - a decoded picture: 8 bits a channel, RGB or RGBA (not premultiplied), rows without
 * gaps.  For files of this folder alone.
 */
#ifndef SUT_DARKROOM_PIXELS_H
#define SUT_DARKROOM_PIXELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_pixels {
    uint32_t w;
    uint32_t h;
    unsigned channels; /* 3 or 4 */
    unsigned char *p;
};

/* TOO_LARGE: more than may be; PARSE: none at all.  To be asked before any room is made. */
SUT_ERR sut_pixels_check(uint64_t w, uint64_t h);
/* Room, not cleared; checks too.  NOMEM. */
SUT_ERR sut_pixels_init(uint32_t w, uint32_t h, unsigned channels, struct sut_pixels *ret);
void sut_pixels_done(struct sut_pixels *x);

static inline size_t sut_pixels_stride(const struct sut_pixels *x)
{
    return (size_t) x->w * x->channels;
}
static inline unsigned char *sut_pixels_row(const struct sut_pixels *x, uint32_t y)
{
    return x->p + y * sut_pixels_stride(x);
}

/*
 * Put n rows of a picture of w x h, RGB, beginning with row y, where they stand in `to` once it is
 * turned upright; orientation: 1 .. 8 as EXIF numbers them.  `to` has the upright size.
 */
void sut_pixels_place(struct sut_pixels *to, unsigned orientation, uint32_t w, uint32_t h,
                      uint32_t y, const unsigned char *rows, uint32_t n);

/*
 * The size of w x h fitted into max_w x max_h, its shape kept and never enlarged.
 */
void sut_pixels_fit(uint32_t w, uint32_t h, uint32_t max_w, uint32_t max_h, uint32_t *ret_w,
                    uint32_t *ret_h);
/*
 * Make it smaller (or as large) by the exact average of the area that each new pixel covers,
 * colours weighted by their opacity.  Integer arithmetic: the same on every machine.
 */
SUT_ERR sut_pixels_shrink(const struct sut_pixels *from, uint32_t w, uint32_t h,
                          struct sut_pixels *ret);
/* The same row by row, from top to bottom. */
struct sut_shrinker;
SUT_ERR sut_shrinker_create(uint32_t from_w, uint32_t from_h, unsigned channels, uint32_t w,
                            uint32_t h, struct sut_shrinker **ret);
void sut_shrinker_free(struct sut_shrinker **s);
void sut_shrinker_row(struct sut_shrinker *s, const unsigned char *row);
/* After the last row: what has come of it, which is the caller's then. */
struct sut_pixels sut_shrinker_take(struct sut_shrinker *s);

#endif
