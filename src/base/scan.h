/* SPDX-License-Identifier: Apache-2.0
 *
 * scan - a cursor over bytes from outside that can't overrun.
 *
 * Borrows the bytes.  A scan that fails leaves the cursor where it was.
 */
#ifndef SUT_BASE_SCAN_H
#define SUT_BASE_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sut_scan {
    const char *p;
    const char *end;
};

static inline struct sut_scan sut_scan_of(sut_str s)
{
    return (struct sut_scan){ .p = s.p, .end = s.p == NULL ? NULL : s.p + s.n };
}

static inline bool sut_scan_at_end(const struct sut_scan *c)
{
    return c->p == c->end;
}

static inline sut_str sut_scan_rest(const struct sut_scan *c)
{
    return sut_str_of(c->p, (size_t) (c->end - c->p));
}

/* Take this one byte if it is next. */
bool sut_scan_char(struct sut_scan *c, char want);
/* Take this text if it is next. */
bool sut_scan_lit(struct sut_scan *c, sut_str want);
/* Take the bytes up to (not with) the first `stop`, or all that is left. */
sut_str sut_scan_until(struct sut_scan *c, char stop);
/* Take decimal digits (at least one, no sign); PARSE when none, INVALID above max. */
SUT_ERR sut_scan_u64(struct sut_scan *c, uint64_t max, uint64_t *ret);
/* Take exactly `digits` decimal digits; PARSE otherwise. */
SUT_ERR sut_scan_fixed(struct sut_scan *c, unsigned digits, uint64_t *ret);

/* The whole text as a number: PARSE unless all of it is digits (one leading '-' for i64). */
SUT_ERR sut_parse_u64(sut_str s, uint64_t max, uint64_t *ret);
SUT_ERR sut_parse_i64(sut_str s, int64_t min, int64_t max, int64_t *ret);
/* Hexadecimal, both cases, exactly 2*n characters; PARSE otherwise. */
SUT_ERR sut_parse_hex(sut_str s, void *ret, size_t n);

#endif
