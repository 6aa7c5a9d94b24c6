/* SPDX-License-Identifier: Apache-2.0
 *
 * log - one line an event, logfmt, every value escaped.
 *
 * Keys are constants; values come through typed fields, so that a person's
 * value can't be passed by accident: there is no field type for one.  Any
 * thread; a line is one write(2).  Only api/, guard/, serve/ and prog/ log above debug.
 */
#ifndef SUT_LOG_LOG_H
#define SUT_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum sut_log_level { SUT_LOG_DEBUG, SUT_LOG_INFO, SUT_LOG_WARN, SUT_LOG_ERROR };

enum sut_log_type { SUT_LOG_T_TEXT, SUT_LOG_T_INT, SUT_LOG_T_ADDR, SUT_LOG_T_ERR };

struct sut_log_field {
    const char *key;
    enum sut_log_type type;
    sut_str text; /* program constants, routes, request ids, addresses: never a person's value */
    int64_t i;
    sut_err err;
};

#define LOG_STR(key_, s_) ((struct sut_log_field){ .key = (key_), .type = SUT_LOG_T_TEXT, .text = (s_) })
#define LOG_Z(key_, z_) \
    ((struct sut_log_field){ .key = (key_), .type = SUT_LOG_T_TEXT, .text = sut_str_from(z_) })
#define LOG_INT(key_, i_) ((struct sut_log_field){ .key = (key_), .type = SUT_LOG_T_INT, .i = (i_) })
#define LOG_ERR(e_)       ((struct sut_log_field){ .key = "err", .type = SUT_LOG_T_ERR, .err = (e_) })

/* Set once at start, before threads: the least level, the descriptor, the role's name. */
void sut_log_init(enum sut_log_level least, int fd, const char *role);
bool sut_log_wants(enum sut_log_level level);
void sut_log_write(enum sut_log_level level, const char *event, const struct sut_log_field *f,
                   size_t n);

#define sut_log(level_, event_, ...)                                                           \
    do {                                                                                       \
        if (sut_log_wants(level_)) {                                                           \
            const struct sut_log_field f_[] = { __VA_ARGS__ };                                 \
            sut_log_write((level_), (event_), f_, sizeof(f_) / sizeof(f_[0]));                 \
        }                                                                                      \
    } while (0)

#endif
