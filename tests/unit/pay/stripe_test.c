/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/stripe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "with_arena.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static int64_t units(const char *currency, int64_t cents)
{
    int64_t n = 0;
    return sut_failed(sut_stripe_units(sut_str_from(currency), cents, &n)) ? -1 : n;
}

static void counts_as_the_currency_does(void **state)
{
    (void) state;
    assert_int_equal(units("usd", 1099), 1099);
    assert_int_equal(units("ZAR", 1), 1);
    assert_int_equal(units("jpy", 129900), 1299);
    assert_int_equal(units("JPY", 129950), -1);
    assert_int_equal(units("kwd", 1050), 10500);
    assert_int_equal(units("usd", 0), -1);
    assert_int_equal(units("usd", -5), -1);
    assert_int_equal(units("kwd", INT64_MAX), -1);
    assert_int_equal(units("", 5), -1);
    assert_int_equal(units("dollar", 5), -1);
}

static const struct sut_stripe_asked asked = {
    .order = 89,
    .payment = 12,
    .order_number = SUT_STR_INIT("MW-2026-00089"),
    .units = 259998,
    .currency = SUT_STR_INIT("ZAR"),
    .email = SUT_STR_INIT("ada+shop@example.com"),
    .success_url = SUT_STR_INIT("https://shop.example/ok?order=89"),
    .cancel_url = SUT_STR_INIT("https://shop.example/no?order=89"),
    .expires_s = 1772370000,
};

static void forms_are_nested_as_the_official_library_nests_them(void **state)
{
    (void) state;
    struct sut_buf b;
    sut_buf_init(&b, 4096);
    sut_stripe_put_session(&b, &asked);
    assert_true(sut_str_is(
        sut_buf_str(&b),
        "mode=payment&line_items[0][price_data][currency]=zar"
        "&line_items[0][price_data][product_data][name]=Order%20MW-2026-00089"
        "&line_items[0][price_data][unit_amount]=259998&line_items[0][quantity]=1"
        "&success_url=https%3A%2F%2Fshop.example%2Fok%3Forder%3D89"
        "&cancel_url=https%3A%2F%2Fshop.example%2Fno%3Forder%3D89&client_reference_id=89"
        "&metadata[order_id]=89&metadata[payment_id]=12"
        "&payment_intent_data[metadata][order_id]=89&payment_intent_data[metadata][payment_id]=12"
        "&expires_at=1772370000&customer_email=ada%2Bshop%40example.com"));
    sut_buf_reset(&b);
    sut_stripe_put_intent(&b, &asked);
    assert_true(sut_str_is(sut_buf_str(&b),
                           "amount=259998&currency=zar&automatic_payment_methods[enabled]=true"
                           "&metadata[order_id]=89&metadata[payment_id]=12"));
    sut_buf_reset(&b);
    sut_stripe_put_refund(&b, SUT_STR("pi_1"), 89, 12);
    assert_true(sut_str_is(sut_buf_str(&b), "payment_intent=pi_1&metadata[order_id]=89"
                                            "&metadata[payment_id]=12"));
    sut_buf_done(&b);
}

static void what_is_not_said_stands_not_there(void **state)
{
    (void) state;
    struct sut_stripe_asked a = asked;
    struct sut_buf b;
    a.email = (sut_str){ 0 };
    a.expires_s = 0;
    sut_buf_init(&b, 4096);
    sut_stripe_put_session(&b, &a);
    sut_buf_char(&b, '\0');
    assert_null(strstr(b.p, "email"));
    assert_null(strstr(b.p, "expires"));
    sut_buf_done(&b);
}

static void reads_the_members_that_matter(void **state)
{
    struct sut_arena *a = *state;
    struct sut_stripe_object o;
    OK(sut_stripe_parse(
        a,
        SUT_STR("{\"object\":\"checkout.session\",\"id\":\"cs_1\",\"status\":\"complete\","
                "\"payment_status\":\"paid\",\"payment_intent\":\"pi_1\",\"amount_total\":1099,"
                "\"currency\":\"usd\",\"url\":null,\"metadata\":{\"order_id\":\"89\","
                "\"payment_id\":\"12\",\"x\":\"y\"},\"livemode\":false,\"more\":[1,{}]}"),
        &o));
    assert_true(sut_str_is(o.kind, "checkout.session") && sut_str_is(o.id, "cs_1"));
    assert_true(sut_str_is(o.intent, "pi_1") && sut_str_is(o.payment_status, "paid"));
    assert_true(o.amount == 1099 && o.order == 89 && o.payment == 12 && o.url.n == 0);
    /* An endpoint may have the whole intent in the id's place. */
    OK(sut_stripe_parse(a,
                        SUT_STR("{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":5,"
                                "\"payment_intent\":{\"object\":\"payment_intent\","
                                "\"id\":\"pi_2\"},\"metadata\":{\"order_id\":\"no number\"}}"),
                        &o));
    assert_true(sut_str_is(o.intent, "pi_2") && o.order == 0 && o.payment == 0);
}

static void what_is_of_another_type_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"object\":\"refund\"}",
        "{\"id\":\"re_1\"}",
        "{\"object\":\"refund\",\"id\":7}",
        "{\"object\":\"refund\",\"id\":\"\"}",
        "{\"object\":7,\"id\":\"re_1\"}",
        "{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":\"5\"}",
        "{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":-5}",
        "{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":5.5}",
        "{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":99999999999999999999}",
        "{\"object\":\"refund\",\"id\":\"re_1\",\"status\":[]}",
        "{\"object\":\"refund\",\"id\":\"re_1\",\"payment_intent\":5}",
        "{\"object\":\"refund\",\"id\":\"re_1\",\"id\":\"re_2\"}",
        "{\"object\":\"refund\",\"id\":\"re_1\"} ",
    };
    struct sut_arena *a = *state;
    struct sut_stripe_object o;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) - 1; i++)
        assert_true(sut_failed(sut_stripe_parse(a, sut_str_from(bad[i]), &o)));
    /* Blanks around it are JSON. */
    OK(sut_stripe_parse(a, sut_str_from(bad[sizeof(bad) / sizeof(bad[0]) - 1]), &o));
}

static void an_error_is_a_word_of_ours(void **state)
{
    struct sut_arena *a = *state;
    assert_string_equal(
        sut_stripe_why(a, SUT_STR("{\"error\":{\"code\":\"charge_already_refunded\"}}")),
        "charge_already_refunded");
    assert_string_equal(sut_stripe_why(a, SUT_STR("{\"error\":{\"code\":\"ada@example.com\"}}")),
                        "refused");
    assert_string_equal(sut_stripe_why(a, SUT_STR("{\"error\":{\"code\":7}}")), "refused");
    assert_string_equal(sut_stripe_why(a, SUT_STR("{\"error\":7}")), "refused");
    assert_string_equal(sut_stripe_why(a, SUT_STR("<html>")), "refused");
}

int main(void)
{
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_the_currency_does),
        cmocka_unit_test(forms_are_nested_as_the_official_library_nests_them),
        cmocka_unit_test(what_is_not_said_stands_not_there),
        EACH(reads_the_members_that_matter),
        EACH(what_is_of_another_type_is_refused),
        EACH(an_error_is_a_word_of_ours),
    };
    return cmocka_run_group_tests_name("stripe", tests, NULL, NULL);
}
