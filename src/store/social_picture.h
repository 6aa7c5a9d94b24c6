/* SPDX-License-Identifier: Apache-2.0
 *
 * social_picture - the pictures that people have at their provider of identity, noted with a
 * link (store/social.h) to be fetched once.
 *
 * Who claims one has it for a while, also from other servers of the store; then it is forgotten, or
 * due again.
 */
#ifndef SUT_STORE_SOCIAL_PICTURE_H
#define SUT_STORE_SOCIAL_PICTURE_H

#include "store/social.h"

struct sut_social_picture {
    int64_t link;
    int64_t person;
    int64_t tries; /* with this one */
    uint32_t key_version;
    sut_str sealed; /* in the arena */
};

/* In a write job: take one that is due, until then nobody else's; NOT_FOUND. */
SUT_ERR sut_social_picture_claim(struct sut_db_conn *c, struct sut_arena *a, sut_ms now,
                                 sut_ms until, struct sut_social_picture *ret);
/* Its URL, in the arena; CORRUPT when it is lost. */
SUT_ERR sut_social_picture_url(struct sut_db_conn *c, struct sut_arena *a,
                               const struct sut_social_picture *p, sut_str *ret);
/* In a write job: it was fetched, or is given up. */
SUT_ERR sut_social_picture_forget(struct sut_db_conn *c, int64_t link);
/* In a write job: not before then. */
SUT_ERR sut_social_picture_later(struct sut_db_conn *c, int64_t link, sut_ms due);

#endif
