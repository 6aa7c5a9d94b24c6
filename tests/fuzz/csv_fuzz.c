/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a CSV file, in pieces of any size: the same rows come out of every
 * size, and a cell that is written holds no formula and reads back the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "codec/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct sut_buf text;
};

static void check_cell(sut_str cell)
{
    struct sut_buf out;
    sut_buf_init(&out, 2 * cell.n + 16);
    sut_csv_cell(&out, cell, true);
    const sut_str quoted = sut_buf_str(&out);
    const sut_str inner =
        quoted.n >= 2 && quoted.p[0] == '"' ? sut_str_sub(quoted, 1, quoted.n) : quoted;
    if (inner.n > 0 && inner.p[0] != '\0' && strchr("=+-@\t\r", inner.p[0]) != NULL)
        abort();
    sut_buf_done(&out);
}

static SUT_ERR on_row(void *ctx, const sut_str *cells, size_t n, uint64_t line)
{
    struct seen *s = ctx;
    sut_buf_u64(&s->text, line);
    for (size_t i = 0; i < n; i++) {
        sut_buf_char(&s->text, '|');
        sut_buf_str_add(&s->text, cells[i]);
        check_cell(cells[i]);
        (void) sut_csv_unmark(cells[i]);
    }
    return SUT_OK;
}

static enum sut_ecode read_in(sut_str text, size_t step, struct seen *s)
{
    struct sut_csv *c = NULL;
    sut_err e = sut_csv_create(on_row, s, &c);
    if (sut_failed(e))
        return e.code;
    for (size_t at = 0; at < text.n && !sut_failed(e); at += step)
        e = sut_csv_feed(c, sut_str_sub(text, at, at + step));
    if (!sut_failed(e))
        e = sut_csv_end(c);
    sut_csv_free(&c);
    return e.code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = { 0 };
    struct seen parts = { 0 };
    if (size < 2 || size > 16384)
        return 0;
    /* a piece holds the mark of the bytes' order whole, as the first read of a file does */
    const size_t step = 3 + (size_t) data[0] % 61;
    const sut_str text = sut_str_of((const char *) data + 1, size - 1);
    sut_buf_init(&whole.text, 1 << 20);
    sut_buf_init(&parts.text, 1 << 20);
    const enum sut_ecode a = read_in(text, text.n, &whole);
    const enum sut_ecode b = read_in(text, step, &parts);
    if (a != b || !sut_str_eq(sut_buf_str(&whole.text), sut_buf_str(&parts.text)))
        abort();
    sut_buf_done(&whole.text);
    sut_buf_done(&parts.text);
    return 0;
}
