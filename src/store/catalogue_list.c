/* SPDX-License-Identifier: Apache-2.0 */
#include "store/catalogue_list.h"

#include "db/db.h"
#include "store/search.h"
#include "store/shown_int.h"

/* Parameters: $1 and $2 the price, $3 the category, $4 the coverage level, then the words. */
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

/* $5: the words, in the language of a database. */
#define WORDS_none     ""
#define WORDS_sqlite   " AND " SUT_SEARCH_SQLITE(5)
#define WORDS_postgres " AND " SUT_SEARCH_POSTGRES(5)
#define PAGE_none      " LIMIT $5 OFFSET $6"
#define PAGE_sqlite    " LIMIT $6 OFFSET $7"
#define PAGE_postgres  " LIMIT $6 OFFSET $7"

#define WHERE_(k_, l_, t_) CATEGORY_##k_ COVERAGE_##l_ WORDS_##t_

#define LIST(k_, l_, t_, name_, price_, order_)                                                    \
    {                                                                                              \
        .name = "catalogue_list_" #k_ #l_ #t_ name_,                                               \
        .text = "SELECT p.id, p.version FROM products p WHERE " SUT_STORE_SHOWN price_ WHERE_(     \
            k_, l_, t_) " ORDER BY " order_ PAGE_##t_                                              \
    }
#define COUNT(k_, l_, t_)                                                                          \
    {                                                                                              \
        .name = "catalogue_count_" #k_ #l_ #t_,                                                    \
        .text = "SELECT COUNT(*) FROM products p WHERE " SUT_STORE_SHOWN PRICE_INDEXED WHERE_(     \
            k_, l_, t_)                                                                            \
    }

/* The last dimension of the table. */
enum form {
    FORM_NEWEST,
    FORM_OLDEST,
    FORM_NEWEST_PRICED, /* with a bound on the price */
    FORM_OLDEST_PRICED,
    FORM_CHEAPEST,
    FORM_DEAREST,
    FORM_RANKED, /* within a part: the one that was made last first */
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
            LIST(k_, l_, t_, "_ranked", PRICE_CHECKED, "p.id DESC"), COUNT(k_, l_, t_),            \
    }
#define BY_WORDS(k_, l_)                                                                           \
    {                                                                                              \
        FORMS(k_, l_, none), FORMS(k_, l_, sqlite), FORMS(k_, l_, postgres)                        \
    }

static const struct sut_sql statements[2][2][3][N_FORMS] = {
    { BY_WORDS(0, 0), BY_WORDS(0, 1) },
    { BY_WORDS(1, 0), BY_WORDS(1, 1) },
};

/* For a search by the index alone: the categories that it is about, and the level's number. */
enum { CATEGORIES_MAX = 256 };

static const struct sut_sql categories_wanted = {
    .name = "catalogue_categories_wanted",
    .text = "WITH RECURSIVE wanted (id) AS (SELECT id FROM categories WHERE slug = $1"
            " UNION SELECT k.id FROM categories k JOIN wanted w ON k.parent_id = w.id)"
            " SELECT id FROM wanted WHERE id NOT IN " SUT_STORE_HIDDEN_CATEGORIES " LIMIT $2",
};

static const struct sut_sql categories_hidden = {
    .name = "catalogue_categories_hidden",
    .text = SUT_STORE_HIDDEN_CATEGORIES_SELECT " LIMIT $1",
};

static const struct sut_sql coverage_wanted = {
    .name = "catalogue_coverage_wanted",
    .text = "SELECT id FROM coverage_levels WHERE code = $1",
};

void sut_catalogue_filter_init(struct sut_catalogue_filter *f)
{
    *f = (struct sut_catalogue_filter){
        .max_cents = INT64_MAX,
        .order = SUT_CATALOGUE_NEWEST,
        .limit = 20,
    };
}

static bool is_priced(const struct sut_catalogue_filter *f)
{
    return f->min_cents > 0 || f->max_cents < INT64_MAX;
}

static enum form form_of(const struct sut_catalogue_filter *f)
{
    switch (f->order) {
    case SUT_CATALOGUE_NEWEST:
        break;
    case SUT_CATALOGUE_OLDEST:
        return is_priced(f) ? FORM_OLDEST_PRICED : FORM_OLDEST;
    case SUT_CATALOGUE_CHEAPEST:
        return FORM_CHEAPEST;
    case SUT_CATALOGUE_DEAREST:
        return FORM_DEAREST;
    case SUT_CATALOGUE_RANKED:
        if (f->n_terms > 0)
            return FORM_RANKED;
        break;
    }
    return is_priced(f) ? FORM_NEWEST_PRICED : FORM_NEWEST;
}

static struct sut_search search_of(const struct sut_catalogue_filter *f)
{
    return (struct sut_search){ .terms = f->terms, .n_terms = f->n_terms };
}

/* --- by the rows, words being one condition of many --- */

/* Bind all but the page; `words` lives as long as the statement is used. */
static sut_err prepare(struct sut_db_conn *c, const struct sut_catalogue_filter *f, enum form form,
                       enum sut_search_part part, struct sut_buf *words, int *ret_next,
                       struct sut_db_stmt **ret)
{
    const enum sut_db_kind kind = sut_db_conn_kind(c);
    unsigned by = 0;
    if (f->n_terms > 0) {
        const struct sut_search s = search_of(f);
        TRY(sut_search_text(kind, &s, part, words));
        by = kind == SUT_DB_SQLITE ? 1 : 2;
    }
    TRY(sut_db_prepare(c, &statements[f->category.n > 0][f->coverage.n > 0][by][form], ret));
    sut_db_bind_i64(*ret, 1, f->min_cents);
    sut_db_bind_i64(*ret, 2, f->max_cents);
    sut_db_bind_text(*ret, 3, f->category.n > 0 ? f->category : SUT_STR(""));
    sut_db_bind_text(*ret, 4, f->coverage.n > 0 ? f->coverage : SUT_STR(""));
    if (by > 0)
        sut_db_bind_text(*ret, 5, sut_buf_str(words));
    *ret_next = by > 0 ? 6 : 5;
    return SUT_OK;
}

static sut_err list_part(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                         enum sut_search_part part, int64_t limit, int64_t offset,
                         struct sut_product_ref *refs, size_t *ret_n)
{
    DEFER(sut_buf_done) struct sut_buf words = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int next = 0;
    sut_buf_init(&words, SUT_SEARCH_TEXT_MAX);
    TRY(prepare(c, f, form_of(f), part, &words, &next, &s));
    sut_db_bind_i64(s, next, limit);
    sut_db_bind_i64(s, next + 1, offset);

    size_t n = 0;
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row || n == (size_t) limit)
            break;
        refs[n++] = (struct sut_product_ref){
            .id = sut_db_col_i64(s, 0),
            .version = sut_db_col_i64(s, 1),
        };
    }
    *ret_n = n;
    return SUT_OK;
}

static sut_err count_part(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                          enum sut_search_part part, int64_t *ret)
{
    DEFER(sut_buf_done) struct sut_buf words = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    int next = 0;
    bool is_row = false;
    sut_buf_init(&words, SUT_SEARCH_TEXT_MAX);
    TRY(prepare(c, f, FORM_COUNT, part, &words, &next, &s));
    TRY(sut_db_step(s, &is_row));
    *ret = is_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

/* By rank: what has the words in the name, then what has not. */
static sut_err list_ranked(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                           struct sut_product_ref *refs, size_t *ret_n)
{
    size_t n = 0;
    size_t more = 0;
    int64_t named = 0;
    TRY(list_part(c, f, SUT_SEARCH_NAMED, f->limit, f->offset, refs, &n));
    *ret_n = n;
    if (n == (size_t) f->limit)
        return SUT_OK;
    if (n > 0 || f->offset == 0)
        named = f->offset + (int64_t) n;
    else
        TRY(count_part(c, f, SUT_SEARCH_NAMED, &named));
    TRY(list_part(c, f, SUT_SEARCH_OTHERS, f->limit - (int64_t) n,
                  f->offset > named ? f->offset - named : 0, refs + n, &more));
    *ret_n = n + more;
    return SUT_OK;
}

/* --- by the index alone --- */

struct numbers {
    int64_t v[CATEGORIES_MAX + 1];
    size_t n;
};

static sut_err read_numbers(struct sut_db_stmt *s, struct numbers *ret)
{
    ret->n = 0;
    while (ret->n <= CATEGORIES_MAX) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        ret->v[ret->n++] = sut_db_col_i64(s, 0);
    }
    return SUT_OK;
}

static sut_err read_categories(struct sut_db_conn *c, sut_str slug, struct numbers *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, slug.n > 0 ? &categories_wanted : &categories_hidden, &s));
    if (slug.n > 0)
        sut_db_bind_text(s, 1, slug);
    sut_db_bind_i64(s, slug.n > 0 ? 2 : 1, CATEGORIES_MAX + 1);
    return read_numbers(s, ret);
}

static sut_err read_coverage(struct sut_db_conn *c, sut_str code, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &coverage_wanted, &s));
    sut_db_bind_text(s, 1, code);
    TRY(sut_db_step(s, &is_row));
    *ret = is_row ? sut_db_col_i64(s, 0) : 0;
    return SUT_OK;
}

enum way { BY_ROWS, BY_INDEX, BY_NOTHING };

/*
 * Whether the index has all that is asked for, since a row for each match costs ten times as much;
 * `ids` is what *ret borrows.
 */
static sut_err way_of(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                      struct numbers *ids, struct sut_search *ret, enum way *ret_way)
{
    *ret_way = BY_ROWS;
    if (f->n_terms == 0 || is_priced(f))
        return SUT_OK;
    *ret = search_of(f);
    TRY(read_categories(c, f->category, ids));
    if (ids->n > CATEGORIES_MAX)
        return SUT_OK;
    if (f->category.n > 0) {
        ret->in = ids->v;
        ret->n_in = ids->n;
    } else {
        ret->not_in = ids->v;
        ret->n_not_in = ids->n;
    }
    if (f->coverage.n > 0)
        TRY(read_coverage(c, f->coverage, &ret->coverage));
    const bool is_nowhere = f->category.n > 0 && ids->n == 0;
    const bool is_no_level = f->coverage.n > 0 && ret->coverage == 0;
    *ret_way = is_nowhere || is_no_level ? BY_NOTHING : BY_INDEX;
    return SUT_OK;
}

static sut_err check(const struct sut_catalogue_filter *f)
{
    ENSURE(f->n_terms <= SUT_CATALOGUE_TERMS_MAX, INVALID);
    for (unsigned i = 0; i < f->n_terms; i++)
        ENSURE(f->terms[i].n > 0 && f->terms[i].n <= SUT_CATALOGUE_TERM_BYTES, INVALID);
    return SUT_OK;
}

sut_err sut_catalogue_list(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                           struct sut_product_ref *refs, size_t *ret_n)
{
    struct numbers ids;
    struct sut_search s;
    enum way way = BY_ROWS;
    ENSURE(f->limit > 0 && f->limit <= SUT_CATALOGUE_PAGE_MAX && f->offset >= 0, INVALID);
    TRY(check(f));
    *ret_n = 0;
    if (f->is_nothing)
        return SUT_OK;
    if (f->n_terms == 0 || f->order != SUT_CATALOGUE_RANKED)
        return list_part(c, f, SUT_SEARCH_ALL, f->limit, f->offset, refs, ret_n);
    TRY(way_of(c, f, &ids, &s, &way));
    if (way == BY_NOTHING)
        return SUT_OK;
    return way == BY_INDEX ? sut_search_page(c, &s, f->limit, f->offset, refs, ret_n)
                           : list_ranked(c, f, refs, ret_n);
}

sut_err sut_catalogue_count(struct sut_db_conn *c, const struct sut_catalogue_filter *f,
                            int64_t *ret)
{
    struct numbers ids;
    struct sut_search s;
    enum way way = BY_ROWS;
    TRY(check(f));
    *ret = 0;
    if (f->is_nothing)
        return SUT_OK;
    TRY(way_of(c, f, &ids, &s, &way));
    if (way == BY_NOTHING)
        return SUT_OK;
    return way == BY_INDEX ? sut_search_count(c, &s, SUT_SEARCH_ALL, ret)
                           : count_part(c, f, SUT_SEARCH_ALL, ret);
}
