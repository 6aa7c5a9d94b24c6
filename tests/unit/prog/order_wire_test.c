/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prog/order_wire.h"

static struct sut_order order = {
    .id = 89,
    .person = 7,
    .prefix = SUT_STR_INIT("MW"),
    .status = SUT_ORDER_CANCELLED,
    .method = SUT_PAY_PAYSTACK,
    .payment = SUT_PAYMENT_REFUNDED,
    .refund = SUT_REFUND_DONE,
    .total_cents = 129999,
    .currency = SUT_STR_INIT("ZAR"),
    .items_count = 3,
    .created_by = 7,
    .modified_by = 8,
    .created_at = { 1770000000000 },
    .modified_at = { 1770000001000 },
    .paid_at = { 1770000002000 },
    .address = SUT_STR_INIT("1 Road\nCape Town"),
    .notes = SUT_STR_INIT(""),
};
static sut_str pseudonym = SUT_STR_INIT("p0123456789abcdef");
static struct sut_order_line line = {
    .id = 1,
    .product_id = 2,
    .variant_id = 3,
    .product_name = SUT_STR_INIT("Dress"),
    .sku = SUT_STR_INIT("D-1"),
    .color = SUT_STR_INIT("Sand"),
    .quantity = 3,
    .price_cents = 43333,
};
static struct sut_order_change change = { .status = SUT_ORDER_PAID, .by = 8, .at = { 5 } };

static void an_ask_comes_back_and_no_other_is_taken(void **state)
{
    (void) state;
    const struct sut_order_ask ask = { .verb = SUT_ORDERS_LIST,
                                       .status = SUT_ORDER_PAID,
                                       .person = 7,
                                       .is_oldest_first = true,
                                       .offset = 200,
                                       .limit = 50 };
    struct sut_order_ask got = { .id = 0 };
    struct sut_buf b;
    sut_buf_init(&b, SUT_ORDER_ASK_MAX);
    sut_order_ask_put(&b, &ask);
    assert_false(sut_failed(sut_buf_check(&b)));
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_false(sut_failed(sut_order_ask_get(&r, &got)));
    assert_memory_equal(&got, &ask, sizeof(ask));
    for (size_t n = 0; n < b.n; n++) {
        r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_int_equal(sut_order_ask_get(&r, &got).code, SUT_E_PARSE);
    }
    sut_buf_char(&b, 'x');
    r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_int_equal(sut_order_ask_get(&r, &got).code, SUT_E_PARSE);
    sut_buf_done(&b);
}

static void an_answer_comes_back_whole(void **state)
{
    (void) state;
    const struct sut_order_shown answer = { .refused = SUT_STR("no"),
                                            .rows = &order,
                                            .pseudonyms = &pseudonym,
                                            .n_rows = 1,
                                            .has_more = true,
                                            .lines = &line,
                                            .n_lines = 1,
                                            .changes = &change,
                                            .n_changes = 1 };
    DEFER(sut_arena_free) struct sut_arena *a = NULL;
    struct sut_order_shown got = { .n_rows = 0 };
    struct sut_buf b;
    assert_false(sut_failed(sut_arena_create(1 << 22, &a)));
    sut_buf_init(&b, SUT_ORDER_ANSWER_MAX);
    sut_order_shown_put(&b, &answer);
    struct sut_ipc_reader r = sut_ipc_reader_of(sut_buf_str(&b));
    assert_false(sut_failed(sut_order_shown_get(&r, a, &got)));
    assert_true(sut_str_is(got.refused, "no") && got.has_more);
    assert_int_equal(got.n_rows, 1);
    assert_int_equal(got.rows[0].id, 89);
    assert_int_equal(got.rows[0].refund, SUT_REFUND_DONE);
    assert_true(sut_str_eq(got.rows[0].address, order.address));
    /* Nothing and an empty text are told apart. */
    assert_non_null(got.rows[0].notes.p);
    assert_null(got.rows[0].reason.p);
    assert_true(sut_str_eq(got.pseudonyms[0], pseudonym));
    assert_null(got.lines[0].size.p);
    assert_int_equal(got.lines[0].price_cents, 43333);
    assert_int_equal(got.changes[0].at.v, 5);
    for (size_t n = 0; n < b.n; n++) {
        r = sut_ipc_reader_of(sut_str_of(b.p, n));
        assert_int_equal(sut_order_shown_get(&r, a, &got).code, SUT_E_PARSE);
    }
    sut_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ask_comes_back_and_no_other_is_taken),
        cmocka_unit_test(an_answer_comes_back_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
