/* SPDX-License-Identifier: Apache-2.0
 *
 * totp - one-time codes by the clock (RFC 6238): HMAC-SHA1, steps of 30 s, 6 digits,
 * as every authenticator app understands them.
 *
 * A code is good in its own step and in the one before and after it, for clocks
 * that are not quite right.  Who uses codes keeps the last step that was used
 * (store/factor.h): none at or before it is good again.  Time is a parameter.  No
 * state.  Any thread.
 */
#ifndef SUT_AUTHN_TOTP_H
#define SUT_AUTHN_TOTP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum {
    SUT_TOTP_STEP_S = 30,
    SUT_TOTP_DIGITS = 6,
    SUT_TOTP_DRIFT = 1,      /* steps to either side */
    SUT_TOTP_URI_MAX = 2048, /* bytes */
};

/* The step of a moment. */
int64_t sut_totp_step(sut_ms at);
/* The code of a step, 0 .. 999999. */
SUT_ERR sut_totp_code(sut_str secret, int64_t step, uint32_t *ret);

/*
 * Whether a text is the code of a step around now that comes after `last_step`;
 * *ret_step is that step, the earliest of several.  Blanks inside the text don't count.
 * DENIED when it is none.  Takes the same time for each wrong text of 6 digits.
 */
SUT_ERR sut_totp_match(sut_str secret, sut_str text, sut_ms now, int64_t last_step,
                       int64_t *ret_step);

/* Append the secret as apps want it typed: base32 (RFC 4648 6) without padding. */
void sut_totp_base32(struct sut_buf *out, sut_str secret);

/* "otpauth://totp/<issuer>:<account>?secret=…&issuer=…&algorithm=SHA1&digits=6&period=30" */
SUT_ERR sut_totp_uri(struct sut_arena *a, sut_str secret, sut_str issuer, sut_str account,
                     sut_str *ret);

#endif
