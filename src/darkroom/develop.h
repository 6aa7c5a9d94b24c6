/* SPDX-License-Identifier: Apache-2.0
 *
 * develop - a picture out of hostile bytes, written anew: the whole work of the darkroom.
 *
 * What it is is told by its bytes alone.  Its size is read off its header and judged before room
 * for it is made.  It comes out upright (JPEG's EXIF orientation), as 8 bits a channel, of
 * a GIF, an animated WebP or PNG the first picture, and without anything beside its pixels:
 * no EXIF, no comment, no colour profile (a picture in another space than sRGB looks duller).
 *
 * Not safe by itself: a hole in one of the libraries is a hole in the process.  The role runs it
 * behind its walls (prog/role_darkroom.c).  One thread.
 */
#ifndef SUT_DARKROOM_DEVELOP_H
#define SUT_DARKROOM_DEVELOP_H

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "ipc/darkroom.h"

struct sut_codecs;

/* Load the libraries; they stay until the process ends.  SYSTEM with a diag: one is not there. */
SUT_ERR sut_codecs_load(struct sut_codecs **ret, struct sut_diag *reterr_diag);
void sut_codecs_free(struct sut_codecs **l);

/* INVALID, PARSE, TOO_LARGE as ipc/darkroom.h says; NOMEM is TOO_LARGE. */
SUT_ERR sut_develop(const struct sut_codecs *l, sut_str bytes, struct sut_picture *ret);
/* The same of RGB pixels, 3 bytes each; INVALID: there are not width x height of them. */
SUT_ERR sut_develop_print(const struct sut_codecs *l, sut_str rgb, uint32_t width, uint32_t height,
                          struct sut_picture *ret);

#endif
