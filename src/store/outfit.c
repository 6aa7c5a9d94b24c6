/* SPDX-License-Identifier: Apache-2.0 */
#include "store/outfit.h"

#include "base/buf.h"
#include "codec/utf8.h"
#include "db/db.h"
#include "store/shown_int.h"

enum {
    BATCH = 20, /* outfits whose items are read by one statement */
    FOLDED_MAX = 64 * 1024,
};

#define COLUMNS                                                                                    \
    "o.id, o.person_id, o.name, o.description, o.is_public, o.views, o.likes, o.created_at,"       \
    " o.modified_at"

static const struct sut_sql by_id = {
    .name = "outfit_by_id",
    .text = "SELECT " COLUMNS " FROM outfits o WHERE o.id = $1",
};

/* $1 what is searched for, $2 whether public or not, $3 whose; $4 and $5 the page; then who asks.
 */
#define MATCHES                                                                                    \
    " AND ($1 = '' OR o.folded LIKE $1 ESCAPE '\\') AND ($2 = -1 OR o.is_public = $2)"             \
    " AND ($3 = 0 OR o.person_id = $3)"
#define PUBLIC             "o.is_public = 1"
#define OWN(who)           "o.person_id = " who
#define PUBLIC_OR_OWN(who) "(o.is_public = 1 OR o.person_id = " who ")"
#define PAGE(scope, order)                                                                         \
    "SELECT " COLUMNS " FROM outfits o WHERE " scope MATCHES " ORDER BY " order                    \
    " LIMIT $4 OFFSET $5"
#define COUNT(scope) "SELECT COUNT(*) FROM outfits o WHERE " scope MATCHES

static const struct sut_sql public_newest = {
    .name = "outfits_public_newest",
    .text = PAGE(PUBLIC, "o.id DESC"),
};
static const struct sut_sql public_oldest = {
    .name = "outfits_public_oldest",
    .text = PAGE(PUBLIC, "o.id"),
};
static const struct sut_sql public_most_viewed = {
    .name = "outfits_public_most_viewed",
    .text = PAGE(PUBLIC, "o.views DESC, o.id DESC"),
};
static const struct sut_sql public_least_viewed = {
    .name = "outfits_public_least_viewed",
    .text = PAGE(PUBLIC, "o.views, o.id"),
};
static const struct sut_sql public_or_own = {
    .name = "outfits_public_or_own",
    .text = PAGE(PUBLIC_OR_OWN("$6"), "o.id DESC"),
};
static const struct sut_sql own = {
    .name = "outfits_own",
    .text = PAGE(OWN("$6"), "o.id DESC"),
};

static const struct sut_sql public_count = {
    .name = "outfits_public_count",
    .text = COUNT(PUBLIC),
};
static const struct sut_sql public_or_own_count = {
    .name = "outfits_public_or_own_count",
    .text = COUNT(PUBLIC_OR_OWN("$4")),
};
static const struct sut_sql own_count = {
    .name = "outfits_own_count",
    .text = COUNT(OWN("$4")),
};

#define IDS                                                                                        \
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"

static const struct sut_sql items_of = {
    .name = "outfit_items_of",
    .text =
        "SELECT i.id, i.outfit_id, i.product_id, i.position, p.price,"
        " (SELECT m.thumbnail FROM product_images m WHERE m.product_id = p.id"
        " ORDER BY m.is_feature DESC, m.position, m.id LIMIT 1)"
        " FROM outfit_items i JOIN products p ON p.id = i.product_id"
        " WHERE i.outfit_id IN " IDS " AND " SUT_STORE_SHOWN " ORDER BY i.outfit_id, i.position",
};

static const struct sut_sql may_hold = {
    .name = "outfit_may_hold",
    .text = "SELECT 1 FROM products p WHERE p.id = $1 AND " SUT_STORE_SHOWN,
};

static const struct sut_sql insert = {
    .name = "outfit_insert",
    .text = "INSERT INTO outfits (person_id, name, description, is_public, folded, created_at,"
            " modified_at) SELECT $1, $2, $3, $4, $5, $6, $6"
            " WHERE $7 > (SELECT COUNT(*) FROM outfits WHERE person_id = $1) RETURNING id",
};

static const struct sut_sql update = {
    .name = "outfit_update",
    .text = "UPDATE outfits SET name = $2, description = $3, is_public = $4, folded = $5,"
            " modified_at = $6 WHERE person_id = $1 AND id = $7",
};

static const struct sut_sql empty_out = {
    .name = "outfit_empty",
    .text = "DELETE FROM outfit_items WHERE outfit_id = $1",
};

static const struct sut_sql item_insert = {
    .name = "outfit_item_insert",
    .text = "INSERT INTO outfit_items (outfit_id, product_id, position) VALUES ($1, $2, $3)",
};

static const struct sut_sql drop = {
    .name = "outfit_remove",
    .text = "DELETE FROM outfits WHERE id = $1 AND person_id = $2",
};

static const struct sut_sql add_views = {
    .name = "outfit_add_views",
    .text = "UPDATE outfits SET views = views + $2 WHERE id = $1",
};

static struct sut_outfit outfit_at(struct sut_arena *a, struct sut_db_stmt *s)
{
    return (struct sut_outfit){
        .id = sut_db_col_i64(s, 0),
        .person = sut_db_col_i64(s, 1),
        .name = sut_str_dup(a, sut_db_col_text(s, 2)),
        .description = sut_str_dup(a, sut_db_col_text(s, 3)),
        .is_public = sut_db_col_i64(s, 4) != 0,
        .views = sut_db_col_i64(s, 5),
        .likes = sut_db_col_i64(s, 6),
        .created_at = { sut_db_col_i64(s, 7) },
        .modified_at = { sut_db_col_i64(s, 8) },
    };
}

SUT_ERR sut_outfit_by_id(struct sut_db_conn *c, struct sut_arena *a, int64_t id,
                         struct sut_outfit *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &by_id, &s));
    sut_db_bind_i64(s, 1, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, NOT_FOUND);
    *ret = outfit_at(a, s);
    ENSURE(!sut_arena_overflowed(a), NOMEM);
    return SUT_OK;
}

/* --- lists --- */

static const struct sut_sql *page_of(const struct sut_outfit_query *q)
{
    if (q->scope == SUT_OUTFITS_OWN)
        return &own;
    if (q->scope == SUT_OUTFITS_PUBLIC_OR_OWN)
        return &public_or_own;
    switch (q->order) {
    case SUT_OUTFITS_OLDEST:
        return &public_oldest;
    case SUT_OUTFITS_MOST_VIEWED:
        return &public_most_viewed;
    case SUT_OUTFITS_LEAST_VIEWED:
        return &public_least_viewed;
    case SUT_OUTFITS_NEWEST:
        break;
    }
    return &public_newest;
}

static const struct sut_sql *count_of(const struct sut_outfit_query *q)
{
    if (q->scope == SUT_OUTFITS_OWN)
        return &own_count;
    return q->scope == SUT_OUTFITS_PUBLIC_OR_OWN ? &public_or_own_count : &public_count;
}

/* The pattern of LIKE: what is searched for stands for itself. */
static SUT_ERR pattern_of(struct sut_arena *a, sut_str search, sut_str *ret)
{
    struct sut_buf b;
    sut_str folded = { 0 };
    *ret = SUT_STR("");
    if (search.n == 0)
        return SUT_OK;
    TRY(sut_utf8_fold(a, search, &folded));
    sut_buf_init_arena(&b, a, 2 * folded.n + 2);
    sut_buf_char(&b, '%');
    for (size_t i = 0; i < folded.n; i++) {
        if (folded.p[i] == '%' || folded.p[i] == '_' || folded.p[i] == '\\')
            sut_buf_char(&b, '\\');
        sut_buf_char(&b, folded.p[i]);
    }
    sut_buf_char(&b, '%');
    *ret = sut_buf_str(&b);
    return sut_buf_check(&b);
}

static void bind_matches(struct sut_db_stmt *s, const struct sut_outfit_query *q, sut_str pattern,
                         int viewer_at)
{
    sut_db_bind_text(s, 1, pattern);
    sut_db_bind_i64(s, 2, q->is_public);
    sut_db_bind_i64(s, 3, q->owner);
    if (q->scope != SUT_OUTFITS_PUBLIC)
        sut_db_bind_i64(s, viewer_at, q->viewer);
}

static SUT_ERR count(struct sut_db_conn *c, const struct sut_outfit_query *q, sut_str pattern,
                     int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, count_of(q), &s));
    bind_matches(s, q, pattern, 4);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, SYSTEM);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_outfit_list(struct sut_db_conn *c, struct sut_arena *a,
                        const struct sut_outfit_query *q, struct sut_outfit **ret, size_t *ret_n,
                        int64_t *ret_count)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    sut_str pattern = { 0 };
    size_t n = 0;
    ENSURE(q->limit >= 0 && q->limit <= SUT_OUTFIT_PAGE_MAX && q->offset >= 0, INVALID);
    ENSURE(q->scope == SUT_OUTFITS_PUBLIC || q->order == SUT_OUTFITS_NEWEST, INVALID);
    TRY(pattern_of(a, q->search, &pattern));
    TRY(count(c, q, pattern, ret_count));
    struct sut_outfit *rows = ARENA_ARRAY(a, struct sut_outfit, (size_t) q->limit + 1);
    ENSURE(rows != NULL, NOMEM);
    TRY(sut_db_prepare(c, page_of(q), &s));
    bind_matches(s, q, pattern, 6);
    sut_db_bind_i64(s, 4, q->limit);
    sut_db_bind_i64(s, 5, q->offset);
    for (;; n++) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row || n == (size_t) q->limit)
            break;
        rows[n] = outfit_at(a, s);
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
}

/* --- what they hold --- */

static SUT_ERR read_items(struct sut_db_conn *c, struct sut_arena *a, const int64_t *outfits,
                          size_t n, struct sut_outfit_item *to, size_t *n_items)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    const size_t most = *n_items + n * SUT_OUTFIT_ITEMS_MAX;
    TRY(sut_db_prepare(c, &items_of, &s));
    for (size_t i = 0; i < BATCH; i++)
        sut_db_bind_i64(s, (int) i + 1, i < n ? outfits[i] : 0);
    while (*n_items < most) {
        bool has_row = false;
        TRY(sut_db_step(s, &has_row));
        if (!has_row)
            break;
        to[(*n_items)++] = (struct sut_outfit_item){
            .id = sut_db_col_i64(s, 0),
            .outfit_id = sut_db_col_i64(s, 1),
            .product_id = sut_db_col_i64(s, 2),
            .position = sut_db_col_i64(s, 3),
            .price_cents = sut_db_col_i64(s, 4),
            .thumbnail =
                sut_db_col_is_null(s, 5) ? (sut_str){ 0 } : sut_str_dup(a, sut_db_col_text(s, 5)),
        };
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    return SUT_OK;
}

SUT_ERR sut_outfit_items(struct sut_db_conn *c, struct sut_arena *a, const int64_t *outfits,
                         size_t n, struct sut_outfit_item **ret, size_t *ret_n)
{
    *ret_n = 0;
    *ret = ARENA_ARRAY(a, struct sut_outfit_item, n * SUT_OUTFIT_ITEMS_MAX + 1);
    ENSURE(*ret != NULL, NOMEM);
    for (size_t at = 0; at < n; at += BATCH)
        TRY(read_items(c, a, outfits + at, n - at < BATCH ? n - at : BATCH, *ret, ret_n));
    return SUT_OK;
}

SUT_ERR sut_outfit_may_hold(struct sut_db_conn *c, int64_t product, bool *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &may_hold, &s));
    sut_db_bind_i64(s, 1, product);
    return sut_db_step(s, ret);
}

/* --- in a write job --- */

/* $1 … $6 of a row's fields. */
static SUT_ERR bind_data(struct sut_db_stmt *s, struct sut_arena *scratch,
                         const struct sut_outfit_data *d, sut_ms now)
{
    struct sut_buf both;
    sut_str folded = { 0 };
    sut_buf_init_arena(&both, scratch, FOLDED_MAX);
    sut_buf_str_add(&both, d->name);
    sut_buf_char(&both, '\n');
    sut_buf_str_add(&both, d->description);
    TRY(sut_buf_check(&both));
    TRY(sut_utf8_fold(scratch, sut_buf_str(&both), &folded));
    sut_db_bind_i64(s, 1, d->person);
    sut_db_bind_text(s, 2, d->name);
    sut_db_bind_text(s, 3, d->description);
    sut_db_bind_i64(s, 4, d->is_public ? 1 : 0);
    sut_db_bind_text(s, 5, folded);
    sut_db_bind_i64(s, 6, now.v);
    return SUT_OK;
}

SUT_ERR sut_outfit_insert(struct sut_db_conn *c, struct sut_arena *scratch,
                          const struct sut_outfit_data *d, sut_ms now, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &insert, &s));
    TRY(bind_data(s, scratch, d, now));
    sut_db_bind_i64(s, 7, SUT_OUTFITS_MAX);
    TRY(sut_db_step(s, &has_row));
    ENSURE(has_row, FULL);
    *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
}

SUT_ERR sut_outfit_update(struct sut_db_conn *c, struct sut_arena *scratch, int64_t id,
                          const struct sut_outfit_data *d, sut_ms now)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &update, &s));
    TRY(bind_data(s, scratch, d, now));
    sut_db_bind_i64(s, 7, id);
    TRY(sut_db_step(s, &has_row));
    ENSURE(sut_db_changes(s) > 0, NOT_FOUND);
    return SUT_OK;
}

static SUT_ERR put_item(struct sut_db_conn *c, int64_t id, int64_t product, size_t position)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &item_insert, &s));
    sut_db_bind_i64(s, 1, id);
    sut_db_bind_i64(s, 2, product);
    sut_db_bind_i64(s, 3, (int64_t) position);
    return sut_db_step(s, &has_row);
}

SUT_ERR sut_outfit_fill(struct sut_db_conn *c, int64_t id, const int64_t *products, size_t n)
{
    {
        DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
        bool has_row = false;
        TRY(sut_db_prepare(c, &empty_out, &s));
        sut_db_bind_i64(s, 1, id);
        TRY(sut_db_step(s, &has_row));
    }
    for (size_t i = 0; i < n; i++)
        TRY(put_item(c, id, products[i], i));
    return SUT_OK;
}

/* A statement with two numbers; how many rows it changed. */
static SUT_ERR run_two(struct sut_db_conn *c, const struct sut_sql *sql, int64_t first,
                       int64_t second, int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    sut_db_bind_i64(s, 1, first);
    sut_db_bind_i64(s, 2, second);
    TRY(sut_db_step(s, &has_row));
    *ret = sut_db_changes(s);
    return SUT_OK;
}

SUT_ERR sut_outfit_remove(struct sut_db_conn *c, int64_t id, int64_t person)
{
    int64_t n = 0;
    TRY(run_two(c, &drop, id, person, &n));
    ENSURE(n > 0, NOT_FOUND);
    return SUT_OK;
}

SUT_ERR sut_outfit_add_views(struct sut_db_conn *c, int64_t id, int64_t n)
{
    int64_t ignored = 0;
    return run_two(c, &add_views, id, n, &ignored);
}
