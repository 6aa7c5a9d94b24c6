/* SPDX-License-Identifier: Apache-2.0
 *
 * formats - one file a format: decode hostile bytes, encode pixels.  For files of this folder
 * alone.
 *
 * Decoding: PARSE: broken, cut short, or with bytes after its end; TOO_LARGE; NOMEM.  The size is
 * checked (sut_pixels_check) before room is made.  Encoding: TOO_LARGE: longer than the
 * buffer's maximum; NOMEM.
 */
#ifndef SUT_DARKROOM_FORMATS_H
#define SUT_DARKROOM_FORMATS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "darkroom/codecs.h"
#include "darkroom/pixels.h"

/* Where rows go as they come, RGB, 16 at most at a time; an error ends it. */
struct sut_rows {
    void *ctx;
    sut_err (*begin)(void *ctx, uint32_t w, uint32_t h);
    sut_err (*rows)(void *ctx, unsigned char *const *rows, uint32_t n);
};

/*
 * Upright.  A picture that need not be turned goes to `to` (NULL: none does) row by row, and *ret
 * has its size alone; what came before an error is worth nothing.
 */
SUT_ERR sut_jpeg_decode(const struct sut_codecs *l, sut_str bytes, const struct sut_rows *to,
                        struct sut_pixels *ret);
/* Colours at half the resolution (4:2:0); `is_tight` looks twice for the shorter code. */
SUT_ERR sut_jpeg_encode(const struct sut_codecs *l, const struct sut_pixels *x, bool is_tight,
                        struct sut_buf *ret);
/* The same row by row, 16 at most at a time, from top to bottom. */
struct sut_jpeg_writer;
SUT_ERR sut_jpeg_writer_create(const struct sut_codecs *l, uint32_t width, uint32_t height,
                               bool is_tight, struct sut_buf *to, struct sut_jpeg_writer **ret);
void sut_jpeg_writer_free(struct sut_jpeg_writer **w);
SUT_ERR sut_jpeg_writer_rows(struct sut_jpeg_writer *w, unsigned char *const *rows, uint32_t n);
SUT_ERR sut_jpeg_writer_finish(struct sut_jpeg_writer *w);

/* An animation's first picture; as RGB or RGBA of 8 bits. */
SUT_ERR sut_png_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret);
/* Appended to *ret: no chunk but those that make the picture. */
SUT_ERR sut_png_encode(const struct sut_codecs *l, const struct sut_pixels *x, struct sut_buf *ret);

/* *ret_is_exact: it was coded without loss. */
SUT_ERR sut_webp_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret,
                        bool *ret_is_exact);
SUT_ERR sut_webp_encode(const struct sut_codecs *l, const struct sut_pixels *x, bool is_exact,
                        struct sut_buf *ret);

/* The first picture, on the canvas where it stands. */
SUT_ERR sut_gif_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret);

/* EXIF's orientation out of an APP1 segment's bytes: 1 .. 8; 1 too when it tells none. */
unsigned sut_exif_orientation(sut_str segment);

#endif
