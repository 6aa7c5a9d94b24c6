/* SPDX-License-Identifier: Apache-2.0
 *
 * rate - how often one key may act within a sliding window.
 *
 * The decisions and waits are those of Django REST framework's
 * SimpleRateThrottle: a request is allowed while fewer than `count` allowed
 * ones lie within the last `window_ms`; refused ones don't count.  Up to
 * SUT_RATE_EXACT_MAX a window every time is kept and the answer is exact;
 * above, two counters (this window's and the last one's) estimate it.
 *
 * struct sut_rate_log is the caller's storage; it starts as zeroes and is ended
 * with sut_rate_log_done().  Time is a parameter; a clock that steps back gains
 * nothing: the kept times step back with it.  Not thread-safe.
 */
#ifndef SUT_LIMIT_RATE_H
#define SUT_LIMIT_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_RATE_EXACT_MAX = 10000, SUT_RATE_INLINE = 4 };

/* count 0: not limited.  Windows up to 7 days. */
struct sut_rate {
    uint32_t count;
    uint32_t window_ms;
};

struct sut_rate_result {
    bool is_allowed;
    bool is_first_refusal; /* refused, and not within a window after one that was told */
    uint64_t limit;        /* 0: not limited; then all else is 0 */
    uint64_t remaining;    /* how many more would be allowed now */
    int64_t reset_s;       /* unix seconds, rounded up: when the oldest one leaves the window */
    int64_t retry_after_s; /* refused: seconds to wait, rounded up, as DRF's Retry-After */
};

struct sut_rate_log {
    int64_t base_ms;    /* exact: what the times count from; estimate: this window's beginning */
    int64_t told_ms;    /* the last refusal that was reported as the first; 0: none */
    uint32_t *more;     /* a ring of `cap` times, when they don't fit inline */
    uint32_t head;      /* exact: index of the oldest */
    uint32_t n;         /* exact: how many; estimate: this window's count */
    uint32_t cap;       /* of `more`; 0: inline */
    uint32_t before;    /* estimate: the window's before */
    uint32_t window_ms; /* of the rate that wrote it; 0: empty */
    bool is_estimate;
    uint32_t inl[SUT_RATE_INLINE];
};

void sut_rate_log_done(struct sut_rate_log *l);

/* What a request at `now` would get; nothing is counted. */
void sut_rate_peek(struct sut_rate_log *l, struct sut_rate rate, sut_ms now,
                   struct sut_rate_result *ret);
/*
 * Decide and count a request at `now`.  NOMEM when its time can't be kept (the
 * request then counts as refused for a second: the limit holds).
 */
SUT_ERR sut_rate_take(struct sut_rate_log *l, struct sut_rate rate, sut_ms now,
                      struct sut_rate_result *ret);

/* DRF's SimpleRateThrottle.wait() after the same request, in thousandths; -1 where that is None. */
int64_t sut_rate_wait_ms(const struct sut_rate_log *l, struct sut_rate rate, sut_ms now);

/* When nothing that was counted matters any more. */
sut_ms sut_rate_expires(const struct sut_rate_log *l);
/* Bytes on the heap. */
size_t sut_rate_log_held(const struct sut_rate_log *l);

/* Append the log as bytes, the times as differences of a byte or two each. */
void sut_rate_log_encode(const struct sut_rate_log *l, struct sut_buf *out);
/* The other side, into an empty log.  PARSE when the bytes are damaged; NOMEM. */
SUT_ERR sut_rate_log_decode(sut_str data, struct sut_rate_log *ret);

#endif
