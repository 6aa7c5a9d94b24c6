/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "loop/loop.h"

enum { POSTERS = 4, EACH = 2000 };

struct note {
    struct sut_post post; /* first */
    struct sut_loop *loop;
    unsigned poster;
    unsigned number;
    unsigned *last; /* of each poster */
    unsigned *count;
};

static void on_note(struct sut_post *p)
{
    struct note *n = (struct note *) p;
    /* In order for one poster. */
    assert_int_equal(n->last[n->poster], n->number);
    n->last[n->poster]++;
    if (++*n->count == POSTERS * EACH)
        sut_loop_stop(n->loop);
}

static void *post_all(void *arg)
{
    struct note *notes = arg;
    for (unsigned i = 0; i < EACH; i++)
        sut_loop_post(notes[i].loop, &notes[i].post);
    return NULL;
}

static void posts_of_many_threads_all_arrive_in_each_ones_order(void **state)
{
    (void) state;
    struct sut_loop *l = NULL;
    assert_false(sut_failed(sut_loop_create(&l)));
    struct note *notes = sut_mem_zalloc(POSTERS * EACH, sizeof(*notes));
    assert_non_null(notes);
    unsigned last[POSTERS] = { 0 };
    unsigned count = 0;
    pthread_t threads[POSTERS];
    for (unsigned i = 0; i < POSTERS * EACH; i++)
        notes[i] = (struct note){ .post.fn = on_note,
                                  .loop = l,
                                  .poster = i / EACH,
                                  .number = i % EACH,
                                  .last = last,
                                  .count = &count };
    for (unsigned i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, notes + i * (size_t) EACH), 0);
    assert_false(sut_failed(sut_loop_run(l)));
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, POSTERS * EACH);
    sut_loop_free(&l);
    assert_null(l);
    sut_mem_free(notes);
}

static void a_stop_before_the_run_is_not_lost(void **state)
{
    (void) state;
    struct sut_loop *l = NULL;
    assert_false(sut_failed(sut_loop_create(&l)));
    sut_loop_stop(l);
    assert_false(sut_failed(sut_loop_run(l)));
    sut_loop_free(&l);
}

struct counter {
    struct sut_tick tick; /* first */
    struct sut_loop *loop;
    unsigned n;
    unsigned stop_at;
    struct counter *other;
};

static void on_tick(struct sut_tick *t)
{
    struct counter *c = (struct counter *) t;
    if (++c->n == c->stop_at) {
        sut_loop_tick_stop(c->loop, t);
        if (c->other == NULL)
            sut_loop_stop(c->loop);
    }
}

static void ticks_come_until_stopped_also_from_within(void **state)
{
    (void) state;
    struct sut_loop *l = NULL;
    assert_false(sut_failed(sut_loop_create(&l)));
    struct counter second = { .tick.fn = on_tick, .loop = l, .stop_at = 2 };
    struct counter first = { .tick.fn = on_tick, .loop = l, .stop_at = 1, .other = &second };
    const uint64_t start = sut_loop_now_ms(l);
    sut_loop_tick_start(l, &second.tick);
    sut_loop_tick_start(l, &first.tick);
    assert_false(sut_failed(sut_loop_run(l)));
    assert_int_equal(first.n, 1);
    assert_int_equal(second.n, 2);
    assert_true(sut_loop_now_ms(l) - start >= SUT_TICK_MS);
    sut_loop_free(&l);
}

static void without_memory_there_is_no_loop(void **state)
{
    (void) state;
    struct sut_loop *l = NULL;
    sut_mem_fault_nth(1);
    assert_int_equal(sut_loop_create(&l).code, SUT_E_NOMEM);
    sut_mem_fault_nth(0);
    assert_null(l);
    sut_loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_of_many_threads_all_arrive_in_each_ones_order),
        cmocka_unit_test(a_stop_before_the_run_is_not_lost),
        cmocka_unit_test(ticks_come_until_stopped_also_from_within),
        cmocka_unit_test(without_memory_there_is_no_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
