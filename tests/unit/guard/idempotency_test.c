/* SPDX-License-Identifier: Apache-2.0
 *
 * A request that is sent twice acts once: over a real store, with a handler that makes a group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "authn/guest.h"
#include "crypto/random.h"
#include "fake.h"
#include "guard/idempotency.h"
#include "store/cart.h"
#include "store/idempotency.h"
#include "store_fixture.h"
#include "store_person.h"

static const struct sut_config_arg shop[] = { { "hosts.allowed", "shop.example" }, { NULL, NULL } };

/* What the handler is to do wrong. */
enum mishap {
    NONE,
    JOB_FAILS,      /* nothing is made */
    DIES,           /* it is made, and no answer */
    DIES_NAMELESS,  /* likewise, and nothing says what */
    FAILS_WITH_5XX, /* it is made, and the answer is no answer */
    TOO_LARGE,
    REFUSES, /* it is made, and the answer is a 402 */
};

struct tries {
    struct fixture *fx;
    int64_t user;
    sut_ms at;
    sut_ms started_at;
    enum mishap mishap;
    const char *cookie;
    unsigned flags; /* more for the row */
};

static atomic_int names;

struct group_making {
    struct sut_req *r;
    enum mishap mishap;
    int64_t id;
};

static SUT_ERR make_job(struct sut_db_conn *c, void *arg)
{
    static const struct sut_sql insert = {
        .name = "test_group_insert",
        .text = "INSERT INTO groups (name) VALUES ($1) RETURNING id",
    };
    struct group_making *m = arg;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    char name[32];
    bool has_row = false;
    (void) snprintf(name, sizeof(name), "made %d", atomic_fetch_add(&names, 1));
    TRY(sut_req_claim(m->r, c));
    TRY(sut_db_prepare(c, &insert, &s));
    sut_db_bind_text(s, 1, sut_str_from(name));
    TRY(sut_db_step(s, &has_row));
    m->id = sut_db_col_i64(s, 0);
    ENSURE(m->mishap != JOB_FAILS, NOT_FOUND);
    if (m->mishap != DIES_NAMELESS)
        TRY(sut_req_claim_made(m->r, c, m->id));
    return SUT_OK;
}

static SUT_ERR handle(struct sut_req *r, enum mishap mishap)
{
    struct group_making m = { .r = r, .mishap = mishap, .id = sut_req_claim_resource(r) };
    if (m.id == 0)
        TRY(sut_store_write(r->app->store, make_job, &m));
    if (mishap == FAILS_WITH_5XX)
        FAIL(UNAVAILABLE);
    if (mishap == REFUSES) {
        sut_reply_domain(r, 402, "payment_failed", SUT_STR("no money"));
        return SUT_OK;
    }
    struct sut_jw w = sut_reply_json(r, 201);
    sut_jw_obj(&w);
    sut_jw_key(&w, "id");
    sut_jw_i64(&w, m.id);
    if (mishap == TOO_LARGE) {
        sut_jw_key(&w, "text");
        const char *many = "0123456789012345678901234567890123456789012345678901234567890123";
        sut_jw_arr(&w);
        for (int i = 0; i < 1024; i++)
            sut_jw_z(&w, many);
        sut_jw_arr_end(&w);
    }
    sut_jw_obj_end(&w);
    sut_response_header(&r->x->res, SUT_STR("Location"), SUT_STR("/api/groups/x/"));
    sut_response_header(&r->x->res, SUT_STR("Set-Cookie"), SUT_STR("secret=1"));
    return SUT_OK;
}

static sut_err no_handler(struct sut_req *r)
{
    (void) r;
    return SUT_OK;
}

/* The steps that matter, as the guard takes them. */
static int ask(struct fake *f, const struct tries *t, const char *key, const char *body)
{
    static const struct sut_answer answers[] = { { .status = 201 }, { 0 } };
    struct sut_route row = { .method = SUT_POST,
                             .path = "/api/groups/",
                             .name = "group_make",
                             .policy = SUT_POLICY_ANYONE,
                             .place = SUT_PLACE_POOL,
                             .flags = SUT_ROUTE_CREATES | t->flags,
                             .answers = answers,
                             .handle = no_handler };
    fake_ask(f, SUT_POST, "/api/groups/");
    f->app.store = t->fx->store;
    f->app.random = &sut_random_system;
    f->app.started_at = t->started_at;
    f->q.body = sut_str_from(body);
    if (key != NULL)
        fake_field(f, SUT_H_IDEMPOTENCY_KEY, key);
    if (t->cookie != NULL)
        fake_field(f, SUT_H_COOKIE, t->cookie);
    struct sut_req *r = fake_req(f, &row);
    r->now = t->at;
    if (t->user != 0)
        r->auth = (struct sut_auth){ .state = SUT_AUTH_USER, .user_id = t->user };
    if (sut_guard__idempotency(r) == SUT_NEXT) {
        const sut_err e = handle(r, t->mishap);
        if (sut_failed(e))
            sut_reply_error(r, e);
        sut_req_conn_end(r);
        if (t->mishap != DIES && t->mishap != DIES_NAMELESS)
            sut_guard__settle_claim(r);
    }
    sut_req_conn_end(r);
    return f->x.res.status;
}

static int64_t number(struct fixture *fx, const struct sut_sql *sql)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(fx->reader, sql, &s));
    OK(sut_db_step(s, &has_row));
    return sut_db_col_i64(s, 0);
}

static int64_t made(struct fixture *fx)
{
    static const struct sut_sql sql = { "test_made",
                                        "SELECT COUNT(*) FROM groups WHERE name LIKE 'made %'" };
    return number(fx, &sql);
}

static int64_t kept(struct fixture *fx)
{
    static const struct sut_sql sql = { "test_kept", "SELECT COUNT(*) FROM idempotency" };
    return number(fx, &sql);
}

static struct tries begin(void **state, struct fake *f, const char *email)
{
    struct fixture *fx = fixture_of(state);
    fake_begin(f, shop);
    return (struct tries){ .fx = fx, .user = person(fx, email), .at = now };
}

static void a_key_that_comes_again_gets_the_same_answer_and_acts_once(void **state)
{
    struct fake f;
    struct tries t = begin(state, &f, "again@x.org");
    char first[64];
    assert_int_equal(ask(&f, &t, "k-1", "{\"a\":1}"), 201);
    assert_null(fake_answer(&f, "Idempotency-Replayed"));
    (void) snprintf(first, sizeof(first), "%s", fake_body(&f));
    t.at.v += 1000;
    assert_int_equal(ask(&f, &t, "k-1", "{\"a\":1}"), 201);
    assert_string_equal(fake_body(&f), first);
    assert_string_equal(fake_answer(&f, "Idempotency-Replayed"), "true");
    assert_string_equal(fake_answer(&f, "Location"), "/api/groups/x/");
    assert_string_equal(fake_answer(&f, "Content-Type"), "application/json");
    assert_null(fake_answer(&f, "Set-Cookie"));
    assert_int_equal(made(t.fx), 1);
    /* Without a key nothing is kept, and another key is another request. */
    assert_int_equal(ask(&f, &t, NULL, "{\"a\":1}"), 201);
    assert_int_equal(ask(&f, &t, "k-2", "{\"a\":1}"), 201);
    assert_int_equal(made(t.fx), 3);
    assert_int_equal(kept(t.fx), 2);
    fake_end(&f);
}

static void another_body_or_path_under_the_key_is_422(void **state)
{
    struct fake f;
    const struct tries t = begin(state, &f, "other@x.org");
    assert_int_equal(ask(&f, &t, "k", "{\"a\":1}"), 201);
    assert_int_equal(ask(&f, &t, "k", "{\"a\":2}"), 422);
    assert_non_null(strstr(fake_body(&f), "\"code\":\"invalid\""));
    assert_int_equal(ask(&f, &t, "k", ""), 422);
    assert_int_equal(made(t.fx), 1);
    fake_end(&f);
}

#define GUEST       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_GUEST "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static SUT_ERR cart_job(struct sut_db_conn *c, void *arg)
{
    struct sut_guest g;
    int64_t cart = 0;
    assert_true(sut_guest_read(sut_str_from(arg), &g));
    return sut_cart_have(c, &(struct sut_cart_owner){ .guest = sut_guest_digest(&g) }, now, &cart);
}

static void a_key_is_its_persons_alone(void **state)
{
    struct fake f;
    struct tries t = begin(state, &f, "mine@x.org");
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    t.user = person(t.fx, "yours@x.org");
    assert_int_equal(ask(&f, &t, "k", "{\"other\":1}"), 201);
    /* A guest without a cart is nobody; with one, that cart. */
    t.user = 0;
    t.flags = SUT_ROUTE_COOKIE_CART;
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    assert_int_equal(made(t.fx), 4);
    assert_int_equal(kept(t.fx), 2);
    /* Nobody's either: in form none, and one whose cart is gone. */
    static const char *const strange[] = { "__Host-sutler_cart=abc", "__Host-sutler_cart=" GUEST };
    for (size_t i = 0; i < 2; i++) {
        t.cookie = strange[i];
        assert_int_equal(ask(&f, &t, "k", "{}"), 201);
        assert_int_equal(ask(&f, &t, "k", "{}"), 201);
        assert_null(fake_answer(&f, "Idempotency-Replayed"));
    }
    assert_int_equal(made(t.fx), 8);
    char guests[][44] = { GUEST, OTHER_GUEST };
    OK(sut_store_write(t.fx->store, cart_job, guests[0]));
    OK(sut_store_write(t.fx->store, cart_job, guests[1]));
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    assert_string_equal(fake_answer(&f, "Idempotency-Replayed"), "true");
    t.cookie = "__Host-sutler_cart=" OTHER_GUEST;
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    assert_null(fake_answer(&f, "Idempotency-Replayed"));
    assert_int_equal(made(t.fx), 10);
    fake_end(&f);
}

static void a_malformed_key_is_400_where_keys_are_taken(void **state)
{
    struct fake f;
    const struct tries t = begin(state, &f, "bad@x.org");
    char text[300];
    memset(text, 'k', sizeof(text));
    text[255] = '\0';
    assert_int_equal(ask(&f, &t, text, "{}"), 201);
    text[255] = 'k';
    text[256] = '\0';
    assert_int_equal(ask(&f, &t, text, "{}"), 400);
    static const char *const bad[] = { "", "a b", "a\tb", "\x7f", "k\xc3\xa9", "\x01" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ask(&f, &t, bad[i], "{}"), 400);
    assert_int_equal(made(t.fx), 1);
    /* Twice, even the same. */
    fake_ask(&f, SUT_POST, "/api/groups/");
    fake_field(&f, SUT_H_IDEMPOTENCY_KEY, "k");
    fake_field(&f, SUT_H_IDEMPOTENCY_KEY, "k");
    static const struct sut_route creates = { .flags = SUT_ROUTE_CREATES };
    assert_int_equal(sut_guard__idempotency(fake_req(&f, &creates)), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 400);
    static const struct sut_route other = { .name = "other" };
    assert_int_equal(sut_guard__idempotency(fake_req(&f, &other)), SUT_NEXT);
    fake_end(&f);
}

static void what_failed_may_be_tried_again_under_its_key(void **state)
{
    struct fake f;
    struct tries t = begin(state, &f, "failed@x.org");
    t.mishap = JOB_FAILS;
    assert_int_equal(ask(&f, &t, "k", "{}"), 404);
    assert_int_equal(kept(t.fx), 0);
    t.mishap = NONE;
    assert_int_equal(ask(&f, &t, "k", "{\"now\":\"right\"}"), 201);
    assert_int_equal(made(t.fx), 1);
    /* What was done and refused is an answer as any. */
    t.mishap = REFUSES;
    assert_int_equal(ask(&f, &t, "k2", "{}"), 402);
    t.mishap = NONE;
    assert_int_equal(ask(&f, &t, "k2", "{}"), 402);
    assert_non_null(strstr(fake_body(&f), "payment_failed"));
    assert_string_equal(fake_answer(&f, "Idempotency-Replayed"), "true");
    assert_int_equal(made(t.fx), 2);
    fake_end(&f);
}

static void while_the_first_runs_it_is_409_and_then_taken_over(void **state)
{
    struct fake f;
    struct tries t = begin(state, &f, "runs@x.org");
    t.mishap = DIES;
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    t.mishap = NONE;
    t.at.v += SUT_IDEMPOTENCY_LEASE_S * 1000 - 1;
    assert_int_equal(ask(&f, &t, "k", "{}"), 409);
    assert_string_equal(fake_answer(&f, "Retry-After"), "1");
    assert_non_null(strstr(fake_body(&f), "\"code\":\"duplicate\""));
    assert_int_equal(ask(&f, &t, "k", "{\"x\":1}"), 422);
    t.at.v += 1;
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    assert_null(fake_answer(&f, "Idempotency-Replayed"));
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    assert_string_equal(fake_answer(&f, "Idempotency-Replayed"), "true");
    assert_int_equal(made(t.fx), 1);
    /* Nobody can finish what has no name: it was done, and is not done again. */
    t.mishap = DIES_NAMELESS;
    assert_int_equal(ask(&f, &t, "k2", "{}"), 201);
    t.mishap = NONE;
    t.at.v += SUT_IDEMPOTENCY_LEASE_S * 1000;
    assert_int_equal(ask(&f, &t, "k2", "{}"), 409);
    assert_null(fake_answer(&f, "Retry-After"));
    assert_int_equal(made(t.fx), 2);
    fake_end(&f);
}

static void after_a_crash_the_embedded_store_waits_for_no_lease(void **state)
{
    struct fake f;
    struct tries t = begin(state, &f, "crash@x.org");
    t.mishap = DIES;
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    t.mishap = NONE;
    t.at.v += 2;
    t.started_at.v = now.v + 1;
    const bool is_embedded = t.fx->kind == SUT_DB_SQLITE;
    assert_int_equal(ask(&f, &t, "k", "{}"), is_embedded ? 201 : 409);
    assert_int_equal(made(t.fx), 1);
    fake_end(&f);
}

static void an_answer_that_is_none_is_made_again_out_of_what_stands(void **state)
{
    struct fake f;
    struct tries t = begin(state, &f, "none@x.org");
    static const enum mishap mishaps[] = { FAILS_WITH_5XX, TOO_LARGE };
    static const char *const keys[] = { "k0", "k1" };
    for (size_t i = 0; i < 2; i++) {
        t.mishap = mishaps[i];
        assert_int_equal(ask(&f, &t, keys[i], "{}"), i == 0 ? 503 : 201);
        t.mishap = NONE;
        assert_int_equal(ask(&f, &t, keys[i], "{}"), 201);
        assert_null(fake_answer(&f, "Idempotency-Replayed"));
        assert_int_equal(ask(&f, &t, keys[i], "{}"), 201);
        assert_string_equal(fake_answer(&f, "Idempotency-Replayed"), "true");
        assert_int_equal(made(t.fx), i + 1);
    }
    fake_end(&f);
}

static void after_a_day_a_key_is_new(void **state)
{
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    struct fake f;
    struct tries t = begin(state, &f, "day@x.org");
    assert_int_equal(ask(&f, &t, "k", "{}"), 201);
    t.at.v = now.v + day_ms - 1;
    assert_int_equal(ask(&f, &t, "k", "{\"x\":1}"), 422);
    t.at.v = now.v + day_ms;
    assert_int_equal(ask(&f, &t, "k", "{\"x\":1}"), 201);
    assert_int_equal(made(t.fx), 2);
    assert_int_equal(kept(t.fx), 1);
    OK(sut_idempotency_prune(t.fx->store, (sut_ms){ t.at.v + day_ms }));
    assert_int_equal(kept(t.fx), 1);
    OK(sut_idempotency_prune(t.fx->store, (sut_ms){ t.at.v + day_ms + 1 }));
    assert_int_equal(kept(t.fx), 0);
    fake_end(&f);
}

static void nothing_of_an_answer_or_a_key_stands_in_the_table(void **state)
{
    static const struct sut_sql all = {
        "test_all",
        "SELECT answer, name, request FROM idempotency",
    };
    struct fake f;
    const struct tries t = begin(state, &f, "sealed@x.org");
    bool has_row = false;
    assert_int_equal(ask(&f, &t, "super-secret-key", "{\"address\":\"1 Long Road\"}"), 201);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    OK(sut_db_prepare(t.fx->reader, &all, &s));
    OK(sut_db_step(s, &has_row));
    for (int i = 0; i < 3; i++) {
        const sut_str v = sut_db_col_blob(s, i);
        assert_true(v.n >= SUT_IDEMPOTENCY_DIGEST);
        assert_null(memmem(v.p, v.n, "json", 4));
        assert_null(memmem(v.p, v.n, "secret", 6));
    }
    fake_end(&f);
}

enum { CROWD = 100 };

struct one {
    struct tries t;
    pthread_barrier_t *gate;
    int status;
    bool is_replayed;
    char body[64];
};

static void *run_one(void *arg)
{
    struct one *o = arg;
    struct fake f;
    fake_begin(&f, shop);
    (void) pthread_barrier_wait(o->gate);
    o->status = ask(&f, &o->t, "crowd", "{\"a\":1}");
    o->is_replayed = fake_answer(&f, "Idempotency-Replayed") != NULL;
    (void) snprintf(o->body, sizeof(o->body), "%s", fake_body(&f));
    fake_end(&f);
    return NULL;
}

static void of_a_hundred_at_once_one_acts(void **state)
{
    static struct one all[CROWD];
    pthread_t threads[CROWD];
    pthread_barrier_t gate;
    struct fake f;
    const struct tries t = begin(state, &f, "crowd@x.org");
    (void) pthread_barrier_init(&gate, NULL, CROWD);
    for (int i = 0; i < CROWD; i++) {
        all[i] = (struct one){ .t = t, .gate = &gate };
        assert_int_equal(pthread_create(&threads[i], NULL, run_one, &all[i]), 0);
    }
    int firsts = 0;
    const char *body = NULL;
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (all[i].status == 201 && !all[i].is_replayed) {
            firsts++;
            body = all[i].body;
        }
    }
    (void) pthread_barrier_destroy(&gate);
    assert_int_equal(firsts, 1);
    for (int i = 0; i < CROWD; i++) {
        assert_true(all[i].status == 201 || all[i].status == 409);
        if (all[i].status == 201)
            assert_string_equal(all[i].body, body);
    }
    assert_int_equal(made(t.fx), 1);
    assert_int_equal(ask(&f, &t, "crowd", "{\"a\":1}"), 201);
    assert_string_equal(fake_body(&f), body);
    fake_end(&f);
}

int main(int argc, char **argv)
{
    static struct fixture fx;
    fx.kind = temp_store_kind(argc, argv);
#define T(name_)                                                                                   \
    {                                                                                              \
#name_, name_, open_store, close_store, &fx                                                \
    }
    const struct CMUnitTest tests[] = {
        T(a_key_that_comes_again_gets_the_same_answer_and_acts_once),
        T(another_body_or_path_under_the_key_is_422),
        T(a_key_is_its_persons_alone),
        T(a_malformed_key_is_400_where_keys_are_taken),
        T(what_failed_may_be_tried_again_under_its_key),
        T(while_the_first_runs_it_is_409_and_then_taken_over),
        T(after_a_crash_the_embedded_store_waits_for_no_lease),
        T(an_answer_that_is_none_is_made_again_out_of_what_stands),
        T(after_a_day_a_key_is_new),
        T(nothing_of_an_answer_or_a_key_stands_in_the_table),
        T(of_a_hundred_at_once_one_acts),
    };
    return cmocka_run_group_tests_name("guard_idempotency", tests, NULL, NULL);
}
