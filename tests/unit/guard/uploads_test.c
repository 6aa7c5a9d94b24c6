/* SPDX-License-Identifier: Apache-2.0
 *
 * Places for forms with a file: how many are let in, which of them gives way to the next, and that
 * there are never more than places.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard/uploads.h"

enum {
    PLACES = 4,
    BEGIN = SUT_UPLOADS_BEGIN_MS,
    PAUSE = SUT_UPLOADS_PAUSE_MS,
    COMES = SUT_UPLOAD_COMES,
    WAITS = SUT_UPLOAD_WAITS,
    BUSY = SUT_UPLOAD_BUSY,
};

static struct sut_uploads *u;

static int begin(void **state)
{
    (void) state;
    return sut_failed(sut_uploads_create(PLACES, &u));
}

static int end(void **state)
{
    (void) state;
    sut_uploads_free(&u);
    return 0;
}

static int enter(struct sut_upload *one, int64_t person, uint64_t now_ms)
{
    return (int) sut_uploads_enter(u, one, person, now_ms);
}

static int go_on(struct sut_upload *one, size_t got, uint64_t now_ms)
{
    return (int) sut_uploads_go_on(u, one, got, now_ms);
}

/* One of each of the persons 1 .. PLACES, at the time 0. */
static void fill(struct sut_upload one[PLACES])
{
    for (int i = 0; i < PLACES; i++)
        assert_int_equal(enter(&one[i], i + 1, 0), COMES);
}

static void there_is_a_least_and_a_most_of_places(void **state)
{
    struct sut_uploads *none = NULL;
    (void) state;
    assert_int_equal(sut_uploads_create(0, &none).code, SUT_E_INVALID);
    assert_int_equal(sut_uploads_create(SUT_UPLOADS_MAX + 1, &none).code, SUT_E_INVALID);
    sut_uploads_free(&none);
}

static void places_are_bounded_in_all_and_for_one_person(void **state)
{
    struct sut_upload a = { 0 };
    struct sut_upload b = { 0 };
    struct sut_upload c = { 0 };
    struct sut_upload more[4] = { { 0 } };
    (void) state;
    assert_int_equal(enter(&a, 1, 0), COMES);
    assert_int_equal(enter(&b, 1, 0), COMES);
    assert_int_equal(enter(&more[0], 1, 0), BUSY);
    assert_int_equal(enter(&c, 2, 0), COMES);
    assert_int_equal(enter(&more[1], 2, 0), COMES);
    assert_int_equal(enter(&more[2], 2, 0), BUSY);
    /* Who is not in leaves nothing. */
    sut_uploads_leave(u, &more[2], 0);
    sut_uploads_leave(u, &more[0], 0);
    assert_int_equal(enter(&more[0], 2, 0), BUSY);
    sut_uploads_leave(u, &c, 0);
    sut_uploads_leave(u, &c, 0);
    assert_int_equal(enter(&more[0], 1, 0), BUSY);
    assert_int_equal(enter(&more[0], 3, 0), COMES);
}

static void who_has_more_gives_way_to_who_would_have_less(void **state)
{
    struct sut_upload a[2] = { { 0 } };
    struct sut_upload b[2] = { { 0 } };
    struct sut_upload c[2] = { { 0 } };
    struct sut_upload d = { 0 };
    struct sut_upload e = { 0 };
    (void) state;
    assert_int_equal(enter(&a[0], 1, 0), COMES);
    assert_int_equal(enter(&a[1], 1, 1), COMES);
    assert_int_equal(enter(&b[0], 2, 2), COMES);
    assert_int_equal(enter(&b[1], 2, 3), COMES);
    /* At once: how they come plays no part, but that the least good one goes. */
    assert_int_equal(enter(&c[0], 3, 4), WAITS);
    assert_int_equal(go_on(&a[1], 0, 4), COMES);
    assert_int_equal(go_on(&a[0], 0, 4), BUSY);
    assert_int_equal(go_on(&c[0], 0, 4), WAITS);
    /* The other of 1 is its last, and 2 has two; 3 would have as many as 2 then. */
    assert_int_equal(enter(&c[1], 3, 5), BUSY);
    assert_int_equal(enter(&d, 4, 5), WAITS);
    assert_int_equal(go_on(&b[0], 0, 5), BUSY);
    assert_int_equal(enter(&e, 5, 5), BUSY);
    sut_uploads_leave(u, &a[0], 6);
    assert_int_equal(go_on(&c[0], 0, 6), COMES);
    assert_int_equal(go_on(&d, 0, 6), WAITS);
    sut_uploads_leave(u, &b[0], 6);
    assert_int_equal(go_on(&d, 0, 6), COMES);
    /* Nothing goes to and fro. */
    assert_int_equal(enter(&a[0], 1, 7), BUSY);
    assert_int_equal(enter(&b[0], 2, 7), BUSY);
}

static void the_slowest_gives_way(void **state)
{
    struct sut_upload one[PLACES] = { { 0 } };
    struct sut_upload next = { 0 };
    struct sut_upload third = { 0 };
    (void) state;
    fill(one);
    assert_int_equal(enter(&next, 9, BEGIN - 1), BUSY);
    assert_int_equal(go_on(&one[0], 100 * 1024, BEGIN - 1), COMES);
    assert_int_equal(go_on(&one[1], 1024, BEGIN - 1), COMES);
    assert_int_equal(go_on(&one[2], 64, BEGIN - 1), COMES);
    assert_int_equal(go_on(&one[3], 512, BEGIN - 1), COMES);
    assert_int_equal(enter(&next, 9, BEGIN + 100), WAITS);
    assert_int_equal(go_on(&one[2], 64, BEGIN + 100), BUSY);
    assert_int_equal(enter(&third, 8, BEGIN + 100), WAITS);
    assert_int_equal(go_on(&one[3], 512, BEGIN + 100), BUSY);
    assert_int_equal(go_on(&one[0], 100 * 1024, BEGIN + 100), COMES);
    assert_int_equal(go_on(&one[1], 1024, BEGIN + 100), COMES);
    /* In its own time the newcomer is slow, too, and not before. */
    sut_uploads_leave(u, &one[2], BEGIN + 200);
    sut_uploads_leave(u, &one[3], BEGIN + 200);
    assert_int_equal(go_on(&third, 0, BEGIN + 200), COMES);
    assert_int_equal(go_on(&next, 0, BEGIN + 200), COMES);
    assert_int_equal(go_on(&one[1], 100 * 1024, BEGIN + 200), COMES);
    assert_int_equal(enter(&one[2], 3, 2 * BEGIN + 199), BUSY);
    assert_int_equal(enter(&one[2], 3, 2 * BEGIN + 200), WAITS);
}

static void what_keeps_the_rate_stays(void **state)
{
    struct sut_upload one[PLACES] = { { 0 } };
    struct sut_upload next = { 0 };
    (void) state;
    fill(one);
    size_t got = 0;
    for (uint64_t now = 0; now <= 60000; now += 250) {
        for (int i = 0; i < PLACES; i++)
            assert_int_equal(go_on(&one[i], got, now), COMES);
        got += SUT_UPLOADS_BYTES_PER_S / 4;
        assert_int_equal(enter(&next, 9, now + 249), BUSY);
    }
    /* All that came buys no more than a pause. */
    for (int i = 0; i < PLACES; i++)
        assert_int_equal(go_on(&one[i], got + 4000000, 60000), COMES);
    assert_int_equal(enter(&next, 9, 60000 + PAUSE - 1), BUSY);
    assert_int_equal(enter(&next, 9, 60000 + PAUSE), WAITS);
}

static void one_that_hardly_comes_stays_while_nobody_wants_its_place(void **state)
{
    struct sut_upload slow = { 0 };
    struct sut_upload other = { 0 };
    (void) state;
    assert_int_equal(enter(&slow, 1, 0), COMES);
    for (uint64_t now = 0; now < 100000; now += 250) {
        assert_int_equal(go_on(&slow, (size_t) now / 250, now), COMES);
        assert_int_equal(enter(&other, 2, now), COMES);
        sut_uploads_leave(u, &other, now);
    }
}

static void what_is_there_gives_way_to_nobody(void **state)
{
    struct sut_upload one[PLACES] = { { 0 } };
    struct sut_upload next = { 0 };
    (void) state;
    assert_int_equal(enter(&one[0], 1, 0), COMES);
    assert_int_equal(enter(&one[1], 1, 0), COMES);
    assert_int_equal(enter(&one[2], 2, 0), COMES);
    assert_int_equal(enter(&one[3], 2, 0), COMES);
    for (int i = 0; i < 3; i++)
        sut_uploads_whole(u, &one[i]);
    assert_int_equal(enter(&next, 3, 100000), WAITS);
    assert_int_equal(go_on(&one[3], 0, 100000), BUSY);
    sut_uploads_leave(u, &next, 100000);
    sut_uploads_whole(u, &one[3]);
    assert_int_equal(enter(&next, 3, 100000), BUSY);
}

static void who_is_whole_before_it_left_keeps_its_place(void **state)
{
    struct sut_upload one[PLACES] = { { 0 } };
    struct sut_upload next = { 0 };
    struct sut_upload more = { 0 };
    (void) state;
    fill(one);
    const uint64_t late = 2 * BEGIN;
    assert_int_equal(enter(&next, 9, late), WAITS);
    sut_uploads_whole(u, &one[0]);
    assert_int_equal(go_on(&next, 0, late), WAITS);
    assert_int_equal(go_on(&one[1], 0, late), BUSY);
    /* And again, until there is none that could: then it is told. */
    for (int i = 1; i < PLACES; i++) {
        sut_uploads_whole(u, &one[i]);
        assert_int_equal(go_on(&next, 0, late), i + 1 < PLACES ? WAITS : BUSY);
    }
    sut_uploads_leave(u, &next, late);
    sut_uploads_leave(u, &one[0], late);
    assert_int_equal(enter(&more, 8, late), COMES);
}

static void who_waits_and_goes_takes_nothing(void **state)
{
    struct sut_upload one[PLACES] = { { 0 } };
    struct sut_upload next = { 0 };
    (void) state;
    fill(one);
    assert_int_equal(enter(&next, 9, BEGIN), WAITS);
    sut_uploads_leave(u, &next, BEGIN);
    for (int i = 0; i < PLACES; i++)
        assert_int_equal(go_on(&one[i], 0, BEGIN), COMES);
    /* Nor does one wait for long, whatever keeps the other from leaving. */
    assert_int_equal(enter(&next, 9, BEGIN), WAITS);
    assert_int_equal(go_on(&next, 0, BEGIN + SUT_UPLOADS_WAIT_MS - 1), WAITS);
    assert_int_equal(go_on(&next, 0, BEGIN + SUT_UPLOADS_WAIT_MS), BUSY);
}

static void of_a_whole_share_ones_own_gives_way(void **state)
{
    struct sut_upload one[PLACES] = { { 0 } };
    struct sut_upload next = { 0 };
    struct sut_upload more = { 0 };
    (void) state;
    assert_int_equal(enter(&one[0], 2, 0), COMES);
    assert_int_equal(enter(&one[1], 1, 1), COMES);
    assert_int_equal(enter(&one[2], 1, 2), COMES);
    assert_int_equal(enter(&next, 1, 3), BUSY);
    /* Although another is slower, and a place is free. */
    assert_int_equal(enter(&next, 1, BEGIN + 2), WAITS);
    assert_int_equal(go_on(&one[0], 0, BEGIN + 2), COMES);
    assert_int_equal(go_on(&one[1], 0, BEGIN + 2), BUSY);
    assert_int_equal(enter(&one[3], 3, BEGIN + 2), COMES);
    sut_uploads_leave(u, &one[1], BEGIN + 3);
    assert_int_equal(go_on(&next, 0, BEGIN + 3), COMES);
    sut_uploads_whole(u, &next);
    sut_uploads_whole(u, &one[2]);
    assert_int_equal(enter(&more, 1, 100000), BUSY);
}

static atomic_int held;
static atomic_int most;

/* What a request does: wait for a place, have a body for a while, leave as told or of itself. */
static void one_request(struct sut_upload *one, uint64_t n)
{
    uint64_t now = n;
    enum sut_upload_word word = sut_uploads_enter(u, one, (int64_t) (n % 7), now);
    while (word == SUT_UPLOAD_WAITS && n % 5 != 0)
        word = sut_uploads_go_on(u, one, 0, now += 3);
    if (word == SUT_UPLOAD_COMES) {
        const int mine = atomic_fetch_add(&held, 1) + 1;
        if (mine > atomic_load(&most))
            atomic_store(&most, mine);
        for (uint64_t i = 0; i < n % 50 && word == SUT_UPLOAD_COMES; i++)
            word = sut_uploads_go_on(u, one, (size_t) i, now += 100);
        if (word == SUT_UPLOAD_COMES && n % 3 == 0)
            sut_uploads_whole(u, one);
        atomic_fetch_sub(&held, 1);
    }
    sut_uploads_leave(u, one, now);
}

static void *requests(void *arg)
{
    uint64_t n = (uint64_t) (uintptr_t) arg;
    for (int i = 0; i < 20000; i++) {
        /* Its memory is another request's afterwards. */
        struct sut_upload one = { 0 };
        one_request(&one, n >> 33);
        n = n * 6364136223846793005U + 1442695040888963407U;
    }
    return NULL;
}

static void there_are_never_more_bodies_than_places(void **state)
{
    enum { THREADS = 8 };
    pthread_t t[THREADS];
    struct sut_upload one[PLACES] = { { 0 } };
    (void) state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, requests, (void *) (i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(atomic_load(&held), 0);
    assert_in_range(atomic_load(&most), 1, PLACES);
    fill(one);
}

int main(void)
{
#define WITH_PLACES(f_) cmocka_unit_test_setup_teardown(f_, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_a_least_and_a_most_of_places),
        WITH_PLACES(places_are_bounded_in_all_and_for_one_person),
        WITH_PLACES(who_has_more_gives_way_to_who_would_have_less),
        WITH_PLACES(the_slowest_gives_way),
        WITH_PLACES(what_keeps_the_rate_stays),
        WITH_PLACES(one_that_hardly_comes_stays_while_nobody_wants_its_place),
        WITH_PLACES(what_is_there_gives_way_to_nobody),
        WITH_PLACES(who_is_whole_before_it_left_keeps_its_place),
        WITH_PLACES(who_waits_and_goes_takes_nothing),
        WITH_PLACES(of_a_whole_share_ones_own_gives_way),
        WITH_PLACES(there_are_never_more_bodies_than_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
