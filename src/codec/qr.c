/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/qr.h"

#include <qrencode.h>

#include "base/secret.h"

enum { QUIET = 4, PIXELS = 6, DARK = 1 };

/* What it shows may be a secret. */
static void code_free(QRcode **c)
{
    if (*c == NULL)
        return;
    sut_wipe((*c)->data, (size_t) (*c)->width * (size_t) (*c)->width);
    QRcode_free(*c);
    *c = NULL;
}

/* One row: each run of dark modules is a stroke. */
static void add_row(struct sut_buf *out, const unsigned char *row, int width, int y)
{
    for (int x = 0; x < width; x++) {
        int end = x;
        while (end < width && (row[end] & DARK) != 0)
            end++;
        if (end == x)
            continue;
        sut_buf_char(out, 'M');
        sut_buf_i64(out, x + QUIET);
        sut_buf_char(out, ' ');
        sut_buf_i64(out, y + QUIET);
        sut_buf_char(out, 'h');
        sut_buf_i64(out, end - x);
        sut_buf_lit(out, "v1h-");
        sut_buf_i64(out, end - x);
        sut_buf_char(out, 'z');
        x = end;
    }
}

SUT_ERR sut_qr_svg(struct sut_buf *out, sut_str text)
{
    ENSURE(text.n > 0, INVALID);
    ENSURE(text.n <= SUT_QR_TEXT_MAX, TOO_LARGE);
    DEFER(code_free)
    QRcode *code = QRcode_encodeData((int) text.n, (const unsigned char *) text.p, 0, QR_ECLEVEL_M);
    ENSURE(code != NULL, NOMEM);
    const int side = code->width + 2 * QUIET;
    sut_buf_lit(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"");
    sut_buf_i64(out, side * PIXELS);
    sut_buf_lit(out, "\" height=\"");
    sut_buf_i64(out, side * PIXELS);
    sut_buf_lit(out, "\" viewBox=\"0 0 ");
    sut_buf_i64(out, side);
    sut_buf_char(out, ' ');
    sut_buf_i64(out, side);
    sut_buf_lit(out, "\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h");
    sut_buf_i64(out, side);
    sut_buf_char(out, 'v');
    sut_buf_i64(out, side);
    sut_buf_lit(out, "H0z\"/><path fill=\"#000\" d=\"");
    for (int y = 0; y < code->width; y++)
        add_row(out, code->data + (size_t) y * (size_t) code->width, code->width, y);
    sut_buf_lit(out, "\"/></svg>\n");
    return sut_buf_check(out);
}
