/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/session_list.h"
#include "store_fixture.h"
#include "store_person.h"

struct opening {
    struct sut_session_new s;
    sut_ms at;
};

static SUT_ERR open_one(struct sut_db_conn *c, void *arg)
{
    struct opening *o = arg;
    return sut_session_insert(c, &o->s, o->at);
}

static void opened(struct fixture *f, int64_t id, int64_t user, int64_t at_ms, const char *agent)
{
    struct opening o = { .s = { .id = id,
                                .user_id = user,
                                .refresh_hash = SUT_STR("0123456789abcdef"),
                                .expires_at = { now.v + 100000 },
                                .device_type = SUT_STR("phone"),
                                .user_agent = sut_str_from(agent),
                                .ip = SUT_STR("2001:db8::7") },
                         .at = { now.v + at_ms } };
    OK(sut_store_write(f->store, open_one, &o));
}

struct running {
    const struct sut_sql *sql;
    int64_t arg;
};

static SUT_ERR run(struct sut_db_conn *c, void *arg)
{
    const struct running *r = arg;
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, r->sql, &s));
    sut_db_bind_i64(s, 1, r->arg);
    return sut_db_step(s, &has_row);
}

struct ending {
    int64_t id;
    int64_t user;
};

static SUT_ERR end(struct sut_db_conn *c, void *arg)
{
    const struct ending *e = arg;
    bool is_done = false;
    return sut_session_revoke(c, e->id, e->user, "test", now, &is_done);
}

static size_t listed(struct fixture *f, int64_t user, int64_t at_ms, struct sut_session_row **ret)
{
    size_t n = 0;
    OK(sut_session_list(f->reader, f->arena, user, (sut_ms){ now.v + at_ms }, ret, &n));
    return n;
}

static void those_that_live_are_listed_the_latest_used_first(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "list@example.com");
    const int64_t other = person(f, "list2@example.com");
    struct sut_session_row *rows = NULL;
    assert_int_equal(listed(f, u, 0, &rows), 0);
    opened(f, 301, u, 0, "one");
    opened(f, 302, u, 20, "two");
    opened(f, 303, u, 10, "");
    opened(f, 304, other, 30, "another's");
    assert_int_equal(listed(f, u, 40, &rows), 3);
    assert_int_equal(rows[0].id, 302);
    assert_int_equal(rows[1].id, 303);
    assert_int_equal(rows[2].id, 301);
    assert_true(sut_str_is(rows[0].user_agent, "two"));
    assert_true(sut_str_is(rows[0].device_type, "phone"));
    assert_true(sut_str_is(rows[0].ip, "2001:db8::7"));
    assert_int_equal(rows[0].created_at.v, now.v + 20);
    assert_int_equal(rows[0].refreshed_at.v, now.v + 20);
    assert_null(rows[1].user_agent.p);
    assert_null(rows[0].os.p);
    OK(sut_store_write(f->store, end, &(struct ending){ .id = 302, .user = u }));
    assert_int_equal(listed(f, u, 40, &rows), 2);
    assert_int_equal(rows[0].id, 303);
    /* At their end they are gone by themselves. */
    assert_int_equal(listed(f, u, 100000, &rows), 0);
    assert_int_equal(listed(f, other, 40, &rows), 1);
}

static void one_whose_texts_are_lost_is_listed_bare(void **state)
{
    static const struct sut_sql spoil = {
        .name = "test_spoil_session",
        .text = "UPDATE sessions SET ip = user_agent WHERE id = $1",
    };
    static const struct sut_sql drop_keys = {
        .name = "test_drop_keys",
        .text = "UPDATE sessions SET key_version = key_version + 7 WHERE id = $1",
    };
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "lost@example.com");
    struct sut_session_row *rows = NULL;
    opened(f, 311, u, 0, "kept");
    opened(f, 312, u, 10, "moved");
    opened(f, 313, u, 20, "no key");
    OK(sut_store_write(f->store, run, &(struct running){ .sql = &spoil, .arg = 312 }));
    OK(sut_store_write(f->store, run, &(struct running){ .sql = &drop_keys, .arg = 313 }));
    assert_int_equal(listed(f, u, 40, &rows), 3);
    for (size_t i = 0; i < 2; i++) {
        assert_null(rows[i].user_agent.p);
        assert_null(rows[i].ip.p);
        assert_null(rows[i].device_type.p);
    }
    assert_int_equal(rows[0].id, 313);
    assert_true(sut_str_is(rows[2].user_agent, "kept"));
}

static void a_list_has_an_end(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "many@example.com");
    struct sut_session_row *rows = NULL;
    for (int i = 0; i < SUT_SESSION_LIST_MAX + 3; i++)
        opened(f, 1000 + i, u, i, "many");
    assert_int_equal(listed(f, u, 40, &rows), SUT_SESSION_LIST_MAX);
    assert_int_equal(rows[0].id, 1000 + SUT_SESSION_LIST_MAX + 2);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(those_that_live_are_listed_the_latest_used_first, &f),
        cmocka_unit_test_prestate(one_whose_texts_are_lost_is_listed_bare, &f),
        cmocka_unit_test_prestate(a_list_has_an_end, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests_name("session_list", tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
