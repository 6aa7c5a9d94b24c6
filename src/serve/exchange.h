/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange - one request and its answer, between a connection and the application.
 *
 * serve owns it.  Exactly one thread holds an exchange at a time: the loop
 * thread, until it is offloaded to the pool, and the pool thread until its
 * function returns.  The arena, request and response live until the answer has
 * been handed to the connection (or the connection is gone and the pool
 * function has returned).
 */
#ifndef SUT_SERVE_EXCHANGE_H
#define SUT_SERVE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "http/message.h"
#include "net/addr.h"

enum sut_listener_flag {
    SUT_LISTENER_TLS = 1,
    SUT_LISTENER_LOOPBACK = 2, /* bound to a loopback address */
};

struct sut_exchange {
    struct sut_arena *arena;
    struct sut_http_request *req;
    struct sut_http_response res;
    const struct sut_addr *peer; /* the connection's other end, or whom a proxy named there */
    const struct sut_addr *via;  /* that other end itself */
    unsigned listener;           /* enum sut_listener_flag */
    sut_ms now;                  /* when the request was complete */
    uint64_t started_ns;         /* monotonic, at its first byte */
    char request_id[33];         /* 32 hexadecimal characters, NUL-terminated */
    void *loop_ctx; /* what service.loop_start gave for this loop thread; NULL on the pool */
    void *app_data; /* the application's, for this exchange */
    /* Set in on_head: the body is long and no text that is taken apart, so it is kept beside the
     * arena, whose limit stays. */
    bool keeps_body_apart;
    /* Set in on_head: nothing of the body is read before service.on_body says so. */
    bool holds_body;
};

/* What a service says of a body that has not come as a whole. */
enum sut_body_word {
    SUT_BODY_READ,   /* go on */
    SUT_BODY_HOLD,   /* not yet; of one alone that is held back since on_head */
    SUT_BODY_REFUSE, /* no longer: 503, by on_refused */
};

struct sut_service {
    void *app;
    /* On each loop thread, before its first connection and after its last. */
    SUT_ERR (*loop_start)(void *app, unsigned loop, void **ret_ctx);
    void (*loop_stop)(void *app, void *loop_ctx);
    /*
     * The head is parsed.  Set *ret_body_max (bytes of body that may follow) and
     * return true; or make the answer in x->res and return false: it is sent
     * without reading a body.
     */
    bool (*on_head)(void *app, struct sut_exchange *x, size_t *ret_body_max);
    /*
     * About every SUT_TICK_MS while a body is held back or comes; `got` bytes of it were read, its
     * framing included.  On the loop thread.  NULL: read on.
     */
    enum sut_body_word (*on_body)(void *app, struct sut_exchange *x, size_t got);
    /* The request is complete, on the loop thread: answer in x->res, or call
     * sut_exchange_offload(). */
    void (*on_request)(void *app, struct sut_exchange *x);
    /*
     * The bytes were no request (or too slow, too large), or the request waited
     * too long for a pool thread or was refused by on_body (503): make the answer for this status;
     * x->req holds what was parsed so far.  The connection closes after it.  `why` is a constant of
     * the program, for the log.
     */
    void (*on_refused)(void *app, struct sut_exchange *x, int status, const char *why);
    /*
     * The answer is final and about to be sent, or its client has vanished
     * meanwhile; on the loop thread, once for each exchange that had a head or
     * was refused: log, count.
     */
    void (*on_done)(void *app, struct sut_exchange *x);
};

/*
 * Go on with fn on a pool thread; called from on_request only, as its last act.
 * BUSY when the pool's queue is full: then the caller answers 503 itself.
 */
SUT_ERR sut_exchange_offload(struct sut_exchange *x, void (*fn)(struct sut_exchange *x));
/*
 * The same on one of a few threads whose rank is lower than the others': for what keeps a core
 * busy for milliseconds, so that it takes none from reads that are quick.
 */
SUT_ERR sut_exchange_offload_slow(struct sut_exchange *x, void (*fn)(struct sut_exchange *x));

#endif
