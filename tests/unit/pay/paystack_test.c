/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/paystack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "with_arena.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static void a_reference_is_ours_and_never_another_one_s(void **state)
{
    (void) state;
    char one[SUT_PAYSTACK_REFERENCE];
    char other[SUT_PAYSTACK_REFERENCE];
    const sut_ms t = { INT64_C(1772370000123) };
    assert_true(sut_str_is(sut_paystack_reference(12, t, one), "sut-1772370000123-12"));
    assert_false(
        sut_str_eq(sut_paystack_reference(12, t, one), sut_paystack_reference(13, t, other)));
    assert_false(sut_str_eq(sut_paystack_reference(12, t, one),
                            sut_paystack_reference(12, (sut_ms){ t.v + 1 }, other)));
    assert_int_equal(sut_paystack_reference(INT64_MAX, (sut_ms){ INT64_MAX }, one).n, 43);
}

static void asks_as_its_documents_have_it(void **state)
{
    (void) state;
    const struct sut_paystack_asked asked = {
        .order = 89,
        .payment = 12,
        .cents = 259998,
        .currency = SUT_STR("zar"),
        .email = SUT_STR("ada@example.com"),
        .reference = SUT_STR("sut-1-12"),
        .callback_url = SUT_STR("https://shop.example/ok?order=89"),
    };
    struct sut_buf b;
    sut_buf_init(&b, 4096);
    sut_paystack_put_transaction(&b, &asked);
    assert_true(sut_str_is(sut_buf_str(&b),
                           "{\"email\":\"ada@example.com\",\"amount\":259998,"
                           "\"currency\":\"ZAR\",\"reference\":\"sut-1-12\","
                           "\"callback_url\":\"https://shop.example/ok?order=89\","
                           "\"metadata\":{\"order_id\":\"89\",\"payment_id\":\"12\"}}"));
    sut_buf_reset(&b);
    sut_paystack_put_refund(&b, SUT_STR("sut-1-12"));
    assert_true(sut_str_is(sut_buf_str(&b), "{\"transaction\":\"sut-1-12\"}"));
    sut_buf_done(&b);
}

static void reads_answers_and_their_two_ways_to_write_a_number(void **state)
{
    struct sut_arena *a = *state;
    struct sut_paystack_object o;
    OK(sut_paystack_parse(
        a,
        SUT_STR("{\"status\":true,\"message\":\"Verification successful\",\"data\":{\"id\":4099,"
                "\"status\":\"success\",\"reference\":\"sut-1-12\",\"amount\":\"259998\","
                "\"currency\":\"ZAR\",\"metadata\":{\"order_id\":89,\"payment_id\":\"12\"},"
                "\"fees\":1.5}}"),
        &o));
    assert_true(sut_str_is(o.status, "success") && sut_str_is(o.reference, "sut-1-12"));
    assert_true(o.amount == 259998 && o.order == 89 && o.payment == 12 && o.id == 4099);
    OK(sut_paystack_parse(a,
                          SUT_STR("{\"status\":true,\"data\":{\"transaction\":{\"reference\":"
                                  "\"r\"},\"status\":\"pending\",\"id\":7,\"metadata\":\"\"}}"),
                          &o));
    assert_true(sut_str_is(o.reference, "r") && o.order == 0);
    OK(sut_paystack_parse_first(a, SUT_STR("{\"status\":true,\"data\":[{\"id\":1},{\"id\":2}]}"),
                                &o));
    assert_int_equal(o.id, 1);
    assert_int_equal(sut_paystack_parse_first(a, SUT_STR("{\"status\":true,\"data\":[]}"), &o).code,
                     SUT_E_NOT_FOUND);
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"status\":\"true\",\"data\":{}}",
        "{\"status\":true}",
        "{\"status\":true,\"data\":[]}",
        "{\"status\":true,\"data\":{\"amount\":-1}}",
        "{\"status\":true,\"data\":{\"amount\":1.5}}",
        "{\"status\":true,\"data\":{\"amount\":\"ten\"}}",
        "{\"status\":true,\"data\":{\"status\":1}}",
        "{\"status\":true,\"data\":{\"reference\":{}}}",
    };
    struct sut_arena *a = *state;
    struct sut_paystack_object o;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sut_paystack_parse(a, sut_str_from(bad[i]), &o).code, SUT_E_PARSE);
    assert_int_equal(
        sut_paystack_parse(a, SUT_STR("{\"status\":false,\"message\":\"No\"}"), &o).code,
        SUT_E_DENIED);
}

int main(void)
{
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reference_is_ours_and_never_another_one_s),
        cmocka_unit_test(asks_as_its_documents_have_it),
        EACH(reads_answers_and_their_two_ways_to_write_a_number),
        EACH(what_is_no_answer_is_refused),
    };
    return cmocka_run_group_tests_name("paystack", tests, NULL, NULL);
}
