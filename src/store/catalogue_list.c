/* SPDX-License-Identifier: Apache-2.0 */
#include "store/catalogue_list.h"

#include "db/db.h"
#include "store/shown_int.h"

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
    bool is_row = false;
    TRY(sut_db_step(s, &is_row));
    if (is_row)
        *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}
