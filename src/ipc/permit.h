/* SPDX-License-Identifier: Apache-2.0
 *
 * permit - what a peer may ask: one table, and the way from a socket to a handler.
 *
 * The peer is taken for hostile: a type that is not in the table, a message above
 * its type's cap, a malformed one, a repeated `once`, bytes behind the fields, a
 * handler's error end the connection without an answer.  What is asked beyond
 * its rate is answered by `spent` or, without one, ends it too.
 *
 * struct sut_ipc_table is shared by all connections that it serves (any thread);
 * struct sut_ipc_inbox is one connection's, for one thread at a time.
 */
#ifndef SUT_IPC_PERMIT_H
#define SUT_IPC_PERMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "ipc/message.h"

enum { SUT_IPC_PERMITS_MAX = 32 };

/* A request that peers may make. */
struct sut_ipc_permit {
    uint16_t type;       /* below SUT_IPC_REPLY */
    bool once;           /* one a connection */
    uint32_t max;        /* bytes of fields in the request */
    uint32_t reply_max;  /* bytes of fields in the reply */
    uint32_t per_second; /* of all connections together; 0: not limited */
    uint32_t burst;      /* that many at once */
    uint32_t unit;       /* so many bytes of fields count as one more; 0: each request is one */
    /*
     * Read the fields (with sut_ipc_get_end()) and fill the reply.  What the
     * peer should know of stands in the reply; an error ends the connection.
     */
    SUT_ERR (*handle)(void *arg, struct sut_ipc_reader *in, struct sut_buf *reply);
};

/* How much of a permit was used. */
struct sut_ipc_meter {
    uint64_t asked; /* requests that were let through */
    uint64_t spent; /* refused for the rate */
    double left;    /* of the burst */
    uint64_t at_ns; /* when `left` was true */
};

struct sut_ipc_table {
    const struct sut_ipc_permit *permits; /* borrowed; ended by a row without handle */
    size_t n;
    void *arg; /* of the handlers */
    /* The answer to what comes too fast; may be NULL. */
    void (*spent)(uint32_t wait_ms, struct sut_buf *reply);
    pthread_mutex_t mutex; /* of the meters */
    struct sut_ipc_meter meters[SUT_IPC_PERMITS_MAX];
};

/* INVALID for a table that breaks a limit of message.h. */
SUT_ERR sut_ipc_table_init(struct sut_ipc_table *t, const struct sut_ipc_permit *permits,
                           void *arg);
void sut_ipc_table_done(struct sut_ipc_table *t);
/* How often the type was asked for, and refused for its rate; zeros for none. */
struct sut_ipc_meter sut_ipc_table_count(struct sut_ipc_table *t, uint16_t type);
/*
 * Take one request with `bytes` of fields out of the permit's rate: false when it
 * is spent, and then how long to wait.
 */
bool sut_ipc_table_take(struct sut_ipc_table *t, size_t at, uint32_t bytes, uint64_t now_ns,
                        uint32_t *ret_wait_ms);

/* A message on its way in. */
struct sut_ipc_inbox {
    uint32_t used; /* `once` permits spent, by their place in the table */
    unsigned char raw[SUT_IPC_HEADER];
    size_t raw_n;
    struct sut_ipc_header header;
    const struct sut_ipc_permit *permit; /* of the message, once its header is in */
    struct sut_buf fields;
    struct sut_buf reply;
    struct sut_secret *memory; /* of both buffers; NULL: the heap */
};

/* On the heap, a message's memory as long as the message. */
void sut_ipc_inbox_init(struct sut_ipc_inbox *b);
/* In locked memory for the longest message of the table; TOO_LARGE above 64 KiB, SYSTEM. */
SUT_ERR sut_ipc_inbox_init_locked(struct sut_ipc_inbox *b, const struct sut_ipc_table *t);
/* Wipes what is left. */
void sut_ipc_inbox_done(struct sut_ipc_inbox *b);

/*
 * Read what is due of the message, without waiting unless may_wait is set.
 * *ret_whole: it is there; *ret_more: go on reading.  An error ends the connection.
 */
SUT_ERR sut_ipc_inbox_read(struct sut_ipc_inbox *b, const struct sut_ipc_table *t, int fd,
                           bool may_wait, bool *ret_whole, bool *ret_more);
/* Whether a part of a message is there, and not the whole. */
bool sut_ipc_inbox_is_half(const struct sut_ipc_inbox *b);
/* Handle the whole message, send the answer within patience_ms, wipe both. */
SUT_ERR sut_ipc_inbox_answer(struct sut_ipc_inbox *b, struct sut_ipc_table *t, int fd,
                             unsigned patience_ms);

#endif
