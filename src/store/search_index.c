/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "codec/utf8.h"
#include "db/db.h"
#include "store/migrate.h"
#include "store/product.h"
#include "store/search.h"
#include "store/search_int.h"

enum {
    WORDS_MAX = 4096, /* of a product; a description has at most 10,000 characters */
    SCRATCH_BYTES = 4 * 1024 * 1024,
    TOKENS_MAX = 1000 * 1000, /* bytes; a tsvector ends at 1 MiB */
    BATCH = 500,
};

static const struct sut_sql index_read = {
    .name = "search_index_read",
    .text = "SELECT name, description, category_id, COALESCE(coverage_level_id, 0), is_active"
            " FROM products WHERE id = $1",
};

static const struct sut_sql index_skus = {
    .name = "search_index_skus",
    .text = "SELECT sku FROM variants WHERE product_id = $1 ORDER BY id",
};

static const struct sut_sql index_put_sqlite = {
    .name = "search_index_put",
    .text = "INSERT OR REPLACE INTO product_words (rowid, words) VALUES ($1, $2)",
};

static const struct sut_sql index_put_postgres = {
    .name = "search_index_put",
    .text = "INSERT INTO product_words (product_id, words)"
            " VALUES ($1, array_to_tsvector(string_to_array(CAST($2 AS TEXT), ' ')))"
            " ON CONFLICT (product_id) DO UPDATE SET words = EXCLUDED.words",
};

static const struct sut_sql index_after = {
    .name = "search_index_after",
    .text = "SELECT id FROM products WHERE id > $1 ORDER BY id LIMIT $2",
};

/* The words of a text behind a mark, each once. */
static SUT_ERR add_words(struct sut_arena *a, struct sut_buf *out, sut_str text, char mark)
{
    sut_str *words = NULL;
    size_t n = 0;
    TRY(sut_utf8_terms(a, text, WORDS_MAX, &words, &n));
    for (size_t i = 0; i < n; i++) {
        sut_search__token(out, mark, sut_utf8_head(words[i], SUT_SEARCH_TERM_POINTS));
        sut_buf_char(out, ' ');
    }
    return SUT_OK;
}

static SUT_ERR add_product(struct sut_db_conn *c, struct sut_arena *a, int64_t product,
                           struct sut_buf *out)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, &index_read, &s));
    sut_db_bind_i64(s, 1, product);
    TRY(sut_db_step(s, &is_row));
    ENSURE(is_row, NOT_FOUND);
    const sut_str name = sut_db_col_text(s, 0);
    struct sut_buf both;
    sut_buf_init_arena(&both, a, SCRATCH_BYTES / 4);
    sut_buf_str_add(&both, name);
    sut_buf_char(&both, ' ');
    sut_buf_str_add(&both, sut_db_col_text(s, 1));
    TRY(sut_buf_check(&both));
    TRY(add_words(a, out, name, SUT_SEARCH_IN_NAME));
    TRY(add_words(a, out, sut_buf_str(&both), SUT_SEARCH_ANYWHERE));
    sut_search__number(out, SUT_SEARCH_CATEGORY, sut_db_col_i64(s, 2));
    sut_buf_char(out, ' ');
    sut_search__number(out, SUT_SEARCH_COVERAGE, sut_db_col_i64(s, 3));
    if (sut_db_col_i64(s, 4) == 0) {
        sut_buf_char(out, ' ');
        sut_buf_char(out, SUT_SEARCH_HIDDEN);
    }
    return SUT_OK;
}

static SUT_ERR add_skus(struct sut_db_conn *c, struct sut_arena *a, int64_t product,
                        struct sut_buf *out)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    struct sut_buf all;
    TRY(sut_db_prepare(c, &index_skus, &s));
    sut_db_bind_i64(s, 1, product);
    sut_buf_init_arena(&all, a, SCRATCH_BYTES / 8);
    for (;;) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        sut_buf_str_add(&all, sut_db_col_text(s, 0));
        sut_buf_char(&all, ' ');
    }
    TRY(sut_buf_check(&all));
    sut_buf_char(out, ' ');
    return add_words(a, out, sut_buf_str(&all), SUT_SEARCH_IN_SKU);
}

SUT_ERR sut_search_index(struct sut_db_conn *c, int64_t product)
{
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    DEFER(sut_buf_done) struct sut_buf tokens = { .p = NULL };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_arena_create(SCRATCH_BYTES, &a));
    sut_buf_init(&tokens, TOKENS_MAX);
    TRY(add_product(c, a, product, &tokens));
    TRY(add_skus(c, a, product, &tokens));
    ENSURE(!tokens.overflowed, TOO_LARGE);
    TRY(sut_db_prepare(
        c, sut_db_conn_kind(c) == SUT_DB_SQLITE ? &index_put_sqlite : &index_put_postgres, &s));
    sut_db_bind_i64(s, 1, product);
    sut_db_bind_text(s, 2, sut_str_trim(sut_buf_str(&tokens)));
    return sut_db_step(s, &is_row);
}

/* --- stores of before --- */

static SUT_ERR read_batch(struct sut_db_conn *c, int64_t after, int64_t ids[BATCH], size_t *ret_n)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    *ret_n = 0;
    TRY(sut_db_prepare(c, &index_after, &s));
    sut_db_bind_i64(s, 1, after);
    sut_db_bind_i64(s, 2, BATCH);
    while (*ret_n < BATCH) {
        bool is_row = false;
        TRY(sut_db_step(s, &is_row));
        if (!is_row)
            break;
        ids[(*ret_n)++] = sut_db_col_i64(s, 0);
    }
    return SUT_OK;
}

static SUT_ERR index_batch(struct sut_db_conn *c, const int64_t *ids, size_t n)
{
    TRY(sut_db_tx_begin(c));
    for (size_t i = 0; i < n; i++) {
        const sut_err e = sut_search_index(c, ids[i]);
        if (sut_failed(e)) {
            sut_db_tx_rollback(c);
            return e;
        }
    }
    return sut_db_tx_commit(c);
}

SUT_ERR sut_store_index_words(struct sut_db_conn *c, const struct sut_migrate_env *env,
                              struct sut_diag *reterr_diag)
{
    int64_t ids[BATCH];
    size_t n = 0;
    int64_t done = 0;
    int64_t all = 0;
    TRY(sut_product_count(c, &all));
    for (int64_t last = 0;; last = ids[n - 1]) {
        sut_err e = read_batch(c, last, ids, &n);
        if (!sut_failed(e) && n > 0)
            e = index_batch(c, ids, n);
        if (sut_failed(e)) {
            sut_diag_set(reterr_diag, "the words of the products can't be indexed: %s",
                         sut_db_last_error(c));
            return e;
        }
        if (n == 0)
            return SUT_OK;
        done += (int64_t) n;
        if (env->progress != NULL)
            env->progress(env->progress_ctx, "products", done, all);
    }
}
