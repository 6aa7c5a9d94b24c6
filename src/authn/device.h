/* SPDX-License-Identifier: Apache-2.0
 *
 * device - the cookie by which a browser or an app is known again: a random
 * number and its MAC; it names no person and is worth nothing without one who signed in on it.
 *
 * Text: base64url(16 random bytes) "." base64url(first 16 bytes of HMAC-SHA256).  The key is the
 * shop's own (purpose DEVICE) and stays for the cookie's year.  Any thread.
 */
#ifndef SUT_AUTHN_DEVICE_H
#define SUT_AUTHN_DEVICE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "store/device.h"

enum {
    SUT_DEVICE_NUMBER = 16,
    SUT_DEVICE_TEXT = 22 + 1 + 22,
    SUT_DEVICE_LIFE_S = 365 * 24 * 3600,
};

struct sut_device {
    bool is_known;                       /* a cookie of ours came */
    unsigned char hash[SUT_DEVICE_HASH]; /* what rows keep: of SHA-256 over the number */
    char text[SUT_DEVICE_TEXT];          /* the cookie's value */
};

/* Of a cookie that came; is_known is false for one that we didn't make. */
void sut_device_read(const struct sut_hmac_key *key, sut_str cookie, struct sut_device *ret);
/* A new one. */
SUT_ERR sut_device_make(const struct sut_hmac_key *key, const struct sut_random *rnd,
                        struct sut_device *ret);

#endif
