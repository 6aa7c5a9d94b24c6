/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shop/views.h"
#include "store/outfit.h"
#include "store_fixture.h"
#include "store_person.h"

struct outfitting {
    struct sut_arena *arena;
    int64_t person;
    int64_t id;
};

static SUT_ERR make_job(struct sut_db_conn *c, void *arg)
{
    struct outfitting *m = arg;
    const struct sut_outfit_data d = {
        .person = m->person, .name = SUT_STR("Look"), .description = SUT_STR(""), .is_public = true
    };
    return sut_outfit_insert(c, m->arena, &d, now, &m->id);
}

static int64_t outfit(struct fixture *f, int64_t whose)
{
    struct outfitting m = { .arena = f->arena, .person = whose };
    OK(sut_store_write(f->store, make_job, &m));
    return m.id;
}

static SUT_ERR drop_job(struct sut_db_conn *c, void *arg)
{
    const struct outfitting *m = arg;
    return sut_outfit_remove(c, m->id, m->person);
}

static int64_t stored(struct fixture *f, int64_t id)
{
    struct sut_outfit o;
    OK(sut_outfit_by_id(f->reader, f->arena, id, &o));
    return o.views;
}

/* As a reader does it. */
static int64_t look(struct fixture *f, struct sut_views *v, int64_t id)
{
    return sut_views_of(v, id, stored(f, id), true);
}

static void looks_are_shown_at_once_and_written_later(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_views *v = NULL;
    const int64_t ana = person(f, "ana@example.com");
    const int64_t a = outfit(f, ana);
    const int64_t b = outfit(f, ana);
    OK(sut_views_create(&v));
    OK(sut_views_write(v, f->store));
    for (int64_t n = 1; n <= 5; n++)
        assert_int_equal(look(f, v, a), n);
    assert_int_equal(look(f, v, b), 1);
    assert_int_equal(stored(f, a), 0);
    /* To look without being counted changes nothing. */
    assert_int_equal(sut_views_of(v, a, stored(f, a), false), 5);
    assert_int_equal(sut_views_of(v, a, stored(f, a), false), 5);
    OK(sut_views_write(v, f->store));
    assert_int_equal(stored(f, a), 5);
    assert_int_equal(stored(f, b), 1);
    for (int64_t n = 6; n <= 8; n++)
        assert_int_equal(look(f, v, a), n);
    for (int i = 0; i < 4; i++)
        OK(sut_views_write(v, f->store));
    assert_int_equal(stored(f, a), 8);
    assert_int_equal(stored(f, b), 1);
    assert_int_equal(look(f, v, b), 2);
    OK(sut_views_write(v, f->store));
    assert_int_equal(stored(f, b), 2);
    sut_views_free(&v);
}

/* What another server wrote meanwhile is there, too. */
static void others_write_as_well(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_views *one = NULL;
    struct sut_views *two = NULL;
    const int64_t a = outfit(f, person(f, "ana@example.com"));
    OK(sut_views_create(&one));
    OK(sut_views_create(&two));
    for (int i = 0; i < 10; i++)
        (void) look(f, one, a);
    for (int i = 0; i < 7; i++)
        (void) look(f, two, a);
    OK(sut_views_write(one, f->store));
    assert_int_equal(look(f, two, a), 18);
    OK(sut_views_write(two, f->store));
    assert_int_equal(stored(f, a), 18);
    sut_views_free(&one);
    sut_views_free(&two);
}

static void an_outfit_that_is_gone_stops_nobody(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_views *v = NULL;
    const int64_t ana = person(f, "ana@example.com");
    const int64_t a = outfit(f, ana);
    const int64_t b = outfit(f, ana);
    OK(sut_views_create(&v));
    (void) look(f, v, a);
    (void) look(f, v, b);
    struct outfitting gone = { .person = ana, .id = a };
    OK(sut_store_write(f->store, drop_job, &gone));
    OK(sut_views_write(v, f->store));
    assert_int_equal(stored(f, b), 1);
    sut_views_free(&v);
}

static void memory_is_bounded(void **state)
{
    struct fixture *f = fixture_of(state);
    struct sut_views *v = NULL;
    OK(sut_views_create(&v));
    for (int64_t id = 1; id <= 3 * SUT_VIEWS_MAX; id++)
        assert_int_equal(sut_views_of(v, id, 7, true), id <= SUT_VIEWS_MAX ? 8 : 7);
    /* None of them is there: nothing is written, and there is room again. */
    OK(sut_views_write(v, f->store));
    OK(sut_views_write(v, f->store));
    OK(sut_views_write(v, f->store));
    assert_int_equal(sut_views_of(v, 2 * SUT_VIEWS_MAX, 7, true), 8);
    sut_views_free(&v);
    sut_views_free(&v);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
#define T(name_) cmocka_unit_test_prestate_setup_teardown(name_, open_store, close_store, &f)
    const struct CMUnitTest tests[] = {
        T(looks_are_shown_at_once_and_written_later),
        T(others_write_as_well),
        T(an_outfit_that_is_gone_stops_nobody),
        T(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
