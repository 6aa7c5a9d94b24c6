/* SPDX-License-Identifier: Apache-2.0 */
#include "store/search.h"

#include "store/catalogue_list.h"
#include "store/search_int.h"

/* The newest of what matches; of each its version. */
static const struct sut_sql page_sqlite = {
    .name = "search_page",
    .text = "SELECT p.id, p.version FROM products p JOIN (SELECT rowid AS id FROM product_words"
            " WHERE product_words MATCH $1 ORDER BY rowid DESC LIMIT $2 OFFSET $3) w"
            " ON w.id = p.id ORDER BY p.id DESC",
};

/*
 * GIN gives no order, and to find what many have takes it longer than to read rows from the end
 * until a page is full.  So the newest rows are looked at first; a page that they don't fill is
 * sought among all.
 */
static const struct sut_sql newest_postgres = {
    .name = "search_newest",
    .text = "SELECT p.id, p.version FROM products p JOIN (SELECT w.product_id AS id FROM"
            " (SELECT product_id, words FROM product_words ORDER BY product_id DESC LIMIT 500) w"
            " WHERE w.words @@ CAST($1 AS TSQUERY) ORDER BY w.product_id DESC LIMIT $2 OFFSET $3) f"
            " ON f.id = p.id ORDER BY p.id DESC",
};

/*
 * The planner can't tell how many a prefix finds: it would read all rows backwards for a word that
 * three have. So up to 1000 are taken first, in no order: were they all, they are sorted; else
 * there are enough to read rows from the end until the page is full.
 */
#define FOUND "FROM product_words w WHERE w.words @@ CAST($1 AS TSQUERY)"
static const struct sut_sql page_postgres = {
    .name = "search_page",
    .text = "WITH few AS MATERIALIZED (SELECT w.product_id AS id " FOUND " LIMIT 1001),"
            " size AS MATERIALIZED (SELECT COUNT(*) AS n FROM few)"
            " SELECT p.id, p.version FROM products p JOIN ("
            "(SELECT id FROM few WHERE (SELECT n FROM size) <= 1000"
            " ORDER BY id DESC LIMIT $2 OFFSET $3)"
            " UNION ALL"
            " (SELECT w.product_id " FOUND " AND (SELECT n FROM size) > 1000"
            " ORDER BY w.product_id DESC LIMIT $2 OFFSET $3)) f"
            " ON f.id = p.id ORDER BY p.id DESC",
};
#undef FOUND

static const struct sut_sql count_sqlite = {
    .name = "search_count",
    .text = "SELECT COUNT(*) FROM product_words WHERE product_words MATCH $1",
};

static const struct sut_sql count_postgres = {
    .name = "search_count",
    .text = "SELECT COUNT(*) FROM product_words WHERE words @@ CAST($1 AS TSQUERY)",
};

/* --- tokens --- */

void sut_search__token(struct sut_buf *out, char mark, sut_str word)
{
    static const char hex[] = "0123456789abcdef";
    sut_buf_char(out, mark);
    for (size_t i = 0; i < word.n; i++) {
        const unsigned char c = (unsigned char) word.p[i];
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            sut_buf_char(out, (char) c);
            continue;
        }
        sut_buf_char(out, '_');
        sut_buf_char(out, hex[c >> 4]);
        sut_buf_char(out, hex[c & 15]);
    }
}

void sut_search__number(struct sut_buf *out, char mark, int64_t id)
{
    sut_buf_char(out, mark);
    sut_buf_i64(out, id);
}

/* --- questions --- */

struct language {
    const char *quote;
    const char *prefix; /* after a token that may go on */
    const char *and;
    const char * or ;
    const char *and_not;
};

static const struct language languages[] = {
    [SUT_DB_SQLITE] = { "\"", " *", " AND ", " OR ", " NOT " },
    [SUT_DB_POSTGRES] = { "'", ":*", " & ", " | ", " & !" },
};

static void word(const struct language *l, struct sut_buf *out, char mark, sut_str term)
{
    sut_buf_z(out, l->quote);
    sut_search__token(out, mark, term);
    sut_buf_z(out, l->quote);
    sut_buf_z(out, l->prefix);
}

static void number(const struct language *l, struct sut_buf *out, char mark, int64_t id)
{
    sut_buf_z(out, l->quote);
    sut_search__number(out, mark, id);
    sut_buf_z(out, l->quote);
}

/* (w1 AND w2 …), each behind the mark. */
static void words(const struct language *l, struct sut_buf *out, char mark,
                  const struct sut_search *s)
{
    sut_buf_char(out, '(');
    for (size_t i = 0; i < s->n_terms; i++) {
        if (i > 0)
            sut_buf_z(out, l->and);
        if (s->has_skus && mark == SUT_SEARCH_ANYWHERE) {
            sut_buf_char(out, '(');
            word(l, out, mark, s->terms[i]);
            sut_buf_z(out, l->or);
            word(l, out, SUT_SEARCH_IN_SKU, s->terms[i]);
            sut_buf_char(out, ')');
        } else {
            word(l, out, mark, s->terms[i]);
        }
    }
    sut_buf_char(out, ')');
}

static void categories(const struct language *l, struct sut_buf *out, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            sut_buf_z(out, l->or);
        number(l, out, SUT_SEARCH_CATEGORY, ids[i]);
    }
}

SUT_ERR sut_search_text(enum sut_db_kind kind, const struct sut_search *s,
                        enum sut_search_part part, struct sut_buf *out)
{
    const struct language *const l = &languages[kind];
    ENSURE(s->n_terms > 0, INVALID);
    for (size_t i = 0; i < s->n_terms; i++)
        ENSURE(s->terms[i].n > 0, INVALID);
    /* Both have NOT above AND: all that is asked for in one pair, then what is not. */
    sut_buf_char(out, '(');
    words(l, out, part == SUT_SEARCH_NAMED ? SUT_SEARCH_IN_NAME : SUT_SEARCH_ANYWHERE, s);
    if (s->n_in > 0) {
        sut_buf_z(out, l->and);
        sut_buf_char(out, '(');
        categories(l, out, s->in, s->n_in);
        sut_buf_char(out, ')');
    }
    if (s->coverage != 0) {
        sut_buf_z(out, l->and);
        number(l, out, SUT_SEARCH_COVERAGE, s->coverage);
    }
    sut_buf_char(out, ')');
    if (part == SUT_SEARCH_OTHERS) {
        sut_buf_z(out, l->and_not);
        words(l, out, SUT_SEARCH_IN_NAME, s);
    }
    if (!s->has_hidden || s->n_not_in > 0) {
        sut_buf_z(out, l->and_not);
        sut_buf_char(out, '(');
        if (!s->has_hidden) {
            sut_buf_z(out, l->quote);
            sut_buf_char(out, SUT_SEARCH_HIDDEN);
            sut_buf_z(out, l->quote);
            if (s->n_not_in > 0)
                sut_buf_z(out, l->or);
        }
        categories(l, out, s->not_in, s->n_not_in);
        sut_buf_char(out, ')');
    }
    ENSURE(!out->overflowed, TOO_LARGE);
    return SUT_OK;
}

/* --- lists --- */

static bool is_remote(struct sut_db_conn *c)
{
    return sut_db_conn_kind(c) == SUT_DB_POSTGRES;
}

static SUT_ERR prepare(struct sut_db_conn *c, const struct sut_search *s, enum sut_search_part part,
                       const struct sut_sql *sql, struct sut_buf *text, struct sut_db_stmt **ret)
{
    TRY(sut_search_text(sut_db_conn_kind(c), s, part, text));
    TRY(sut_db_prepare(c, sql, ret));
    sut_db_bind_text(*ret, 1, sut_buf_str(text));
    return SUT_OK;
}

SUT_ERR sut_search_count(struct sut_db_conn *c, const struct sut_search *s,
                         enum sut_search_part part, int64_t *ret)
{
    DEFER(sut_buf_done) struct sut_buf text = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *q = NULL;
    bool is_row = false;
    sut_buf_init(&text, SUT_SEARCH_TEXT_MAX);
    TRY(prepare(c, s, part, is_remote(c) ? &count_postgres : &count_sqlite, &text, &q));
    TRY(sut_db_step(q, &is_row));
    *ret = is_row ? sut_db_col_i64(q, 0) : 0;
    return SUT_OK;
}

static SUT_ERR page_by(struct sut_db_conn *c, const struct sut_sql *sql, const struct sut_search *s,
                       enum sut_search_part part, int64_t limit, int64_t offset,
                       struct sut_product_ref *refs, size_t *ret_n)
{
    DEFER(sut_buf_done) struct sut_buf text = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *q = NULL;
    sut_buf_init(&text, SUT_SEARCH_TEXT_MAX);
    TRY(prepare(c, s, part, sql, &text, &q));
    sut_db_bind_i64(q, 2, limit);
    sut_db_bind_i64(q, 3, offset);
    size_t n = 0;
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(q, &is_row));
        if (!is_row || n == (size_t) limit)
            break;
        refs[n++] = (struct sut_product_ref){
            .id = sut_db_col_i64(q, 0),
            .version = sut_db_col_i64(q, 1),
        };
    }
    *ret_n = n;
    return SUT_OK;
}

static SUT_ERR page_of(struct sut_db_conn *c, const struct sut_search *s, enum sut_search_part part,
                       int64_t limit, int64_t offset, struct sut_product_ref *refs, size_t *ret_n)
{
    if (!is_remote(c))
        return page_by(c, &page_sqlite, s, part, limit, offset, refs, ret_n);
    TRY(page_by(c, &newest_postgres, s, part, limit, offset, refs, ret_n));
    return *ret_n == (size_t) limit
               ? SUT_OK
               : page_by(c, &page_postgres, s, part, limit, offset, refs, ret_n);
}

SUT_ERR sut_search_page(struct sut_db_conn *c, const struct sut_search *s, int64_t limit,
                        int64_t offset, struct sut_product_ref *refs, size_t *ret_n)
{
    size_t n = 0;
    int64_t named = 0;
    TRY(page_of(c, s, SUT_SEARCH_NAMED, limit, offset, refs, &n));
    *ret_n = n;
    if (n == (size_t) limit)
        return SUT_OK;
    if (n > 0 || offset == 0)
        named = offset + (int64_t) n;
    else
        TRY(sut_search_count(c, s, SUT_SEARCH_NAMED, &named));
    size_t more = 0;
    TRY(page_of(c, s, SUT_SEARCH_OTHERS, limit - (int64_t) n, offset > named ? offset - named : 0,
                refs + n, &more));
    *ret_n = n + more;
    return SUT_OK;
}
