/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom - how the worker has a picture decoded and written anew by a process
 * that can do nothing else.
 *
 * What comes from outside is decoded there alone: each process does one such picture,
 * behind walls that stand before its first byte, and ends.  What comes back is
 * pixels encoded anew: no metadata, no trailing bytes, nothing of the file that was
 * sent.
 *
 * struct sut_darkroom hands pictures to such processes; any thread.  A call
 * blocks, for SUT_PICTURE_PATIENCE_MS at most: never on a loop thread.  In its place NULL may be
 * given where there is none: UNAVAILABLE.
 *
 * Errors: INVALID: no picture of a kind that is taken (JPEG, PNG, WebP, GIF by their bytes);
 * PARSE: broken, cut short, or with bytes after its end; TOO_LARGE: more than
 * SUT_PICTURE_PIXELS_MAX, or more memory or time than one may use; BUSY: too many
 * wait; UNAVAILABLE: the process ended (a hole in a decoder ends so) or can't be had.
 */
#ifndef SUT_IPC_DARKROOM_H
#define SUT_IPC_DARKROOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct sut_darkroom;

enum {
    SUT_DARKROOM_CONNECTIONS_MAX = 8,        /* that wait for a picture */
    SUT_PICTURE_BYTES_MAX = 5 * 1024 * 1024, /* as it is sent */
    SUT_PICTURE_OUT_MAX = 16 * 1024 * 1024,  /* each of the files that come back */
    SUT_PICTURE_PIXELS_MAX = 40 * 1000 * 1000,
    SUT_PICTURE_PATIENCE_MS = 20 * 1000,
    SUT_PICTURE_THUMBNAIL_W = 300, /* it is fitted into these, never enlarged */
    SUT_PICTURE_THUMBNAIL_H = 200,
    SUT_PICTURE_LARGE = 1200,
    SUT_PICTURE_QUALITY = 85,
};

/* What is kept; a GIF's first picture is kept as PNG. */
enum sut_picture_kind { SUT_PICTURE_JPEG = 1, SUT_PICTURE_PNG = 2, SUT_PICTURE_WEBP = 3 };
/* ".jpg", ".png", ".webp"; "image/jpeg" …; "" for what is none. */
const char *sut_picture_suffix(enum sut_picture_kind k);
const char *sut_picture_type(enum sut_picture_kind k);

enum sut_picture_file {
    SUT_PICTURE_FULL,
    SUT_PICTURE_THUMBNAIL,
    SUT_PICTURE_LARGER,
    SUT_PICTURE_FILES
};

/* A picture written anew, upright; ended by sut_picture_done(). */
struct sut_picture {
    enum sut_picture_kind kind;
    uint32_t width; /* of the full one */
    uint32_t height;
    struct sut_buf files[SUT_PICTURE_FILES]; /* all of one kind */
};
void sut_picture_done(struct sut_picture *p);

/*
 * It has no connection yet, and calls wait for one; callers_max of them at a time, with those that
 * are being served: more are told BUSY at once.
 */
SUT_ERR sut_darkroom_create(unsigned callers_max, struct sut_darkroom **ret);
/* Nobody may be in a call. */
void sut_darkroom_free(struct sut_darkroom **d);
/* A connection for one picture, then owned; FULL: SUT_DARKROOM_CONNECTIONS_MAX of them live. */
SUT_ERR sut_darkroom_add(struct sut_darkroom *d, int fd);

/* How many calls wait for a connection or for their answer. */
unsigned sut_darkroom_waiting(struct sut_darkroom *d);

/* Decode and write anew; `bytes` as they were sent, of any declared type or name. */
SUT_ERR sut_darkroom_develop(struct sut_darkroom *d, sut_str bytes, struct sut_picture *ret);

/*
 * The same for pixels that the program drew itself (the sample catalogue): RGB, 3 bytes each,
 * width x height of them and SUT_PICTURE_OUT_MAX bytes at most, encoded as JPEG.  It lets
 * pictures go first that somebody waits for, and the process serves on.
 */
SUT_ERR sut_darkroom_print(struct sut_darkroom *d, sut_str rgb, uint32_t width, uint32_t height,
                           struct sut_picture *ret);

#endif
