/* SPDX-License-Identifier: Apache-2.0
 *
 * media_url - addresses of private pictures that are good for a while, for whoever has
 * them: "/media/<key>?exp=<unix seconds>&sig=<base64url>".
 *
 * Signed with a key of their own, derived of each key of the ring that is given
 * (purpose MEDIA): the current one signs, all are tried.  Time is a parameter.  No I/O,
 * no state.  Any thread.
 */
#ifndef SUT_AUTHN_MEDIA_URL_H
#define SUT_AUTHN_MEDIA_URL_H

#include "authn/keyring.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum {
    SUT_MEDIA_PATH_MAX = 1024,
    SUT_MEDIA_LIFE_S = 24 * 3600,
    SUT_MEDIA_WINDOW_S = 12 * 3600,
};

/*
 * When the address of a picture that is shown now is to end: 24 h after the beginning of the
 * window of 12 h, so that lists that are rendered within one window are equal.
 */
sut_ms sut_media_url_end(sut_ms now);

/* The path with its signature, in the arena; INVALID: a path that is too long or has a '?'. */
SUT_ERR sut_media_url_sign(const struct sut_keyring *ring, struct sut_arena *a, sut_str path,
                           sut_ms ends_at, sut_str *ret);
/* DENIED: not signed by us, altered, or past its end.  exp and sig as they came. */
SUT_ERR sut_media_url_check(const struct sut_keyring *ring, sut_str path, sut_str exp, sut_str sig,
                            sut_ms now);

#endif
