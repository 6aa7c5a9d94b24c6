/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/router.h"

static struct sut_router *router;

static const char *const rows[] = {
    "/",
    "/healthz",
    "/api/catalog/products/",
    "/api/catalog/products/filters/",
    "/api/catalog/products/{id}/",
    "/api/catalog/products/{category_slug}/{product_slug}/",
    "/api/orders/{id}/cancel/",
    "/api/orders/{id}/lines/{line_id}/",
    "/verify/{token}/",
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static int setup(void **state)
{
    (void) state;
    if (sut_failed(sut_router_create(&router)))
        return -1;
    for (size_t i = 0; i < N_ROWS; i++)
        if (sut_failed(sut_router_add(router, SUT_GET, rows[i], rows[i])))
            return -1;
    return sut_failed(sut_router_add(router, SUT_POST, rows[2], "post products")) ||
                   sut_failed(sut_router_add(router, SUT_DELETE, rows[7], "delete line"))
               ? -1
               : 0;
}

static int teardown(void **state)
{
    (void) state;
    sut_router_free(&router);
    return 0;
}

static struct sut_route_match find(enum sut_method m, const char *path)
{
    return sut_router_find(router, m, sut_str_from(path));
}

static void finds_the_row_of_each_path(void **state)
{
    (void) state;
    static const struct {
        const char *path;
        size_t row;
    } cases[] = {
        { "/", 0 },
        { "/healthz", 1 },
        { "/api/catalog/products/", 2 },
        { "/api/catalog/products/filters/", 3 },
        { "/api/catalog/products/42/", 4 },
        { "/api/catalog/products/shoes/red-boot_2/", 5 },
        { "/api/catalog/products/42/7/", 5 },
        { "/api/catalog/products/filters/boot/", 5 },
        { "/api/orders/999999999999999999/cancel/", 6 },
        { "/verify/aB3._~:=-x/", 8 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sut_route_match m = find(SUT_GET, cases[i].path);
        assert_int_equal(m.outcome, SUT_ROUTE_FOUND);
        assert_ptr_equal(m.row, rows[cases[i].row]);
    }
}

static void gives_parameters_by_name(void **state)
{
    (void) state;
    const struct sut_route_match m = find(SUT_DELETE, "/api/orders/12/lines/3/");
    assert_int_equal(m.outcome, SUT_ROUTE_FOUND);
    assert_int_equal(m.n_params, 2);
    assert_int_equal(sut_route_param(&m, "id").id, 12);
    assert_int_equal(sut_route_param(&m, "line_id").id, 3);
    assert_null(sut_route_param(&m, "other").text.p);

    const struct sut_route_match s = find(SUT_GET, "/api/catalog/products/42/7/");
    assert_int_equal(s.n_params, 2);
    assert_true(sut_str_is(sut_route_param(&s, "category_slug").text, "42"));
    assert_true(sut_str_is(sut_route_param(&s, "product_slug").text, "7"));
}

static void finds_nothing_for_odd_paths(void **state)
{
    (void) state;
    static const char *const odd[] = {
        "",
        "*",
        "api",
        "//",
        "/x",
        "/healthz/",
        "/HEALTHZ",
        "/healthz/x",
        "/healthz%",
        "/%68ealthz",
        "/healthz;x",
        "/healthz?x",
        "/healthz.",
        "/./healthz",
        "/x/../healthz",
        "/api//catalog/products/",
        "/api/catalog/products//",
        "/api/catalog/products/../products/",
        "/api/catalog/products/0/",
        "/api/catalog/products/01/",
        "/api/catalog/products/-1/",
        "/api/catalog/products/+1/",
        "/api/catalog/products/1e3/",
        "/api/catalog/products/1000000000000000000/",
        "/api/catalog/products/\xd9\xa1/",
        "/api/catalog/products/a.b/c/",
        "/api/catalog/products/a%20b/c/",
        "/api\\catalog\\products\\",
        "/verify/./",
        "/verify/../",
        "/verify/.../",
        "/verify/a%2fb/",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/",
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        const struct sut_route_match m = find(SUT_GET, odd[i]);
        if (m.outcome != SUT_ROUTE_NONE)
            print_error("%s\n", odd[i]);
        assert_int_equal(m.outcome, SUT_ROUTE_NONE);
        assert_null(m.row);
    }
    assert_int_equal(sut_router_find(router, SUT_GET, sut_str_of("/healthz\0", 9)).outcome,
                     SUT_ROUTE_NONE);
}

static void limits_the_length_of_a_slug(void **state)
{
    (void) state;
    char path[400] = "/api/catalog/products/shoes/";
    const size_t at = strlen(path);
    memset(path + at, 'a', 256);
    path[at + 256] = '/';
    assert_int_equal(find(SUT_GET, path).outcome, SUT_ROUTE_NONE);
    path[at + 255] = '/';
    path[at + 256] = '\0';
    assert_int_equal(find(SUT_GET, path).outcome, SUT_ROUTE_FOUND);
}

static void tells_the_methods_that_a_path_has(void **state)
{
    (void) state;
    const struct sut_route_match m = find(SUT_PUT, "/api/catalog/products/");
    assert_int_equal(m.outcome, SUT_ROUTE_METHOD);
    struct sut_buf b;
    sut_buf_init(&b, 100);
    sut_route_allow(&b, m.methods);
    assert_true(sut_str_is(sut_buf_str(&b), "GET, HEAD, POST, OPTIONS"));
    sut_buf_done(&b);
    assert_int_equal(find(SUT_METHOD_OTHER, "/healthz").outcome, SUT_ROUTE_METHOD);
    assert_int_equal(find(SUT_OPTIONS, "/healthz").outcome, SUT_ROUTE_METHOD);
    assert_int_equal(find(SUT_OPTIONS, "/nothing/").outcome, SUT_ROUTE_NONE);
}

static void serves_head_by_the_row_of_get(void **state)
{
    (void) state;
    assert_ptr_equal(find(SUT_HEAD, "/healthz").row, rows[1]);
}

static void offers_the_slash_to_get_alone(void **state)
{
    (void) state;
    assert_int_equal(find(SUT_GET, "/api/catalog/products").outcome, SUT_ROUTE_SLASH);
    assert_int_equal(find(SUT_HEAD, "/api/catalog/products/42").outcome, SUT_ROUTE_SLASH);
    assert_int_equal(find(SUT_POST, "/api/catalog/products").outcome, SUT_ROUTE_NONE);
    assert_int_equal(find(SUT_GET, "/api/nothing").outcome, SUT_ROUTE_NONE);
}

static void falls_back_to_a_wider_row_for_the_method(void **state)
{
    (void) state;
    DEFER(sut_router_free) struct sut_router *r = NULL;
    assert_false(sut_failed(sut_router_create(&r)));
    assert_false(sut_failed(sut_router_add(r, SUT_GET, "/x/new/", "get")));
    assert_false(sut_failed(sut_router_add(r, SUT_PUT, "/x/{slug}/", "put")));
    const struct sut_route_match m = sut_router_find(r, SUT_PUT, SUT_STR("/x/new/"));
    assert_int_equal(m.outcome, SUT_ROUTE_FOUND);
    assert_string_equal(m.row, "put");
    assert_int_equal(m.n_params, 1);
}

static void refuses_conflicts_and_malformed_patterns(void **state)
{
    (void) state;
    static const struct {
        const char *pattern;
        enum sut_ecode code;
    } cases[] = {
        { "/healthz", SUT_E_EXISTS },
        { "/api/catalog/products/{product_id}/", SUT_E_EXISTS },
        { "/api/catalog/products/{slug}/x/", SUT_E_EXISTS },
        { "", SUT_E_INVALID },
        { "x", SUT_E_INVALID },
        { "/a//b/", SUT_E_INVALID },
        { "/a/{}/", SUT_E_INVALID },
        { "/a/{id/", SUT_E_INVALID },
        { "/a/{name}/", SUT_E_INVALID },
        { "/a/x{id}/", SUT_E_INVALID },
        { "/a/../b/", SUT_E_INVALID },
        { "/a b/", SUT_E_INVALID },
        { "/a%20b/", SUT_E_INVALID },
        { "/{id}/{a_id}/{b_id}/{c_id}/{d_id}/", SUT_E_INVALID },
        { "/a/b/c/d/e/f/g/h/i/j/k/l/m/", SUT_E_INVALID },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(sut_router_add(router, SUT_GET, cases[i].pattern, "x").code,
                         cases[i].code);
    assert_int_equal(sut_router_add(router, SUT_METHOD_OTHER, "/new/", "x").code, SUT_E_INVALID);
    assert_int_equal(sut_router_add(router, SUT_GET, "/new/", NULL).code, SUT_E_INVALID);
}

static void copes_with_every_failing_allocation(void **state)
{
    (void) state;
    for (unsigned long i = 1;; i++) {
        struct sut_router *r = NULL;
        sut_mem_fault_nth(i);
        const bool ok = !sut_failed(sut_router_create(&r)) &&
                        !sut_failed(sut_router_add(r, SUT_GET, "/a/{id}/b/", "x"));
        const bool hit = sut_mem_fault_hit();
        sut_mem_fault_nth(0);
        sut_router_free(&r);
        assert_int_equal(ok, !hit);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_row_of_each_path),
        cmocka_unit_test(gives_parameters_by_name),
        cmocka_unit_test(finds_nothing_for_odd_paths),
        cmocka_unit_test(limits_the_length_of_a_slug),
        cmocka_unit_test(tells_the_methods_that_a_path_has),
        cmocka_unit_test(serves_head_by_the_row_of_get),
        cmocka_unit_test(offers_the_slash_to_get_alone),
        cmocka_unit_test(falls_back_to_a_wider_row_for_the_method),
        cmocka_unit_test(refuses_conflicts_and_malformed_patterns),
        cmocka_unit_test(copes_with_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
