/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/time.h"
#include "serve/serve_int.h"

enum { MS_PER_S = 1000 };

static const sut_str NO_MEMORY =
    SUT_STR_INIT("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
                 "Connection: close\r\n\r\n");

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
void sut_request__send(struct sut_conn *c)
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
        sut_conn__drop(c);
        return;
    }
    c->last_pending = sut_filter_down_pending(&c->top);
    if (c->last_pending == 0) {
        sut_conn__answered(c);
        return;
    }
    c->state = SUT_CONN_DRAIN;
    sut_conn__set_deadline(c, sut_conn__timeouts(c)->stall_ms);
}

void sut_request__refuse(struct sut_conn *c, int status, const char *why)
{
    sut_serve__bump(&c->loop->counts.refused);
    c->box->x.now = sut_clock_now(c->loop->server->o.clock);
    make_failure(c, c->box, status, why);
    sut_request__send(c);
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

static SUT_ERR offload(struct sut_exchange *x, struct sut_pool *pool,
                       void (*fn)(struct sut_exchange *x))
{
    struct sut_box *b = sut_box__of(x);
    SUT_BUG_IF(b->is_working || b->conn == NULL || b->conn->state != SUT_CONN_WORK);
    const uint64_t wait_ns = (uint64_t) sut_conn__timeouts(b->conn)->queue_ms * 1000000U;
    b->fn = fn;
    b->job = (struct sut_job){ .run = on_pool, .deadline_ns = sut_monotonic_ns() + wait_ns };
    b->post.fn = back_on_loop;
    b->is_working = true;
    b->loop->n_working++;
    x->loop_ctx = NULL;
    const sut_err e = sut_pool_give(pool, &b->job);
    if (sut_failed(e)) {
        b->is_working = false;
        b->loop->n_working--;
        x->loop_ctx = b->loop->app_ctx;
    }
    return e;
}

SUT_ERR sut_exchange_offload(struct sut_exchange *x, void (*fn)(struct sut_exchange *x))
{
    return offload(x, sut_box__of(x)->loop->server->pool, fn);
}

SUT_ERR sut_exchange_offload_slow(struct sut_exchange *x, void (*fn)(struct sut_exchange *x))
{
    return offload(x, sut_box__of(x)->loop->server->slow, fn);
}

/* --- requests --- */

static void begin_request(struct sut_conn *c)
{
    c->box = sut_box__take(c->loop, c);
    c->must_close = false;
    if (c->box != NULL) {
        c->state = SUT_CONN_HEAD;
        sut_conn__set_deadline(c, sut_conn__timeouts(c)->head_ms);
        return;
    }
    c->keeps = false;
    if (sut_failed(sut_filter_down_write(&c->top, &NO_MEMORY, 1)))
        sut_conn__drop(c);
    else
        sut_conn__linger(c);
}

static void on_head(struct sut_conn *c)
{
    const struct sut_service *s = c->loop->server->service;
    struct sut_box *b = c->box;
    const struct sut_http_request *req = b->x.req;
    size_t body_max = 0;
    b->has_begun = true;
    b->x.now = sut_clock_now(c->loop->server->o.clock);
    if (!s->on_head(s->app, &b->x, &body_max)) {
        /* The body that follows is not read, so the connection can't go on behind it. */
        c->must_close |= req->has_body;
        c->state = SUT_CONN_WORK;
        sut_request__send(c);
        return;
    }
    sut_h1_set_body_max(b->h1, body_max);
    if (!req->has_body)
        return;
    /* The body's buffer grows by doubling, in steps that the arena keeps. */
    const bool is_short = req->has_length && req->length < body_max;
    const size_t room = 4 * (is_short ? req->length : body_max);
    if (b->x.keeps_body_apart)
        sut_h1_keep_body_apart(b->h1);
    else
        sut_arena_set_limit(b->x.arena, c->loop->server->o.limits.arena_bytes + room);
    c->state = b->x.holds_body ? SUT_CONN_HELD : SUT_CONN_BODY;
    c->body_since_ms = sut_loop_now_ms(c->loop->loop);
    c->body_got = 0;
}

static void on_complete(struct sut_conn *c)
{
    const struct sut_service *s = c->loop->server->service;
    struct sut_box *b = c->box;
    /* Without a body the request was complete with its head, just now. */
    if (b->x.req->has_body)
        b->x.now = sut_clock_now(c->loop->server->o.clock);
    c->state = SUT_CONN_WORK;
    b->has_begun = true;
    s->on_request(s->app, &b->x);
    if (!b->is_working)
        sut_request__send(c);
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
        sut_request__refuse(c, status, why);
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
        sut_conn__drop(c);
}

/* After HEAD the reader goes on without bytes: no body, too large a one, or wait. */
static void begin_body(struct sut_conn *c, bool has_sent_body)
{
    if (c->box->has_begun)
        feed(c, (sut_str){ 0 });
    if (c->state == SUT_CONN_BODY)
        maybe_continue(c, has_sent_body);
}

void sut_request__read_body(struct sut_conn *c)
{
    c->state = SUT_CONN_BODY;
    c->body_since_ms = sut_loop_now_ms(c->loop->loop);
    begin_body(c, c->held.n > c->held_at);
}

/* Read requests out of s and answer them, up to a turn's share; how much was used. */
size_t sut_request__consume(struct sut_conn *c, sut_str s)
{
    size_t used = 0;
    unsigned left = c->loop->server->o.limits.requests_per_turn;
    while (used < s.n && left > 0) {
        if (c->state == SUT_CONN_IDLE) {
            begin_request(c);
            left--;
        }
        if (!sut_conn__is_reading(c))
            break;
        const enum sut_conn_state before = c->state;
        used += feed(c, sut_str_sub(s, used, s.n));
        if (before == SUT_CONN_HEAD && sut_conn__is_reading(c))
            begin_body(c, used < s.n);
    }
    return used;
}

void sut_request__worked(struct sut_conn *c)
{
    if (c->box->is_late)
        make_failure(c, c->box, 503, "waited too long for a thread");
    sut_request__send(c);
}
