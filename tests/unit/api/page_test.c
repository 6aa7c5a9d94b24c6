/* SPDX-License-Identifier: Apache-2.0
 *
 * The page envelope: links, clamps, and the page that is not there.
 */
#include "api/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake.h"

static const struct sut_query_key keys[] = {
    { .name = "search", .type = SUT_Q_TEXT, .max = 100 },
    { .name = "page", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = "page_size", .type = SUT_Q_INT, .max = API_PAGE_MAX },
    { .name = NULL },
};
static const struct sut_route row = { .path = "/api/things/", .query = keys };
static const struct sut_config_arg shop[] = {
    { "server.public_url", "https://shop.example" },
    { NULL, NULL },
};

static struct api_page ask(struct fake *f, const char *target, int64_t count)
{
    fake_ask(f, SUT_GET, target);
    struct sut_req *r = fake_req(f, &row);
    assert_int_equal(sut_guard__query(r), SUT_NEXT);
    struct api_page p = api_page_of(r, 20, 100);
    p.count = count;
    return p;
}

static const char *envelope(struct fake *f, const struct api_page *p)
{
    struct sut_jw w = sut_reply_json(f->r, 200);
    api_page_open(f->r, &w, p);
    sut_jw_i64(&w, 1);
    api_page_close(&w);
    return fake_body(f);
}

static void the_first_page_has_a_next_one(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    const struct api_page p = ask(&f, "/api/things/", 41);
    assert_int_equal(p.offset, 0);
    assert_int_equal(p.size, 20);
    assert_true(api_page_is_there(f.r, &p));
    assert_string_equal(envelope(&f, &p),
                        "{\"count\":41,\"next\":\"https://shop.example/api/things/?page=2\","
                        "\"previous\":null,\"results\":[1]}");
    fake_end(&f);
}

static void links_carry_the_declared_keys_and_nothing_else(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    const struct api_page p =
        ask(&f, "/api/things/?search=a%26b%20c&page=2&page_size=10&evil=%3Cscript%3E", 25);
    assert_int_equal(p.offset, 10);
    const char *text = envelope(&f, &p);
    assert_non_null(strstr(text, "page=3"));
    assert_null(strstr(text, "evil"));
    assert_null(strstr(text, "script"));
    assert_non_null(strstr(text, "page_size=10"));
    assert_non_null(strstr(text, "search=a%26b"));
    /* The first page's address has no number. */
    const char *previous = strstr(text, "\"previous\":\"");
    assert_non_null(previous);
    assert_null(strstr(previous, "page=1"));
    fake_end(&f);
}

static void the_last_page_has_no_next_one(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    struct api_page p = ask(&f, "/api/things/?page=2", 40);
    assert_true(api_page_is_there(f.r, &p));
    assert_non_null(strstr(envelope(&f, &p), "\"next\":null"));
    p = ask(&f, "/api/things/", 20);
    assert_non_null(strstr(envelope(&f, &p), "\"next\":null,\"previous\":null"));
    fake_end(&f);
}

static void an_empty_list_has_one_page(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    struct api_page p = ask(&f, "/api/things/", 0);
    assert_true(api_page_is_there(f.r, &p));
    p = ask(&f, "/api/things/?page=2", 0);
    assert_false(api_page_is_there(f.r, &p));
    assert_int_equal(f.x.res.status, 404);
    assert_string_equal(fake_body(&f), "{\"detail\":\"Invalid page.\",\"code\":\"not_found\"}");
    fake_end(&f);
}

static void sizes_are_clamped(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    struct api_page p = ask(&f, "/api/things/?page_size=100000", 1);
    assert_int_equal(p.size, 100);
    p = ask(&f, "/api/things/?page=999999999999999999999", 1);
    assert_int_equal(p.number, API_PAGE_MAX);
    assert_true(p.offset > 0);
    assert_false(api_page_is_there(f.r, &p));
    fake_end(&f);
}

static void a_search_that_came_by_a_body_leads_to_its_own_path(void **state)
{
    (void) state;
    struct fake f;
    fake_begin(&f, shop);
    struct api_page p = ask(&f, "/api/things/", 30);
    p.path = "/api/found/";
    p.search = SUT_STR("a b");
    const char *text = envelope(&f, &p);
    assert_non_null(strstr(text, "https://shop.example/api/found/?search=a"));
    fake_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_page_has_a_next_one),
        cmocka_unit_test(links_carry_the_declared_keys_and_nothing_else),
        cmocka_unit_test(the_last_page_has_no_next_one),
        cmocka_unit_test(an_empty_list_has_one_page),
        cmocka_unit_test(sizes_are_clamped),
        cmocka_unit_test(a_search_that_came_by_a_body_leads_to_its_own_path),
    };
    return cmocka_run_group_tests_name("api/page", tests, NULL, NULL);
}
