/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shop/low_stock.h"
#include "store/low_stock.h"
#include "store/product.h"
#include "store_fixture.h"

static const int64_t hour = INT64_C(3600000);
static const struct sut_low_stock_ask ask = { .to = SUT_STR_INIT("shop@example.com"), .limit = 5 };

static const struct sut_sql count_mails = {
    .name = "test_count_mails",
    .text = "SELECT COUNT(*) FROM outbox WHERE what = 'low-stock'",
};
static const struct sut_sql first_variant = {
    .name = "test_first_variant",
    .text = "SELECT MIN(id) FROM variants",
};
static const struct sut_sql set_stock = {
    .name = "test_set_stock",
    .text = "UPDATE variants SET stock = $2 WHERE id = $1",
};
static const struct sut_sql set_reserved = {
    .name = "test_set_reserved",
    .text = "UPDATE variants SET reserved = $2 WHERE id = $1",
};
static const struct sut_sql set_active = {
    .name = "test_set_active",
    .text = "UPDATE variants SET is_active = $2 WHERE id = $1",
};

static int64_t number(struct fixture *f, const struct sut_sql *sql)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, sql, &s));
    OK(sut_db_step(s, &has_row));
    return sut_db_col_i64(s, 0);
}

static SUT_ERR stock_job(struct sut_db_conn *c, void *arg)
{
    const int *n = arg;
    int64_t category = 0;
    int64_t ignored = 0;
    const struct sut_category_data k = { .name = SUT_STR("K"), .slug = SUT_STR("k") };
    TRY(sut_category_insert(c, &k, now, &category, &ignored));
    for (int i = 0; i < *n; i++) {
        char slug[16];
        const int size = snprintf(slug, sizeof(slug), "p-%d", i);
        const sut_str name = sut_str_of(slug, (size_t) size);
        const struct sut_variant_data v = { .name = name,
                                            .sku = name,
                                            .color = SUT_STR("Blue"),
                                            .price_cents = -1,
                                            .stock = 100,
                                            .is_active = true };
        const struct sut_product_data p = { .name = name,
                                            .slug = name,
                                            .category_id = category,
                                            .price_cents = 1000,
                                            .is_active = true,
                                            .date_added = now };
        TRY(sut_product_insert(c, &p, &v, 1, now, &ignored, &ignored));
    }
    return SUT_OK;
}

/* The number of the first of n variants; the others follow it. */
static int64_t stock(struct fixture *f, int n)
{
    OK(sut_store_write(f->store, stock_job, &n));
    return number(f, &first_variant);
}

struct change {
    const struct sut_sql *sql;
    int64_t id;
    int64_t to;
};

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    const struct change *h = arg;
    bool has_row = false;
    TRY(sut_db_prepare(c, h->sql, &s));
    sut_db_bind_i64(s, 1, h->id);
    sut_db_bind_i64(s, 2, h->to);
    return sut_db_step(s, &has_row);
}

static void change(struct fixture *f, const struct sut_sql *sql, int64_t id, int64_t to)
{
    struct change h = { .sql = sql, .id = id, .to = to };
    OK(sut_store_write(f->store, change_job, &h));
}

/* Whether a mail is queued, so many hours from the beginning. */
static bool tells(struct fixture *f, int64_t hours)
{
    bool is_queued = false;
    const int64_t before = number(f, &count_mails);
    OK(sut_low_stock_tell(f->store, &ask, (sut_ms){ now.v + hours * hour }, &is_queued));
    assert_int_equal(number(f, &count_mails) - before, is_queued ? 1 : 0);
    return is_queued;
}

static void nothing_is_told_while_there_is_enough(void **state)
{
    struct fixture *f = fixture_of(state);
    assert_false(tells(f, 0));
    const int64_t v = stock(f, 3);
    change(f, &set_stock, v, 6);
    assert_false(tells(f, 0));
}

static void what_is_low_is_told_once_a_day_and_news_within_the_hour(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 3);
    change(f, &set_stock, v, 5);
    assert_true(tells(f, 0));
    /* Another server, the same hour; later hours: nothing is new. */
    assert_false(tells(f, 0));
    assert_false(tells(f, 1));
    assert_false(tells(f, 23));
    change(f, &set_stock, v + 1, 0);
    assert_true(tells(f, 23));
    assert_false(tells(f, 23));
    /* A day after the first, which was told of again with the second. */
    assert_false(tells(f, 24));
    assert_true(tells(f, 47));
}

static void what_two_servers_see_in_one_hour_is_not_lost(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 3);
    change(f, &set_stock, v, 5);
    assert_true(tells(f, 0));
    change(f, &set_stock, v + 1, 5);
    /* This hour has its mail; the next one tells of the other. */
    assert_false(tells(f, 0));
    assert_true(tells(f, 1));
}

static void what_is_promised_is_not_left(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    struct sut_low_variant *low = NULL;
    size_t n = 0;
    int64_t count = 0;
    change(f, &set_reserved, v, 97);
    OK(sut_low_stock(f->reader, f->arena, 5, &low, &n, &count));
    assert_int_equal(n, 1);
    assert_int_equal(count, 1);
    assert_int_equal(low[0].left, 3);
    assert_true(sut_str_is(low[0].sku, "p-0"));
    assert_true(tells(f, 0));
}

static void what_was_filled_up_or_hidden_is_news_again(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 2);
    change(f, &set_stock, v, 1);
    assert_true(tells(f, 0));
    change(f, &set_stock, v, 50);
    assert_false(tells(f, 1));
    change(f, &set_stock, v, 2);
    assert_true(tells(f, 2));
    change(f, &set_active, v, 0);
    assert_false(tells(f, 3));
    assert_false(tells(f, 40));
    change(f, &set_active, v, 1);
    assert_true(tells(f, 41));
}

static void a_great_many_are_one_mail(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 60);
    for (int i = 0; i < 60; i++)
        change(f, &set_stock, v + i, i % 6);
    assert_true(tells(f, 0));
    assert_false(tells(f, 1));
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        T(nothing_is_told_while_there_is_enough),
        T(what_is_low_is_told_once_a_day_and_news_within_the_hour),
        T(what_two_servers_see_in_one_hour_is_not_lost),
        T(what_is_promised_is_not_left),
        T(what_was_filled_up_or_hidden_is_news_again),
        T(a_great_many_are_one_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
