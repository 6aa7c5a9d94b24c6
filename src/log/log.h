/* SPDX-License-Identifier: Apache-2.0
 *
 * log - one line an event, logfmt or JSON, every value escaped.
 *
 *   ts=2026-11-22T02:40:51.123Z level=warn role=worker event=rate_limited scope=anon count=3
 *   {"ts":"2026-11-22T02:40:51.123Z","level":"warn","role":"worker","event":"rate_limited","count":3}
 *
 * Events and keys are literals.  Values come through typed fields and no type
 * takes a text from outside: what an email, a name, a phone number, a password or
 * a token looks like does not pass, or is a `?`.
 *
 *   LOG_Z       a string literal
 *   LOG_NAME    a word of one of the program's own tables (a route, a method): it must
 *               lie in the constants of this program and be of [A-Za-z0-9_./:{}-]
 *   LOG_WHY     a sentence that is such a constant: the same, with blanks and commas
 *   LOG_INT     a number that counts or measures, never one that stands for a person
 *   LOG_ADDR    a network address, nothing else (inet_pton)
 *   LOG_ID      the id of a request: 32 lower-case hexadecimal digits
 *   LOG_PERSON  a person: the number goes in, a keyed pseudonym comes out
 *   LOG_ERR     an error: code, place, errno's name
 *
 * tools/check-log holds the calls against this.  Whatever a value holds (control
 * characters, quotes, bytes that are no UTF-8, direction marks), the event stays
 * one line, the line stays UTF-8, and a JSON line stays JSON (RFC 8259) even cut.
 *
 * Any thread; a line is one write(2) of at most SUT_LOG_LINE_MAX bytes, longer
 * ones are cut and say `cut=1` ("cut":true).  A line that can't be written is
 * dropped: the log never blocks the shop twice nor fails it.  An event that
 * repeats faster than the limit is held back; its next line after that carries
 * `suppressed=<how many>`.  Only api/, guard/, serve/, audit/, keeper/ and prog/
 * log above debug.
 */
#ifndef SUT_LOG_LOG_H
#define SUT_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

enum { SUT_LOG_LINE_MAX = 2048, SUT_LOG_NAME_MAX = 96, SUT_LOG_ID_SIZE = 32 };

enum sut_log_level { SUT_LOG_DEBUG, SUT_LOG_INFO, SUT_LOG_WARN, SUT_LOG_ERROR };

enum sut_log_format { SUT_LOG_LOGFMT, SUT_LOG_JSON };

enum sut_log_type {
    SUT_LOG_T_LITERAL,
    SUT_LOG_T_NAME,
    SUT_LOG_T_WHY,
    SUT_LOG_T_INT,
    SUT_LOG_T_ADDR,
    SUT_LOG_T_ID,
    SUT_LOG_T_PERSON,
    SUT_LOG_T_ERR,
};

/* Made by the macros below alone. */
struct sut_log_field {
    const char *key;
    enum sut_log_type type;
    const char *z;
    int64_t i;
    sut_err err;
};

#define LOG_Z(key_, lit_)                                                                          \
    ((struct sut_log_field){ .key = "" key_, .type = SUT_LOG_T_LITERAL, .z = "" lit_ })
#define LOG_NAME(key_, z_)                                                                         \
    ((struct sut_log_field){ .key = "" key_, .type = SUT_LOG_T_NAME, .z = (z_) })
#define LOG_WHY(key_, z_)                                                                          \
    ((struct sut_log_field){ .key = "" key_, .type = SUT_LOG_T_WHY, .z = (z_) })
#define LOG_INT(key_, i_)                                                                          \
    ((struct sut_log_field){ .key = "" key_, .type = SUT_LOG_T_INT, .i = (i_) })
#define LOG_ADDR(key_, z_)                                                                         \
    ((struct sut_log_field){ .key = "" key_, .type = SUT_LOG_T_ADDR, .z = (z_) })
#define LOG_ID(key_, z_) ((struct sut_log_field){ .key = "" key_, .type = SUT_LOG_T_ID, .z = (z_) })
/* Without a person (0) the field is left out; before sut_log_pseudonyms() it is `p?`. */
#define LOG_PERSON(key_, id_)                                                                      \
    ((struct sut_log_field){ .key = "" key_, .type = SUT_LOG_T_PERSON, .i = (id_) })
#define LOG_ERR(e_) ((struct sut_log_field){ .key = "err", .type = SUT_LOG_T_ERR, .err = (e_) })

/*
 * Set once at start, before threads: the least level, the format, the
 * descriptor, the role's name (a constant).  Also takes the limits and the clock
 * back to their defaults: 500 lines an event within 10 s, the machine's clock.
 */
void sut_log_init(enum sut_log_level least, enum sut_log_format format, int fd, const char *role);
/* Before threads: at most `lines` lines an event and level within `window_ms`; 0 lines: no limit.
 */
void sut_log_limit(unsigned lines, unsigned window_ms);
/* Before threads: take the time from here (tests). */
void sut_log_clock(const struct sut_clock *clock);

enum { SUT_LOG_PSEUDONYM = 8 };

/* The keyed pseudonym of a person; the log writes it as `p` and 16 hexadecimal digits. */
typedef void sut_log_pseudonym_fn(void *ctx, int64_t person, unsigned char ret[SUT_LOG_PSEUDONYM]);
/*
 * Make pseudonyms by fn from now on (NULL: not at all).  At any time, from any
 * thread; when it returns nobody is in the fn of before, nor will be, so its ctx
 * may go.  fn must not log.
 */
void sut_log_pseudonyms(sut_log_pseudonym_fn *fn, void *ctx);

/* Whether a line of this level would be written. */
bool sut_log_wants(enum sut_log_level level);
/* Write one event, a literal; f may be NULL when n is 0.  For what sut_log() can't say. */
void sut_log_write(enum sut_log_level level, const char *event, const struct sut_log_field *f,
                   size_t n);
/* Say for each event that was held back how often; call now and then, and before the end. */
void sut_log_flush(void);

#define sut_log(level_, event_, ...)                                                               \
    do {                                                                                           \
        if (sut_log_wants(level_)) {                                                               \
            const struct sut_log_field f_[] = { __VA_ARGS__ };                                     \
            sut_log_write((level_), "" event_, f_, sizeof(f_) / sizeof(f_[0]));                    \
        }                                                                                          \
    } while (0)

#endif
