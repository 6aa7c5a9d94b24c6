/* SPDX-License-Identifier: Apache-2.0 */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void fake_begin(struct fake *f, const struct sut_config_arg *args)
{
    *f = (struct fake){ .body_max = 0 };
    size_t n = 0;
    while (args != NULL && args[n].name != NULL)
        n++;
    const struct sut_config_source src = { .args = args, .n_args = n };
    struct sut_config_report report = { 0 };
    const sut_err e = sut_config_load(&src, &f->config, &report);
    for (size_t i = 0; i < report.n; i++)
        print_message("# %s: %s\n", report.problems[i].place, report.problems[i].text);
    sut_config_report_done(&report);
    assert_false(sut_failed(e));
    assert_false(sut_failed(sut_arena_create(256 * 1024, &f->arena)));
    assert_false(sut_failed(sut_headers_create(f->config, &f->headers)));
    assert_false(sut_failed(sut_events_create(&f->app.events)));
    assert_false(sut_failed(sut_addr_parse(SUT_STR("192.0.2.7"), &f->peer)));
    f->app.config = f->config;
    f->app.clock = &sut_clock_system;
    f->app.headers = f->headers;
    sut_buf_init(&f->x.res.body, 1 << 20);
}

void fake_end(struct fake *f)
{
    sut_bytes_unref(&f->x.res.shared);
    sut_buf_done(&f->x.res.body);
    sut_events_free(&f->app.events);
    sut_headers_free(&f->headers);
    sut_router_free(&f->router);
    sut_arena_free(&f->arena);
    sut_config_free(&f->config);
}

void fake_routes(struct fake *f, const struct sut_route *rows, size_t n)
{
    assert_false(sut_failed(sut_router_create(&f->router)));
    for (size_t i = 0; i < n; i++)
        assert_false(sut_failed(sut_router_add(f->router, rows[i].method, rows[i].path, &rows[i])));
    f->app.router = f->router;
}

void fake_ask(struct fake *f, enum sut_method method, const char *target)
{
    sut_arena_reset(f->arena);
    sut_bytes_unref(&f->x.res.shared);
    struct sut_buf body = f->x.res.body;
    sut_buf_reset(&body);
    const sut_str whole = sut_str_from(target);
    const size_t mark = sut_str_find(whole, 0, '?');
    f->q = (struct sut_http_request){
        .method = method,
        .method_text = sut_str_from(sut_method_name(method)),
        .target = whole,
        .path = sut_str_sub(whole, 0, mark),
        .query = mark == whole.n ? (sut_str){ 0 } : sut_str_sub(whole, mark + 1, whole.n),
        .authority = SUT_STR("shop.example"),
        .headers = f->list,
        .minor = 1,
        .keep_alive = true,
    };
    f->x = (struct sut_exchange){
        .arena = f->arena,
        .req = &f->q,
        .peer = &f->peer,
        .via = &f->peer,
        .listener = SUT_LISTENER_TLS,
        .now = { .v = 1795315251123 },
        .request_id = "0123456789abcdef0123456789abcdef",
    };
    f->x.res.body = body;
    f->r = NULL;
}

void fake_field(struct fake *f, enum sut_hname known, const char *value)
{
    assert_true(f->q.n_headers < sizeof(f->list) / sizeof(f->list[0]));
    f->list[f->q.n_headers++] = (struct sut_header){ .value = sut_str_from(value), .known = known };
    if (f->q.known_n[known]++ == 0)
        f->q.known[known] = sut_str_from(value);
}

void fake_json(struct fake *f, const char *body)
{
    fake_field(f, SUT_H_CONTENT_TYPE, "application/json");
    f->q.body = sut_str_from(body);
}

struct sut_req *fake_req(struct fake *f, const struct sut_route *row)
{
    struct sut_req *r = ARENA_NEW(f->arena, struct sut_req);
    assert_non_null(r);
    r->x = &f->x;
    r->app = &f->app;
    r->arena = f->arena;
    r->route = row;
    r->contract = sut_contract_of(f->q.path);
    r->now = f->x.now;
    r->client = &f->peer;
    r->is_secure = (f->x.listener & SUT_LISTENER_TLS) != 0;
    f->x.app_data = r;
    f->r = r;
    return r;
}

void fake_run(struct fake *f)
{
    const struct sut_service s = sut_guard_service(&f->app);
    if (s.on_head(s.app, &f->x, &f->body_max))
        s.on_request(s.app, &f->x);
    f->r = f->x.app_data;
}

const char *fake_body(struct fake *f)
{
    assert_false(f->x.res.body.overflowed);
    const sut_str body =
        f->x.res.shared != NULL ? sut_bytes_str(f->x.res.shared) : sut_buf_str(&f->x.res.body);
    const char *z = sut_str_z(f->arena, body);
    assert_non_null(z);
    return z;
}

static const char *find(struct fake *f, const struct sut_header *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (sut_str_eq_nocase(list[i].name, sut_str_from(name)))
            return sut_str_z(f->arena, list[i].value);
    return NULL;
}

const char *fake_answer(struct fake *f, const char *name)
{
    const char *own = find(f, f->x.res.headers, f->x.res.n_headers, name);
    if (own != NULL || f->x.res.fixed == NULL)
        return own;
    return find(f, f->x.res.fixed->list, f->x.res.fixed->n, name);
}
