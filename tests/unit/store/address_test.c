/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "seal/seal.h"
#include "store/address.h"
#include "store_fixture.h"
#include "store_person.h"

static const struct sut_sql raw = {
    .name = "test_address_raw",
    .text = "SELECT label, name, line1, line2, city, region, postal_code, country, phone"
            " FROM addresses WHERE id = $1",
};
static const struct sut_sql move_line = {
    .name = "test_address_move",
    .text = "UPDATE addresses SET line1 = (SELECT o.line1 FROM addresses o WHERE o.id = $2)"
            " WHERE id = $1",
};

struct doing {
    enum { INSERT, UPDATE, REMOVE, MOVE } what;
    struct sut_postal p;
    int64_t other;
    int64_t ret;
};

static SUT_ERR do_job(struct sut_db_conn *c, void *arg)
{
    struct doing *d = arg;
    switch (d->what) {
    case INSERT:
        return sut_postal_insert(c, &d->p, now, &d->ret);
    case UPDATE:
        return sut_postal_update(c, &d->p, (sut_ms){ now.v + 5 });
    case REMOVE:
        return sut_postal_remove(c, d->p.person, d->p.id);
    case MOVE: {
        DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
        bool has_row = false;
        TRY(sut_db_prepare(c, &move_line, &s));
        sut_db_bind_i64(s, 1, d->p.id);
        sut_db_bind_i64(s, 2, d->other);
        return sut_db_step(s, &has_row);
    }
    }
    FAIL(INVALID);
}

static enum sut_ecode does(struct fixture *f, struct doing *d)
{
    return sut_store_write(f->store, do_job, d).code;
}

static struct doing adding(int64_t who, bool is_default)
{
    return (struct doing){ .what = INSERT,
                           .p = { .person = who,
                                  .is_default = is_default,
                                  .v = { [SUT_POSTAL_NAME] = SUT_STR_INIT("Ada Byron"),
                                         [SUT_POSTAL_LINE1] = SUT_STR_INIT("1 Main Road"),
                                         [SUT_POSTAL_CITY] = SUT_STR_INIT("Cape Town"),
                                         [SUT_POSTAL_COUNTRY] = SUT_STR_INIT("ZA") } } };
}

static int64_t add(struct fixture *f, int64_t who, bool is_default)
{
    struct doing d = adding(who, is_default);
    assert_int_equal(does(f, &d), SUT_E_OK);
    return d.ret;
}

static void what_was_put_is_read_and_lies_sealed(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t id = add(f, ana, true);
    struct sut_postal p;
    OK(sut_postal_find(f->reader, f->arena, ana, id, &p));
    assert_true(sut_str_is(p.v[SUT_POSTAL_LINE1], "1 Main Road"));
    assert_true(sut_str_is(p.v[SUT_POSTAL_COUNTRY], "ZA"));
    assert_null(p.v[SUT_POSTAL_PHONE].p);
    assert_true(p.is_default);
    DEFER(sut_db_end) struct sut_db_stmt *s = NULL;
    bool has_row = false;
    OK(sut_db_prepare(f->reader, &raw, &s));
    sut_db_bind_i64(s, 1, id);
    OK(sut_db_step(s, &has_row));
    for (int i = 0; i < SUT_POSTAL_FIELDS; i++) {
        if (p.v[i].p == NULL) {
            assert_true(sut_db_col_is_null(s, i));
            continue;
        }
        const sut_str sealed = sut_db_col_blob(s, i);
        assert_int_equal(sealed.n, p.v[i].n + SUT_SEAL_OVERHEAD);
        assert_null(memmem(sealed.p, sealed.n, p.v[i].p, p.v[i].n));
    }
}

static void an_address_is_its_persons_alone(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t eve = person(f, "eve@example.com");
    const int64_t id = add(f, ana, false);
    struct sut_postal p;
    struct sut_postal *rows = NULL;
    size_t n = 0;
    assert_int_equal(sut_postal_find(f->reader, f->arena, eve, id, &p).code, SUT_E_NOT_FOUND);
    struct doing d = adding(eve, true);
    d.p.id = id;
    d.what = UPDATE;
    assert_int_equal(does(f, &d), SUT_E_NOT_FOUND);
    d.what = REMOVE;
    assert_int_equal(does(f, &d), SUT_E_NOT_FOUND);
    OK(sut_postal_list(f->reader, f->arena, eve, &rows, &n));
    assert_int_equal(n, 0);
    d.p.person = ana;
    d.what = UPDATE;
    d.p.v[SUT_POSTAL_CITY] = SUT_STR("Paarl");
    assert_int_equal(does(f, &d), SUT_E_OK);
    OK(sut_postal_find(f->reader, f->arena, ana, id, &p));
    assert_true(sut_str_is(p.v[SUT_POSTAL_CITY], "Paarl"));
    assert_int_equal(p.created_at.v, now.v);
    assert_int_equal(p.modified_at.v, now.v + 5);
    d.what = REMOVE;
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(sut_postal_find(f->reader, f->arena, ana, id, &p).code, SUT_E_NOT_FOUND);
}

static void one_is_the_default(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    const int64_t eve = person(f, "eve@example.com");
    const int64_t hers = add(f, eve, true);
    struct sut_postal *rows = NULL;
    struct sut_postal p;
    size_t n = 0;
    (void) add(f, ana, true);
    (void) add(f, ana, false);
    (void) add(f, ana, true);
    OK(sut_postal_list(f->reader, f->arena, ana, &rows, &n));
    assert_int_equal(n, 3);
    assert_false(rows[0].is_default);
    assert_false(rows[1].is_default);
    assert_true(rows[2].is_default);
    OK(sut_postal_find(f->reader, f->arena, eve, hers, &p));
    assert_true(p.is_default);
}

static void a_person_has_a_greatest_number(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    for (int i = 0; i < SUT_POSTAL_MAX; i++)
        (void) add(f, ana, false);
    struct doing d = adding(ana, false);
    assert_int_equal(does(f, &d), SUT_E_FULL);
    (void) add(f, person(f, "eve@example.com"), false);
}

static void a_value_of_another_row_does_not_open(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t ana = person(f, "ana@example.com");
    struct doing d = { .what = MOVE, .p.id = add(f, ana, false), .other = add(f, ana, false) };
    struct sut_postal p;
    struct sut_postal *rows = NULL;
    size_t n = 0;
    assert_int_equal(does(f, &d), SUT_E_OK);
    assert_int_equal(sut_postal_find(f->reader, f->arena, ana, d.p.id, &p).code, SUT_E_CORRUPT);
    assert_int_equal(sut_postal_list(f->reader, f->arena, ana, &rows, &n).code, SUT_E_CORRUPT);
    OK(sut_postal_find(f->reader, f->arena, ana, d.other, &p));
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        T(what_was_put_is_read_and_lies_sealed),
        T(an_address_is_its_persons_alone),
        T(one_is_the_default),
        T(a_person_has_a_greatest_number),
        T(a_value_of_another_row_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
