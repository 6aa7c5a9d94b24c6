/* SPDX-License-Identifier: Apache-2.0
 *
 * b64url - base64 in the three spellings that we meet, read strictly.
 *
 * URL: RFC 4648 section 5 without padding (tokens, links).  PLAIN: section 4
 * without padding (`argon2$` hashes).  PADDED: section 4 with it
 * (`pbkdf2_sha256$` hashes).  Each text has exactly one reading and each value
 * exactly one text: spare bits that are not 0, missing or superfluous padding,
 * blanks and letters of another alphabet are refused.  Allocates nothing.
 */
#ifndef SUT_CODEC_B64URL_H
#define SUT_CODEC_B64URL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum sut_b64_kind { SUT_B64_URL, SUT_B64_PLAIN, SUT_B64_PADDED };

/* Append the text of `bytes`.  Errors are the buffer's. */
void sut_b64_encode(struct sut_buf *out, enum sut_b64_kind kind, sut_str bytes);

/* An upper bound of the bytes that n characters stand for. */
static inline size_t sut_b64_decoded_max(size_t n)
{
    return n / 4 * 3 + 3;
}

/* Decode into the caller's `cap` bytes.  PARSE when the text is not canonical, TOO_LARGE past cap.
 */
SUT_ERR sut_b64_decode(enum sut_b64_kind kind, sut_str text, void *to, size_t cap, size_t *ret_n);

/* The URL spelling, by its short names. */
static inline void sut_b64url_encode(struct sut_buf *out, sut_str bytes)
{
    sut_b64_encode(out, SUT_B64_URL, bytes);
}

static inline SUT_ERR sut_b64url_decode(sut_str text, void *to, size_t cap, size_t *ret_n)
{
    return sut_b64_decode(SUT_B64_URL, text, to, cap, ret_n);
}

#endif
