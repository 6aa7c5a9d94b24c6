/* SPDX-License-Identifier: Apache-2.0
 *
 * lines - the lines of a settings file (by inih) and of a `.env` file.
 *
 * For this layer alone.  Both take the whole text and call back for each pair;
 * what can't be read is told through the same callback's `bad`.  One thread.
 */
#ifndef SUT_CONFIG_LINES_H
#define SUT_CONFIG_LINES_H

#include "base/err.h"
#include "base/str.h"

enum { SUT_LINES_LINE_MAX = 4096, SUT_LINES_TEXT_MAX = 256 * 1024 };

/* Slices are good during the call alone. */
struct sut_lines_events {
    /* A section begins. */
    void (*section)(void *arg, unsigned line, sut_str name);
    void (*pair)(void *arg, unsigned line, sut_str section, sut_str key, sut_str value);
    /* A line that is none of these: a sentence and perhaps a hint. */
    void (*bad)(void *arg, unsigned line, const char *sentence, const char *hint);
    void *arg;
};

/* [section], key = value, # and ; comments on lines of their own.  NOMEM. */
SUT_ERR sut_lines__read(sut_str text, const struct sut_lines_events *ev);
/* NAME=value, `export` before it, quotes around the value, # comments; section is empty. */
SUT_ERR sut_lines__read_dotenv(sut_str text, const struct sut_lines_events *ev);

#endif
