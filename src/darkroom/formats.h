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

/* Upright. */
SUT_ERR sut_jpeg_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret);
/* Colours at half the resolution (4:2:0); `is_tight` looks twice for the shorter code. */
SUT_ERR sut_jpeg_encode(const struct sut_codecs *l, const struct sut_pixels *x, bool is_tight,
                        struct sut_buf *ret);

SUT_ERR sut_png_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret);
SUT_ERR sut_png_encode(const struct sut_codecs *l, const struct sut_pixels *x, struct sut_buf *ret);

/* *ret_is_exact: it was coded without loss. */
SUT_ERR sut_webp_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret,
                        bool *ret_is_exact);
SUT_ERR sut_webp_encode(const struct sut_codecs *l, const struct sut_pixels *x, bool is_exact,
                        struct sut_buf *ret);

SUT_ERR sut_gif_decode(const struct sut_codecs *l, sut_str bytes, struct sut_pixels *ret);

/* EXIF's orientation out of an APP1 segment's bytes: 1 .. 8; 1 too when it tells none. */
unsigned sut_exif_orientation(sut_str segment);

#endif
