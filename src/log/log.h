/* SPDX-License-Identifier: Apache-2.0
 *
 * log - one line an event, logfmt, every value escaped.
 *
 *   ts=2026-11-22T02:40:51.123Z level=warn role=worker event=rate_limited scope=anon count=3
 *
 * Keys are constants; values come through typed fields, so that a person's
 * value can't be passed by accident: there is no field type for one.  Whatever
 * a value holds (control characters, quotes, newlines, bytes that are no
 * UTF-8, direction marks), the event stays one line and the line stays UTF-8.
 *
 * Any thread; a line is one write(2) of at most SUT_LOG_LINE_MAX bytes, longer
 * ones are cut and say `cut=1`.  A line that can't be written is dropped: the
 * log never blocks the shop twice nor fails it.  An event that repeats faster
 * than the limit is held back; its next line after that carries
 * `suppressed=<how many>`.  Only api/, guard/, serve/ and prog/ log above debug.
 */
#ifndef SUT_LOG_LOG_H
#define SUT_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum { SUT_LOG_LINE_MAX = 2048 };

enum sut_log_level { SUT_LOG_DEBUG, SUT_LOG_INFO, SUT_LOG_WARN, SUT_LOG_ERROR };

enum sut_log_type { SUT_LOG_T_TEXT, SUT_LOG_T_INT, SUT_LOG_T_ADDR, SUT_LOG_T_ERR };

struct sut_log_field {
    const char *key;
    enum sut_log_type type;
    sut_str text; /* program constants, routes, request ids, addresses: never a person's value */
    int64_t i;
    sut_err err; /* code, place and errno's name */
};

#define LOG_STR(key_, s_)                                                                          \
    ((struct sut_log_field){ .key = (key_), .type = SUT_LOG_T_TEXT, .text = (s_) })
#define LOG_Z(key_, z_)                                                                            \
    ((struct sut_log_field){ .key = (key_), .type = SUT_LOG_T_TEXT, .text = sut_str_from(z_) })
#define LOG_INT(key_, i_)                                                                          \
    ((struct sut_log_field){ .key = (key_), .type = SUT_LOG_T_INT, .i = (i_) })
#define LOG_ADDR(key_, s_)                                                                         \
    ((struct sut_log_field){ .key = (key_), .type = SUT_LOG_T_ADDR, .text = (s_) })
#define LOG_ERR(e_) ((struct sut_log_field){ .key = "err", .type = SUT_LOG_T_ERR, .err = (e_) })

/*
 * Set once at start, before threads: the least level, the descriptor, the
 * role's name (a constant).  Also takes the limits and the clock back to their
 * defaults: 500 lines an event within 10 s, the machine's clock.
 */
void sut_log_init(enum sut_log_level least, int fd, const char *role);
/* Before threads: at most `lines` lines an event and level within `window_ms`; 0 lines: no limit.
 */
void sut_log_limit(unsigned lines, unsigned window_ms);
/* Before threads: take the time from here (tests). */
void sut_log_clock(const struct sut_clock *clock);

/* Whether a line of this level would be written. */
bool sut_log_wants(enum sut_log_level level);
/* Write one event; f may be NULL when n is 0. */
void sut_log_write(enum sut_log_level level, const char *event, const struct sut_log_field *f,
                   size_t n);
/* Say for each event that was held back how often; call now and then, and before the end. */
void sut_log_flush(void);

#define sut_log(level_, event_, ...)                                                               \
    do {                                                                                           \
        if (sut_log_wants(level_)) {                                                               \
            const struct sut_log_field f_[] = { __VA_ARGS__ };                                     \
            sut_log_write((level_), (event_), f_, sizeof(f_) / sizeof(f_[0]));                     \
        }                                                                                          \
    } while (0)

#endif
