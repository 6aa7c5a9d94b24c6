/* SPDX-License-Identifier: Apache-2.0
 *
 * media - pictures that are kept: written anew, sealed, named by chance, shown by
 * signed addresses alone.
 *
 * A picture is three files of one name (full, thumbnail, larger), each sealed under the media
 * key with its name as associated data, in the data folder or an S3-compatible store.  A row of
 * the table media stands before the first file is written and goes after the last is
 * deleted, so that nothing is left behind by a crash (media_sweep).
 *
 * It blocks: on the pool.  Any thread.
 */
#ifndef SUT_MEDIA_MEDIA_H
#define SUT_MEDIA_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "ipc/darkroom.h"

struct sut_media;
struct sut_db_conn;
struct sut_store;

enum { SUT_MEDIA_NAME = 22 /* characters of a name: 128 bits, base64url */ };
/* Kept as numbers: never change one. */
enum sut_media_state {
    SUT_MEDIA_WAITING = 1, /* its files are being written, nothing points to it yet */
    SUT_MEDIA_USED = 2,
    SUT_MEDIA_GONE = 3, /* nothing points to it any more: its files go */
};

/* Where files lie: the data folder, or an object store.  One implementation each. */
struct sut_media_place {
    void *ctx;
    /* `bytes` are sealed already.  EXISTS is no error: names are never used twice. */
    sut_err (*put)(void *ctx, sut_str file, sut_str type, sut_str bytes);
    sut_err (*get)(void *ctx, sut_str file, struct sut_buf *ret); /* NOT_FOUND */
    sut_err (*remove)(void *ctx, sut_str file);                   /* gone already: no error */
};

struct sut_media_kept {
    int64_t id;
    char name[SUT_MEDIA_NAME + 1];
    enum sut_picture_kind kind;
};

/* Write the files of a picture and its row (WAITING); person: whose it shows, 0: the shop's. */
SUT_ERR sut_media_keep(struct sut_media *m, const struct sut_picture *p, int64_t person, sut_ms now,
                       struct sut_media_kept *ret);
/* In the write job that makes something point to it, or that takes the pointer away. */
SUT_ERR sut_media_use(struct sut_db_conn *c, int64_t id, sut_ms now);
SUT_ERR sut_media_drop(struct sut_db_conn *c, int64_t id, sut_ms now);
/* Delete the files and rows of what is GONE, or WAITING for an hour.  In small steps. */
SUT_ERR sut_media_sweep(struct sut_media *m, sut_ms now);

/* "<name>.jpg", "<name>-s.jpg", "<name>-l.jpg", in the arena. */
SUT_ERR sut_media_file(struct sut_arena *a, sut_str name, enum sut_picture_kind kind,
                       enum sut_picture_file file, sut_str *ret);
/* Open a file by its name as it stands in an address; NOT_FOUND, CORRUPT.  *ret_type: its type. */
SUT_ERR sut_media_read(struct sut_media *m, sut_str file, struct sut_buf *ret,
                       const char **ret_type);

#endif
