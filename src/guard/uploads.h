/* SPDX-License-Identifier: Apache-2.0
 *
 * uploads - how many forms with a file are held at a time, in all and of one person.
 *
 * Such a body is a hundred times what another request may hold.  A place is taken when its
 * head is there, before a byte of it is read, and given back when its memory is.  One person
 * has at most half of the places.
 *
 * When all are taken a body that still comes may have to give way to the next one: one that
 * comes too slowly, or one of a person who has at least two more than the next one's.  Its
 * place goes over when its owner has left, so there are never more bodies than places; until
 * then the next one waits and reads nothing.  What is there as a whole gives way to nobody.
 *
 * Any thread; of one struct sut_upload the thread that has its request.  Times are monotonic.
 */
#ifndef SUT_GUARD_UPLOADS_H
#define SUT_GUARD_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_uploads;

enum {
    SUT_UPLOADS_MAX = 64,
    /* A body that keeps this rate is not too slow. */
    SUT_UPLOADS_BYTES_PER_S = 32 * 1024,
    /* Nor is one that has just begun, or pauses after it was ahead of the rate. */
    SUT_UPLOADS_BEGIN_MS = 1000,
    SUT_UPLOADS_PAUSE_MS = 2000,
    /* At most: the owner of a place gives way at its loop's next tick. */
    SUT_UPLOADS_WAIT_MS = 2000,
};

/* A request with a form; in its own memory, zeroed at first, and there until it has left. */
struct sut_upload {
    int64_t person;
    struct sut_uploads_place *place; /* that it has or is to have */
    uint64_t good_until_ms;          /* of one that comes: then it is too slow; of one that waits */
    size_t got;
    bool is_in;    /* it has left when not */
    bool is_whole; /* its body is there */
};

enum sut_upload_word {
    SUT_UPLOAD_COMES, /* it has a place: read on */
    SUT_UPLOAD_WAITS, /* read nothing, ask again */
    SUT_UPLOAD_BUSY,  /* there is no place for it, or no longer: it has to leave */
};

/* `max` places: 1 .. SUT_UPLOADS_MAX. */
SUT_ERR sut_uploads_create(unsigned max, struct sut_uploads **ret);
void sut_uploads_free(struct sut_uploads **u);
/* A form of this person begins.  With BUSY it is not in. */
enum sut_upload_word sut_uploads_enter(struct sut_uploads *u, struct sut_upload *one,
                                       int64_t person, uint64_t now_ms);
/* Asked now and then until its body is whole: `got` bytes of it have come, in all. */
enum sut_upload_word sut_uploads_go_on(struct sut_uploads *u, struct sut_upload *one, size_t got,
                                       uint64_t now_ms);
/* Its body is there: it keeps its place. */
void sut_uploads_whole(struct sut_uploads *u, struct sut_upload *one);
/* It holds nothing any more; nothing for one that is not in. */
void sut_uploads_leave(struct sut_uploads *u, struct sut_upload *one, uint64_t now_ms);

#endif
