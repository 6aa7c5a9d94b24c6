/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of answers, to the letter: a deployed front end reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake.h"

static struct sut_req *request_a(struct fake *f)
{
    fake_ask(f, SUT_GET, "/api/x/");
    return fake_req(f, NULL);
}

static struct sut_req *request_b(struct fake *f)
{
    fake_ask(f, SUT_GET, "/api/v1/x/");
    return fake_req(f, NULL);
}

static void is_answer(struct fake *f, int status, const char *body)
{
    assert_int_equal(f->x.res.status, status);
    assert_string_equal(fake_body(f), body);
    assert_string_equal(fake_answer(f, "Content-Type"), "application/json");
}

static void the_path_tells_the_contract(void **state)
{
    (void) state;
    assert_int_equal(sut_contract_of(SUT_STR("/api/v1/products/")), SUT_CONTRACT_B);
    assert_int_equal(sut_contract_of(SUT_STR("/api/products/")), SUT_CONTRACT_A);
    assert_int_equal(sut_contract_of(SUT_STR("/api/v1")), SUT_CONTRACT_A);
    assert_int_equal(sut_contract_of(SUT_STR("/")), SUT_CONTRACT_A);
}

static void a_refusal_has_two_members_or_an_envelope(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    sut_reply_refuse(request_a(&f), 404, "not_found", "Not found.");
    is_answer(&f, 404, "{\"detail\":\"Not found.\",\"code\":\"not_found\"}");
    sut_reply_refuse(request_b(&f), 404, "not_found", "Not found.");
    is_answer(&f, 404,
              "{\"error\":{\"code\":404,\"message\":\"Not found.\",\"reason\":\"not_found\"}}");
    fake_end(&f);
}

static void a_401_challenges(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    sut_reply_code(request_a(&f), SUT_E_UNAUTHENTIC);
    is_answer(&f, 401,
              "{\"detail\":\"Authentication credentials were not provided.\","
              "\"code\":\"not_authenticated\"}");
    assert_string_equal(fake_answer(&f, "WWW-Authenticate"), "Bearer realm=\"api\"");
    sut_reply_bad_token(request_a(&f), "Token is expired");
    is_answer(&f, 401,
              "{\"detail\":\"Given token not valid for any token type\","
              "\"code\":\"token_not_valid\",\"messages\":[{\"token_class\":\"AccessToken\","
              "\"token_type\":\"access\",\"message\":\"Token is expired\"}]}");
    assert_string_equal(fake_answer(&f, "WWW-Authenticate"), "Bearer realm=\"api\"");
    sut_reply_bad_token(request_b(&f), "Token is expired");
    is_answer(&f, 401,
              "{\"error\":{\"code\":401,\"message\":\"Given token not valid for any token type\","
              "\"reason\":\"token_not_valid\"}}");
    sut_reply_code(request_a(&f), SUT_E_DENIED);
    assert_null(fake_answer(&f, "WWW-Authenticate"));
    fake_end(&f);
}

static void field_errors_stand_together(void **state)
{
    (void) state;
    struct sut_fault c = { .field = SUT_STR("a"), .message = SUT_STR("three") };
    struct sut_fault b = { .field = SUT_STR("b"), .message = SUT_STR("two"), .next = &c };
    const struct sut_fault a = { .field = SUT_STR("a"), .message = SUT_STR("one"), .next = &b };
    struct fake f;
    fake_begin(&f, NULL);
    sut_reply_faults(request_a(&f), &a);
    is_answer(&f, 400, "{\"a\":[\"one\",\"three\"],\"b\":[\"two\"]}");
    sut_reply_fault(request_a(&f), "x\"<", "no");
    is_answer(&f, 400, "{\"x\\\"\\u003c\":[\"no\"]}");
    fake_end(&f);
}

static void the_domain_has_its_own_shape(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    sut_reply_domain(request_a(&f), 403, "disabled", SUT_STR("Account is disabled"));
    is_answer(&f, 403,
              "{\"success\":false,\"error\":\"Account is disabled\",\"code\":\"disabled\"}");
    sut_reply_domain(request_b(&f), 403, "disabled", SUT_STR("Account is disabled"));
    is_answer(&f, 403,
              "{\"error\":{\"code\":403,\"message\":\"Account is disabled\","
              "\"reason\":\"disabled\"}}");
    sut_reply_domain_weak(request_a(&f), SUT_STR("Too common"), 1);
    is_answer(&f, 400,
              "{\"success\":false,\"error\":\"Too common\",\"code\":\"invalid\","
              "\"password_strength\":1}");
    sut_reply_domain_weak(request_b(&f), SUT_STR("Too common"), 1);
    is_answer(&f, 400,
              "{\"error\":{\"code\":400,\"message\":\"Too common\",\"reason\":\"invalid\","
              "\"password_strength\":1}}");
    sut_reply_message(request_a(&f), 200, "Done");
    is_answer(&f, 200, "{\"success\":true,\"message\":\"Done\"}");
    fake_end(&f);
}

static void who_asks_too_often_is_told_when_to_come_back(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    struct sut_req *r = request_a(&f);
    r->rate.retry_after_s = 59;
    sut_reply_throttled(r);
    is_answer(&f, 429,
              "{\"detail\":\"Request was throttled. Expected available in 59 seconds.\","
              "\"code\":\"throttled\",\"retry_after\":59}");
    assert_string_equal(fake_answer(&f, "Retry-After"), "59");
    sut_reply_throttled(request_b(&f));
    is_answer(&f, 429,
              "{\"error\":{\"code\":429,\"message\":\"Request was throttled. Expected available in "
              "1 second.\",\"reason\":\"throttled\",\"retry_after\":1}}");
    fake_end(&f);
}

static SUT_ERR fails_with(enum sut_ecode code)
{
    static const struct sut_esite site = { "secret_file.c", "secret_function", 1 };
    return (sut_err){ .at = &site, .sys = ENOSPC, .code = code };
}

static void an_error_of_ours_tells_nothing_of_its_cause(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    sut_reply_error(request_a(&f), fails_with(SUT_E_SYSTEM));
    is_answer(&f, 500, "{\"detail\":\"Internal server error.\",\"code\":\"unavailable\"}");
    assert_null(fake_answer(&f, "Retry-After"));
    sut_reply_error(request_a(&f), fails_with(SUT_E_UNAVAILABLE));
    is_answer(&f, 503,
              "{\"detail\":\"The service is temporarily unavailable.\",\"code\":\"unavailable\"}");
    assert_string_equal(fake_answer(&f, "Retry-After"), "1");
    struct sut_req *r = request_a(&f);
    r->retry_after_s = 7;
    sut_reply_error(r, fails_with(SUT_E_BUSY));
    assert_string_equal(fake_answer(&f, "Retry-After"), "7");
    sut_reply_error(request_a(&f), fails_with(SUT_E_NOT_FOUND));
    is_answer(&f, 404, "{\"detail\":\"Not found.\",\"code\":\"not_found\"}");
    fake_end(&f);
}

static void a_later_answer_replaces_the_one_before(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    struct sut_req *r = request_a(&f);
    struct sut_bytes *bytes = NULL;
    assert_false(sut_failed(sut_bytes_create(SUT_STR("shared"), &bytes)));
    sut_reply_bytes(r, 200, SUT_STR("text/plain"), bytes);
    assert_string_equal(fake_body(&f), "shared");
    sut_reply_code(r, SUT_E_UNAUTHENTIC);
    assert_null(f.x.res.shared);
    sut_reply_empty(r, 204);
    assert_int_equal(f.x.res.status, 204);
    assert_string_equal(fake_body(&f), "");
    assert_null(fake_answer(&f, "WWW-Authenticate"));
    assert_null(fake_answer(&f, "Content-Type"));
    sut_bytes_unref(&bytes);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_tells_the_contract),
        cmocka_unit_test(a_refusal_has_two_members_or_an_envelope),
        cmocka_unit_test(a_401_challenges),
        cmocka_unit_test(field_errors_stand_together),
        cmocka_unit_test(the_domain_has_its_own_shape),
        cmocka_unit_test(who_asks_too_often_is_told_when_to_come_back),
        cmocka_unit_test(an_error_of_ours_tells_nothing_of_its_cause),
        cmocka_unit_test(a_later_answer_replaces_the_one_before),
    };
    return cmocka_run_group_tests_name("guard/reply", tests, NULL, NULL);
}
