/* SPDX-License-Identifier: Apache-2.0
 *
 * visitor - the device that a request comes from, by its device cookie.
 *
 * Read when it is first asked for; lives as long as the request.
 */
#ifndef SUT_GUARD_VISITOR_H
#define SUT_GUARD_VISITOR_H

#include "authn/device.h"
#include "guard/req.h"

enum { SUT_CLIENT_DIGEST = 16 };

/* Its is_known is false when no cookie of ours came, or devices are not told apart here. */
const struct sut_device *sut_req_device(struct sut_req *r);
/*
 * The device on which somebody signs in now: the one that came, or a new one;
 * the answer's cookie says so when it is a good one.
 */
SUT_ERR sut_req_sign_in_device(struct sut_req *r, const struct sut_device **ret);
/* A keyed digest of who asks: the device, or else address and user agent. */
void sut_req_client_digest(struct sut_req *r, unsigned char ret[SUT_CLIENT_DIGEST]);

#endif
