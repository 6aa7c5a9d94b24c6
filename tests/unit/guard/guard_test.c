/* SPDX-License-Identifier: Apache-2.0
 *
 * All steps together over a small table of rows that need no store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/diag.h"
#include "counters/counters.h"
#include "fake.h"

static sut_err says_hello(struct sut_req *r)
{
    sut_reply_message(r, 200, "hello");
    return SUT_OK;
}

static sut_err has_a_conflict(struct sut_req *r)
{
    sut_reply_message(r, 200, "half made");
    FAIL(CONFLICT);
}

static sut_err answers_nothing(struct sut_req *r)
{
    (void) r;
    return SUT_OK;
}

static sut_err wants_too_much_memory(struct sut_req *r)
{
    sut_reply_message(r, 200, "hello");
    (void) !sut_arena_bytes(r->arena, (size_t) 1 << 40);
    return SUT_OK;
}

static const struct sut_answer ok[] = { { .status = 200 }, { .status = 0 } };
static const struct sut_field fields[] = {
    { .name = "name", .type = SUT_F_STRING, .flags = SUT_F_REQUIRED, .min = 1, .max = 10 },
};
static const struct sut_schema schema = SUT_SCHEMA("Thing", fields);

#define ROW_(method_, path_, policy_, handle_)                                                     \
    .method = (method_), .path = (path_), .name = "row", .policy = (policy_),                      \
    .place = SUT_PLACE_MEMORY, .answers = ok, .handle = (handle_)

static const struct sut_route rows[] = {
    { ROW_(SUT_GET, "/api/open/", SUT_POLICY_ANYONE, says_hello) },
    { ROW_(SUT_POST, "/api/open/", SUT_POLICY_ANYONE, says_hello), .body = &schema,
      .body_max = 99 },
    { ROW_(SUT_GET, "/api/mine/", SUT_POLICY_USER, says_hello) },
    { ROW_(SUT_GET, "/api/conflict/", SUT_POLICY_ANYONE, has_a_conflict) },
    { ROW_(SUT_GET, "/api/nothing/", SUT_POLICY_ANYONE, answers_nothing) },
    { ROW_(SUT_GET, "/api/greedy/", SUT_POLICY_ANYONE, wants_too_much_memory) },
    { ROW_(SUT_GET, "/api/free/", SUT_POLICY_ANYONE, says_hello), .flags = SUT_ROUTE_UNCOUNTED },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct sut_config_arg shop[] = {
    { "hosts.allowed", "shop.example" },
    { NULL, NULL },
};

static void begin(struct fake *f, uint32_t anon_per_minute)
{
    fake_begin(f, shop);
    fake_routes(f, rows, ROWS);
    const struct sut_counters_options opt = {
        .rates = { [SUT_RATE_ANON] = { .count = anon_per_minute, .window_ms = 60000 } },
        .memory_bytes = 1 << 20,
        .checkpoint_ms = 1000,
        .key = SUT_STR("0123456789abcdef"),
        .clock = &sut_clock_system,
    };
    assert_false(sut_failed(sut_counters_create(&opt, &f->app.counters)));
}

static void end(struct fake *f)
{
    sut_counters_free(&f->app.counters);
    fake_end(f);
}

static void get(struct fake *f, const char *target)
{
    fake_ask(f, SUT_GET, target);
    fake_run(f);
}

static void what_all_steps_let_through_reaches_the_handler(void **state)
{
    (void) state;
    struct fake f;
    begin(&f, 0);
    get(&f, "/api/open/");
    assert_int_equal(f.x.res.status, 200);
    assert_string_equal(fake_body(&f), "{\"success\":true,\"message\":\"hello\"}");
    assert_string_equal(fake_answer(&f, "X-Content-Type-Options"), "nosniff");
    fake_ask(&f, SUT_POST, "/api/open/");
    fake_json(&f, "{\"name\":\"n\"}");
    fake_run(&f);
    assert_int_equal(f.x.res.status, 200);
    assert_int_equal(f.body_max, 99);
    end(&f);
}

static void every_step_can_end_it(void **state)
{
    (void) state;
    struct fake f;
    begin(&f, 0);
    fake_ask(&f, SUT_GET, "/api/open/");
    f.q.authority = SUT_STR("evil.example");
    fake_run(&f);
    assert_int_equal(f.x.res.status, 400);
    fake_ask(&f, SUT_GET, "/api/open/");
    f.x.listener = 0;
    fake_run(&f);
    assert_int_equal(f.x.res.status, 403);
    get(&f, "/api/mine/");
    assert_int_equal(f.x.res.status, 401);
    assert_string_equal(fake_answer(&f, "Cache-Control"), "no-store");
    get(&f, "/api/none/");
    assert_int_equal(f.x.res.status, 404);
    fake_ask(&f, SUT_POST, "/api/open/");
    fake_json(&f, "{}");
    fake_run(&f);
    assert_int_equal(f.x.res.status, 400);
    end(&f);
}

static void a_bad_authorization_is_refused_even_where_none_is_needed(void **state)
{
    (void) state;
    static const char *const fields_of[] = { "Basic eDp5", "Bearer", "Bearerx", "" };
    struct fake f;
    begin(&f, 0);
    for (size_t i = 0; i < sizeof(fields_of) / sizeof(fields_of[0]); i++) {
        fake_ask(&f, SUT_GET, "/api/mine/");
        fake_field(&f, SUT_H_AUTHORIZATION, fields_of[i]);
        fake_field(&f, SUT_H_AUTHORIZATION, fields_of[i]);
        fake_run(&f);
        assert_int_equal(f.x.res.status, 401);
        assert_non_null(strstr(fake_body(&f), "token_not_valid"));
    }
    fake_ask(&f, SUT_GET, "/api/open/");
    fake_field(&f, SUT_H_AUTHORIZATION, "Basic eDp5");
    fake_run(&f);
    assert_int_equal(f.x.res.status, 401);
    end(&f);
}

static void a_method_that_the_path_lacks_is_405_with_allow(void **state)
{
    (void) state;
    struct fake f;
    begin(&f, 0);
    fake_ask(&f, SUT_DELETE, "/api/open/");
    fake_run(&f);
    assert_int_equal(f.x.res.status, 405);
    assert_string_equal(fake_answer(&f, "Allow"), "GET, HEAD, POST, OPTIONS");
    assert_string_equal(fake_body(&f), "{\"detail\":\"Method \\\"DELETE\\\" not allowed.\","
                                       "\"code\":\"method_not_allowed\"}");
    fake_ask(&f, SUT_OPTIONS, "/api/open/");
    fake_run(&f);
    assert_int_equal(f.x.res.status, 204);
    assert_string_equal(fake_answer(&f, "Allow"), "GET, HEAD, POST, OPTIONS");
    end(&f);
}

static void a_missing_slash_is_a_redirect_for_reads_alone(void **state)
{
    (void) state;
    struct fake f;
    begin(&f, 0);
    get(&f, "/api/open?a=1");
    assert_int_equal(f.x.res.status, 308);
    assert_string_equal(fake_answer(&f, "Location"), "/api/open/?a=1");
    fake_ask(&f, SUT_POST, "/api/open");
    fake_json(&f, "{\"name\":\"n\"}");
    fake_run(&f);
    assert_int_equal(f.x.res.status, 404);
    end(&f);
}

static void a_handler_that_fails_leaves_nothing_of_its_answer(void **state)
{
    (void) state;
    struct fake f;
    begin(&f, 0);
    get(&f, "/api/conflict/");
    assert_int_equal(f.x.res.status, 503);
    assert_null(strstr(fake_body(&f), "half made"));
    get(&f, "/api/nothing/");
    assert_int_equal(f.x.res.status, 500);
    get(&f, "/api/greedy/");
    assert_int_equal(f.x.res.status, 503);
    assert_string_equal(fake_answer(&f, "Retry-After"), "1");
    assert_non_null(fake_answer(&f, "X-Request-Id"));
    end(&f);
}

static void strangers_are_counted_by_address(void **state)
{
    (void) state;
    struct fake f;
    begin(&f, 2);
    get(&f, "/api/open/");
    assert_string_equal(fake_answer(&f, "X-RateLimit-Remaining"), "1");
    /* What is not there counts too: a scan is limited as well. */
    get(&f, "/api/none/");
    assert_string_equal(fake_answer(&f, "X-RateLimit-Remaining"), "0");
    get(&f, "/api/open/");
    assert_int_equal(f.x.res.status, 429);
    assert_non_null(fake_answer(&f, "Retry-After"));
    assert_int_equal(sut_events_count(f.app.events, SUT_EVENT_RATE_LIMITED), 1);
    get(&f, "/api/open/");
    assert_int_equal(sut_events_count(f.app.events, SUT_EVENT_RATE_LIMITED), 1);
    get(&f, "/api/free/");
    assert_int_equal(f.x.res.status, 200);
    assert_null(fake_answer(&f, "X-RateLimit-Limit"));
    assert_false(sut_failed(sut_addr_parse(SUT_STR("192.0.2.8"), &f.peer)));
    get(&f, "/api/open/");
    assert_int_equal(f.x.res.status, 200);
    end(&f);
}

static void what_was_no_request_gets_the_same_shapes(void **state)
{
    (void) state;
    static const int statuses[] = { 400, 408, 413, 414, 417, 431, 501, 503, 505 };
    struct fake f;
    begin(&f, 0);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        fake_ask(&f, SUT_GET, "/api/open/");
        const struct sut_service s = sut_guard_service(&f.app);
        s.on_refused(s.app, &f.x, statuses[i], "a test");
        assert_int_equal(f.x.res.status, statuses[i]);
        assert_true(f.x.res.close);
        assert_non_null(strstr(fake_body(&f), "\"code\":\""));
        assert_string_equal(fake_answer(&f, "X-Frame-Options"), "DENY");
        assert_true((fake_answer(&f, "Retry-After") != NULL) == (statuses[i] == 503));
    }
    end(&f);
}

static bool starts(const struct sut_route *row, char *ret_why, size_t n)
{
    const struct sut_routes table = { .rows = row, .n = 1 };
    const struct sut_routes *const tables[] = { &table };
    struct sut_diag d = { .text = "" };
    const bool is_good = !sut_failed(sut_guard_check_routes(tables, 1, &d));
    (void) snprintf(ret_why, n, "%s", d.text);
    return is_good;
}

static void a_row_that_says_too_little_does_not_start(void **state)
{
    (void) state;
    char why[512];
    assert_true(starts(&rows[0], why, sizeof(why)));
    struct sut_route row = rows[0];
    row.policy = SUT_POLICY_UNSET;
    assert_false(starts(&row, why, sizeof(why)));
    assert_string_equal(why, "the route GET /api/open/ has no policy");
    row = rows[0];
    row.place = SUT_PLACE_UNSET;
    assert_false(starts(&row, why, sizeof(why)));
    assert_string_equal(why, "the route GET /api/open/ has no place to run");
    row = rows[0];
    row.answers = NULL;
    assert_false(starts(&row, why, sizeof(why)));
    row = rows[0];
    row.handle = NULL;
    assert_false(starts(&row, why, sizeof(why)));
    row = rows[2];
    row.flags = SUT_ROUTE_NO_TOKEN;
    assert_false(starts(&row, why, sizeof(why)));
    assert_string_equal(why, "the route GET /api/mine/ looks at no token and yet wants a person");
    row = rows[0];
    row.flags = SUT_ROUTE_FRESH;
    assert_false(starts(&row, why, sizeof(why)));
    assert_string_equal(why, "the route GET /api/open/ wants a fresh proof of nobody");
    struct sut_query_key keys[SUT_QUERY_MAX + 2] = { { .name = NULL } };
    for (unsigned i = 0; i <= SUT_QUERY_MAX; i++)
        keys[i].name = "k";
    row = rows[0];
    row.query = keys;
    assert_false(starts(&row, why, sizeof(why)));
    assert_string_equal(why, "the route GET /api/open/ has too many query keys");
    keys[SUT_QUERY_MAX].name = NULL;
    assert_true(starts(&row, why, sizeof(why)));
}

static void the_steps_stand_in_their_order(void **state)
{
    (void) state;
    static const char *const want[] = { "host",         "transport", "cors",       "query",
                                        "authenticate", "limits",    "route",      "policy",
                                        "body",         "csrf",      "idempotency" };
    const char *const *names = sut_guard_step_names();
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_string_equal(names[i], want[i]);
    assert_null(names[sizeof(want) / sizeof(want[0])]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_steps_let_through_reaches_the_handler),
        cmocka_unit_test(every_step_can_end_it),
        cmocka_unit_test(a_bad_authorization_is_refused_even_where_none_is_needed),
        cmocka_unit_test(a_method_that_the_path_lacks_is_405_with_allow),
        cmocka_unit_test(a_missing_slash_is_a_redirect_for_reads_alone),
        cmocka_unit_test(a_handler_that_fails_leaves_nothing_of_its_answer),
        cmocka_unit_test(strangers_are_counted_by_address),
        cmocka_unit_test(what_was_no_request_gets_the_same_shapes),
        cmocka_unit_test(a_row_that_says_too_little_does_not_start),
        cmocka_unit_test(the_steps_stand_in_their_order),
    };
    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
