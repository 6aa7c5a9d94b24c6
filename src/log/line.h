/* SPDX-License-Identifier: Apache-2.0
 *
 * line - builds one line of logfmt or JSON in a fixed room, whatever the values hold.
 *
 * The caller owns the struct.  Allocates nothing and can't fail: a text that
 * does not fit is cut at a whole character, a field of which not even the
 * beginning fits is left out, and the line says `cut=1` ("cut":true).  A line of
 * JSON is one object, valid by RFC 8259 whatever was put in and wherever it was
 * cut; names are the caller's to keep apart.  One thread.
 */
#ifndef SUT_LOG_LINE_H
#define SUT_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

enum { SUT_LINE_MAX = 2048 };

struct sut_line {
    size_t n;
    bool cut;
    bool is_json;
    char p[SUT_LINE_MAX];
};

/* Empty the line. */
void sut_line_reset(struct sut_line *l, bool is_json);
/* Add `key=value`; in logfmt text is quoted when it is more than plain ASCII words. */
void sut_line_text(struct sut_line *l, const char *key, sut_str value);
void sut_line_int(struct sut_line *l, const char *key, int64_t value);
/* Add `key=2026-11-22T02:40:51.123Z`; years 1970 to 9999, others are clamped. */
void sut_line_time(struct sut_line *l, const char *key, sut_ms at);
/* Close the line with a newline; gives all of it, borrowed from l. */
sut_str sut_line_end(struct sut_line *l);

#endif
