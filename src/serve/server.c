/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/server.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/mem.h"
#include "base/thread.h"
#include "serve/serve_int.h"

enum {
    HEAD_MAX = 32 * 1024,
    LOOP_STACK = 1024 * 1024,
    TRIM_TICKS = 20,
    TICKET_KEY_MS = 60 * 60 * 1000,
    UNEVEN = 1, /* a loop keeps what it accepts unless another has so many fewer */
};

/* What happens to an accepted connection that another loop is to serve. */
struct handover {
    struct sut_post post;
    struct sut_serve_loop *loop;
    int fd;
    unsigned listener;
    struct sut_addr peer;
};

void sut_server_defaults(struct sut_server_options *ret)
{
    *ret = (struct sut_server_options){
        .loops = 1,
        .pool = { .name = "pool", .threads_max = 64, .queue_max = 256 },
        .slow = { .name = "slow", .threads_max = 1, .queue_max = 256, .nice = 19 },
        .limits = {
            .connections = 4096,
            .connections_per_address = 512,
            .arena_bytes = 256 * 1024,
            .response_bytes = 8 * 1024 * 1024,
            .body_bytes_per_s = 500,
            .early_bytes = 16 * 1024,
            .requests_per_turn = 32,
            .h1 = sut_h1_limits_default,
        },
        .timeouts = {
            .handshake_ms = 10000,
            .head_ms = 10000,
            .body_grace_ms = 5000,
            .body_ms = 300000,
            .idle_ms = 75000,
            .stall_ms = 30000,
            .linger_ms = 1000,
            .queue_ms = 10000,
            .stop_ms = 10000,
        },
        .clock = &sut_clock_system,
    };
}

/* --- one loop --- */

static void on_handover(struct sut_post *p)
{
    struct handover *h = (struct handover *) p;
    sut_conn__open(h->loop, h->fd, h->listener, &h->peer);
    sut_mem_free(h);
}

static unsigned assigned(const struct sut_serve_loop *l)
{
    return atomic_load_explicit(&l->n_assigned, memory_order_relaxed);
}

static struct sut_serve_loop *choose_loop(struct sut_serve_loop *mine)
{
    struct sut_server *s = mine->server;
    struct sut_serve_loop *best = mine;
    for (unsigned i = 0; i < s->n_loops; i++)
        if (assigned(&s->loops[i]) < assigned(best))
            best = &s->loops[i];
    return assigned(mine) > assigned(best) + UNEVEN ? best : mine;
}

static void turn_away(struct sut_serve_loop *l, int fd)
{
    sut_serve__bump(&l->counts.turned_away);
    close(fd);
}

static void deal(struct sut_serve_loop *mine, int fd, unsigned listener,
                 const struct sut_addr *peer)
{
    struct sut_serve_loop *l = choose_loop(mine);
    struct handover *h = l == mine ? NULL : sut_mem_alloc(sizeof(*h));
    if (h == NULL)
        l = mine;
    atomic_fetch_add_explicit(&l->n_assigned, 1, memory_order_relaxed);
    if (h == NULL) {
        sut_conn__open(mine, fd, listener, peer);
        return;
    }
    *h = (struct handover){
        .post = { .fn = on_handover }, .loop = l, .fd = fd, .listener = listener, .peer = *peer
    };
    sut_loop_post(l->loop, &h->post);
}

static bool may_enter(struct sut_server *s, const struct sut_addr *peer)
{
    if (s->o.is_proxy == NULL)
        return !sut_failed(sut_gate_enter(s->gate, peer));
    return s->o.is_proxy(s->o.proxy_ctx, peer) && !sut_failed(sut_gate_enter_proxy(s->gate));
}

static void on_accept(void *ctx, int fd, const struct sut_addr *peer)
{
    const struct sut_door *d = ctx;
    struct sut_serve_loop *l = d->loop;
    if (l->is_stopping || !may_enter(l->server, peer))
        turn_away(l, fd);
    else
        deal(l, fd, d->flags, peer);
}

static void make_ticket_key(struct sut_serve_loop *first, uint64_t now_ms);

static void on_tick(struct sut_tick *t)
{
    struct sut_serve_loop *l = SUT_SERVE_OF(t, struct sut_serve_loop, tick);
    const uint64_t now_ms = sut_loop_now_ms(l->loop);
    sut_conn__tick(l);
    for (size_t i = 0; i < l->server->n_listeners; i++)
        if (l->doors[i].listener != NULL)
            sut_listener_resume(l->doors[i].listener);
    if (++l->ticks % TRIM_TICKS == 0)
        sut_box__trim(l, false);
    if (l->index == 0 && l->tls != NULL && now_ms >= l->ticket_at_ms)
        make_ticket_key(l, now_ms);
    if (l->is_stopping && now_ms >= l->stop_at_ms)
        sut_conn__close_all(l);
}

static void start_ticks(struct sut_serve_loop *l)
{
    l->is_ticking = true;
    l->tick.fn = on_tick;
    sut_loop_tick_start(l->loop, &l->tick);
}

static void stop_ticks(struct sut_serve_loop *l)
{
    if (l->is_ticking)
        sut_loop_tick_stop(l->loop, &l->tick);
    l->is_ticking = false;
}

void sut_server__may_end(struct sut_serve_loop *l)
{
    if (l->conns != NULL || l->n_working > 0)
        return;
    if (l->is_stopping) {
        stop_ticks(l);
        sut_loop_stop(l->loop);
    }
}

/* --- ticket keys: made by the first loop, the same on all, each sets its own --- */

static void on_ticket_key(struct sut_post *p)
{
    struct sut_serve_loop *l = SUT_SERVE_OF(p, struct sut_serve_loop, ticket_post);
    sut_tls_ctx_set_ticket_key(l->tls, l->ticket_key);
    explicit_bzero(l->ticket_key, sizeof(l->ticket_key));
}

static void make_ticket_key(struct sut_serve_loop *first, uint64_t now_ms)
{
    struct sut_server *s = first->server;
    uint8_t key[SUT_TLS_TICKET_KEY_BYTES];
    first->ticket_at_ms = now_ms + TICKET_KEY_MS;
    /* Without fresh bytes the old key goes on until the next hour. */
    if (first->is_stopping || sut_failed(sut_tls_ticket_key_make(key)))
        return;
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct sut_serve_loop *l = &s->loops[i];
        memcpy(l->ticket_key, key, sizeof(key));
        l->ticket_post.fn = on_ticket_key;
        sut_loop_post(l->loop, &l->ticket_post);
    }
    explicit_bzero(key, sizeof(key));
}

/* --- another certificate: each loop takes its own context on its own turn --- */

static void on_tls(struct sut_post *p)
{
    struct sut_serve_loop *l = SUT_SERVE_OF(p, struct sut_serve_loop, tls_post);
    sut_tls_ctx_inherit(l->tls_next, l->tls);
    sut_tls_ctx_free(&l->tls);
    l->tls = l->tls_next;
    l->tls_next = NULL;
    sem_post(&l->server->tls_taken);
}

SUT_ERR sut_server_set_tls(struct sut_server *s, const struct sut_tls_settings *tls,
                           struct sut_diag *reterr_diag)
{
    if (!s->has_tls) {
        sut_diag_set(reterr_diag, "the server does not listen with HTTPS");
        FAIL(INVALID);
    }
    sut_err e = SUT_OK;
    for (unsigned i = 0; i < s->n_loops && !sut_failed(e); i++)
        e = sut_tls_ctx_create(tls, &s->loops[i].tls_next, reterr_diag);
    if (sut_failed(e)) {
        for (unsigned i = 0; i < s->n_loops; i++)
            sut_tls_ctx_free(&s->loops[i].tls_next);
        return e;
    }
    for (unsigned i = 0; i < s->n_loops; i++) {
        s->loops[i].tls_post.fn = on_tls;
        sut_loop_post(s->loops[i].loop, &s->loops[i].tls_post);
    }
    for (unsigned i = 0; i < s->n_loops; i++)
        while (sem_wait(&s->tls_taken) != 0)
            ;
    return SUT_OK;
}

/* --- orders of start and stop, carried out on the loop's thread --- */

static struct sut_serve_loop *of_order(struct sut_post *p)
{
    return SUT_SERVE_OF(p, struct sut_serve_loop, order);
}

static void order_open(struct sut_post *p)
{
    struct sut_serve_loop *l = of_order(p);
    const struct sut_server *s = l->server;
    l->start_err = SUT_OK;
    start_ticks(l);
    for (size_t i = 0; i < s->n_listeners && !sut_failed(l->start_err); i++) {
        struct sut_door *d = &l->doors[i];
        *d = (struct sut_door){ .loop = l, .flags = s->listeners[i].flags };
        l->start_err = sut_listener_start(l->loop, s->listeners[i].fd, on_accept, d, &d->listener);
    }
    sem_post(&l->server->done);
}

static void order_shut_doors(struct sut_post *p)
{
    struct sut_serve_loop *l = of_order(p);
    for (size_t i = 0; i < l->server->n_listeners; i++)
        sut_listener_stop(&l->doors[i].listener);
    sem_post(&l->server->done);
}

/* No handover is on its way any more: every loop has shut its doors before. */
static void order_end(struct sut_post *p)
{
    struct sut_serve_loop *l = of_order(p);
    l->is_stopping = true;
    l->stop_at_ms = sut_loop_now_ms(l->loop) + l->server->o.timeouts.stop_ms;
    sut_conn__stop_all(l);
    sut_server__may_end(l);
}

static void give_order(struct sut_server *s, void (*fn)(struct sut_post *p))
{
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct sut_serve_loop *l = &s->loops[i];
        if (!l->has_thread)
            continue;
        l->order.fn = fn;
        sut_loop_post(l->loop, &l->order);
    }
}

static void await_all(struct sut_server *s)
{
    for (unsigned i = 0; i < s->n_loops; i++)
        while (s->loops[i].has_thread && sem_wait(&s->done) != 0)
            ;
}

static void *loop_main(void *arg)
{
    struct sut_serve_loop *l = arg;
    pthread_setname_np(pthread_self(), "loop");
    const struct sut_service *service = l->server->service;
    if (service->loop_start != NULL)
        l->start_err = service->loop_start(service->app, l->index, &l->app_ctx);
    const bool has_started = !sut_failed(l->start_err);
    sem_post(&l->server->done);
    /* Also a loop that could not start takes the order to end. */
    sut_ignore(sut_loop_run(l->loop), "it ends by order alone");
    if (has_started && service->loop_stop != NULL)
        service->loop_stop(service->app, l->app_ctx);
    return NULL;
}

/* --- the server --- */

/* For numbers that must differ from others' and be hard to guess, but are no keys. */
static SUT_ERR fill_random(void *p, size_t n)
{
    if (getrandom(p, n, 0) != (ssize_t) n)
        FAIL_SYS(SYSTEM);
    return SUT_OK;
}

static SUT_ERR start_thread(struct sut_serve_loop *l)
{
    TRY(sut_thread_start(LOOP_STACK, loop_main, l, &l->thread));
    l->has_thread = true;
    return SUT_OK;
}

static SUT_ERR loop_init(struct sut_server *s, unsigned i, struct sut_diag *reterr_diag)
{
    struct sut_serve_loop *l = &s->loops[i];
    l->server = s;
    l->index = i;
    sut_buf_init(&l->head, HEAD_MAX);
    TRY(sut_loop_create(&l->loop));
    TRY(sut_wire_create(l->loop, s->o.limits.response_bytes + HEAD_MAX, &l->wire));
    TRY(fill_random(l->id_seed, sizeof(l->id_seed)));
    if (s->o.tls != NULL)
        TRY(sut_tls_ctx_create(s->o.tls, &l->tls, reterr_diag));
    return SUT_OK;
}

static void loop_done(struct sut_serve_loop *l)
{
    if (l->server == NULL)
        return;
    SUT_BUG_IF(l->conns != NULL || l->n_working > 0);
    sut_box__trim(l, true);
    sut_tls_ctx_free(&l->tls);
    sut_loop_free(&l->loop);
    sut_wire_free(&l->wire);
    sut_buf_done(&l->head);
}

static SUT_ERR check(const struct sut_server_options *o,
                     const struct sut_server_listener *listeners, size_t n)
{
    ENSURE(o->loops >= 1 && o->loops <= SUT_SERVER_LOOPS_MAX, INVALID);
    ENSURE(n >= 1 && n <= SUT_SERVER_LISTENERS_MAX, INVALID);
    ENSURE(o->limits.requests_per_turn > 0, INVALID);
    for (size_t i = 0; i < n; i++)
        ENSURE((listeners[i].flags & SUT_LISTENER_TLS) == 0 || o->tls != NULL, INVALID);
    return SUT_OK;
}

static SUT_ERR start_all(struct sut_server *s, struct sut_diag *reterr_diag)
{
    uint64_t seed = 0;
    TRY(fill_random(&seed, sizeof(seed)));
    TRY(sut_gate_create(s->o.limits.connections, s->o.limits.connections_per_address, seed,
                        &s->gate));
    TRY(sut_pool_create(&s->o.pool, &s->pool));
    TRY(sut_pool_create(&s->o.slow, &s->slow));
    s->loops = sut_mem_zalloc(s->o.loops, sizeof(*s->loops));
    ENSURE(s->loops != NULL, NOMEM);
    s->n_loops = s->o.loops;
    for (unsigned i = 0; i < s->n_loops; i++)
        TRY(loop_init(s, i, reterr_diag));
    if (s->o.tls != NULL)
        make_ticket_key(&s->loops[0], sut_loop_now_ms(s->loops[0].loop));
    sut_err e = SUT_OK;
    for (unsigned i = 0; i < s->n_loops && !sut_failed(e); i++)
        e = start_thread(&s->loops[i]);
    await_all(s); /* also when one failed: the others' reports must not be taken for later ones */
    TRY(e);
    for (unsigned i = 0; i < s->n_loops; i++)
        TRY(s->loops[i].start_err);
    give_order(s, order_open);
    await_all(s);
    for (unsigned i = 0; i < s->n_loops; i++)
        TRY(s->loops[i].start_err);
    return SUT_OK;
}

SUT_ERR sut_server_start(const struct sut_server_options *o, const struct sut_service *service,
                         const struct sut_server_listener *listeners, size_t n_listeners,
                         struct sut_server **ret, struct sut_diag *reterr_diag)
{
    TRY(check(o, listeners, n_listeners));
    DEFER(sut_server_stop) struct sut_server *s = sut_mem_zalloc(1, sizeof(*s));
    ENSURE(s != NULL, NOMEM);
    s->o = *o;
    s->o.clock = o->clock != NULL ? o->clock : &sut_clock_system;
    s->service = service;
    memcpy(s->listeners, listeners, n_listeners * sizeof(*listeners));
    s->n_listeners = n_listeners;
    s->has_tls = o->tls != NULL;
    SUT_BUG_IF(sem_init(&s->done, 0, 0) != 0);
    SUT_BUG_IF(sem_init(&s->tls_taken, 0, 0) != 0);
    TRY(start_all(s, reterr_diag));
    /* They were the caller's, for the time of this call. */
    s->o.tls = NULL;
    *ret = STEAL(s);
    return SUT_OK;
}

static void join_all(struct sut_server *s)
{
    for (unsigned i = 0; i < s->n_loops; i++) {
        if (s->loops[i].has_thread)
            pthread_join(s->loops[i].thread, NULL);
        s->loops[i].has_thread = false;
    }
}

void sut_server_stop(struct sut_server **ps)
{
    struct sut_server *s = *ps;
    if (s == NULL)
        return;
    give_order(s, order_shut_doors);
    await_all(s);
    give_order(s, order_end);
    join_all(s);
    sut_pool_free(&s->pool);
    sut_pool_free(&s->slow);
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_done(&s->loops[i]);
    sut_gate_free(&s->gate);
    sut_mem_free(s->loops);
    sem_destroy(&s->done);
    sem_destroy(&s->tls_taken);
    sut_mem_free(s);
    *ps = NULL;
}

static uint64_t read_count(_Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

struct sut_server_counts sut_server_count(struct sut_server *s)
{
    struct sut_server_counts c = { .connections = sut_gate_count(s->gate).open };
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct sut_loop_counts *n = &s->loops[i].counts;
        c.accepted += read_count(&n->accepted);
        c.turned_away += read_count(&n->turned_away);
        c.requests += read_count(&n->requests);
        c.refused += read_count(&n->refused);
        c.timeouts += read_count(&n->timeouts);
        c.tls_failed += read_count(&n->tls_failed);
        c.vanished += read_count(&n->vanished);
    }
    return c;
}
