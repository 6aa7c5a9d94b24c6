/* SPDX-License-Identifier: Apache-2.0 */
#include "store/category.h"

#include "db/db.h"
#include "store/like_int.h"

enum { PAGE_MAX = 100 };

#define COLUMNS                                                                                    \
    "k.id, k.name, k.slug, k.description, k.parent_id, k.is_active, k.created_at, k.modified_at"

static const struct sut_sql category_get = {
    .name = "category_get",
    .text = "SELECT " COLUMNS " FROM categories k WHERE k.id = $1",
};

static const struct sut_sql category_find = {
    .name = "category_find",
    .text = "SELECT id FROM categories WHERE slug = $1",
};

static const struct sut_sql category_named = {
    .name = "category_named",
    .text = "SELECT id FROM categories WHERE name = $1 ORDER BY id LIMIT 1",
};

/* $1: the parent (-1: any; 0: none); $2 to $5: the words. */
#define WORD(n_)                                                                                   \
    " AND (" SUT_STORE_LIKE("k.name", n_) " OR " SUT_STORE_LIKE("k.description", n_) ")"
#define WANTED                                                                                     \
    " WHERE (CAST($1 AS BIGINT) < 0 OR COALESCE(k.parent_id, 0) = $1)" WORD(2) WORD(3) WORD(4)     \
        WORD(5)
#define LIST(name_, order_)                                                                        \
    {                                                                                              \
        .name = "category_list_" name_,                                                            \
        .text = "SELECT " COLUMNS " FROM categories k" WANTED " ORDER BY " order_                  \
                " LIMIT $6 OFFSET $7",                                                             \
    }

static const struct sut_sql category_lists[SUT_CATEGORY_ORDERS] = {
    [SUT_CATEGORY_BY_NAME] = LIST("name", "k.name, k.id"),
    [SUT_CATEGORY_BY_NAME_DOWN] = LIST("name_down", "k.name DESC, k.id DESC"),
    [SUT_CATEGORY_OLDEST] = LIST("oldest", "k.created_at, k.id"),
    [SUT_CATEGORY_NEWEST] = LIST("newest", "k.created_at DESC, k.id DESC"),
};

static const struct sut_sql category_count = {
    .name = "category_list_count",
    .text = "SELECT COUNT(*) FROM categories k" WANTED,
};

static const struct sut_sql category_levels = {
    .name = "category_levels",
    .text = "WITH RECURSIVE up (id, parent_id) AS ("
            "SELECT id, parent_id FROM categories WHERE id = $1"
            " UNION SELECT c.id, c.parent_id FROM categories c JOIN up u ON c.id = u.parent_id),"
            " down (id, level) AS (SELECT id, 1 FROM categories WHERE id = $1"
            " UNION SELECT c.id, d.level + 1 FROM categories c JOIN down d ON c.parent_id = d.id"
            " WHERE d.level < 64)"
            " SELECT (SELECT COUNT(*) FROM up), (SELECT COALESCE(MAX(level), 0) FROM down)",
};

static const struct sut_sql category_is_under = {
    .name = "category_is_under",
    .text = "WITH RECURSIVE up (id, parent_id) AS ("
            "SELECT id, parent_id FROM categories WHERE id = $1"
            " UNION SELECT c.id, c.parent_id FROM categories c JOIN up u ON c.id = u.parent_id)"
            " SELECT 1 FROM up WHERE id = $2",
};

static const struct sut_sql category_load_of = {
    .name = "category_load_of",
    .text = "SELECT (SELECT COUNT(*) FROM products WHERE category_id = $1),"
            " (SELECT COUNT(*) FROM categories WHERE parent_id = $1)",
};

static const struct sut_sql category_update = {
    .name = "category_update",
    .text = "UPDATE categories SET name = $1, description = $2, parent_id = $3, modified_at = $4"
            " WHERE id = $5",
};

static const struct sut_sql category_delete = {
    .name = "category_delete",
    .text = "DELETE FROM categories WHERE id = $1",
};

static const struct sut_sql version_grow = {
    .name = "catalogue_version_grow_category",
    .text = "UPDATE catalogue_version SET version = version + 1 WHERE id = 1 RETURNING version",
};

/* What the public is shown of a product names its category. */
static const struct sut_sql products_touch = {
    .name = "category_products_touch",
    .text = "UPDATE products SET version = version + 1 WHERE category_id = $1"
            " OR category_id IN (SELECT id FROM categories WHERE parent_id = $1)",
};

static SUT_ERR copy(struct sut_arena *a, sut_str v, sut_str *ret)
{
    *ret = v.n == 0 ? SUT_STR("") : sut_str_dup(a, v);
    ENSURE(ret->p != NULL, NOMEM);
    return SUT_OK;
}

static SUT_ERR read_row(struct sut_db_stmt *s, struct sut_arena *a, struct sut_category_row *ret)
{
    *ret = (struct sut_category_row){
        .id = sut_db_col_i64(s, 0),
        .parent_id = sut_db_col_i64(s, 4),
        .is_active = sut_db_col_i64(s, 5) != 0,
        .created_at = { sut_db_col_i64(s, 6) },
        .modified_at = { sut_db_col_i64(s, 7) },
    };
    TRY(copy(a, sut_db_col_text(s, 1), &ret->name));
    TRY(copy(a, sut_db_col_text(s, 2), &ret->slug));
    return copy(a, sut_db_col_text(s, 3), &ret->description);
}

SUT_ERR sut_category_get(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_category_row *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &category_get, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(sut_db_step(s, &is_row));
    ENSURE(is_row, NOT_FOUND);
    return read_row(s, a, ret);
}

static SUT_ERR find(struct sut_db_conn *c, const struct sut_sql *sql, sut_str text, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_text(s, 1, text);
    TRY(sut_db_step(s, &is_row));
    ENSURE(is_row, NOT_FOUND);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_category_find(struct sut_db_conn *c, sut_str slug, int64_t *ret)
{
    return find(c, &category_find, slug, ret);
}

SUT_ERR sut_category_named(struct sut_db_conn *c, sut_str name, int64_t *ret)
{
    return find(c, &category_named, name, ret);
}

SUT_ERR sut_category_slug_taken(struct sut_db_conn *c, sut_str slug, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_find, &s));
    sut_db_bind_text(s, 1, slug);
    return sut_db_step(s, ret);
}

struct patterns {
    sut_str v[SUT_LIKE_WORDS];
};

static SUT_ERR make_patterns(struct sut_arena *a, const struct sut_category_query *q,
                             struct patterns *ret)
{
    ENSURE(q->n_words <= SUT_LIKE_WORDS, INVALID);
    for (unsigned i = 0; i < SUT_LIKE_WORDS; i++)
        TRY(sut_store__like(a, i < q->n_words ? q->words[i] : SUT_STR(""), &ret->v[i]));
    return SUT_OK;
}

static void bind_wanted(struct sut_db_stmt *s, const struct sut_category_query *q,
                        const struct patterns *p)
{
    sut_db_bind_i64(s, 1, q->parent_id);
    for (int i = 0; i < SUT_LIKE_WORDS; i++)
        sut_db_bind_text(s, 2 + i, p->v[i]);
}

SUT_ERR sut_category_list(struct sut_db_conn *c, struct sut_arena *a,
                          const struct sut_category_query *q, struct sut_category_row *rows,
                          size_t *ret_n, int64_t *ret_count)
{
    ENSURE(q->limit > 0 && q->limit <= PAGE_MAX && q->offset >= 0 && q->order < SUT_CATEGORY_ORDERS,
           INVALID);
    struct patterns p;
    bool is_row = false;
    TRY(make_patterns(a, q, &p));
    DEFER(sut_db_end) struct sut_db_stmt *all = NULL;
    TRY(sut_db_prepare(c, &category_count, &all));
    bind_wanted(all, q, &p);
    TRY(sut_db_step(all, &is_row));
    *ret_count = is_row ? sut_db_col_i64(all, 0) : 0;

    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_lists[q->order], &s));
    bind_wanted(s, q, &p);
    sut_db_bind_i64(s, 6, q->limit);
    sut_db_bind_i64(s, 7, q->offset);
    size_t n = 0;
    for (;;) {
        TRY(sut_db_step(s, &is_row));
        if (!is_row || n == (size_t) q->limit)
            break;
        TRY(read_row(s, a, &rows[n++]));
    }
    *ret_n = n;
    return SUT_OK;
}

/* Two numbers of the one row. */
static SUT_ERR two_of(struct sut_db_stmt *s, int64_t *ret_a, int64_t *ret_b)
{
    bool is_row = false;
    TRY(sut_db_step(s, &is_row));
    ENSURE(is_row, SYSTEM);
    *ret_a = sut_db_col_i64(s, 0);
    *ret_b = sut_db_col_i64(s, 1);
    return SUT_OK;
}

SUT_ERR sut_category_levels(struct sut_db_conn *c, int64_t id, int64_t *ret_depth,
                            int64_t *ret_height)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_levels, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(two_of(s, ret_depth, ret_height));
    ENSURE(*ret_depth > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_category_is_under(struct sut_db_conn *c, int64_t below, int64_t above, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_is_under, &s));
    sut_db_bind_i64(s, 1, below);
    sut_db_bind_i64(s, 2, above);
    return sut_db_step(s, ret);
}

SUT_ERR sut_category_load_of(struct sut_db_conn *c, int64_t id, int64_t *ret_products,
                             int64_t *ret_categories)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &category_load_of, &s));
    sut_db_bind_i64(s, 1, id);
    return two_of(s, ret_products, ret_categories);
}

static SUT_ERR grow_version(struct sut_db_conn *c, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &version_grow, &s));
    TRY(sut_db_step(s, &is_row));
    ENSURE(is_row, CORRUPT);
    *ret = sut_db_col_i64(s, 0);
    while (is_row)
        TRY(sut_db_step(s, &is_row));
    return SUT_OK;
}

SUT_ERR sut_category_update(struct sut_db_conn *c, int64_t id, sut_str name, sut_str description,
                            int64_t parent_id, sut_ms now, int64_t *ret_version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    DEFER(sut_db_end) struct sut_db_stmt *t = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &category_update, &s));
    sut_db_bind_text(s, 1, name);
    sut_db_bind_text(s, 2, description);
    if (parent_id == 0)
        sut_db_bind_null(s, 3);
    else
        sut_db_bind_i64(s, 3, parent_id);
    sut_db_bind_i64(s, 4, now.v);
    sut_db_bind_i64(s, 5, id);
    TRY(sut_db_step(s, &is_row));
    ENSURE(sut_db_changes(s) == 1, NOT_FOUND);
    TRY(sut_db_prepare(c, &products_touch, &t));
    sut_db_bind_i64(t, 1, id);
    TRY(sut_db_step(t, &is_row));
    return grow_version(c, ret_version);
}

SUT_ERR sut_category_delete(struct sut_db_conn *c, int64_t id, int64_t *ret_version)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &category_delete, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(sut_db_step(s, &is_row));
    ENSURE(sut_db_changes(s) == 1, NOT_FOUND);
    return grow_version(c, ret_version);
}
