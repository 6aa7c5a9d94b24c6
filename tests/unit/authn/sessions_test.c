/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "authn/sessions.h"
#include "base/mem.h"
#include "store/person.h"
#include "store/session.h"
#include "store_fixture.h"

enum { LIFE_MS = 900000, FULL = 400000 };

static struct sut_sessions *memory(struct fixture *f, bool accept_foreign)
{
    const struct sut_sessions_options o = { .access_life_ms = LIFE_MS,
                                            .accept_foreign = accept_foreign };
    struct sut_sessions *s = NULL;
    OK(sut_sessions_create(&o, &s));
    OK(sut_sessions_load(s, f->store, now));
    return s;
}

static struct sut_token ours(int64_t session)
{
    return (struct sut_token){ .session = session, .user_id = 5, .iat_s = now.v / 1000 };
}

static struct sut_token foreign(unsigned char jti, int64_t user, int64_t iat_s)
{
    struct sut_token t = { .is_foreign = true, .user_id = user, .iat_s = iat_s };
    memset(t.jti_hash, jti, sizeof(t.jti_hash));
    return t;
}

static bool refuses(struct sut_sessions *s, struct sut_token t)
{
    return sut_sessions_is_refused(s, &t);
}

static void before_it_knows_it_refuses(void **state)
{
    struct fixture *f = fixture_of(state);
    const struct sut_sessions_options o = { .access_life_ms = LIFE_MS };
    struct sut_sessions *s = NULL;
    OK(sut_sessions_create(&o, &s));
    assert_false(sut_sessions_knows(s));
    assert_true(refuses(s, ours(1)));
    OK(sut_sessions_load(s, f->store, now));
    assert_true(sut_sessions_knows(s));
    assert_false(refuses(s, ours(1)));
    sut_sessions_free(&s);
    assert_null(s);
    sut_sessions_free(&s);
}

static void a_life_of_nothing_is_refused(void **state)
{
    (void) state;
    const struct sut_sessions_options o = { .access_life_ms = 0 };
    struct sut_sessions *s = NULL;
    assert_int_equal(sut_sessions_create(&o, &s).code, SUT_E_INVALID);
}

static void a_revoked_session_is_refused_until_its_tokens_are_dead(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *s = memory(f, false);
    sut_sessions_revoke(s, 77, now);
    assert_true(refuses(s, ours(77)));
    assert_false(refuses(s, ours(78)));
    /* A refresh that met the revocation minted its token a moment later. */
    sut_sessions_prune(s, (sut_ms){ now.v + LIFE_MS + 10000 });
    assert_true(refuses(s, ours(77)));
    sut_sessions_prune(s, (sut_ms){ now.v + LIFE_MS + SUT_SESSIONS_SLACK_MS });
    assert_false(refuses(s, ours(77)));
    assert_int_equal(sut_sessions_count(s), 0);
    sut_sessions_free(&s);
}

/* Settings that gave an hour, a logout, a restart with settings that give less: the end of the
 * session is forgotten after the shorter life, while the token would still be good. */
static void a_token_of_a_longer_life_than_the_settings_give_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *s = memory(f, true);
    struct sut_token t = ours(79);
    t.exp_s = t.iat_s + LIFE_MS / 1000;
    assert_false(refuses(s, t));
    t.exp_s++;
    assert_true(refuses(s, t));
    t.kind = SUT_TOKEN_REFRESH;
    assert_false(refuses(s, t));
    t = foreign('l', 99, now.v / 1000);
    t.exp_s = t.iat_s + 3600;
    assert_false(refuses(s, t));
    sut_sessions_free(&s);
}

static void foreign_tokens_are_refused_unless_they_are_wanted(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *s = memory(f, false);
    assert_true(refuses(s, foreign(1, 5, now.v / 1000)));
    sut_sessions_free(&s);
    s = memory(f, true);
    assert_false(refuses(s, foreign(1, 5, now.v / 1000)));
    /* nobody can know what became of one this old */
    assert_true(refuses(s, foreign(1, 5, now.v / 1000 - 32 * 86400)));
    sut_sessions_free(&s);
}

static void a_foreign_token_that_was_used_up_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *s = memory(f, true);
    const struct sut_token t = foreign(9, 5, now.v / 1000);
    sut_sessions_refuse_foreign(s, t.jti_hash, (sut_ms){ now.v + 5000 });
    assert_true(refuses(s, t));
    assert_false(refuses(s, foreign(8, 5, now.v / 1000)));
    sut_sessions_prune(s, (sut_ms){ now.v + 5000 });
    assert_false(refuses(s, t));
    sut_sessions_free(&s);
}

static void what_is_older_than_a_users_last_revocation_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *s = memory(f, true);
    sut_sessions_revoke_user(s, 5, now);
    assert_true(refuses(s, foreign(1, 5, now.v / 1000 - 1)));
    assert_true(refuses(s, foreign(1, 5, now.v / 1000)));
    assert_false(refuses(s, foreign(1, 5, now.v / 1000 + 1)));
    assert_false(refuses(s, foreign(1, 6, now.v / 1000 - 1)));
    assert_false(refuses(s, ours(5)));
    sut_sessions_free(&s);
}

static void without_memory_it_refuses_too(void **state)
{
    struct fixture *f = fixture_of(state);
    for (unsigned long nth = 1; nth < 4; nth++) {
        struct sut_sessions *s = memory(f, true);
        sut_mem_fault_nth(nth);
        sut_sessions_revoke(s, 7001, now);
        sut_sessions_refuse_foreign(s, (const unsigned char *) "0123456789abcdef", now);
        sut_sessions_revoke_user(s, 8, now);
        assert_true(sut_mem_fault_hit());
        sut_mem_fault_nth(0);
        assert_true(refuses(s, ours(7001)));
        assert_true(refuses(s, foreign('x', 8, now.v / 1000)));
        sut_sessions_free(&s);
    }
}

struct seed {
    struct sut_arena *a;
    int64_t user;
};

/* One person with a session and a foreign token, all revoked at `now`. */
static SUT_ERR seed(struct sut_db_conn *c, void *arg)
{
    struct seed *k = arg;
    const struct sut_person_new p = { .email = SUT_STR("seed@x.org"),
                                      .username = SUT_STR("seed"),
                                      .first_name = SUT_STR(""),
                                      .last_name = SUT_STR(""),
                                      .password = SUT_STR("!"),
                                      .is_active = true };
    TRY(sut_person_insert(c, k->a, &p, now, &k->user));
    TRY(sut_person_set_tokens_revoked(c, k->user, now));
    bool done = false;
    for (int64_t id = 500; id < 520; id++) {
        const struct sut_session_new s = { .id = id,
                                           .user_id = k->user,
                                           .refresh_hash = SUT_STR("0123456789abcdef"),
                                           .expires_at = { now.v + 9999999 } };
        TRY(sut_session_insert(c, &s, now));
        if (id % 2 == 0)
            TRY(sut_session_revoke(c, id, k->user, "test", now, &done));
    }
    return sut_blacklist_add(c, SUT_STR("jjjjjjjjjjjjjjjj"), k->user, (sut_ms){ now.v + 99999 },
                             now, &done);
}

static void a_restart_forgets_nothing(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *early = memory(f, true);
    struct seed k = { .a = f->arena };
    OK(sut_store_write(f->store, seed, &k));

    struct sut_sessions *s = memory(f, true);
    for (int64_t id = 500; id < 520; id++)
        assert_int_equal(refuses(s, ours(id)), id % 2 == 0);
    assert_true(refuses(s, foreign('j', 99, now.v / 1000)));
    assert_true(refuses(s, foreign('k', k.user, now.v / 1000)));
    assert_false(refuses(s, foreign('k', 99, now.v / 1000)));

    /* and another server over the same store hears of it with its next look */
    assert_false(refuses(early, ours(500)));
    OK(sut_sessions_load(early, f->store, (sut_ms){ now.v + 1000 }));
    assert_true(refuses(early, ours(500)));
    assert_true(refuses(early, foreign('j', 99, now.v / 1000)));
    sut_sessions_free(&early);
    sut_sessions_free(&s);

    const struct sut_sessions_options o = { .access_life_ms = LIFE_MS };
    OK(sut_sessions_create(&o, &s));
    OK(sut_sessions_load(s, f->store, (sut_ms){ now.v + LIFE_MS + SUT_SESSIONS_SLACK_MS + 1 }));
    assert_int_equal(sut_sessions_count(s), 0);
    sut_sessions_free(&s);
}

static void a_full_memory_refuses_what_came_before(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *s = memory(f, false);
    for (int64_t id = 1; id <= FULL; id++)
        sut_sessions_revoke(s, id, (sut_ms){ now.v });
    assert_true(sut_sessions_count(s) < FULL);
    assert_true(refuses(s, ours(FULL)));
    assert_true(refuses(s, ours(FULL + 1)));
    struct sut_token later = ours(FULL + 1);
    later.iat_s++;
    assert_false(refuses(s, later));
    sut_sessions_prune(s, (sut_ms){ now.v + LIFE_MS + SUT_SESSIONS_SLACK_MS });
    assert_int_equal(sut_sessions_count(s), 0);
    sut_sessions_revoke(s, 3, (sut_ms){ now.v + LIFE_MS });
    later.session = 3;
    assert_true(refuses(s, later));
    sut_sessions_free(&s);
}

struct asker {
    struct sut_sessions *s;
    bool is_wrong;
};

static void *ask(void *arg)
{
    struct asker *k = arg;
    for (int i = 0; i < 20000; i++) {
        const struct sut_token live = ours(1000000 + i);
        k->is_wrong |= sut_sessions_is_refused(k->s, &live);
        const struct sut_token dead = ours(42);
        k->is_wrong |= !sut_sessions_is_refused(k->s, &dead);
    }
    return NULL;
}

static void many_may_ask_while_one_revokes(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_sessions *s = memory(f, false);
    struct asker askers[4];
    pthread_t threads[4];
    sut_sessions_revoke(s, 42, now);
    for (int i = 0; i < 4; i++) {
        askers[i] = (struct asker){ .s = s };
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (int64_t id = 100; id < 20000; id++) {
        sut_sessions_revoke(s, id, now);
        if (id % 5000 == 0)
            sut_sessions_prune(s, now);
    }
    for (int i = 0; i < 4; i++) {
        (void) pthread_join(threads[i], NULL);
        assert_false(askers[i].is_wrong);
    }
    sut_sessions_free(&s);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(before_it_knows_it_refuses, &f),
        cmocka_unit_test_prestate(a_life_of_nothing_is_refused, &f),
        cmocka_unit_test_prestate(a_revoked_session_is_refused_until_its_tokens_are_dead, &f),
        cmocka_unit_test_prestate(a_token_of_a_longer_life_than_the_settings_give_is_refused, &f),
        cmocka_unit_test_prestate(foreign_tokens_are_refused_unless_they_are_wanted, &f),
        cmocka_unit_test_prestate(a_foreign_token_that_was_used_up_is_refused, &f),
        cmocka_unit_test_prestate(what_is_older_than_a_users_last_revocation_is_refused, &f),
        cmocka_unit_test_prestate(without_memory_it_refuses_too, &f),
        cmocka_unit_test_prestate(a_restart_forgets_nothing, &f),
        cmocka_unit_test_prestate(a_full_memory_refuses_what_came_before, &f),
        cmocka_unit_test_prestate(many_may_ask_while_one_revokes, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
