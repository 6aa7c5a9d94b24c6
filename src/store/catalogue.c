/* SPDX-License-Identifier: Apache-2.0 */
#include "store/catalogue.h"

#include <stddef.h>

#include "db/db.h"

enum {
    BATCH = 20, /* products loaded by one round of statements */
};

/* ---- the closed set of list statements ------------------------------------------------ */

#define HIDDEN_CATEGORIES                                                                          \
    "(WITH RECURSIVE hidden (id) AS (SELECT id FROM categories WHERE is_active = 0"                \
    " UNION SELECT k.id FROM categories k JOIN hidden h ON k.parent_id = h.id)"                    \
    " SELECT id FROM hidden)"

#define SHOWN "p.is_active = 1 AND p.category_id NOT IN " HIDDEN_CATEGORIES

/* Parameters: $1 and $2 the price, $3 the category, $4 the coverage level, then the terms. */
#define PRICE_INDEXED " AND p.price BETWEEN $1 AND $2"
/* A sum is no index's column: keeps a planner from giving the order of dates up for it. */
#define PRICE_CHECKED " AND +p.price BETWEEN $1 AND $2"

#define CATEGORY_0 " AND CAST($3 AS TEXT) = ''"
#define CATEGORY_1                                                                                 \
    " AND p.category_id IN (WITH RECURSIVE wanted (id) AS (SELECT id FROM categories"              \
    " WHERE slug = $3 UNION SELECT k.id FROM categories k JOIN wanted w ON k.parent_id = w.id)"    \
    " SELECT id FROM wanted)"

#define COVERAGE_0 " AND CAST($4 AS TEXT) = ''"
#define COVERAGE_1 " AND p.coverage_level_id = (SELECT id FROM coverage_levels WHERE code = $4)"

#define TERM(lo_, hi_)                                                                             \
    " AND p.id IN (SELECT t.product_id FROM product_terms t"                                       \
    " WHERE t.term >= $" #lo_ " AND t.term < $" #hi_ ")"
#define TERMS_0 ""
#define TERMS_1 TERM(5, 6)
#define TERMS_2 TERMS_1 TERM(7, 8)
#define TERMS_4 TERMS_2 TERM(9, 10) TERM(11, 12)
#define TERMS_8 TERMS_4 TERM(13, 14) TERM(15, 16) TERM(17, 18) TERM(19, 20)
#define PAGE_0  " LIMIT $5 OFFSET $6"
#define PAGE_1  " LIMIT $7 OFFSET $8"
#define PAGE_2  " LIMIT $9 OFFSET $10"
#define PAGE_4  " LIMIT $13 OFFSET $14"
#define PAGE_8  " LIMIT $21 OFFSET $22"

#define WHERE_(k_, l_, t_) CATEGORY_##k_ COVERAGE_##l_ TERMS_##t_

#define LIST(k_, l_, t_, name_, price_, order_)                                                    \
    {                                                                                              \
        .name = "catalogue_list_" #k_ #l_ #t_ name_,                                               \
        .text = "SELECT p.id, p.version FROM products p WHERE " SHOWN price_ WHERE_(               \
            k_, l_, t_) " ORDER BY " order_ PAGE_##t_                                              \
    }
#define COUNT(k_, l_, t_)                                                                          \
    {                                                                                              \
        .name = "catalogue_count_" #k_ #l_ #t_,                                                    \
        .text = "SELECT COUNT(*) FROM products p WHERE " SHOWN PRICE_INDEXED WHERE_(k_, l_, t_)    \
    }

/* The last dimension of the table. */
enum form {
    FORM_NEWEST,
    FORM_OLDEST,
    FORM_NEWEST_PRICED, /* with a bound on the price */
    FORM_OLDEST_PRICED,
    FORM_CHEAPEST,
    FORM_DEAREST,
    FORM_COUNT,
    N_FORMS,
};

#define FORMS(k_, l_, t_)                                                                          \
    {                                                                                              \
        LIST(k_, l_, t_, "_newest", PRICE_CHECKED, "p.date_added DESC, p.id DESC"),                \
            LIST(k_, l_, t_, "_oldest", PRICE_CHECKED, "p.date_added, p.id"),                      \
            LIST(k_, l_, t_, "_newest_priced", PRICE_INDEXED, "p.date_added DESC, p.id DESC"),     \
            LIST(k_, l_, t_, "_oldest_priced", PRICE_INDEXED, "p.date_added, p.id"),               \
            LIST(k_, l_, t_, "_cheapest", PRICE_INDEXED, "p.price, p.id"),                         \
            LIST(k_, l_, t_, "_dearest", PRICE_INDEXED, "p.price DESC, p.id DESC"),                \
            COUNT(k_, l_, t_),                                                                     \
    }
#define BY_TERMS(k_, l_)                                                                           \
    {                                                                                              \
        FORMS(k_, l_, 0), FORMS(k_, l_, 1), FORMS(k_, l_, 2), FORMS(k_, l_, 4), FORMS(k_, l_, 8)   \
    }

/* How many terms the statements of a row take; a search of three repeats its last. */
static const unsigned term_slots[] = { 0, 1, 2, 4, 8 };
enum { N_TERM_SLOTS = sizeof(term_slots) / sizeof(term_slots[0]) };

static const struct sut_sql statements[2][2][N_TERM_SLOTS][N_FORMS] = {
    { BY_TERMS(0, 0), BY_TERMS(0, 1) },
    { BY_TERMS(1, 0), BY_TERMS(1, 1) },
};

/* ---- other statements ----------------------------------------------------------------- */

static const struct sut_sql version_get = {
    .name = "catalogue_version_get",
    .text = "SELECT version FROM catalogue_version WHERE id = 1",
};

static const struct sut_sql find_id = {
    .name = "catalogue_find_id",
    .text = "SELECT p.id, p.version FROM products p WHERE p.id = $1 AND " SHOWN,
};

static const struct sut_sql find_slug = {
    .name = "catalogue_find_slug",
    .text = "SELECT p.id, p.version FROM products p JOIN categories c ON c.id = p.category_id"
            " WHERE c.slug = $1 AND p.slug = $2 AND " SHOWN,
};

#define IDS                                                                                        \
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"

static const struct sut_sql load_products = {
    .name = "catalogue_load_products",
    .text = "SELECT p.id, p.version, p.name, p.slug, p.description, p.price, p.is_featured,"
            " p.is_active, p.date_added, p.created_at, p.modified_at, p.created_by, p.modified_by,"
            " c.id, c.name, c.slug, c.is_active, c.parent_id, u.name, u.slug,"
            " l.id, l.code, l.name, l.description"
            " FROM products p JOIN categories c ON c.id = p.category_id"
            " LEFT JOIN categories u ON u.id = c.parent_id"
            " LEFT JOIN coverage_levels l ON l.id = p.coverage_level_id"
            " WHERE p.id IN " IDS,
};

static const struct sut_sql load_variants = {
    .name = "catalogue_load_variants",
    .text = "SELECT v.product_id, v.id, v.name, v.sku, v.size, v.color, v.price, v.stock,"
            " v.is_default, v.is_active FROM variants v WHERE v.product_id IN " IDS
            " ORDER BY v.product_id, v.id",
};

static const struct sut_sql load_images = {
    .name = "catalogue_load_images",
    .text = "SELECT i.product_id, i.id, i.image, i.thumbnail, i.is_feature"
            " FROM product_images i WHERE i.product_id IN " IDS
            " ORDER BY i.product_id, i.position, i.id",
};

static const struct sut_sql categories_active = {
    .name = "catalogue_categories_active",
    .text = "SELECT c.id, c.name, c.slug, c.is_active, c.parent_id, u.name, u.slug"
            " FROM categories c LEFT JOIN categories u ON u.id = c.parent_id"
            " WHERE c.is_active = 1 ORDER BY c.name, c.id",
};

static const struct sut_sql coverages_all = {
    .name = "catalogue_coverages_all",
    .text = "SELECT l.id, l.code, l.name, l.description FROM coverage_levels l ORDER BY l.id",
};

/* One step of the index for each colour, however many variants have it. */
static const struct sut_sql colors_shown = {
    .name = "catalogue_colors_shown",
    .text = "WITH RECURSIVE seen (color) AS ("
            "SELECT MIN(f.color) FROM variants f WHERE f.is_active = 1"
            " UNION ALL SELECT (SELECT MIN(n.color) FROM variants n"
            " WHERE n.is_active = 1 AND n.color > seen.color)"
            " FROM seen WHERE seen.color IS NOT NULL)"
            " SELECT s.color FROM seen s WHERE s.color IS NOT NULL AND EXISTS ("
            "SELECT 1 FROM variants v JOIN products p ON p.id = v.product_id"
            " WHERE v.color = s.color AND v.is_active = 1 AND " SHOWN ") ORDER BY s.color",
};

static const struct sut_sql size_shown = {
    .name = "catalogue_size_shown",
    .text = "SELECT 1 FROM variants v JOIN products p ON p.id = v.product_id"
            " WHERE v.size = $1 AND v.is_active = 1 AND " SHOWN " LIMIT 1",
};

static const struct sut_sql price_least = {
    .name = "catalogue_price_least",
    .text = "SELECT p.price FROM products p WHERE " SHOWN " ORDER BY p.price, p.id LIMIT 1",
};

static const struct sut_sql price_greatest = {
    .name = "catalogue_price_greatest",
    .text =
        "SELECT p.price FROM products p WHERE " SHOWN " ORDER BY p.price DESC, p.id DESC LIMIT 1",
};

/* ---- lists ---------------------------------------------------------------------------- */

void sut_catalogue_filter_init(struct sut_catalogue_filter *f)
{
    *f = (struct sut_catalogue_filter){
        .max_cents = INT64_MAX,
        .order = SUT_CATALOGUE_NEWEST,
        .limit = 20,
    };
}

static enum form form_of(const struct sut_catalogue_filter *f)
{
    const bool is_priced = f->min_cents > 0 || f->max_cents < INT64_MAX;
    switch (f->order) {
    case SUT_CATALOGUE_NEWEST:
        return is_priced ? FORM_NEWEST_PRICED : FORM_NEWEST;
    case SUT_CATALOGUE_OLDEST:
        return is_priced ? FORM_OLDEST_PRICED : FORM_OLDEST;
    case SUT_CATALOGUE_CHEAPEST:
        return FORM_CHEAPEST;
    case SUT_CATALOGUE_DEAREST:
        return FORM_DEAREST;
    }
    return FORM_NEWEST;
}

/* Above every word that begins so: words hold letters and digits, and U+10FFFF is neither. */
static const char above_words[] = "\xF4\x8F\xBF\xBF";

struct bounds {
    char text[SUT_CATALOGUE_TERM_BYTES + sizeof(above_words)];
};

static sut_str prefix_end(sut_str prefix, struct bounds *b)
{
    memcpy(b->text, prefix.p, prefix.n);
    memcpy(b->text + prefix.n, above_words, sizeof(above_words) - 1);
    return sut_str_of(b->text, prefix.n + sizeof(above_words) - 1);
}

/* Bind all but the page; `ends` lives as long as the statement is used. */
static sut_err prepare(struct sut_db_conn *c, const struct sut_catalogue_filter *f, enum form form,
                       struct bounds ends[SUT_CATALOGUE_TERMS_MAX], int *ret_next,
                       struct sut_db_stmt **ret)
{
    ENSURE(f->n_terms <= SUT_CATALOGUE_TERMS_MAX, INVALID);
    for (unsigned i = 0; i < f->n_terms; i++)
        ENSURE(f->terms[i].n > 0 && f->terms[i].n <= SUT_CATALOGUE_TERM_BYTES, INVALID);

    size_t slot = 0;
    while (term_slots[slot] < f->n_terms)
        slot++;

    TRY(sut_db_prepare(c, &statements[f->category.n > 0][f->coverage.n > 0][slot][form], ret));
    sut_db_bind_i64(*ret, 1, f->min_cents);
    sut_db_bind_i64(*ret, 2, f->max_cents);
    sut_db_bind_text(*ret, 3, f->category.n > 0 ? f->category : SUT_STR(""));
    sut_db_bind_text(*ret, 4, f->coverage.n > 0 ? f->coverage : SUT_STR(""));
    int next = 5;
    for (unsigned i = 0; i < term_slots[slot]; i++) {
        const sut_str term = f->terms[i < f->n_terms ? i : f->n_terms - 1];
        sut_db_bind_text(*ret, next++, term);
        sut_db_bind_text(*ret, next++, prefix_end(term, &ends[i]));
    }
    *ret_next = next;
    return SUT_OK;
}

sut_err sut_catalogue_list(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                           struct sut_product_ref *refs, size_t *ret_n)
{
    ENSURE(f->limit > 0 && f->limit <= SUT_CATALOGUE_PAGE_MAX && f->offset >= 0, INVALID);
    *ret_n = 0;
    if (f->is_nothing)
        return SUT_OK;

    struct bounds ends[SUT_CATALOGUE_TERMS_MAX];
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int next = 0;
    TRY(prepare(c, f, form_of(f), ends, &next, &s));
    sut_db_bind_i64(s, next, f->limit);
    sut_db_bind_i64(s, next + 1, f->offset);

    size_t n = 0;
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row || n == (size_t) f->limit)
            break;
        refs[n++] = (struct sut_product_ref){
            .id = sut_db_col_i64(s, 0),
            .version = sut_db_col_i64(s, 1),
        };
    }
    *ret_n = n;
    return SUT_OK;
}

/* The one number of a statement's first row; *ret stays when there is no row. */
static sut_err first_i64(struct sut_db_stmt *s, int64_t *ret)
{
    bool is_row = false;
    TRY(sut_db_step(s, &is_row));
    if (is_row)
        *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

sut_err sut_catalogue_count(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                            int64_t *ret)
{
    *ret = 0;
    if (f->is_nothing)
        return SUT_OK;

    struct bounds ends[SUT_CATALOGUE_TERMS_MAX];
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int next = 0;
    TRY(prepare(c, f, FORM_COUNT, ends, &next, &s));
    return first_i64(s, ret);
}

sut_err sut_catalogue_version(struct sut_db_conn *c, int64_t *ret)
{
    *ret = 0;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &version_get, &s));
    TRY(first_i64(s, ret));
    ENSURE(*ret > 0, CORRUPT);
    return SUT_OK;
}

/* ---- one product ---------------------------------------------------------------------- */

static sut_err found(struct sut_db_stmt *s, struct sut_product_ref *ret)
{
    bool is_row = false;
    TRY(sut_db_step(s, &is_row));
    ENSURE(is_row, NOT_FOUND);
    *ret = (struct sut_product_ref){
        .id = sut_db_col_i64(s, 0),
        .version = sut_db_col_i64(s, 1),
    };
    return SUT_OK;
}

sut_err sut_catalogue_find(struct sut_db_conn *c, int64_t id, struct sut_product_ref *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &find_id, &s));
    sut_db_bind_i64(s, 1, id);
    return found(s, ret);
}

sut_err sut_catalogue_find_slug(struct sut_db_conn *c, sut_str category, sut_str product,
                                struct sut_product_ref *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &find_slug, &s));
    sut_db_bind_text(s, 1, category);
    sut_db_bind_text(s, 2, product);
    return found(s, ret);
}

/* ---- whole products ------------------------------------------------------------------- */

static sut_str text_at(struct sut_arena *a, struct sut_db_stmt *s, int i)
{
    return sut_db_col_is_null(s, i) ? (sut_str){ 0 } : sut_str_dup(a, sut_db_col_text(s, i));
}

static int64_t i64_or(struct sut_db_stmt *s, int i, int64_t absent)
{
    return sut_db_col_is_null(s, i) ? absent : sut_db_col_i64(s, i);
}

/* Room for one more of `size` bytes at the end of a growing array in the arena. */
static void *grown(struct sut_arena *a, void *rows, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return rows;
    const size_t more = *cap == 0 ? 16 : *cap * 2;
    void *p = sut_arena_alloc(a, more, size, _Alignof(max_align_t));
    if (p == NULL)
        return NULL;
    if (n > 0)
        memcpy(p, rows, n * size);
    *cap = more;
    return p;
}

/* c.id, c.name, c.slug, c.is_active, c.parent_id, u.name, u.slug from column i on. */
static struct sut_category category_at(struct sut_arena *a, struct sut_db_stmt *s, int i)
{
    return (struct sut_category){
        .id = sut_db_col_i64(s, i),
        .name = text_at(a, s, i + 1),
        .slug = text_at(a, s, i + 2),
        .is_active = sut_db_col_i64(s, i + 3) != 0,
        .parent_id = i64_or(s, i + 4, 0),
        .parent_name = text_at(a, s, i + 5),
        .parent_slug = text_at(a, s, i + 6),
    };
}

/* l.id, l.code, l.name, l.description from column i on. */
static struct sut_coverage coverage_at(struct sut_arena *a, struct sut_db_stmt *s, int i)
{
    return (struct sut_coverage){
        .id = i64_or(s, i, 0),
        .code = text_at(a, s, i + 1),
        .name = text_at(a, s, i + 2),
        .description = text_at(a, s, i + 3),
    };
}

static sut_err prepare_ids(struct sut_db_conn *c, const struct sut_sql *sql, const int64_t *ids,
                           size_t n, struct sut_db_stmt **ret)
{
    TRY(sut_db_prepare(c, sql, ret));
    for (size_t i = 0; i < BATCH; i++)
        sut_db_bind_i64(*ret, (int) i + 1, i < n ? ids[i] : 0); /* no row has the id 0 */
    return SUT_OK;
}

static sut_err read_products(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids,
                             size_t n, struct sut_product *products)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(prepare_ids(c, &load_products, ids, n, &s));
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            return SUT_OK;
        const struct sut_product p = {
            .id = sut_db_col_i64(s, 0),
            .version = sut_db_col_i64(s, 1),
            .name = text_at(a, s, 2),
            .slug = text_at(a, s, 3),
            .description = text_at(a, s, 4),
            .price_cents = sut_db_col_i64(s, 5),
            .is_featured = sut_db_col_i64(s, 6) != 0,
            .is_active = sut_db_col_i64(s, 7) != 0,
            .date_added = { sut_db_col_i64(s, 8) },
            .created_at = { sut_db_col_i64(s, 9) },
            .modified_at = { sut_db_col_i64(s, 10) },
            .created_by = i64_or(s, 11, 0),
            .modified_by = i64_or(s, 12, 0),
            .category = category_at(a, s, 13),
            .coverage = coverage_at(a, s, 20),
        };
        ENSURE(!sut_arena_overflowed(a), NOMEM);
        for (size_t i = 0; i < n; i++) {
            if (ids[i] == p.id)
                products[i] = p;
        }
    }
}

static sut_err read_variants(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids,
                             size_t n, struct sut_product *products)
{
    struct sut_variant *rows = NULL;
    size_t n_rows = 0;
    size_t cap = 0;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(prepare_ids(c, &load_variants, ids, n, &s));
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        rows = grown(a, rows, n_rows, &cap, sizeof(*rows));
        ENSURE(rows != NULL, NOMEM);
        rows[n_rows++] = (struct sut_variant){
            .product_id = sut_db_col_i64(s, 0),
            .id = sut_db_col_i64(s, 1),
            .name = text_at(a, s, 2),
            .sku = text_at(a, s, 3),
            .size = text_at(a, s, 4),
            .color = text_at(a, s, 5),
            .price_cents = i64_or(s, 6, -1),
            .stock = sut_db_col_i64(s, 7),
            .is_default = sut_db_col_i64(s, 8) != 0,
            .is_active = sut_db_col_i64(s, 9) != 0,
        };
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }

    /* The rows of one product stand together. */
    for (size_t i = 0; i < n; i++) {
        size_t from = 0;
        while (from < n_rows && rows[from].product_id != products[i].id)
            from++;
        size_t to = from;
        while (to < n_rows && rows[to].product_id == products[i].id)
            to++;
        products[i].variants = to > from ? rows + from : NULL;
        products[i].n_variants = to - from;
    }
    return SUT_OK;
}

static sut_err read_images(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids, size_t n,
                           struct sut_product *products)
{
    struct sut_product_image *rows = NULL;
    size_t n_rows = 0;
    size_t cap = 0;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(prepare_ids(c, &load_images, ids, n, &s));
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        rows = grown(a, rows, n_rows, &cap, sizeof(*rows));
        ENSURE(rows != NULL, NOMEM);
        rows[n_rows++] = (struct sut_product_image){
            .product_id = sut_db_col_i64(s, 0),
            .id = sut_db_col_i64(s, 1),
            .image = text_at(a, s, 2),
            .thumbnail = text_at(a, s, 3),
            .is_feature = sut_db_col_i64(s, 4) != 0,
        };
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }

    for (size_t i = 0; i < n; i++) {
        size_t from = 0;
        while (from < n_rows && rows[from].product_id != products[i].id)
            from++;
        size_t to = from;
        while (to < n_rows && rows[to].product_id == products[i].id)
            to++;
        products[i].images = to > from ? rows + from : NULL;
        products[i].n_images = to - from;
    }
    return SUT_OK;
}

sut_err sut_catalogue_load(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids, size_t n,
                           struct sut_product *products)
{
    ENSURE(n <= SUT_CATALOGUE_PAGE_MAX, INVALID);
    for (size_t from = 0; from < n; from += BATCH) {
        const size_t some = n - from < BATCH ? n - from : BATCH;
        for (size_t i = 0; i < some; i++)
            products[from + i] = (struct sut_product){ 0 };
        TRY(read_products(c, a, ids + from, some, products + from));
        TRY(read_variants(c, a, ids + from, some, products + from));
        TRY(read_images(c, a, ids + from, some, products + from));
    }
    return SUT_OK;
}

/* ---- what a shop has ------------------------------------------------------------------ */

sut_err sut_catalogue_categories(struct sut_db_conn *c, struct sut_arena *a,
                                 const struct sut_category **ret, size_t *ret_n)
{
    struct sut_category *rows = NULL;
    size_t n = 0;
    size_t cap = 0;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &categories_active, &s));
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        rows = grown(a, rows, n, &cap, sizeof(*rows));
        ENSURE(rows != NULL, NOMEM);
        rows[n++] = category_at(a, s, 0);
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

sut_err sut_catalogue_coverages(struct sut_db_conn *c, struct sut_arena *a,
                                const struct sut_coverage **ret, size_t *ret_n)
{
    struct sut_coverage *rows = NULL;
    size_t n = 0;
    size_t cap = 0;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &coverages_all, &s));
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        rows = grown(a, rows, n, &cap, sizeof(*rows));
        ENSURE(rows != NULL, NOMEM);
        rows[n++] = coverage_at(a, s, 0);
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

sut_err sut_catalogue_colors(struct sut_db_conn *c, struct sut_arena *a, const sut_str **ret,
                             size_t *ret_n)
{
    sut_str *rows = NULL;
    size_t n = 0;
    size_t cap = 0;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &colors_shown, &s));
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        rows = grown(a, rows, n, &cap, sizeof(*rows));
        ENSURE(rows != NULL, NOMEM);
        rows[n++] = text_at(a, s, 0);
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

sut_err sut_catalogue_has_size(struct sut_db_conn *c, sut_str size, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &size_shown, &s));
    sut_db_bind_text(s, 1, size);
    return sut_db_step(s, ret);
}

sut_err sut_catalogue_prices(struct sut_db_conn *c, int64_t *ret_min, int64_t *ret_max)
{
    *ret_min = *ret_max = 0;
    DEFER(sut_db_end) struct sut_db_stmt *least = NULL;
    TRY(sut_db_prepare(c, &price_least, &least));
    TRY(first_i64(least, ret_min));
    DEFER(sut_db_end) struct sut_db_stmt *greatest = NULL;
    TRY(sut_db_prepare(c, &price_greatest, &greatest));
    return first_i64(greatest, ret_max);
}
