/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/loop.h"

#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

#include "base/mem.h"

static const unsigned LOOP_MAGIC = 0x100b1e55U;

struct sut_loop {
    unsigned magic;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t timer;
    struct sut_tick *ticks;
    struct sut_tick *ticking_next;     /* where the walk over ticks goes on */
    _Atomic(struct sut_post *) posted; /* newest first */
    atomic_bool stopping;
};

static SUT_ERR from_uv(int rc)
{
    if (rc >= 0)
        return SUT_OK;
    errno = -rc;
    if (rc == UV_ENOMEM)
        FAIL_SYS(NOMEM);
    FAIL_SYS(SYSTEM);
}

/* Take the whole stack and turn it round, so that the oldest runs first. */
static void run_posted(struct sut_loop *l)
{
    struct sut_post *p = atomic_exchange_explicit(&l->posted, NULL, memory_order_acquire);
    struct sut_post *oldest = NULL;
    while (p != NULL) {
        struct sut_post *next = p->next;
        p->next = oldest;
        oldest = p;
        p = next;
    }
    while (oldest != NULL) {
        struct sut_post *next = oldest->next;
        oldest->fn(oldest);
        oldest = next;
    }
}

static void on_wake(uv_async_t *h)
{
    struct sut_loop *l = h->data;
    run_posted(l);
    if (atomic_load_explicit(&l->stopping, memory_order_acquire))
        uv_stop(&l->uv);
}

static void on_timer(uv_timer_t *h)
{
    struct sut_loop *l = h->data;
    for (struct sut_tick *t = l->ticks; t != NULL; t = l->ticking_next) {
        l->ticking_next = t->next;
        t->fn(t);
    }
}

static void close_own(struct sut_loop *l, bool has_timer)
{
    uv_close((uv_handle_t *) &l->wake, NULL);
    if (has_timer)
        uv_close((uv_handle_t *) &l->timer, NULL);
    while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0)
        ;
}

SUT_ERR sut_loop_create(struct sut_loop **ret)
{
    DEFER(sut_mem_freep) struct sut_loop *l = sut_mem_zalloc(1, sizeof(*l));
    ENSURE(l != NULL, NOMEM);
    atomic_init(&l->posted, NULL);
    atomic_init(&l->stopping, false);
    TRY(from_uv(uv_loop_init(&l->uv)));
    l->uv.data = l;
    l->wake.data = l;
    l->timer.data = l;
    sut_err e = from_uv(uv_async_init(&l->uv, &l->wake, on_wake));
    if (!sut_failed(e)) {
        e = from_uv(uv_timer_init(&l->uv, &l->timer));
        if (sut_failed(e))
            close_own(l, false);
    }
    if (sut_failed(e)) {
        uv_loop_close(&l->uv);
        return e;
    }
    l->magic = LOOP_MAGIC;
    *ret = STEAL(l);
    return SUT_OK;
}

void sut_loop_free(struct sut_loop **l)
{
    if (*l == NULL)
        return;
    SUT_BUG_IF((*l)->magic != LOOP_MAGIC);
    close_own(*l, true);
    /* A handle that somebody left open is a bug of ours: its memory would be used after this. */
    SUT_BUG_IF(uv_loop_close(&(*l)->uv) != 0);
    (*l)->magic = 0;
    sut_mem_free(*l);
    *l = NULL;
}

SUT_ERR sut_loop_run(struct sut_loop *l)
{
    SUT_BUG_IF(l->magic != LOOP_MAGIC);
    if (!atomic_load_explicit(&l->stopping, memory_order_acquire))
        uv_run(&l->uv, UV_RUN_DEFAULT);
    ENSURE(atomic_load_explicit(&l->stopping, memory_order_acquire), SYSTEM);
    return SUT_OK;
}

void sut_loop_stop(struct sut_loop *l)
{
    atomic_store_explicit(&l->stopping, true, memory_order_release);
    uv_async_send(&l->wake);
}

void sut_loop_turn(struct sut_loop *l, bool may_wait)
{
    uv_run(&l->uv, may_wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void sut_loop_post(struct sut_loop *l, struct sut_post *p)
{
    struct sut_post *head = atomic_load_explicit(&l->posted, memory_order_relaxed);
    do {
        p->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&l->posted, &head, p, memory_order_release,
                                                    memory_order_relaxed));
    /* Whoever found it empty wakes the loop; those after ride along. */
    if (head == NULL)
        uv_async_send(&l->wake);
}

void sut_loop_tick_start(struct sut_loop *l, struct sut_tick *t)
{
    if (l->ticks == NULL) {
        uv_update_time(&l->uv);
        SUT_BUG_IF(uv_timer_start(&l->timer, on_timer, SUT_TICK_MS, SUT_TICK_MS) != 0);
    }
    t->next = l->ticks;
    l->ticks = t;
}

void sut_loop_tick_stop(struct sut_loop *l, struct sut_tick *t)
{
    for (struct sut_tick **at = &l->ticks; *at != NULL; at = &(*at)->next) {
        if (*at != t)
            continue;
        *at = t->next;
        if (l->ticking_next == t)
            l->ticking_next = t->next;
        break;
    }
    if (l->ticks == NULL)
        uv_timer_stop(&l->timer);
}

uint64_t sut_loop_now_ms(const struct sut_loop *l)
{
    return uv_now(&l->uv);
}

struct uv_loop_s *sut_loop_uv(struct sut_loop *l)
{
    return &l->uv;
}
