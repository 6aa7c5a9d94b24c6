/* SPDX-License-Identifier: Apache-2.0
 *
 * b64 - the base64 of RFC 4648 section 4, in which password hashes are written.
 *
 * For base64url see codec/b64url.h.  Strict: one text for the same bytes.  Any
 * thread.
 */
#ifndef SUT_CRYPTO_B64_H
#define SUT_CRYPTO_B64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_B64_RAW_MAX = 3 * 256 }; /* bytes at a time */

/* Append the text of n bytes (at most SUT_B64_RAW_MAX), with or without `=` at its end. */
void sut_b64_add(struct sut_buf *out, const void *p, size_t n, bool is_padded);
/* Up to cap bytes; PARSE when the text is not what sut_b64_add() would write for them. */
SUT_ERR sut_b64_parse(sut_str text, bool is_padded, void *ret, size_t cap, size_t *ret_n);

#endif
