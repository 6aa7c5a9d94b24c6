/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shop/order.h"
#include "store/cart.h"
#include "store/product.h"
#include "store/stock.h"
#include "store_fixture.h"
#include "store_person.h"

enum { EACH = 7, PRICE = 1000, MINUTE = 60 * 1000 };
static const int64_t hour = INT64_C(3600) * 1000;

static const struct sut_sql variant_first = {
    .name = "test_variant_first",
    .text = "SELECT MIN(id) FROM variants",
};
static const struct sut_sql count_orders = {
    .name = "test_count_orders",
    .text = "SELECT COUNT(*) FROM orders",
};
static const struct sut_sql count_mails = {
    .name = "test_count_mails",
    .text = "SELECT COUNT(*) FROM outbox",
};
static const struct sut_sql on_hand = {
    .name = "test_on_hand",
    .text = "SELECT MIN(stock) FROM variants",
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
        const struct sut_variant_data v = { .name = SUT_STR("M / Blue"),
                                            .sku = name,
                                            .size = SUT_STR("M"),
                                            .color = SUT_STR("Blue"),
                                            .price_cents = -1,
                                            .stock = EACH,
                                            .is_active = true };
        const struct sut_product_data p = { .name = name,
                                            .slug = name,
                                            .category_id = category,
                                            .price_cents = PRICE,
                                            .is_active = true,
                                            .date_added = now };
        TRY(sut_product_insert(c, &p, &v, 1, now, &ignored, &ignored));
    }
    return SUT_OK;
}

static int64_t stock(struct fixture *f, int n)
{
    OK(sut_store_write(f->store, stock_job, &n));
    return number(f, &variant_first);
}

static int64_t available(struct fixture *f, int64_t variant)
{
    struct sut_stock_item it;
    OK(sut_stock_look(f->reader, f->arena, variant, &it));
    return it.available;
}

static void is_sound(struct fixture *f)
{
    int64_t bad = 0;
    OK(sut_stock_audit(f->reader, &bad));
    assert_int_equal(bad, 0);
}

/* --- what is done with an order --- */

struct doing {
    struct fixture *f;
    enum { MAKE, ADVANCE, PAY, CANCEL } what;
    struct sut_order_make make;
    struct sut_order_step step;
    enum sut_order_status to;
    sut_ms at;
    struct sut_order_result done;
};

static SUT_ERR do_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    struct sut_arena *a = d->f->arena;
    switch (d->what) {
    case MAKE:
        return sut_order_make(c, a, &d->make, d->at, &d->done);
    case ADVANCE:
        return sut_order_advance(c, a, &d->step, d->to, d->at, &d->done);
    case PAY:
        return sut_order_pay(c, a, &d->step, d->at, &d->done);
    case CANCEL:
        return sut_order_cancel(c, a, &d->step, d->at, &d->done);
    }
    FAIL(INVALID);
}

static struct doing order_of(struct fixture *f, int64_t person, const struct sut_order_item *items,
                             size_t n, enum sut_pay_method method)
{
    struct doing d = { .f = f,
                       .what = MAKE,
                       .make = { .person = person,
                                 .by = person,
                                 .items = items,
                                 .n_items = n,
                                 .address = SUT_STR("1 Road"),
                                 .notes = SUT_STR(""),
                                 .method = method,
                                 .hold_ms = 30 * MINUTE,
                                 .prefix = SUT_STR("MW"),
                                 .currency = SUT_STR("ZAR"),
                                 .addr = SUT_STR("192.0.2.1") },
                       .at = now };
    OK(sut_store_write(f->store, do_job, &d));
    return d;
}

static int64_t make(struct fixture *f, int64_t person, int64_t variant, int64_t quantity,
                    enum sut_pay_method method)
{
    const struct sut_order_item one = { variant, quantity };
    const struct doing d = order_of(f, person, &one, 1, method);
    assert_int_equal(d.done.outcome, SUT_ORDER_DONE);
    return d.done.order.id;
}

static struct doing step(struct fixture *f, int64_t order, enum sut_order_status to, sut_ms at)
{
    struct doing d = {
        .f = f, .what = ADVANCE, .step = { .order = order, .is_staff = true }, .to = to, .at = at
    };
    OK(sut_store_write(f->store, do_job, &d));
    return d;
}

static struct sut_order look(struct fixture *f, int64_t id)
{
    struct sut_order o;
    OK(sut_order_by_id(f->reader, f->arena, id, &o));
    return o;
}

/* --- the rules --- */

static void a_status_follows_what_it_may(void **state)
{
    (void) state;
    static const bool may[6][6] = {
        [SUT_ORDER_PENDING] = { [SUT_ORDER_PAID] = true, [SUT_ORDER_CANCELLED] = true },
        [SUT_ORDER_PAID] = { [SUT_ORDER_SHIPPED] = true, [SUT_ORDER_CANCELLED] = true },
        [SUT_ORDER_SHIPPED] = { [SUT_ORDER_DELIVERED] = true },
    };
    for (int from = SUT_ORDER_PENDING; from <= SUT_ORDER_CANCELLED; from++)
        for (int to = SUT_ORDER_PENDING; to <= SUT_ORDER_CANCELLED; to++)
            assert_int_equal(
                sut_order_may_become((enum sut_order_status) from, (enum sut_order_status) to),
                may[from][to]);
}

static void a_paid_order_can_be_cancelled_for_a_day(void **state)
{
    (void) state;
    struct sut_order o = { .status = SUT_ORDER_PENDING };
    const int64_t day = SUT_ORDER_CANCEL_H * hour;
    assert_true(sut_order_may_cancel(&o, (sut_ms){ now.v + 100 * day }));
    o.status = SUT_ORDER_PAID;
    o.paid_at = now;
    assert_true(sut_order_may_cancel(&o, (sut_ms){ now.v + day }));
    assert_false(sut_order_may_cancel(&o, (sut_ms){ now.v + day + 1 }));
    o.status = SUT_ORDER_SHIPPED;
    assert_false(sut_order_may_cancel(&o, now));
}

static void a_number_is_prefix_year_and_id(void **state)
{
    (void) state;
    char text[SUT_ORDER_NUMBER_TEXT];
    struct sut_order o = { .id = 89, .prefix = SUT_STR("MW"), .created_at = now };
    assert_true(sut_str_is(sut_order_number(&o, text), "MW-2026-00089"));
    o.id = INT64_MAX;
    o.prefix = SUT_STR("ABCDEFGH");
    assert_true(sut_str_is(sut_order_number(&o, text), "ABCDEFGH-2026-9223372036854775807"));
}

/* --- stock --- */

static void an_order_holds_and_its_end_frees(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t who = person(f, "a@example.com");
    const int64_t order = make(f, who, v, 3, SUT_PAY_STRIPE);
    assert_int_equal(available(f, v), EACH - 3);
    assert_int_equal(number(f, &on_hand), EACH);
    assert_int_equal(look(f, order).held_until.v, now.v + 30 * MINUTE);
    const struct doing d = step(f, order, SUT_ORDER_CANCELLED, now);
    assert_int_equal(d.done.outcome, SUT_ORDER_DONE);
    assert_int_equal(d.done.n_products, 1);
    assert_int_equal(available(f, v), EACH);
    assert_int_equal(look(f, order).refund, SUT_REFUND_NONE);
    is_sound(f);
}

static void a_paid_order_takes_and_its_cancel_gives_back(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t order = make(f, person(f, "a@example.com"), v, 3, SUT_PAY_OFFLINE);
    assert_int_equal(look(f, order).held_until.v, 0);
    step(f, order, SUT_ORDER_PAID, now);
    assert_int_equal(number(f, &on_hand), EACH - 3);
    assert_int_equal(available(f, v), EACH - 3);
    struct sut_order o = look(f, order);
    assert_int_equal(o.payment, SUT_PAYMENT_PAID);
    assert_int_equal(o.paid_at.v, now.v);
    is_sound(f);
    step(f, order, SUT_ORDER_CANCELLED, now);
    assert_int_equal(available(f, v), EACH);
    o = look(f, order);
    assert_int_equal(o.refund, SUT_REFUND_PENDING);
    assert_true(sut_str_is(o.address, "1 Road"));
    is_sound(f);
    /* One for the order, one for each step; a step that may not be tells nobody. */
    assert_int_equal(number(f, &count_mails), 3);
    assert_int_equal(step(f, order, SUT_ORDER_PAID, now).done.outcome, SUT_ORDER_REFUSED);
    assert_int_equal(number(f, &count_mails), 3);
}

static void what_is_not_there_is_not_sold(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 2);
    const int64_t who = person(f, "a@example.com");
    /* Lines of one variant are added up; all that is short is named. */
    const struct sut_order_item items[] = { { v + 1, EACH + 1 }, { v, 4 }, { v, 4 } };
    struct doing d = order_of(f, who, items, 3, SUT_PAY_OFFLINE);
    assert_int_equal(d.done.outcome, SUT_ORDER_SHORT);
    assert_int_equal(d.done.n_shortages, 2);
    assert_int_equal(d.done.shortages[0].variant, v + 1);
    assert_int_equal(d.done.shortages[1].requested, 8);
    assert_int_equal(d.done.shortages[1].available, EACH);
    const struct sut_order_item none = { v + 99, 1 };
    d = order_of(f, who, &none, 1, SUT_PAY_OFFLINE);
    assert_int_equal(d.done.outcome, SUT_ORDER_NO_VARIANT);
    assert_int_equal(d.done.missing, v + 99);
    const struct sut_order_item many[] = { { v, 60 }, { v, 41 } };
    assert_int_equal(order_of(f, who, many, 2, SUT_PAY_OFFLINE).done.outcome, SUT_ORDER_TOO_MANY);
    assert_int_equal(order_of(f, who, NULL, 0, SUT_PAY_OFFLINE).done.outcome, SUT_ORDER_EMPTY);
    assert_int_equal(number(f, &count_orders), 0);
    assert_int_equal(number(f, &count_mails), 0);
    assert_int_equal(available(f, v), EACH);
}

static void the_sum_is_the_lines(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 2);
    const struct sut_order_item items[] = { { v + 1, 2 }, { v, 1 }, { v + 1, 3 } };
    const struct doing d = order_of(f, person(f, "a@example.com"), items, 3, SUT_PAY_OFFLINE);
    struct sut_order_line *lines = NULL;
    size_t n = 0;
    assert_int_equal(d.done.outcome, SUT_ORDER_DONE);
    assert_int_equal(d.done.order.total_cents, 6 * PRICE);
    assert_int_equal(d.done.order.items_count, 6);
    OK(sut_order_lines(f->reader, f->arena, d.done.order.id, &lines, &n));
    assert_int_equal(n, 2);
    /* In the order in which they were asked for. */
    assert_int_equal(lines[0].variant_id, v + 1);
    assert_int_equal(lines[0].quantity, 5);
    assert_true(sut_str_is(lines[1].sku, "p-0"));
}

/* --- time --- */

static void a_hold_ends(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t who = person(f, "a@example.com");
    const int64_t held = make(f, who, v, 2, SUT_PAY_STRIPE);
    const int64_t paid = make(f, who, v, 1, SUT_PAY_STRIPE);
    const int64_t door = make(f, who, v, 1, SUT_PAY_OFFLINE);
    static struct sut_order_expiry x;
    x.behind = 0;
    step(f, paid, SUT_ORDER_PAID, now);
    OK(sut_order_expire(f->store, (sut_ms){ now.v + 30 * MINUTE - 1 }, &x));
    assert_int_equal(x.n_products, 0);
    assert_int_equal(look(f, held).status, SUT_ORDER_PENDING);
    OK(sut_order_expire(f->store, (sut_ms){ now.v + 30 * MINUTE }, &x));
    assert_int_equal(x.n_products, 1);
    assert_int_equal(x.n_left, 0);
    assert_int_equal(look(f, held).status, SUT_ORDER_CANCELLED);
    assert_int_equal(look(f, paid).status, SUT_ORDER_PAID);
    assert_int_equal(look(f, door).status, SUT_ORDER_PENDING);
    assert_int_equal(available(f, v), EACH - 2);
    is_sound(f);
    OK(sut_order_expire(f->store, (sut_ms){ now.v + 100 * hour }, &x));
    assert_int_equal(x.n_products, 0);
    /* Too late, and nothing is changed. */
    struct doing d = { .f = f, .what = PAY, .step = { .order = held }, .at = now };
    OK(sut_store_write(f->store, do_job, &d));
    assert_int_equal(d.done.outcome, SUT_ORDER_REFUSED);
    assert_int_equal(available(f, v), EACH - 2);
}

static void more_than_one_step_of_them_end(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t who = person(f, "a@example.com");
    static struct sut_order_expiry x;
    x.behind = 0;
    for (int i = 0; i < EACH; i++)
        make(f, who, v, 1, SUT_PAY_PAYSTACK);
    assert_int_equal(available(f, v), 0);
    OK(sut_order_expire(f->store, (sut_ms){ now.v + hour }, &x));
    assert_int_equal(x.n_products, 1);
    assert_int_equal(available(f, v), EACH);
    is_sound(f);
}

static SUT_ERR plenty_job(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "test_plenty", "UPDATE variants SET stock = 100" };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    (void) arg;
    TRY(sut_db_prepare(c, &sql, &s));
    return sut_db_step(s, &has_row);
}

/* What the variant's orders hold is not in its row any more: none of them can be cancelled. */
static SUT_ERR damage_job(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql sql = { "test_damage",
                                        "UPDATE variants SET reserved = 0 WHERE id = $1" };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &sql, &s));
    sut_db_bind_i64(s, 1, *(const int64_t *) arg);
    return sut_db_step(s, &has_row);
}

static void orders_that_cannot_be_cancelled_keep_none_from_its_turn(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct sut_order_expiry x;
    x.behind = 0;
    int64_t bad = stock(f, 2);
    const int64_t who = person(f, "a@example.com");
    const sut_ms later = { now.v + hour };
    OK(sut_store_write(f->store, plenty_job, NULL));
    for (int i = 0; i < SUT_ORDER_EXPIRE_MAX + 1; i++)
        make(f, who, bad, 1, SUT_PAY_STRIPE);
    const int64_t good = make(f, who, bad + 1, 1, SUT_PAY_STRIPE);
    OK(sut_store_write(f->store, damage_job, &bad));
    assert_true(sut_failed(sut_order_expire(f->store, later, &x)));
    assert_int_equal(x.n_left, SUT_ORDER_EXPIRE_MAX);
    OK(sut_order_expire(f->store, later, &x));
    assert_int_equal(x.n_left, 1);
    assert_int_equal(x.n_products, 1);
    assert_int_equal(look(f, good).status, SUT_ORDER_CANCELLED);
    assert_int_equal(available(f, bad + 1), 100);
    /* And from the first again. */
    assert_true(sut_failed(sut_order_expire(f->store, later, &x)));
    assert_int_equal(x.n_left, SUT_ORDER_EXPIRE_MAX);
}

static void a_payment_that_failed_is_noted(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t order = make(f, person(f, "a@example.com"), v, 1, SUT_PAY_STRIPE);
    struct doing d = { .f = f,
                       .what = CANCEL,
                       .step = { .order = order,
                                 .reason = "payment_failed",
                                 .words = SUT_STR("no card"),
                                 .is_payment_failed = true },
                       .at = now };
    OK(sut_store_write(f->store, do_job, &d));
    const struct sut_order o = look(f, order);
    assert_int_equal(o.payment, SUT_PAYMENT_FAILED);
    assert_true(sut_str_is(o.reason, "no card"));
    assert_int_equal(d.done.outcome, SUT_ORDER_DONE);
    d.step.order = order + 1;
    assert_int_equal(sut_store_write(f->store, do_job, &d).code, SUT_E_NOT_FOUND);
}

/* --- lists --- */

static void a_list_is_of_whom_and_what_is_asked(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t v = stock(f, 1);
    const int64_t one = person(f, "a@example.com");
    const int64_t two = person(f, "b@example.com");
    const int64_t first = make(f, one, v, 1, SUT_PAY_OFFLINE);
    const int64_t second = make(f, two, v, 1, SUT_PAY_OFFLINE);
    const int64_t third = make(f, one, v, 1, SUT_PAY_OFFLINE);
    struct sut_order *rows = NULL;
    size_t n = 0;
    int64_t count = 0;
    struct sut_order_query q = { .person = one, .limit = 10 };
    step(f, third, SUT_ORDER_PAID, now);
    OK(sut_order_list(f->reader, f->arena, &q, true, &rows, &n, &count));
    assert_int_equal(n, 2);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, third);
    assert_true(sut_str_is(rows[1].address, "1 Road"));
    q = (struct sut_order_query){ .is_oldest_first = true, .limit = 2 };
    OK(sut_order_list(f->reader, f->arena, &q, false, &rows, &n, &count));
    assert_int_equal(count, 3);
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].id, first);
    assert_int_equal(rows[1].id, second);
    assert_null(rows[0].address.p);
    q = (struct sut_order_query){ .status = SUT_ORDER_PENDING, .offset = 1, .limit = 10 };
    OK(sut_order_list(f->reader, f->arena, &q, false, &rows, &n, &count));
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].id, first);
    q.limit = 101;
    assert_int_equal(sut_order_list(f->reader, f->arena, &q, false, &rows, &n, &count).code,
                     SUT_E_INVALID);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_follows_what_it_may),
        cmocka_unit_test(a_paid_order_can_be_cancelled_for_a_day),
        cmocka_unit_test(a_number_is_prefix_year_and_id),
        T(an_order_holds_and_its_end_frees),
        T(a_paid_order_takes_and_its_cancel_gives_back),
        T(what_is_not_there_is_not_sold),
        T(the_sum_is_the_lines),
        T(a_hold_ends),
        T(more_than_one_step_of_them_end),
        T(orders_that_cannot_be_cancelled_keep_none_from_its_turn),
        T(a_payment_that_failed_is_noted),
        T(a_list_is_of_whom_and_what_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
