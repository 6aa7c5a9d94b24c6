/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/product_file.h"

#include "base/mem.h"
#include "prog/product_file_int.h"

/* --- JSON: where one object ends and the next begins --- */

enum { OBJECT_MAX = 1024 * 1024 };

struct sut_product_json {
    struct sut_product_sink sink;
    struct sut_buf object;
    uint64_t line;
    uint64_t begin;
    unsigned depth;
    bool is_in_text;
    bool is_escaped;
    bool is_array;
    bool has_begun;
    bool has_ended;
    bool wants_comma;
};

SUT_ERR sut_product_json_create(const struct sut_product_sink *sink, struct sut_product_json **ret)
{
    struct sut_product_json *j = sut_mem_zalloc(1, sizeof(*j));
    ENSURE(j != NULL, NOMEM);
    j->sink = *sink;
    j->line = 1;
    sut_buf_init(&j->object, OBJECT_MAX);
    *ret = j;
    return SUT_OK;
}

void sut_product_json_free(struct sut_product_json **j)
{
    if (*j == NULL)
        return;
    sut_buf_done(&(*j)->object);
    sut_mem_freep(j);
}

static SUT_ERR end_object(struct sut_product_json *j)
{
    TRY(sut_buf_check(&j->object));
    const struct sut_product_found p = { .object = sut_buf_str(&j->object), .line = j->begin };
    TRY(j->sink.fn(j->sink.ctx, &p));
    sut_buf_reset(&j->object);
    j->wants_comma = true;
    return SUT_OK;
}

static SUT_ERR inside(struct sut_product_json *j, char ch)
{
    sut_buf_char(&j->object, ch);
    TRY(sut_buf_check(&j->object));
    if (j->is_escaped) {
        j->is_escaped = false;
    } else if (j->is_in_text) {
        j->is_escaped = ch == '\\';
        j->is_in_text = ch != '"';
    } else if (ch == '"') {
        j->is_in_text = true;
    } else if (ch == '{' || ch == '[') {
        j->depth++;
    } else if (ch == '}' || ch == ']') {
        j->depth--;
        return j->depth == 0 ? end_object(j) : SUT_OK;
    }
    return SUT_OK;
}

static SUT_ERR between(struct sut_product_json *j, char ch)
{
    if (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n')
        return SUT_OK;
    ENSURE(!j->has_ended, PARSE);
    if (ch == '[' && !j->has_begun) {
        j->is_array = true;
    } else if (ch == ']' && j->is_array) {
        j->has_ended = true;
    } else if (ch == ',' && j->is_array && j->wants_comma) {
        j->wants_comma = false;
    } else {
        ENSURE(ch == '{' && !(j->is_array && j->wants_comma), PARSE);
        j->begin = j->line;
        j->depth = 1;
        sut_buf_char(&j->object, ch);
    }
    j->has_begun = true;
    return SUT_OK;
}

SUT_ERR sut_product_json_feed(struct sut_product_json *j, sut_str bytes)
{
    if (!j->has_begun && sut_str_starts(bytes, SUT_STR("\xEF\xBB\xBF")))
        bytes = sut_str_sub(bytes, 3, bytes.n);
    for (size_t i = 0; i < bytes.n; i++) {
        TRY(j->depth > 0 ? inside(j, bytes.p[i]) : between(j, bytes.p[i]));
        if (bytes.p[i] == '\n')
            j->line++;
    }
    return SUT_OK;
}

SUT_ERR sut_product_json_end(struct sut_product_json *j)
{
    ENSURE(j->depth == 0 && j->is_array == j->has_ended, PARSE);
    return SUT_OK;
}

uint64_t sut_product_json_line(const struct sut_product_json *j)
{
    return j->line;
}

/* --- either --- */

struct sut_product_reader {
    enum sut_product_format format;
    struct sut_product_json *json;
    struct sut_product_csv *csv;
};

SUT_ERR sut_product_reader_create(enum sut_product_format format, sut_product_take *fn, void *ctx,
                                  struct sut_product_reader **ret)
{
    const struct sut_product_sink sink = { .fn = fn, .ctx = ctx };
    DEFER(sut_product_reader_free) struct sut_product_reader *r = sut_mem_zalloc(1, sizeof(*r));
    ENSURE(r != NULL, NOMEM);
    r->format = format;
    if (format == SUT_PRODUCT_CSV)
        TRY(sut_product_csv_create(&sink, &r->csv));
    else
        TRY(sut_product_json_create(&sink, &r->json));
    *ret = STEAL(r);
    return SUT_OK;
}

void sut_product_reader_free(struct sut_product_reader **r)
{
    if (*r == NULL)
        return;
    sut_product_csv_free(&(*r)->csv);
    sut_product_json_free(&(*r)->json);
    sut_mem_freep(r);
}

static SUT_ERR told(struct sut_product_reader *r, sut_err e, struct sut_diag *reterr_diag)
{
    if (!sut_failed(e) || reterr_diag->text[0] != '\0')
        return e;
    const bool is_csv = r->format == SUT_PRODUCT_CSV;
    const unsigned long long line =
        is_csv ? sut_product_csv_line(r->csv) : sut_product_json_line(r->json);
    const char *why = is_csv ? sut_product_csv_fault(r->csv) : NULL;
    if (why != NULL)
        sut_diag_set(reterr_diag, "line %llu: %s", line, why);
    else if (e.code == SUT_E_PARSE)
        sut_diag_set(reterr_diag, "line %llu: this is no %s", line, is_csv ? "CSV" : "JSON");
    else if (e.code == SUT_E_TOO_LARGE)
        sut_diag_set(reterr_diag, "line %llu: a product is too long", line);
    return e;
}

SUT_ERR sut_product_reader_feed(struct sut_product_reader *r, sut_str bytes,
                                struct sut_diag *reterr_diag)
{
    return told(r,
                r->format == SUT_PRODUCT_CSV ? sut_product_csv_feed(r->csv, bytes)
                                             : sut_product_json_feed(r->json, bytes),
                reterr_diag);
}

SUT_ERR sut_product_reader_end(struct sut_product_reader *r, struct sut_diag *reterr_diag)
{
    return told(r,
                r->format == SUT_PRODUCT_CSV ? sut_product_csv_end(r->csv)
                                             : sut_product_json_end(r->json),
                reterr_diag);
}
