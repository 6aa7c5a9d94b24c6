/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/mem.h"
#include "codec/time.h"
#include "serve/serve_int.h"

enum {
    LINGER_BYTES = 64 * 1024,
    MS_PER_S = 1000,
};

static const sut_str NO_MEMORY =
    SUT_STR_INIT("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
                 "Connection: close\r\n\r\n");

static struct sut_conn *of(struct sut_filter *f)
{
    return (struct sut_conn *) f;
}

static const struct sut_server_timeouts *timeouts(const struct sut_conn *c)
{
    return &c->loop->server->o.timeouts;
}

static void set_deadline(struct sut_conn *c, unsigned ms)
{
    c->deadline_ms = sut_loop_now_ms(c->loop->loop) + ms;
}

/* --- the end of a connection --- */

static void forget_ready(struct sut_conn *c)
{
    if (!c->is_ready)
        return;
    for (struct sut_conn **at = &c->loop->ready; *at != NULL; at = &(*at)->next_ready) {
        if (*at == c) {
            *at = c->next_ready;
            break;
        }
    }
    c->is_ready = false;
}

/* Close; the storage goes in on_closed, so the caller may still look at c. */
static void drop(struct sut_conn *c)
{
    if (c->state == SUT_CONN_CLOSED)
        return;
    c->state = SUT_CONN_CLOSED;
    struct sut_box *b = c->box;
    c->box = NULL;
    if (b != NULL) {
        sut_serve__bump(&c->loop->counts.vanished);
        /* What runs on the pool keeps its box until it returns. */
        b->conn = NULL;
        if (!b->is_working)
            sut_box__give_back(b);
    }
    forget_ready(c);
    sut_filter_down_close(&c->top);
}

static void on_closed(struct sut_filter *f)
{
    struct sut_conn *c = of(f);
    struct sut_serve_loop *l = c->loop;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    sut_tls_free(&c->tls);
    sut_buf_done(&c->held);
    sut_gate_leave(l->server->gate, &c->peer);
    atomic_fetch_sub_explicit(&l->n_assigned, 1, memory_order_relaxed);
    sut_mem_free(c);
    sut_server__may_end(l);
}

/*
 * Say that nothing more comes and drop what the client still sends for a
 * moment: closing with unread bytes would reset the connection, and the client
 * might lose the answer (RFC 9112 9.6).
 */
static void linger(struct sut_conn *c)
{
    sut_filter_down_shut(&c->top);
    if (c->has_peer_ended) {
        drop(c);
        return;
    }
    c->state = SUT_CONN_LINGER;
    set_deadline(c, timeouts(c)->linger_ms);
    sut_filter_down_set_reading(&c->top, true);
}

/* --- answers --- */

static sut_str date_text(struct sut_serve_loop *l, sut_ms now)
{
    const int64_t second = now.v / MS_PER_S;
    if (second != l->date_s || l->date_n == 0) {
        sut_buf_reset(&l->head);
        sut_time_http(&l->head, now);
        l->date_n = l->head.n < sizeof(l->date) ? l->head.n : 0;
        memcpy(l->date, l->head.p, l->date_n);
        l->date_s = second;
    }
    return sut_str_of(l->date, l->date_n);
}

static void set_idle(struct sut_conn *c)
{
    c->state = SUT_CONN_IDLE;
    set_deadline(c, timeouts(c)->idle_ms);
}

/* The kernel has all of the answer. */
static void answered(struct sut_conn *c)
{
    if (!c->keeps)
        linger(c);
    else if (c->has_peer_ended && c->held.n == c->held_at)
        drop(c);
    else
        set_idle(c);
}

static bool may_keep(const struct sut_conn *c, const struct sut_exchange *x)
{
    return x->req->keep_alive && x->req->minor > 0 && !x->res.close && !c->must_close &&
           !c->loop->is_stopping;
}

static sut_str body_of(const struct sut_exchange *x)
{
    const int status = x->res.status;
    /* RFC 9110 6.4.1: no content in these, whatever the application made. */
    if (x->req->method == SUT_HEAD || status == 204 || status == 304)
        return (sut_str){ 0 };
    return x->res.shared != NULL ? sut_bytes_str(x->res.shared) : sut_buf_str(&x->res.body);
}

/* Ask for the answer of a failure; an application that makes none gets an empty one. */
static void make_failure(struct sut_conn *c, struct sut_box *b, int status, const char *why)
{
    const struct sut_service *s = c->loop->server->service;
    sut_box__clear_answer(b);
    b->has_begun = true;
    s->on_refused(s->app, &b->x, status, why);
    if (b->x.res.status == 0 || b->x.res.body.overflowed) {
        sut_box__clear_answer(b);
        b->x.res.status = status;
    }
    c->must_close = true;
}

/* Send c->box's answer and end the exchange; the connection goes on as it says. */
static void send_answer(struct sut_conn *c)
{
    struct sut_serve_loop *l = c->loop;
    struct sut_box *b = c->box;
    if (b->x.res.status == 0 || (b->x.res.shared == NULL && b->x.res.body.overflowed))
        make_failure(c, b, 500, "the application made no answer");
    c->keeps = may_keep(c, &b->x);

    const struct sut_h1_answer how = { .date = date_text(l, b->x.now), .keep_alive = c->keeps };
    sut_buf_reset(&l->head);
    sut_h1_render_head(&l->head, &b->x.res, &how);
    sut_err e = sut_buf_check(&l->head);
    if (!sut_failed(e)) {
        const sut_str parts[] = { sut_buf_str(&l->head), body_of(&b->x) };
        e = sut_filter_down_write(&c->top, parts, 2);
    }
    sut_serve__bump(&l->counts.requests);
    c->box = NULL;
    sut_box__give_back(b);
    if (sut_failed(e)) {
        drop(c);
        return;
    }
    c->last_pending = sut_filter_down_pending(&c->top);
    if (c->last_pending == 0) {
        answered(c);
        return;
    }
    c->state = SUT_CONN_DRAIN;
    set_deadline(c, timeouts(c)->stall_ms);
}

static void refuse(struct sut_conn *c, int status, const char *why)
{
    sut_serve__bump(&c->loop->counts.refused);
    c->box->x.now = sut_clock_now(c->loop->server->o.clock);
    make_failure(c, c->box, status, why);
    send_answer(c);
}

/* --- the pool --- */

static void back_on_loop(struct sut_post *p)
{
    struct sut_box *b = SUT_SERVE_OF(p, struct sut_box, post);
    sut_conn__worked(b);
}

static void on_pool(struct sut_job *j, bool is_late)
{
    struct sut_box *b = SUT_SERVE_OF(j, struct sut_box, job);
    b->is_late = is_late;
    if (!is_late)
        b->fn(&b->x);
    sut_loop_post(b->loop->loop, &b->post);
}

SUT_ERR sut_exchange_offload(struct sut_exchange *x, void (*fn)(struct sut_exchange *x))
{
    struct sut_box *b = sut_box__of(x);
    SUT_BUG_IF(b->is_working || b->conn == NULL || b->conn->state != SUT_CONN_WORK);
    const uint64_t wait_ns = (uint64_t) timeouts(b->conn)->queue_ms * 1000000U;
    b->fn = fn;
    b->job = (struct sut_job){ .run = on_pool, .deadline_ns = sut_monotonic_ns() + wait_ns };
    b->post.fn = back_on_loop;
    b->is_working = true;
    b->loop->n_working++;
    x->loop_ctx = NULL;
    const sut_err e = sut_pool_give(b->loop->server->pool, &b->job);
    if (sut_failed(e)) {
        b->is_working = false;
        b->loop->n_working--;
        x->loop_ctx = b->loop->app_ctx;
    }
    return e;
}

/* --- requests --- */

static bool is_reading_request(const struct sut_conn *c)
{
    return c->state == SUT_CONN_HEAD || c->state == SUT_CONN_BODY;
}

static void begin_request(struct sut_conn *c)
{
    c->box = sut_box__take(c->loop, c);
    c->must_close = false;
    if (c->box != NULL) {
        c->state = SUT_CONN_HEAD;
        set_deadline(c, timeouts(c)->head_ms);
        return;
    }
    c->keeps = false;
    if (sut_failed(sut_filter_down_write(&c->top, &NO_MEMORY, 1)))
        drop(c);
    else
        linger(c);
}

static void on_head(struct sut_conn *c)
{
    const struct sut_service *s = c->loop->server->service;
    struct sut_box *b = c->box;
    const struct sut_http_request *req = b->x.req;
    size_t body_max = 0;
    b->has_begun = true;
    if (!s->on_head(s->app, &b->x, &body_max)) {
        /* The body that follows is not read, so the connection can't go on behind it. */
        c->must_close |= req->has_body;
        c->state = SUT_CONN_WORK;
        send_answer(c);
        return;
    }
    sut_h1_set_body_max(b->h1, body_max);
    if (!req->has_body)
        return;
    /* Chunks have no announced length: their buffer grows by doubling. */
    const size_t room = req->has_length ? req->length : 4 * body_max;
    if (room <= 4 * body_max)
        sut_arena_set_limit(b->x.arena, c->loop->server->o.limits.arena_bytes + room);
    c->state = SUT_CONN_BODY;
    c->body_since_ms = sut_loop_now_ms(c->loop->loop);
    c->body_got = 0;
}

static void on_complete(struct sut_conn *c)
{
    const struct sut_service *s = c->loop->server->service;
    struct sut_box *b = c->box;
    b->x.now = sut_clock_now(c->loop->server->o.clock);
    c->state = SUT_CONN_WORK;
    b->has_begun = true;
    s->on_request(s->app, &b->x);
    if (!b->is_working)
        send_answer(c);
}

/* Feed the request what came (perhaps nothing); the number of bytes that it took. */
static size_t feed(struct sut_conn *c, sut_str s)
{
    size_t used = 0;
    const enum sut_h1_event e = sut_h1_feed(c->box->h1, s.p, s.n, &used);
    if (c->state == SUT_CONN_BODY)
        c->body_got += used;
    const char *why = NULL;
    switch (e) {
    case SUT_H1_NEED_MORE:
        break;
    case SUT_H1_HEAD:
        on_head(c);
        break;
    case SUT_H1_COMPLETE:
        on_complete(c);
        break;
    case SUT_H1_REFUSED: {
        const int status = sut_h1_refusal(c->box->h1, &why);
        refuse(c, status, why);
        break;
    }
    }
    return used;
}

/* A client that waits for leave gets it once the announced length has been accepted (RFC
 * 9110 10.1.1). */
static void maybe_continue(struct sut_conn *c, bool has_sent_body)
{
    const struct sut_http_request *req = c->box->x.req;
    if (!req->expects_continue || req->minor == 0 || has_sent_body || c->body_got > 0)
        return;
    if (sut_failed(sut_filter_down_write(&c->top, &sut_h1_continue, 1)))
        drop(c);
}

/* Read requests out of s and answer them, up to a turn's share; how much was used. */
static size_t consume(struct sut_conn *c, sut_str s)
{
    size_t used = 0;
    unsigned left = c->loop->server->o.limits.requests_per_turn;
    while (used < s.n && left > 0) {
        if (c->state == SUT_CONN_IDLE) {
            begin_request(c);
            left--;
        }
        if (!is_reading_request(c))
            break;
        const enum sut_conn_state before = c->state;
        used += feed(c, sut_str_sub(s, used, s.n));
        if (before == SUT_CONN_HEAD && is_reading_request(c)) {
            /* After HEAD the reader goes on without bytes: no body, too large a one, or wait. */
            if (c->box->has_begun)
                feed(c, (sut_str){ 0 });
            if (c->state == SUT_CONN_BODY)
                maybe_continue(c, used < s.n);
        }
    }
    return used;
}

/* --- bytes that came before their turn --- */

static void run_ready_post(struct sut_post *p)
{
    struct sut_serve_loop *l = SUT_SERVE_OF(p, struct sut_serve_loop, ready_post);
    l->is_ready_posted = false;
    sut_conn__run_ready(l);
}

static void make_ready(struct sut_conn *c)
{
    struct sut_serve_loop *l = c->loop;
    if (c->is_ready)
        return;
    c->is_ready = true;
    c->next_ready = l->ready;
    l->ready = c;
    if (!l->is_ready_posted) {
        l->is_ready_posted = true;
        l->ready_post.fn = run_ready_post;
        sut_loop_post(l->loop, &l->ready_post);
    }
}

/* Keep s for later; hold the client up when it is much. */
static void hold(struct sut_conn *c, sut_str s)
{
    sut_buf_str_add(&c->held, s);
    if (c->held.overflowed) {
        drop(c);
        return;
    }
    if (c->held.n - c->held_at >= c->loop->server->o.limits.early_bytes)
        sut_filter_down_set_reading(&c->top, false);
    if (c->state == SUT_CONN_IDLE || is_reading_request(c))
        make_ready(c);
}

static void release_held(struct sut_conn *c)
{
    c->held_at = 0;
    sut_buf_done(&c->held);
    sut_buf_reset(&c->held);
    if (!c->has_peer_ended)
        sut_filter_down_set_reading(&c->top, true);
    else if (c->state == SUT_CONN_IDLE || is_reading_request(c))
        drop(c); /* the end that was seen long ago */
}

/* The connection can read requests again: first those that wait. */
static void go_on(struct sut_conn *c)
{
    if (c->held.n == c->held_at)
        return;
    if (c->state != SUT_CONN_IDLE && !is_reading_request(c))
        return;
    const sut_str s = sut_str_sub(sut_buf_str(&c->held), c->held_at, c->held.n);
    c->held_at += consume(c, s);
    if (c->state == SUT_CONN_CLOSED || c->state == SUT_CONN_LINGER)
        return;
    if (c->held_at == c->held.n)
        release_held(c);
    else if (c->state == SUT_CONN_IDLE || is_reading_request(c))
        make_ready(c);
}

void sut_conn__run_ready(struct sut_serve_loop *l)
{
    struct sut_conn *c = l->ready;
    l->ready = NULL;
    while (c != NULL) {
        struct sut_conn *next = c->next_ready;
        c->is_ready = false;
        go_on(c);
        c = next;
    }
}

void sut_conn__worked(struct sut_box *b)
{
    struct sut_serve_loop *l = b->loop;
    struct sut_conn *c = b->conn;
    b->is_working = false;
    l->n_working--;
    b->x.loop_ctx = l->app_ctx;
    if (c == NULL) {
        sut_box__give_back(b);
        sut_server__may_end(l);
        return;
    }
    if (b->is_late)
        make_failure(c, b, 503, "waited too long for a thread");
    send_answer(c);
    go_on(c);
}

/* --- news from below --- */

static void on_ready(struct sut_filter *f)
{
    set_idle(of(f));
}

static void on_bytes(struct sut_filter *f, sut_str s)
{
    struct sut_conn *c = of(f);
    if (c->state == SUT_CONN_CLOSED)
        return;
    if (c->state == SUT_CONN_LINGER) {
        c->lingered += s.n;
        if (c->lingered > LINGER_BYTES)
            drop(c);
        return;
    }
    size_t used = 0;
    if (c->held.n == c->held_at)
        used = consume(c, s);
    if (used < s.n && c->state != SUT_CONN_CLOSED && c->state != SUT_CONN_LINGER)
        hold(c, sut_str_sub(s, used, s.n));
}

static void on_end(struct sut_filter *f, enum sut_net_end why)
{
    struct sut_conn *c = of(f);
    if (c->state == SUT_CONN_CLOSED)
        return;
    c->has_peer_ended |= why == SUT_NET_END_EOF;
    if (why == SUT_NET_END_REFUSED && c->state == SUT_CONN_HANDSHAKE) {
        sut_serve__bump(&c->loop->counts.tls_failed);
        linger(c);
        return;
    }
    /* A client that shut its side alone still reads: what is asked for is answered. */
    const bool is_half = why == SUT_NET_END_EOF;
    const bool has_work =
        c->state == SUT_CONN_WORK || c->state == SUT_CONN_DRAIN || c->held.n > c->held_at;
    if (!is_half || !has_work)
        drop(c);
}

static void on_drained(struct sut_filter *f)
{
    struct sut_conn *c = of(f);
    if (c->state != SUT_CONN_DRAIN)
        return;
    answered(c);
    go_on(c);
}

static const struct sut_filter_ops conn_ops = {
    .name = "http",
    .on_ready = on_ready,
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

/* --- the beginning --- */

/* tcp, tls when the listener says so, a test's link, and HTTP on top. */
static SUT_ERR build_chain(struct sut_conn *c, int fd)
{
    struct sut_serve_loop *l = c->loop;
    const struct sut_filter_ops *between = l->server->o.between;
    if ((c->listener & SUT_LISTENER_TLS) != 0)
        TRY(sut_tls_create(l->tls, l->wire, &c->tls));
    const sut_err e = sut_tcp_init(&c->tcp, l->wire, fd);
    if (sut_failed(e)) {
        sut_tls_free(&c->tls);
        return e;
    }
    struct sut_filter *highest = &c->tcp.filter;
    if (c->tls != NULL) {
        sut_filter_join(highest, sut_tls_filter(c->tls));
        highest = sut_tls_filter(c->tls);
    }
    if (between != NULL) {
        c->between.ops = between;
        sut_filter_join(highest, &c->between);
        highest = &c->between;
    }
    c->top.ops = &conn_ops;
    sut_filter_join(highest, &c->top);
    return SUT_OK;
}

static SUT_ERR conn_create(struct sut_serve_loop *l, int fd, unsigned listener,
                           const struct sut_addr *peer, struct sut_conn **ret)
{
    DEFER(sut_mem_freep) struct sut_conn *c = sut_mem_zalloc(1, sizeof(*c));
    ENSURE(c != NULL, NOMEM);
    c->loop = l;
    c->listener = listener;
    c->peer = *peer;
    /* One read of the wire may come after reading was switched off. */
    sut_buf_init(&c->held, l->server->o.limits.early_bytes + 256 * (size_t) 1024);
    TRY(build_chain(c, fd));
    *ret = STEAL(c);
    return SUT_OK;
}

void sut_conn__open(struct sut_serve_loop *l, int fd, unsigned listener,
                    const struct sut_addr *peer)
{
    struct sut_conn *c = NULL;
    if (sut_failed(conn_create(l, fd, listener, peer, &c))) {
        close(fd);
        sut_gate_leave(l->server->gate, peer);
        atomic_fetch_sub_explicit(&l->n_assigned, 1, memory_order_relaxed);
        return;
    }
    c->next = l->conns;
    if (c->next != NULL)
        c->next->prev = c;
    l->conns = c;
    sut_serve__bump(&l->counts.accepted);
    if (c->tls != NULL) {
        c->state = SUT_CONN_HANDSHAKE;
        set_deadline(c, timeouts(c)->handshake_ms);
    } else {
        set_idle(c);
    }
    sut_filter_down_set_reading(&c->top, true);
}

/* --- time --- */

/* A body that is slower than its least rate, or takes too long in all. */
static bool is_body_slow(const struct sut_conn *c, uint64_t now_ms)
{
    const struct sut_server_timeouts *t = timeouts(c);
    const uint64_t gone_ms = now_ms - c->body_since_ms;
    if (gone_ms > t->body_ms)
        return true;
    if (gone_ms <= t->body_grace_ms)
        return false;
    const uint64_t rate = c->loop->server->o.limits.body_bytes_per_s;
    return c->body_got < (gone_ms - t->body_grace_ms) * rate / MS_PER_S;
}

static void check_stall(struct sut_conn *c, bool is_due)
{
    const size_t pending = sut_filter_down_pending(&c->top);
    if (pending < c->last_pending) {
        c->last_pending = pending;
        set_deadline(c, timeouts(c)->stall_ms);
    } else if (is_due) {
        sut_serve__bump(&c->loop->counts.timeouts);
        drop(c);
    }
}

static void check_time(struct sut_conn *c, uint64_t now_ms)
{
    const bool is_due = now_ms >= c->deadline_ms;
    switch (c->state) {
    case SUT_CONN_HEAD:
        if (is_due) {
            sut_serve__bump(&c->loop->counts.timeouts);
            refuse(c, 408, "slow head");
        }
        break;
    case SUT_CONN_BODY:
        if (is_body_slow(c, now_ms)) {
            sut_serve__bump(&c->loop->counts.timeouts);
            refuse(c, 408, "slow body");
        }
        break;
    case SUT_CONN_DRAIN:
        check_stall(c, is_due);
        break;
    case SUT_CONN_HANDSHAKE:
        if (is_due)
            sut_serve__bump(&c->loop->counts.timeouts);
        if (is_due)
            drop(c);
        break;
    case SUT_CONN_IDLE:
    case SUT_CONN_LINGER:
        if (is_due)
            drop(c);
        break;
    case SUT_CONN_WORK:
    case SUT_CONN_CLOSED:
        break;
    }
}

void sut_conn__tick(struct sut_serve_loop *l)
{
    const uint64_t now_ms = sut_loop_now_ms(l->loop);
    /* Connections leave the list on a later turn alone, so the walk is safe. */
    for (struct sut_conn *c = l->conns; c != NULL; c = c->next)
        check_time(c, now_ms);
}

void sut_conn__stop_all(struct sut_serve_loop *l)
{
    for (struct sut_conn *c = l->conns; c != NULL; c = c->next) {
        const bool waits = c->state == SUT_CONN_IDLE && c->held.n == c->held_at;
        if (waits || c->state == SUT_CONN_HANDSHAKE)
            drop(c);
    }
}

void sut_conn__close_all(struct sut_serve_loop *l)
{
    for (struct sut_conn *c = l->conns; c != NULL; c = c->next)
        drop(c);
}
