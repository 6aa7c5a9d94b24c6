/* SPDX-License-Identifier: Apache-2.0 */
#include "store/catalogue.h"

#include <stddef.h>

#include "db/db.h"
#include "store/shown_int.h"

enum {
    BATCH = 20, /* products loaded by one round of statements */
};

static const struct sut_sql version_get = {
    .name = "catalogue_version_get",
    .text = "SELECT version FROM catalogue_version WHERE id = 1",
};

static const struct sut_sql find_id = {
    .name = "catalogue_find_id",
    .text = "SELECT p.id, p.version FROM products p WHERE p.id = $1 AND " SUT_STORE_SHOWN,
};

static const struct sut_sql find_slug = {
    .name = "catalogue_find_slug",
    .text = "SELECT p.id, p.version FROM products p JOIN categories c ON c.id = p.category_id"
            " WHERE c.slug = $1 AND p.slug = $2 AND " SUT_STORE_SHOWN,
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
            " v.is_default, v.is_active, v.reserved FROM variants v WHERE v.product_id IN " IDS
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
    .text =
        "WITH RECURSIVE seen (color) AS ("
        "SELECT MIN(f.color) FROM variants f WHERE f.is_active = 1"
        " UNION ALL SELECT (SELECT MIN(n.color) FROM variants n"
        " WHERE n.is_active = 1 AND n.color > seen.color)"
        " FROM seen WHERE seen.color IS NOT NULL)"
        " SELECT s.color FROM seen s WHERE s.color IS NOT NULL AND EXISTS ("
        "SELECT 1 FROM variants v JOIN products p ON p.id = v.product_id"
        " WHERE v.color = s.color AND v.is_active = 1 AND " SUT_STORE_SHOWN ") ORDER BY s.color",
};

static const struct sut_sql size_shown = {
    .name = "catalogue_size_shown",
    .text = "SELECT 1 FROM variants v JOIN products p ON p.id = v.product_id"
            " WHERE v.size = $1 AND v.is_active = 1 AND " SUT_STORE_SHOWN " LIMIT 1",
};

static const struct sut_sql price_least = {
    .name = "catalogue_price_least",
    .text =
        "SELECT p.price FROM products p WHERE " SUT_STORE_SHOWN " ORDER BY p.price, p.id LIMIT 1",
};

static const struct sut_sql price_greatest = {
    .name = "catalogue_price_greatest",
    .text = "SELECT p.price FROM products p WHERE " SUT_STORE_SHOWN
            " ORDER BY p.price DESC, p.id DESC LIMIT 1",
};

/* The one number of a statement's first row; *ret stays when there is no row. */
static sut_err first_i64(struct sut_db_stmt *s, int64_t *ret)
{
    bool is_row = false;
    TRY(sut_db_step(s, &is_row));
    if (is_row)
        *ret = sut_db_col_i64(s, 0);
    return SUT_OK;
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

/* Makes one row of what the statement stands on. */
typedef void (*row_reader)(struct sut_arena *a, struct sut_db_stmt *s, void *ret);

/* All rows of a statement, of `size` bytes each, as one array in the arena. */
static sut_err read_all(struct sut_arena *a, struct sut_db_stmt *s, row_reader read, size_t size,
                        void **ret, size_t *ret_n)
{
    unsigned char *rows = NULL;
    size_t n = 0;
    size_t cap = 0;
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        if (n == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            unsigned char *more = sut_arena_alloc(a, cap, size, _Alignof(max_align_t));
            ENSURE(more != NULL, NOMEM);
            if (n > 0)
                memcpy(more, rows, n * size);
            rows = more;
        }
        read(a, s, rows + n++ * size);
        ENSURE(!sut_arena_overflowed(a), NOMEM);
    }
    *ret = rows;
    *ret_n = n;
    return SUT_OK;
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

/*
 * The rows of one product stand together: where they begin and how many they
 * are.  A row is `size` bytes and has its product's id at `id_at`.
 */
static size_t rows_of(const void *rows, size_t size, size_t id_at, size_t n_rows, int64_t product,
                      size_t *ret_n)
{
    const unsigned char *at = rows;
    size_t from = n_rows;
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++) {
        int64_t id = 0;
        memcpy(&id, at + i * size + id_at, sizeof(id));
        if (id == product && n++ == 0)
            from = i;
        if (id != product && n > 0)
            break;
    }
    *ret_n = n;
    return from;
}

static void variant_row(struct sut_arena *a, struct sut_db_stmt *s, void *ret)
{
    *(struct sut_variant *) ret = (struct sut_variant){
        .product_id = sut_db_col_i64(s, 0),
        .id = sut_db_col_i64(s, 1),
        .name = text_at(a, s, 2),
        .sku = text_at(a, s, 3),
        .size = text_at(a, s, 4),
        .color = text_at(a, s, 5),
        .price_cents = i64_or(s, 6, -1),
        .stock = sut_db_col_i64(s, 7),
        .reserved = sut_db_col_i64(s, 10),
        .is_default = sut_db_col_i64(s, 8) != 0,
        .is_active = sut_db_col_i64(s, 9) != 0,
    };
}

static sut_err read_variants(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids,
                             size_t n, struct sut_product *products)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(prepare_ids(c, &load_variants, ids, n, &s));
    void *all = NULL;
    size_t n_all = 0;
    TRY(read_all(a, s, variant_row, sizeof(struct sut_variant), &all, &n_all));
    struct sut_variant *rows = all;
    for (size_t i = 0; i < n; i++) {
        const size_t from = rows_of(rows, sizeof(*rows), offsetof(struct sut_variant, product_id),
                                    n_all, products[i].id, &products[i].n_variants);
        products[i].variants = products[i].n_variants > 0 ? rows + from : NULL;
    }
    return SUT_OK;
}

static void image_row(struct sut_arena *a, struct sut_db_stmt *s, void *ret)
{
    *(struct sut_product_image *) ret = (struct sut_product_image){
        .product_id = sut_db_col_i64(s, 0),
        .id = sut_db_col_i64(s, 1),
        .image = text_at(a, s, 2),
        .thumbnail = text_at(a, s, 3),
        .is_feature = sut_db_col_i64(s, 4) != 0,
    };
}

static sut_err read_images(struct sut_db_conn *c, struct sut_arena *a, const int64_t *ids, size_t n,
                           struct sut_product *products)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(prepare_ids(c, &load_images, ids, n, &s));
    void *all = NULL;
    size_t n_all = 0;
    TRY(read_all(a, s, image_row, sizeof(struct sut_product_image), &all, &n_all));
    struct sut_product_image *rows = all;
    for (size_t i = 0; i < n; i++) {
        const size_t from =
            rows_of(rows, sizeof(*rows), offsetof(struct sut_product_image, product_id), n_all,
                    products[i].id, &products[i].n_images);
        products[i].images = products[i].n_images > 0 ? rows + from : NULL;
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

static void category_row(struct sut_arena *a, struct sut_db_stmt *s, void *ret)
{
    *(struct sut_category *) ret = category_at(a, s, 0);
}

sut_err sut_catalogue_categories(struct sut_db_conn *c, struct sut_arena *a,
                                 const struct sut_category **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &categories_active, &s));
    void *rows = NULL;
    TRY(read_all(a, s, category_row, sizeof(**ret), &rows, ret_n));
    *ret = rows;
    return SUT_OK;
}

static void coverage_row(struct sut_arena *a, struct sut_db_stmt *s, void *ret)
{
    *(struct sut_coverage *) ret = coverage_at(a, s, 0);
}

sut_err sut_catalogue_coverages(struct sut_db_conn *c, struct sut_arena *a,
                                const struct sut_coverage **ret, size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &coverages_all, &s));
    void *rows = NULL;
    TRY(read_all(a, s, coverage_row, sizeof(**ret), &rows, ret_n));
    *ret = rows;
    return SUT_OK;
}

static void color_row(struct sut_arena *a, struct sut_db_stmt *s, void *ret)
{
    *(sut_str *) ret = text_at(a, s, 0);
}

sut_err sut_catalogue_colors(struct sut_db_conn *c, struct sut_arena *a, const sut_str **ret,
                             size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    TRY(sut_db_prepare(c, &colors_shown, &s));
    void *rows = NULL;
    TRY(read_all(a, s, color_row, sizeof(**ret), &rows, ret_n));
    *ret = rows;
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
