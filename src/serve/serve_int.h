/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_int - what the files of serve share: the loop's state, a connection, an
 * exchange in its box.  For serve alone.
 */
#ifndef SUT_SERVE_SERVE_INT_H
#define SUT_SERVE_SERVE_INT_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/buf.h"
#include "loop/loop.h"
#include "net/gate.h"
#include "net/listen.h"
#include "net/proxy2.h"
#include "net/tcp.h"
#include "serve/server.h"

struct sut_conn;

/* The struct of which *ptr_ is the member; it was allocated as such, so it is aligned. */
#define SUT_SERVE_OF(ptr_, type_, member_)                                                         \
    ((type_ *) (void *) ((char *) (ptr_) -offsetof(type_, member_)))

/* An exchange with all that it needs; recycled by its loop. */
struct sut_box {
    struct sut_exchange x;
    struct sut_addr peer; /* copies: the connection may go first */
    struct sut_addr via;
    struct sut_job job;
    struct sut_post post;
    void (*fn)(struct sut_exchange *x);
    struct sut_serve_loop *loop;
    struct sut_conn *conn; /* NULL: its client has vanished.  Read by the loop alone */
    struct sut_h1 *h1;
    struct sut_box *next_free;
    bool is_working; /* a pool thread holds x */
    bool has_begun;  /* the service has seen it: on_done is due */
    bool is_late;    /* it waited too long for a thread */
};

enum sut_conn_state {
    SUT_CONN_HANDSHAKE,
    SUT_CONN_IDLE,
    SUT_CONN_HEAD,
    SUT_CONN_HELD, /* the head is there, its body may not be read yet */
    SUT_CONN_BODY,
    SUT_CONN_WORK,   /* the answer is being made */
    SUT_CONN_DRAIN,  /* the answer is written, the kernel has not taken it all */
    SUT_CONN_LINGER, /* our side is shut; the client's last bytes are dropped */
    SUT_CONN_CLOSED,
};

struct sut_conn {
    struct sut_filter top;     /* first */
    struct sut_filter between; /* used by tests */
    struct sut_tcp tcp;
    struct sut_proxied proxied; /* between tcp and what is above, when proxies are expected */
    struct sut_tls *tls;
    struct sut_serve_loop *loop;
    struct sut_conn *prev;
    struct sut_conn *next;
    struct sut_conn *next_ready;
    struct sut_box *box; /* the request in work */
    uint64_t deadline_ms;
    uint64_t body_since_ms;
    size_t body_got;
    size_t last_pending;
    struct sut_buf held; /* bytes that came before their turn */
    size_t held_at;
    size_t lingered;
    struct sut_addr peer;
    struct sut_addr via;
    enum sut_conn_state state;
    unsigned listener;
    bool is_proxied;
    bool is_named; /* proxied, and counted under its client's address */
    bool has_peer_ended;
    bool is_ready; /* in the loop's list of those with held bytes */
    bool keeps;    /* once drained: the next request, else linger */
    bool must_close;
};

/* Written by the loop's thread, read by any. */
struct sut_loop_counts {
    _Atomic uint64_t accepted, turned_away, requests, refused, timeouts, tls_failed, vanished;
};

/* A listener as one loop sees it. */
struct sut_door {
    struct sut_serve_loop *loop;
    struct sut_listener *listener;
    unsigned flags;
};

struct sut_serve_loop {
    struct sut_server *server;
    unsigned index;
    struct sut_loop *loop;
    struct sut_wire *wire;
    struct sut_tls_ctx *tls;
    struct sut_tick tick;
    bool is_ticking;
    pthread_t thread;
    bool has_thread;
    sut_err start_err;
    void *app_ctx;
    struct sut_door doors[SUT_SERVER_LISTENERS_MAX];

    struct sut_conn *conns;
    struct sut_conn *ready;
    struct sut_post ready_post;
    bool is_ready_posted;
    _Atomic unsigned n_assigned; /* connections dealt to this loop, also those on their way */
    unsigned n_working;          /* boxes on the pool */

    struct sut_box *free_boxes;
    unsigned n_free;
    unsigned n_low; /* the least n_free since the last trim: those were not needed */
    unsigned ticks;

    struct sut_buf head; /* an answer's head, made and sent within one call */
    char date[32];
    size_t date_n;
    int64_t date_s;
    uint64_t id_seed[2];
    uint64_t id_count;

    struct sut_post order; /* from start and stop */
    bool is_stopping;
    uint64_t stop_at_ms;
    uint64_t ticket_at_ms;
    struct sut_post ticket_post;
    struct sut_post tls_post;
    struct sut_tls_ctx *tls_next; /* to take the place of tls */
    uint8_t ticket_key[SUT_TLS_TICKET_KEY_BYTES];

    struct sut_loop_counts counts;
};

struct sut_server {
    struct sut_server_options o;
    const struct sut_service *service;
    struct sut_server_listener listeners[SUT_SERVER_LISTENERS_MAX];
    size_t n_listeners;
    bool has_tls;
    struct sut_gate *gate;
    struct sut_pool *pool;
    struct sut_pool *slow;
    sem_t done;      /* one for each loop that has carried out an order */
    sem_t tls_taken; /* one for each loop that has taken a new certificate */
    struct sut_serve_loop *loops;
    unsigned n_loops;
};

static inline void sut_serve__bump(_Atomic uint64_t *n)
{
    atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

/* box.c: an empty box for a request that begins now, or NULL without memory. */
struct sut_box *sut_box__take(struct sut_serve_loop *l, struct sut_conn *c);
/* End the request: on_done when due, the arena's cleanups, back to the free list. */
void sut_box__give_back(struct sut_box *b);
/* Free boxes that were not needed lately; all of them when `all`. */
void sut_box__trim(struct sut_serve_loop *l, bool all);
struct sut_box *sut_box__of(struct sut_exchange *x);
/* Make x->res empty again, for another answer. */
void sut_box__clear_answer(struct sut_box *b);

static inline const struct sut_server_timeouts *sut_conn__timeouts(const struct sut_conn *c)
{
    return &c->loop->server->o.timeouts;
}

static inline void sut_conn__set_deadline(struct sut_conn *c, unsigned ms)
{
    c->deadline_ms = sut_loop_now_ms(c->loop->loop) + ms;
}

/* A request has begun and is not whole. */
static inline bool sut_conn__is_reading(const struct sut_conn *c)
{
    return c->state == SUT_CONN_HEAD || c->state == SUT_CONN_BODY;
}

/* request.c: read requests out of s and answer them, up to a turn's share; how much was used. */
size_t sut_request__consume(struct sut_conn *c, sut_str s);
/* Begin with the body that was held back. */
void sut_request__read_body(struct sut_conn *c);
/* Refuse the request that is being read; the connection ends after the answer. */
void sut_request__refuse(struct sut_conn *c, int status, const char *why);
/* Send c->box's answer and end the exchange; the connection goes on as it says. */
void sut_request__send(struct sut_conn *c);
/* The pool has answered c->box, or the wait for it was too long. */
void sut_request__worked(struct sut_conn *c);

/* conn.c: close; the storage goes on a later turn, so the caller may still look at c. */
void sut_conn__drop(struct sut_conn *c);
/* Say that nothing more comes and drop what the client still sends for a moment. */
void sut_conn__linger(struct sut_conn *c);
/* The kernel has all of the answer: the next request, or the end. */
void sut_conn__answered(struct sut_conn *c);
/* conn.c: take over an accepted descriptor that the gate has counted. */
void sut_conn__open(struct sut_serve_loop *l, int fd, unsigned listener,
                    const struct sut_addr *peer);
/* The pool is done with b. */
void sut_conn__worked(struct sut_box *b);
/* Judge the deadlines of all connections of l. */
void sut_conn__tick(struct sut_serve_loop *l);
/* The loop stops: close the idle ones. */
void sut_conn__stop_all(struct sut_serve_loop *l);
/* The time for stopping is over: close all. */
void sut_conn__close_all(struct sut_serve_loop *l);
/* Go on with connections that hold bytes. */
void sut_conn__run_ready(struct sut_serve_loop *l);

/* server.c: a connection is gone, or a box is free: perhaps the last that a stop waits for. */
void sut_server__may_end(struct sut_serve_loop *l);

#endif
