/* SPDX-License-Identifier: Apache-2.0
 *
 * upload - the one way by which a picture comes into the shop: its size, the malware
 * scan, the darkroom, and then it is kept.
 *
 * What is kept waits (table media) until a write job makes something point to it.
 * It blocks for as long as all of that takes: on the pool.
 */
#ifndef SUT_API_UPLOAD_H
#define SUT_API_UPLOAD_H

#include <stdbool.h>

#include "guard/req.h"
#include "media/media.h"

enum api_picture {
    API_PICTURE_KEPT,
    API_PICTURE_TOO_LARGE,
    API_PICTURE_WRONG_TYPE,
    API_PICTURE_CORRUPT,
    API_PICTURE_MALWARE,
};
/* As the contracts say it; NULL for KEPT. */
const char *api_picture_text(enum api_picture what);

/*
 * Bytes from anywhere (a form, a provider of identity).  SUT_OK with a verdict; errors: BUSY,
 * UNAVAILABLE (no scanner where one must be, or none that answers; no darkroom), the store's and
 * the place's.  person: whom it shows; 0: the shop's.
 */
SUT_ERR api_picture_keep(const struct sut_app *app, sut_str bytes, int64_t person, sut_ms now,
                         enum api_picture *ret_what, struct sut_media_kept *ret);

/*
 * The file of this request's form; false: it was refused, the answer (the field's fault) is made,
 * and an event raised.  What was kept and comes to nothing is given to api_upload_discard().
 */
SUT_ERR api_upload_keep(struct sut_req *r, int64_t person, struct sut_media_kept *ret,
                        bool *ret_is_kept);
void api_upload_discard(struct sut_req *r, const struct sut_media_kept *kept);
/* After a commit that took pictures away: their files go soon. */
void api_upload_sweep(const struct sut_req *r);

/* The name of one of its files, in the request's arena. */
SUT_ERR api_upload_file(struct sut_req *r, const struct sut_media_kept *kept,
                        enum sut_picture_file which, sut_str *ret);

#endif
