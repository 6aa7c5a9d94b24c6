/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/cart.h"
#include "store/product.h"
#include "store_fixture.h"
#include "store_person.h"

enum { PRODUCTS_MAX = 250 };

static const struct sut_sql variant_first = {
    .name = "test_variant_first",
    .text = "SELECT MIN(id) FROM variants",
};
static const struct sut_sql count_carts = {
    .name = "test_count_carts",
    .text = "SELECT COUNT(*) FROM carts",
};
static const struct sut_sql count_lines = {
    .name = "test_count_lines",
    .text = "SELECT COUNT(*) FROM cart_lines",
};
static const struct sut_sql reserve = {
    .name = "test_reserve",
    .text = "UPDATE variants SET reserved = 2, price = 550 WHERE id = $1",
};
static const struct sut_sql hide = {
    .name = "test_hide",
    .text = "UPDATE products SET is_active = 0 WHERE id ="
            " (SELECT product_id FROM variants WHERE id = $1)",
};

static int64_t number(struct fixture *f, const struct sut_sql *sql)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, sql, &s));
    OK(sut_db_step(s, &has_row));
    return sut_db_col_i64(s, 0);
}

/* --- what is in the shop --- */

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
        const struct sut_variant_data v = { .name = SUT_STR("M / Blue"),
                                            .sku = name,
                                            .size = SUT_STR("M"),
                                            .color = SUT_STR("Blue"),
                                            .price_cents = -1,
                                            .stock = 7,
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

/* The number of the first variant; the others follow it. */
static int64_t stock(struct fixture *f, int n)
{
    OK(sut_store_write(f->store, stock_job, &n));
    return number(f, &variant_first);
}

struct change {
    const struct sut_sql *sql;
    int64_t id;
};

static SUT_ERR change_job(struct sut_db_conn *c, void *arg)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    const struct change *h = arg;
    bool has_row = false;
    TRY(sut_db_prepare(c, h->sql, &s));
    sut_db_bind_i64(s, 1, h->id);
    return sut_db_step(s, &has_row);
}

static void change(struct fixture *f, const struct sut_sql *sql, int64_t id)
{
    struct change h = { .sql = sql, .id = id };
    OK(sut_store_write(f->store, change_job, &h));
}

/* --- what is done with a cart --- */

struct doing {
    enum { HAVE, ADD, SET, REMOVE, CLEAR, MERGE } what;
    struct sut_cart_owner owner;
    int64_t cart;
    int64_t id; /* of a variant, a line, a person */
    int64_t quantity;
    sut_ms at;
    int64_t ret;
    int64_t ret_quantity;
};

static SUT_ERR do_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    const sut_ms at = d->at.v == 0 ? now : d->at;
    switch (d->what) {
    case HAVE:
        return sut_cart_have(c, &d->owner, at, &d->ret);
    case ADD:
        return sut_cart_add(c, d->cart, d->id, d->quantity, at, &d->ret, &d->ret_quantity);
    case SET:
        return sut_cart_set(c, d->cart, d->id, d->quantity, at);
    case REMOVE:
        return sut_cart_remove(c, d->cart, d->id, at);
    case CLEAR:
        return sut_cart_clear(c, d->cart, at, &d->ret);
    case MERGE:
        return sut_cart_merge(c, d->owner.guest, d->id, at);
    }
    FAIL(INVALID);
}

static enum sut_ecode does(struct fixture *f, struct doing *d)
{
    return sut_store_write(f->store, do_job, d).code;
}

static const char digests[3][SUT_CART_GUEST_SIZE + 1] = {
    "0123456789abcdef0123456789abcdef",
    "fedcba9876543210fedcba9876543210",
    "ffffffffffffffffffffffffffffffff",
};

static struct sut_cart_owner guest(int i)
{
    return (struct sut_cart_owner){ .guest = sut_str_of(digests[i], SUT_CART_GUEST_SIZE) };
}

static int64_t have(struct fixture *f, struct sut_cart_owner o)
{
    struct doing d = { .what = HAVE, .owner = o };
    assert_int_equal(does(f, &d), SUT_E_OK);
    return d.ret;
}

static enum sut_ecode add(struct fixture *f, int64_t cart, int64_t variant, int64_t quantity)
{
    struct doing d = { .what = ADD, .cart = cart, .id = variant, .quantity = quantity };
    return does(f, &d);
}

static size_t lines(struct fixture *f, int64_t cart, struct sut_cart_line **ret)
{
    size_t n = 0;
    OK(sut_cart_lines(f->reader, f->arena, cart, ret, &n));
    return n;
}

/* --- the tests --- */

static void an_owner_has_one_cart(void **state)
{
    struct fixture *f = fixture_of(state);
    const struct sut_cart_owner ana = { .person = person(f, "ana@example.com") };
    const struct sut_cart_owner both = { .person = ana.person, .guest = guest(0).guest };
    int64_t id = 1;
    OK(sut_cart_find(f->reader, &ana, &id));
    assert_int_equal(id, 0);
    const int64_t hers = have(f, ana);
    const int64_t first = have(f, guest(0));
    assert_int_equal(have(f, ana), hers);
    assert_int_equal(have(f, guest(0)), first);
    assert_int_not_equal(hers, first);
    assert_int_not_equal(have(f, guest(1)), first);
    OK(sut_cart_find(f->reader, &ana, &id));
    assert_int_equal(id, hers);
    assert_int_equal(sut_cart_find(f->reader, &both, &id).code, SUT_E_INVALID);
    assert_int_equal(sut_cart_find(f->reader, &(struct sut_cart_owner){ .person = -1 }, &id).code,
                     SUT_E_INVALID);
    const struct sut_cart_owner cut = { .guest = sut_str_of(digests[0], 31) };
    assert_int_equal(sut_cart_find(f->reader, &cut, &id).code, SUT_E_INVALID);
}

static void a_variant_adds_up_in_one_line(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 2);
    const int64_t cart = have(f, guest(0));
    struct sut_cart_line *l = NULL;
    struct doing d = { .what = ADD, .cart = cart, .id = v, .quantity = 60 };
    assert_int_equal(does(f, &d), SUT_E_OK);
    const int64_t line = d.ret;
    assert_int_equal(add(f, cart, v, 41), SUT_E_TOO_LARGE);
    assert_int_equal(add(f, cart, v, INT64_MAX), SUT_E_TOO_LARGE);
    assert_int_equal(add(f, cart, v, 0), SUT_E_TOO_LARGE);
    assert_int_equal(add(f, cart, v, -1), SUT_E_TOO_LARGE);
    d.quantity = 40;
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(d.ret, line);
    assert_int_equal(d.ret_quantity, 100);
    assert_int_equal(add(f, cart, v + 1, 1), SUT_E_OK);
    assert_int_equal(lines(f, cart, &l), 2);
    assert_int_equal(l[0].variant_id, v);
    assert_int_equal(l[0].quantity, 100);
    assert_int_equal(l[1].quantity, 1);
    assert_true(sut_str_is(l[0].sku, "p-0") && sut_str_is(l[0].size, "M"));
    assert_true(sut_str_is(l[0].product_slug, "p-0") && sut_str_is(l[0].color, "Blue"));
    assert_int_equal(l[0].price_cents, 1000);
    assert_true(l[0].is_shown);
}

static void what_a_line_costs_and_what_is_left_is_read_anew(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 2);
    const int64_t cart = have(f, guest(0));
    struct sut_cart_line *l = NULL;
    struct sut_cart_offer o = { 0 };
    assert_int_equal(add(f, cart, v, 3), SUT_E_OK);
    change(f, &reserve, v);
    assert_int_equal(lines(f, cart, &l), 1);
    assert_int_equal(l[0].available, 5);
    assert_int_equal(l[0].price_cents, 550);
    assert_int_equal(l[0].base_price_cents, 1000);
    OK(sut_cart_offer_of(f->reader, cart, v, &o));
    assert_int_equal(o.available, 5);
    assert_int_equal(o.price_cents, 550);
    assert_int_equal(o.in_cart, 3);
    OK(sut_cart_offer_of(f->reader, 0, v + 1, &o));
    assert_int_equal(o.available, 7);
    assert_int_equal(o.price_cents, 1000);
    assert_int_equal(o.in_cart, 0);
    change(f, &hide, v);
    assert_int_equal(lines(f, cart, &l), 1);
    assert_false(l[0].is_shown);
    assert_int_equal(sut_cart_offer_of(f->reader, cart, v, &o).code, SUT_E_NOT_FOUND);
    assert_int_equal(sut_cart_offer_of(f->reader, cart, v + 2, &o).code, SUT_E_NOT_FOUND);
}

static void a_line_is_its_carts_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t cart = have(f, guest(0));
    const int64_t other = have(f, guest(1));
    int64_t variant = 0;
    int64_t quantity = 0;
    struct doing d = { .what = ADD, .cart = cart, .id = v, .quantity = 2 };
    assert_int_equal(does(f, &d), SUT_E_OK);
    d.id = d.ret;
    d.what = SET;
    d.quantity = 5;
    assert_int_equal(does(f, &d), SUT_E_OK);
    OK(sut_cart_line_find(f->reader, cart, d.id, &variant, &quantity));
    assert_int_equal(variant, v);
    assert_int_equal(quantity, 5);
    assert_int_equal(sut_cart_line_find(f->reader, other, d.id, &variant, &quantity).code,
                     SUT_E_NOT_FOUND);
    d.quantity = 101;
    assert_int_equal(does(f, &d), SUT_E_TOO_LARGE);
    d.quantity = 5;
    d.cart = other;
    assert_int_equal(does(f, &d), SUT_E_NOT_FOUND);
    d.what = REMOVE;
    assert_int_equal(does(f, &d), SUT_E_NOT_FOUND);
    d.what = CLEAR;
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(d.ret, 0);
    d.cart = cart;
    d.what = REMOVE;
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(does(f, &d), SUT_E_NOT_FOUND);
    assert_int_equal(add(f, cart, v, 1), SUT_E_OK);
    d.what = CLEAR;
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(d.ret, 1);
}

static void a_cart_has_a_greatest_number_of_lines(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, PRODUCTS_MAX);
    const int64_t cart = have(f, guest(0));
    for (int i = 0; i < SUT_CART_LINES_MAX; i++)
        assert_int_equal(add(f, cart, v + i, 1), SUT_E_OK);
    assert_int_equal(add(f, cart, v + SUT_CART_LINES_MAX, 1), SUT_E_FULL);
    assert_int_equal(add(f, cart, v + SUT_CART_LINES_MAX - 1, 1), SUT_E_OK);
    assert_int_equal(add(f, cart, v, 100), SUT_E_TOO_LARGE);
    /* A merge keeps to it: what the person had stays. */
    const int64_t ana = person(f, "ana@example.com");
    const int64_t hers = have(f, (struct sut_cart_owner){ .person = ana });
    struct sut_cart_line *l = NULL;
    assert_int_equal(add(f, hers, v + PRODUCTS_MAX - 1, 9), SUT_E_OK);
    struct doing d = { .what = MERGE, .owner = guest(0), .id = ana };
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(lines(f, hers, &l), SUT_CART_LINES_MAX);
    assert_int_equal(l[0].quantity, 9);
    assert_int_equal(number(f, &count_lines), SUT_CART_LINES_MAX);
}

static void a_guests_cart_becomes_the_persons(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 3);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t first = have(f, guest(0));
    struct sut_cart_line *l = NULL;
    int64_t id = 0;
    assert_int_equal(add(f, first, v, 2), SUT_E_OK);
    assert_int_equal(add(f, first, v + 1, 5), SUT_E_OK);
    struct doing d = { .what = MERGE, .owner = guest(0), .id = ana };
    assert_int_equal(does(f, &d), SUT_E_OK);
    const int64_t hers = have(f, (struct sut_cart_owner){ .person = ana });
    OK(sut_cart_find(f->reader, &d.owner, &id));
    assert_int_equal(id, 0);
    assert_int_equal(lines(f, hers, &l), 2);
    /* Again, with the higher of two staying. */
    const int64_t second = have(f, guest(1));
    assert_int_equal(add(f, second, v, 9), SUT_E_OK);
    assert_int_equal(add(f, second, v + 1, 4), SUT_E_OK);
    assert_int_equal(add(f, second, v + 2, 1), SUT_E_OK);
    d.owner = guest(1);
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(lines(f, hers, &l), 3);
    assert_int_equal(l[0].quantity, 9);
    assert_int_equal(l[1].quantity, 5);
    assert_int_equal(l[2].quantity, 1);
    assert_int_equal(number(f, &count_carts), 1);
    assert_int_equal(number(f, &count_lines), 3);
    d.owner = guest(2);
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(number(f, &count_lines), 3);
}

static void a_guests_cart_goes_when_nobody_touches_it(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t day = 86400000;
    const sut_ms late = { now.v + (SUT_CART_KEEP_DAYS + 1) * day };
    const int64_t hers = have(f, (struct sut_cart_owner){ .person = person(f, "a@example.com") });
    const int64_t cart = have(f, guest(0));
    const int64_t kept = have(f, guest(1));
    assert_int_equal(add(f, hers, v, 1), SUT_E_OK);
    assert_int_equal(add(f, cart, v, 1), SUT_E_OK);
    assert_int_equal(add(f, kept, v, 1), SUT_E_OK);
    struct doing d = { .what = HAVE, .owner = guest(1), .at = { now.v + 2 * day } };
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(d.ret, kept);
    OK(sut_cart_prune(f->store, late));
    assert_int_equal(number(f, &count_carts), 2);
    OK(sut_cart_prune(f->store, (sut_ms){ late.v + 2 * day }));
    assert_int_equal(number(f, &count_carts), 1);
    assert_int_equal(number(f, &count_lines), 1);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        T(an_owner_has_one_cart),
        T(a_variant_adds_up_in_one_line),
        T(what_a_line_costs_and_what_is_left_is_read_anew),
        T(a_line_is_its_carts_alone),
        T(a_cart_has_a_greatest_number_of_lines),
        T(a_guests_cart_becomes_the_persons),
        T(a_guests_cart_goes_when_nobody_touches_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
