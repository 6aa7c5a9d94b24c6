/* SPDX-License-Identifier: Apache-2.0
 *
 * csv - rows of comma-separated values, in and out (RFC 4180, over libcsv).
 *
 * A reader is fed bytes as they come and gives one row after the other; its memory
 * is bounded by the longest row.  Blank lines are skipped, a byte-order mark is
 * taken away.  What is written is safe to open in a spreadsheet: a cell that would be a
 * formula there (it begins with = + - @, a tab or a carriage return) gets a ' in front, which
 * reading takes away again, so that what was written comes back as it was.
 */
#ifndef SUT_CODEC_CSV_H
#define SUT_CODEC_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum {
    SUT_CSV_CELLS_MAX = 64,
    SUT_CSV_ROW_MAX = 256 * 1024, /* bytes */
};

struct sut_csv;

/* A row: its cells, borrowed for the call, and the line it begins on, from 1. */
typedef SUT_ERR sut_csv_row(void *ctx, const sut_str *cells, size_t n, uint64_t line);

SUT_ERR sut_csv_create(sut_csv_row *fn, void *ctx, struct sut_csv **ret);
void sut_csv_free(struct sut_csv **c);
/*
 * Take bytes; the rows that they end are handed on.  PARSE: a quote where none may stand, or too
 * many cells; TOO_LARGE: a row above SUT_CSV_ROW_MAX; or the row's own error.  After an error
 * the reader takes no more.
 */
SUT_ERR sut_csv_feed(struct sut_csv *c, sut_str bytes);
/* The end: the last row may have no newline.  PARSE: within a quoted cell. */
SUT_ERR sut_csv_end(struct sut_csv *c);
/* The line that is being read. */
uint64_t sut_csv_line(const struct sut_csv *c);

/* A cell's text without the mark that keeps it from being a formula. */
sut_str sut_csv_unmark(sut_str cell);
/* Append a cell, quoted where it must be, a comma before it unless it is the row's first. */
void sut_csv_cell(struct sut_buf *out, sut_str text, bool is_first);
/* The end of a row: CR LF. */
void sut_csv_row_end(struct sut_buf *out);

#endif
