/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps that look at scheme, host and origin alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake.h"

static const struct sut_config_arg shop[] = {
    { "server.preset", "modestwear" },
    { "server.public_url", "https://shop.example" },
    { "hosts.allowed", "shop.example, .nsgg.example" },
    { "cors.origins", "https://front.example, https://admin.example:8443" },
    { NULL, NULL },
};

static bool host_passes(struct fake *f, const char *authority)
{
    fake_ask(f, SUT_GET, "/");
    f->q.authority = sut_str_from(authority);
    if (sut_guard__host(fake_req(f, NULL)) == SUT_NEXT)
        return true;
    assert_int_equal(f->x.res.status, 400);
    return false;
}

static void a_host_is_one_of_the_list(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    static const char *const good[] = {
        "shop.example", "SHOP.example",     "shop.example:8443",
        "nsgg.example", "www.nsgg.example", "a.b.NSGG.example:1",
    };
    static const char *const bad[] = {
        "",
        "evil.example",
        "xshop.example",
        "shop.example.evil.example",
        "xnsgg.example",
        ".nsgg.example.",
        "shop.example.",
        "shop.example@evil.example",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[shop.example]",
        "*",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(host_passes(&f, good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(host_passes(&f, bad[i]));
    fake_end(&f);
}

static void without_a_list_loopback_names_alone_are_served(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_true(host_passes(&f, "localhost:8000"));
    assert_true(host_passes(&f, "127.0.0.1"));
    assert_true(host_passes(&f, "[::1]:8443"));
    assert_false(host_passes(&f, "[::2]"));
    assert_false(host_passes(&f, "shop.example"));
    assert_false(host_passes(&f, "127.0.0.1.evil.example"));
    fake_end(&f);
}

static void ask_plain(struct fake *f, enum sut_method method, const char *target, unsigned listener)
{
    fake_ask(f, method, target);
    f->x.listener = listener;
    (void) fake_req(f, NULL);
}

static void plain_http_is_sent_to_https_when_it_only_reads(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    ask_plain(&f, SUT_GET, "/api/products/?page=2", 0);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 308);
    assert_string_equal(fake_answer(&f, "Location"), "https://shop.example/api/products/?page=2");
    ask_plain(&f, SUT_HEAD, "/", 0);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 308);
    ask_plain(&f, SUT_POST, "/api/users/login/", 0);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 403);
    assert_string_equal(fake_body(&f),
                        "{\"detail\":\"HTTPS is required.\",\"code\":\"permission_denied\"}");
    ask_plain(&f, SUT_POST, "/api/users/login/", SUT_LISTENER_TLS);
    assert_int_equal(sut_guard__transport(f.r), SUT_NEXT);
    fake_end(&f);
}

static void the_default_preset_sends_pages_alone_to_https(void **state)
{
    (void) state;
    static const struct sut_config_arg args[] = {
        { "server.preset", "default" },
        { "server.public_url", "https://shop.example" },
        { NULL, NULL },
    };
    struct fake f;
    fake_begin(&f, args);
    ask_plain(&f, SUT_GET, "/api/products/", 0);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 403);
    ask_plain(&f, SUT_GET, "/", 0);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 308);
    fake_end(&f);
}

static void without_a_public_url_there_is_nowhere_to_send(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    ask_plain(&f, SUT_GET, "/", 0);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 403);
    /* Loopback is served in development alone. */
    ask_plain(&f, SUT_GET, "/", SUT_LISTENER_LOOPBACK);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    f.app.plain_loopback_ok = true;
    ask_plain(&f, SUT_GET, "/", SUT_LISTENER_LOOPBACK);
    assert_int_equal(sut_guard__transport(f.r), SUT_NEXT);
    ask_plain(&f, SUT_GET, "/", 0);
    assert_int_equal(sut_guard__transport(f.r), SUT_ANSWERED);
    fake_end(&f);
}

static void preflight(struct fake *f, const char *origin, const char *method)
{
    fake_ask(f, SUT_OPTIONS, "/api/products/");
    fake_field(f, SUT_H_ORIGIN, origin);
    fake_field(f, SUT_H_ACCESS_CONTROL_REQUEST_METHOD, method);
    assert_int_equal(sut_guard__cors(fake_req(f, NULL)), SUT_ANSWERED);
    assert_int_equal(f->x.res.status, 204);
    sut_headers_apply(f->headers, f->r);
}

static void a_preflight_of_a_listed_origin_is_told_what_it_may(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    preflight(&f, "https://front.example", "PATCH");
    assert_string_equal(fake_answer(&f, "Access-Control-Allow-Origin"), "https://front.example");
    assert_string_equal(fake_answer(&f, "Access-Control-Allow-Credentials"), "true");
    assert_non_null(strstr(fake_answer(&f, "Access-Control-Allow-Methods"), "PATCH"));
    assert_non_null(strstr(fake_answer(&f, "Access-Control-Allow-Headers"), "authorization"));
    assert_non_null(fake_answer(&f, "Access-Control-Max-Age"));
    assert_string_equal(fake_answer(&f, "Vary"), "Origin");
    preflight(&f, "https://admin.example:8443", "GET");
    assert_non_null(fake_answer(&f, "Access-Control-Allow-Methods"));
    fake_end(&f);
}

static void any_other_origin_is_told_nothing(void **state)
{
    (void) state;
    static const char *const strangers[] = {
        "https://evil.example",
        "http://front.example",
        "https://front.example:8443",
        "https://front.example.evil.example",
        "https://sub.front.example",
        "https://FRONT.example",
        "null",
        "*",
        "",
        "https://front.example, https://evil.example",
    };
    struct fake f;
    fake_begin(&f, shop);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        preflight(&f, strangers[i], "GET");
        assert_null(fake_answer(&f, "Access-Control-Allow-Origin"));
        assert_null(fake_answer(&f, "Access-Control-Allow-Methods"));
        assert_null(fake_answer(&f, "Access-Control-Allow-Credentials"));
        assert_string_equal(fake_answer(&f, "Vary"), "Origin");
    }
    preflight(&f, "https://front.example", "TRACE");
    assert_null(fake_answer(&f, "Access-Control-Allow-Methods"));
    /* Two Origin fields are no origin. */
    fake_ask(&f, SUT_GET, "/");
    fake_field(&f, SUT_H_ORIGIN, "https://front.example");
    fake_field(&f, SUT_H_ORIGIN, "https://front.example");
    sut_headers_apply(f.headers, fake_req(&f, NULL));
    assert_null(fake_answer(&f, "Access-Control-Allow-Origin"));
    fake_end(&f);
}

static void options_without_an_origin_is_no_preflight(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    fake_ask(&f, SUT_OPTIONS, "/");
    fake_field(&f, SUT_H_ACCESS_CONTROL_REQUEST_METHOD, "GET");
    assert_int_equal(sut_guard__cors(fake_req(&f, NULL)), SUT_NEXT);
    fake_ask(&f, SUT_OPTIONS, "/");
    fake_field(&f, SUT_H_ORIGIN, "https://front.example");
    assert_int_equal(sut_guard__cors(fake_req(&f, NULL)), SUT_NEXT);
    fake_ask(&f, SUT_GET, "/");
    fake_field(&f, SUT_H_ORIGIN, "https://front.example");
    fake_field(&f, SUT_H_ACCESS_CONTROL_REQUEST_METHOD, "GET");
    assert_int_equal(sut_guard__cors(fake_req(&f, NULL)), SUT_NEXT);
    fake_end(&f);
}

static void every_answer_carries_the_fixed_fields(void **state)
{
    (void) state;
    static const struct sut_route page = { .flags = SUT_ROUTE_PAGE };
    static const struct sut_route list = { .flags = SUT_ROUTE_CACHEABLE };
    struct fake f;
    fake_begin(&f, shop);
    fake_ask(&f, SUT_GET, "/");
    f.x.res.status = 200;
    sut_headers_apply(f.headers, fake_req(&f, NULL));
    assert_non_null(strstr(fake_answer(&f, "Strict-Transport-Security"), "max-age="));
    assert_string_equal(fake_answer(&f, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(fake_answer(&f, "X-Frame-Options"), "DENY");
    assert_string_equal(fake_answer(&f, "Cache-Control"), "no-store");
    assert_string_equal(fake_answer(&f, "X-Request-Id"), "0123456789abcdef0123456789abcdef");
    assert_null(fake_answer(&f, "X-RateLimit-Limit"));
    /* What may be cached says so when it is good, and only then. */
    fake_ask(&f, SUT_GET, "/");
    f.x.res.status = 200;
    sut_headers_apply(f.headers, fake_req(&f, &list));
    assert_string_equal(fake_answer(&f, "Cache-Control"), "no-cache");
    fake_ask(&f, SUT_GET, "/");
    f.x.res.status = 404;
    sut_headers_apply(f.headers, fake_req(&f, &list));
    assert_string_equal(fake_answer(&f, "Cache-Control"), "no-store");
    /* Pages have a policy of their own; plain answers no HSTS. */
    fake_ask(&f, SUT_GET, "/");
    f.x.listener = SUT_LISTENER_LOOPBACK;
    f.x.res.status = 200;
    sut_headers_apply(f.headers, fake_req(&f, &page));
    assert_non_null(strstr(fake_answer(&f, "Content-Security-Policy"), "script-src 'self'"));
    assert_null(fake_answer(&f, "Strict-Transport-Security"));
    fake_end(&f);
}

static void counted_answers_say_how_much_is_left(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    fake_ask(&f, SUT_GET, "/");
    struct sut_req *r = fake_req(&f, NULL);
    r->rate = (struct sut_rate_seen){
        .counted = true,
        .limit = 100,
        .remaining = 7,
        .reset_s = 1795318851,
    };
    sut_headers_apply(f.headers, r);
    assert_string_equal(fake_answer(&f, "X-RateLimit-Limit"), "100");
    assert_string_equal(fake_answer(&f, "X-RateLimit-Remaining"), "7");
    assert_string_equal(fake_answer(&f, "X-RateLimit-Reset"), "1795318851");
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_one_of_the_list),
        cmocka_unit_test(without_a_list_loopback_names_alone_are_served),
        cmocka_unit_test(plain_http_is_sent_to_https_when_it_only_reads),
        cmocka_unit_test(the_default_preset_sends_pages_alone_to_https),
        cmocka_unit_test(without_a_public_url_there_is_nowhere_to_send),
        cmocka_unit_test(a_preflight_of_a_listed_origin_is_told_what_it_may),
        cmocka_unit_test(any_other_origin_is_told_nothing),
        cmocka_unit_test(options_without_an_origin_is_no_preflight),
        cmocka_unit_test(every_answer_carries_the_fixed_fields),
        cmocka_unit_test(counted_answers_say_how_much_is_left),
    };
    return cmocka_run_group_tests_name("guard/entrance", tests, NULL, NULL);
}
