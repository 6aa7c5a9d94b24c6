/* SPDX-License-Identifier: Apache-2.0
 *
 * time - instants as text: ISO 8601 in UTC with whole seconds, and HTTP's date.
 *
 * No clock here: time is a parameter.  Years 0001 to 9999; what lies outside
 * is written as the nearest that can be.
 */
#ifndef SUT_CODEC_TIME_H
#define SUT_CODEC_TIME_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

/* "2026-03-01T12:00:00Z"; milliseconds are cut off. */
void sut_time_iso(struct sut_buf *out, sut_ms t);
/* Exactly that form, an instant that exists; PARSE for all else (offsets, fractions, leap seconds).
 */
SUT_ERR sut_time_parse_iso(sut_str text, sut_ms *ret);
/* "Sun, 01 Mar 2026 12:00:00 GMT" (RFC 9110 5.6.7, IMF-fixdate). */
void sut_time_http(struct sut_buf *out, sut_ms t);

#endif
