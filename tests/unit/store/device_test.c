/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/device.h"
#include "store/personal.h"
#include "store_fixture.h"
#include "store_person.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

struct seeing {
    int64_t person;
    char device[SUT_DEVICE_HASH + 1];
    sut_ms at;
    bool is_new;
    bool is_first;
};

static SUT_ERR see(struct sut_db_conn *c, void *arg)
{
    struct seeing *s = arg;
    return sut_device_see(c, s->person, sut_str_of(s->device, SUT_DEVICE_HASH), s->at, &s->is_new,
                          &s->is_first);
}

static struct seeing seen(struct fixture *f, int64_t who, unsigned device, int64_t after_ms)
{
    struct seeing s = { .person = who, .at = { now.v + after_ms } };
    (void) snprintf(s.device, sizeof(s.device), "device-%09u", device);
    OK(sut_store_write(f->store, see, &s));
    return s;
}

static bool knows(struct fixture *f, int64_t who, unsigned device, int64_t after_ms)
{
    char name[SUT_DEVICE_HASH + 1];
    bool is_known = false;
    (void) snprintf(name, sizeof(name), "device-%09u", device);
    OK(sut_device_is_known(f->reader, who, sut_str_of(name, SUT_DEVICE_HASH),
                           (sut_ms){ now.v + after_ms }, &is_known));
    return is_known;
}

static void the_first_is_told_from_a_new_one_and_from_a_known_one(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "one@x.org");
    const int64_t v = person(f, "two@x.org");
    struct seeing s = seen(f, u, 1, 0);
    assert_true(s.is_new && s.is_first);
    s = seen(f, u, 1, 5);
    assert_false(s.is_new || s.is_first);
    s = seen(f, u, 2, 6);
    assert_true(s.is_new);
    assert_false(s.is_first);
    /* It is one person's: another has not been seen on it. */
    assert_true(knows(f, u, 1, 7));
    assert_false(knows(f, v, 1, 7));
    s = seen(f, v, 1, 7);
    assert_true(s.is_new && s.is_first);
    assert_true(knows(f, v, 1, 8));
    assert_false(knows(f, 0, 1, 8));
}

static void a_year_unseen_it_is_new_again_and_is_pruned(void **state)
{
    struct fixture *f = fixture_of(state);
    const int64_t u = person(f, "year@x.org");
    (void) seen(f, u, 1, 0);
    (void) seen(f, u, 2, 10 * day_ms);
    const int64_t late = SUT_DEVICE_KEEP_DAYS * day_ms;
    assert_true(knows(f, u, 1, late - 1));
    assert_false(knows(f, u, 1, late));
    OK(sut_device_prune(f->store, (sut_ms){ now.v + late + 1 }));
    assert_false(knows(f, u, 1, 0));
    assert_true(knows(f, u, 2, late));
    const struct seeing s = seen(f, u, 1, late + 2);
    assert_true(s.is_new);
    assert_false(s.is_first);
}

static SUT_ERR forget(struct sut_db_conn *c, void *arg)
{
    return sut_device_forget(c, *(int64_t *) arg);
}

static void no_more_are_kept_than_the_latest(void **state)
{
    struct fixture *f = fixture_of(state);
    int64_t u = person(f, "many@x.org");
    const int64_t v = person(f, "few@x.org");
    sut_str *all = NULL;
    size_t n = 0;
    (void) seen(f, v, 1, 0);
    for (unsigned i = 0; i < SUT_DEVICES_MAX + 5; i++)
        (void) seen(f, u, i, i);
    OK(sut_device_list(f->reader, f->arena, u, &all, &n));
    assert_int_equal(n, SUT_DEVICES_MAX);
    assert_int_equal(all[0].n, SUT_DEVICE_HASH);
    assert_memory_equal(all[0].p, "device-000000068", SUT_DEVICE_HASH);
    assert_false(knows(f, u, 4, 100));
    assert_true(knows(f, u, 5, 100));
    OK(sut_store_write(f->store, forget, &u));
    OK(sut_device_list(f->reader, f->arena, u, &all, &n));
    assert_int_equal(n, 0);
    assert_true(knows(f, v, 1, 100));
}

static void a_hash_of_another_size_is_refused(void **state)
{
    struct fixture *f = fixture_of(state);
    bool is_new = false;
    assert_int_equal(sut_device_see(f->reader, 1, SUT_STR("short"), now, &is_new, &is_new).code,
                     SUT_E_INVALID);
}

int main(int argc, char **argv)
{
    struct fixture f = { .kind = temp_store_kind(argc, argv) };
    void *state = &f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(the_first_is_told_from_a_new_one_and_from_a_known_one, &f),
        cmocka_unit_test_prestate(a_year_unseen_it_is_new_again_and_is_pruned, &f),
        cmocka_unit_test_prestate(no_more_are_kept_than_the_latest, &f),
        cmocka_unit_test_prestate(a_hash_of_another_size_is_refused, &f),
    };
    if (open_store(&state) != 0)
        return 1;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void) close_store(&state);
    return failed;
}
