/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "store/factor.h"
#include "store/personal.h"
#include "store_fixture.h"
#include "store_person.h"

#define SECRET SUT_STR("12345678901234567890")
#define OTHER  SUT_STR("abcdefghijklmnopqrst")

/* One change, as a job. */
struct doing {
    SUT_ERR (*what)(struct sut_db_conn *c, struct doing *d);
    struct sut_arena *a;
    int64_t person;
    sut_str text;
    int64_t n;
};

static SUT_ERR do_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    return d->what(c, d);
}

static enum sut_ecode done(struct fixture *f, struct doing d)
{
    d.a = f->arena;
    return sut_store_write(f->store, do_job, &d).code;
}

static SUT_ERR begin(struct sut_db_conn *c, struct doing *d)
{
    return sut_totp_begin(c, d->person, d->text, now);
}

static SUT_ERR use(struct sut_db_conn *c, struct doing *d)
{
    return sut_totp_use(c, d->person, d->n, now);
}

static SUT_ERR take(struct sut_db_conn *c, struct doing *d)
{
    return sut_totp_remove(c, d->person, now);
}

static SUT_ERR put_codes(struct sut_db_conn *c, struct doing *d)
{
    char hashes[10][SUT_RECOVERY_HASH];
    sut_str rows[10];
    for (int i = 0; i < 10; i++) {
        memset(hashes[i], (int) d->n + i, sizeof(hashes[i]));
        rows[i] = sut_str_of(hashes[i], sizeof(hashes[i]));
    }
    return sut_recovery_put(c, d->person, rows, 10, now);
}

static SUT_ERR use_code(struct sut_db_conn *c, struct doing *d)
{
    char hash[SUT_RECOVERY_HASH];
    memset(hash, (int) d->n, sizeof(hash));
    return sut_recovery_use(c, d->person, sut_str_of(hash, sizeof(hash)), now);
}

static SUT_ERR clear(struct sut_db_conn *c, struct doing *d)
{
    return sut_factors_clear(c, d->person, now);
}

static SUT_ERR note_passkey(struct sut_db_conn *c, struct doing *d)
{
    return sut_factor_note(c, d->person, SUT_FACTOR_PASSKEY, now);
}

static int64_t factors(struct fixture *f, int64_t id)
{
    struct sut_person_account p;
    OK(sut_person_account(f->reader, f->arena, id, &p));
    return p.factors;
}

static int64_t codes_left(struct fixture *f, int64_t id)
{
    int64_t n = -1;
    OK(sut_recovery_count(f->reader, id, &n));
    return n;
}

static void an_enrolment_counts_when_its_first_code_was_used(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_totp_row row;
    const int64_t id = person(f, "enrol@example.com");
    assert_int_equal(sut_totp_find(f->reader, f->arena, id, &row).code, SUT_E_NOT_FOUND);
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = SECRET }), SUT_E_OK);
    OK(sut_totp_find(f->reader, f->arena, id, &row));
    assert_true(sut_str_eq(row.secret, SECRET));
    assert_false(row.is_confirmed);
    assert_int_equal(factors(f, id), 0);
    /* Begun again: another secret in its place. */
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = OTHER }), SUT_E_OK);
    OK(sut_totp_find(f->reader, f->arena, id, &row));
    assert_true(sut_str_eq(row.secret, OTHER));
    assert_int_equal(done(f, (struct doing){ use, .person = id, .n = 100 }), SUT_E_OK);
    OK(sut_totp_find(f->reader, f->arena, id, &row));
    assert_true(row.is_confirmed);
    assert_int_equal(row.last_step, 100);
    assert_int_equal(factors(f, id), SUT_FACTOR_TOTP);
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = SECRET }), SUT_E_EXISTS);
    OK(sut_totp_find(f->reader, f->arena, id, &row));
    assert_true(sut_str_eq(row.secret, OTHER));
}

static void a_step_is_used_once_and_none_before_it(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "steps@example.com");
    assert_int_equal(done(f, (struct doing){ use, .person = id, .n = 100 }), SUT_E_DENIED);
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = SECRET }), SUT_E_OK);
    static const struct {
        int64_t step;
        enum sut_ecode code;
    } rows[] = { { 100, SUT_E_OK }, { 100, SUT_E_DENIED }, { 99, SUT_E_DENIED },
                 { 102, SUT_E_OK }, { 101, SUT_E_DENIED }, { 102, SUT_E_DENIED },
                 { 103, SUT_E_OK }, { 0, SUT_E_DENIED } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(done(f, (struct doing){ use, .person = id, .n = rows[i].step }),
                         rows[i].code);
}

struct racer {
    struct fixture *f;
    struct doing d;
    enum sut_ecode code;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    r->code = sut_store_write(r->f->store, do_job, &r->d).code;
    return NULL;
}

static int winners(struct fixture *f, struct doing d)
{
    enum { N = 20 };
    struct racer racers[N];
    pthread_t threads[N];
    int won = 0;
    for (int i = 0; i < N; i++) {
        racers[i] = (struct racer){ .f = f, .d = d };
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        (void) pthread_join(threads[i], NULL);
        if (racers[i].code == SUT_E_OK)
            won++;
        else
            assert_true(racers[i].code == SUT_E_DENIED || racers[i].code == SUT_E_NOT_FOUND);
    }
    return won;
}

static void of_twenty_at_once_one_uses_a_code(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "race@example.com");
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = SECRET }), SUT_E_OK);
    assert_int_equal(winners(f, (struct doing){ use, .person = id, .n = 7 }), 1);
    assert_int_equal(done(f, (struct doing){ put_codes, .person = id, .n = 50 }), SUT_E_OK);
    assert_int_equal(winners(f, (struct doing){ use_code, .person = id, .n = 53 }), 1);
    assert_int_equal(codes_left(f, id), 9);
}

static void recovery_codes_are_their_persons_and_good_once(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "codes@example.com");
    const int64_t other = person(f, "other@example.com");
    assert_int_equal(done(f, (struct doing){ put_codes, .person = id, .n = 1 }), SUT_E_OK);
    assert_int_equal(codes_left(f, id), 10);
    assert_int_equal(done(f, (struct doing){ use_code, .person = other, .n = 1 }), SUT_E_NOT_FOUND);
    assert_int_equal(done(f, (struct doing){ use_code, .person = id, .n = 1 }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ use_code, .person = id, .n = 1 }), SUT_E_NOT_FOUND);
    assert_int_equal(done(f, (struct doing){ use_code, .person = id, .n = 99 }), SUT_E_NOT_FOUND);
    assert_int_equal(codes_left(f, id), 9);
    /* New ones in place of all, used or not. */
    assert_int_equal(done(f, (struct doing){ put_codes, .person = id, .n = 20 }), SUT_E_OK);
    assert_int_equal(codes_left(f, id), 10);
    assert_int_equal(done(f, (struct doing){ use_code, .person = id, .n = 2 }), SUT_E_NOT_FOUND);
}

static void codes_go_with_the_last_factor(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "last@example.com");
    assert_int_equal(done(f, (struct doing){ take, .person = id }), SUT_E_NOT_FOUND);
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = SECRET }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ use, .person = id, .n = 1 }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ put_codes, .person = id, .n = 1 }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ note_passkey, .person = id }), SUT_E_OK);
    assert_int_equal(factors(f, id), SUT_FACTOR_TOTP | SUT_FACTOR_PASSKEY);
    assert_int_equal(done(f, (struct doing){ take, .person = id }), SUT_E_OK);
    assert_int_equal(factors(f, id), SUT_FACTOR_PASSKEY);
    assert_int_equal(codes_left(f, id), 10);
    assert_int_equal(done(f, (struct doing){ clear, .person = id }), SUT_E_OK);
    assert_int_equal(factors(f, id), 0);
    assert_int_equal(codes_left(f, id), 0);
    /* And again from the beginning. */
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = OTHER }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ use, .person = id, .n = 1 }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ put_codes, .person = id, .n = 1 }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ take, .person = id }), SUT_E_OK);
    assert_int_equal(codes_left(f, id), 0);
    assert_int_equal(factors(f, id), 0);
}

static const struct sut_sql move_secret = {
    .name = "test_move_secret",
    .text = "UPDATE totp SET secret = (SELECT t.secret FROM totp t WHERE t.id = $2) WHERE id = $1",
};

static SUT_ERR move(struct sut_db_conn *c, struct doing *d)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &move_secret, &s));
    sut_db_bind_i64(s, 1, d->person);
    sut_db_bind_i64(s, 2, d->n);
    return sut_db_step(s, &has_row);
}

static void a_secret_that_was_moved_does_not_open(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_totp_row row;
    const int64_t mine = person(f, "mine@example.com");
    const int64_t theirs = person(f, "theirs@example.com");
    assert_int_equal(done(f, (struct doing){ begin, .person = mine, .text = SECRET }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ begin, .person = theirs, .text = OTHER }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ move, .person = theirs, .n = mine }), SUT_E_OK);
    assert_int_equal(sut_totp_find(f->reader, f->arena, theirs, &row).code, SUT_E_CORRUPT);
}

static void a_secret_or_hash_of_another_length_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "length@example.com");
    assert_int_equal(done(f, (struct doing){ begin, .person = id, .text = SUT_STR("short") }),
                     SUT_E_INVALID);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(an_enrolment_counts_when_its_first_code_was_used, &f),
        cmocka_unit_test_prestate(a_step_is_used_once_and_none_before_it, &f),
        cmocka_unit_test_prestate(of_twenty_at_once_one_uses_a_code, &f),
        cmocka_unit_test_prestate(recovery_codes_are_their_persons_and_good_once, &f),
        cmocka_unit_test_prestate(codes_go_with_the_last_factor, &f),
        cmocka_unit_test_prestate(a_secret_that_was_moved_does_not_open, &f),
        cmocka_unit_test_prestate(a_secret_or_hash_of_another_length_is_refused, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
