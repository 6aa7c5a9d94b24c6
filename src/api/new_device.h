/* SPDX-License-Identifier: Apache-2.0
 *
 * new_device - the mail to a person when somebody signs in on a device that the account does not
 * know.
 *
 * Once a device: it is known from then on.  The first device of an account is not told of, save
 * after its tokens were revoked (then nobody knows whose the next one is).
 */
#ifndef SUT_API_NEW_DEVICE_H
#define SUT_API_NEW_DEVICE_H

#include "api/entry.h"

struct api_new_device {
    sut_str text;  /* what the client calls itself */
    sut_str addr;  /* coarse */
    bool is_asked; /* accounts.new_device_mail */
};

/* Before the job: what it would say. */
SUT_ERR api_new_device_of(struct sut_req *r, const struct api_device *device,
                          struct api_new_device *ret);
/*
 * In a write job, after the device was seen (store/device.h); whose as it was before this sign-in.
 * *ret_queued: wake the postman after the commit.
 */
SUT_ERR api_new_device_queue(struct sut_db_conn *c, struct sut_arena *scratch,
                             const struct api_new_device *n, const struct sut_person_account *whose,
                             bool is_new, bool is_first, sut_ms now, bool *ret_queued);

#endif
