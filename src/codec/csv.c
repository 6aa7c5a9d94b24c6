/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/csv.h"

#include <csv.h>

#include "base/mem.h"

struct sut_csv {
    struct csv_parser parser;
    sut_csv_row *fn;
    void *ctx;
    struct sut_buf bytes; /* of the row's cells, one behind the other */
    size_t ends[SUT_CSV_CELLS_MAX];
    size_t n_cells;
    uint64_t line;
    uint64_t row_line; /* where the row began */
    size_t row_bytes;
    bool is_in_row;
    bool has_begun;
    sut_err failure; /* what a callback could not say */
};

static void *grow(void *p, size_t n)
{
    return sut_mem_realloc(p, n);
}

static void give_back(void *p)
{
    sut_mem_free(p);
}

static SUT_ERR take_cell(struct sut_csv *c, const char *p, size_t n)
{
    ENSURE(c->n_cells < SUT_CSV_CELLS_MAX, PARSE);
    sut_buf_add(&c->bytes, p, n);
    c->ends[c->n_cells++] = c->bytes.n;
    return sut_buf_check(&c->bytes);
}

static void on_cell(void *p, size_t n, void *ctx)
{
    struct sut_csv *c = ctx;
    if (!sut_failed(c->failure))
        c->failure = take_cell(c, p, n);
}

static SUT_ERR give_row(struct sut_csv *c)
{
    sut_str cells[SUT_CSV_CELLS_MAX];
    size_t from = 0;
    for (size_t i = 0; i < c->n_cells; i++) {
        cells[i] = sut_str_of(c->bytes.p == NULL ? "" : c->bytes.p + from, c->ends[i] - from);
        from = c->ends[i];
    }
    return c->fn(c->ctx, cells, c->n_cells, c->row_line);
}

static void on_row(int end, void *ctx)
{
    struct sut_csv *c = ctx;
    (void) end;
    if (!sut_failed(c->failure))
        c->failure = give_row(c);
    sut_buf_reset(&c->bytes);
    c->n_cells = 0;
    c->row_bytes = 0;
    c->is_in_row = false;
}

SUT_ERR sut_csv_create(sut_csv_row *fn, void *ctx, struct sut_csv **ret)
{
    struct sut_csv *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    c->fn = fn;
    c->ctx = ctx;
    c->line = 1;
    sut_buf_init(&c->bytes, SUT_CSV_ROW_MAX);
    if (csv_init(&c->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        sut_mem_free(c);
        FAIL(NOMEM);
    }
    csv_set_realloc_func(&c->parser, grow);
    csv_set_free_func(&c->parser, give_back);
    *ret = c;
    return SUT_OK;
}

void sut_csv_free(struct sut_csv **c)
{
    if (*c == NULL)
        return;
    csv_free(&(*c)->parser);
    sut_buf_done(&(*c)->bytes);
    sut_mem_freep(c);
}

uint64_t sut_csv_line(const struct sut_csv *c)
{
    return c->line;
}

static bool is_blank(sut_str piece)
{
    return sut_str_trim(piece).n == 0;
}

/* The first bytes up to what may end a row: a carriage return alone does as well. */
static size_t piece_end(sut_str bytes)
{
    const size_t lf = sut_str_find(bytes, 0, '\n');
    const size_t cr = sut_str_find(sut_str_sub(bytes, 0, lf), 0, '\r');
    return cr < lf ? cr : lf;
}

/* At most one row's end. */
static SUT_ERR feed_piece(struct sut_csv *c, sut_str piece)
{
    TRY(c->failure);
    if (!c->is_in_row && !is_blank(piece)) {
        c->is_in_row = true;
        c->row_line = c->line;
    }
    c->row_bytes += piece.n;
    ENSURE(c->row_bytes <= SUT_CSV_ROW_MAX, TOO_LARGE);
    const size_t n = csv_parse(&c->parser, piece.p, piece.n, on_cell, on_row, c);
    TRY(c->failure);
    if (n != piece.n)
        FAIL(PARSE);
    if (!c->is_in_row)
        c->row_bytes = 0;
    return SUT_OK;
}

SUT_ERR sut_csv_feed(struct sut_csv *c, sut_str bytes)
{
    if (!c->has_begun && sut_str_starts(bytes, SUT_STR("\xEF\xBB\xBF")))
        bytes = sut_str_sub(bytes, 3, bytes.n);
    c->has_begun = true;
    while (bytes.n > 0) {
        const size_t at = piece_end(bytes);
        const sut_str piece = sut_str_sub(bytes, 0, at + 1);
        const sut_err e = feed_piece(c, piece);
        if (sut_failed(e)) {
            c->failure = e;
            return e;
        }
        if (at < bytes.n && bytes.p[at] == '\n')
            c->line++;
        bytes = sut_str_sub(bytes, piece.n, bytes.n);
    }
    return SUT_OK;
}

SUT_ERR sut_csv_end(struct sut_csv *c)
{
    TRY(c->failure);
    const int code = csv_fini(&c->parser, on_cell, on_row, c);
    TRY(c->failure);
    ENSURE(code == 0, PARSE);
    return SUT_OK;
}

/* How many ' stand in front of what would be a formula; 0 when it would be none. */
static bool is_formula(sut_str s, size_t *ret_marks)
{
    size_t n = 0;
    while (n < s.n && s.p[n] == '\'')
        n++;
    *ret_marks = n;
    return n < s.n && s.p[n] != '\0' && strchr("=+-@\t\r", s.p[n]) != NULL;
}

sut_str sut_csv_unmark(sut_str cell)
{
    size_t marks = 0;
    return is_formula(cell, &marks) && marks > 0 ? sut_str_sub(cell, 1, cell.n) : cell;
}

void sut_csv_cell(struct sut_buf *out, sut_str text, bool is_first)
{
    size_t ignored = 0;
    bool must_quote = text.n > 0 && (text.p[0] == ' ' || text.p[text.n - 1] == ' ');
    if (!is_first)
        sut_buf_char(out, ',');
    for (size_t i = 0; i < text.n; i++)
        must_quote |= text.p[i] != '\0' && strchr(",\"\r\n\t", text.p[i]) != NULL;
    if (must_quote)
        sut_buf_char(out, '"');
    if (is_formula(text, &ignored))
        sut_buf_char(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            sut_buf_char(out, '"');
        sut_buf_char(out, text.p[i]);
    }
    if (must_quote)
        sut_buf_char(out, '"');
}

void sut_csv_row_end(struct sut_buf *out)
{
    sut_buf_lit(out, "\r\n");
}
