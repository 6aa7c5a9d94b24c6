/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammar of declared query keys: one fault answers, what passes is kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake.h"

static const char *const sizes[] = { "s", "m", NULL };
static const char *const levels[] = { "full", "light", NULL };
static const struct sut_query_key keys[] = {
    { .name = "text", .type = SUT_Q_TEXT, .max = 5 },
    { .name = "slug", .type = SUT_Q_SLUG, .max = 10 },
    { .name = "size", .type = SUT_Q_CHOICE, .choices = sizes },
    { .name = "coverage_level", .type = SUT_Q_COVERAGE, .choices = levels },
    { .name = "page", .type = SUT_Q_INT, .max = 1000 },
    { .name = "min_price", .type = SUT_Q_PRICE, .max = 999999 },
    { .name = "who", .type = SUT_Q_PEOPLE, .max = 20 },
    { .name = NULL },
};
static const struct sut_route row = { .path = "/x/", .query = keys };

static bool passes(struct fake *f, const char *query)
{
    char target[4096];
    (void) snprintf(target, sizeof(target), "/x/?%s", query);
    fake_ask(f, SUT_GET, target);
    return sut_guard__query(fake_req(f, &row)) == SUT_NEXT;
}

static void faults(struct fake *f, const char *query, const char *body)
{
    assert_false(passes(f, query));
    assert_int_equal(f->x.res.status, 400);
    assert_string_equal(fake_body(f), body);
}

static void what_passes_can_be_read(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_true(passes(&f, "text=a%20b&slug=Abc-9_&size=m&coverage_level=full&page=0012&"
                           "min_price=12.5&other=%3Cscript%3E"));
    assert_true(sut_str_is(sut_req_query(f.r, "text"), "a b"));
    assert_true(sut_str_is(sut_req_query(f.r, "slug"), "Abc-9_"));
    assert_int_equal(sut_req_query_int(f.r, "page", 1), 12);
    assert_int_equal(sut_req_query_int(f.r, "min_price", 0), 1250);
    assert_int_equal(sut_req_query_int(f.r, "who", 77), 77);
    assert_null(sut_req_query(f.r, "other").p);
    assert_null(sut_req_query(f.r, "who").p);
    assert_true(passes(&f, ""));
    /* An empty filter of a form is no filter. */
    assert_true(passes(&f, "size=&page="));
    assert_int_equal(sut_req_query_int(f.r, "page", 1), 1);
    fake_end(&f);
}

static void a_row_without_keys_does_not_look(void **state)
{
    (void) state;
    static const struct sut_route bare = { .path = "/x/" };
    struct fake f;
    fake_begin(&f, NULL);
    fake_ask(&f, SUT_GET, "/x/?%zz");
    assert_int_equal(sut_guard__query(fake_req(&f, &bare)), SUT_NEXT);
    fake_ask(&f, SUT_GET, "/nowhere?%zz");
    assert_int_equal(sut_guard__query(fake_req(&f, NULL)), SUT_NEXT);
    fake_end(&f);
}

static void each_type_names_its_own_fault(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    faults(&f, "text=123456", "{\"text\":[\"This value is too long.\"]}");
    faults(&f, "slug=a/b", "{\"slug\":[\"Enter a valid slug.\"]}");
    faults(&f, "slug=%C3%A4", "{\"slug\":[\"Enter a valid slug.\"]}");
    faults(&f, "size=xl", "{\"size\":[\"This is not a valid choice.\"]}");
    faults(&f, "size=S", "{\"size\":[\"This is not a valid choice.\"]}");
    faults(&f, "coverage_level=all",
           "{\"error\":\"Invalid coverage_level. Must be one of: full, moderate, light\"}");
    static const char *const no_page[] = { "0", "-1", "1.5", "one", "%201", "1e3", "0x1" };
    for (size_t i = 0; i < sizeof(no_page) / sizeof(no_page[0]); i++) {
        char query[64];
        (void) snprintf(query, sizeof(query), "page=%s", no_page[i]);
        faults(&f, query, "{\"page\":[\"A valid integer is required.\"]}");
    }
    static const char *const no_price[] = { "-1", "1.234", "1e2", "a", "1.", "10000000" };
    for (size_t i = 0; i < sizeof(no_price) / sizeof(no_price[0]); i++) {
        char query[64];
        (void) snprintf(query, sizeof(query), "min_price=%s", no_price[i]);
        faults(&f, query, "{\"min_price\":[\"A valid number is required.\"]}");
    }
    fake_end(&f);
}

static void a_page_beyond_all_pages_is_the_last_that_can_be(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    assert_true(passes(&f, "page=99999999999999999999999999"));
    assert_int_equal(sut_req_query_int(f.r, "page", 1), 1000);
    fake_end(&f);
}

static void a_search_for_people_takes_letters_of_any_script(void **state)
{
    (void) state;
    static const char *const good[] = {
        "O%27Brien%20%26%20Sons",
        "Anna%20M%C3%BCller",
        "%D9%85%D8%B1%D9%8A%D9%85",
        "a.b%2Bc@x.y",
    };
    static const char *const bad[] = {
        "a%22b", "x%3B--", "%3Cb%3E", "100%25", "a%2A", "a%5C", "a%28b%29",
    };
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char query[128];
        (void) snprintf(query, sizeof(query), "who=%s", good[i]);
        assert_true(passes(&f, query));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char query[128];
        (void) snprintf(query, sizeof(query), "who=%s", bad[i]);
        faults(&f, query,
               "{\"who\":[\"Letters, digits, spaces and ' - . , \\u0026 @ + _ are allowed "
               "here.\"]}");
    }
    /* Each such try is an event for the operator. */
    assert_int_equal(sut_events_count(f.app.events, SUT_EVENT_INPUT_SUSPICIOUS),
                     sizeof(bad) / sizeof(bad[0]));
    fake_end(&f);
}

static void a_key_given_twice_is_refused(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, NULL);
    faults(&f, "size=m&size=s", "{\"size\":[\"This parameter may be given only once.\"]}");
    assert_true(passes(&f, "other=1&other=2"));
    fake_end(&f);
}

static void what_is_no_query_string_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = { "text=%",   "text=%4",  "text=%zz",   "text=%ff",
                                       "text=%c3", "text=%00", "text=a%7Fb", "text=a%1Fb" };
    struct fake f;
    fake_begin(&f, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        faults(&f, bad[i], "{\"detail\":\"Malformed query string.\",\"code\":\"parse_error\"}");
    /* More pairs than any form sends. */
    char many[3000];
    size_t n = 0;
    for (unsigned i = 0; i < 600; i++, n += 4)
        memcpy(many + n, "a=1&", 4);
    many[n] = '\0';
    assert_false(passes(&f, many));
    assert_int_equal(f.x.res.status, 400);
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_can_be_read),
        cmocka_unit_test(a_row_without_keys_does_not_look),
        cmocka_unit_test(each_type_names_its_own_fault),
        cmocka_unit_test(a_page_beyond_all_pages_is_the_last_that_can_be),
        cmocka_unit_test(a_search_for_people_takes_letters_of_any_script),
        cmocka_unit_test(a_key_given_twice_is_refused),
        cmocka_unit_test(what_is_no_query_string_is_refused),
    };
    return cmocka_run_group_tests_name("guard/query", tests, NULL, NULL);
}
