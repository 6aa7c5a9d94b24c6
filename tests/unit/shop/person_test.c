/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "shop/person.h"
#include "store/audit_row.h"
#include "store_fixture.h"

static struct sut_person_register wish(const char *email)
{
    return (struct sut_person_register){
        .email = sut_str_from(email),
        .first_name = SUT_STR("Sarah"),
        .last_name = SUT_STR("Jones"),
        .password = SUT_STR("!"),
        .addr = SUT_STR("192.0.2.7"),
    };
}

static struct sut_person_row joined(struct fixture *f, const char *email)
{
    const struct sut_person_register w = wish(email);
    struct sut_person_row row;
    OK(sut_person_register(f->store, f->arena, &w, now, &row));
    return row;
}

static int64_t audited(struct fixture *f, int64_t user_id, const char *action,
                       struct sut_audit_row **ret)
{
    const struct sut_audit_query q = { .user_id = user_id,
                                       .action = sut_str_from(action),
                                       .limit = 10 };
    size_t n = 0;
    int64_t count = 0;
    OK(sut_audit_row_list(f->reader, f->arena, &q, ret, &n, &count));
    return count;
}

static void assert_split(const char *full, const char *first, const char *last)
{
    sut_str a = { 0 };
    sut_str b = { 0 };
    sut_person_split_name(sut_str_from(full), &a, &b);
    assert_true(sut_str_is(a, first));
    assert_true(sut_str_is(b, last));
}

static void a_full_name_is_split_after_its_first_word(void **state)
{
    (void) state;
    assert_split("Sarah Jones", "Sarah", "Jones");
    assert_split("  Sarah   van der  Merwe ", "Sarah", "van der  Merwe");
    assert_split("Sarah", "Sarah", "");
    assert_split("", "", "");
    assert_split(" \t ", "", "");
    assert_split("\xe3\x80\x80"
                 "A\xc2\xa0"
                 "B",
                 "A", "B");
}

static void assert_username(struct fixture *f, const char *email, const char *want)
{
    sut_str name = { 0 };
    OK(sut_person_username_of(f->arena, sut_str_from(email), &name));
    assert_true(sut_str_is(name, want));
}

static void a_user_name_is_what_stands_before_the_at(void **state)
{
    struct fixture *f = fixture_of(state);
    assert_username(f, "Sarah.J+shop@example.com", "sarah.j+shop");
    assert_username(f, "\"odd one\\\"@x\"@example.com", "oddonex");
    assert_username(f, "\"\\\t\"@example.com", "user");
    assert_username(f, "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbccc@x.org",
                    "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb");
    sut_str name = { 0 };
    assert_int_equal(sut_person_username_of(f->arena, SUT_STR("none"), &name).code, SUT_E_INVALID);
    assert_int_equal(sut_person_username_of(f->arena, (sut_str){ 0 }, &name).code, SUT_E_INVALID);
}

static void signing_up_makes_person_session_and_audit_row(void **state)
{
    struct fixture *f = fixture_of(state);
    const struct sut_session_new session = { .id = 4711,
                                             .refresh_hash = SUT_STR("0123456789abcdef"),
                                             .expires_at = { now.v + 1000 } };
    struct sut_person_register w = wish("Full@example.com");
    w.phone = SUT_STR("021 555 0123");
    w.session = &session;
    struct sut_person_row p;
    OK(sut_person_register(f->store, f->arena, &w, now, &p));
    assert_true(p.id > 0 && p.is_active && !p.is_staff && !p.email_verified);
    assert_true(sut_str_is(p.email, "Full@example.com") && sut_str_is(p.username, "full"));
    assert_true(sut_str_is(p.phone, "021 555 0123"));
    assert_true(p.last_login.v == now.v);

    enum sut_session_state s = SUT_SESSION_ABSENT;
    OK(sut_session_look(f->reader, 4711, p.id, SUT_STR("0123456789abcdef"), now, &s));
    assert_int_equal(s, SUT_SESSION_LIVE);
    struct sut_audit_row *rows = NULL;
    assert_true(audited(f, p.id, "", &rows) == 1);
    assert_true(sut_str_is(rows[0].action, "user.register"));
    assert_true(sut_str_is(rows[0].ip, "192.0.2.7"));
    char resource[40];
    (void) snprintf(resource, sizeof(resource), "user:%lld", (long long) p.id);
    assert_true(sut_str_is(rows[0].resource, resource));
}

static void without_a_session_nobody_has_signed_in(void **state)
{
    struct fixture *f = fixture_of(state);
    assert_true(joined(f, "quiet@example.com").last_login.v == 0);
}

static void an_address_signs_up_once(void **state)
{
    struct fixture *f = fixture_of(state);
    (void) joined(f, "twice@example.com");
    const struct sut_person_register w = wish("TWICE@example.com");
    struct sut_person_row p;
    int64_t before = 0;
    int64_t after = 0;
    struct sut_audit_row *rows = NULL;
    const int64_t audits = audited(f, 0, "user.register", &rows);
    OK(sut_person_count(f->reader, &before));
    assert_int_equal(sut_person_register(f->store, f->arena, &w, now, &p).code, SUT_E_EXISTS);
    OK(sut_person_count(f->reader, &after));
    assert_true(before == after);
    assert_true(audited(f, 0, "user.register", &rows) == audits);
}

static void what_fails_later_leaves_nothing_behind(void **state)
{
    struct fixture *f = fixture_of(state);
    /* the session's id is taken by the test above */
    const struct sut_session_new session = { .id = 4711,
                                             .refresh_hash = SUT_STR("0123456789abcdef") };
    struct sut_person_register w = wish("half@example.com");
    w.session = &session;
    struct sut_person_row p;
    bool taken = true;
    assert_true(sut_failed(sut_person_register(f->store, f->arena, &w, now, &p)));
    OK(sut_person_email_taken(f->reader, f->arena, w.email, &taken));
    assert_false(taken);
    w.session = NULL;
    w.group = SUT_STR("No such group");
    assert_int_equal(sut_person_register(f->store, f->arena, &w, now, &p).code, SUT_E_NOT_FOUND);
    OK(sut_person_email_taken(f->reader, f->arena, w.email, &taken));
    assert_false(taken);
}

static void equal_user_names_are_numbered(void **state)
{
    struct fixture *f = fixture_of(state);
    char email[40];
    for (int i = 1; i <= 25; i++) {
        char want[20];
        (void) snprintf(email, sizeof(email), "info@shop%d.example", i);
        (void) snprintf(want, sizeof(want), i == 1 ? "info" : "info-%d", i);
        assert_true(sut_str_is(joined(f, email).username, want));
    }
}

/* Whoever has taken the number of each leap would otherwise shut the name for all others. */
static void no_set_of_numbers_that_are_taken_shuts_a_user_name(void **state)
{
    struct fixture *f = fixture_of(state);
    char email[60];
    (void) joined(f, "bob@one.example");
    for (int i = 2; i <= 8; i++) {
        (void) snprintf(email, sizeof(email), "bob-%d@evil.example", i);
        (void) joined(f, email);
    }
    for (int i = 16; i <= 1 << 29; i *= 2) {
        (void) snprintf(email, sizeof(email), "bob-%d@evil.example", i);
        (void) joined(f, email);
    }
    const struct sut_person_row p = joined(f, "bob@two.example");
    assert_true(sut_str_starts(p.username, SUT_STR("bob-")) && p.username.n == 13);
    const struct sut_person_row q = joined(f, "bob@three.example");
    assert_false(sut_str_eq(p.username, q.username));
}

static void a_long_user_name_makes_room_for_its_number(void **state)
{
    struct fixture *f = fixture_of(state);
    static const char local[] = "llllllllllllllllllllllllllllllllllllllllllllllllllllllllllll";
    char email[100];
    (void) snprintf(email, sizeof(email), "%s@one.example", local);
    assert_int_equal(joined(f, email).username.n, SUT_PERSON_USERNAME_MAX);
    (void) snprintf(email, sizeof(email), "%s@two.example", local);
    const struct sut_person_row p = joined(f, email);
    assert_int_equal(p.username.n, SUT_PERSON_USERNAME_MAX);
    assert_true(sut_str_ends(p.username, SUT_STR("l-2")));
}

static void staff_that_adds_people_is_audited_as_such(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_audit_row *rows = NULL;
    struct sut_person_register w = wish("added@example.com");
    w.by_command = true;
    w.is_staff = true;
    w.email_verified = true;
    w.group = SUT_STR("Product Managers");
    struct sut_person_row p;
    OK(sut_person_register(f->store, f->arena, &w, now, &p));
    assert_true(p.is_staff && p.email_verified);
    bool in = false;
    OK(sut_person_in_group(f->reader, p.id, w.group, &in));
    assert_true(in);
    assert_true(audited(f, 0, "admin.user_add", &rows) == 1);
    assert_true(rows[0].user_id == 0);
}

enum { RACERS = 16 };

struct racer {
    struct fixture *f;
    struct sut_arena *a;
    char email[40];
    sut_err e;
    struct sut_person_row row;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    const struct sut_person_register w = wish(r->email);
    r->e = sut_person_register(r->f->store, r->a, &w, now, &r->row);
    return NULL;
}

static void run_race(struct fixture *f, struct racer *racers, const char *format)
{
    pthread_t threads[RACERS];
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ .f = f };
        OK(sut_arena_create(1 << 20, &racers[i].a));
        (void) snprintf(racers[i].email, sizeof(racers[i].email), "%s%d.example", format, i);
    }
    if (strchr(format, '!') != NULL)
        for (int i = 0; i < RACERS; i++)
            (void) snprintf(racers[i].email, sizeof(racers[i].email), "same@x%s.example",
                            i % 2 == 0 ? "y" : "Y");
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < RACERS; i++)
        (void) pthread_join(threads[i], NULL);
}

static void end_race(struct racer *racers)
{
    for (int i = 0; i < RACERS; i++)
        sut_arena_free(&racers[i].a);
}

static void of_many_with_one_address_one_wins(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct racer racers[RACERS];
    run_race(f, racers, "!");
    int wins = 0;
    for (int i = 0; i < RACERS; i++) {
        wins += !sut_failed(racers[i].e);
        if (sut_failed(racers[i].e))
            assert_int_equal(racers[i].e.code, SUT_E_EXISTS);
    }
    assert_int_equal(wins, 1);
    end_race(racers);
}

static void many_at_once_get_user_names_of_their_own(void **state)
{
    struct fixture *f = fixture_of(state);
    static struct racer racers[RACERS];
    run_race(f, racers, "crowd@m");
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(racers[i].e.code, SUT_E_OK);
        for (int k = 0; k < i; k++)
            assert_false(sut_str_eq(racers[i].row.username, racers[k].row.username));
    }
    end_race(racers);
}

static SUT_ERR disable(struct sut_db_conn *c, void *arg)
{
    const int64_t *id = arg;
    return sut_person_set_active(c, *id, false, 0, now);
}

static void a_profile_is_changed_and_audited(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t id = joined(f, "change@example.com").id;
    const struct sut_person_change change = { .has_phone = true, .phone = SUT_STR("12345") };
    struct sut_person_row p;
    struct sut_audit_row *rows = NULL;
    OK(sut_person_update(f->store, f->arena, id, &change, SUT_STR("::1"), (sut_ms){ now.v + 9 },
                         &p));
    assert_true(sut_str_is(p.phone, "12345") && sut_str_is(p.first_name, "Sarah"));
    assert_true(p.modified_at.v == now.v + 9);
    assert_true(audited(f, id, "user.update", &rows) == 1);
    assert_true(sut_str_is(rows[0].ip, "::1"));

    OK(sut_store_write(f->store, disable, &id));
    assert_int_equal(
        sut_person_update(f->store, f->arena, id, &change, SUT_STR("::1"), now, &p).code,
        SUT_E_NOT_FOUND);
    assert_int_equal(
        sut_person_update(f->store, f->arena, 999999, &change, SUT_STR("::1"), now, &p).code,
        SUT_E_NOT_FOUND);
    assert_true(audited(f, id, "user.update", &rows) == 1);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_full_name_is_split_after_its_first_word, &f),
        cmocka_unit_test_prestate(a_user_name_is_what_stands_before_the_at, &f),
        cmocka_unit_test_prestate(signing_up_makes_person_session_and_audit_row, &f),
        cmocka_unit_test_prestate(without_a_session_nobody_has_signed_in, &f),
        cmocka_unit_test_prestate(an_address_signs_up_once, &f),
        cmocka_unit_test_prestate(what_fails_later_leaves_nothing_behind, &f),
        cmocka_unit_test_prestate(equal_user_names_are_numbered, &f),
        cmocka_unit_test_prestate(no_set_of_numbers_that_are_taken_shuts_a_user_name, &f),
        cmocka_unit_test_prestate(a_long_user_name_makes_room_for_its_number, &f),
        cmocka_unit_test_prestate(staff_that_adds_people_is_audited_as_such, &f),
        cmocka_unit_test_prestate(of_many_with_one_address_one_wins, &f),
        cmocka_unit_test_prestate(many_at_once_get_user_names_of_their_own, &f),
        cmocka_unit_test_prestate(a_profile_is_changed_and_audited, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
