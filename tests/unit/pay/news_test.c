/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "with_arena.h"

struct row {
    enum sut_pay_method provider;
    const char *type;
    const char *object;
    enum sut_news_kind kind;
    const char *why; /* NONE */
};

#define META "\"metadata\":{\"order_id\":\"89\",\"payment_id\":\"12\"}"
#define SESSION(status_, paid_)                                                                    \
    "{\"object\":\"checkout.session\",\"id\":\"cs_1\",\"payment_intent\":\"pi_1\",\"status\":"     \
    "\"" status_ "\",\"payment_status\":\"" paid_                                                  \
    "\",\"amount_total\":500,\"currency\":\"usd\"," META "}"
#define INTENT(status_)                                                                            \
    "{\"object\":\"payment_intent\",\"id\":\"pi_1\",\"status\":\"" status_ "\",\"amount\":500,"    \
    "\"amount_received\":500,\"currency\":\"usd\"," META "}"
#define CHARGE(back_)                                                                              \
    "{\"object\":\"charge\",\"id\":\"ch_1\",\"payment_intent\":\"pi_1\",\"amount\":500,"           \
    "\"amount_refunded\":" back_ "," META "}"
#define REFUND(status_)                                                                            \
    "{\"object\":\"refund\",\"id\":\"re_1\",\"payment_intent\":\"pi_1\",\"status\":\"" status_     \
    "\",\"amount\":500}"
#define TRANSACTION(status_)                                                                       \
    "{\"id\":1,\"status\":\"" status_ "\",\"reference\":\"pi_1\",\"amount\":500,\"currency\":"     \
    "\"usd\"," META "}"

#define S SUT_PAY_STRIPE
#define P SUT_PAY_PAYSTACK
static const struct row rows[] = {
    { S, "checkout.session.completed", SESSION("complete", "paid"), SUT_NEWS_PAID, NULL },
    { S, "checkout.session.completed", SESSION("complete", "unpaid"), SUT_NEWS_NONE, "waits" },
    { S, "checkout.session.async_payment_succeeded", SESSION("complete", "paid"), SUT_NEWS_PAID,
      NULL },
    { S, "checkout.session.async_payment_failed", SESSION("complete", "unpaid"), SUT_NEWS_LOST,
      NULL },
    { S, "checkout.session.expired", SESSION("expired", "unpaid"), SUT_NEWS_LOST, NULL },
    { S, "payment_intent.succeeded", INTENT("succeeded"), SUT_NEWS_PAID, NULL },
    { S, "payment_intent.canceled", INTENT("canceled"), SUT_NEWS_LOST, NULL },
    { S, "payment_intent.processing", INTENT("processing"), SUT_NEWS_NONE, "waits" },
    { S, "payment_intent.payment_failed", INTENT("requires_payment_method"), SUT_NEWS_NONE,
      "can_be_tried_again" },
    { S, "charge.refunded", CHARGE("500"), SUT_NEWS_REFUNDED, NULL },
    { S, "charge.refunded", CHARGE("100"), SUT_NEWS_NONE, "partial_refund" },
    { S, "refund.updated", REFUND("succeeded"), SUT_NEWS_REFUNDED, NULL },
    { S, "charge.refund.updated", REFUND("succeeded"), SUT_NEWS_REFUNDED, NULL },
    { S, "refund.created", REFUND("pending"), SUT_NEWS_NONE, "waits" },
    { S, "refund.failed", REFUND("failed"), SUT_NEWS_REFUND_FAILED, NULL },
    { S, "refund.updated", REFUND("canceled"), SUT_NEWS_REFUND_FAILED, NULL },
    { S, "customer.created", "{}", SUT_NEWS_NONE, "not_handled" },
    { S, "charge.dispute.created", "{}", SUT_NEWS_NONE, "not_handled" },
    { P, "charge.success", TRANSACTION("success"), SUT_NEWS_PAID, NULL },
    { P, "charge.success", TRANSACTION("abandoned"), SUT_NEWS_NONE, "waits" },
    { P, "refund.pending", TRANSACTION("pending"), SUT_NEWS_NONE, "waits" },
    { P, "refund.processing", TRANSACTION("processing"), SUT_NEWS_NONE, "waits" },
    { P, "refund.processed", TRANSACTION("processed"), SUT_NEWS_REFUNDED, NULL },
    { P, "refund.failed", TRANSACTION("failed"), SUT_NEWS_REFUND_FAILED, NULL },
    { P, "transfer.success", "{}", SUT_NEWS_NONE, "not_handled" },
};

static SUT_ERR read_row(struct sut_arena *a, const struct row *r, struct sut_news *ret)
{
    char text[1024];
    (void) snprintf(text, sizeof(text),
                    r->provider == SUT_PAY_STRIPE ? "{\"data\":{\"object\":%s}}" : "{\"data\":%s}",
                    r->object);
    const sut_str body = sut_str_dup(a, sut_str_from(text));
    return sut_news_of_event(a, r->provider, sut_str_from(r->type), body, ret);
}

static void every_event_is_one_kind_of_news(void **state)
{
    struct sut_arena *a = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sut_news n;
        assert_int_equal(read_row(a, &rows[i], &n).code, SUT_E_OK);
        assert_int_equal(n.kind, rows[i].kind);
        if (n.kind == SUT_NEWS_NONE) {
            assert_string_equal(n.why, rows[i].why);
            continue;
        }
        assert_int_equal(n.provider, rows[i].provider);
        assert_true(sut_str_is(n.ref, "pi_1"));
        if (n.kind == SUT_NEWS_PAID)
            assert_true(n.amount == 500 && sut_str_is(n.currency, "usd") && n.order == 89 &&
                        n.payment == 12);
    }
}

static void a_body_that_is_not_what_its_type_says_is_refused(void **state)
{
    struct sut_arena *a = *state;
    static const struct row bad[] = {
        { S, "payment_intent.succeeded", "{}", SUT_NEWS_NONE, NULL },
        { S, "payment_intent.succeeded", "[]", SUT_NEWS_NONE, NULL },
        { S, "checkout.session.completed", "7", SUT_NEWS_NONE, NULL },
        { S, "refund.updated", "{\"object\":\"refund\"}", SUT_NEWS_NONE, NULL },
        { P, "charge.success", "[]", SUT_NEWS_NONE, NULL },
        { P, "refund.processed", "7", SUT_NEWS_NONE, NULL },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sut_news n;
        assert_int_equal(read_row(a, &bad[i], &n).code, SUT_E_PARSE);
    }
}

int main(void)
{
#define EACH(test_) cmocka_unit_test_setup_teardown(test_, make_arena, free_arena)
    const struct CMUnitTest tests[] = {
        EACH(every_event_is_one_kind_of_news),
        EACH(a_body_that_is_not_what_its_type_says_is_refused),
    };
    return cmocka_run_group_tests_name("news", tests, NULL, NULL);
}
