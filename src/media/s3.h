/* SPDX-License-Identifier: Apache-2.0
 *
 * s3 - the files of pictures in an object store that speaks S3's protocol, carried by the
 * courier, which alone has its key.
 *
 * What goes there is sealed already: who reads the bucket reads nothing.  A store that is slow or
 * answers 5xx is asked again, twice; then it is UNAVAILABLE.  What it refuses (403 for a wrong key,
 * bucket or region) is logged, and UNAVAILABLE too: nothing that a visitor does is the reason.
 * With the first file the bucket's own ACL is looked at: one that lets strangers in is told.
 * It blocks: on the pool.  Any thread.
 */
#ifndef SUT_MEDIA_S3_H
#define SUT_MEDIA_S3_H

#include "media/media.h"

struct sut_courier;

/* The courier is borrowed; ended by ret->close. */
SUT_ERR sut_media_s3_open(struct sut_courier *courier, struct sut_media_place *ret);

enum sut_media_s3_acl { SUT_MEDIA_S3_CLOSED, SUT_MEDIA_S3_OPEN, SUT_MEDIA_S3_UNKNOWN };
/*
 * Whether the bucket's own ACL lets strangers in (a grant to all users, or to all who have an
 * account).  UNKNOWN: the store has no ACLs, or does not show them to our key.
 */
SUT_ERR sut_media_s3_acl(struct sut_courier *courier, enum sut_media_s3_acl *ret);

#endif
