/* SPDX-License-Identifier: Apache-2.0
 *
 * media - pictures that are kept: written anew, sealed, named by chance, shown by
 * signed addresses alone.
 *
 * A picture is three files of one name (full, thumbnail, larger), each sealed (AES-256-GCM)
 * under the media key with its name as associated data, in the data folder or an
 * S3-compatible store.  A sealed file names its key, so that those of former keys open.  A
 * row of the table media stands before the first file is written and goes after the last is
 * deleted, so that nothing is left behind by a crash (sut_media_sweep).
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
#include "crypto/aead.h"
#include "ipc/darkroom.h"
#include "store/media_row.h"

struct sut_media;
struct sut_db_conn;
struct sut_store;

enum {
    SUT_MEDIA_FILE_NAME = 32,                                   /* the longest: "<name>-s.webp" */
    SUT_MEDIA_KID = 16,                                         /* the longest name of a key */
    SUT_MEDIA_OVERHEAD = 8 + SUT_MEDIA_KID + SUT_AEAD_OVERHEAD, /* of a sealed file, at most */
};

/* Where files lie: the data folder, or an object store.  One implementation each. */
struct sut_media_place {
    void *ctx;
    /* `bytes` are sealed already.  EXISTS is no error: names are never used twice. */
    sut_err (*put)(void *ctx, sut_str file, sut_str type, sut_str bytes);
    sut_err (*get)(void *ctx, sut_str file, struct sut_buf *ret); /* NOT_FOUND */
    sut_err (*remove)(void *ctx, sut_str file);                   /* gone already: no error */
    void (*close)(void *ctx);                                     /* NULL: nothing to end */
};

/* A key that seals files, by the name that a sealed file has for it. */
struct sut_media_key {
    char kid[SUT_MEDIA_KID];
    size_t kid_n;
    unsigned char key[SUT_AEAD_KEY];
};
struct sut_media_keys {
    void *ctx;
    /* The key of this name, or for an empty one that which seals now; NOT_FOUND.  Any thread; who
     * asks wipes what it got. */
    sut_err (*find)(void *ctx, sut_str kid, struct sut_media_key *ret);
};

struct sut_media_options {
    struct sut_store *store;         /* borrowed */
    const struct sut_random *random; /* borrowed */
    struct sut_media_place place;    /* taken: closed with it, or when it could not be made */
    struct sut_media_keys keys;      /* its ctx is borrowed */
};

SUT_ERR sut_media_create(const struct sut_media_options *o, struct sut_media **ret);
/* Nobody is in it any more. */
void sut_media_free(struct sut_media **m);

struct sut_media_kept {
    int64_t id;
    char name[SUT_MEDIA_NAME + 1];
    enum sut_picture_kind kind;
};

/* Write the files of a picture and its row (WAITING); person: whose it shows, 0: the shop's. */
SUT_ERR sut_media_keep(struct sut_media *m, const struct sut_picture *p, int64_t person, sut_ms now,
                       struct sut_media_kept *ret);
/* Nothing came to point to it: its files go at once, or with a sweep. */
void sut_media_discard(struct sut_media *m, const struct sut_media_kept *kept, sut_ms now);

/* In the write job that makes something point to it, or that takes the pointer away:
 * sut_media_row_use(), sut_media_row_drop() of store/media_row.h. */

/* Of a thread that sweeps. */
struct sut_media_watch {
    void *ctx;
    bool (*is_over)(void *ctx);              /* it leaves off before the next picture */
    void (*set_out)(void *ctx, bool is_out); /* around what waits for the place alone */
};
/*
 * Delete the files and rows of what is GONE, or WAITING for an hour.  In small steps; w may be
 * NULL.
 */
SUT_ERR sut_media_sweep(struct sut_media *m, const struct sut_media_watch *w, sut_ms now);
/* At a start over a store that nobody else has: what is WAITING was left, and is GONE. */
SUT_ERR sut_media_recover(struct sut_media *m, const struct sut_media_watch *w, sut_ms now);

/* --- names of files --- */

/* "<name>.jpg", "<name>-s.jpg", "<name>-l.jpg", in the arena. */
SUT_ERR sut_media_file(struct sut_arena *a, sut_str name, enum sut_picture_kind kind,
                       enum sut_picture_file file, sut_str *ret);
/* The other way round; false for what is no such name.  *ret_name is a slice of it. */
bool sut_media_file_read(sut_str file, sut_str *ret_name, enum sut_picture_kind *ret_kind,
                         enum sut_picture_file *ret_file);

/* Open a file by its name as it stands in an address; NOT_FOUND, CORRUPT.  *ret_type: its type. */
SUT_ERR sut_media_read(struct sut_media *m, sut_str file, struct sut_buf *ret,
                       const char **ret_type);

#endif
