/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "store/personal.h"
#include "store/session.h"
#include "store_fixture.h"
#include "store_person.h"

static const struct sut_sql count_sessions = {
    .name = "test_count_sessions",
    .text = "SELECT COUNT(*) FROM sessions",
};

static sut_str hash(char c)
{
    static char hashes[256][16];
    memset(hashes[(unsigned char) c], c, 16);
    return sut_str_of(hashes[(unsigned char) c], 16);
}

struct opening {
    struct sut_session_new s;
    sut_ms at;
};

static SUT_ERR open_one(struct sut_db_conn *c, void *arg)
{
    struct opening *o = arg;
    return sut_session_insert(c, &o->s, o->at);
}

static enum sut_ecode opened(struct fixture *f, int64_t id, int64_t user, char h, int64_t life_ms)
{
    struct opening o = { .s = { .id = id,
                                .user_id = user,
                                .refresh_hash = hash(h),
                                .expires_at = { now.v + life_ms },
                                .user_agent = SUT_STR("curl/8") },
                         .at = now };
    return sut_store_write(f->store, open_one, &o).code;
}

struct turning {
    struct sut_session_turn t;
    sut_ms at;
    int64_t generation;
};

static SUT_ERR turn(struct sut_db_conn *c, void *arg)
{
    struct turning *t = arg;
    return sut_session_refresh(c, &t->t, t->at, &t->generation);
}

static enum sut_ecode turned(struct fixture *f, int64_t id, int64_t user, char from, char to,
                             int64_t after_ms)
{
    struct turning t = { .t = { .id = id,
                                .user_id = user,
                                .old_hash = hash(from),
                                .new_hash = hash(to),
                                .expires_at = { now.v + 100000 } },
                         .at = { now.v + after_ms } };
    return sut_store_write(f->store, turn, &t).code;
}

static enum sut_session_state state_of(struct fixture *f, int64_t id, int64_t user, char h,
                                       int64_t after_ms)
{
    enum sut_session_state s = SUT_SESSION_LIVE;
    OK(sut_session_look(f->reader, id, user, hash(h), (sut_ms){ now.v + after_ms }, &s));
    return s;
}

struct ending {
    struct sut_arena *a;
    int64_t id;
    int64_t user;
    bool all;
    bool disable;
    sut_ms at;
    bool done;
    struct sut_session_ids ids;
};

static SUT_ERR end(struct sut_db_conn *c, void *arg)
{
    struct ending *e = arg;
    if (e->disable)
        return sut_person_set_active(c, e->user, false, 0, e->at);
    if (e->all)
        return sut_session_revoke_all(c, e->a, e->user, e->id, "logout_all", e->at, &e->ids);
    return sut_session_revoke(c, e->id, e->user, "logout", e->at, &e->done);
}

static void each_refresh_kills_the_token_before(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "one@x.org");
    assert_int_equal(opened(f, 101, u, 'a', 50000), SUT_E_OK);
    assert_int_equal(opened(f, 101, u, 'b', 50000), SUT_E_EXISTS);
    assert_int_equal(turned(f, 101, u, 'a', 'b', 10), SUT_E_OK);
    assert_int_equal(turned(f, 101, u, 'a', 'c', 20), SUT_E_NOT_FOUND);
    assert_int_equal(state_of(f, 101, u, 'a', 20), SUT_SESSION_REPLAYED);
    assert_int_equal(state_of(f, 101, u, 'b', 20), SUT_SESSION_LIVE);
    assert_int_equal(turned(f, 101, u, 'b', 'c', 30), SUT_E_OK);
}

static void only_its_owner_turns_a_session(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "own@x.org");
    assert_int_equal(opened(f, 102, u, 'a', 50000), SUT_E_OK);
    assert_int_equal(turned(f, 102, u + 1, 'a', 'b', 10), SUT_E_NOT_FOUND);
    assert_int_equal(turned(f, 999, u, 'a', 'b', 10), SUT_E_NOT_FOUND);
    assert_int_equal(state_of(f, 102, u + 1, 'a', 10), SUT_SESSION_ABSENT);
    assert_int_equal(state_of(f, 999, u, 'a', 10), SUT_SESSION_ABSENT);
}

static void an_expired_session_stays_expired(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "exp@x.org");
    assert_int_equal(opened(f, 103, u, 'a', 1000), SUT_E_OK);
    assert_int_equal(turned(f, 103, u, 'a', 'b', 1000), SUT_E_NOT_FOUND);
    assert_int_equal(state_of(f, 103, u, 'a', 1000), SUT_SESSION_EXPIRED);
    assert_int_equal(turned(f, 103, u, 'a', 'b', 999), SUT_E_OK);
}

static void a_disabled_person_gets_no_new_pair(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "dis@x.org");
    assert_int_equal(opened(f, 104, u, 'a', 50000), SUT_E_OK);
    struct ending e = { .user = u, .disable = true, .at = now };
    OK(sut_store_write(f->store, end, &e));
    assert_int_equal(turned(f, 104, u, 'a', 'b', 10), SUT_E_NOT_FOUND);
    assert_int_equal(state_of(f, 104, u, 'a', 10), SUT_SESSION_DISABLED);
}

static SUT_ERR collect(void *ctx, int64_t id, sut_ms at)
{
    (void) at;
    int64_t *sum = ctx;
    *sum += id;
    return SUT_OK;
}

static void a_revoked_session_is_dead_and_told_of(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "rev@x.org");
    assert_int_equal(opened(f, 105, u, 'a', 50000), SUT_E_OK);
    struct ending e = { .id = 105, .user = u + 1, .at = { now.v + 7 } };
    OK(sut_store_write(f->store, end, &e));
    assert_false(e.done);
    e.user = u;
    OK(sut_store_write(f->store, end, &e));
    assert_true(e.done);
    OK(sut_store_write(f->store, end, &e));
    assert_false(e.done);
    assert_int_equal(turned(f, 105, u, 'a', 'b', 10), SUT_E_NOT_FOUND);
    assert_int_equal(state_of(f, 105, u, 'a', 10), SUT_SESSION_REVOKED);

    int64_t sum = 0;
    OK(sut_session_each_revoked(f->reader, (sut_ms){ now.v + 6 }, collect, &sum));
    assert_true(sum == 105);
    sum = 0;
    OK(sut_session_each_revoked(f->reader, (sut_ms){ now.v + 7 }, collect, &sum));
    assert_true(sum == 0);
}

static void all_sessions_of_one_person_end_but_the_one_kept(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "all@x.org");
    const int64_t other = person(f, "all2@x.org");
    for (int64_t i = 0; i < 40; i++)
        assert_int_equal(opened(f, 1000 + i, u, 'a', 50000), SUT_E_OK);
    assert_int_equal(opened(f, 1100, other, 'a', 50000), SUT_E_OK);
    struct ending e = { .a = f->arena, .id = 1003, .user = u, .all = true, .at = now };
    OK(sut_store_write(f->store, end, &e));
    assert_int_equal(e.ids.n, 39);
    int64_t sum = 0;
    for (size_t i = 0; i < e.ids.n; i++)
        sum += e.ids.v[i];
    assert_true(sum == 40 * 1000 + 780 - 1003);
    assert_int_equal(state_of(f, 1003, u, 'a', 10), SUT_SESSION_LIVE);
    assert_int_equal(state_of(f, 1004, u, 'a', 10), SUT_SESSION_REVOKED);
    assert_int_equal(state_of(f, 1100, other, 'a', 10), SUT_SESSION_LIVE);
}

static void what_a_client_calls_itself_is_cut_or_dropped(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "ua@x.org");
    char longer[1000];
    memset(longer, 'x', sizeof(longer));
    memcpy(longer + 255, "\xc3\xa9", 2);
    struct opening o = { .s = { .id = 106,
                                .user_id = u,
                                .refresh_hash = hash('a'),
                                .expires_at = { now.v + 1 },
                                .user_agent = sut_str_of(longer, sizeof(longer)),
                                .os = SUT_STR("\xff\xfe"),
                                .device_type = SUT_STR("a\0b") },
                         .at = now };
    OK(sut_store_write(f->store, open_one, &o));
    static const struct sut_sql read = {
        .name = "test_session_texts",
        .text = "SELECT user_agent, os, device_type, key_version FROM sessions WHERE id = 106",
    };
    DEFER(sut_data_key_done) struct sut_data_key k = { 0 };
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &read, &s));
    OK(sut_db_step(s, &has_row));
    assert_true(has_row);
    OK(sut_personal_key_for_reading(f->reader, u, (uint32_t) sut_db_col_i64(s, 3), &k));
    struct sut_buf b;
    sut_buf_init_arena(&b, f->arena, 4096);
    OK(sut_seal_get(&k, sut_personal_field(SUT_PERSONAL_SESSIONS_USER_AGENT), 106,
                    sut_db_col_blob(s, 0), &b));
    assert_true(sut_str_eq(sut_buf_str(&b), sut_str_of(longer, 255)));
    assert_true(sut_db_col_is_null(s, 1));
    assert_true(sut_db_col_is_null(s, 2));
}

static void a_hash_of_the_wrong_size_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct opening o = { .s = { .id = 107, .user_id = 1, .refresh_hash = SUT_STR("short") },
                         .at = now };
    assert_int_equal(sut_store_write(f->store, open_one, &o).code, SUT_E_INVALID);
}

enum { RACERS = 20, TRIES = 5 };

struct racer {
    struct fixture *f;
    int64_t user;
    sut_str from;
    sut_str to;
    unsigned wins;
    unsigned losses;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    for (int i = 0; i < TRIES; i++) {
        struct turning t = { .t = { .id = 108,
                                    .user_id = r->user,
                                    .old_hash = r->from,
                                    .new_hash = r->to,
                                    .expires_at = { now.v + 100000 } },
                             .at = now };
        const enum sut_ecode code = sut_store_write(r->f->store, turn, &t).code;
        r->wins += code == SUT_E_OK;
        r->losses += code == SUT_E_NOT_FOUND;
    }
    return NULL;
}

/* A3: 100 refreshes of one token, one new pair. */
static void of_a_hundred_at_once_one_wins(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "race@x.org");
    assert_int_equal(opened(f, 108, u, 'a', 50000), SUT_E_OK);
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    for (int i = 0; i < RACERS; i++)
        racers[i] =
            (struct racer){ .f = f, .user = u, .from = hash('a'), .to = hash((char) ('b' + i)) };
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    unsigned wins = 0;
    unsigned losses = 0;
    for (int i = 0; i < RACERS; i++) {
        (void) pthread_join(threads[i], NULL);
        wins += racers[i].wins;
        losses += racers[i].losses;
    }
    assert_int_equal(wins, 1);
    assert_int_equal(losses, RACERS * TRIES - 1);
}

struct listing {
    sut_str jti;
    sut_ms expires_at;
    sut_ms at;
    bool added;
};

static SUT_ERR refuse(struct sut_db_conn *c, void *arg)
{
    struct listing *l = arg;
    return sut_blacklist_add(c, l->jti, 5, l->expires_at, l->at, &l->added);
}

static SUT_ERR count_listed(void *ctx, sut_str jti, sut_ms expires_at)
{
    (void) expires_at;
    assert_int_equal(jti.n, SUT_BLACKLIST_JTI);
    int64_t *n = ctx;
    *n += 1;
    return SUT_OK;
}

static void a_foreign_token_is_used_up_once(void **state)
{
    struct fixture *f = fixture_of(state);
    struct listing l = { .jti = hash('j'), .expires_at = { now.v + 1000 }, .at = now };
    OK(sut_store_write(f->store, refuse, &l));
    assert_true(l.added);
    OK(sut_store_write(f->store, refuse, &l));
    assert_false(l.added);
    bool has = false;
    OK(sut_blacklist_has(f->reader, hash('j'), &has));
    assert_true(has);
    OK(sut_blacklist_has(f->reader, hash('k'), &has));
    assert_false(has);
    l.jti = SUT_STR("short");
    assert_int_equal(sut_store_write(f->store, refuse, &l).code, SUT_E_INVALID);

    int64_t n = 0;
    OK(sut_blacklist_each(f->reader, (sut_ms){ now.v - 1 }, now, count_listed, &n));
    assert_true(n == 1);
    n = 0;
    OK(sut_blacklist_each(f->reader, now, now, count_listed, &n));
    OK(sut_blacklist_each(f->reader, (sut_ms){ 0 }, (sut_ms){ now.v + 1000 }, count_listed, &n));
    assert_true(n == 0);
}

static int64_t sessions_in(struct fixture *f)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &count_sessions, &s));
    OK(sut_db_step(s, &has_row));
    return sut_db_col_i64(s, 0);
}

struct filling {
    int64_t user;
};

static SUT_ERR fill(struct sut_db_conn *c, void *arg)
{
    const struct filling *fill_ = arg;
    for (int64_t i = 0; i < 1200; i++) {
        const struct sut_session_new s = { .id = 50000 + i,
                                           .user_id = fill_->user,
                                           .refresh_hash = hash('p'),
                                           .expires_at = { now.v + 200000 } };
        TRY(sut_session_insert(c, &s, now));
    }
    return SUT_OK;
}

static void what_expired_a_day_ago_is_pruned(void **state)
{
    struct fixture *f = fixture_of(state);
    struct filling fill_ = { .user = person(f, "prune@x.org") };
    const int64_t before = sessions_in(f);
    OK(sut_store_write_alone(f->store, fill, &fill_));
    assert_int_equal(opened(f, 60000, fill_.user, 'a', INT64_C(90000000)), SUT_E_OK);
    const int64_t day = INT64_C(86400000);
    OK(sut_session_prune(f->store, (sut_ms){ now.v + day }));
    assert_true(sessions_in(f) == before + 1201);
    OK(sut_session_prune(f->store, (sut_ms){ now.v + day + 200001 }));
    assert_true(sessions_in(f) == 1);
    bool has = true;
    OK(sut_blacklist_has(f->reader, hash('j'), &has));
    assert_false(has);
    assert_int_equal(state_of(f, 60000, fill_.user, 'a', 10), SUT_SESSION_LIVE);
}

static enum sut_ecode asked_again(struct fixture *f, int64_t id, int64_t user, char old,
                                  const char *client, int64_t window_ms, int64_t after_ms,
                                  struct sut_session_turned *ret)
{
    const struct sut_session_turn t = {
        .id = id, .user_id = user, .old_hash = hash(old), .client = sut_str_of(client, 16)
    };
    return sut_session_duplicate(f->reader, &t, window_ms, (sut_ms){ now.v + after_ms }, ret).code;
}

static void the_last_refresh_is_known_again_by_who_asked_then(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "dup@x.org");
    const int64_t other = person(f, "dup2@x.org");
    static const char tab[] = "the same browser";
    static const char thief[] = "another client--";
    struct sut_session_turned got = { 0 };
    assert_int_equal(opened(f, 201, u, 'a', 100000), SUT_E_OK);
    assert_int_equal(asked_again(f, 201, u, 'a', tab, 10000, 0, &got), SUT_E_NOT_FOUND);
    struct turning t = { .t = { .id = 201,
                                .user_id = u,
                                .old_hash = hash('a'),
                                .new_hash = hash('b'),
                                .expires_at = { now.v + 100000 },
                                .nonce = UINT64_MAX - 7,
                                .client = sut_str_of(tab, 16) },
                         .at = { now.v + 5 } };
    OK(sut_store_write(f->store, turn, &t));
    assert_int_equal(asked_again(f, 201, u, 'a', tab, 10000, 9000, &got), SUT_E_OK);
    assert_true(got.nonce == UINT64_MAX - 7);
    assert_int_equal(got.at.v, now.v + 5);
    /* A request that came before the first was answered has an earlier time. */
    assert_int_equal(asked_again(f, 201, u, 'a', tab, 10000, 0, &got), SUT_E_OK);
    /* Late, by another client, for another person or session, of another token: no duplicate. */
    assert_int_equal(asked_again(f, 201, u, 'a', tab, 10000, 10005, &got), SUT_E_NOT_FOUND);
    assert_int_equal(asked_again(f, 201, u, 'a', thief, 10000, 10, &got), SUT_E_NOT_FOUND);
    assert_int_equal(asked_again(f, 201, other, 'a', tab, 10000, 10, &got), SUT_E_NOT_FOUND);
    assert_int_equal(asked_again(f, 202, u, 'a', tab, 10000, 10, &got), SUT_E_NOT_FOUND);
    assert_int_equal(asked_again(f, 201, u, 'b', tab, 10000, 10, &got), SUT_E_NOT_FOUND);
    /* One refresh on, it is the last no more. */
    t.t.old_hash = hash('b');
    t.t.new_hash = hash('c');
    OK(sut_store_write(f->store, turn, &t));
    assert_int_equal(asked_again(f, 201, u, 'a', tab, 10000, 10, &got), SUT_E_NOT_FOUND);
    assert_int_equal(asked_again(f, 201, u, 'b', tab, 10000, 10, &got), SUT_E_OK);
    /* A session that has ended gives nothing again. */
    struct ending e = { .id = 201, .user = u, .at = now };
    OK(sut_store_write(f->store, end, &e));
    assert_int_equal(asked_again(f, 201, u, 'b', tab, 10000, 10, &got), SUT_E_NOT_FOUND);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(each_refresh_kills_the_token_before, &f),
        cmocka_unit_test_prestate(only_its_owner_turns_a_session, &f),
        cmocka_unit_test_prestate(an_expired_session_stays_expired, &f),
        cmocka_unit_test_prestate(a_disabled_person_gets_no_new_pair, &f),
        cmocka_unit_test_prestate(a_revoked_session_is_dead_and_told_of, &f),
        cmocka_unit_test_prestate(all_sessions_of_one_person_end_but_the_one_kept, &f),
        cmocka_unit_test_prestate(what_a_client_calls_itself_is_cut_or_dropped, &f),
        cmocka_unit_test_prestate(a_hash_of_the_wrong_size_is_refused, &f),
        cmocka_unit_test_prestate(of_a_hundred_at_once_one_wins, &f),
        cmocka_unit_test_prestate(the_last_refresh_is_known_again_by_who_asked_then, &f),
        cmocka_unit_test_prestate(a_foreign_token_is_used_up_once, &f),
        cmocka_unit_test_prestate(what_expired_a_day_ago_is_pruned, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
