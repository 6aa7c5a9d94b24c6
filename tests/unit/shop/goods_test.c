/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "shop/category.h"
#include "shop/goods.h"
#include "shop/slug.h"
#include "store/audit_row.h"
#include "store/catalogue.h"
#include "store/goods.h"
#include "store_fixture.h"

static const struct sut_goods_actor by = { .id = 7, .now = { INT64_C(1770000000000) } };

/* What a job does, and what came of it. */
struct work {
    struct sut_arena *a;
    enum {
        ADD,
        CHANGE,
        REMOVE,
        V_ADD,
        V_CHANGE,
        V_REMOVE,
        C_ADD,
        C_CHANGE,
        C_REMOVE,
        HOLD,
        SELL
    } what;
    int64_t id;
    int64_t variant_id;
    struct sut_goods goods;
    struct sut_goods_variant variant;
    struct sut_category_ask category;
    struct sut_goods_result done;
};

static const struct sut_sql hold = { .name = "test_hold",
                                     .text = "UPDATE variants SET reserved = 3 WHERE id = $1" };
static const struct sut_sql order = {
    .name = "test_order",
    .text = "INSERT INTO orders (prefix, status, payment_method, payment_status, total, currency,"
            " items_count, created_at, modified_at) VALUES ('T', 1, 1, 1, 0, 'USD', 1, 0, 0) "
            "RETURNING id",
};
static const struct sut_sql order_line = {
    .name = "test_order_line",
    .text = "INSERT INTO order_lines (order_id, product_id, variant_id, product_name, "
            "variant_name, sku, color,"
            " quantity, price) VALUES ($1, $2, $3, 'p', 'v', 's', 'c', 1, 1)",
};

static SUT_ERR run_sql(struct sut_db_conn *c, const struct sut_sql *sql, const int64_t *args, int n,
                       int64_t *ret)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool is_row = false;
    TRY(sut_db_prepare(c, sql, &s));
    for (int i = 0; i < n; i++)
        sut_db_bind_i64(s, i + 1, args[i]);
    TRY(sut_db_step(s, &is_row));
    if (is_row)
        *ret = sut_db_col_i64(s, 0);
    while (is_row)
        TRY(sut_db_step(s, &is_row));
    return SUT_OK;
}

static SUT_ERR job(struct sut_db_conn *c, void *arg)
{
    struct work *w = arg;
    int64_t order_id = 0;
    switch (w->what) {
    case ADD:
        return sut_goods_add(c, w->a, &w->goods, &by, &w->done);
    case CHANGE:
        return sut_goods_change(c, w->a, w->id, &w->goods, &by, &w->done);
    case REMOVE:
        return sut_goods_remove(c, w->a, w->id, &by, &w->done);
    case V_ADD:
        return sut_goods_variant_add(c, w->a, w->id, &w->variant, &by, &w->done);
    case V_CHANGE:
        return sut_goods_variant_change(c, w->a, w->id, w->variant_id, &w->variant, false, &by,
                                        &w->done);
    case V_REMOVE:
        return sut_goods_variant_remove(c, w->a, w->id, w->variant_id, &by, &w->done);
    case C_ADD:
        return sut_category_add(c, w->a, &w->category, &by, &w->done);
    case C_CHANGE:
        return sut_category_change(c, w->a, w->id, &w->category, &by, &w->done);
    case C_REMOVE:
        return sut_category_remove(c, w->a, w->id, &by, &w->done);
    case HOLD:
        return run_sql(c, &hold, &w->variant_id, 1, &order_id);
    case SELL:
        TRY(run_sql(c, &order, NULL, 0, &order_id));
        return run_sql(c, &order_line, (const int64_t[]){ order_id, w->id, w->variant_id }, 3,
                       &order_id);
    }
    return SUT_OK;
}

static enum sut_ecode run(struct fixture *f, struct work *w)
{
    w->a = f->arena;
    return sut_store_write(f->store, job, w).code;
}

static int64_t category(struct fixture *f, const char *name, int64_t parent)
{
    struct work w = { .what = C_ADD,
                      .category = { .has = SUT_CATEGORY_NAME | SUT_CATEGORY_PARENT,
                                    .name = sut_str_from(name),
                                    .parent_id = parent } };
    assert_int_equal(run(f, &w), SUT_E_OK);
    return w.done.id;
}

static struct sut_goods plain(int64_t category_id, const char *sku)
{
    return (struct sut_goods){ .has = SUT_GOODS_NAME | SUT_GOODS_CATEGORY | SUT_GOODS_PRICE |
                                      SUT_GOODS_SKU | SUT_GOODS_STOCK,
                               .name = SUT_STR("Evening Dress"),
                               .category_id = category_id,
                               .price_cents = 1999,
                               .stock = 5,
                               .sku = sut_str_from(sku) };
}

static struct sut_product load(struct fixture *f, int64_t id)
{
    struct sut_product p;
    OK(sut_catalogue_load(f->reader, f->arena, &id, 1, &p));
    return p;
}

static int64_t audits(struct fixture *f, struct sut_audit_row **rows)
{
    size_t n = 0;
    int64_t count = 0;
    const struct sut_audit_query q = { .limit = 100 };
    OK(sut_audit_row_list(f->reader, f->arena, &q, rows, &n, &count));
    return count;
}

static void a_name_is_a_size_and_a_colour_or_a_colour(void **state)
{
    (void) state;
    static const struct {
        const char *name;
        const char *size; /* NULL: none */
        const char *color;
    } rows[] = {
        { "M / Sand", "M", "Sand" },
        { "XXL / Dark Blue", "XXL", "Dark Blue" },
        { "38 / Red", "38", "Red" },
        { "10-12 / A / B", "10-12", "A / B" },
        { "Sand / Red", NULL, "Sand / Red" },
        { "M/Sand", NULL, "M/Sand" },
        { "M / ", NULL, "M / " },
        { " / Sand", NULL, " / Sand" },
        { "/", NULL, "/" },
        { "", NULL, "" },
        { "Sand", NULL, "Sand" },
        { "ABCDEFGHIJKLMNOP / x", NULL, "ABCDEFGHIJKLMNOP / x" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sut_str size = { 0 };
        sut_str color = { 0 };
        sut_goods_split_name(sut_str_from(rows[i].name), &size, &color);
        assert_true(rows[i].size == NULL ? size.p == NULL : sut_str_is(size, rows[i].size));
        assert_true(sut_str_is(color, rows[i].color));
    }
}

static void prices_are_told_of_in_the_words_of_the_setting(void **state)
{
    (void) state;
    assert_string_equal(sut_goods_price_fault(0, false), "Price must be greater than zero");
    assert_string_equal(sut_goods_price_fault(-1, false), "Price must be greater than zero");
    assert_string_equal(sut_goods_price_fault(-1, true), "Price cannot be negative");
    assert_null(sut_goods_price_fault(0, true));
    assert_null(sut_goods_price_fault(1, false));
    assert_null(sut_goods_price_fault(999999, false));
    assert_non_null(sut_goods_price_fault(1000000, true));
    assert_non_null(sut_goods_price_fault(INT64_MAX, true));
    assert_non_null(sut_goods_price_fault(INT64_MIN, true));
}

static void slugs_are_free_and_no_numbers(void **state)
{
    struct fixture *f = fixture_of(state);
    sut_str slug = { 0 };
    static const struct {
        const char *name;
        const char *slug;
    } rows[] = { { "\xC3\x89lan vital", "elan-vital" },
                 { "2026", "product-2026" },
                 { "\xD8\xAB\xD9\x88\xD8\xA8", "product" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        OK(sut_slug_make(f->reader, f->arena, sut_str_from(rows[i].name), "product",
                         sut_goods_slug_taken, &slug));
        assert_true(sut_str_is(slug, rows[i].slug));
    }
    const int64_t k = category(f, "Slugs", 0);
    for (int i = 1; i <= 60; i++) {
        char sku[32];
        char want[64];
        (void) snprintf(sku, sizeof(sku), "SLUG-%d", i);
        (void) snprintf(want, sizeof(want), i == 1 ? "same-name" : "same-name-%d", i);
        struct work w = { .what = ADD, .goods = plain(k, sku) };
        w.goods.name = SUT_STR("Same name");
        assert_int_equal(run(f, &w), SUT_E_OK);
        const struct sut_product p = load(f, w.done.id);
        assert_true(sut_str_is(p.slug, want));
    }
}

static void a_product_brings_its_default_variant(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    const int64_t k = category(f, "Default", 0);
    struct work w = { .what = ADD, .goods = plain(k, "D-1") };
    assert_int_equal(run(f, &w), SUT_E_OK);
    struct sut_product p = load(f, w.done.id);
    assert_int_equal(p.n_variants, 1);
    assert_true(sut_str_is(p.variants[0].sku, "D-1") && p.variants[0].stock == 5 &&
                p.variants[0].is_default);
    assert_true(sut_str_is(p.variants[0].name, "Evening Dress") && p.variants[0].size.p == NULL);
    assert_int_equal(p.created_by, 7);
    assert_true(audits(f, &rows) > 0);
    assert_true(sut_str_is(rows[0].action, "admin.product_add") && rows[0].user_id == 7);
    assert_true(sut_str_starts(rows[0].change,
                               SUT_STR("{\"before\":null,\"after\":{\"name\":\"Evening Dress\"")));

    /* Taken, missing and nowhere. */
    w.done = (struct sut_goods_result){ 0 };
    assert_int_equal(run(f, &w), SUT_E_INVALID);
    assert_true(w.done.is_taken && sut_str_is(w.done.faults->field, "sku"));
    w.goods.has &= ~(unsigned) SUT_GOODS_SKU;
    assert_int_equal(run(f, &w), SUT_E_INVALID);
    assert_false(w.done.is_taken);
    w.goods = plain(k + 1000, "D-2");
    assert_int_equal(run(f, &w), SUT_E_INVALID);
    assert_true(sut_str_is(w.done.faults->field, "category"));
}

static void what_does_not_differ_is_not_written(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    struct work w = { .what = ADD, .goods = plain(category(f, "Same", 0), "S-1") };
    assert_int_equal(run(f, &w), SUT_E_OK);
    const int64_t version = w.done.version;
    const struct sut_product before = load(f, w.done.id);
    const int64_t n = audits(f, &rows);
    w.what = CHANGE;
    w.id = w.done.id;
    assert_int_equal(run(f, &w), SUT_E_OK);
    assert_int_equal(w.done.version, 0);
    assert_int_equal(load(f, w.id).version, before.version);
    assert_int_equal(audits(f, &rows), n);
    w.goods.price_cents = 2000;
    assert_int_equal(run(f, &w), SUT_E_OK);
    assert_true(w.done.version > version && load(f, w.id).version > before.version);
    assert_int_equal(audits(f, &rows), n + 1);
    assert_true(sut_str_is(rows[0].change,
                           "{\"before\":{\"price\":\"19.99\"},\"after\":{\"price\":\"20.00\"}}"));
    w.id = 999999;
    assert_int_equal(run(f, &w), SUT_E_NOT_FOUND);
}

static void stock_is_never_below_what_is_promised(void **state)
{
    struct fixture *f = fixture_of(state);
    struct work w = { .what = ADD, .goods = plain(category(f, "Stock", 0), "R-1") };
    assert_int_equal(run(f, &w), SUT_E_OK);
    w.id = w.done.id;
    w.variant_id = load(f, w.id).variants[0].id;
    w.what = HOLD;
    assert_int_equal(run(f, &w), SUT_E_OK);
    w.what = CHANGE;
    w.goods = (struct sut_goods){ .has = SUT_GOODS_STOCK | SUT_GOODS_PRICE,
                                  .stock = 2,
                                  .price_cents = 5 };
    assert_int_equal(run(f, &w), SUT_E_INVALID);
    assert_true(sut_str_is(w.done.faults->field, "stock"));
    assert_int_equal(load(f, w.id).price_cents, 1999);
    w.what = V_CHANGE;
    w.variant = (struct sut_goods_variant){ .has = SUT_GOODS_STOCK, .stock = 0 };
    assert_int_equal(run(f, &w), SUT_E_INVALID);
    w.variant.stock = 3;
    assert_int_equal(run(f, &w), SUT_E_OK);
    assert_int_equal(load(f, w.id).variants[0].stock, 3);
}

static void what_an_order_names_is_hidden_and_all_else_goes(void **state)
{
    struct fixture *f = fixture_of(state);
    struct work w = { .what = ADD, .goods = plain(category(f, "Gone", 0), "G-1") };
    assert_int_equal(run(f, &w), SUT_E_OK);
    w.id = w.done.id;
    w.what = V_ADD;
    w.variant = (struct sut_goods_variant){ .has = SUT_GOODS_NAME | SUT_GOODS_SKU,
                                            .name = SUT_STR("S / Red"),
                                            .sku = SUT_STR("G-2") };
    assert_int_equal(run(f, &w), SUT_E_OK);
    w.variant_id = w.done.variant_id;
    w.what = SELL;
    assert_int_equal(run(f, &w), SUT_E_OK);
    w.what = V_REMOVE;
    assert_int_equal(run(f, &w), SUT_E_OK);
    struct sut_product p = load(f, w.id);
    assert_int_equal(p.n_variants, 2);
    assert_false(p.variants[1].is_active);
    w.variant_id = p.variants[0].id;
    assert_int_equal(run(f, &w), SUT_E_DENIED);
    w.what = REMOVE;
    assert_int_equal(run(f, &w), SUT_E_OK);
    p = load(f, w.id);
    assert_true(p.id == w.id && !p.is_active);
    assert_int_equal(run(f, &w), SUT_E_OK); /* twice is once */

    struct work other = { .what = ADD, .goods = plain(p.category.id, "G-3") };
    assert_int_equal(run(f, &other), SUT_E_OK);
    other.id = other.done.id;
    other.what = REMOVE;
    assert_int_equal(run(f, &other), SUT_E_OK);
    assert_int_equal(load(f, other.id).id, 0);
    assert_int_equal(run(f, &other), SUT_E_NOT_FOUND);
    other.what = C_REMOVE;
    other.id = p.category.id;
    assert_int_equal(run(f, &other), SUT_E_DENIED);
}

static void categories_make_no_circles(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t chain[SUT_CATEGORY_DEPTH_MAX];
    for (int i = 0; i < SUT_CATEGORY_DEPTH_MAX; i++)
        chain[i] = category(f, "Chain", i == 0 ? 0 : chain[i - 1]);
    struct work w = { .what = C_ADD,
                      .category = { .has = SUT_CATEGORY_NAME | SUT_CATEGORY_PARENT,
                                    .name = SUT_STR("too deep"),
                                    .parent_id = chain[SUT_CATEGORY_DEPTH_MAX - 1] } };
    assert_int_equal(run(f, &w), SUT_E_INVALID);
    w.what = C_CHANGE;
    w.category.has = SUT_CATEGORY_PARENT;
    for (int i = 0; i < SUT_CATEGORY_DEPTH_MAX; i++) {
        w.id = chain[0];
        w.category.parent_id = chain[i];
        assert_int_equal(run(f, &w), SUT_E_INVALID);
        assert_true(sut_str_is(w.done.faults->field, "parent"));
    }
    w.id = chain[1];
    w.category.parent_id = 0;
    assert_int_equal(run(f, &w), SUT_E_OK);
    w.id = chain[0];
    w.category.parent_id = chain[SUT_CATEGORY_DEPTH_MAX - 1];
    assert_int_equal(run(f, &w), SUT_E_OK);
    w.category.parent_id = 999999;
    assert_int_equal(run(f, &w), SUT_E_INVALID);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_name_is_a_size_and_a_colour_or_a_colour, &f),
        cmocka_unit_test_prestate(prices_are_told_of_in_the_words_of_the_setting, &f),
        cmocka_unit_test_prestate(slugs_are_free_and_no_numbers, &f),
        cmocka_unit_test_prestate(a_product_brings_its_default_variant, &f),
        cmocka_unit_test_prestate(what_does_not_differ_is_not_written, &f),
        cmocka_unit_test_prestate(stock_is_never_below_what_is_promised, &f),
        cmocka_unit_test_prestate(what_an_order_names_is_hidden_and_all_else_goes, &f),
        cmocka_unit_test_prestate(categories_make_no_circles, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
