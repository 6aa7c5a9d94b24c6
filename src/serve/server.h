/* SPDX-License-Identifier: Apache-2.0
 *
 * server - loop threads that serve HTTP/1.1 on listening sockets, and the pool
 * beside them.
 *
 * start and stop belong to one thread; the rest may be called from any.  The
 * caller keeps the listening descriptors and closes them after stop.  A
 * connection is dealt to the loop that has the fewest.  Requests of one
 * connection are answered in order, one at a time.
 */
#ifndef SUT_SERVE_SERVER_H
#define SUT_SERVE_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "http/h1.h"
#include "loop/pool.h"
#include "net/filter.h"
#include "net/tls.h"
#include "serve/exchange.h"

struct sut_diag;
struct sut_server;

enum { SUT_SERVER_LOOPS_MAX = 64, SUT_SERVER_LISTENERS_MAX = 8 };

/* Milliseconds.  A timeout is noticed up to SUT_TICK_MS late. */
struct sut_server_timeouts {
    unsigned handshake_ms;  /* of TLS, from the accept */
    unsigned head_ms;       /* of a request's head, from its first byte: 408 */
    unsigned body_grace_ms; /* then the body must keep its least rate: 408 */
    unsigned body_ms;       /* a body in all: 408 */
    unsigned idle_ms;       /* between requests, and before the first */
    unsigned stall_ms;      /* a reader that takes nothing of its answer */
    unsigned linger_ms;     /* a refused client's time to read the answer */
    unsigned queue_ms;      /* a request that waits for a pool thread: 503 */
    unsigned stop_ms;       /* requests in flight when the server stops */
};

struct sut_server_limits {
    unsigned connections;             /* in all; more are closed at once */
    unsigned connections_per_address; /* IPv6: per /64 */
    size_t arena_bytes;               /* of a request, its body apart */
    size_t response_bytes;            /* of an answer's body */
    size_t body_bytes_per_s;          /* the least rate of a body */
    size_t early_bytes;               /* what a client may send ahead before it is held up */
    unsigned requests_per_turn;       /* pipelined requests of one connection in one go */
    struct sut_h1_limits h1;
};

struct sut_server_options {
    unsigned loops; /* threads, 1 .. SUT_SERVER_LOOPS_MAX */
    struct sut_pool_options pool;
    struct sut_pool_options slow; /* for what computes long: one thread, of the lowest rank */
    struct sut_server_limits limits;
    struct sut_server_timeouts timeouts;
    const struct sut_clock *clock;   /* NULL: the system's */
    const struct sut_random *random; /* NULL: the system's */
    const struct sut_tls_settings
        *tls; /* for listeners with SUT_LISTENER_TLS; read by start alone */
    /*
     * Every connection begins with a header of the PROXY protocol (net/proxy2.h), within the time
     * of a handshake, and comes from a peer of whom is_proxy(proxy_ctx) says so; another is
     * closed.  NULL: connections are their clients' own.  Any loop thread asks it.
     */
    bool (*is_proxy)(const void *proxy_ctx, const struct sut_addr *peer);
    const void *proxy_ctx;
    /* Tests: a link without state of its own between the wire and HTTP; NULL: none. */
    const struct sut_filter_ops *between;
};

/* All fields at their defaults: one loop, 64 pool threads, the limits of the controls. */
void sut_server_defaults(struct sut_server_options *ret);

struct sut_server_listener {
    int fd;
    unsigned flags; /* enum sut_listener_flag */
};

struct sut_server_counts {
    uint64_t connections; /* open now */
    uint64_t accepted;
    uint64_t turned_away; /* by the limits of connections */
    uint64_t requests;    /* answered, refusals included */
    uint64_t refused;     /* no requests: too large, too slow, malformed */
    uint64_t timeouts;
    uint64_t tls_failed;
    uint64_t vanished; /* clients that left before their answer */
};

/*
 * Start the threads and accept.  The service and the clock are
 * borrowed until stop.  INVALID for options out of range or a bad
 * certificate (see the diag); what loop_start failed with; nothing runs then.
 */
SUT_ERR sut_server_start(const struct sut_server_options *o, const struct sut_service *service,
                         const struct sut_server_listener *listeners, size_t n_listeners,
                         struct sut_server **ret, struct sut_diag *reterr_diag);
/*
 * From its return on new connections have this certificate; those that live,
 * also in their handshake, keep theirs.  Tickets go on.  Blocks until every loop
 * has taken it; one call at a time, none while it stops.  INVALID when it was
 * started without TLS; else what sut_tls_ctx_create() failed with: then nothing
 * has changed.
 */
SUT_ERR sut_server_set_tls(struct sut_server *s, const struct sut_tls_settings *tls,
                           struct sut_diag *reterr_diag);
/*
 * Accept nothing more, close idle connections, finish the requests in flight
 * (at most timeouts.stop_ms, then their connections are closed; functions that
 * run on the pool are waited for in any case), end all threads.
 */
void sut_server_stop(struct sut_server **s);

/* What it has and has done; any thread. */
struct sut_server_counts sut_server_count(struct sut_server *s);

#endif
