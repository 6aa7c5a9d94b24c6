/* SPDX-License-Identifier: Apache-2.0
 *
 * product_csv - products as rows of CSV, in and out.
 */
#include "base/mem.h"
#include "base/scan.h"
#include "codec/csv.h"
#include "codec/json.h"
#include "codec/json_out.h"
#include "codec/schema.h"
#include "codec/utf8.h"
#include "prog/product_file_int.h"

enum column {
    SKU,
    PARENT_SKU,
    NAME,
    DESCRIPTION,
    CATEGORY,
    PRICE,
    STOCK,
    IS_ACTIVE,
    IS_FEATURED,
    COVERAGE_LEVEL,
    VARIANT_NAME,
    VARIANT_PRICE,
    VARIANT_IS_ACTIVE,
    COLUMNS,
};
static const char *const names[COLUMNS] = {
    "sku",
    "parent_sku",
    "name",
    "description",
    "category",
    "price",
    "stock",
    "is_active",
    "is_featured",
    "coverage_level",
    "variant_name",
    "variant_price",
    "variant_is_active",
};

enum { OBJECT_MAX = 1024 * 1024, LINES_MAX = 1024, KEY_MAX = 1024 };

/* --- in --- */

struct sut_product_csv {
    struct sut_product_sink sink;
    struct sut_csv *csv;
    bool has_header;
    int where[COLUMNS]; /* -1: not in the file */
    size_t n_columns;
    const char *fault;
    uint64_t fault_line;
    /* The product whose variants may follow. */
    bool is_open;
    struct sut_buf object;
    struct sut_jw w;
    struct sut_buf parent; /* its SKU */
    uint64_t line;
    uint64_t lines[LINES_MAX];
    size_t n_lines;
};

static SUT_ERR wrong(struct sut_product_csv *r, uint64_t line, const char *why)
{
    r->fault = why;
    r->fault_line = line;
    FAIL(PARSE);
}

static SUT_ERR read_header(struct sut_product_csv *r, const sut_str *cells, size_t n, uint64_t line)
{
    for (unsigned k = 0; k < COLUMNS; k++)
        r->where[k] = -1;
    for (size_t i = 0; i < n; i++) {
        unsigned k = 0;
        while (k < COLUMNS && !sut_str_eq_nocase(sut_str_trim(cells[i]), sut_str_from(names[k])))
            k++;
        if (k == COLUMNS)
            return wrong(r, line, "the header has a column that is not known");
        if (r->where[k] >= 0)
            return wrong(r, line, "the header has a column twice");
        r->where[k] = (int) i;
    }
    if (r->where[SKU] < 0)
        return wrong(r, line, "the header has no column sku");
    r->n_columns = n;
    r->has_header = true;
    return SUT_OK;
}

/* {NULL,0}: the file has no such column. */
static sut_str cell(const struct sut_product_csv *r, const sut_str *cells, enum column k)
{
    if (r->where[k] < 0)
        return (sut_str){ 0 };
    const sut_str s = sut_csv_unmark(cells[r->where[k]]);
    return s.n == 0 ? SUT_STR("") : s;
}

static void put_bool(struct sut_jw *w, const char *key, sut_str s)
{
    static const char *const yes[] = { "true", "1", "yes", NULL };
    static const char *const no[] = { "false", "0", "no", NULL };
    if (s.n == 0)
        return;
    sut_jw_key(w, key);
    for (unsigned i = 0; yes[i] != NULL; i++) {
        if (sut_str_eq_nocase(s, sut_str_from(yes[i])) ||
            sut_str_eq_nocase(s, sut_str_from(no[i]))) {
            sut_jw_bool(w, sut_str_eq_nocase(s, sut_str_from(yes[i])));
            return;
        }
    }
    sut_jw_str(w, s);
}

static void put_text(struct sut_jw *w, const char *key, sut_str s)
{
    if (s.n == 0)
        return;
    sut_jw_key(w, key);
    sut_jw_str(w, s);
}

/* What is no number is left to the schema to refuse. */
static void put_count(struct sut_jw *w, const char *key, sut_str s)
{
    int64_t v = 0;
    if (s.n == 0)
        return;
    sut_jw_key(w, key);
    if (sut_failed(sut_parse_i64(s, INT64_MIN, INT64_MAX, &v)))
        sut_jw_str(w, s);
    else
        sut_jw_i64(w, v);
}

/* A variant's row; `name` where its own is empty. */
static void put_variant(struct sut_product_csv *r, const sut_str *cells, sut_str name)
{
    struct sut_jw *w = &r->w;
    const sut_str own = cell(r, cells, VARIANT_NAME);
    const sut_str price = cell(r, cells, VARIANT_PRICE);
    sut_jw_obj(w);
    put_text(w, "sku", cell(r, cells, SKU));
    put_text(w, "name", own.n > 0 ? own : name);
    if (price.p != NULL) {
        sut_jw_key(w, "price");
        sut_jw_str_or_null(w, price.n > 0 ? price : (sut_str){ 0 });
    }
    put_count(w, "stock", cell(r, cells, STOCK));
    put_bool(w, "is_active", cell(r, cells, VARIANT_IS_ACTIVE));
    sut_jw_obj_end(w);
}

static SUT_ERR flush(struct sut_product_csv *r)
{
    if (!r->is_open)
        return SUT_OK;
    r->is_open = false;
    sut_jw_arr_end(&r->w);
    sut_jw_obj_end(&r->w);
    TRY(sut_buf_check(&r->object));
    const struct sut_product_found p = {
        .object = sut_buf_str(&r->object), .line = r->line, .lines = r->lines, .n_lines = r->n_lines
    };
    return r->sink.fn(r->sink.ctx, &p);
}

static void open_object(struct sut_product_csv *r, sut_str sku, uint64_t line)
{
    sut_buf_reset(&r->object);
    sut_buf_reset(&r->parent);
    sut_buf_str_add(&r->parent, sku);
    r->w = sut_jw_of(&r->object);
    r->line = line;
    r->n_lines = 0;
    r->is_open = true;
    sut_jw_obj(&r->w);
    put_text(&r->w, "sku", sku);
}

static void open_variants(struct sut_product_csv *r)
{
    sut_jw_key(&r->w, "variants");
    sut_jw_arr(&r->w);
}

/* A row of a product: all of it, and its default variant as the first. */
static void begin_product(struct sut_product_csv *r, const sut_str *cells, uint64_t line)
{
    struct sut_jw *w = &r->w;
    const sut_str name = cell(r, cells, NAME);
    const sut_str text = cell(r, cells, DESCRIPTION);
    const sut_str coverage = cell(r, cells, COVERAGE_LEVEL);
    open_object(r, cell(r, cells, SKU), line);
    put_text(w, "name", name);
    if (text.p != NULL) {
        sut_jw_key(w, "description");
        sut_jw_str(w, text);
    }
    put_text(w, "category", cell(r, cells, CATEGORY));
    put_text(w, "price", cell(r, cells, PRICE));
    put_count(w, "stock", cell(r, cells, STOCK));
    put_bool(w, "is_active", cell(r, cells, IS_ACTIVE));
    put_bool(w, "is_featured", cell(r, cells, IS_FEATURED));
    if (coverage.p != NULL) {
        sut_jw_key(w, "coverage_level");
        sut_jw_str(w, coverage);
    }
    open_variants(r);
    const bool tells_variant = r->where[VARIANT_NAME] >= 0 || r->where[VARIANT_PRICE] >= 0 ||
                               r->where[VARIANT_IS_ACTIVE] >= 0;
    if (tells_variant && name.n > 0) {
        put_variant(r, cells, name);
        r->lines[r->n_lines++] = line;
    }
}

static SUT_ERR on_row(void *ctx, const sut_str *cells, size_t n, uint64_t line)
{
    struct sut_product_csv *r = ctx;
    for (size_t i = 0; i < n; i++)
        if (!sut_utf8_is_valid(cells[i]))
            return wrong(r, line, "the row is not UTF-8");
    if (!r->has_header)
        return read_header(r, cells, n, line);
    if (n != r->n_columns)
        return wrong(r, line, "the row has not as many cells as the header");
    const sut_str parent = cell(r, cells, PARENT_SKU);
    if (parent.n == 0) {
        TRY(flush(r));
        begin_product(r, cells, line);
        return SUT_OK;
    }
    /* Of a product that stands elsewhere: what else it is stays as it is. */
    if (!r->is_open || !sut_str_eq(parent, sut_buf_str(&r->parent))) {
        TRY(flush(r));
        open_object(r, parent, line);
        open_variants(r);
    }
    if (r->n_lines == LINES_MAX)
        return wrong(r, line, "a product has too many variants");
    put_variant(r, cells, SUT_STR(""));
    r->lines[r->n_lines++] = line;
    return SUT_OK;
}

SUT_ERR sut_product_csv_create(const struct sut_product_sink *sink, struct sut_product_csv **ret)
{
    DEFER(sut_product_csv_free) struct sut_product_csv *r = sut_mem_zalloc(1, sizeof(*r));
    ENSURE(r != NULL, NOMEM);
    r->sink = *sink;
    sut_buf_init(&r->object, OBJECT_MAX);
    sut_buf_init(&r->parent, KEY_MAX);
    TRY(sut_csv_create(on_row, r, &r->csv));
    *ret = STEAL(r);
    return SUT_OK;
}

void sut_product_csv_free(struct sut_product_csv **r)
{
    if (*r == NULL)
        return;
    sut_csv_free(&(*r)->csv);
    sut_buf_done(&(*r)->object);
    sut_buf_done(&(*r)->parent);
    sut_mem_freep(r);
}

SUT_ERR sut_product_csv_feed(struct sut_product_csv *r, sut_str bytes)
{
    return sut_csv_feed(r->csv, bytes);
}

SUT_ERR sut_product_csv_end(struct sut_product_csv *r)
{
    TRY(sut_csv_end(r->csv));
    if (!r->has_header)
        return wrong(r, 1, "the file has no header");
    return flush(r);
}

uint64_t sut_product_csv_line(const struct sut_product_csv *r)
{
    return r->fault != NULL ? r->fault_line : sut_csv_line(r->csv);
}

const char *sut_product_csv_fault(const struct sut_product_csv *r)
{
    return r->fault;
}

/* --- out --- */

void sut_product_csv_header(struct sut_buf *out)
{
    for (unsigned k = 0; k < COLUMNS; k++)
        sut_csv_cell(out, sut_str_from(names[k]), k == 0);
    sut_csv_row_end(out);
}

/* A member's text as a cell: numbers and booleans as they are written, null as nothing. */
static sut_str text_of(const struct sut_json *o, const char *name)
{
    const struct sut_json *v = sut_json_get(o, name);
    if (v == NULL || v->type == SUT_JSON_NULL)
        return SUT_STR("");
    if (v->type == SUT_JSON_BOOL)
        return v->b ? SUT_STR("true") : SUT_STR("false");
    return v->s.n == 0 ? SUT_STR("") : v->s;
}

static void write_row(struct sut_buf *out, const sut_str *cells)
{
    for (unsigned k = 0; k < COLUMNS; k++)
        sut_csv_cell(out, cells[k].n == 0 ? SUT_STR("") : cells[k], k == 0);
    sut_csv_row_end(out);
}

static void variant_cells(sut_str *cells, const struct sut_json *v, sut_str name)
{
    const sut_str own = text_of(v, "name");
    cells[SKU] = text_of(v, "sku");
    cells[STOCK] = text_of(v, "stock");
    cells[VARIANT_NAME] = sut_str_eq(own, name) ? SUT_STR("") : own;
    cells[VARIANT_PRICE] = text_of(v, "price");
    cells[VARIANT_IS_ACTIVE] = text_of(v, "is_active");
}

SUT_ERR sut_product_csv_write(struct sut_arena *a, sut_str object, struct sut_buf *out)
{
    const struct sut_json *o = NULL;
    enum sut_json_fault fault = SUT_JSON_OK;
    TRY(sut_json_parse(a, object, &o, &fault));
    const struct sut_json *list = sut_json_get(o, "variants");
    const sut_str sku = text_of(o, "sku");
    for (size_t i = 0; list != NULL && i < list->n; i++) {
        sut_str cells[COLUMNS] = { { 0 } };
        if (i > 0) {
            variant_cells(cells, &list->items[i], SUT_STR(""));
            cells[PARENT_SKU] = sku;
            write_row(out, cells);
            continue;
        }
        cells[NAME] = text_of(o, "name");
        cells[DESCRIPTION] = text_of(o, "description");
        cells[CATEGORY] = text_of(o, "category");
        cells[PRICE] = text_of(o, "price");
        cells[IS_ACTIVE] = text_of(o, "is_active");
        cells[IS_FEATURED] = text_of(o, "is_featured");
        cells[COVERAGE_LEVEL] = text_of(o, "coverage_level");
        variant_cells(cells, &list->items[i], cells[NAME]);
        write_row(out, cells);
    }
    return sut_buf_check(out);
}
