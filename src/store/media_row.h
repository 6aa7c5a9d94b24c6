/* SPDX-License-Identifier: Apache-2.0
 *
 * media_row - rows of pictures that are kept: a row stands before the first byte of
 * their files, and goes after the last.
 *
 * Reads run on any connection, changes inside a write job.  Where the files are, and
 * how they are sealed, is media's business.
 */
#ifndef SUT_STORE_MEDIA_ROW_H
#define SUT_STORE_MEDIA_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct sut_db_conn;

enum { SUT_MEDIA_NAME = 22 /* characters of a name: 128 bits, base64url */ };
/* Kept as numbers: never change one. */
enum sut_media_state {
    SUT_MEDIA_WAITING = 1, /* its files are being written, nothing points to it yet */
    SUT_MEDIA_USED = 2,
    SUT_MEDIA_GONE = 3, /* nothing points to it any more: its files go */
};

struct sut_media_row {
    int64_t id;
    char name[SUT_MEDIA_NAME + 1];
    int64_t kind; /* enum sut_picture_kind */
    int64_t width;
    int64_t height;
    int64_t bytes;     /* of all its files, before they are sealed */
    int64_t person_id; /* whom it shows; 0: the shop's */
};

/* A new row, WAITING; *ret_id is its number.  EXISTS: the name is taken. */
SUT_ERR sut_media_row_add(struct sut_db_conn *c, const struct sut_media_row *m, sut_ms now,
                          int64_t *ret_id);
/* WAITING becomes USED; NOT_FOUND when it waits no more: its files may be gone. */
SUT_ERR sut_media_row_use(struct sut_db_conn *c, int64_t id, sut_ms now);
/* It becomes GONE, whatever it was; nothing happens to one that is not there. */
SUT_ERR sut_media_row_drop(struct sut_db_conn *c, int64_t id, sut_ms now);
/* The same by its name, and for all that show a person. */
SUT_ERR sut_media_row_drop_name(struct sut_db_conn *c, sut_str name, sut_ms now);
SUT_ERR sut_media_row_drop_person(struct sut_db_conn *c, int64_t person, sut_ms now);
/* What has been WAITING since before `before` becomes GONE; *ret_n: how many did. */
SUT_ERR sut_media_row_expire(struct sut_db_conn *c, sut_ms before, sut_ms now, int64_t *ret_n);
/* Rows that are GONE, in order of number, beyond `after`; at most `cap`. */
SUT_ERR sut_media_row_gone(struct sut_db_conn *c, int64_t after, struct sut_media_row *ret,
                           size_t cap, size_t *ret_n);
/* Its files are deleted: so is its row, if it is GONE. */
SUT_ERR sut_media_row_delete(struct sut_db_conn *c, int64_t id);

#endif
