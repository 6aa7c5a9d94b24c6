/* SPDX-License-Identifier: Apache-2.0
 *
 * json_out - JSON out, written into a buffer as it goes.
 *
 * `<`, `>`, `&`, U+2028 and U+2029 are escaped, so that the text is safe inside
 * HTML as well.  Commas are the writer's business.  Invalid UTF-8 is replaced
 * by U+FFFD.  Errors are the buffer's: check once with sut_buf_check().
 */
#ifndef SUT_CODEC_JSON_OUT_H
#define SUT_CODEC_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"

struct sut_jw {
    struct sut_buf *out;
    bool comma; /* the next member needs one */
};

static inline struct sut_jw sut_jw_of(struct sut_buf *out)
{
    return (struct sut_jw){ .out = out };
}

void sut_jw_obj(struct sut_jw *w);     /* { */
void sut_jw_obj_end(struct sut_jw *w); /* } */
void sut_jw_arr(struct sut_jw *w);     /* [ */
void sut_jw_arr_end(struct sut_jw *w); /* ] */
/* A key that is a constant of the program: not escaped. */
void sut_jw_key(struct sut_jw *w, const char *key);
/* A key from elsewhere: escaped. */
void sut_jw_key_str(struct sut_jw *w, sut_str key);
void sut_jw_str(struct sut_jw *w, sut_str v);
void sut_jw_z(struct sut_jw *w, const char *v);
void sut_jw_i64(struct sut_jw *w, int64_t v);
void sut_jw_bool(struct sut_jw *w, bool v);
void sut_jw_null(struct sut_jw *w);
/* v, or null when v.p is NULL. */
void sut_jw_str_or_null(struct sut_jw *w, sut_str v);
/* "1299.99" as a string, or the same digits as a number. */
void sut_jw_cents(struct sut_jw *w, int64_t cents);
void sut_jw_cents_number(struct sut_jw *w, int64_t cents);
/* "2026-03-01T12:00:00Z" */
void sut_jw_time(struct sut_jw *w, sut_ms t);
/* Bytes that are one JSON value already. */
void sut_jw_raw(struct sut_jw *w, sut_str json);

#endif
