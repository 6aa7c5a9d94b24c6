/* SPDX-License-Identifier: Apache-2.0 */
#include "pay/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "crypto/hmac.h"
#include "with_arena.h"

#define OK(expr_) assert_int_equal((expr_).code, SUT_E_OK)

static const sut_str body =
    SUT_STR_INIT("{\"id\":\"evt_1\",\"type\":\"payment_intent.succeeded\"}");
static const sut_str secret = SUT_STR_INIT("whsec_test");
enum { NOW_S = 1772370000 };

/* "t=…,v1=…" */
static const char *header(char to[256], int64_t at, sut_str key, sut_str text)
{
    char time[24];
    unsigned char mac[SUT_HMAC_SIZE];
    struct sut_hmac_key k;
    struct sut_buf b = { .p = to, .cap = 256, .max = 256 };
    (void) snprintf(time, sizeof(time), "%lld", (long long) at);
    const sut_str parts[] = { sut_str_from(time), SUT_STR("."), text };
    sut_hmac_key_init(&k, key);
    sut_hmac_parts(&k, parts, 3, mac);
    sut_buf_lit(&b, "t=");
    sut_buf_z(&b, time);
    sut_buf_lit(&b, ",v1=");
    sut_buf_hex(&b, mac, sizeof(mac));
    sut_buf_char(&b, '\0');
    return to;
}

static enum sut_ecode check(const char *text, sut_str payload, int64_t now_s)
{
    const sut_str secrets[] = { secret, SUT_STR("") };
    return sut_webhook_check_stripe(sut_str_from(text), payload, secrets, 2,
                                    (sut_ms){ now_s * 1000 })
        .code;
}

static void a_known_signature_is_good(void **state)
{
    (void) state;
    /* Made by Stripe's own library: generateTestHeaderString(). */
    const sut_str key = SUT_STR("whsec_test_secret");
    OK(sut_webhook_check_stripe(
        SUT_STR("t=1700000000,v1="
                "e0dd26b822801cbde8f4d0d159a537383fdb05193e9d83b932bba58fcaf145e5"),
        SUT_STR("{\"id\":\"evt_x\"}"), &key, 1, (sut_ms){ INT64_C(1700000000000) }));
}

static void the_time_is_within_five_minutes_either_way(void **state)
{
    (void) state;
    char h[256];
    (void) header(h, NOW_S, secret, body);
    assert_int_equal(check(h, body, NOW_S), SUT_E_OK);
    assert_int_equal(check(h, body, NOW_S + 300), SUT_E_OK);
    assert_int_equal(check(h, body, NOW_S - 300), SUT_E_OK);
    assert_int_equal(check(h, body, NOW_S + 301), SUT_E_STALE);
    assert_int_equal(check(h, body, NOW_S - 301), SUT_E_STALE);
    (void) header(h, 0, secret, body);
    assert_int_equal(check(h, body, NOW_S), SUT_E_STALE);
}

static void every_bit_of_it_counts(void **state)
{
    (void) state;
    char h[256];
    char text[128];
    (void) header(h, NOW_S, secret, body);
    memcpy(text, body.p, body.n);
    for (size_t bit = 0; bit < 8 * body.n; bit++) {
        text[bit / 8] = (char) (text[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(check(h, sut_str_of(text, body.n), NOW_S), SUT_E_DENIED);
        text[bit / 8] = (char) (text[bit / 8] ^ (1 << bit % 8));
    }
    assert_int_equal(check(h, sut_str_of(text, body.n), NOW_S), SUT_E_OK);
    for (size_t i = 0; i < strlen(h); i++) {
        char c = h[i];
        /* In a hexadecimal digit the case is no matter. */
        h[i] = c == '0' ? '1' : '0';
        assert_int_not_equal(check(h, body, NOW_S), SUT_E_OK);
        h[i] = c;
    }
}

static void two_secrets_and_several_signatures(void **state)
{
    (void) state;
    char old[256];
    char both[512];
    const sut_str old_key = SUT_STR("whsec_old");
    const sut_str secrets[] = { secret, old_key };
    const sut_ms now = { INT64_C(1000) * NOW_S };
    (void) header(old, NOW_S, old_key, body);
    assert_int_equal(check(old, body, NOW_S), SUT_E_DENIED);
    OK(sut_webhook_check_stripe(sut_str_from(old), body, secrets, 2, now));
    (void) snprintf(both, sizeof(both), "%s,v0=1,v1=%064d,v1=short", old, 0);
    OK(sut_webhook_check_stripe(sut_str_from(both), body, secrets, 2, now));
    /* No secret at all: nobody's. */
    assert_int_equal(sut_webhook_check_stripe(sut_str_from(old), body, NULL, 0, now).code,
                     SUT_E_DENIED);
    /* An empty secret is none, though somebody signs with it. */
    (void) header(old, NOW_S, SUT_STR(""), body);
    assert_int_equal(check(old, body, NOW_S), SUT_E_DENIED);
}

static void what_is_no_header_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",        ",",         "t=",         "t=1",           "v1=",
        "t=1,v1=", "t=1,v1=zz", "t=-1,v1=00", "t=1,t=1,v1=00", "t=99999999999999999999,v1=00",
        "x",       "=,=",       "t=1 ,v1",    "v1=00,t",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(check(bad[i], body, NOW_S), SUT_E_PARSE);
    char many[2048];
    char h[256];
    (void) header(h, NOW_S, secret, body);
    int n = snprintf(many, sizeof(many), "%s", h);
    for (int i = 0; i < SUT_WEBHOOK_SIGNATURES_MAX; i++)
        n += snprintf(many + n, sizeof(many) - (size_t) n, ",v1=%064d", i);
    assert_int_equal(check(many, body, NOW_S), SUT_E_PARSE);
}

static enum sut_ecode name(struct sut_arena *a, enum sut_pay_method p, const char *text,
                           struct sut_webhook_name *ret)
{
    return sut_webhook_name_of(a, p, sut_str_from(text), ret).code;
}

static void an_event_has_a_name(void **state)
{
    struct sut_arena *a = *state;
    struct sut_webhook_name n;
    struct sut_webhook_name other;
    assert_int_equal(sut_webhook_name_of(a, SUT_PAY_STRIPE, body, &n).code, SUT_E_OK);
    assert_true(sut_str_is(n.event, "evt_1") && sut_str_is(n.type, "payment_intent.succeeded"));
    const char *const charge = "{\"event\":\"charge.success\",\"data\":{\"id\":1}}";
    assert_int_equal(name(a, SUT_PAY_PAYSTACK, charge, &n), SUT_E_OK);
    assert_true(sut_str_is(n.type, "charge.success") && n.event.n == 64);
    assert_int_equal(name(a, SUT_PAY_PAYSTACK, charge, &other), SUT_E_OK);
    assert_true(sut_str_eq(n.event, other.event));
    assert_int_equal(
        name(a, SUT_PAY_PAYSTACK, "{\"event\":\"charge.success\",\"data\":{\"id\":2}}", &other),
        SUT_E_OK);
    assert_false(sut_str_eq(n.event, other.event));
    static const char *const bad[] = { "",
                                       "{}",
                                       "[]",
                                       "{\"id\":\"e\"}",
                                       "{\"id\":1,\"type\":\"x\"}",
                                       "{\"id\":\"\",\"type\":\"x\"}",
                                       "{\"event\":\"x\"}" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(name(a, SUT_PAY_STRIPE, bad[i], &n), SUT_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_signature_is_good),
        cmocka_unit_test(the_time_is_within_five_minutes_either_way),
        cmocka_unit_test(every_bit_of_it_counts),
        cmocka_unit_test(two_secrets_and_several_signatures),
        cmocka_unit_test(what_is_no_header_is_refused),
        cmocka_unit_test_setup_teardown(an_event_has_a_name, make_arena, free_arena),
    };
    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
