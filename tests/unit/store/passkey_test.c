/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "crypto/sha256.h"
#include "store/factor.h"
#include "store_fixture.h"
#include "store_person.h"

#define HANDLE SUT_STR("0123456789abcdef0123456789abcdef")

/* One change, as a job. */
struct doing {
    SUT_ERR (*what)(struct sut_db_conn *c, struct doing *d);
    struct sut_arena *a;
    int64_t person;
    int64_t id;
    int64_t count;
    int64_t flags;
    sut_str text; /* an address, a credential, a name */
    sut_ms at;
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

static struct sut_passkey_row row_of(const struct doing *d)
{
    return (struct sut_passkey_row){
        .person = d->person,
        .credential = d->text,
        .user_handle = HANDLE,
        .public_key = SUT_STR("a key"),
        .sign_count = d->count,
        .flags = d->flags,
        .name = SUT_STR("Key \xe2\x9c\x93"),
    };
}

static SUT_ERR add(struct sut_db_conn *c, struct doing *d)
{
    const struct sut_passkey_row p = row_of(d);
    return sut_passkey_add(c, &p, now, &d->id);
}

static int64_t passkey(struct fixture *f, int64_t owner, const char *credential)
{
    struct doing d = { .what = add, .person = owner, .text = sut_str_from(credential) };
    OK(sut_store_write(f->store, do_job, &d));
    return d.id;
}

static SUT_ERR use(struct sut_db_conn *c, struct doing *d)
{
    return sut_passkey_use(c, d->id, d->count, d->flags, d->at);
}

static SUT_ERR name(struct sut_db_conn *c, struct doing *d)
{
    return sut_passkey_rename(c, d->person, d->id, d->text);
}

static SUT_ERR drop(struct sut_db_conn *c, struct doing *d)
{
    return sut_passkey_remove(c, d->person, d->id, now);
}

static SUT_ERR put_codes(struct sut_db_conn *c, struct doing *d)
{
    const sut_str hash = HANDLE;
    return sut_recovery_put(c, d->person, &hash, 1, now);
}

static enum sut_ecode find(struct fixture *f, const char *credential, struct sut_passkey_row *ret)
{
    unsigned char hash[SUT_SHA256_SIZE];
    sut_sha256(sut_str_from(credential), hash);
    return sut_passkey_find(f->reader, f->arena, sut_str_of((const char *) hash, sizeof(hash)), ret)
        .code;
}

static int64_t factors(struct fixture *f, int64_t id)
{
    struct sut_person_account p;
    OK(sut_person_account(f->reader, f->arena, id, &p));
    return p.factors;
}

static size_t n_of(struct fixture *f, int64_t id)
{
    struct sut_passkey_row *rows = NULL;
    size_t n = 99;
    OK(sut_passkey_list(f->reader, f->arena, id, &rows, &n));
    return n;
}

static void what_is_added_is_found_by_its_credential_and_listed(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_passkey_row p;
    struct sut_passkey_row *rows = NULL;
    size_t n = 0;
    const int64_t id = person(f, "add@example.com");
    assert_int_equal(factors(f, id), 0);
    const int64_t first = passkey(f, id, "add one");
    const int64_t second = passkey(f, id, "add two");
    assert_int_equal(factors(f, id), SUT_FACTOR_PASSKEY);
    assert_int_equal(find(f, "add two", &p), SUT_E_OK);
    assert_true(p.id == second && p.person == id);
    assert_true(sut_str_is(p.credential, "add two") && sut_str_is(p.public_key, "a key"));
    assert_true(sut_str_eq(p.user_handle, HANDLE));
    assert_true(sut_str_is(p.name, "Key \xe2\x9c\x93"));
    assert_true(p.created_at.v == now.v && p.last_used_at.v == 0);
    OK(sut_passkey_list(f->reader, f->arena, id, &rows, &n));
    assert_int_equal(n, 2);
    assert_true(rows[0].id == first && rows[1].id == second);
    assert_true(sut_str_is(rows[0].credential, "add one"));
    assert_int_equal(find(f, "nobody's", &p), SUT_E_NOT_FOUND);
    assert_int_equal(n_of(f, person(f, "none@example.com")), 0);
}

static void a_credential_is_one_persons_once(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "once@example.com");
    const int64_t other = person(f, "twice@example.com");
    (void) passkey(f, id, "once");
    assert_int_equal(done(f, (struct doing){ add, .person = id, .text = SUT_STR("once") }),
                     SUT_E_EXISTS);
    assert_int_equal(done(f, (struct doing){ add, .person = other, .text = SUT_STR("once") }),
                     SUT_E_EXISTS);
    assert_int_equal(factors(f, other), 0);
    assert_int_equal(n_of(f, other), 0);
}

static void a_person_has_twenty_at_most(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t id = person(f, "many@example.com");
    char credential[] = "many A";
    for (int i = 0; i < SUT_PASSKEYS_MAX; i++) {
        (void) passkey(f, id, credential);
        credential[5]++;
    }
    assert_int_equal(done(f, (struct doing){ add, .person = id, .text = SUT_STR("many too") }),
                     SUT_E_TOO_LARGE);
    assert_int_equal(n_of(f, id), SUT_PASSKEYS_MAX);
}

static void a_count_only_grows_unless_there_is_none(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_passkey_row p;
    const int64_t id = passkey(f, person(f, "count@example.com"), "count");
    static const struct {
        int64_t count;
        enum sut_ecode code;
    } steps[] = { { 0, SUT_E_OK },     { 0, SUT_E_OK },
                  { 5, SUT_E_OK },     { 5, SUT_E_DENIED },
                  { 4, SUT_E_DENIED }, { 0, SUT_E_DENIED },
                  { 6, SUT_E_OK },     { INT64_C(0xffffffff), SUT_E_OK } };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        assert_int_equal(
            done(f, (struct doing){ use, .id = id, .count = steps[i].count, .flags = (int64_t) i,
                                    .at = { now.v + (int64_t) i } }),
            steps[i].code);
    assert_int_equal(find(f, "count", &p), SUT_E_OK);
    assert_true(p.sign_count == INT64_C(0xffffffff) && p.flags == 7);
    assert_true(p.last_used_at.v == now.v + 7);
    assert_int_equal(done(f, (struct doing){ use, .id = id + 1000, .count = 1 }), SUT_E_DENIED);
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

static void of_twenty_with_the_same_count_one_wins(void **state)
{
    enum { N = 20 };
    struct fixture *f = fixture_of(state);
    struct racer racers[N];
    pthread_t threads[N];
    int won = 0;
    const int64_t id = passkey(f, person(f, "race@example.com"), "race");
    for (int i = 0; i < N; i++) {
        racers[i] = (struct racer){ .f = f, .d = { use, .id = id, .count = 3, .at = now } };
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < N; i++) {
        (void) pthread_join(threads[i], NULL);
        won += racers[i].code == SUT_E_OK;
        assert_true(racers[i].code == SUT_E_OK || racers[i].code == SUT_E_DENIED);
    }
    assert_int_equal(won, 1);
}

static void a_name_is_changed_by_its_owner_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_passkey_row p;
    char longest[SUT_PASSKEY_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    const int64_t owner = person(f, "name@example.com");
    const int64_t other = person(f, "envy@example.com");
    const int64_t id = passkey(f, owner, "name");
    assert_int_equal(
        done(f, (struct doing){ name, .person = other, .id = id, .text = SUT_STR("mine") }),
        SUT_E_NOT_FOUND);
    assert_int_equal(
        done(f, (struct doing){ name, .person = owner, .id = id + 1000, .text = SUT_STR("x") }),
        SUT_E_NOT_FOUND);
    assert_int_equal(done(f, (struct doing){ name, .person = owner, .id = id,
                                             .text = sut_str_of(longest, sizeof(longest)) }),
                     SUT_E_INVALID);
    assert_int_equal(done(f, (struct doing){ name, .person = owner, .id = id,
                                             .text = sut_str_of(longest, SUT_PASSKEY_NAME_MAX) }),
                     SUT_E_OK);
    assert_int_equal(find(f, "name", &p), SUT_E_OK);
    assert_int_equal(p.name.n, SUT_PASSKEY_NAME_MAX);
    assert_true(sut_str_is(p.credential, "name"));
}

static void the_factor_and_the_codes_go_with_the_last(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_passkey_row p;
    int64_t left = 0;
    const int64_t owner = person(f, "drop@example.com");
    const int64_t other = person(f, "thief@example.com");
    const int64_t first = passkey(f, owner, "drop one");
    const int64_t second = passkey(f, owner, "drop two");
    assert_int_equal(done(f, (struct doing){ put_codes, .person = owner }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ drop, .person = other, .id = first }),
                     SUT_E_NOT_FOUND);
    assert_int_equal(done(f, (struct doing){ drop, .person = owner, .id = first }), SUT_E_OK);
    assert_int_equal(done(f, (struct doing){ drop, .person = owner, .id = first }),
                     SUT_E_NOT_FOUND);
    assert_int_equal(factors(f, owner), SUT_FACTOR_PASSKEY);
    OK(sut_recovery_count(f->reader, owner, &left));
    assert_int_equal(left, 1);
    assert_int_equal(done(f, (struct doing){ drop, .person = owner, .id = second }), SUT_E_OK);
    assert_int_equal(factors(f, owner), 0);
    OK(sut_recovery_count(f->reader, owner, &left));
    assert_int_equal(left, 0);
    assert_int_equal(find(f, "drop two", &p), SUT_E_NOT_FOUND);
}

static const struct sut_sql move_credential = {
    .name = "test_move_credential",
    .text = "UPDATE passkeys SET credential = (SELECT p.credential FROM passkeys p WHERE p.id = $2)"
            " WHERE id = $1",
};

static SUT_ERR move(struct sut_db_conn *c, struct doing *d)
{
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    TRY(sut_db_prepare(c, &move_credential, &s));
    sut_db_bind_i64(s, 1, d->id);
    sut_db_bind_i64(s, 2, d->count);
    return sut_db_step(s, &has_row);
}

static void a_credential_that_was_moved_does_not_open(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_passkey_row p;
    const int64_t owner = person(f, "move@example.com");
    const int64_t first = passkey(f, owner, "move one");
    const int64_t second = passkey(f, owner, "move two");
    assert_int_equal(done(f, (struct doing){ move, .id = second, .count = first }), SUT_E_OK);
    assert_int_equal(find(f, "move two", &p), SUT_E_CORRUPT);
    assert_int_equal(find(f, "move one", &p), SUT_E_OK);
}

static SUT_ERR add_bad(struct sut_db_conn *c, struct doing *d)
{
    static const char zeros[SUT_CREDENTIAL_MAX + 2];
    struct sut_passkey_row p = row_of(d);
    switch (d->count) {
    case 0:
        p.credential = sut_str_of(zeros, SUT_CREDENTIAL_MAX + 1);
        break;
    case 1:
        p.credential = SUT_STR("");
        break;
    case 2:
        p.user_handle = SUT_STR("short");
        break;
    case 3:
        p.public_key = sut_str_of(zeros, SUT_CREDENTIAL_MAX + 2);
        break;
    default:
        p.person = 0;
        break;
    }
    return sut_passkey_add(c, &p, now, &d->id);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t owner = person(f, "sizes@example.com");
    for (int64_t i = 0; i < 5; i++)
        assert_int_equal(
            done(f, (struct doing){ add_bad, .person = owner, .count = i, .text = SUT_STR("x") }),
            SUT_E_INVALID);
    assert_int_equal(factors(f, owner), 0);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(what_is_added_is_found_by_its_credential_and_listed, &f),
        cmocka_unit_test_prestate(a_credential_is_one_persons_once, &f),
        cmocka_unit_test_prestate(a_person_has_twenty_at_most, &f),
        cmocka_unit_test_prestate(a_count_only_grows_unless_there_is_none, &f),
        cmocka_unit_test_prestate(of_twenty_with_the_same_count_one_wins, &f),
        cmocka_unit_test_prestate(a_name_is_changed_by_its_owner_alone, &f),
        cmocka_unit_test_prestate(the_factor_and_the_codes_go_with_the_last, &f),
        cmocka_unit_test_prestate(a_credential_that_was_moved_does_not_open, &f),
        cmocka_unit_test_prestate(what_does_not_fit_is_refused, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
