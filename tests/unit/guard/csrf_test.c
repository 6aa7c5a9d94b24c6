/* SPDX-License-Identifier: Apache-2.0
 *
 * The step csrf alone: what a cookie must come with, and what its token is bound to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "authn/device.h"
#include "authn/keyring.h"
#include "fake.h"
#include "guard/browser.h"
#include "guard/cookie.h"
#include "guard/csrf.h"

#define SECRET_ONE "0123456789abcdef0123456789abcdef"
#define SECRET_TWO "fedcba9876543210fedcba9876543210"
#define OURS       "https://shop.example"

static sut_err nothing(struct sut_req *r)
{
    (void) r;
    return SUT_OK;
}

static const struct sut_answer ok[] = { { .status = 200 }, { .status = 0 } };
static const struct sut_field fields[] = {
    { .name = "refresh", .type = SUT_F_PASSWORD, .flags = SUT_F_BLANK | SUT_F_NULLABLE, .max = 99 },
};
static const struct sut_schema schema = SUT_SCHEMA("Refresh", fields);

#define ROW_(method_, path_, flags_)                                                               \
    {                                                                                              \
        .method = (method_), .path = (path_), .name = "row", .policy = SUT_POLICY_ANYONE,          \
        .place = SUT_PLACE_MEMORY, .answers = ok, .handle = nothing, .body = &schema,              \
        .flags = (flags_)                                                                          \
    }
static const struct sut_route refresh = ROW_(SUT_POST, "/refresh/", SUT_ROUTE_COOKIE_REFRESH);
static const struct sut_route cart = ROW_(SUT_POST, "/cart/", SUT_ROUTE_COOKIE_CART);
static const struct sut_route other = ROW_(SUT_POST, "/other/", 0);

static const struct sut_config_arg shop[] = {
    { "hosts.allowed", "shop.example" },
    { "server.public_url", OURS },
    { "cors.origins", "https://front.example" },
    { NULL, NULL },
};

struct rig {
    struct fake f;
    struct sut_keyring *ring;
    struct sut_hmac_key device_key;
};

static struct sut_keyring *ring_of(const char *current, const char *previous)
{
    struct sut_keyring *ring = NULL;
    const struct sut_key_text now = { .secret = sut_str_from(current) };
    const struct sut_key_text before = { .secret = sut_str_from(previous == NULL ? "" : previous) };
    assert_false(
        sut_failed(sut_keyring_create(&now, previous == NULL ? NULL : &before, false, &ring)));
    return ring;
}

static void begin(struct rig *g)
{
    *g = (struct rig){ .ring = ring_of(SECRET_ONE, NULL) };
    fake_begin(&g->f, shop);
    sut_hmac_key_init(&g->device_key, SUT_STR("a key of devices"));
    g->f.app.keyring = g->ring;
    g->f.app.random = &sut_random_system;
    g->f.app.device_key = &g->device_key;
}

static void end(struct rig *g)
{
    fake_end(&g->f);
    sut_keyring_free(&g->ring);
}

static void turn_keys(struct rig *g, const char *current, const char *previous)
{
    sut_keyring_free(&g->ring);
    g->ring = ring_of(current, previous);
    g->f.app.keyring = g->ring;
}

/* A refresh token of a session, as text that lives as long as the test. */
static void mint(struct rig *g, int64_t session, enum sut_token_kind kind, char *to, size_t cap)
{
    struct sut_token t = { .kind = kind,
                           .user_id = 7,
                           .session = session,
                           .iat_s = 1795315251,
                           .exp_s = 1795315251 + 3600 };
    size_t n = 0;
    assert_false(sut_failed(
        sut_token_mint(g->ring, &g->f.app.token_policy, &sut_random_system, &t, to, cap - 1, &n)));
    to[n] = '\0';
}

struct coming {
    const struct sut_route *row;
    const char *cookie; /* the whole field */
    const char *origin;
    const char *token;
    const char *client;
    bool is_signed_in;
};

static struct sut_req *come(struct rig *g, const struct coming *c)
{
    fake_ask(&g->f, c->row->method, c->row->path);
    if (c->cookie != NULL)
        fake_field(&g->f, SUT_H_COOKIE, c->cookie);
    if (c->origin != NULL)
        fake_field(&g->f, SUT_H_ORIGIN, c->origin);
    if (c->token != NULL)
        fake_field(&g->f, SUT_H_X_CSRFTOKEN, c->token);
    if (c->client != NULL)
        fake_field(&g->f, SUT_H_X_SUTLER_CLIENT, c->client);
    struct sut_req *r = fake_req(&g->f, c->row);
    if (c->is_signed_in)
        r->auth.state = SUT_AUTH_USER;
    return r;
}

static bool passes(struct rig *g, const struct coming *c)
{
    const uint64_t before = sut_events_count(g->f.app.events, SUT_EVENT_PERMISSION_DENIED);
    const bool is_through = sut_guard__csrf(come(g, c)) == SUT_NEXT;
    const uint64_t told = sut_events_count(g->f.app.events, SUT_EVENT_PERMISSION_DENIED) - before;
    assert_int_equal(told, is_through ? 0 : 1);
    if (!is_through) {
        assert_int_equal(g->f.x.res.status, 403);
        assert_non_null(strstr(fake_body(&g->f), "\"code\":\"permission_denied\""));
    }
    return is_through;
}

/* The token that csrf/ gives for these cookies. */
static void token_for(struct rig *g, const char *cookie, char ret[SUT_CSRF_TEXT + 1])
{
    sut_str text = { 0 };
    struct sut_req *r = come(g, &(struct coming){ .row = &refresh, .cookie = cookie });
    assert_false(sut_failed(sut_csrf_token(r, &text)));
    assert_int_equal(text.n, SUT_CSRF_TEXT);
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
}

static void cookie_of(struct rig *g, int64_t session, char *to, size_t cap)
{
    char token[SUT_TOKEN_MINTED_MAX];
    mint(g, session, SUT_TOKEN_REFRESH, token, sizeof(token));
    (void) snprintf(to, cap, "__Host-sutler_refresh=%s", token);
}

static void a_cookie_acts_with_its_token_and_an_origin_of_ours_alone(void **state)
{
    (void) state;
    struct rig g;
    char cookie[2048];
    char foreign[2048];
    char token[SUT_CSRF_TEXT + 1];
    char other_token[SUT_CSRF_TEXT + 1];
    begin(&g);
    cookie_of(&g, 11, cookie, sizeof(cookie));
    cookie_of(&g, 12, foreign, sizeof(foreign));
    token_for(&g, cookie, token);
    token_for(&g, foreign, other_token);
    assert_string_not_equal(token, other_token);
    struct coming c = { .row = &refresh, .cookie = cookie, .origin = OURS, .token = token };
    assert_true(passes(&g, &c));
    assert_true(sut_req_refresh_token(g.f.r).n > 100);
    assert_true(sut_req_is_browser(g.f.r));
    c.origin = "https://front.example";
    assert_true(passes(&g, &c));
    static const char *const origins[] = {
        NULL,
        "",
        "null",
        "http://shop.example",
        "https://shop.example:443",
        "https://shop.example/",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://a.shop.example",
        "HTTPS://SHOP.EXAMPLE",
        "https://shop.example@evil.example",
        "https://evil.example",
        "https://front.example:8443",
        "http://front.example",
        "shop.example",
        "*",
    };
    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        c.origin = origins[i];
        assert_false(passes(&g, &c));
        assert_int_equal(g.f.r->refresh.came.n, 0);
    }
    c.origin = OURS;
    const char *const tokens[] = { NULL, "", other_token, "x", SECRET_ONE };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        c.token = tokens[i];
        assert_false(passes(&g, &c));
        assert_int_equal(g.f.r->refresh.came.n, 0);
    }
    for (size_t i = 0; i < SUT_CSRF_TEXT; i++) {
        char changed[SUT_CSRF_TEXT + 1];
        memcpy(changed, token, sizeof(changed));
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        c.token = changed;
        assert_false(passes(&g, &c));
    }
    end(&g);
}

static void what_acts_on_no_cookie_is_let_through(void **state)
{
    (void) state;
    struct rig g;
    char cookie[2048];
    begin(&g);
    cookie_of(&g, 11, cookie, sizeof(cookie));
    /* Another row; a read; no cookie of this kind; a token in the body. */
    assert_true(passes(&g, &(struct coming){ .row = &other, .cookie = cookie }));
    struct sut_route read = refresh;
    read.method = SUT_GET;
    assert_true(passes(&g, &(struct coming){ .row = &read, .cookie = cookie }));
    assert_true(passes(&g, &(struct coming){ .row = &refresh }));
    assert_true(passes(&g, &(struct coming){ .row = &refresh, .cookie = "sutler_refresh=x; a=b" }));
    assert_int_equal(sut_req_refresh_token(g.f.r).n, 0);
    struct sut_req *r = come(&g, &(struct coming){ .row = &refresh, .cookie = cookie });
    enum sut_json_fault fault = SUT_JSON_OK;
    assert_false(
        sut_failed(sut_json_parse(g.f.arena, SUT_STR("{\"refresh\":\"abc\"}"), &r->body, &fault)));
    assert_int_equal(sut_guard__csrf(r), SUT_NEXT);
    assert_true(sut_str_is(sut_req_refresh_token(r), "abc"));
    assert_false(sut_req_is_browser(r));
    /* An empty one is none. */
    r = come(&g, &(struct coming){ .row = &refresh, .cookie = cookie });
    assert_false(
        sut_failed(sut_json_parse(g.f.arena, SUT_STR("{\"refresh\":\"\"}"), &r->body, &fault)));
    assert_int_equal(sut_guard__csrf(r), SUT_ANSWERED);
    end(&g);
}

static void a_cart_is_a_credential_of_who_is_not_signed_in(void **state)
{
    (void) state;
    struct rig g;
    char token[SUT_CSRF_TEXT + 1];
    begin(&g);
    static const char cookie[] = "__Host-sutler_cart=abcdef";
    token_for(&g, cookie, token);
    struct coming c = { .row = &cart, .cookie = cookie, .origin = OURS, .token = token };
    assert_true(passes(&g, &c));
    /* One of the two is enough. */
    c.token = NULL;
    assert_true(passes(&g, &c));
    c.origin = NULL;
    assert_false(passes(&g, &c));
    c.token = token;
    assert_true(passes(&g, &c));
    c.cookie = "__Host-sutler_cart=abcdeg";
    assert_false(passes(&g, &c));
    /* Another's page is refused whatever it has, with a cookie and without. */
    c.cookie = cookie;
    c.origin = "https://evil.example";
    assert_false(passes(&g, &c));
    c.origin = "null";
    assert_false(passes(&g, &c));
    c.cookie = NULL;
    c.token = NULL;
    assert_false(passes(&g, &c));
    c.origin = OURS;
    assert_true(passes(&g, &c));
    c.cookie = "__Host-sutler_cart=abcdef; __Host-sutler_cart=abcdef";
    assert_false(passes(&g, &c));
    /* The bearer token speaks for who has one; and a first visit has no cart yet. */
    assert_true(
        passes(&g, &(struct coming){ .row = &cart, .cookie = cookie, .is_signed_in = true }));
    assert_true(passes(&g, &(struct coming){ .row = &cart }));
    end(&g);
}

static void which_of_two_cookies_is_ours_is_not_guessed(void **state)
{
    (void) state;
    struct rig g;
    char cookie[2048];
    char twice[4200];
    char token[SUT_CSRF_TEXT + 1];
    begin(&g);
    cookie_of(&g, 11, cookie, sizeof(cookie));
    token_for(&g, cookie, token);
    (void) snprintf(twice, sizeof(twice), "%s; %s", cookie, cookie);
    assert_false(passes(
        &g, &(struct coming){ .row = &refresh, .cookie = twice, .origin = OURS, .token = token }));
    fake_ask(&g.f, SUT_POST, "/refresh/");
    fake_field(&g.f, SUT_H_COOKIE, cookie);
    fake_field(&g.f, SUT_H_COOKIE, "a=b");
    fake_field(&g.f, SUT_H_ORIGIN, OURS);
    fake_field(&g.f, SUT_H_X_CSRFTOKEN, token);
    assert_int_equal(sut_guard__csrf(fake_req(&g.f, &refresh)), SUT_ANSWERED);
    /* Nor of two tokens or origins. */
    for (int i = 0; i < 2; i++) {
        (void) come(&g, &(struct coming){
                            .row = &refresh, .cookie = cookie, .origin = OURS, .token = token });
        fake_field(&g.f, i == 0 ? SUT_H_ORIGIN : SUT_H_X_CSRFTOKEN, i == 0 ? OURS : token);
        assert_int_equal(sut_guard__csrf(fake_req(&g.f, &refresh)), SUT_ANSWERED);
    }
    end(&g);
}

static void what_is_no_token_of_ours_opens_nothing_and_is_told_so(void **state)
{
    (void) state;
    struct rig g;
    char access[SUT_TOKEN_MINTED_MAX];
    char cookie[2048];
    begin(&g);
    mint(&g, 11, SUT_TOKEN_ACCESS, access, sizeof(access));
    (void) snprintf(cookie, sizeof(cookie), "__Host-sutler_refresh=%s", access);
    struct coming c = { .row = &refresh, .cookie = cookie, .origin = OURS };
    assert_true(passes(&g, &c));
    c.cookie = "__Host-sutler_refresh=nonsense";
    assert_true(passes(&g, &c));
    assert_true(sut_str_is(sut_req_refresh_token(g.f.r), "nonsense"));
    /* Not from everywhere. */
    c.origin = "https://evil.example";
    assert_false(passes(&g, &c));
    end(&g);
}

static void it_holds_while_the_key_that_made_it_is_accepted(void **state)
{
    (void) state;
    struct rig g;
    char cookie[2048];
    char token[SUT_CSRF_TEXT + 1];
    char next[SUT_CSRF_TEXT + 1];
    begin(&g);
    cookie_of(&g, 11, cookie, sizeof(cookie));
    token_for(&g, cookie, token);
    struct coming c = { .row = &refresh, .cookie = cookie, .origin = OURS, .token = token };
    turn_keys(&g, SECRET_TWO, SECRET_ONE);
    token_for(&g, cookie, next);
    assert_string_not_equal(token, next);
    assert_true(passes(&g, &c));
    c.token = next;
    assert_true(passes(&g, &c));
    turn_keys(&g, SECRET_TWO, NULL);
    cookie_of(&g, 11, cookie, sizeof(cookie));
    assert_true(passes(&g, &c));
    c.token = token;
    assert_false(passes(&g, &c));
    end(&g);
}

static void a_token_is_bound_to_session_cart_or_device(void **state)
{
    (void) state;
    struct rig g;
    struct sut_device d;
    char session[2048];
    char all[4200];
    char device[128];
    char tokens[4][SUT_CSRF_TEXT + 1];
    char again[SUT_CSRF_TEXT + 1];
    begin(&g);
    assert_false(sut_failed(sut_device_make(&g.device_key, &sut_random_system, &d)));
    (void) snprintf(device, sizeof(device), "__Host-sutler_device=%.*s", SUT_DEVICE_TEXT, d.text);
    cookie_of(&g, 11, session, sizeof(session));
    token_for(&g, session, tokens[0]);
    token_for(&g, "__Host-sutler_cart=x", tokens[1]);
    token_for(&g, device, tokens[2]);
    token_for(&g, NULL, tokens[3]);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(tokens[i], tokens[j]);
    (void) snprintf(all, sizeof(all), "%s; __Host-sutler_cart=x; %s", session, device);
    token_for(&g, all, again);
    assert_string_equal(again, tokens[0]);
    (void) snprintf(all, sizeof(all), "__Host-sutler_cart=x; %s", device);
    token_for(&g, all, again);
    assert_string_equal(again, tokens[1]);
    /* What somebody wrote there is no device. */
    token_for(&g, "__Host-sutler_device=abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuv", again);
    assert_string_equal(again, tokens[3]);
    end(&g);
}

static void browser_mode_is_asked_for_from_an_origin_of_ours(void **state)
{
    (void) state;
    struct rig g;
    begin(&g);
    struct coming c = { .row = &other, .client = "browser" };
    assert_true(passes(&g, &c));
    assert_true(sut_req_is_browser(g.f.r));
    c.origin = OURS;
    assert_true(passes(&g, &c));
    c.origin = "https://evil.example";
    assert_false(passes(&g, &c));
    c.client = "app";
    assert_true(passes(&g, &c));
    assert_false(sut_req_is_browser(g.f.r));
    end(&g);
}

static void the_host_itself_is_an_origin_in_development_alone(void **state)
{
    (void) state;
    struct rig g;
    begin(&g);
    g.f.config->server.public_url = SUT_STR("https://Shop.Example:443");
    struct coming c = { .row = &other, .client = "browser", .origin = OURS };
    assert_true(passes(&g, &c));
    c.origin = "https://127.0.0.1:8443";
    (void) come(&g, &c);
    g.f.q.authority = SUT_STR("127.0.0.1:8443");
    assert_false(sut_csrf_origin_ok(g.f.r));
    g.f.app.plain_loopback_ok = true;
    assert_true(sut_csrf_origin_ok(g.f.r));
    g.f.r->is_secure = false;
    assert_false(sut_csrf_origin_ok(g.f.r));
    end(&g);
}

static void the_answer_sets_or_takes_the_cookie(void **state)
{
    (void) state;
    struct rig g;
    begin(&g);
    struct sut_req *r = come(&g, &(struct coming){ .row = &refresh });
    sut_req_give_refresh(r, SUT_STR("abc"), 60);
    g.f.x.res.status = 200;
    sut_guard__keep_refresh(r);
    assert_string_equal(fake_answer(&g.f, "Set-Cookie"),
                        "__Host-sutler_refresh=abc; Path=/; Max-Age=60; Secure; HttpOnly; "
                        "SameSite=Strict");
    /* What failed after all sets none. */
    r = come(&g, &(struct coming){ .row = &refresh });
    sut_req_give_refresh(r, SUT_STR("abc"), 60);
    g.f.x.res.status = 503;
    sut_guard__keep_refresh(r);
    assert_null(fake_answer(&g.f, "Set-Cookie"));
    r = come(&g, &(struct coming){ .row = &refresh });
    sut_req_drop_refresh(r);
    g.f.x.res.status = 401;
    sut_guard__keep_refresh(r);
    assert_non_null(strstr(fake_answer(&g.f, "Set-Cookie"), "Max-Age=0"));
    r = come(&g, &(struct coming){ .row = &refresh });
    sut_guard__keep_refresh(r);
    assert_null(fake_answer(&g.f, "Set-Cookie"));
    end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_acts_with_its_token_and_an_origin_of_ours_alone),
        cmocka_unit_test(what_acts_on_no_cookie_is_let_through),
        cmocka_unit_test(a_cart_is_a_credential_of_who_is_not_signed_in),
        cmocka_unit_test(which_of_two_cookies_is_ours_is_not_guessed),
        cmocka_unit_test(what_is_no_token_of_ours_opens_nothing_and_is_told_so),
        cmocka_unit_test(it_holds_while_the_key_that_made_it_is_accepted),
        cmocka_unit_test(a_token_is_bound_to_session_cart_or_device),
        cmocka_unit_test(browser_mode_is_asked_for_from_an_origin_of_ours),
        cmocka_unit_test(the_host_itself_is_an_origin_in_development_alone),
        cmocka_unit_test(the_answer_sets_or_takes_the_cookie),
    };
    return cmocka_run_group_tests_name("csrf", tests, NULL, NULL);
}
