/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/mem.h"
#include "serve/serve_int.h"

enum {
    /* What a client was already sending when it was refused, so that it gets to read why: a reset
     * would take the answer away from it. */
    LINGER_BYTES = 8 * 1024 * 1024,
    MS_PER_S = 1000,
};

static struct sut_conn *of(struct sut_filter *f)
{
    return (struct sut_conn *) f;
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
void sut_conn__drop(struct sut_conn *c)
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

static void leave_gate(struct sut_conn *c)
{
    struct sut_gate *g = c->loop->server->gate;
    if (!c->is_proxied)
        sut_gate_leave(g, &c->peer);
    else
        sut_gate_leave_proxy(g, c->is_named ? &c->peer : NULL);
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
    leave_gate(c);
    sut_proxied_done(&c->proxied);
    atomic_fetch_sub_explicit(&l->n_assigned, 1, memory_order_relaxed);
    sut_mem_free(c);
    sut_server__may_end(l);
}

/*
 * Say that nothing more comes and drop what the client still sends for a
 * moment: closing with unread bytes would reset the connection, and the client
 * might lose the answer (RFC 9112 9.6).
 */
void sut_conn__linger(struct sut_conn *c)
{
    sut_filter_down_shut(&c->top);
    if (c->has_peer_ended) {
        sut_conn__drop(c);
        return;
    }
    c->state = SUT_CONN_LINGER;
    sut_conn__set_deadline(c, sut_conn__timeouts(c)->linger_ms);
    sut_filter_down_set_reading(&c->top, true);
}

/* --- between requests --- */

static void set_idle(struct sut_conn *c)
{
    c->state = SUT_CONN_IDLE;
    sut_conn__set_deadline(c, sut_conn__timeouts(c)->idle_ms);
}

void sut_conn__answered(struct sut_conn *c)
{
    if (!c->keeps)
        sut_conn__linger(c);
    else if (c->has_peer_ended && c->held.n == c->held_at)
        sut_conn__drop(c);
    else
        set_idle(c);
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
    /* What is used up goes first, or a client that never pauses would fill the buffer with it. */
    if (c->held_at > 0) {
        c->held.n -= c->held_at;
        memmove(c->held.p, c->held.p + c->held_at, c->held.n);
        c->held_at = 0;
    }
    sut_buf_str_add(&c->held, s);
    if (c->held.overflowed) {
        sut_conn__drop(c);
        return;
    }
    if (c->held.n - c->held_at >= c->loop->server->o.limits.early_bytes)
        sut_filter_down_set_reading(&c->top, false);
    if (c->state == SUT_CONN_IDLE || sut_conn__is_reading(c))
        make_ready(c);
}

static void release_held(struct sut_conn *c)
{
    c->held_at = 0;
    sut_buf_done(&c->held);
    sut_buf_reset(&c->held);
    if (!c->has_peer_ended)
        sut_filter_down_set_reading(&c->top, true);
    else if (c->state == SUT_CONN_IDLE || sut_conn__is_reading(c))
        sut_conn__drop(c); /* the end that was seen long ago */
}

/* The connection can read requests again: first those that wait. */
static void go_on(struct sut_conn *c)
{
    if (c->held.n == c->held_at)
        return;
    if (c->state != SUT_CONN_IDLE && !sut_conn__is_reading(c))
        return;
    const sut_str s = sut_str_sub(sut_buf_str(&c->held), c->held_at, c->held.n);
    c->held_at += sut_request__consume(c, s);
    if (c->state == SUT_CONN_CLOSED || c->state == SUT_CONN_LINGER)
        return;
    if (c->held_at == c->held.n)
        release_held(c);
    else if (c->state == SUT_CONN_IDLE || sut_conn__is_reading(c))
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
    sut_request__worked(c);
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
            sut_conn__drop(c);
        return;
    }
    size_t used = 0;
    if (c->held.n == c->held_at)
        used = sut_request__consume(c, s);
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
        sut_conn__linger(c);
        return;
    }
    /* A client that shut its side alone still reads: what is asked for is answered. */
    const bool is_half = why == SUT_NET_END_EOF;
    const bool has_work =
        c->state == SUT_CONN_WORK || c->state == SUT_CONN_DRAIN || c->held.n > c->held_at;
    if (!is_half || !has_work)
        sut_conn__drop(c);
}

static void on_drained(struct sut_filter *f)
{
    struct sut_conn *c = of(f);
    if (c->state != SUT_CONN_DRAIN)
        return;
    sut_conn__answered(c);
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

/* The proxy has said whom it speaks for, or nothing that could be understood. */
static bool on_proxied(struct sut_filter *top, const struct sut_proxy2 *header)
{
    struct sut_conn *c = of(top);
    if (c->state == SUT_CONN_CLOSED)
        return false;
    if (header != NULL && header->has_client) {
        c->is_named = !sut_failed(sut_gate_name(c->loop->server->gate, &header->client));
        c->peer = header->client;
    }
    if (header == NULL || (header->has_client && !c->is_named)) {
        sut_serve__bump(&c->loop->counts.turned_away);
        sut_conn__drop(c);
        return false;
    }
    /* With TLS its handshake comes now, in what is left of the same time. */
    if (c->tls == NULL)
        set_idle(c);
    return true;
}

/* tcp, the proxy's header when there is one, tls when the listener says so, a test's link, HTTP. */
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
    if (c->is_proxied) {
        sut_proxied_init(&c->proxied, on_proxied, &c->top);
        sut_filter_join(highest, &c->proxied.filter);
        highest = &c->proxied.filter;
    }
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
    c->is_proxied = l->server->o.is_proxy != NULL;
    if (c->is_proxied)
        c->via = *peer;
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
        if (l->server->o.is_proxy == NULL)
            sut_gate_leave(l->server->gate, peer);
        else
            sut_gate_leave_proxy(l->server->gate, NULL);
        atomic_fetch_sub_explicit(&l->n_assigned, 1, memory_order_relaxed);
        return;
    }
    c->next = l->conns;
    if (c->next != NULL)
        c->next->prev = c;
    l->conns = c;
    sut_serve__bump(&l->counts.accepted);
    if (c->tls != NULL || c->is_proxied) {
        c->state = SUT_CONN_HANDSHAKE;
        sut_conn__set_deadline(c, sut_conn__timeouts(c)->handshake_ms);
    } else {
        set_idle(c);
    }
    sut_filter_down_set_reading(&c->top, true);
}

/* --- time --- */

/* A body that is slower than its least rate, or takes too long in all. */
static bool is_body_slow(const struct sut_conn *c, uint64_t now_ms)
{
    const struct sut_server_timeouts *t = sut_conn__timeouts(c);
    const uint64_t gone_ms = now_ms - c->body_since_ms;
    if (gone_ms > t->body_ms)
        return true;
    if (gone_ms <= t->body_grace_ms)
        return false;
    const uint64_t rate = c->loop->server->o.limits.body_bytes_per_s;
    return c->body_got < (gone_ms - t->body_grace_ms) * rate / MS_PER_S;
}

/* The service may begin with a body that it held back; then what came early is read, too. */
static void read_body(struct sut_conn *c)
{
    sut_request__read_body(c);
    if (c->state != SUT_CONN_CLOSED && c->held.n > c->held_at)
        make_ready(c);
}

static void check_body(struct sut_conn *c, uint64_t now_ms)
{
    const struct sut_service *s = c->loop->server->service;
    if (c->state == SUT_CONN_BODY && is_body_slow(c, now_ms)) {
        sut_serve__bump(&c->loop->counts.timeouts);
        sut_request__refuse(c, 408, "slow body");
        return;
    }
    if (s->on_body == NULL)
        return;
    switch (s->on_body(s->app, &c->box->x, c->body_got)) {
    case SUT_BODY_READ:
        if (c->state == SUT_CONN_HELD)
            read_body(c);
        break;
    case SUT_BODY_HOLD:
        break;
    case SUT_BODY_REFUSE:
        sut_request__refuse(c, 503, "had to give way");
        break;
    }
}

static void check_stall(struct sut_conn *c, bool is_due)
{
    const size_t pending = sut_filter_down_pending(&c->top);
    if (pending < c->last_pending) {
        c->last_pending = pending;
        sut_conn__set_deadline(c, sut_conn__timeouts(c)->stall_ms);
    } else if (is_due) {
        sut_serve__bump(&c->loop->counts.timeouts);
        sut_conn__drop(c);
    }
}

static void check_time(struct sut_conn *c, uint64_t now_ms)
{
    const bool is_due = now_ms >= c->deadline_ms;
    switch (c->state) {
    case SUT_CONN_HEAD:
        if (is_due) {
            sut_serve__bump(&c->loop->counts.timeouts);
            sut_request__refuse(c, 408, "slow head");
        }
        break;
    case SUT_CONN_HELD:
    case SUT_CONN_BODY:
        check_body(c, now_ms);
        break;
    case SUT_CONN_DRAIN:
        check_stall(c, is_due);
        break;
    case SUT_CONN_HANDSHAKE:
        if (is_due)
            sut_serve__bump(&c->loop->counts.timeouts);
        if (is_due)
            sut_conn__drop(c);
        break;
    case SUT_CONN_IDLE:
    case SUT_CONN_LINGER:
        if (is_due)
            sut_conn__drop(c);
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
            sut_conn__drop(c);
    }
}

void sut_conn__close_all(struct sut_serve_loop *l)
{
    for (struct sut_conn *c = l->conns; c != NULL; c = c->next)
        sut_conn__drop(c);
}
