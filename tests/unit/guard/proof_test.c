/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session has proved, and how long ago: asked of a real store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake.h"
#include "store/factor.h"
#include "store/person.h"
#include "store/session.h"
#include "store_fixture.h"

enum { SESSION = 4711, LIFE_S = 600 };

static int64_t person;

struct opening {
    struct sut_arena *a;
    unsigned proofs;
    int64_t session;
};

static SUT_ERR open_job(struct sut_db_conn *c, void *arg)
{
    const struct opening *o = arg;
    const struct sut_session_new s = { .id = o->session,
                                       .user_id = person,
                                       .refresh_hash = SUT_STR("0123456789abcdef"),
                                       .expires_at = { now.v + 100000000 },
                                       .proofs = o->proofs };
    return sut_session_insert(c, &s, now);
}

static SUT_ERR join_job(struct sut_db_conn *c, void *arg)
{
    const struct opening *o = arg;
    const struct sut_person_new p = { .email = SUT_STR("a@example.com"),
                                      .username = SUT_STR("a"),
                                      .first_name = SUT_STR("A"),
                                      .last_name = SUT_STR("B"),
                                      .password = SUT_STR("!"),
                                      .is_active = true };
    return sut_person_insert(c, o->a, &p, now, &person);
}

static const struct sut_config_arg shop[] = {
    { "hosts.allowed", "shop.example" },
    { "accounts.fresh_life", "600s" },
    { "accounts.staff_factor", "yes" },
    { NULL, NULL },
};

static const struct sut_route fresh_row = { .policy = SUT_POLICY_USER, .flags = SUT_ROUTE_FRESH };
static const struct sut_route plain_row = { .policy = SUT_POLICY_USER };

/* The verdict on a request of this session, so long after it was opened. */
static enum sut_verdict ask(struct fixture *fx, struct fake *f, const struct sut_route *row,
                            int64_t session, int64_t later_ms)
{
    fake_ask(f, SUT_GET, "/api/x/");
    f->app.store = fx->store;
    struct sut_req *r = fake_req(f, row);
    r->now = (sut_ms){ now.v + later_ms };
    r->auth.state = SUT_AUTH_USER;
    r->auth.user_id = person;
    r->auth.token = (struct sut_token){ .user_id = person, .session = session };
    const enum sut_verdict v = sut_guard__fresh(r);
    sut_req_conn_end(r);
    return v;
}

static void a_proof_is_fresh_for_as_long_as_the_setting_says(void **state)
{
    struct fixture *fx = fixture_of(state);
    struct fake f;
    fake_begin(&f, shop);
    struct opening o = { .proofs = SUT_PROOF_PASSWORD, .session = SESSION };
    OK(sut_store_write(fx->store, open_job, &o));
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION, 0), SUT_NEXT);
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION, LIFE_S * 1000), SUT_NEXT);
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION, LIFE_S * 1000 + 1), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 403);
    assert_non_null(strstr(fake_body(&f), "\"code\":\"reauthentication_required\""));
    /* Who asks for none gets by. */
    assert_int_equal(ask(fx, &f, &plain_row, SESSION, LIFE_S * 2000), SUT_NEXT);
    fake_end(&f);
}

static void a_clock_that_steps_back_makes_nothing_fresh_for_longer(void **state)
{
    struct fixture *fx = fixture_of(state);
    struct fake f;
    fake_begin(&f, shop);
    /* Another server's clock may be a little ahead. */
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION, -30000), SUT_NEXT);
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION, -3600000), SUT_ANSWERED);
    fake_end(&f);
}

static SUT_ERR prove_job(struct sut_db_conn *c, void *arg)
{
    const struct opening *o = arg;
    return sut_session_prove(c, o->session, person, o->proofs, (sut_ms){ now.v + 5000000 });
}

static void who_proves_it_again_is_fresh_again_in_that_session_alone(void **state)
{
    struct fixture *fx = fixture_of(state);
    struct fake f;
    struct sut_session_proof p;
    fake_begin(&f, shop);
    struct opening other = { .proofs = SUT_PROOF_PASSWORD, .session = SESSION + 1 };
    OK(sut_store_write(fx->store, open_job, &other));
    struct opening o = { .proofs = SUT_PROOF_TOTP, .session = SESSION };
    OK(sut_store_write(fx->store, prove_job, &o));
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION, 5000000 + LIFE_S * 1000), SUT_NEXT);
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION + 1, 5000000), SUT_ANSWERED);
    OK(sut_session_proof_of(fx->reader, SESSION, person, now, &p));
    assert_int_equal(p.proofs, SUT_PROOF_PASSWORD | SUT_PROOF_TOTP);
    o.session = 99;
    assert_int_equal(sut_store_write(fx->store, prove_job, &o).code, SUT_E_NOT_FOUND);
    fake_end(&f);
}

static SUT_ERR end_job(struct sut_db_conn *c, void *arg)
{
    bool is_done = false;
    const struct opening *o = arg;
    return sut_session_revoke(c, o->session, person, "logout", now, &is_done);
}

static void what_has_no_session_is_never_fresh(void **state)
{
    struct fixture *fx = fixture_of(state);
    struct fake f;
    struct sut_session_proof p;
    fake_begin(&f, shop);
    assert_int_equal(ask(fx, &f, &fresh_row, 99, 0), SUT_ANSWERED);
    struct opening o = { .session = SESSION + 1 };
    OK(sut_store_write(fx->store, end_job, &o));
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION + 1, 0), SUT_ANSWERED);
    assert_int_equal(sut_session_proof_of(fx->reader, SESSION + 1, person, now, &p).code,
                     SUT_E_NOT_FOUND);
    assert_int_equal(sut_session_proof_of(fx->reader, SESSION, person + 1, now, &p).code,
                     SUT_E_NOT_FOUND);
    /* One that was opened without any proof (of an older shop's token). */
    struct opening none = { .session = SESSION + 2 };
    OK(sut_store_write(fx->store, open_job, &none));
    assert_int_equal(ask(fx, &f, &fresh_row, SESSION + 2, 0), SUT_ANSWERED);
    fake_end(&f);
}

static enum sut_verdict staff(struct fixture *fx, struct fake *f, int64_t session, int64_t factors,
                              bool is_foreign)
{
    const struct sut_person_account who = { .id = person, .is_staff = true, .factors = factors };
    fake_ask(f, SUT_GET, "/api/v1/x/");
    f->app.store = fx->store;
    struct sut_req *r = fake_req(f, &plain_row);
    r->now = now;
    r->auth.token =
        (struct sut_token){ .user_id = person, .session = session, .is_foreign = is_foreign };
    const enum sut_verdict v = sut_guard__staff_factor(r, &who);
    sut_req_conn_end(r);
    return v;
}

static void sessions_of_staff_need_a_factor_that_is_still_theirs(void **state)
{
    struct fixture *fx = fixture_of(state);
    struct fake f;
    fake_begin(&f, shop);
    struct opening o = { .proofs = SUT_PROOF_PASSWORD, .session = 1 };
    OK(sut_store_write(fx->store, open_job, &o));
    static const unsigned by[] = { SUT_PROOF_TOTP, SUT_PROOF_PASSKEY, SUT_PROOF_RECOVERY };
    for (int i = 0; i < 3; i++) {
        o = (struct opening){ .proofs = SUT_PROOF_PASSWORD | by[i], .session = 2 + i };
        OK(sut_store_write(fx->store, open_job, &o));
        assert_int_equal(staff(fx, &f, 2 + i, SUT_FACTOR_TOTP, false), SUT_NEXT);
        assert_int_equal(staff(fx, &f, 2 + i, 0, false), SUT_ANSWERED);
        assert_int_equal(staff(fx, &f, 2 + i, SUT_FACTOR_TOTP, true), SUT_ANSWERED);
    }
    assert_int_equal(staff(fx, &f, 1, SUT_FACTOR_TOTP, false), SUT_ANSWERED);
    assert_int_equal(f.x.res.status, 403);
    assert_non_null(strstr(fake_body(&f), "\"reason\":\"second_factor_required\""));
    fake_end(&f);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_proof_is_fresh_for_as_long_as_the_setting_says, &f),
        cmocka_unit_test_prestate(a_clock_that_steps_back_makes_nothing_fresh_for_longer, &f),
        cmocka_unit_test_prestate(who_proves_it_again_is_fresh_again_in_that_session_alone, &f),
        cmocka_unit_test_prestate(what_has_no_session_is_never_fresh, &f),
        cmocka_unit_test_prestate(sessions_of_staff_need_a_factor_that_is_still_theirs, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    if (f.temp != NULL) {
        struct opening o = { .a = f.arena };
        OK(sut_store_write(f.store, join_job, &o));
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
